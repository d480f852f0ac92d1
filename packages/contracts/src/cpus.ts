/**
 * Cpus: the processors as kernel code meets them - interrupt flag, preempt_count, vectors, local time.
 *
 * Every call without a CPU as argument is about the CPU that executes the caller.
 *
 * ```
 * preempt_count   0x0000_00ff  preempt depth
 *                 0x0000_ff00  softirq: 0x100 while one is served, 0x200 for each local_bh_disable
 *                 0x000f_0000  hardirq
 *                 0x00f0_0000  NMI
 * ```
 *
 * (irq spec 11, 12, 20)
 */
import type { CpuContext } from './cpu-context.js';
import type { Atomic, AtomicResult } from './execution.js';
import type { CpuId } from './units.js';

/** Bits of preempt_count that count preempt_disable. */
export const PREEMPT_MASK = 0xff;
/** One preempt_disable. */
export const PREEMPT_OFFSET = 1;
/** Bits of preempt_count that count softirqs and disabled bottom halves. */
export const SOFTIRQ_MASK = 0xff00;
/** A softirq is being served. */
export const SOFTIRQ_OFFSET = 0x100;
/** One local_bh_disable. */
export const SOFTIRQ_DISABLE_OFFSET = 0x200;
/** Bits of preempt_count that count hard interrupts. */
export const HARDIRQ_MASK = 0xf_0000;
/** One hard interrupt. */
export const HARDIRQ_OFFSET = 0x1_0000;
/** Bits of preempt_count that count non-maskable interrupts. */
export const NMI_MASK = 0xf0_0000;
/** One non-maskable interrupt. */
export const NMI_OFFSET = 0x10_0000;

/** First of the vectors that belong to lines of the interrupt controller. */
export const FIRST_EXTERNAL_VECTOR = 0x20;
/** Vector of a CPU's clock-event device. */
export const LOCAL_TIMER_VECTOR = 0xec;
/** Vector by which a CPU interrupts itself to run irq_work. */
export const IRQ_WORK_VECTOR = 0xf6;
/** Vector of a call sent to one CPU. */
export const CALL_FUNCTION_SINGLE_VECTOR = 0xfb;
/** Vector that makes a CPU look whether it has to reschedule. */
export const RESCHEDULE_VECTOR = 0xfd;

/**
 * Handles one interrupt, with interrupts off and preempt_count raised by HARDIRQ_OFFSET.
 *
 * @param vector - which one.
 */
export type VectorHandler = (vector: number) => AtomicResult;

/** The processors. */
export interface Cpus extends CpuContext {
  /**
   * Reads preempt_count.
   *
   * @kernelName preempt_count
   * @returns the count; need-resched is not in it.
   */
  preemptCount(): number;
  /**
   * Adds to preempt_count.
   *
   * @kernelName preempt_count_add
   * @param value - one of the offsets, or several.
   */
  preemptCountAdd(value: number): void;
  /**
   * Subtracts from preempt_count.
   *
   * @kernelName preempt_count_sub
   * @param value - what was added before.
   */
  preemptCountSub(value: number): void;
  /**
   * Sets preempt_count, for repairs after a report.
   *
   * @kernelName preempt_count_set
   * @param value - the new count.
   */
  preemptCountSet(value: number): void;
  /**
   * Tells whether a hard interrupt is being handled.
   *
   * @kernelName in_hardirq
   * @returns the HARDIRQ bits.
   */
  inHardirq(): number;
  /**
   * Tells whether bottom halves are off or one is being served.
   *
   * @kernelName in_softirq
   * @returns the SOFTIRQ bits.
   */
  softirqCount(): number;
  /**
   * Tells whether the caller is anything but a task with bottom halves on.
   *
   * @kernelName in_interrupt
   * @returns the NMI, HARDIRQ and SOFTIRQ bits.
   */
  irqCount(): number;
  /**
   * Tells whether a softirq is being served.
   *
   * @kernelName in_serving_softirq
   * @returns 0x100 or 0.
   */
  inServingSoftirq(): number;
  /**
   * Tells whether a non-maskable interrupt is being handled.
   *
   * @kernelName in_nmi
   * @returns the NMI bits.
   */
  inNmi(): number;
  /**
   * Tells whether the caller is a task, bottom halves off or not.
   *
   * @kernelName in_task
   * @returns true outside hard interrupts, NMIs and served softirqs.
   */
  inTask(): boolean;
  /**
   * Tells whether preempt_count forbids to sleep. Blind to interrupts that are merely off.
   *
   * @kernelName in_atomic
   * @returns true when preempt_count is not 0.
   */
  inAtomic(): boolean;
  /**
   * Tells whether the caller may be preempted.
   *
   * @kernelName preemptible
   * @returns true when preempt_count is 0 and interrupts are on.
   */
  preemptible(): boolean;
  /**
   * Says in which kind of context the caller runs.
   *
   * @kernelName interrupt_context_level
   * @returns 0 in a task, 1 in a softirq, 2 in a hard interrupt, 3 in an NMI.
   */
  interruptContextLevel(): number;
  /**
   * Tells whether interrupts are off.
   *
   * @kernelName irqs_disabled
   * @returns true when they are.
   */
  irqsDisabled(): boolean;
  /**
   * Turns interrupts off.
   *
   * @kernelName local_irq_disable
   */
  localIrqDisable(): void;
  /**
   * Turns interrupts on and handles all that wait, before it returns and at the caller's instant: a handler that
   * busy-waits moves this CPU's time, and the other CPUs catch up afterwards. Code that is itself `Atomic` says
   * `yield* enableIrqs()`.
   *
   * @kernelName local_irq_enable
   */
  localIrqEnable(): void;
  /**
   * Turns interrupts on and handles all that wait, while other CPUs run.
   */
  enableIrqs(): Atomic<void>;
  /**
   * Turns interrupts off and says how they were.
   *
   * @kernelName local_irq_save
   * @returns true when they were off already.
   */
  localIrqSave(): boolean;
  /**
   * Puts interrupts back. On again, it does what localIrqEnable does.
   *
   * @kernelName local_irq_restore
   * @param wasOff - what localIrqSave returned.
   */
  localIrqRestore(wasOff: boolean): void;
  /**
   * Says who handles a vector.
   *
   * @param vector - from 0x20 to 0xff; of two that wait the higher one comes first.
   * @param handler - called with interrupts off; null for nobody.
   */
  setVectorHandler(vector: number, handler: VectorHandler | null): void;
  /**
   * Raises an interrupt. On another CPU it arrives when that CPU's time has come to the caller's.
   *
   * @param cpu - where it is handled.
   * @param vector - which one; raising one that waits changes nothing.
   */
  raiseVector(cpu: CpuId, vector: number): void;
  /**
   * Reads how many interrupts a CPU has handled.
   *
   * @param cpu - which one.
   * @param vector - of which vector.
   * @returns the count.
   */
  vectorCount(cpu: CpuId, vector: number): number;
  /**
   * Tells whether a CPU has no task to execute.
   *
   * @param cpu - which one.
   * @returns true also while an interrupt is handled on top of idleness.
   */
  isIdle(cpu: CpuId): boolean;
  /**
   * Busy-waits. Interrupts that are on are handled in between and do not prolong it.
   *
   * @param until - local time of this CPU at which to go on, in ns; a time that has passed is no wait.
   */
  busyUntil(until: number): Atomic<void>;
  /**
   * Waits one turn of a spinning loop: until another CPU has done something, or an event of this CPU is due.
   *
   * @kernelName cpu_relax
   */
  cpuRelax(): Atomic<void>;
  /**
   * Busy-waits from a plain function: this CPU's time moves, interrupts that are on are handled in between, other CPUs
   * catch up afterwards.
   *
   * @param ns - how long it takes.
   */
  charge(ns: number): void;
  /**
   * Runs atomic code to its end from a plain function, at the caller's instant as `charge` does.
   *
   * @param code - the code.
   * @returns its result.
   * @throws KernelBug SPIN_IN_PLAIN when it waits for another CPU, which cannot run meanwhile.
   */
  runNow<T>(code: Atomic<T>): T;
  /**
   * Lets other CPUs go first that are at the same instant, when the machine tries out schedules; nothing otherwise.
   * Stands where a task of Linux could be overtaken.
   */
  interleave(): Atomic<void>;
}
