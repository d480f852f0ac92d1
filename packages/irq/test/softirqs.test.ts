import { expect, test } from 'vitest';
import { HI_SOFTIRQ, NET_RX_SOFTIRQ, NET_TX_SOFTIRQ, TASKLET_SOFTIRQ, type Atomic, type KernelBug, type Sleepable } from '@kmem/contracts';
import { createEngine } from '@kmem/hw';
import { SoftirqSet } from '@kmem/irq';
import { TaskScheduler } from '@kmem/sched';

function machine() {
  const engine = createEngine();
  const { cpus } = engine;
  const sched = new TaskScheduler(engine);
  const found: KernelBug[] = [];
  let jiffies = 0;
  const softirqs = new SoftirqSet({ ...engine, sched, jiffies: () => jiffies, reports: { report: (bug) => void found.push(bug) } });
  const log: string[] = [];
  /** Writes down a name, preempt_count and who was interrupted. */
  const note = (name: string): void => void log.push(`${name} ${cpus.preemptCount().toString(16)} ${sched.comm(sched.current)}`);
  const start = (code: () => Sleepable<void>): void => {
    const task = sched.kthreadCreate(function* () {
      yield* code();
      return 0;
    }, 'task', 0);
    sched.wakeUpProcess(task);
  };
  return { ...engine, sched, softirqs, found, log, note, start, pass: () => (jiffies += 1) };
}

test('local_bh_enable runs what was raised in the order of the numbers, interrupts on', () => {
  const { cpus, softirqs, start, run, log, note } = machine();
  for (const nr of [HI_SOFTIRQ, NET_TX_SOFTIRQ, NET_RX_SOFTIRQ]) softirqs.openSoftirq(nr, () => note(`${nr}`));
  start(function* () {
    softirqs.localBhDisable();
    for (const nr of [NET_RX_SOFTIRQ, HI_SOFTIRQ, NET_TX_SOFTIRQ]) softirqs.raiseSoftirq(nr);
    note('raised');
    yield* cpus.busyUntil(0);
    softirqs.localBhEnable();
    note('after');
  });
  run();
  expect(log).toEqual(['raised 200 task', '0 101 task', '2 101 task', '3 101 task', 'after 0 task']);
});

test('raised in a task with bottom halves on, ksoftirqd runs them; in a hard interrupt, its end does', () => {
  const { cpus, softirqs, start, run, log, note } = machine();
  softirqs.openSoftirq(NET_TX_SOFTIRQ, () => note('softirq'));
  cpus.setVectorHandler(0x30, () => {
    softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
    note('hard');
  });
  start(function* () {
    softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
    yield* cpus.busyUntil(10);
    note('task');
  });
  run();
  cpus.raiseVector(0, 0x30);
  run();
  expect(log).toEqual(['task 0 task', 'softirq 100 ksoftirqd/0', 'hard 10001 swapper/0', 'softirq 101 swapper/0']);
});

test('one that raises itself runs ten rounds, then ksoftirqd goes on', () => {
  const { cpus, softirqs, start, run, log, sched } = machine();
  softirqs.openSoftirq(NET_TX_SOFTIRQ, () => {
    log.push(sched.comm(sched.current));
    if (log.length < 12) softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
  });
  cpus.setVectorHandler(0x30, () => softirqs.raiseSoftirq(NET_TX_SOFTIRQ));
  start(function* () {
    cpus.localIrqDisable();
    cpus.raiseVector(0, 0x30);
    yield* cpus.enableIrqs();
  });
  run();
  expect(log).toEqual([...Array<string>(10).fill('task'), 'ksoftirqd/0', 'ksoftirqd/0']);
});

test('when the time is over ksoftirqd goes on, and what it can run waits for it; tasklets never do', () => {
  const { cpus, softirqs, start, run, log, note, pass } = machine();
  softirqs.openSoftirq(NET_TX_SOFTIRQ, () => {
    note('slow');
    pass();
    softirqs.raiseSoftirq(NET_RX_SOFTIRQ);
  });
  softirqs.openSoftirq(NET_RX_SOFTIRQ, () => note('rest'));
  softirqs.openSoftirq(TASKLET_SOFTIRQ, () => note('tasklet'));
  const bracket = (nr: number): void => {
    softirqs.localBhDisable();
    softirqs.raiseSoftirq(nr);
    softirqs.localBhEnable();
  };
  start(function* () {
    yield* cpus.busyUntil(0);
    bracket(NET_TX_SOFTIRQ);
    bracket(NET_RX_SOFTIRQ);
    note('deferred');
    bracket(TASKLET_SOFTIRQ);
  });
  run();
  expect(log).toEqual(['slow 101 task', 'deferred 0 task', 'rest 101 task', 'tasklet 101 task']);
});

test('an action that takes time is interrupted, and what that raises comes in the next round', () => {
  const { cpus, clock, softirqs, run, at, log, note } = machine();
  softirqs.openSoftirq(HI_SOFTIRQ, () => note('hi'));
  softirqs.openSoftirq(NET_TX_SOFTIRQ, function* (): Atomic<void> {
    note('begin');
    yield* cpus.busyUntil(clock.now() + 100);
    note('end');
  });
  cpus.setVectorHandler(0x30, () => softirqs.raiseSoftirq(NET_TX_SOFTIRQ));
  cpus.setVectorHandler(0x31, () => {
    note('nested');
    softirqs.raiseSoftirq(HI_SOFTIRQ);
  });
  at(0, 10, () => cpus.raiseVector(0, 0x30));
  at(0, 50, () => cpus.raiseVector(0, 0x31));
  run();
  expect(log.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual(['begin 101', 'nested 10101', 'end 101', 'hi 101']);
});

test('an action that leaks preempt_count is reported and repaired', () => {
  const { cpus, softirqs, start, run, found, log, note } = machine();
  softirqs.openSoftirq(NET_TX_SOFTIRQ, () => cpus.preemptCountAdd(1));
  start(function* () {
    yield* cpus.busyUntil(0);
    softirqs.localBhDisable();
    softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
    softirqs.localBhEnable();
    note('after');
  });
  run();
  expect(log).toEqual(['after 0 task']);
  expect(found.map(({ message }) => message)).toEqual([
    'WARNING: PREEMPT_LEAK: huh, entered softirq 2 with preempt_count 00000101, exited with 00000102?',
  ]);
});

test('local_bh_enable with interrupts off is reported', () => {
  const { cpus, softirqs, found } = machine();
  softirqs.localBhDisable();
  cpus.localIrqDisable();
  softirqs.localBhEnable();
  expect(found.map(({ code }) => code)).toEqual(['BH_IN_IRQ']);
});
