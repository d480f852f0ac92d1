/** Steps about timers. Jiffies in lines are relative to the scenario's zero. */
import type { Atomic, TimerId } from '@kmem/contracts';
import { TIMER_DEFERRABLE, TIMER_PINNED } from '@kmem/contracts';
import { CallbackRuns } from './callback-runs.js';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, objectOf, Program, resourcesOf, type AtomicStep, type StepFamily } from './step-kinds.js';

/** A timer of the script. */
interface ScriptTimer {
  readonly id: unknown;
  readonly timer: TimerId;
  readonly flags: number;
  /** The line at the beginning of its function. */
  readonly log: string;
  /** The line at the end, if there is one. */
  readonly logEnd: string | null;
  program: Program;
  /** Invocations that still re-arm the timer, and how far ahead: the recorded set_rearm. */
  rearms: number;
  rearmDelta: number;
}

const FLAGS: Readonly<Record<string, number>> = { PINNED: TIMER_PINNED, DEFERRABLE: TIMER_DEFERRABLE };
/** Calls that arm a timer. */
const ARMING = ['mod_timer', 'mod_timer_pending', 'timer_reduce', 'add_timer', 'add_timer_on'];
const OTHER_CALLS = ['del_timer', 'del_timer_sync', 'try_to_del_timer_sync', 'timer_pending', 'timer_shutdown', 'timer_shutdown_sync'];

/** Calls that return when the function of their timer does not run. */
const WAITING = ['del_timer_sync', 'timer_shutdown_sync'];

/** What these steps are called, and the resource they are about. */
export const TIMER_FAMILY = { resources: ['timers'], steps: [...ARMING, ...OTHER_CALLS, 'set_function', 'log'] };

/**
 * Makes the timers of a script, and their steps.
 *
 * @param run - the scenario.
 * @param runSteps - does the steps of a program.
 * @returns the steps.
 */
export function timerSteps(run: ScenarioRun, runSteps: (steps: readonly Step[]) => Atomic<JsonObject>): StepFamily {
  const { cpus, timers } = run.kernel;
  const known = new Map<unknown, ScriptTimer>();
  const runs = new CallbackRuns(run);
  /** The timer whose function runs, and when that began. */
  let running: ScriptTimer | null = null;
  let entered = 0;

  const relative = (jiffy: number): number => jiffy - run.zero;
  const describe = ({ timer }: ScriptTimer): JsonObject => ({
    expires: relative(timers.expires(timer)),
    clk: relative(timers.baseClock(cpus.cpu)),
    idx: timers.bucket(timer),
  });

  function* fire(own: ScriptTimer): Atomic<void> {
    yield* run.catchUp();
    running = own;
    entered = timers.jiffies;
    const { expires, clk } = describe(own);
    const late = timers.jiffies - timers.expires(own.timer);
    const pending = timers.timerPending(own.timer) ? 1 : 0;
    runs.begin(own.timer);
    if (own.log === 'fire') run.write('fire', { id: own.id, expires, late, clk, pending_in_cb: pending });
    // In a script about something else the line only says when; with several CPUs, where.
    else run.write(own.log, run.scenario.nrCpus > 1 ? { cpu_in_flags: timers.timerCpu(own.timer) } : { x: 0 });
    if (own.rearms > 0) {
      own.rearms--;
      rearm(own, own.rearmDelta);
    }
    yield* runSteps(own.program.next());
    running = null;
    if (own.logEnd !== null) run.write(own.logEnd, { x: 0 });
    runs.end(own.timer);
  }

  /** The function's own mod_timer, with its line. */
  function rearm(own: ScriptTimer, delta: number): number {
    const ret = timers.modTimer(own.timer, timers.jiffies + delta);
    run.write('rearm', { id: own.id, ret, ...describe(own) });
    return ret;
  }

  function create(resource: JsonObject): void {
    const timer = timers.create();
    const names = Array.isArray(resource['flags']) ? resource['flags'] : [];
    const flags = names.reduce<number>((all, name) => all | (FLAGS[String(name)] ?? 0), 0);
    // The line at the end comes with two names only.
    const [log, logEnd] = Array.isArray(resource['log']) ? resource['log'].map(String) : [String(resource['log']), null];
    const own: ScriptTimer = {
      ...{ id: resource['timer'], timer, flags, log, logEnd },
      ...{ program: new Program(resource['prog']), rearms: 0, rearmDelta: 0 },
    };
    timers.timerSetup(timer, () => fire(own), flags);
    known.set(own.id, own);
  }
  resourcesOf(run.scenario.script, 'timers').forEach(create);

  function find(step: Step): ScriptTimer {
    const own = known.get(step['timer'] ?? running?.id);
    if (own === undefined) throw new TypeError(`step ${step.do}: no timer ${String(step['timer'])}`);
    return own;
  }

  function expiresOf(step: Step, own: ScriptTimer): number {
    if (step['at'] === 'expires') return timers.expires(own.timer);
    return 'at' in step ? run.zero + numberOf(step, 'at') : timers.jiffies + numberOf(step, 'delta');
  }

  function* call(step: Step, own: ScriptTimer): Atomic<number> {
    const { timer } = own;
    const expires = expiresOf(step, own);
    switch (step.do) {
      case 'mod_timer':
        return timers.modTimer(timer, expires);
      case 'mod_timer_pending':
        return timers.modTimerPending(timer, expires);
      case 'timer_reduce':
        return timers.timerReduce(timer, expires);
      case 'add_timer':
        timers.addTimer(timer, expires);
        return 0;
      case 'add_timer_on':
        timers.addTimerOn(timer, expires, numberOf(step, 'cpu'));
        return 0;
      case 'del_timer':
        return timers.delTimer(timer);
      case 'del_timer_sync':
        return yield* timers.delTimerSync(timer);
      case 'timer_shutdown':
        return timers.timerShutdown(timer);
      case 'timer_shutdown_sync': {
        const wasPending = yield* timers.delTimerSync(timer);
        timers.timerShutdown(timer);
        return wasPending;
      }
      case 'try_to_del_timer_sync':
        return timers.tryToDelTimerSync(timer);
      default:
        return timers.timerPending(timer) ? 1 : 0;
    }
  }

  /** Timers that are not part of the recording move the clock of the wheel too, so it is an input. */
  function takeClock(): void {
    const clk: unknown = run.next?.a['clk'];
    if (typeof clk === 'number') timers.setBaseClock(cpus.cpu, run.zero + clk);
  }

  /** A call of the driver, made with interrupts off so that it and its line share one jiffy. */
  function* callWithLine(step: Step, own: ScriptTimer, inputs: JsonObject): Atomic<number> {
    const wasOff = cpus.localIrqSave();
    takeClock();
    const ret = yield* call(step, own);
    const pending = timers.timerPending(own.timer) ? 1 : 0;
    run.write('op', { op: step['as'] ?? step.do, id: own.id, ...inputs, ret, pending, ...describe(own) });
    cpus.localIrqRestore(wasOff);
    return ret;
  }

  function* step(step: Step): Atomic<unknown> {
    yield* run.catchUp();
    const own = find(step);
    if (step['log'] === 'op') return yield* callWithLine(step, own, {});
    const op = step['as'] ?? step.do;
    logAround(run, step, 0, { op });
    const ret = yield* WAITING.includes(step.do) ? runs.awaited([[own.timer, 0]], call(step, own)) : call(step, own);
    if (step['log'] === 'pair') logAround(run, step, 1, { op, ret });
    else if (run.scenario.nrCpus > 1) logAround(run, step, 1, { ret });
    else logCall(step, own, ret);
    return ret;
  }

  function logCall(step: Step, own: ScriptTimer, ret: unknown): void {
    if (running !== null && running !== own) {
      logAround(run, step, 1, { id: running.id, other: own.id, expires: relative(timers.expires(own.timer)), ret });
    } else {
      logAround(run, step, 1, { id: own.id, ret, ...describe(own) });
    }
  }

  const atomic: Record<string, AtomicStep> = {
    /** Gives a timer another function, which writes one line. */
    *set_function(step) {
      const own = find(step);
      // Every such step of a script has one.
      const { log } = step['fn'] as JsonObject;
      timers.timerSetup(own.timer, () => run.write(String(log), { id: own.id }), own.flags);
      yield* run.catchUp();
    },
  };
  for (const name of [...ARMING, ...OTHER_CALLS]) atomic[name] = step;
  atomic['log'] = function* (line): Atomic<void> {
    yield* run.catchUp();
    const values: Record<string, unknown> = { ...objectOf(line, 'a') };
    for (const [member, what] of Object.entries(objectOf(line, 'read'))) {
      values[member] = timers.timerCpu(known.get(Array.isArray(what) ? what[1] : null)?.timer ?? 0);
    }
    run.write(String(line['ev']), values);
  };

  /** One recorded call of an `events` script. */
  atomic['events:op'] = function* (line): Atomic<void> {
    const own = known.get(line['id']);
    if (own === undefined) throw new TypeError(`op: no timer ${String(line['id'])}`);
    const delta = numberOf(line, 'delta');
    const recorded: Step = { do: String(line['op']), delta };
    if (recorded.do !== 'set_rearm') {
      yield* callWithLine(recorded, own, { delta });
      return;
    }
    own.rearms = numberOf(line, 'ret');
    own.rearmDelta = delta;
    const wasOff = cpus.localIrqSave();
    takeClock();
    const pending = timers.timerPending(own.timer) ? 1 : 0;
    run.write('op', { op: 'set_rearm', id: own.id, delta, ret: own.rearms, pending, ...describe(own) });
    cpus.localIrqRestore(wasOff);
  };
  atomic['set:timer'] = function* (step): Atomic<void> {
    yield* run.catchUp();
    for (const own of step['timer'] === '*' ? known.values() : [find(step)]) {
      own.program = new Program(step['prog']);
      own.rearms = 0;
    }
  };
  atomic['read:jiffies_passed'] = function* (): Atomic<number> {
    yield* run.catchUp();
    return timers.jiffies - entered;
  };
  return { atomic, sleepable: {} };
}
