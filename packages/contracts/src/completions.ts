/**
 * Completions: waiting for something to be done, that may have been done before. (waitq spec 6)
 *
 * `create` makes one; `at` makes the one that belongs to an address, on first use.
 */
import type { Sleepable } from './execution.js';
import type { CompletionId } from './units.js';

/** What the counter of a completion is after completeAll: it does not count any more. */
export const COMPLETED_FOR_ALL = 0xffff_ffff;

/** Completions. */
export interface Completions {
  /**
   * Makes a completion.
   *
   * @kernelName init_completion
   * @returns the completion, not done.
   */
  create(): CompletionId;
  /**
   * Finds the completion that belongs to an address; makes it on first use.
   *
   * @param address - any number that stands for one completion.
   * @returns the completion.
   */
  at(address: number): CompletionId;
  /**
   * Gives a completion back that nobody waits for.
   *
   * @param completion - which one.
   */
  destroy(completion: CompletionId): void;
  /**
   * Reads how many waits would succeed at once.
   *
   * @param completion - which one.
   * @returns its counter; COMPLETED_FOR_ALL after completeAll.
   */
  done(completion: CompletionId): number;
  /**
   * Says that it is done: lets one waiter go on, who is waiting or will.
   *
   * @kernelName complete
   * @param completion - which one.
   * @context any.
   */
  complete(completion: CompletionId): void;
  /**
   * Says that it is done, for all waiters, until it is made new.
   *
   * @kernelName complete_all
   * @param completion - which one.
   * @context any.
   */
  completeAll(completion: CompletionId): void;
  /**
   * Makes a completion new. Its waiters go on waiting.
   *
   * @kernelName reinit_completion
   * @param completion - which one.
   */
  reinit(completion: CompletionId): void;
  /**
   * Waits until it is done.
   *
   * @kernelName wait_for_completion
   * @param completion - which one.
   * @param state - of the sleep; a signal that it heeds ends the wait. @default TASK_UNINTERRUPTIBLE
   * @returns 0, or -ERESTARTSYS.
   * @context task, preempt_count 0.
   */
  waitForCompletion(completion: CompletionId, state?: number): Sleepable<number>;
  /**
   * Waits until it is done, but not longer than some jiffies. With 0 it sleeps up to the next tick.
   *
   * @kernelName wait_for_completion_timeout
   * @param completion - which one.
   * @param timeout - jiffies.
   * @param state - of the sleep. @default TASK_UNINTERRUPTIBLE
   * @returns 0 when the time was over, otherwise the jiffies left, at least 1; -ERESTARTSYS.
   */
  waitForCompletionTimeout(completion: CompletionId, timeout: number, state?: number): Sleepable<number>;
  /**
   * Takes one completion if it is done.
   *
   * @kernelName try_wait_for_completion
   * @param completion - which one.
   * @returns false when it is not done.
   * @context any.
   */
  tryWaitForCompletion(completion: CompletionId): boolean;
}
