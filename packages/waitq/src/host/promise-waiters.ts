/**
 * PromiseWaiters: those who wait are promises. The run queue is that of the host, its microtasks.
 *
 * ```
 * state[task]    as that of a task; undefined: nobody waits under this number
 * wake[task]     resolves what the waiter sleeps on; undefined: it does not sleep
 * ```
 */
import type { TaskId } from '@kmem/contracts';
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from '@kmem/contracts';
import type { Waiters } from '../wait-queue-core.js';

/** The promises that wait in the queues of one core. */
export class PromiseWaiters implements Waiters {
  current: TaskId = 0;
  /** What the current one heeds besides wake-ups. */
  signal: AbortSignal | undefined;
  readonly #state: number[] = [];
  readonly #wake: ((() => void) | undefined)[] = [];

  setCurrentState(state: number): void {
    this.#state[this.current] = state;
  }

  signalPendingState(state: number): boolean {
    return state === TASK_INTERRUPTIBLE && this.signal?.aborted === true;
  }

  tryToWakeUp(task: TaskId, mask: number): number {
    if ((this.#state[task] & mask) === 0) return 0;
    this.#state[task] = TASK_RUNNING;
    this.#wake[task]?.();
    this.#wake[task] = undefined;
    return 1;
  }

  /**
   * Sleeps until the waiter is woken.
   *
   * @param task - which one.
   * @returns a promise for that; resolved when the waiter was woken before.
   */
  sleep(task: TaskId): Promise<void> {
    return new Promise((resolve) => {
      if (this.#state[task] === TASK_RUNNING) resolve();
      else this.#wake[task] = resolve;
    });
  }
}
