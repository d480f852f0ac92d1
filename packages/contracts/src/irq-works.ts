/** IrqWorks: functions that run in a hard interrupt as soon as one can come, queued from any context. (irq spec 16) */
import type { Atomic, AtomicResult } from './execution.js';
import type { CpuId, IrqWorkId } from './units.js';

/** State bit: waits for its run. */
export const IRQ_WORK_PENDING = 1;
/** State bit: waits or runs. */
export const IRQ_WORK_BUSY = 2;
/** State bit: runs at the next tick instead of at once. */
export const IRQ_WORK_LAZY = 4;

/** The irq_work items of all CPUs. */
export interface IrqWorks {
  /**
   * Makes an item.
   *
   * @kernelName init_irq_work
   * @param fn - what it does. @context hard interrupt, interrupts off.
   * @param flags - IRQ_WORK_LAZY or 0.
   * @returns the item.
   */
  create(fn: () => AtomicResult, flags?: number): IrqWorkId;
  /**
   * Reads an item's state.
   *
   * @param work - which one.
   * @returns `IRQ_WORK_*` bits.
   */
  flags(work: IrqWorkId): number;
  /**
   * Has an item run on this CPU when interrupts are next on; of those that wait, the last one queued comes first.
   *
   * @kernelName irq_work_queue
   * @param work - which one.
   * @returns false when it waits already.
   */
  irqWorkQueue(work: IrqWorkId): boolean;
  /**
   * Has an item run on another CPU.
   *
   * @kernelName irq_work_queue_on
   * @param work - which one.
   * @param cpu - where.
   * @returns false when it waits already.
   */
  irqWorkQueueOn(work: IrqWorkId, cpu: CpuId): boolean;
  /**
   * Waits until an item neither waits nor runs.
   *
   * @kernelName irq_work_sync
   * @param work - which one.
   * @context task, interrupts on.
   */
  irqWorkSync(work: IrqWorkId): Atomic<void>;
}
