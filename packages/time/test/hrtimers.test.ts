import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EINTR, SIGUSR1, TASK_INTERRUPTIBLE, TASK_UNINTERRUPTIBLE, type Sleepable } from '@kmem/contracts';
import { createEngine } from '@kmem/hw';
import { SoftirqSet } from '@kmem/irq';
import { TaskScheduler } from '@kmem/sched';
import { HrTimerQueues, TaskDelays, WheelTimers } from '@kmem/time';

function machine() {
  const engine = createEngine();
  const sched = new TaskScheduler(engine);
  const softirqs = new SoftirqSet({ ...engine, sched, jiffies: () => timers.jiffies });
  const hrtimers = new HrTimerQueues(engine);
  const timers: WheelTimers = new WheelTimers({ ...engine, sched, softirqs, hrtimers });
  const delays = new TaskDelays({ ...engine, sched, timers, hrtimers });
  const log: string[] = [];
  const logging = (name: string): number => hrtimers.create(() => (log.push(`${name}@${engine.clock.now()}`), false));
  /** Runs a task to its end and tells how long it took, in ns. */
  const take = (code: () => Sleepable<void>): number => {
    let ended = 0;
    const task = sched.kthreadCreate(function* () {
      sched.allowSignal(SIGUSR1);
      yield* code();
      ended = engine.clock.now();
      return 0;
    }, 'task', 0);
    sched.wakeUpProcess(task);
    engine.run();
    return ended;
  };
  return { ...engine, sched, hrtimers, timers, delays, log, logging, take };
}

describe('high-resolution timers', () => {
  test('fire at their time, those of one time in the order in which they were started', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2000, max: 2010 }), { minLength: 1, maxLength: 40 }), (times) => {
        const { hrtimers, log, logging, run } = machine();
        const expected = times.map((time, i) => ({ time, i })).sort((a, b) => a.time - b.time || a.i - b.i);
        times.forEach((time, i) => hrtimers.hrtimerStart(logging(String(i)), time));
        run();
        expect(log.map((entry) => entry.split('@')[0])).toEqual(expected.map(({ i }) => String(i)));
      }),
    );
  });

  test('one with slack runs early with another that is due, but not past one that is not', () => {
    const { hrtimers, log, logging, run } = machine();
    hrtimers.hrtimerStart(logging('ranged'), 10_000, 10_000);
    hrtimers.hrtimerStart(logging('exact'), 12_000);
    run();
    expect(log).toEqual(['exact@12000', 'ranged@12000']);
  });

  test.each([
    [999_999, 0, 1_000_000],
    [1_000_000, 1, 1_001_000],
    [1_000_999, 1, 1_001_000],
    [1_001_000, 2, 1_002_000],
    [1_005_500, 6, 1_006_000],
  ])('forward past %i moves by %i intervals to %i', (now, overruns, expires) => {
    const { hrtimers, logging } = machine();
    const timer = logging('timer');
    hrtimers.hrtimerStart(timer, 1_000_000);
    hrtimers.hrtimerTryToCancel(timer);
    expect(hrtimers.hrtimerForward(timer, now, 1000)).toBe(overruns);
    expect(hrtimers.hrtimerGetExpires(timer)).toBe(expires);
  });

  test('cancelling says whether the timer was queued or its function is running', () => {
    const { hrtimers, logging, run } = machine();
    const results: number[] = [];
    const self = hrtimers.create((timer) => (results.push(hrtimers.hrtimerTryToCancel(timer)), false));
    const other = logging('other');
    hrtimers.hrtimerStart(self, 5000);
    hrtimers.hrtimerStart(other, 6000);
    results.push(hrtimers.hrtimerTryToCancel(other), hrtimers.hrtimerTryToCancel(other));
    run();
    expect(results).toEqual([1, 0, -1]);
  });

  test('a relative time counts from the call; a negative one is never over', () => {
    const { hrtimers, logging, run } = machine();
    const [timer, never] = [logging('t'), logging('never')];
    hrtimers.hrtimerStartRelative(timer, 3000, 500);
    hrtimers.hrtimerStartRelative(never, -5);
    expect([hrtimers.hrtimerGetSoftexpires(timer), hrtimers.hrtimerGetExpires(timer), hrtimers.hrtimerGetExpires(never)]).toEqual([3000, 3500, Infinity]);
    run();
    expect([hrtimers.hrtimerActive(timer), hrtimers.hrtimerActive(never)]).toEqual([false, true]);
  });

  test('one that restarts without being moved forward is reported', () => {
    const { hrtimers, run } = machine();
    hrtimers.hrtimerStart(hrtimers.create(() => true), 5000);
    expect(() => run()).toThrow(expect.objectContaining({ code: 'HRTIMER_NO_FORWARD_STORM' }));
  });
});

describe('sleeping', () => {
  test('usleep_range is not shortened by wake-ups, nor by a signal that its state heeds', () => {
    for (const state of [TASK_UNINTERRUPTIBLE, TASK_INTERRUPTIBLE]) {
      const { sched, hrtimers, delays, take } = machine();
      const took = take(function* () {
        const self = sched.current;
        const kick = hrtimers.create(() => (sched.wakeUpProcess(self), sched.sendSig(SIGUSR1, self), false));
        hrtimers.hrtimerStart(kick, 500_000);
        yield* delays.usleepRange(1000, 2000, state);
      });
      expect(took).toBeGreaterThanOrEqual(1_000_000);
      expect(took).toBeLessThanOrEqual(2_000_000);
    }
  });

  test('schedule_hrtimeout tells an expiry from a wake-up, and does not sleep until 0', () => {
    const { sched, hrtimers, delays, take } = machine();
    const results: number[] = [];
    take(function* () {
      const self = sched.current;
      sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      results.push(yield* delays.scheduleHrtimeoutRange(0), sched.taskState(self));
      sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      results.push(yield* delays.scheduleHrtimeoutRange(1_000_000));
      hrtimers.hrtimerStart(hrtimers.create(() => (sched.wakeUpProcess(self), false)), 1_500_000);
      sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      results.push(yield* delays.scheduleHrtimeoutRange(Infinity));
    });
    expect(results).toEqual([0, 0, 0, -EINTR]);
  });

  test('fsleep is busy up to 10 us, exact up to 20 ms, and counts jiffies above', () => {
    const took = [10, 11, 20_000, 20_001].map((us) => {
      const { delays, take } = machine();
      return take(() => delays.fsleep(us));
    });
    expect(took).toEqual([10_000, 22_000, 40_000_000, 32_000_000]);
  });
});
