/** Steps that bring the driver into a context: interrupts, bottom halves and preemption off, a hard interrupt. */
import type { Atomic, Sleepable } from '@kmem/contracts';
import { PREEMPT_OFFSET } from '@kmem/contracts';
import type { KernelUnderTest } from './kernel-under-test.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import type { DriverInterrupts } from './smp-steps.js';
import { logAround, stepsOf, type AtomicStep, type StepFamily } from './step-kinds.js';

/** What these steps are called. */
export const CONTROL_FAMILY = {
  resources: [],
  steps: [
    ...['local_irq_disable', 'local_irq_enable', 'local_bh_disable', 'local_bh_enable', 'preempt_disable', 'preempt_enable'],
    ...['hardirq', 'cond_resched'],
  ],
};

/**
 * Makes these steps.
 *
 * @param run - the scenario.
 * @param interrupts - what the driver sends.
 * @param runAtomic - does the steps of a program that cannot sleep.
 * @returns the steps.
 */
export function controlSteps(
  run: ScenarioRun,
  interrupts: DriverInterrupts,
  runAtomic: (steps: readonly Step[]) => Atomic<unknown>,
): StepFamily {
  const { kernel } = run;
  const { cpus, sched, softirqs } = kernel;

  /** Steps that write no line take no time: the next one that does lets it pass. */
  const silent = (act: () => Atomic<void> | void): AtomicStep =>
    function* () {
      const code = act();
      if (code !== undefined) yield* code;
    };

  return {
    atomic: {
      *local_irq_disable() {
        // Unless that one is written with interrupts off.
        if (run.next?.members['irqoff'] === 1) yield* run.catchUp();
        cpus.localIrqDisable();
      },
      local_irq_enable: () => cpus.enableIrqs(),
      local_bh_disable: silent(() => softirqs.localBhDisable()),
      local_bh_enable: silent(() => softirqs.enableBh()),
      preempt_disable: silent(() => cpus.preemptCountAdd(PREEMPT_OFFSET)),
      preempt_enable: silent(() => cpus.preemptCountSub(PREEMPT_OFFSET)),
    },
    sleepable: {
      cond_resched: () => sched.condResched(),
      *hardirq(step) {
        yield* run.catchUp();
        yield* interruptSelf(kernel, interrupts, function* () {
          logAround(run, step, 0, { x: 0 });
          yield* runAtomic(stepsOf(step, 'steps'));
          logAround(run, step, 1, { x: 0 });
        });
      },
    },
  };
}

/**
 * Has a CPU interrupt itself, and waits for that like who sent it: others may run before it goes on.
 *
 * @param kernel - whose CPU.
 * @param interrupts - what the driver sends.
 * @param code - what the interrupt does.
 */
export function* interruptSelf(
  { cpus, sched }: KernelUnderTest,
  interrupts: DriverInterrupts,
  code: () => Atomic<unknown>,
): Sleepable<void> {
  interrupts.send(cpus.cpu, code);
  yield* cpus.enableIrqs();
  yield* sched.condResched();
}
