/** Steps about work queues. Item n of a script is two: a plain one and one with a delay, with the same program and run counter. */
import type { Atomic, Sleepable, WorkId, WorkqueueId } from '@kmem/contracts';
import {
  TASK_UNINTERRUPTIBLE,
  WQ_CPU_INTENSIVE,
  WQ_FREEZABLE,
  WQ_HIGHPRI,
  WQ_MEM_RECLAIM,
  WQ_POWER_EFFICIENT,
  WQ_SYSFS,
  WQ_UNBOUND,
} from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { recordedPools } from './worker-names.js';
import { logAround, numberOf, objectOf, Program, resourcesOf, type AtomicStep, type SleepableStep, type StepFamily } from './step-kinds.js';

const FLAGS: Readonly<Record<string, number>> = {
  ...{ UNBOUND: WQ_UNBOUND, FREEZABLE: WQ_FREEZABLE, MEM_RECLAIM: WQ_MEM_RECLAIM, HIGHPRI: WQ_HIGHPRI },
  ...{ CPU_INTENSIVE: WQ_CPU_INTENSIVE, SYSFS: WQ_SYSFS, POWER_EFFICIENT: WQ_POWER_EFFICIENT },
};
/** Calls that do not wait. */
const CALLS = [
  ...['queue_work', 'queue_work_on', 'schedule_work', 'schedule_work_on', 'queue_delayed_work', 'queue_delayed_work_on'],
  ...['schedule_delayed_work', 'schedule_delayed_work_on', 'mod_delayed_work', 'cancel_work', 'cancel_delayed_work'],
  ...['work_busy', 'work_pending', 'delayed_work_pending', 'workqueue_congested'],
];
/** Calls that may sleep. */
const SLEEPING_CALLS = [
  ...['flush_work', 'flush_delayed_work', 'flush_workqueue', 'drain_workqueue', 'destroy_workqueue', 'cancel_work_sync'],
  ...['cancel_delayed_work_sync', 'work_on_cpu', 'schedule_on_each_cpu'],
];

/** What these steps are called, and the resources they are about. */
export const WORK_FAMILY = { resources: ['works', 'queues'], steps: [...CALLS, ...SLEEPING_CALLS] };

/** An item of the script. */
interface ScriptWork {
  readonly id: unknown;
  readonly log: readonly unknown[];
  readonly plain: WorkId;
  readonly delayed: WorkId;
  program: Program;
  runs: number;
}

/**
 * Makes the queues and items of a script, and their steps.
 *
 * @param run - the scenario.
 * @param runSteps - does the steps of an item's program.
 * @returns the steps.
 */
export function workSteps(run: ScenarioRun, runSteps: (steps: readonly Step[]) => Sleepable<unknown>): StepFamily {
  const { script } = run.scenario;
  const { sched, workqueues } = run.kernel;
  const queues = new Map<unknown, WorkqueueId>([
    ['system_wq', workqueues.systemWq],
    ['system_highpri_wq', workqueues.systemHighpriWq],
    ['system_long_wq', workqueues.systemLongWq],
    ['system_unbound_wq', workqueues.systemUnboundWq],
    ['system_freezable_wq', workqueues.systemFreezableWq],
    ['system_power_efficient_wq', workqueues.systemPowerEfficientWq],
    ['system_freezable_power_efficient_wq', workqueues.systemFreezablePowerEfficientWq],
  ]);
  const works = new Map<unknown, ScriptWork>();
  /** The item that a task executes. */
  const running = new Map<number, ScriptWork>();

  for (const queue of resourcesOf(script, 'queues')) queues.set(queue['queue'], makeQueue(queue));
  for (const resource of resourcesOf(script, 'works')) {
    const own: ScriptWork = {
      id: resource['work'],
      log: Array.isArray(resource['log']) ? resource['log'] : [resource['log'], null],
      plain: workqueues.create(() => execute(own, own.plain)),
      delayed: workqueues.createDelayed(() => execute(own, own.delayed)),
      program: new Program(resource['prog']),
      runs: 0,
    };
    works.set(own.id, own);
  }

  function makeQueue({ how, name, flags, max_active }: JsonObject): WorkqueueId {
    const names = Array.isArray(flags) ? flags : [];
    const bits = names.reduce<number>((all, flag) => all | (FLAGS[String(flag)] ?? 0), 0);
    switch (how) {
      case 'alloc_ordered_workqueue':
        return workqueues.allocOrderedWorkqueue(String(name), bits);
      case 'create_singlethread_workqueue':
        return workqueues.allocOrderedWorkqueue(String(name), WQ_MEM_RECLAIM);
      case 'create_freezable_workqueue':
        return workqueues.allocWorkqueue(String(name), WQ_FREEZABLE | WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
      case 'create_workqueue':
        return workqueues.allocWorkqueue(String(name), WQ_MEM_RECLAIM, 1);
      default:
        return workqueues.allocWorkqueue(String(name), bits, typeof max_active === 'number' ? max_active : 0);
    }
  }

  function* execute(own: ScriptWork, work: WorkId): Sleepable<void> {
    const [entry, end] = own.log;
    own.runs++;
    yield* run.catchUp();
    if (typeof entry === 'string') run.write(entry, described(own, work, entry));
    running.set(sched.current, own);
    yield* runSteps(own.program.next());
    running.delete(sched.current);
    yield* run.catchUp();
    if (typeof end === 'string') run.write(end, { id: own.id });
  }

  function described(own: ScriptWork, work: WorkId, entry: string): JsonObject {
    if ('first_irq' in script) return { x: 0 };
    const worker = workerName();
    if (entry !== 'work-start') return { id: own.id, worker };
    return {
      ...{ id: own.id, run: own.runs, delayed: work === own.delayed ? 1 : 0, worker },
      ...{ pending: Number(workqueues.workPending(work)), busy: workqueues.workBusy(work), nice: sched.taskNice(sched.current) },
    };
  }

  function workerName(): string {
    return run.tasks.name(workqueues.workerComm(sched.current));
  }

  function find(step: Step): { own: ScriptWork; work: WorkId } {
    const own = works.get(step['dwork'] ?? step['work']);
    if (own === undefined) throw new TypeError(`step ${step.do}: no work ${String(step['dwork'] ?? step['work'])}`);
    return { own, work: 'dwork' in step ? own.delayed : own.plain };
  }

  function queueOf(step: Step): WorkqueueId {
    const queue = queues.get(step['queue'] ?? 'system_wq');
    if (queue === undefined) throw new TypeError(`step ${step.do}: no queue ${String(step['queue'])}`);
    return queue;
  }

  const calls: Readonly<Record<string, (step: Step, work: WorkId) => unknown>> = {
    queue_work: (step, work) => workqueues.queueWork(queueOf(step), work),
    queue_work_on: (step, work) => workqueues.queueWorkOn(numberOf(step, 'cpu'), queueOf(step), work),
    queue_delayed_work: (step, work) => workqueues.queueDelayedWork(queueOf(step), work, numberOf(step, 'delay')),
    queue_delayed_work_on: (step, work) => workqueues.queueDelayedWorkOn(numberOf(step, 'cpu'), queueOf(step), work, numberOf(step, 'delay')),
    mod_delayed_work: (step, work) => workqueues.modDelayedWork(queueOf(step), work, numberOf(step, 'delay')),
    cancel_work: (_step, work) => workqueues.cancelWork(work),
    cancel_delayed_work: (_step, work) => workqueues.cancelWork(work),
    work_busy: (_step, work) => workqueues.workBusy(work),
    work_pending: (_step, work) => workqueues.workPending(work),
    delayed_work_pending: (_step, work) => workqueues.workPending(work),
    workqueue_congested: (step) => workqueues.workqueueCongested(numberOf(step, 'cpu'), queueOf(step)),
  };

  function perform(step: Step): unknown {
    const make = calls[step.do.replace(/^schedule_(delayed_)?work/, 'queue_$1work')];
    return make?.(step, step.do === 'workqueue_congested' ? 0 : find(step).work);
  }

  function* performSleeping(step: Step): Sleepable<unknown> {
    switch (step.do) {
      case 'flush_workqueue':
        return yield* workqueues.flushWorkqueue(queueOf(step));
      case 'drain_workqueue':
        return yield* workqueues.drainWorkqueue(queueOf(step));
      case 'destroy_workqueue':
        return yield* workqueues.destroyWorkqueue(queueOf(step));
      case 'work_on_cpu':
        return yield* workqueues.workOnCpu(numberOf(step, 'cpu'), () => callback(objectOf(step, 'fn')));
      case 'schedule_on_each_cpu':
        return yield* workqueues.scheduleOnEachCpu(function* () {
          yield* callback(objectOf(step, 'fn'));
        });
      case 'flush_work':
        return yield* flush(workqueues.flushWork(find(step).work));
      case 'flush_delayed_work':
        return yield* flush(workqueues.flushDelayedWork(find(step).work));
      default:
        return yield* workqueues.cancelWorkSync(find(step).work);
    }
  }

  /**
   * A flush lets others go first before it looks at the item, if the scheduler wants that. Whether it did so is not recorded by itself: a
   * worker that did all it had to before leaves nothing to wait for.
   */
  function* flush(code: Sleepable<boolean>): Sleepable<boolean> {
    const { lines } = run.scenario;
    const me = sched.comm(sched.current);
    const end = lines.findIndex(({ ev, members }, i) => i >= run.written && ev === 'ret' && members['task'] === me);
    run.tasks.keepsCpu = lines[end]?.a['ret'] === 1;
    let step = code.next();
    for (; step.done !== true; step = code.next()) {
      yield step.value;
      run.tasks.keepsCpu = false;
    }
    run.tasks.keepsCpu = false;
    return step.value;
  }

  /** A function of the script that a worker runs. */
  function* callback(fn: JsonObject): Sleepable<number> {
    yield* run.catchUp();
    run.write(String(fn['log']), { worker: workerName() });
    return numberOf(fn, 'returns');
  }

  function before(step: Step): void {
    logAround(run, step, 0, { op: step['as'] ?? step.do });
  }

  function after(step: Step, result: unknown): unknown {
    const ret = Number(result ?? 0);
    const own = running.get(sched.current);
    if (step['log'] === 'pair') logAround(run, step, 1, { op: step['as'] ?? step.do, ret });
    else if (own === undefined) logAround(run, step, 1, { ret });
    else logAround(run, step, 1, find(step).own === own ? { id: own.id, ret } : { other: find(step).own.id, ret });
    return ret;
  }

  function* call(step: Step): Atomic<unknown> {
    if ('log' in step) yield* run.catchUp();
    before(step);
    const result = perform(step);
    if ('log' in step) yield* run.catchUp();
    return after(step, result);
  }

  function* sleepingCall(step: Step): Sleepable<unknown> {
    if ('log' in step) yield* run.catchUp();
    before(step);
    const result = yield* performSleeping(step);
    if ('log' in step) yield* run.catchUp();
    return after(step, result);
  }

  /** One recorded call of an `events` script. */
  function* recordedCall(line: Step): Sleepable<void> {
    const op = String(line['op']);
    run.write('call', { ...run.next?.a });
    const target = op.includes('delayed') ? { dwork: line['id'] } : { work: line['id'] };
    const step: Step = { do: op, queue: line['q'] ?? 'q', ...target, delay: numberOf(line, 'delay') };
    const result = SLEEPING_CALLS.includes(op) ? yield* performSleeping(step) : perform(step);
    yield* run.catchUp();
    // Which item the script had drawn stands there also when the call is about its queue.
    run.write('ret', { op, ...('id' in (run.next?.a ?? {}) && { id: line['id'] ?? run.next?.a['id'] }), ret: Number(result ?? 0) });
  }

  /** The recorded machine has run before: makes as many workers idle as there are names, and one to spare. */
  function* prepare(): Sleepable<void> {
    run.tasks.onlySleeps = (task) => !workqueues.workerIsNeeded(task);
    const main = sched.current;
    const pools = recordedPools(run.scenario.lines.map(({ members }) => members['task']), run.kernel.cpus.nrCpus);
    const blocked: number[] = [];
    let working = 0;
    for (const { cpu, highpri, count } of pools) {
      const queue = workqueues.allocWorkqueue('prepare', (cpu === null ? WQ_UNBOUND : 0) | (highpri ? WQ_HIGHPRI : 0));
      for (let n = 0; n <= count; n++, working++) workqueues.queueWorkOn(cpu ?? 0, queue, workqueues.create(block));
    }
    if (working === 0) return;
    yield* sleep();
    for (const task of blocked) sched.wakeUpProcess(task);
    yield* sleep();

    /** Sleeps, the last one having woken the driver before and after. */
    function* block(): Sleepable<void> {
      if (blocked.push(sched.current) === working) sched.wakeUpProcess(main);
      yield* sleep();
      if (--working === 0) sched.wakeUpProcess(main);
    }

    function* sleep(): Sleepable<void> {
      sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      yield* sched.schedule();
    }
  }

  const atomic: Record<string, AtomicStep> = {};
  const sleepable: Record<string, SleepableStep> = { 'events:call': recordedCall };
  for (const name of CALLS) atomic[name] = call;
  for (const name of SLEEPING_CALLS) sleepable[name] = sleepingCall;
  sleepable['events:msleep'] = function* (line): Sleepable<void> {
    run.write('msleep', { ms: line['ms'] });
    yield* run.kernel.delays.msleep(numberOf(line, 'ms'));
  };
  // eslint-disable-next-line require-yield -- steps are generators
  atomic['set:work'] = function* (step): Atomic<void> {
    const { own } = find(step);
    if ('prog' in step) own.program = new Program(step['prog']);
    if ('runs' in step) own.runs = numberOf(step, 'runs');
  };
  return { atomic, sleepable, prepare, reads: { work: (id) => works.get(id)?.runs } };
}
