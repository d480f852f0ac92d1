/** Steps about kernel threads: made, woken, parked and stopped by the driver. */
import type { Sleepable, TaskId } from '@kmem/contracts';
import { TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, resourcesOf, type SleepableStep, type StepFamily } from './step-kinds.js';

const STATES: Readonly<Record<string, number>> = { INTERRUPTIBLE: TASK_INTERRUPTIBLE, UNINTERRUPTIBLE: TASK_UNINTERRUPTIBLE };
/** Jiffies for which a thread sleeps if nobody wakes it. */
const LOOP_TIMEOUT = 250;

const CALLS = ['kthread_stop', 'wake_up_process', 'wake_up_state', 'kthread_park', 'kthread_unpark'];

/** What these steps are called, and the resource they are about. */
export const KTHREAD_FAMILY = { resources: ['kthreads'], steps: [...CALLS, 'kthread_create', 'state'] };

/**
 * Makes the steps of a script about kernel threads.
 *
 * @param run - the scenario.
 * @returns the steps.
 */
export function kthreadSteps(run: ScenarioRun): StepFamily {
  const { sched, timers } = run.kernel;
  const tasks = new Map<unknown, TaskId>();

  function* write(ev: string, a: JsonObject): Sleepable<void> {
    yield* run.catchUp();
    run.write(ev, a);
  }

  const shallStop = (): { should_stop: number } => ({ should_stop: sched.kthreadShouldStop() ? 1 : 0 });
  const shall = (): JsonObject => ({ ...shallStop(), should_park: sched.kthreadShouldPark() ? 1 : 0 });

  function* loop(result: number): Sleepable<number> {
    yield* write('kthread-run', shall());
    for (let n = 0; !sched.kthreadShouldStop(); n++) {
      if (sched.kthreadShouldPark()) {
        yield* write('parking', { x: 0 });
        yield* sched.kthreadParkme();
        yield* write('unparked', shallStop());
      }
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      if (!sched.kthreadShouldStop() && !sched.kthreadShouldPark()) yield* timers.scheduleTimeout(LOOP_TIMEOUT);
      sched.setCurrentState(TASK_RUNNING);
      yield* write('kthread-loop', { n, ...shall() });
    }
    yield* write('kthread-exit', { ret: result });
    return result;
  }

  function* returnAtOnce(result: number): Sleepable<number> {
    yield* write('kthread-run', { x: 0 });
    return result;
  }

  function create(key: unknown): void {
    const resource = resourcesOf(run.scenario.script, 'kthreads').find(({ kthread }) => kthread === key);
    if (resource === undefined) throw new TypeError(`no kthread ${String(key)}`);
    const result = numberOf(resource, 'arg');
    const code = resource['fn'] === 'loop' ? loop : returnAtOnce;
    tasks.set(key, sched.kthreadCreate(() => code(result), String(resource['name']), 0));
  }

  function find(step: Step): TaskId {
    const task = tasks.get(step['kthread']);
    if (task === undefined) throw new TypeError(`step ${step.do}: kthread ${String(step['kthread'])} was not made`);
    return task;
  }

  function* call(step: Step): Sleepable<number> {
    const task = find(step);
    switch (step.do) {
      case 'kthread_stop':
        return yield* sched.kthreadStop(task);
      case 'kthread_park':
        return yield* sched.kthreadPark(task);
      case 'kthread_unpark':
        sched.kthreadUnpark(task);
        return 0;
      case 'wake_up_state':
        return sched.tryToWakeUp(task, STATES[String(step['state'])] ?? 0, 0);
      default:
        return sched.wakeUpProcess(task);
    }
  }

  const sleepable: Record<string, SleepableStep> = {
    *kthread_create(step) {
      yield* run.catchUp();
      create(step['kthread']);
    },
    *state(step) {
      const task = find(step);
      yield* run.catchUp();
      const state = sched.taskState(task);
      run.write('state', { when: step['when'], letter: sched.taskStateToChar(state), state, comm: sched.comm(task) });
    },
  };
  for (const name of CALLS) {
    sleepable[name] = function* (step) {
      const op = step['as'] ?? step.do;
      yield* run.catchUp();
      logAround(run, step, 0, { op });
      const ret = yield* call(step);
      yield* run.catchUp();
      logAround(run, step, 1, { op, ret });
    };
  }
  return { atomic: {}, sleepable };
}
