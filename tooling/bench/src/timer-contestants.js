// The timer queues under comparison.
//   insert(deadline, value) -> what `cancel` takes       deadlines are whole numbers, values small ones
//   advance(now) -> how many fired
//   cancel(timer), where the queue can
import { TimerWheel } from "@kmem/time";
import FlatQueue from "flatqueue";
import { TimerWheel as NpmTimerWheel } from "timer-wheel";
import TinyQueue from "tinyqueue";

/** Ours as a user makes it, with room that grows. */
function makeOurs() {
  const wheel = new TimerWheel();
  let sum = 0;
  const expire = (value) => void (sum += value);
  return {
    insert: (deadline, value) => wheel.add(deadline, value),
    cancel: (timer) => wheel.cancel(timer),
    advance: (now) => wheel.advance(now, expire),
    sum: () => sum,
  };
}

/**
 * The limit: one level of 2 ** 15 ticks, a doubly linked list of numbers for each tick, room for 2 ** 16 timers whose
 * number the caller chooses. Nothing is checked, and nothing may be further away.
 */
function makeBareWheel() {
  const buckets = 2 ** 15;
  const next = Int32Array.from({ length: buckets + 2 ** 16 }, (_, i) => i);
  const prev = Int32Array.from(next);
  let clock = 0;
  let sum = 0;
  return {
    insert: (deadline, value) => {
      const bucket = deadline & (buckets - 1);
      const timer = buckets + value;
      const first = next[bucket];
      next[timer] = first;
      prev[timer] = bucket;
      prev[first] = timer;
      next[bucket] = timer;
      return timer;
    },
    cancel: (timer) => {
      next[prev[timer]] = next[timer];
      prev[next[timer]] = prev[timer];
    },
    advance: (now) => {
      let fired = 0;
      // Once round is all there is.
      if (now - clock > buckets) clock = now - buckets;
      while (clock < now) {
        const bucket = ++clock & (buckets - 1);
        for (let timer = next[bucket]; timer !== bucket; timer = next[timer]) {
          sum += timer - buckets;
          fired++;
        }
        next[bucket] = bucket;
        prev[bucket] = bucket;
      }
      return fired;
    },
    sum: () => sum,
  };
}

function makeFlatQueue() {
  const queue = new FlatQueue();
  let sum = 0;
  return {
    insert: (deadline, value) => queue.push(value, deadline),
    advance: (now) => {
      let fired = 0;
      for (; queue.length > 0 && queue.peekValue() <= now; fired++) sum += queue.pop();
      return fired;
    },
    sum: () => sum,
  };
}

function makeTinyQueue() {
  const queue = new TinyQueue([], (a, b) => a.deadline - b.deadline);
  let sum = 0;
  return {
    insert: (deadline, value) => queue.push({ deadline, value }),
    advance: (now) => {
      let fired = 0;
      for (; queue.length > 0 && queue.peek().deadline <= now; fired++) sum += queue.pop().value;
      return fired;
    },
    sum: () => sum,
  };
}

/** Its clock is that of the machine unless its getter is overridden. */
class VirtualWheel extends NpmTimerWheel {
  now = 1;
  get localTime() {
    return this.now ?? 1;
  }
}

function makeNpmTimerWheel() {
  const wheel = new VirtualWheel();
  let sum = 0;
  return {
    insert: (deadline, value) => wheel.schedule(value, deadline - wheel.now),
    cancel: (timer) => timer.remove(),
    advance: (now) => {
      wheel.now = now;
      const fired = wheel.advance(now);
      for (const timer of fired) sum += timer.data ?? 0;
      return fired.length;
    },
    sum: () => sum,
  };
}

const nothing = () => {};
const makeNodeTimers = () => ({ insert: (deadline) => setTimeout(nothing, 1e6 + deadline), cancel: (timer) => clearTimeout(timer) });

export const timerContestants = {
  "@kmem/time TimerWheel": { make: makeOurs },
  "bare typed-array wheel": { make: makeBareWheel },
  flatqueue: { make: makeFlatQueue },
  tinyqueue: { make: makeTinyQueue },
  "timer-wheel": { make: makeNpmTimerWheel },
  "Node's timers": { make: makeNodeTimers },
};
