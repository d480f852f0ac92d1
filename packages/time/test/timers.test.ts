import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  MAX_SCHEDULE_TIMEOUT,
  SIGUSR1,
  TASK_INTERRUPTIBLE,
  TASK_UNINTERRUPTIBLE,
  TIMER_DEFERRABLE,
  TIMER_PINNED,
  type Atomic,
  type KernelBug,
  type Sleepable,
} from '@kmem/contracts';
import { createEngine } from '@kmem/hw';
import { SoftirqSet } from '@kmem/irq';
import { TaskScheduler } from '@kmem/sched';
import { HrTimerQueues, initialJiffies, msecsToJiffies, TaskDelays, WheelTimers } from '@kmem/time';

const TICK = 4_000_000;
const JIFFIES0 = initialJiffies(250);

function machine(nrCpus = 1) {
  const engine = createEngine({ nrCpus });
  const sched = new TaskScheduler(engine);
  const found: KernelBug[] = [];
  const reports = { report: (bug: KernelBug): void => void found.push(bug) };
  const softirqs = new SoftirqSet({ ...engine, sched, jiffies: () => timers.jiffies, reports });
  const hrtimers = new HrTimerQueues(engine);
  const timers: WheelTimers = new WheelTimers({ ...engine, sched, softirqs, hrtimers, reports });
  const delays = new TaskDelays({ ...engine, sched, timers, hrtimers });
  const log: string[] = [];
  const now = (): number => timers.jiffies - JIFFIES0;
  const start = (code: () => Sleepable<unknown>, cpu = 0): number => {
    const task = sched.kthreadCreate(function* () {
      sched.allowSignal(SIGUSR1);
      return Number((yield* code()) ?? 0);
    }, 'task', cpu);
    sched.wakeUpProcess(task);
    return task;
  };
  /** A timer that writes down its name and the jiffy. */
  const logging = (name: string, flags = TIMER_PINNED): number => {
    const timer = timers.create();
    timers.timerSetup(timer, () => void log.push(`${name}@${now()}`), flags);
    return timer;
  };
  return { ...engine, sched, softirqs, hrtimers, timers, delays, log, found, now, start, logging };
}

describe('firing', () => {
  test.each([
    // Distance in jiffies, lateness; armed when the clock is 4 jiffies past a multiple of 64.
    ...[[0, 1], [1, 1], [2, 1], [10, 1], [62, 1], [63, 1], [64, 4], [65, 3], [70, 6], [100, 8], [200, 4], [300, 8]],
    ...[[503, 5], [504, 4], [505, 3], [510, 62], [520, 52], [600, 36], [1000, 20]],
  ])('a timer %i jiffies ahead is %i late', (distance, late) => {
    const { cpus, timers, now, start, run } = machine();
    let fired = -1;
    start(function* () {
      // clk runs one jiffy ahead of jiffies while timers are worked off, as in a callback.
      const phase = (68 - (JIFFIES0 % 64)) % 64;
      yield* cpus.busyUntil((phase + 64) * TICK);
      const timer = timers.create();
      const armed = now();
      timers.setBaseClock(0, timers.jiffies + 1);
      timers.timerSetup(timer, () => void (fired = now() - armed), TIMER_PINNED);
      timers.modTimer(timer, timers.jiffies + distance);
    });
    run();
    expect(fired - distance).toBe(late);
  });

  test('five timers of one jiffy fire last armed first; coarser levels go first', () => {
    const { cpus, timers, log, start, run, logging } = machine();
    start(function* () {
      yield* cpus.busyUntil(0);
      timers.modTimer(logging('coarse'), JIFFIES0 + 100);
      const due = 104 - (JIFFIES0 % 8);
      yield* cpus.busyUntil((due - 10) * TICK);
      for (const name of 'abcde') timers.modTimer(logging(name), JIFFIES0 + due - 1);
    });
    run();
    expect(log.map((line) => line.split('@')[0])).toEqual(['coarse', 'e', 'd', 'c', 'b', 'a']);
    expect(new Set(log.map((line) => line.split('@')[1])).size).toBe(1);
  });

  test('a callback that re-arms its timer with jiffies + k has a period of k + 1 jiffies', () => {
    for (const k of [0, 1, 2]) {
      const { cpus, timers, log, start, run, now } = machine();
      const timer = timers.create();
      timers.timerSetup(
        timer,
        () => {
          log.push(`${now()}`);
          if (log.length < 4) timers.modTimer(timer, timers.jiffies + k);
        },
        TIMER_PINNED,
      );
      start(function* () {
        timers.modTimer(timer, timers.jiffies);
        yield* cpus.busyUntil(40 * TICK);
      });
      run();
      expect(log).toEqual([0, 1, 2, 3].map((i) => `${1 + i * (k + 1)}`));
    }
  });

  test('a busy callback lets jiffies go on; what it made late fires afterwards', () => {
    const { cpus, timers, log, now, start, run, logging } = machine();
    const long = timers.create();
    timers.timerSetup(
      long,
      function* (): Atomic<void> {
        log.push(`long@${now()}`);
        yield* cpus.busyUntil(cpus.nrCpus * 7 * TICK);
        log.push(`end@${now()}`);
      },
      TIMER_PINNED,
    );
    start(function* () {
      timers.modTimer(long, JIFFIES0 + 3);
      timers.modTimer(logging('a'), JIFFIES0 + 4);
      timers.modTimer(logging('b'), JIFFIES0 + 6);
      yield* cpus.busyUntil(20 * TICK);
    });
    run();
    expect(log).toEqual(['long@4', 'end@7', 'a@7', 'b@7']);
  });

  test('an idle CPU sleeps through to the next timer, however far, and not for deferrable ones', () => {
    const { timers, delays, log, start, run, step, logging } = machine();
    start(function* () {
      timers.modTimer(logging('far'), JIFFIES0 + 250 * 3600);
      timers.modTimer(logging('deferrable', TIMER_DEFERRABLE), JIFFIES0 + 10);
      yield* delays.msleep(8);
    });
    let steps = 0;
    while (step()) steps++;
    expect(run()).toBe(false);
    expect(log.map((line) => line.split('@')[0])).toEqual(['far', 'deferrable']);
    expect(new Set(log.map((line) => line.split('@')[1])).size).toBe(1);
    expect(steps).toBeLessThan(100);
  });

  test('any history of arming and deleting fires what a plain list says', () => {
    const operation = fc.record({ timer: fc.nat(5), how: fc.nat(3), distance: fc.integer({ min: -5, max: 5000 }), pause: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(operation, { size: 'max', maxLength: 40 }), (operations) => {
        const { cpus, timers, now, start, run } = machine();
        const armed = new Map<number, number>();
        const all = Array.from({ length: 6 }, () => timers.create());
        for (const timer of all) {
          timers.timerSetup(
            timer,
            () => {
              const late = now() - (armed.get(timer) ?? Infinity);
              expect(late).toBeGreaterThan(0);
              armed.delete(timer);
            },
            TIMER_PINNED,
          );
        }
        start(function* () {
          let time = 0;
          for (const { timer: i, how, distance, pause } of operations) {
            const timer = all[i];
            const was = armed.has(timer) ? 1 : 0;
            const expires = now() + distance;
            expect(timers.timerPending(timer)).toBe(was === 1);
            if (how === 0) {
              expect(timers.modTimer(timer, JIFFIES0 + expires)).toBe(was);
              armed.set(timer, expires);
            } else if (how === 1) {
              expect(timers.delTimer(timer)).toBe(was);
              armed.delete(timer);
            } else if (how === 2) {
              expect(timers.modTimerPending(timer, JIFFIES0 + expires)).toBe(was);
              if (was === 1) armed.set(timer, expires);
            } else {
              expect(timers.timerReduce(timer, JIFFIES0 + expires)).toBe(was);
              armed.set(timer, Math.min(armed.get(timer) ?? Infinity, expires));
            }
            time += pause * TICK;
            yield* cpus.busyUntil(time);
          }
        });
        run();
        expect(armed.size).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});

describe('calls', () => {
  test('return values of arming and deleting', () => {
    const { timers, logging, found } = machine();
    const timer = logging('t');
    const j = JIFFIES0;
    expect([timers.modTimerPending(timer, j + 5), timers.modTimer(timer, j + 5), timers.modTimer(timer, j + 5)]).toEqual([0, 0, 1]);
    expect([timers.timerReduce(timer, j + 9), timers.expires(timer) - j]).toEqual([1, 5]);
    expect([timers.timerReduce(timer, j + 3), timers.expires(timer) - j]).toEqual([1, 3]);
    timers.addTimer(timer, j + 50);
    expect([found.map(({ code }) => code), timers.expires(timer) - j]).toEqual([['TIMER_ADD_PENDING'], 3]);
    expect([timers.delTimer(timer), timers.delTimer(timer)]).toEqual([1, 0]);
    timers.modTimer(timer, j + 5);
    expect([timers.timerShutdown(timer), timers.modTimer(timer, j + 5), timers.timerPending(timer)]).toEqual([1, 0, false]);
  });

  test('beyond the last level the timer is armed for less, its expiry stays', () => {
    const { timers, logging } = machine();
    const timer = logging('t');
    timers.modTimer(timer, JIFFIES0 + 2 ** 40);
    expect(timers.expires(timer)).toBe(JIFFIES0 + 2 ** 40);
    expect(timers.bucket(timer)).toBeGreaterThanOrEqual(512);
  });

  test('a timer that belongs to an address is made on first use', () => {
    const { timers, log, run } = machine();
    const address = -0x777fffff0000;
    timers.timerSetup(timers.at(address), () => void log.push('fired'), TIMER_PINNED);
    timers.modTimer(timers.at(address), JIFFIES0 + 2);
    run();
    expect(log).toEqual(['fired']);
  });

  test('del_timer_sync waits for a function that runs on another CPU; the attempt answers -1 meanwhile', () => {
    const { cpus, clock, timers, log, start, run } = machine(2);
    const timer = timers.create();
    timers.timerSetup(
      timer,
      function* (): Atomic<void> {
        log.push(`begin ${cpus.cpu}`);
        yield* cpus.busyUntil(clock.now() + 2_000_000);
        log.push('end');
      },
      TIMER_PINNED,
    );
    start(function* () {
      timers.addTimerOn(timer, JIFFIES0 + 1, 1);
      yield* cpus.busyUntil(2 * TICK + 1_000_000);
      log.push(`attempt ${timers.tryToDelTimerSync(timer)}`);
      log.push(`sync ${yield* timers.delTimerSync(timer)}`);
    });
    run();
    expect(log).toEqual(['begin 1', 'attempt -1', 'end', 'sync 0']);
  });

  test('a timer armed for a CPU that has long been idle fires there in time', () => {
    const { cpus, clock, timers, log, now, start, run } = machine(2);
    const timer = timers.create();
    timers.timerSetup(timer, () => void log.push(`CPU ${cpus.cpu} at ${now()}`), TIMER_PINNED);
    start(function* () {
      yield* cpus.busyUntil(clock.now() + 10 * TICK);
      timers.addTimerOn(timer, timers.jiffies + 2, 1);
      yield* cpus.busyUntil(clock.now() + 20 * TICK);
    });
    run();
    expect(log).toEqual(['CPU 1 at 13']);
  });

  test('tick observers are called on busy CPUs at every tick, after jiffies have moved', () => {
    const { cpus, timers, log, now, start, run } = machine();
    timers.addTickObserver((cpu) => void log.push(`${cpu}:${now()}`));
    start(function* () {
      yield* cpus.busyUntil(3 * TICK + 1);
    });
    run();
    expect(log).toEqual(['0:1', '0:2', '0:3']);
  });
});

describe('sleeping', () => {
  test.each([[0, 1], [1, 2], [2, 3], [3, 4]])('schedule_timeout(%i) right after a tick takes %i jiffies', (timeout, takes) => {
    const { sched, timers, log, now, start, run } = machine();
    start(function* () {
      sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      log.push(`${yield* timers.scheduleTimeout(timeout)} ${now()}`);
    });
    run();
    expect(log).toEqual([`0 ${takes}`]);
  });

  test('in TASK_RUNNING it returns at once; negative ones are reported; the endless one waits to be woken', () => {
    const { sched, timers, log, found, start, run } = machine();
    const task = start(function* () {
      log.push(`${yield* timers.scheduleTimeout(10)}`);
      log.push(`${yield* timers.scheduleTimeout(-1)}`);
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      log.push(`${yield* timers.scheduleTimeout(MAX_SCHEDULE_TIMEOUT)}`);
    });
    run();
    sched.wakeUpProcess(task);
    run();
    expect(log).toEqual(['10', '0', 'Infinity']);
    expect(found.map(({ code }) => code)).toEqual(['WRONG_TIMEOUT']);
  });

  test.each([[1, 3], [4, 3], [10, 5], [20, 7]])('msleep(%i) right after a tick takes %i jiffies', (ms, takes) => {
    const { delays, log, now, start, run } = machine();
    start(function* () {
      yield* delays.msleep(ms);
      log.push(`${now()}`);
    });
    run();
    expect(log).toEqual([`${takes}`]);
  });

  test('msleep_interruptible ends with a signal and says what was left', () => {
    const { sched, delays, log, start, run, at } = machine();
    const task = start(function* () {
      log.push(`${yield* delays.msleepInterruptible(100)}`);
      log.push(`${yield* delays.msleepInterruptible(100)}`);
    });
    at(0, 5 * TICK, () => void sched.sendSig(SIGUSR1, task));
    run();
    expect(log).toEqual(['84', '104']);
  });
});

test('milliseconds are rounded up to jiffies', () => {
  expect([0, 1, 4, 5, 1000].map((ms) => msecsToJiffies(ms, 250))).toEqual([0, 1, 1, 2, 250]);
  expect([1, 2].map((ms) => msecsToJiffies(ms, 1000))).toEqual([1, 2]);
});
