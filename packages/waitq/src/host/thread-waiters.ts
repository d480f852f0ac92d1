/**
 * ThreadWaiters: those who wait are threads. The state of each is a word of shared memory, and asleep it sleeps on that word.
 */
import type { TaskId } from '@kmem/contracts';
import { TASK_INTERRUPTIBLE, TASK_RUNNING } from '@kmem/contracts';
import type { Waiters } from '../wait-queue-core.js';

/** The threads that wait in a shared queue, as one of them sees them. */
export class ThreadWaiters implements Waiters {
  current: TaskId = 0;
  /** What the current one heeds besides wake-ups. */
  signal: AbortSignal | undefined;
  readonly #state: Int32Array;

  /**
   * @param state - states by task, in shared memory.
   */
  constructor(state: Int32Array) {
    this.#state = state;
  }

  setCurrentState(state: number): void {
    Atomics.store(this.#state, this.current, state);
  }

  signalPendingState(state: number): boolean {
    return state === TASK_INTERRUPTIBLE && this.signal?.aborted === true;
  }

  tryToWakeUp(task: TaskId, mask: number): number {
    const state = Atomics.load(this.#state, task);
    if ((state & mask) === 0) return 0;
    // Its own timeout or another waker may have been faster.
    if (Atomics.compareExchange(this.#state, task, state, TASK_RUNNING) !== state) return 0;
    Atomics.notify(this.#state, task);
    return 1;
  }
}
