/** Steps about softirqs and tasklets, and the lines that the softirqs of such a scenario write. */
import type { Atomic, Sleepable, TaskletId } from '@kmem/contracts';
import { SOFTIRQ_MASK, SOFTIRQ_NAMES } from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, Program, resourcesOf, type AtomicStep, type SleepableStep, type StepFamily } from './step-kinds.js';

const RAISES = ['raise_softirq', 'raise_softirq_irqoff'];
const TASKLET_CALLS = ['tasklet_schedule', 'tasklet_hi_schedule', 'tasklet_disable_nosync', 'tasklet_enable'];
const SLEEPING_TASKLET_CALLS = ['tasklet_disable', 'tasklet_kill'];

/** What these steps are called, and the resources they are about. */
export const SOFTIRQ_FAMILY = { resources: ['tasklets', 'foreign_timers'], steps: [...RAISES, ...TASKLET_CALLS, ...SLEEPING_TASKLET_CALLS] };

/** A tasklet of the script. */
interface ScriptTasklet {
  readonly resource: JsonObject;
  readonly tasklet: TaskletId;
  program: Program;
  runs: number;
}

/**
 * Makes the tasklets of a script, and these steps.
 *
 * @param run - the scenario.
 * @param runAtomic - does the steps of a tasklet's program.
 * @returns the steps.
 */
export function softirqSteps(run: ScenarioRun, runAtomic: (steps: readonly Step[]) => Atomic<unknown>): StepFamily {
  const { script } = run.scenario;
  const { cpus, sched, softirqs, tasklets } = run.kernel;
  const known = new Map<unknown, ScriptTasklet>();
  let entries = 0;

  for (const resource of resourcesOf(script, 'tasklets')) {
    const tasklet = tasklets.create(() => callback(own), numberOf(resource, 'count'));
    const own: ScriptTasklet = { resource, tasklet, program: new Program(resource['prog']), runs: 0 };
    known.set(resource['tasklet'], own);
  }

  function* callback(own: ScriptTasklet): Atomic<void> {
    own.runs++;
    yield* run.catchUp();
    run.write(String(own.resource['log']), described(own));
    yield* runAtomic(own.program.next());
  }

  /** What the callback's line says: of the old form its argument, in scripts about lines nothing. */
  function described({ resource, tasklet, runs }: ScriptTasklet): JsonObject {
    if ('init' in resource) return { data: numberOf(resource, 'data') };
    if ('first_irq' in script) return { x: 0 };
    return { id: resource['tasklet'], run: runs, state: tasklets.state(tasklet), count: tasklets.count(tasklet) };
  }

  /** Lines of the softirqs themselves, unless the scenario is about lines or work items. */
  function follow(): void {
    if ('first_irq' in script || 'works' in script) return;
    run.onSoftirq = (ev, nr) => {
      if (ev === 'softirq_entry') entries++;
      run.passTime();
      run.write(ev, ev === 'softirq_exit' ? { vec: nr } : { vec: nr, name: SOFTIRQ_NAMES[nr] });
      // Before a line that is written with interrupts off, time passes while they are still on.
      const next = run.next?.members;
      const sameSoftirq = ((numberOf(next ?? {}, 'pc') ^ cpus.preemptCount()) & SOFTIRQ_MASK) === 0;
      if (next?.['irqoff'] === 1 && sameSoftirq && !cpus.irqsDisabled()) run.passTime();
    };
    run.tasks.onlySleeps = (task) => sched.comm(task).startsWith('ksoftirqd/') && softirqs.localSoftirqPending() === 0;
    run.onWaking = (task) => {
      const who = sched.comm(task);
      if (who.startsWith('ksoftirqd/')) run.write('waking', { who });
    };
  }

  /** Timers of the machine itself, each at its jiffy. */
  function armForeign(): void {
    const { timers } = run.kernel;
    for (const jiffy of foreignTimers(script)) {
      const timer = timers.create();
      timers.timerSetup(timer, () => undefined, 0);
      timers.addTimer(timer, run.zero + jiffy - 1);
    }
  }

  function find(step: Step): ScriptTasklet {
    const own = known.get(step['tasklet']);
    if (own === undefined) throw new TypeError(`step ${step.do}: no tasklet ${String(step['tasklet'])}`);
    return own;
  }

  function* call(step: Step): Atomic<void> {
    const { tasklet } = find(step);
    yield* run.catchUp();
    const hi = step.do === 'tasklet_hi_schedule';
    logAround(run, step, 0, 'first_irq' in script ? { x: 0 } : { id: step['tasklet'], hi: Number(hi) });
    if (hi) tasklets.taskletHiSchedule(tasklet);
    else if (step.do === 'tasklet_schedule') tasklets.taskletSchedule(tasklet);
    else if (step.do === 'tasklet_enable') tasklets.taskletEnable(tasklet);
    else tasklets.taskletDisableNosync(tasklet);
  }

  function* sleepingCall(step: Step): Sleepable<void> {
    const { tasklet } = find(step);
    yield* run.catchUp();
    yield* step.do === 'tasklet_kill' ? tasklets.taskletKill(tasklet) : tasklets.taskletDisable(tasklet);
  }

  const atomic: Record<string, AtomicStep> = {
    *raise_softirq(step) {
      for (const nr of Array.isArray(step['vecs']) ? step['vecs'] : []) {
        yield* run.catchUp();
        softirqs.raiseSoftirq(Number(nr));
      }
    },
    *raise_softirq_irqoff(step) {
      yield* run.catchUp();
      softirqs.raiseSoftirqIrqoff(numberOf(step, 'vec'));
    },
  };
  const sleepable: Record<string, SleepableStep> = {};
  for (const name of TASKLET_CALLS) atomic[name] = call;
  for (const name of SLEEPING_TASKLET_CALLS) sleepable[name] = sleepingCall;
  return {
    atomic,
    sleepable,
    begun: () => {
      follow();
      armForeign();
    },
    reads: {
      tasklet: (id, property) => {
        const own = find({ do: 'read', tasklet: id });
        if (property === 'runs') return own.runs;
        return property === 'state' ? tasklets.state(own.tasklet) : tasklets.count(own.tasklet);
      },
      softirq_entries: () => entries,
    },
  };
}

function foreignTimers(script: JsonObject): readonly number[] {
  const jiffies = script['foreign_timers'];
  return Array.isArray(jiffies) ? jiffies.map(Number) : [];
}
