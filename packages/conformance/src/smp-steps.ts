/**
 * Steps about several CPUs: what one of them does in a hard interrupt that the driver sends it, and the flag by which a
 * callback there and the driver meet.
 */
import type { Atomic, CpuId, Cpus } from '@kmem/contracts';
import { CALL_FUNCTION_SINGLE_VECTOR } from '@kmem/contracts';
import type { ScenarioRun, Step } from './scenario-run.js';
import { numberOf, stepsOf, type AtomicStep, type StepFamily } from './step-kinds.js';

/** What these steps are called, and the resource that says that there are several CPUs. */
export const SMP_FAMILY = { resources: ['cpus'], steps: ['on_cpu', 'on_cpu_wait', 'set_flag', 'wait_flag', 'clear_flag'] };

/** Hard interrupts that the driver sends, and what each does. */
export class DriverInterrupts {
  readonly #cpus: Cpus;
  /** By CPU, the one that was sent first in front. */
  readonly #waiting: (() => Atomic<unknown>)[][];

  /**
   * @param cpus - the processors, one vector of which is taken.
   */
  constructor(cpus: Cpus) {
    this.#cpus = cpus;
    this.#waiting = Array.from({ length: cpus.nrCpus }, () => []);
    cpus.setVectorHandler(CALL_FUNCTION_SINGLE_VECTOR, () => this.#serve());
  }

  /**
   * Interrupts a CPU.
   *
   * @param cpu - which one.
   * @param code - what it does then.
   */
  send(cpu: CpuId, code: () => Atomic<unknown>): void {
    this.#waiting[cpu].push(code);
    this.#cpus.raiseVector(cpu, CALL_FUNCTION_SINGLE_VECTOR);
  }

  *#serve(): Atomic<void> {
    const waiting = this.#waiting[this.#cpus.cpu];
    for (let code = waiting.shift(); code !== undefined; code = waiting.shift()) yield* code();
  }
}

/**
 * Makes the steps of a script about several CPUs.
 *
 * @param run - the scenario.
 * @param interrupts - what the driver sends.
 * @param runAtomic - does steps in an interrupt.
 * @returns the steps.
 */
export function smpSteps(
  run: ScenarioRun,
  interrupts: DriverInterrupts,
  runAtomic: (steps: readonly Step[]) => Atomic<unknown>,
): StepFamily {
  const { cpus } = run.kernel;
  /** Interrupts that have been sent and not been handled. */
  let sent = 0;
  /** Where the callback stands that set the flag: its line in the file; -1 while the flag is clear. */
  let flag = -1;

  function* untilHandled(): Atomic<void> {
    while (sent > 0) yield* cpus.cpuRelax();
  }

  const atomic: Record<string, AtomicStep> = {
    *on_cpu(step) {
      const steps = stepsOf(step, 'steps');
      sent++;
      // The sender stays where it is.
      cpus.preemptCountAdd(1);
      interrupts.send(numberOf(step, 'cpu'), function* () {
        yield* runAtomic(steps);
        sent--;
      });
      yield* cpus.enableIrqs();
      if (numberOf(step, 'wait') !== 0) yield* untilHandled();
      cpus.preemptCountSub(1);
    },
    on_cpu_wait: untilHandled,
    // eslint-disable-next-line require-yield -- steps are generators
    *set_flag() {
      flag = run.lastLine;
    },
    // eslint-disable-next-line require-yield -- steps are generators
    *clear_flag() {
      flag = -1;
    },
    *wait_flag() {
      while (flag === -1) yield* cpus.cpuRelax();
      run.mustFollow(flag);
    },
  };
  return { atomic, sleepable: {} };
}
