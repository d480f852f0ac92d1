import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { TASK_INTERRUPTIBLE, TASK_NORMAL, TASK_UNINTERRUPTIBLE, type Sleepable } from '@kmem/contracts';
import { boot, type BootOptions, type Kernel } from '@kmem/kernel';

/** Makes a kernel thread that runs at once. */
function start(kernel: Kernel, cpu: number, code: () => Sleepable<void>): void {
  const { sched } = kernel;
  const task = sched.kthreadCreate(function* () {
    yield* code();
    return 0;
  }, `task${cpu}`, cpu);
  sched.wakeUpProcess(task);
}

describe('the parts work together', () => {
  test('wait_event with a timeout that passes takes one jiffy more', () => {
    const kernel = boot();
    const { timers, waitQueues, run } = kernel;
    const head = waitQueues.createHead();
    const results: number[] = [];
    start(kernel, 0, function* () {
      const begin = timers.jiffies;
      results.push(yield* waitQueues.waitEventTimeout(head, () => false, 2, TASK_UNINTERRUPTIBLE));
      results.push(timers.jiffies - begin);
    });
    run();
    expect(results).toEqual([0, 3]);
  });

  test.each([
    ['holds at entry, timeout 0', () => true, 0, 1],
    ['holds at entry, timeout 7', () => true, 7, 7],
    ['does not hold, timeout 0', () => false, 0, 0],
  ])('wait_event_timeout: condition %s', (_name, condition, timeout, expected) => {
    const kernel = boot();
    const head = kernel.waitQueues.createHead();
    let result = -1;
    start(kernel, 0, function* () {
      result = yield* kernel.waitQueues.waitEventTimeout(head, condition, timeout, TASK_UNINTERRUPTIBLE);
    });
    kernel.run();
    expect(result).toBe(expected);
  });

  test('a timer callback wakes a task on another CPU, which has slept exactly so long', () => {
    const kernel = boot({ nrCpus: 2 });
    const { cpus, timers, waitQueues, run } = kernel;
    const head = waitQueues.createHead();
    const log: string[] = [];
    let ready = false;
    start(kernel, 1, function* () {
      const begin = timers.jiffies;
      const left = yield* waitQueues.waitEventTimeout(head, () => ready, 250, TASK_INTERRUPTIBLE);
      log.push(`CPU ${cpus.cpu}: ${left} left after ${timers.jiffies - begin}`);
    });
    const timer = timers.create();
    timers.timerSetup(
      timer,
      () => {
        ready = true;
        log.push(`CPU ${cpus.cpu}: woke ${waitQueues.wakeUp(head, TASK_NORMAL, 1)}`);
      },
      0,
    );
    timers.addTimerOn(timer, timers.jiffies + 9, 0);
    run();
    expect(log).toEqual(['CPU 0: woke 0', 'CPU 1: 240 left after 10']);
  });
});

describe('a lost wake-up', () => {
  /**
   * A sleeper on CPU 0 and a waker on CPU 1, run under one schedule.
   *
   * @returns true when the sleeper never woke.
   */
  function sleeperIsLost(choices: readonly number[], taken: number[], correct: boolean): boolean {
    const chooseCpu: NonNullable<BootOptions['chooseCpu']> = (ready) => {
      const choice = choices[taken.length] ?? 0;
      taken.push(ready.length);
      return ready[choice];
    };
    const kernel = boot({ nrCpus: 2, chooseCpu });
    const { cpus, sched, waitQueues } = kernel;
    const head = waitQueues.createHead();
    let flag = false;
    let awake = false;
    start(kernel, 0, function* () {
      const entry = waitQueues.createEntry();
      waitQueues.initEntry(entry, sched.current, waitQueues.autoremoveWake);
      if (correct) {
        waitQueues.prepareToWait(head, entry, TASK_UNINTERRUPTIBLE);
        yield* cpus.interleave();
        if (!flag) yield* sched.schedule();
      } else {
        const seen = flag;
        yield* cpus.interleave();
        waitQueues.prepareToWait(head, entry, TASK_UNINTERRUPTIBLE);
        if (!seen) yield* sched.schedule();
      }
      waitQueues.finishWait(head, entry);
      awake = true;
    });
    start(kernel, 1, function* () {
      yield* cpus.interleave();
      flag = true;
      yield* cpus.interleave();
      waitQueues.wakeUp(head, TASK_NORMAL, 1);
    });
    kernel.run();
    return !awake;
  }

  /** Runs a program under every schedule; returns how many there are and in how many the sleeper is lost. */
  function underAllSchedules(correct: boolean): { schedules: number; lost: number } {
    let schedules = 0;
    let lost = 0;
    let choices: number[] | null = [];
    while (choices !== null) {
      const taken: number[] = [];
      if (sleeperIsLost(choices, taken, correct)) lost++;
      schedules++;
      const made: number[] = taken.map((_, i): number => choices?.[i] ?? 0);
      let last = made.length - 1;
      while (last >= 0 && made[last] === taken[last] - 1) last--;
      choices = last < 0 ? null : [...made.slice(0, last), made[last] + 1];
    }
    return { schedules, lost };
  }

  test('is found in the program that tests before it queues', () => {
    const { schedules, lost } = underAllSchedules(false);
    expect(schedules).toBeGreaterThan(10);
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeLessThan(schedules);
  });

  test('is not found in the program that queues before it tests', () => {
    const { schedules, lost } = underAllSchedules(true);
    expect(schedules).toBeGreaterThan(10);
    expect(lost).toBe(0);
  });
});

/** Two CPUs, tasks that sleep, spin and wake each other, timers and softirqs; every event with time and CPU. */
function eventLog(): string {
  const log: string[] = [];
  const trace = {
    schedWaking: (task: number) => void log.push(`waking ${task}`),
    softirqRaise: () => undefined,
    softirqEntry: () => undefined,
    softirqExit: () => undefined,
  };
  const kernel: Kernel = boot({ nrCpus: 2, trace });
  const { cpus, clock, sched, timers, delays, waitQueues } = kernel;
  const note = (text: string): void => void log.push(`${clock.now()} ${cpus.cpu} ${cpus.preemptCount()} ${text}`);
  sched.addSwitchHooks({ switchIn: (task) => note(`in ${task}`), switchOut: (task) => note(`out ${task}`), exit: (task) => note(`exit ${task}`) });
  timers.addTickObserver(() => note(`tick ${timers.jiffies}`));
  const head = waitQueues.createHead();
  let tokens = 0;
  for (let i = 0; i < 6; i++) {
    start(kernel, i & 1, function* () {
      for (let round = 0; round < 5; round++) {
        yield* delays.msleep(3 * i + round);
        yield* cpus.busyUntil(clock.now() + 700_000 * (i + 1));
        tokens++;
        waitQueues.wakeUp(head, TASK_NORMAL, 1);
        yield* waitQueues.waitEventTimeout(head, () => tokens > 1, i, TASK_INTERRUPTIBLE, i % 3 === 0);
        tokens = 0;
      }
    });
  }
  const timer = timers.create();
  timers.timerSetup(
    timer,
    function* () {
      note('timer');
      yield* cpus.busyUntil(clock.now() + 5_500_000);
      if (timers.jiffies % 7 !== 0) timers.modTimer(timer, timers.jiffies + 3);
    },
    0,
  );
  timers.modTimer(timer, timers.jiffies + 2);
  kernel.run();
  return log.join('\n');
}

test('the same options give the same events, to the last byte, in every process and on every version of Node', () => {
  const log = eventLog();
  expect(log.split('\n').length).toBeGreaterThan(200);
  expect(eventLog()).toBe(log);
  // Kept here, and not computed by another run, so that every process and every version of Node is held against it.
  expect(createHash('sha256').update(log).digest('hex')).toBe('5e2474a1944f66c96578da6dfc21b89da79e371428b628e147aa14083976d1c0');
});
