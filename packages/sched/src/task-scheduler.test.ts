import { describe, expect, test } from 'vitest';
import {
  SIGKILL,
  SIGUSR1,
  TASK_DEAD,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_NORMAL,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
  type KernelBug,
  type Sleepable,
} from '@kmem/contracts';
import { createEngine } from '@kmem/hw';
import { TaskScheduler, type TaskSchedulerOptions } from '@kmem/sched';

function machine(nrCpus = 1, options: Partial<TaskSchedulerOptions> = {}) {
  const engine = createEngine({ nrCpus });
  const sched = new TaskScheduler({ cpus: engine.cpus, execution: engine.execution, ...options });
  const log: string[] = [];
  /** Makes a task and wakes it. */
  const start = (code: () => Sleepable<unknown>, name = 'task', cpu = 0): number => {
    const task = sched.kthreadCreate(function* () {
      return Number((yield* code()) ?? 0);
    }, name, cpu);
    sched.wakeUpProcess(task);
    return task;
  };
  return { ...engine, sched, log, start };
}

describe('running', () => {
  test('tasks take turns in the order in which they were woken', () => {
    const { sched, log, start, run } = machine();
    for (const name of ['a', 'b', 'c']) {
      start(function* () {
        for (let i = 0; i < 2; i++) {
          log.push(`${name}${i}`);
          yield* sched.schedule();
        }
      });
    }
    run();
    expect(log).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1']);
  });

  test('chooseTask decides which runnable task goes on', () => {
    const { sched, log, start, run } = machine(1, { chooseTask: (_cpu, runnable) => runnable.at(-1) ?? 0 });
    for (const name of ['a', 'b', 'c']) {
      start(function* () {
        log.push(name);
        yield* sched.schedule();
      });
    }
    run();
    expect(log).toEqual(['c', 'b', 'a']);
  });

  test('cond_resched gives the CPU away after a tick only, and only when somebody waits', () => {
    const { sched, log, start, run } = machine();
    start(function* () {
      log.push(`${yield* sched.condResched()}`);
      sched.schedulerTick();
      log.push(`${yield* sched.condResched()}`);
      sched.schedulerTick();
      log.push(`${yield* sched.condResched()}`);
    });
    start(function* () {
      log.push('other');
      yield* sched.condResched();
    });
    run();
    expect(log).toEqual(['0', 'other', '1', '0']);
  });
});

describe('sleeping and waking', () => {
  test.each([
    ['INTERRUPTIBLE', TASK_INTERRUPTIBLE, 1],
    ['UNINTERRUPTIBLE', TASK_UNINTERRUPTIBLE, 1],
    ['KILLABLE', TASK_KILLABLE, 1],
    ['IDLE', TASK_IDLE, 1],
  ])('wake_up_process wakes %s once', (_name, state, woken) => {
    const { sched, log, start, run } = machine();
    const task = start(function* () {
      sched.setCurrentState(state);
      yield* sched.schedule();
      log.push(`state ${sched.taskState(sched.current)}`);
    });
    run();
    expect(sched.taskState(task)).toBe(state);
    expect([sched.wakeUpProcess(task), sched.wakeUpProcess(task)]).toEqual([woken, 0]);
    run();
    expect(log).toEqual(['state 0']);
    expect(sched.taskState(task)).toBe(TASK_DEAD);
  });

  test('a state that is not in the mask is not woken', () => {
    const { sched, start, run } = machine();
    const task = start(function* () {
      sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      yield* sched.schedule();
    });
    run();
    expect(sched.tryToWakeUp(task, TASK_INTERRUPTIBLE)).toBe(0);
    expect(sched.tryToWakeUp(task, TASK_NORMAL)).toBe(1);
  });

  test('a task woken between setting its state and schedule does not sleep', () => {
    const { cpus, sched, log, start, run } = machine(2);
    const sleeper = start(function* () {
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      yield* cpus.busyUntil(100);
      yield* sched.schedule();
      log.push(`awake at ${sched.taskState(sched.current)}`);
    });
    start(function* () {
      yield* cpus.busyUntil(50);
      log.push(`woken ${sched.wakeUpProcess(sleeper)}`);
    }, 'waker', 1);
    run();
    expect(log).toEqual(['woken 1', 'awake at 0']);
  });

  test('a task that is woken on another, idle CPU runs there', () => {
    const { cpus, clock, sched, log, start, run } = machine(2);
    const sleeper = start(
      function* () {
        sched.setCurrentState(TASK_INTERRUPTIBLE);
        yield* sched.schedule();
        log.push(`CPU ${cpus.cpu} at ${clock.now()}`);
      },
      'sleeper',
      1,
    );
    start(function* () {
      yield* cpus.busyUntil(700);
      sched.wakeUpProcess(sleeper);
    });
    run();
    expect(log).toEqual(['CPU 1 at 700']);
  });
});

describe('signals', () => {
  test.each([
    ['INTERRUPTIBLE', TASK_INTERRUPTIBLE, true, true],
    ['KILLABLE', TASK_KILLABLE, false, true],
    ['UNINTERRUPTIBLE', TASK_UNINTERRUPTIBLE, false, false],
    ['IDLE', TASK_IDLE, false, false],
  ])('%s: SIGUSR1 wakes %s', (_name, state, usr1, kill) => {
    for (const [sig, wakes] of [[SIGUSR1, usr1], [SIGKILL, kill]] as const) {
      const { sched, start, run } = machine();
      const task = start(function* () {
        sched.allowSignal(SIGUSR1);
        sched.allowSignal(SIGKILL);
        sched.setCurrentState(state);
        yield* sched.schedule();
        // A signal that the state heeds keeps it from going to sleep.
        sched.setCurrentState(state);
        yield* sched.schedule();
      });
      run();
      sched.sendSig(sig, task);
      run();
      expect(sched.taskState(task)).toBe(wakes ? TASK_DEAD : state);
      expect(sched.signalPending(task)).toBe(true);
    }
  });

  test('kernel threads ignore what they have not allowed', () => {
    const { sched, start, run } = machine();
    const task = start(function* () {
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      yield* sched.schedule();
    });
    run();
    sched.sendSig(SIGKILL, task);
    expect([sched.signalPending(task), sched.taskState(task)]).toEqual([false, TASK_INTERRUPTIBLE]);
  });
});

describe('kernel threads', () => {
  test('kthread_stop wakes the thread, waits and returns its result', () => {
    const { sched, log, start, run } = machine();
    const thread = start(function* () {
      while (!sched.kthreadShouldStop()) {
        sched.setCurrentState(TASK_INTERRUPTIBLE);
        if (!sched.kthreadShouldStop()) yield* sched.schedule();
      }
      log.push('stops');
      return 7;
    }, 'thread');
    start(function* () {
      log.push(`result ${yield* sched.kthreadStop(thread)}`);
      log.push(`again ${yield* sched.kthreadStop(thread)}`);
    });
    run();
    expect(log).toEqual(['stops', 'result 7', 'again 7']);
  });

  test('a parked thread sleeps until it is unparked or stopped, whoever else wakes it', () => {
    const { sched, log, start, run } = machine();
    const thread = sched.kthreadCreate(function* () {
      while (!sched.kthreadShouldStop()) {
        if (sched.kthreadShouldPark()) yield* sched.kthreadParkme();
        log.push(`stop ${sched.kthreadShouldStop()}`);
        sched.setCurrentState(TASK_INTERRUPTIBLE);
        if (!sched.kthreadShouldStop() && !sched.kthreadShouldPark()) yield* sched.schedule();
        sched.setCurrentState(TASK_RUNNING);
      }
      return 3;
    }, 'thread', 0);
    sched.wakeUpProcess(thread);
    start(function* () {
      yield* sched.schedule();
      log.push(`park ${yield* sched.kthreadPark(thread)}`, sched.taskStateToChar(sched.taskState(thread)));
      log.push(`again ${yield* sched.kthreadPark(thread)}`, `wake ${sched.wakeUpProcess(thread)}`);
      sched.kthreadUnpark(thread);
      yield* sched.schedule();
      log.push(sched.taskStateToChar(sched.taskState(thread)), `park ${yield* sched.kthreadPark(thread)}`);
      log.push(`result ${yield* sched.kthreadStop(thread)}`, `gone ${yield* sched.kthreadPark(thread)}`);
    });
    run();
    expect(log).toEqual([
      ...['stop false', 'park 0', 'P', 'again -16', 'wake 0', 'stop false', 'S', 'park 0'],
      ...['stop true', 'result 3', 'gone -38'],
    ]);
  });

  test('one that is stopped before it was woken gives -EINTR and never runs', () => {
    const { sched, log, start, run } = machine();
    const thread = sched.kthreadCreate(
      function* () {
        yield* sched.schedule();
        log.push('runs');
        return 7;
      },
      'a-name-longer-than-fifteen',
      0,
    );
    start(function* () {
      log.push(`result ${yield* sched.kthreadStop(thread)}`);
    });
    run();
    expect(log).toEqual(['result -4']);
    expect(sched.comm(thread)).toBe('a-name-longer-t');
  });
});

describe('misuse', () => {
  test('schedule with preemption off is reported with the kernel\'s value, and goes on', () => {
    const found: KernelBug[] = [];
    const { cpus, sched, log, start, run } = machine(1, { reports: { report: (bug) => void found.push(bug) } });
    start(function* () {
      cpus.preemptCountAdd(1);
      yield* sched.schedule();
      log.push(`count ${cpus.preemptCount()}`);
    }, 'orc-main');
    run();
    expect(found.map(({ code, message }) => [code, message])).toEqual([
      ['SCHEDULING_WHILE_ATOMIC', 'BUG: SCHEDULING_WHILE_ATOMIC: scheduling while atomic: orc-main/1/0x00000002'],
    ]);
    expect(log).toEqual(['count 0']);
  });

  test('might_sleep reports interrupts that are off', () => {
    const { cpus, sched, start, run } = machine();
    start(function* () {
      cpus.localIrqDisable();
      yield* sched.mightSleep();
    });
    expect(() => run()).toThrow('in_atomic(): 0, irqs_disabled(): 1');
  });

  test('a task whose code throws has ended, the others go on', () => {
    const found: string[] = [];
    const { sched, log, start, run } = machine(1, { reports: { report: ({ code }) => void found.push(code) } });
    const task = start(function* () {
      yield* sched.schedule();
      throw new Error('oops');
    });
    start(function* () {
      yield* sched.schedule();
      yield* sched.schedule();
      log.push('goes on');
    });
    run();
    expect([found, log, sched.taskState(task)]).toEqual([['TASK_FAILED'], ['goes on'], TASK_DEAD]);
  });
});

test('hooks see every switch and every end', () => {
  const { sched, log, start, run } = machine();
  sched.addSwitchHooks({
    switchIn: (task, cpu) => void log.push(`in ${task} on ${cpu}`),
    switchOut: (task) => void log.push(`out ${task}`),
    exit: (task, result) => void log.push(`exit ${task} with ${result}`),
  });
  const task = start(function* () {
    yield* sched.schedule();
    expect(sched.taskState(sched.current)).toBe(TASK_RUNNING);
    return 3;
  });
  run();
  expect(log).toEqual(['out 0', `in ${task} on 0`, `exit ${task} with 3`, `out ${task}`, 'in 0 on 0']);
});

test('states have the letters of /proc', () => {
  const { sched } = machine();
  const states = [0, 1, 2, 0x102, 0x402, 4, 0x104, 8, 0x40, 0x400, 0x100, 0xa0, 0x90, TASK_DEAD];
  expect(states.map((state) => sched.taskStateToChar(state)).join('')).toBe('RSDDITTtPRRZXX');
});
