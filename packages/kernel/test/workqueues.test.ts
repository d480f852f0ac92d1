/** Work queues: the edge cases under their numbers (irq spec 23), and the rules of pools and workers (irq spec 15). */
import { describe, expect, test } from 'vitest';
import {
  NO_WORK,
  PREEMPT_OFFSET,
  WORK_BUSY_PENDING,
  WORK_BUSY_RUNNING,
  WQ_CPU_INTENSIVE,
  WQ_HIGHPRI,
  WQ_MEM_RECLAIM,
  WQ_UNBOUND,
  type KernelBug,
  type Sleepable,
  type WorkId,
} from '@kmem/contracts';
import { boot, type BootOptions } from '@kmem/kernel';

function machine(options: BootOptions = {}) {
  const found: KernelBug[] = [];
  const kernel = boot({ reports: { report: (bug) => void found.push(bug) }, ...options });
  const { clock, delays, run, sched, workqueues } = kernel;
  const log: string[] = [];
  const start = (code: () => Sleepable<void>, cpu = 0): void => {
    const task = sched.kthreadCreate(function* () {
      yield* code();
      return 0;
    }, 'task', cpu);
    sched.wakeUpProcess(task);
  };
  /** Does something in a task, for a second of virtual time. */
  const inTask = (code: () => Sleepable<void>): void => {
    start(code);
    run(clock.now() + 1e9);
  };
  /** An item that writes down when it begins, sleeps, and writes down when it ends. */
  const sleeper = (name: string, ms: number): WorkId => {
    return workqueues.create(function* () {
      log.push(name);
      yield* delays.msleep(ms);
      log.push(`${name}end`);
    });
  };
  const codes = (): string[] => found.map(({ code }) => code);
  return { ...kernel, log, found, codes, start, inTask, sleeper };
}

describe('queueing', () => {
  test('edge case 50: queued twice, once; from its own function, again', () => {
    const { workqueues, inTask } = machine();
    const results: boolean[] = [];
    let runs = 0;
    const work = workqueues.create((own) => {
      if (++runs === 1) results.push(workqueues.queueWork(workqueues.systemWq, own));
    });
    inTask(function* () {
      results.push(workqueues.queueWork(workqueues.systemWq, work), workqueues.queueWork(workqueues.systemWq, work));
      yield* [];
    });
    expect(results).toEqual([true, false, true]);
    expect(runs).toBe(2);
  });

  test('edge case 51: an item that runs on CPU 0 and is queued on CPU 1 runs again on CPU 0, afterwards', () => {
    const { cpus, delays, workqueues, inTask, log } = machine({ nrCpus: 2 });
    let inside = 0;
    const work = workqueues.create(function* () {
      log.push(`${cpus.cpu} with ${inside++}`);
      yield* delays.msleep(20);
      inside--;
    });
    inTask(function* () {
      workqueues.queueWorkOn(0, workqueues.systemWq, work);
      yield* delays.msleep(4);
      workqueues.queueWorkOn(1, workqueues.systemWq, work);
    });
    expect(log).toEqual(['0 with 0', '0 with 0']);
  });

  test('edge case 52: items of an ordered queue run in the order of queueing, one at a time, whoever queues them', () => {
    const { delays, workqueues, start, run, sleeper, log } = machine({ nrCpus: 3 });
    const wq = workqueues.allocOrderedWorkqueue('ordered', 0);
    for (const cpu of [0, 1, 2]) {
      start(function* () {
        yield* delays.msleep(4 * (3 - cpu));
        workqueues.queueWork(wq, sleeper(`cpu${cpu}`, 30));
      }, cpu);
    }
    run(1e9);
    expect(log).toEqual(['cpu2', 'cpu2end', 'cpu1', 'cpu1end', 'cpu0', 'cpu0end']);
  });

  test.each([
    ['1: one after another', 1, ['slow0', 'slow0end', 'slow1', 'slow1end', 'slow2', 'slow2end']],
    // Those that wake in the same jiffy: the timer armed last fires first.
    ['0, which is 256: items that sleep overlap', 0, ['slow0', 'slow1', 'slow2', 'slow2end', 'slow1end', 'slow0end']],
  ])('edge case 53: max_active %s', (_name, maxActive, expected) => {
    const { workqueues, inTask, sleeper, log } = machine();
    const wq = workqueues.allocWorkqueue('bound', 0, maxActive);
    inTask(function* () {
      for (const n of [0, 1, 2]) workqueues.queueWork(wq, sleeper(`slow${n}`, 30));
      expect(workqueues.workqueueCongested(0, wq)).toBe(maxActive === 1);
      yield* [];
    });
    expect(log).toEqual(expected);
  });

  test('edge case 59: max_active out of range is limited with a warning; unbound with 1 is ordered', () => {
    const { workqueues, inTask, sleeper, found, log } = machine();
    workqueues.allocWorkqueue('many', 0, 1000);
    expect(found.map(({ message }) => message)).toEqual([
      'WARNING: WORK_MAX_ACTIVE: max_active 1000 requested for many is out of range, clamping between 1 and 512',
    ]);
    const wq = workqueues.allocWorkqueue('single', WQ_UNBOUND, 1);
    inTask(function* () {
      for (const n of [0, 1]) workqueues.queueWork(wq, sleeper(`n${n}`, 8));
      yield* [];
    });
    expect(log).toEqual(['n0', 'n0end', 'n1', 'n1end']);
  });
});

describe('waiting and taking back', () => {
  test('edge case 54: cancel_work_sync of a running item waits for its end and says false', () => {
    const { delays, workqueues, inTask, sleeper, log } = machine();
    const work = sleeper('work', 30);
    inTask(function* () {
      workqueues.queueWork(workqueues.systemWq, work);
      yield* delays.msleep(4);
      expect(workqueues.workBusy(work)).toBe(WORK_BUSY_RUNNING);
      log.push(String(yield* workqueues.cancelWorkSync(work)));
    });
    expect(log).toEqual(['work', 'workend', 'false']);
  });

  test('edge case 55: cancel_delayed_work of an armed item says true, then false, and it never runs', () => {
    const { workqueues, inTask } = machine();
    let runs = 0;
    const work = workqueues.createDelayed(() => {
      runs++;
    });
    const results: boolean[] = [];
    inTask(function* () {
      workqueues.queueDelayedWork(workqueues.systemWq, work, 5);
      expect(workqueues.workBusy(work)).toBe(WORK_BUSY_PENDING);
      results.push(workqueues.cancelWork(work), workqueues.cancelWork(work));
      yield* [];
    });
    expect([results, runs]).toEqual([[true, false], 0]);
  });

  test('edge case 56: mod_delayed_work says whether the item waited, and its last delay counts', () => {
    const { timers, workqueues, inTask } = machine();
    const ran: number[] = [];
    const work = workqueues.createDelayed(() => void ran.push(timers.jiffies - begin));
    const results: boolean[] = [];
    let begin = 0;
    inTask(function* () {
      begin = timers.jiffies;
      results.push(workqueues.modDelayedWork(workqueues.systemWq, work, 50), workqueues.modDelayedWork(workqueues.systemWq, work, 2));
      yield* [];
    });
    expect([results, ran]).toEqual([[false, true], [3]]);
  });

  test('edge case 57: a delay of 0 queues at once, without the timer', () => {
    const { timers, workqueues, inTask } = machine();
    let ran = -1;
    let begin = 0;
    const work = workqueues.createDelayed(() => {
      ran = timers.jiffies;
    });
    inTask(function* () {
      begin = timers.jiffies;
      expect(workqueues.queueDelayedWork(workqueues.systemWq, work, 0)).toBe(true);
      expect(yield* workqueues.flushWork(work)).toBe(true);
    });
    expect(ran).toBe(begin);
  });

  test('edge case 58: what an outsider queues on a queue that is drained is dropped with one warning and stays pending', () => {
    const { delays, workqueues, start, inTask, sleeper, log, codes } = machine();
    const wq = workqueues.allocWorkqueue('drained', 0);
    const work = sleeper('late', 1);
    workqueues.queueWork(wq, sleeper('slow', 40));
    start(function* () {
      yield* delays.msleep(8);
      log.push(String(workqueues.queueWork(wq, work)), String(workqueues.queueWork(wq, sleeper('other', 1))));
    });
    inTask(function* () {
      yield* workqueues.drainWorkqueue(wq);
      log.push('drained');
    });
    expect(log).toEqual(['slow', 'true', 'true', 'slowend', 'drained']);
    expect(workqueues.workPending(work)).toBe(true);
    expect(codes()).toEqual(['WORK_DRAIN_QUEUE']);
  });

  test('flush_work of the first of three in an ordered queue returns when it has ended; cancelling the second waits for it', () => {
    const { workqueues, inTask, sleeper, log } = machine();
    const wq = workqueues.allocOrderedWorkqueue('ordered', 0);
    const works = ['a', 'b', 'c'].map((name) => sleeper(name, 30));
    inTask(function* () {
      for (const work of works) workqueues.queueWork(wq, work);
      log.push(`flushed ${yield* workqueues.flushWork(works[0])}`);
      log.push(`cancelled ${yield* workqueues.cancelWorkSync(works[1])}`);
      log.push(`idle ${yield* workqueues.flushWork(works[0])} ${yield* workqueues.cancelWorkSync(works[0])}`);
    });
    expect(log).toEqual(['a', 'aend', 'b', 'flushed true', 'bend', 'c', 'cancelled false', 'idle false false', 'cend']);
  });

  test('an item cannot queue itself while it is cancelled, and a second canceller waits for the first', () => {
    const { delays, workqueues, start, inTask, log } = machine();
    const work = workqueues.create(function* (own) {
      log.push('runs');
      yield* delays.msleep(8);
      log.push(`again ${workqueues.queueWork(workqueues.systemWq, own)}`);
    });
    start(function* () {
      yield* delays.msleep(4);
      log.push(`first ${yield* workqueues.cancelWorkSync(work)}`);
    });
    inTask(function* () {
      workqueues.queueWork(workqueues.systemWq, work);
      yield* delays.msleep(4);
      log.push(`second ${yield* workqueues.cancelWorkSync(work)}`);
    });
    expect(log.slice(0, 2)).toEqual(['runs', 'again false']);
    expect(log.slice(2).sort()).toEqual(['first false', 'second false']);
    expect(workqueues.workBusy(work)).toBe(0);
  });

  test('each flusher waits for what was queued before it, also when there are more of them than periods', () => {
    const { delays, workqueues, start, run, sleeper, log } = machine();
    const wq = workqueues.allocOrderedWorkqueue('ordered', 0);
    for (let n = 0; n < 20; n++) {
      start(function* () {
        workqueues.queueWork(wq, sleeper(`${n}`, 4));
        yield* workqueues.flushWorkqueue(wq);
        log.push(`flushed ${n}`);
      });
    }
    start(function* () {
      yield* delays.msleep(4);
    });
    run(1e9);
    for (let n = 0; n < 20; n++) expect(log.indexOf(`${n}end`)).toBeLessThan(log.indexOf(`flushed ${n}`));
    expect(log.filter((entry) => entry.startsWith('flushed'))).toHaveLength(20);
    // Nobody had to wait for all.
    expect(log.indexOf('flushed 0')).toBeLessThan(log.indexOf('2end'));
  });

  test('a queue that fills itself again and again is reported while it is drained', () => {
    const { delays, workqueues, inTask, codes } = machine();
    const wq = workqueues.allocWorkqueue('busy', 0);
    let left = 30;
    const work = workqueues.create(function* (own) {
      if (left-- > 0) workqueues.queueWork(wq, own);
      yield* delays.msleep(4);
    });
    inTask(function* () {
      workqueues.queueWork(wq, work);
      yield* workqueues.destroyWorkqueue(wq);
      expect(() => workqueues.queueWork(wq, work)).toThrow('has been destroyed');
    });
    expect(left).toBe(-1);
    expect(codes()).toEqual(['WORK_DRAIN_TRIES']);
  });
});

describe('workers', () => {
  test('are called after their pool, its CPU and their number, and show for which queue they work', () => {
    const { cpus, sched, workqueues, inTask, log } = machine({ nrCpus: 2 });
    const note = (): void => {
      log.push(`${workqueues.workerComm(sched.current)} ${cpus.cpu} ${sched.taskNice(sched.current)}`);
    };
    const queues = [
      ...[workqueues.systemWq, workqueues.systemHighpriWq, workqueues.systemUnboundWq],
      workqueues.allocWorkqueue('fast', WQ_UNBOUND | WQ_HIGHPRI),
    ];
    inTask(function* () {
      for (const wq of queues) workqueues.queueWorkOn(1, wq, workqueues.create(note));
      expect(workqueues.currentWork()).toBe(NO_WORK);
      yield* [];
    });
    expect(log.sort()).toEqual([
      'kworker/1:0+events 1 0',
      'kworker/1:0H+events_highpri 1 -20',
      'kworker/u4:0+events_unbound 0 0',
      'kworker/u5:0+fast 0 -20',
    ]);
    const names = sched.tasks().map((task) => workqueues.workerComm(task));
    expect(names).toContain('kworker/1:0-events');
    expect(names).toContain('kworker/0:0');
  });

  test('one runs short items, however many; one that sleeps wakes another, and one that may take long does not hold others up', () => {
    const { clock, cpus, sched, workqueues, inTask, log } = machine();
    const intensive = workqueues.allocWorkqueue('long', WQ_CPU_INTENSIVE);
    const note = (name: string): void => void log.push(`${name} ${sched.comm(sched.current)}`);
    const short = (name: string): WorkId => workqueues.create(() => note(name));
    inTask(function* () {
      for (const name of ['a', 'b', 'c']) workqueues.queueWork(workqueues.systemWq, short(name));
      yield* sched.schedule();
      log.push('-');
      const busy = workqueues.create(function* () {
        note('busy');
        yield* cpus.busyUntil(clock.now() + 1e6);
        yield* sched.schedule();
        note('busy end');
      });
      workqueues.queueWork(intensive, busy);
      workqueues.queueWork(workqueues.systemWq, short('d'));
    });
    expect(log).toEqual([
      ...['a kworker/0:0', 'b kworker/0:0', 'c kworker/0:0', '-'],
      ...['busy kworker/0:0', 'd kworker/0:1', 'busy end kworker/0:0'],
    ]);
  });

  test('those that nobody needs end after five minutes', () => {
    const { clock, delays, run, sched, workqueues, inTask, sleeper } = machine();
    const workers = (): number => sched.tasks().filter((task) => sched.comm(task).startsWith('kworker/0:')).length;
    const before = workers();
    inTask(function* () {
      for (let n = 0; n < 10; n++) workqueues.queueWork(workqueues.systemWq, sleeper(`${n}`, 10));
      yield* [];
    });
    expect(workers()).toBe(before + 10);
    inTask(function* () {
      yield* delays.msleep(310_000);
    });
    run(clock.now() + 320e9);
    // Two idle ones may stay.
    expect(workers()).toBe(before + 1);
  });

  test('when none can be made the rescuer of the queue does its items', () => {
    let hasMemory = true;
    const { delays, sched, timers, workqueues, inTask, sleeper, log } = machine({ mayMakeWorker: () => hasMemory });
    const wq = workqueues.allocWorkqueue('reclaim', WQ_MEM_RECLAIM);
    inTask(function* () {
      workqueues.queueWork(workqueues.systemWq, sleeper('a', 4000));
      yield* delays.msleep(4);
      hasMemory = false;
      const begin = timers.jiffies;
      workqueues.queueWork(wq, workqueues.create(() => void log.push(`${sched.comm(sched.current)} after ${timers.jiffies - begin}`)));
      yield* delays.msleep(800);
      yield* workqueues.destroyWorkqueue(wq);
    });
    expect(log).toEqual(['a', 'reclaim after 3']);
    expect(sched.tasks().map((task) => sched.comm(task))).not.toContain('reclaim');
  });

  test('a function that ends in atomic context is reported, and its worker goes on', () => {
    const { cpus, workqueues, inTask, found } = machine();
    inTask(function* () {
      workqueues.queueWork(workqueues.systemWq, workqueues.create(() => cpus.preemptCountAdd(PREEMPT_OFFSET)));
      yield* [];
    });
    expect(found.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^BUG: WORK_LEAKED_ATOMIC: workqueue leaked lock or atomic: kworker\/0:0\/0x00000001\/\d+$/),
    ]);
    expect(cpus.preemptCount()).toBe(1);
  });
});

describe('functions in workers', () => {
  test('work_on_cpu runs there and returns the result; schedule_on_each_cpu runs on all and waits', () => {
    const { cpus, delays, workqueues, inTask } = machine({ nrCpus: 4 });
    const seen: number[] = [];
    inTask(function* () {
      expect(yield* workqueues.workOnCpu(3, () => cpus.cpu * 10)).toBe(30);
      yield* workqueues.scheduleOnEachCpu(function* () {
        yield* delays.msleep(4 * (cpus.cpu + 1));
        seen.push(cpus.cpu);
      });
      seen.push(-1);
    });
    expect(seen).toEqual([0, 1, 2, 3, -1]);
  });

  test('a delay on a CPU ends there', () => {
    const { cpus, workqueues, inTask } = machine({ nrCpus: 2 });
    const ran: number[] = [];
    inTask(function* () {
      workqueues.queueDelayedWorkOn(1, workqueues.systemWq, workqueues.createDelayed(() => void ran.push(cpus.cpu)), 3);
      yield* [];
    });
    expect(ran).toEqual([1]);
  });
});
