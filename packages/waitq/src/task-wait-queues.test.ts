import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  SIGKILL,
  SIGUSR1,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_NORMAL,
  TASK_UNINTERRUPTIBLE,
  WOULD_BLOCK,
  WQ_FLAG_EXCLUSIVE,
  WQ_FLAG_PRIORITY,
  type Sleepable,
} from '@kmem/contracts';
import { createEngine } from '@kmem/hw';
import { TaskScheduler } from '@kmem/sched';
import { TaskWaitQueues } from '@kmem/waitq';

function machine() {
  const engine = createEngine();
  const sched = new TaskScheduler(engine);
  const queues = new TaskWaitQueues({ cpus: engine.cpus, sched });
  const head = queues.createHead();
  const log: string[] = [];
  const start = (code: () => Sleepable<unknown>): number => {
    const task = sched.kthreadCreate(function* () {
      sched.allowSignal(SIGUSR1);
      sched.allowSignal(SIGKILL);
      return Number((yield* code()) ?? 0);
    }, 'task', 0);
    sched.wakeUpProcess(task);
    engine.run();
    return task;
  };
  return { ...engine, sched, queues, head, log, start };
}

/** Entries whose wake functions write down their names; `returns` says what they return. */
function named(names: string, returns: Record<string, number> = {}) {
  const { queues, head, log } = machine();
  const entries = new Map<string, number>();
  for (const name of names) {
    const entry = queues.createEntry();
    queues.initEntry(entry, 0, () => {
      log.push(name);
      return returns[name] ?? 1;
    });
    entries.set(name, entry);
    if (name >= 'a') queues.addWaitQueue(head, entry);
    else if (name >= 'X') queues.addWaitQueueExclusive(head, entry);
    else queues.addWaitQueuePriority(head, entry);
  }
  const called = (nr: number): string => {
    log.length = 0;
    queues.wakeUp(head, TASK_NORMAL, nr);
    return log.join('');
  };
  return { queues, head, entries, called };
}

describe('the walk', () => {
  const idle = { P: 0, Q: 0 };
  test.each([
    ['wake_up ends with the first exclusive one', idle, 1, 'PQcbaX'],
    ['wake_up_nr 2 with the second', idle, 2, 'PQcbaXY'],
    ['wake_up_all never', idle, 0, 'PQcbaXY'],
    ['one with priority that is woken ends it', { P: 0 }, 1, 'PQ'],
    ['a negative result ends it at once', { ...idle, c: -1 }, 0, 'PQc'],
    ['an exclusive one that is not woken does not count', { ...idle, X: 0 }, 1, 'PQcbaXY'],
  ])('%s', (_name, returns, nr, expected) => {
    expect(named('abXcYPQ', returns).called(nr)).toBe(expected);
  });

  test('returns how many exclusive ones were woken', () => {
    const { queues, head } = named('abXcY');
    expect([1, 2, 0].map((nr) => queues.wakeUp(head, TASK_NORMAL, nr))).toEqual([1, 2, 2]);
  });

  test('lets others have the lock after every 65 entries, and calls nobody twice', () => {
    const { cpus, queues, head, log } = machine();
    let calls = 0;
    cpus.setVectorHandler(0x30, () => {
      log.push(`${calls}`);
      const late = queues.createEntry();
      queues.initEntry(late, 0, () => 1000);
      queues.addWaitQueue(head, late);
    });
    for (let i = 0; i < 200; i++) {
      const entry = queues.createEntry();
      queues.initEntry(entry, 0, () => {
        calls++;
        cpus.raiseVector(0, 0x30);
        return 0;
      });
      queues.addWaitQueue(head, entry);
    }
    queues.wakeUp(head, TASK_NORMAL, 1);
    expect(log).toEqual(['65', '130', '195', '200']);
    expect(calls).toBe(200);
    expect(queues.entries(head)).toHaveLength(204);
  });

  test('queues of any history are listed and walked as a plain list would be', () => {
    const operation = fc.record({ entry: fc.nat(7), how: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(operation, { size: 'max', maxLength: 60 }), (operations) => {
        const { queues, head } = machine();
        const entries = Array.from({ length: 8 }, () => queues.createEntry());
        let model: number[] = [];
        const priority = (entry: number): boolean => (queues.flags(entry) & WQ_FLAG_PRIORITY) !== 0;
        for (const { entry: i, how } of operations) {
          const entry = entries[i];
          if (model.includes(entry)) {
            queues.removeWaitQueue(head, entry);
            model = model.filter((other) => other !== entry);
          } else {
            queues.setFlags(entry, 0);
            const firsts = model.filter(priority);
            const rest = model.filter((other) => !priority(other));
            if (how === 0) queues.addWaitQueue(head, entry);
            else if (how === 1) queues.addWaitQueueExclusive(head, entry);
            else queues.addWaitQueuePriority(head, entry);
            model = how === 1 ? [...model, entry] : [...firsts, entry, ...rest];
          }
          expect(queues.entries(head)).toEqual(model);
          expect(entries.filter((e) => queues.isQueued(e)).length).toBe(model.length);
        }
      }),
    );
  });
});

describe('wait_event', () => {
  test('does not queue when the condition holds, and evaluates it once', () => {
    const { queues, head, log, start } = machine();
    start(function* () {
      const result = yield* queues.waitEvent(head, () => log.push('eval') > 0, TASK_UNINTERRUPTIBLE);
      log.push(`${result} ${queues.waitqueueActive(head)}`);
    });
    expect(log).toEqual(['eval', '0 false']);
  });

  test('a sleep and a wake-up take three evaluations; a wake-up without the condition one more', () => {
    const { queues, head, log, start, run } = machine();
    let flag = false;
    start(function* () {
      const condition = (): boolean => {
        log.push(`eval ${flag}`);
        return flag;
      };
      yield* queues.waitEvent(head, condition, TASK_UNINTERRUPTIBLE);
      log.push(`done ${queues.waitqueueActive(head)}`);
    });
    queues.wakeUp(head, TASK_NORMAL, 1);
    run();
    flag = true;
    queues.wakeUp(head, TASK_NORMAL, 1);
    run();
    expect(log).toEqual(['eval false', 'eval false', 'eval false', 'eval true', 'done false']);
  });

  test.each([
    ['INTERRUPTIBLE', TASK_INTERRUPTIBLE, SIGUSR1, -512],
    ['KILLABLE', TASK_KILLABLE, SIGKILL, -512],
    ['KILLABLE', TASK_KILLABLE, SIGUSR1, undefined],
    ['UNINTERRUPTIBLE', TASK_UNINTERRUPTIBLE, SIGKILL, undefined],
  ])('%s %i with signal %i ends with %s', (_name, state, sig, expected) => {
    const { queues, sched, head, start, run } = machine();
    let result: number | undefined;
    const task = start(function* () {
      result = yield* queues.waitEvent(head, () => false, state);
    });
    sched.sendSig(sig, task);
    run();
    expect(result).toBe(expected);
    expect(queues.waitqueueActive(head)).toBe(expected === undefined);
  });

  test('a condition that holds wins over a pending signal', () => {
    const { queues, sched, head, start, run } = machine();
    let flag = false;
    let result: number | undefined;
    const task = start(function* () {
      result = yield* queues.waitEvent(head, () => flag, TASK_INTERRUPTIBLE);
    });
    flag = true;
    sched.sendSig(SIGUSR1, task);
    run();
    expect(result).toBe(0);
  });

  test('exclusive waiters are woken first come first served, others last come first', () => {
    const { queues, head, log, start, run } = machine();
    let tokens = 0;
    for (const [name, exclusive] of [['a', true], ['b', true], ['c', false], ['d', false]] as const) {
      start(function* () {
        yield* queues.waitEvent(head, () => tokens > 0, TASK_UNINTERRUPTIBLE, exclusive);
        log.push(name);
      });
    }
    tokens = 1;
    queues.wakeUp(head, TASK_NORMAL, 1);
    run();
    expect(log).toEqual(['d', 'c', 'a']);
  });
});

test('the attempt answers would-block where the generator sleeps, and the same otherwise', () => {
  const { queues, sched, head, log, start, run } = machine();
  let flag = false;
  // A task as C code compiled to something else would run it: it leaves with WOULD_BLOCK and is called again.
  start(function* () {
    const entry = queues.entryAt(0xffff888000001000);
    queues.initEntry(entry, sched.current, queues.autoremoveWake);
    for (;;) {
      const result = queues.tryWaitEvent(head, entry, () => flag, TASK_INTERRUPTIBLE);
      log.push(result === WOULD_BLOCK ? `would block in state ${sched.taskState(sched.current)}` : `result ${result}`);
      if (result !== WOULD_BLOCK) return;
      yield* sched.schedule();
    }
  });
  flag = true;
  queues.wakeUp(head, TASK_NORMAL, 1);
  run();
  expect(log).toEqual(['would block in state 1', 'result 0']);
});

test('heads and entries that belong to an address are made on first use', () => {
  const { queues } = machine();
  const head = queues.headAt(0x1000);
  expect(queues.headAt(0x1000)).toBe(head);
  expect(queues.waitqueueActive(head)).toBe(false);
  const entry = queues.entryAt(0x1010);
  queues.addWaitQueueExclusive(head, entry);
  expect([queues.entries(queues.headAt(0x1000)), queues.flags(entry)]).toEqual([[entry], WQ_FLAG_EXCLUSIVE]);
});

test('a wake function that asks for the lock it runs under is reported', () => {
  const { queues, head } = machine();
  const entry = queues.createEntry();
  queues.initEntry(entry, 0, () => queues.wakeUp(head, TASK_NORMAL, 1));
  queues.addWaitQueue(head, entry);
  expect(() => queues.wakeUp(head, TASK_NORMAL, 1)).toThrow('SELF_DEADLOCK');
});
