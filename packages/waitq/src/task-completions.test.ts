import { describe, expect, test } from 'vitest';
import {
  COMPLETED_FOR_ALL,
  ERESTARTSYS,
  SIGKILL,
  SIGUSR1,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_UNINTERRUPTIBLE,
  type Sleepable,
} from '@kmem/contracts';
import { createEngine } from '@kmem/hw';
import { TaskScheduler } from '@kmem/sched';
import { HashedBitWaits, TaskCompletions, TaskSimpleWaitQueues, TaskWaitQueues } from '@kmem/waitq';

function machine() {
  const engine = createEngine();
  const sched = new TaskScheduler(engine);
  /** A jiffy is a nanosecond. */
  const sleep = {
    *scheduleTimeout(timeout: number): Sleepable<number> {
      const end = engine.clock.now() + timeout;
      const self = sched.current;
      if (timeout !== Infinity) engine.at(0, end + 1, () => void sched.wakeUpProcess(self));
      yield* sched.schedule();
      return Math.max(0, end - engine.clock.now());
    },
  };
  const parts = { ...engine, sched, sleep };
  const log: string[] = [];
  const start = (name: string, code: () => Sleepable<number>): number => {
    const task = sched.kthreadCreate(function* () {
      sched.allowSignal(SIGUSR1);
      sched.allowSignal(SIGKILL);
      log.push(`${name} ${yield* code()}`);
      return 0;
    }, name, 0);
    sched.wakeUpProcess(task);
    engine.run(engine.clock.now());
    return task;
  };
  const settle = (): string[] => (engine.run(engine.clock.now()), log.splice(0));
  return { ...engine, sched, parts, log, start, settle };
}

describe('simple wait queues', () => {
  test('wake who has waited longest, one at a time', () => {
    const { parts, start, settle } = machine();
    const queues = new TaskSimpleWaitQueues(parts);
    const head = queues.createHead();
    let open = false;
    for (const name of ['a', 'b', 'c']) start(name, () => queues.swaitEvent(head, () => open, TASK_UNINTERRUPTIBLE));
    open = true;
    queues.swakeUpOne(head);
    expect(settle()).toEqual(['a 0']);
    queues.swakeUpAll(head);
    expect(settle()).toEqual(['b 0', 'c 0']);
    expect(queues.swaitActive(head)).toBe(false);
  });

  test('a waiter whose condition does not hold goes behind the others; a signal takes it out', () => {
    const { sched, parts, start, settle } = machine();
    const queues = new TaskSimpleWaitQueues(parts);
    const head = queues.headAt(8);
    let may = '';
    const a = start('a', () => queues.swaitEvent(head, () => may === 'a', TASK_INTERRUPTIBLE));
    start('b', () => queues.swaitEvent(head, () => may === 'b', TASK_INTERRUPTIBLE));
    queues.swakeUpOne(queues.headAt(8));
    may = 'b';
    expect(settle()).toEqual([]);
    queues.swakeUpOne(head);
    expect(settle()).toEqual(['b 0']);
    sched.sendSig(SIGUSR1, a);
    expect(settle()).toEqual([`a ${-ERESTARTSYS}`]);
    expect(queues.swaitActive(head)).toBe(false);
  });

  test.each([
    ['holds at entry, timeout 0', () => true, 0, 1],
    ['holds at entry, timeout 7', () => true, 7, 7],
    ['does not hold, timeout 0', () => false, 0, 0],
    ['does not hold', () => false, 3, 0],
  ])('with a timeout: the condition %s', (_name, condition, timeout, expected) => {
    const { parts, start, run, log } = machine();
    const queues = new TaskSimpleWaitQueues(parts);
    const head = queues.createHead();
    start('a', () => queues.swaitEventTimeout(head, condition, timeout, TASK_UNINTERRUPTIBLE));
    run();
    expect(log).toEqual([`a ${expected}`]);
  });
});

describe('completions', () => {
  test('each completion lets one waiter go on, in their order; completeAll all, and those to come', () => {
    const { parts, start, settle } = machine();
    const completions = new TaskCompletions(parts);
    const done = completions.create();
    for (const name of ['a', 'b', 'c']) start(name, () => completions.waitForCompletion(done));
    completions.complete(done);
    expect(settle()).toEqual(['a 0']);
    expect(completions.done(done)).toBe(0);
    completions.completeAll(done);
    expect(settle()).toEqual(['b 0', 'c 0']);
    start('d', () => completions.waitForCompletion(done));
    expect(settle()).toEqual(['d 0']);
    expect(completions.done(done)).toBe(COMPLETED_FOR_ALL);
    completions.complete(done);
    expect(completions.done(done)).toBe(COMPLETED_FOR_ALL);
    completions.reinit(done);
    expect(completions.tryWaitForCompletion(done)).toBe(false);
  });

  test('those made before anybody waits are counted', () => {
    const { parts, start, settle } = machine();
    const completions = new TaskCompletions(parts);
    const done = completions.at(64);
    completions.complete(done);
    completions.complete(completions.at(64));
    expect([completions.done(done), completions.tryWaitForCompletion(done), completions.done(done)]).toEqual([2, true, 1]);
    start('a', () => completions.waitForCompletionTimeout(done, 5));
    expect(settle()).toEqual(['a 5']);
  });

  test('signals end a wait that heeds them, and not one that is done already', () => {
    const { sched, parts, start, settle } = machine();
    const completions = new TaskCompletions(parts);
    const done = completions.create();
    const plain = start('plain', () => completions.waitForCompletion(done));
    const killable = start('killable', () => completions.waitForCompletion(done, TASK_KILLABLE));
    const interruptible = start('interruptible', () => completions.waitForCompletionTimeout(done, 5, TASK_INTERRUPTIBLE));
    for (const task of [plain, killable, interruptible]) sched.sendSig(SIGUSR1, task);
    expect(settle()).toEqual([`interruptible ${-ERESTARTSYS}`]);
    for (const task of [plain, killable]) sched.sendSig(SIGKILL, task);
    expect(settle()).toEqual([`killable ${-ERESTARTSYS}`]);
    completions.complete(done);
    completions.complete(done);
    expect(settle()).toEqual(['plain 0']);
    start('late', function* () {
      sched.sendSig(SIGUSR1, sched.current);
      return yield* completions.waitForCompletion(done, TASK_INTERRUPTIBLE);
    });
    expect(settle()).toEqual(['late 0']);
  });

  test('a timeout of 0 sleeps; one that passes gives 0; one that is done at the last moment gives 1', () => {
    const { clock, at, parts, start, run, log } = machine();
    const completions = new TaskCompletions(parts);
    const never = completions.create();
    const begin = clock.now();
    start('zero', () => completions.waitForCompletionTimeout(never, 0));
    expect(log).toEqual([]);
    start('two', () => completions.waitForCompletionTimeout(never, 2));
    const late = completions.create();
    start('late', () => completions.waitForCompletionTimeout(late, 4));
    // After the sleeper was woken by its timer, before it looks.
    at(0, begin + 5, () => completions.complete(late));
    run();
    expect(log).toEqual(['zero 0', 'two 0', 'late 1']);
  });
});

describe('bits', () => {
  test('wakers of another bit, or of one that is still set, wake nobody', () => {
    const { sched, parts, start, settle } = machine();
    const bits = new HashedBitWaits({ sched, waitQueues: new TaskWaitQueues(parts) });
    const set = new Set([1, 3]);
    const word = { address: -0x7780_0000_0000, test: (bit: number) => set.has(bit) };
    for (const [name, bit] of [['a', 3], ['b', 3], ['c', 1]] as const) start(name, () => bits.waitOnBit(word, bit, TASK_UNINTERRUPTIBLE));
    bits.wakeUpBit(word, 3);
    set.delete(3);
    bits.wakeUpBit(word, 1);
    expect(settle()).toEqual([]);
    bits.wakeUpBit(word, 3);
    expect(settle()).toEqual(['b 0', 'a 0']);
    start('d', () => bits.waitOnBit(word, 3, TASK_UNINTERRUPTIBLE));
    expect(settle()).toEqual(['d 0']);
  });

  test('a signal gives -EINTR', () => {
    const { sched, parts, start, settle } = machine();
    const bits = new HashedBitWaits({ sched, waitQueues: new TaskWaitQueues(parts) });
    const task = start('a', () => bits.waitOnBit({ address: 8, test: () => true }, 0, TASK_INTERRUPTIBLE));
    sched.sendSig(SIGUSR1, task);
    expect(settle()).toEqual(['a -4']);
  });
});
