/**
 * SimpleWaitQueues: first come, first served, and every waiter is exclusive. (waitq spec 7.1)
 *
 * `createHead` makes a queue; `headAt` makes the one that belongs to an address, on first use.
 */
import type { Sleepable } from './execution.js';
import type { SwaitHeadId } from './units.js';

/** Simple wait queues. */
export interface SimpleWaitQueues {
  /**
   * Makes an empty queue.
   *
   * @kernelName init_swait_queue_head
   * @returns its head.
   */
  createHead(): SwaitHeadId;
  /**
   * Finds the queue that belongs to an address; makes it on first use.
   *
   * @param address - any number that stands for one queue.
   * @returns its head.
   */
  headAt(address: number): SwaitHeadId;
  /**
   * Gives an empty queue back.
   *
   * @param head - which queue.
   */
  destroy(head: SwaitHeadId): void;
  /**
   * Tells whether somebody waits.
   *
   * @kernelName swait_active
   * @param head - which queue.
   * @returns true when somebody does.
   */
  swaitActive(head: SwaitHeadId): boolean;
  /**
   * Wakes who has waited longest and takes it out, even if it was running already.
   *
   * @kernelName swake_up_one
   * @param head - which queue.
   * @context any.
   */
  swakeUpOne(head: SwaitHeadId): void;
  /**
   * Wakes all, one after another.
   *
   * @kernelName swake_up_all
   * @param head - which queue.
   * @context interrupts on.
   */
  swakeUpAll(head: SwaitHeadId): void;
  /**
   * Waits until a condition holds. It is evaluated once before the task is queued, then after each time its state was set.
   *
   * @kernelName swait_event_exclusive
   * @param head - whose wakers make it look again.
   * @param condition - what is waited for; must not sleep.
   * @param state - of the sleep; a signal that it heeds ends the wait.
   * @returns 0, or -ERESTARTSYS.
   * @context task, preempt_count 0.
   */
  swaitEvent(head: SwaitHeadId, condition: () => boolean, state: number): Sleepable<number>;
  /**
   * Waits until a condition holds, but not longer than some jiffies.
   *
   * @kernelName swait_event_timeout_exclusive
   * @param head - whose wakers make it look again.
   * @param condition - what is waited for; must not sleep.
   * @param timeout - jiffies.
   * @param state - of the sleep.
   * @returns 0 when the time was over and the condition false, otherwise the jiffies left, at least 1; -ERESTARTSYS.
   */
  swaitEventTimeout(head: SwaitHeadId, condition: () => boolean, timeout: number, state: number): Sleepable<number>;
}
