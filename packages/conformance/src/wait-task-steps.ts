/** Steps about tasks that wait: in one queue, in one simple queue, for one completion, for one bit. */
import type { Sleepable, TaskId } from '@kmem/contracts';
import { SIGKILL, SIGUSR1 } from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, type SleepableStep, type StepFamily } from './step-kinds.js';
import { isWaitKind, WaitKinds, type WaitingTask } from './wait-kinds.js';
import { callWake, WAKE_CALLS } from './wake-calls.js';

/** The bit that `wait_on_bit` waits for. */
const BIT = 3;
const SIGNALS: Readonly<Record<string, number>> = { SIGUSR1, SIGKILL };
/** ms between the rounds in which all that still wait are set free. */
const ROUND_MS = 8;
const ROUNDS = 60;
/** From this round on, tasks that still wait are woken one by one. */
const WAKE_FROM_ROUND = 4;
/** Wake calls of the queues that take no number. */
const OTHER_WAKES = ['swake_up_one', 'swake_up_locked', 'swake_up_all', 'wake_up_bit', 'complete', 'complete_all'];

/** A task of the script. */
interface SpawnedTask extends WaitingTask {
  readonly task: TaskId;
}

/** What these steps are called, and what is missing in one of them. */
export const WAIT_TASK_FAMILY = {
  resources: [],
  steps: [...WAKE_CALLS, ...OTHER_WAKES, 'spawn', 'states', 'send_sig', 'if_unfinished', 'clear_bit', 'cleanup'],
  lacks: ({ kind }: JsonObject): string | null => (typeof kind !== 'string' || isWaitKind(kind) ? null : `kind "${kind}"`),
};

/**
 * Makes the queues of a script, and its steps.
 *
 * @param run - the scenario.
 * @param runSteps - does steps within steps.
 * @returns the steps.
 */
export function waitTaskSteps(run: ScenarioRun, runSteps: (steps: readonly Step[]) => Sleepable<void>): StepFamily {
  const { sched, delays, waitQueues, simpleWaitQueues, completions, bitWaits } = run.kernel;
  const tasks = new Map<number, SpawnedTask>();
  const kinds = new WaitKinds(run, BIT);
  const { head, simpleHead, completion, word } = kinds;

  run.onWaking = (task) => {
    const known = [...tasks.values()].some((own) => own.task === task);
    if (!known || kinds.muted) return;
    const flags = run.kernel.cpus.irqsDisabled() ? 1 : 0;
    run.write('waking', { who: sched.comm(task), state: sched.taskState(task), flags });
  };

  function* spawn(id: number, kind: string): Sleepable<void> {
    yield* run.catchUp();
    const own = { id, kind, cond: 0, finished: false };
    const task = sched.kthreadCreate(() => kinds.run(own), `w${id}`, 0);
    tasks.set(id, Object.assign(own, { task }));
    sched.wakeUpProcess(task);
  }

  function states(when: unknown): void {
    const rows = [...tasks.values()].map(({ id, task, finished }) => {
      const state = sched.taskState(task);
      return [id, sched.taskStateToChar(state), state, finished ? 1 : 0];
    });
    const active = waitQueues.waitqueueActive(head) ? 1 : 0;
    run.write('states', { when, cols: 'id,letter,state,finished', tasks: rows, waitqueue_active: active });
  }

  function find(id: unknown): SpawnedTask {
    const own = tasks.get(Number(id));
    if (own === undefined) throw new TypeError(`no task ${String(id)}`);
    return own;
  }

  function wake(step: Step): void {
    if (step.do === 'swake_up_one' || step.do === 'swake_up_locked') simpleWaitQueues.swakeUpOne(simpleHead);
    else if (step.do === 'swake_up_all') simpleWaitQueues.swakeUpAll(simpleHead);
    else if (step.do === 'wake_up_bit') bitWaits.wakeUpBit(word, BIT);
    else if (step.do === 'complete') completions.complete(completion);
    else if (step.do === 'complete_all') completions.completeAll(completion);
    else callWake(waitQueues, head, step.do, numberOf(step, 'nr'), numberOf(step, 'key'));
  }

  function* wakeStep(step: Step): Sleepable<void> {
    yield* run.catchUp();
    logAround(run, step, 0, { op: step['as'] ?? step.do });
    yield* run.catchUp();
    wake(step);
    yield* run.catchUp();
    logAround(run, step, 1, { op: step['as'] ?? step.do });
  }

  function* sendSig(step: Step): Sleepable<void> {
    const op = step['as'] ?? step.do;
    yield* run.catchUp();
    logAround(run, step, 0, { op });
    yield* run.catchUp();
    const ret = send(step);
    yield* run.catchUp();
    logAround(run, step, 1, { op, ret });
  }

  function send(step: Step): number {
    return sched.sendSig(SIGNALS[String(step['sig'])] ?? numberOf(step, 'sig'), find(step['task']).task);
  }

  /** Sets all free, writing nothing. */
  function* cleanup(): Sleepable<void> {
    yield* run.catchUp();
    run.write('cleanup', { x: 0 });
    kinds.muted = true;
    const left = (): SpawnedTask[] => [...tasks.values()].filter(({ finished }) => !finished);
    for (let round = 0; round < ROUNDS && left().length > 0; round++) {
      for (const own of tasks.values()) own.cond = 1;
      kinds.bitIsSet = false;
      callWake(waitQueues, head, 'wake_up_all', 0, 0);
      for (const name of ['complete_all', 'swake_up_all', 'wake_up_bit']) wake({ do: name });
      yield* delays.msleep(ROUND_MS);
      if (round >= WAKE_FROM_ROUND) for (const { task } of left()) sched.wakeUpProcess(task);
    }
    yield* delays.msleep(ROUND_MS);
  }

  /** Does what the script says for after a recorded call. */
  function after(step: Step, name: string): Sleepable<void> {
    // What the script does not say is absent.
    const all = step['after'] as Readonly<Record<string, readonly Step[]>> | undefined;
    return runSteps(all?.[name] ?? []);
  }

  const sleepable: Record<string, SleepableStep> = {
    spawn: (step) => spawn(numberOf(step, 'task'), String(step['kind'])),
    *states(step) {
      yield* run.catchUp();
      states(step['when']);
    },
    send_sig: sendSig,
    *if_unfinished(step) {
      // The script was looked through before: these are steps.
      if (!find(step['task']).finished) yield* runSteps(step['steps'] as readonly Step[]);
    },
    *clear_bit() {
      yield* run.catchUp();
      kinds.bitIsSet = false;
    },
    cleanup,
    *'set:task'(step) {
      yield* run.catchUp();
      find(step['task']).cond = numberOf(step, 'cond');
    },
    *'events:spawn'(step) {
      run.write('spawn', { id: step['id'], kind: step['kind'] });
      yield* spawn(numberOf(step, 'id'), String(step['kind']));
      yield* after(step, 'spawn');
    },
    *'events:call'(step) {
      const [name, nr = '0'] = String(step['op']).split(' ');
      const call = { ...step, do: name, as: step['op'] };
      if (name === 'send_sig') {
        run.write('call', { op: name, id: step['id'], sig: step['sig'] });
        send({ ...call, task: step['id'] });
        yield* after(step, 'send_sig');
      } else {
        yield* wakeStep({ ...call, nr: Number(nr), log: 'pair' });
        yield* after(step, 'wake');
      }
    },
    *'events:set-cond'(step) {
      yield* run.catchUp();
      find(step['id']).cond = 1;
      run.write('set-cond', { id: step['id'] });
    },
    *'events:states'(step) {
      yield* run.catchUp();
      states(step['when']);
    },
  };
  for (const name of [...WAKE_CALLS, ...OTHER_WAKES]) sleepable[name] = wakeStep;
  return { atomic: {}, sleepable };
}
