/** Edge cases of softirqs, tasklets and irq_work, each under its number (irq spec 23). */
import { describe, expect, test } from 'vitest';
import {
  IRQ_WORK_LAZY,
  NET_RX_SOFTIRQ,
  NET_TX_SOFTIRQ,
  type Atomic,
  type Sleepable,
} from '@kmem/contracts';
import { boot, type BootOptions } from '@kmem/kernel';

const VECTOR = 0x30;

function machine(options: BootOptions = {}) {
  const kernel = boot(options);
  const { cpus, clock, sched } = kernel;
  const log: string[] = [];
  /** Writes down a name, preempt_count and the current task. */
  const note = (name: string): void => void log.push(`${name} ${cpus.preemptCount().toString(16)} ${sched.comm(sched.current)}`);
  const start = (code: () => Sleepable<void>, cpu = 0): void => {
    const task = sched.kthreadCreate(function* () {
      yield* code();
      return 0;
    }, 'task', cpu);
    sched.wakeUpProcess(task);
  };
  /** Does something in a task, for a second of virtual time. */
  const inTask = (code: () => Sleepable<void>): void => {
    // What was made at boot goes to sleep first.
    kernel.run(1e6);
    start(code);
    kernel.run(clock.now() + 1e9);
  };
  return { ...kernel, log, note, start, inTask };
}

describe('preempt_count and what is derived from it', () => {
  test('edge case 39: bottom halves off in a task are in_interrupt, but serve no softirq', () => {
    const { cpus, softirqs, inTask } = machine();
    inTask(function* () {
      softirqs.localBhDisable();
      expect(cpus.softirqCount()).toBe(0x200);
      expect([cpus.irqCount(), cpus.inServingSoftirq(), cpus.inTask()]).toEqual([0x200, 0, true]);
      yield* softirqs.enableBh();
      expect(cpus.preemptCount()).toBe(0);
    });
  });

  test('edge case 40: a hard interrupt counts on top of what it interrupted', () => {
    const { cpus, softirqs, inTask } = machine();
    const seen: unknown[] = [];
    cpus.setVectorHandler(VECTOR, () => void seen.push([cpus.preemptCount(), cpus.inTask(), cpus.inAtomic()]));
    inTask(function* () {
      cpus.raiseVector(0, VECTOR);
      yield* cpus.enableIrqs();
      softirqs.localBhDisable();
      cpus.raiseVector(0, VECTOR);
      yield* cpus.enableIrqs();
      yield* softirqs.enableBh();
    });
    expect(seen).toEqual([[0x10000, false, true], [0x10200, false, true]]);
  });
});

describe('softirqs', () => {
  test('edge cases 41 and 42: raised in a task, ksoftirqd runs it; with bottom halves off, the task that turns them on', () => {
    const { softirqs, inTask, log, note } = machine();
    softirqs.openSoftirq(NET_TX_SOFTIRQ, () => note('softirq'));
    inTask(function* () {
      softirqs.localBhDisable();
      softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
      note('off');
      yield* softirqs.enableBh();
      softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
      note('raised');
    });
    expect(log).toEqual(['off 200 task', 'softirq 101 task', 'raised 0 task', 'softirq 100 ksoftirqd/0']);
  });

  test('edge case 43: one that raises itself 20 times runs ten rounds inline, the rest in ksoftirqd', () => {
    const { cpus, sched, softirqs, inTask } = machine();
    const ran: string[] = [];
    softirqs.openSoftirq(NET_TX_SOFTIRQ, () => {
      ran.push(sched.comm(sched.current));
      if (ran.length <= 20) softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
    });
    inTask(function* () {
      cpus.setVectorHandler(VECTOR, () => softirqs.raiseSoftirq(NET_TX_SOFTIRQ));
      cpus.raiseVector(0, VECTOR);
      yield* cpus.enableIrqs();
    });
    expect(ran).toEqual([...Array<string>(10).fill('task'), ...Array<string>(11).fill('ksoftirqd/0')]);
  });

  test('edge case 44: while ksoftirqd is runnable the end of an interrupt leaves softirqs to it, unless a tasklet is among them', () => {
    const { cpus, sched, softirqs, tasklets, inTask } = machine();
    const ran: string[] = [];
    softirqs.openSoftirq(NET_RX_SOFTIRQ, () => void ran.push(`net ${sched.comm(sched.current)}`));
    const tasklet = tasklets.create(() => void ran.push(`tasklet ${sched.comm(sched.current)}`));
    let withTasklet = false;
    cpus.setVectorHandler(VECTOR, () => {
      softirqs.raiseSoftirq(NET_RX_SOFTIRQ);
      if (withTasklet) tasklets.taskletSchedule(tasklet);
    });
    inTask(function* () {
      softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
      cpus.raiseVector(0, VECTOR);
      yield* cpus.enableIrqs();
      ran.push('after');
      yield* sched.schedule();
      withTasklet = true;
      softirqs.raiseSoftirq(NET_TX_SOFTIRQ);
      cpus.raiseVector(0, VECTOR);
      yield* cpus.enableIrqs();
      expect(softirqs.localSoftirqPending()).toBe(0);
    });
    expect(ran).toEqual(['after', 'net ksoftirqd/0', 'net task', 'tasklet task']);
  });
});

test('edge case 46: a tasklet that waits on one CPU and is scheduled on another runs once, on the first', () => {
  const { cpus, softirqs, tasklets, start, run } = machine({ nrCpus: 2 });
  const ran: number[] = [];
  const tasklet = tasklets.create(() => void ran.push(cpus.cpu));
  run(1e6);
  start(function* () {
    softirqs.localBhDisable();
    tasklets.taskletSchedule(tasklet);
    yield* cpus.busyUntil(3e6);
    yield* softirqs.enableBh();
  }, 0);
  start(function* () {
    yield* cpus.busyUntil(2e6);
    tasklets.taskletSchedule(tasklet);
  }, 1);
  run(1e7);
  expect(ran).toEqual([0]);
});

describe('irq_work', () => {
  test('edge case 60: queued twice with interrupts off it runs once when they are on, in a hard interrupt', () => {
    const { cpus, irqWorks, inTask, log, note } = machine();
    const work = irqWorks.create(() => note('ran'));
    const queued: boolean[] = [];
    inTask(function* () {
      cpus.localIrqDisable();
      queued.push(irqWorks.irqWorkQueue(work), irqWorks.irqWorkQueue(work));
      note('off');
      yield* cpus.enableIrqs();
      note('on');
    });
    expect(queued).toEqual([true, false]);
    expect(log).toEqual(['off 0 task', 'ran 10000 task', 'on 0 task']);
  });

  test('a lazy one waits for the tick, which comes also when the CPU is idle by then', () => {
    const { irqWorks, timers, inTask } = machine();
    const ran: number[] = [];
    const work = irqWorks.create(() => void ran.push(timers.jiffies), IRQ_WORK_LAZY);
    let queuedAt = 0;
    inTask(function* () {
      queuedAt = timers.jiffies;
      irqWorks.irqWorkQueue(work);
      yield* [];
    });
    expect(ran).toEqual([queuedAt + 1]);
  });

  test('on another CPU it interrupts that one, and irq_work_sync waits until it has ended', () => {
    const { cpus, clock, irqWorks, start, run, log } = machine({ nrCpus: 2 });
    const work = irqWorks.create(function* (): Atomic<void> {
      yield* cpus.busyUntil(clock.now() + 5000);
      log.push(`ran on ${cpus.cpu}`);
    });
    run(1e6);
    start(function* () {
      irqWorks.irqWorkQueueOn(work, 1);
      yield* irqWorks.irqWorkSync(work);
      log.push('synced');
    });
    run(1e7);
    expect(log).toEqual(['ran on 1', 'synced']);
  });
});
