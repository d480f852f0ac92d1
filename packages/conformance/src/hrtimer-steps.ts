/** Steps about high-resolution timers of CLOCK_MONOTONIC that run in hard interrupts. */
import type { Atomic, HrTimerId } from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { logAround, numberOf, Program, resourcesOf, type AtomicStep, type StepFamily } from './step-kinds.js';

const MODES = /^(ABS|REL)(_PINNED)?(_HARD)?$/;
const CALLS = [
  ...['hrtimer_start', 'hrtimer_start_range_ns', 'hrtimer_cancel', 'hrtimer_try_to_cancel', 'hrtimer_active', 'hrtimer_is_queued'],
  ...['hrtimer_forward_now', 'hrtimer_add_expires_ns'],
];

/** What these steps are called, the resource they are about, and what of it is not known. */
export const HRTIMER_FAMILY = {
  resources: ['hrtimers'],
  steps: [...CALLS, 'local_irq_disable', 'local_irq_enable', 'log'],
  lacks: ({ mode }: JsonObject): string | null => (typeof mode !== 'string' || MODES.test(mode) ? null : `mode "${mode}"`),
};

/** A timer of the script. */
interface ScriptTimer {
  readonly id: unknown;
  readonly timer: HrTimerId;
  readonly program: Program;
  /** Invocations that still return RESTART. */
  restarts: number;
}

/**
 * Makes the timers of a script, and their steps.
 *
 * @param run - the scenario.
 * @returns the steps.
 */
export function hrtimerSteps(run: ScenarioRun): StepFamily {
  const { cpus, clock, hrtimers } = run.kernel;
  const known = new Map<unknown, ScriptTimer>();
  let running: ScriptTimer | null = null;
  const since = (ns: number): number => ns - run.zeroNs;
  const flag = (holds: boolean): number => (holds ? 1 : 0);

  function fire(own: ScriptTimer): boolean {
    const { timer } = own;
    running = own;
    const tryToCancel = hrtimers.hrtimerTryToCancel(timer);
    run.write('hrfire', {
      id: own.id,
      expires_ns: since(hrtimers.hrtimerGetExpires(timer)),
      softexpires_ns: since(hrtimers.hrtimerGetSoftexpires(timer)),
      active: flag(hrtimers.hrtimerActive(timer)),
      queued: flag(hrtimers.hrtimerIsQueued(timer)),
      callback_running: flag(tryToCancel === -1),
      try_to_cancel: tryToCancel,
      is_soft: flag(cpus.inHardirq() === 0),
    });
    for (const step of own.program.next()) cpus.runNow(doStep(step));
    running = null;
    return own.restarts-- > 0;
  }

  for (const resource of resourcesOf(run.scenario.script, 'hrtimers')) {
    const { hrtimer: id, returns } = resource;
    // What is not a word is an object with the number.
    const restarts = typeof returns === 'string' ? 0 : numberOf(returns as JsonObject, 'RESTART');
    const own: ScriptTimer = { id, timer: hrtimers.create(() => fire(own)), program: new Program(resource['prog']), restarts };
    known.set(id, own);
  }

  function call(step: Step, own: ScriptTimer): number {
    const { timer } = own;
    switch (step.do) {
      case 'hrtimer_cancel':
      case 'hrtimer_try_to_cancel':
        return hrtimers.hrtimerTryToCancel(timer);
      case 'hrtimer_active':
        return flag(hrtimers.hrtimerActive(timer));
      case 'hrtimer_is_queued':
        return flag(hrtimers.hrtimerIsQueued(timer));
      case 'hrtimer_forward_now':
        return hrtimers.hrtimerForward(timer, clock.now(), numberOf(step, 'interval_ns'));
      case 'hrtimer_add_expires_ns':
        // The same as one interval, but it counts none.
        hrtimers.hrtimerForward(timer, hrtimers.hrtimerGetExpires(timer), numberOf(step, 'ns'));
        return 0;
      default:
        if ('rel_ns' in step) hrtimers.hrtimerStartRelative(timer, numberOf(step, 'rel_ns'), numberOf(step, 'slack_ns'));
        else hrtimers.hrtimerStart(timer, run.zeroNs + numberOf(step, 'at_ns'), numberOf(step, 'slack_ns'));
        return 0;
    }
  }

  function* doStep(step: Step): Atomic<unknown> {
    if (step.do === 'spin_ns') return yield* cpus.busyUntil(clock.now() + numberOf(step, 'ns'));
    const own = known.get(step['hrtimer'] ?? running?.id);
    if (own === undefined) throw new TypeError(`step ${step.do}: no hrtimer ${String(step['hrtimer'])}`);
    if ('log' in step && running === null) yield* run.catchUp();
    else if ('log' in step) run.passTime();
    const ret = call(step, own);
    const ev: unknown = Array.isArray(step['log']) ? step['log'][1] : step['log'];
    const next_ns = since(hrtimers.hrtimerGetExpires(own.timer));
    if (ev === 'op') logAround(run, step, 1, { op: step['as'] ?? step.do, ret });
    else if (ev === 'hrrestart') logAround(run, step, 1, { id: own.id, overruns: ret, next_ns });
    else if (ev === 'restart-by-start') logAround(run, step, 1, { queued: flag(hrtimers.hrtimerIsQueued(own.timer)) });
    else logAround(run, step, 1, { ret });
    return ret;
  }

  const atomic: Record<string, AtomicStep> = {
    *local_irq_disable() {
      yield* run.catchUp();
      cpus.localIrqDisable();
    },
    local_irq_enable: () => cpus.enableIrqs(),
    *log(step) {
      const values: Record<string, unknown> = {};
      for (const [member, what] of Object.entries(step['read'] ?? {})) {
        const [, id, property] = Array.isArray(what) ? what.map(String) : [];
        const timer = [...known.values()].find((own) => String(own.id) === id)?.timer ?? 0;
        if (property === 'remaining') values[member] = hrtimers.hrtimerGetExpires(timer) - clock.now();
        else values[member] = flag(hrtimers.hrtimerIsQueued(timer));
      }
      // Interrupts that come between reading and writing have their lines first.
      while (run.next !== undefined && run.next.ev !== step['ev']) {
        const before = run.written;
        yield* run.catchUp();
        if (run.written === before) break;
      }
      yield* run.catchUp();
      // A step of a script has an object here or nothing.
      run.write(String(step['ev']), { ...(step['a'] as JsonObject | undefined), ...values });
    },
  };
  for (const name of CALLS) atomic[name] = doStep;
  return { atomic, sleepable: {} };
}
