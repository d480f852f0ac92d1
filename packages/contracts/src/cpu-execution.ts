/**
 * CpuExecution: what the machine executes, and whom it asks. The side of the CPUs that only the parts of a kernel use:
 * the scheduler decides what a CPU executes below its interrupts, softirqs run when an interrupt ends.
 */
import type { AtomicResult, Sleepable } from './execution.js';
import type { CpuId } from './units.js';

/** The parts of a kernel that the machine calls. */
export interface CpuHooks {
  /** The CPU's task has yielded SCHEDULE, or the CPU was idle and has been kicked: say what to execute. */
  readonly schedule: (cpu: CpuId) => void;
  /** The CPU's task has ended with a result: say what to execute. */
  readonly ended: (cpu: CpuId, result: unknown) => void;
  /** A task has thrown: say what to execute, or throw on. */
  readonly failed: (cpu: CpuId, error: unknown) => void;
  /** A hard interrupt begins; `wasIdle` when it ends a CPU's idle time. Called before its handler. */
  readonly interruptEntry: (wasIdle: boolean) => void;
  /** A hard interrupt has ended and nothing but a task was interrupted: serve softirqs. Interrupts are off. */
  readonly interruptExit: () => AtomicResult;
}

/** What the CPUs execute. */
export interface CpuExecution {
  /**
   * Says who is asked. A later call replaces the hooks it names.
   *
   * @param hooks - the parts.
   */
  setHooks(hooks: Partial<CpuHooks>): void;
  /**
   * Says what a CPU executes below its interrupts.
   *
   * @param cpu - which one.
   * @param code - to go on with; null for nothing: the CPU is idle.
   * @param taskFlags - `PF_*` bits of the task that it is.
   */
  execute(cpu: CpuId, code: Sleepable<unknown> | null, taskFlags?: number): void;
  /**
   * Makes a CPU that is idle ask `schedule` once its interrupts are handled. One other than the caller's is
   * interrupted with RESCHEDULE_VECTOR.
   *
   * @param cpu - which one; nothing happens when it is not idle.
   */
  kick(cpu: CpuId): void;
}
