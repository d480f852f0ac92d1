// What is timed of timers. Each contestant is one queue for the whole run; 20,000 timers of 1 to 30,000 ticks at a time.
import { compile } from "./loops.js";
import { timerContestants } from "./timer-contestants.js";
import { xorshift32 } from "./workload.js";

const TIMERS = 20_000;
const LONGEST = 30_000;
/** Ticks until the last one has fired, the coarsest buckets of a wheel included. */
const ROUND = LONGEST + 4096;
const PENDING = 10_000;

const OURS = "@kmem/time TimerWheel";
const LIMIT = "bare typed-array wheel";
const FLAT = "flatqueue";
const WHEEL = "timer-wheel";
const NODE = "Node's timers";

function delays() {
  const next = xorshift32(99);
  return Uint32Array.from({ length: TIMERS }, () => 1 + (next() % LONGEST));
}

const nanoseconds = () => Number(process.hrtime.bigint());

/** Loops of a contestant's own; `now` moves on from round to round. */
function loops({ insert, advance }) {
  const body = `
    const fill = (now, first, nr) => { for (let i = first; i < first + nr; i++) insert(now + delay[i], i); };
    const drain = (now) => advance(now + ${ROUND});
    const tick = (now) => { let fired = 0; for (let t = 1; t <= ${ROUND}; t++) fired += advance(now + t); return fired; };
    return { fill, drain, tick };`;
  return compile(body, "insert", "advance", "delay")(insert, advance, delays());
}

/** Only the inserts are timed; when all are in, the queue is emptied. */
function insertRunner(contestant) {
  const { fill, drain } = loops(contestant);
  let now = 0;
  let filled = 0;
  return (steps) => {
    let ns = 0;
    let failures = 0;
    for (let left = steps; left > 0; ) {
      const nr = Math.min(left, TIMERS - filled);
      const start = nanoseconds();
      fill(now, filled, nr);
      ns += nanoseconds() - start;
      left -= nr;
      filled += nr;
      if (filled < TIMERS) continue;
      failures += TIMERS - drain(now);
      now += ROUND;
      filled = 0;
    }
    return { ns, failures };
  };
}

/** Only the expiry of whole fillings is timed. */
const expireRunner = (way) => (contestant) => {
  const { fill, [way]: expire } = loops(contestant);
  let now = 0;
  return (steps) => {
    const rounds = Math.max(1, Math.round(steps / TIMERS));
    let ns = 0;
    let failures = 0;
    for (let i = 0; i < rounds; i++) {
      fill(now, 0, TIMERS);
      const start = nanoseconds();
      failures += TIMERS - expire(now);
      ns += nanoseconds() - start;
      now += ROUND;
    }
    return { ns: (ns * steps) / (rounds * TIMERS), failures };
  };
};

/** One timer inserted and cancelled at once, beside others; a step is both. */
function cancelLoop({ insert, cancel }) {
  const body = `
    let i = 0;
    return (steps) => {
      for (let k = 0; k < steps; k++) {
        cancel(insert(delay[i], ${PENDING} + i));
        i = i + 1 === ${TIMERS} ? 0 : i + 1;
      }
      return 0;
    };`;
  const delay = delays();
  for (let i = 0; i < PENDING; i++) insert(delay[i], i);
  return compile(body, "insert", "cancel", "delay")(insert, cancel, delay);
}

const queue = { contestants: timerContestants, ours: OURS, limit: LIMIT, ownClock: true };

export const timerCases = {
  "timer-insert": {
    title: `${TIMERS} timers of 1 to ${LONGEST} ticks inserted`,
    ...queue,
    against: [LIMIT, FLAT, "tinyqueue", WHEEL],
    targets: { [FLAT]: 1 },
    loop: insertRunner,
  },
  "timer-expire": {
    title: "the same fire in one advance",
    ...queue,
    against: [LIMIT, FLAT, "tinyqueue", WHEEL],
    targets: { [FLAT]: 0.7 },
    loop: expireRunner("drain"),
  },
  "timer-expire-ticks": {
    title: `the same fire tick by tick, ${ROUND} of them; timer-wheel, which loses timers, is left out`,
    ...queue,
    against: [LIMIT, FLAT, "tinyqueue"],
    targets: { [FLAT]: 1 },
    loop: expireRunner("tick"),
  },
  "timer-cancel": {
    title: `a timer inserted and cancelled at once, ${PENDING} others pending`,
    ...queue,
    ownClock: false,
    against: [LIMIT, WHEEL, NODE],
    targets: { [WHEEL]: 0.5, [NODE]: 0.1 },
    loop: cancelLoop,
  },
};
