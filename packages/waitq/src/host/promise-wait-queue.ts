/**
 * PromiseWaitQueue: a wait queue of the kernel in which promises wait.
 *
 * ```
 * waitEvent   condition, queue, condition; then again after each wake-up, in a microtask
 * over        the condition holds: true. The time is up: false. The signal is aborted: rejected
 * ```
 *
 * The walk, the order and the budget of exclusive waiters are those of wait-queue-core.ts; there are no locks, as code
 * of one thread runs to its end. (waitq spec 2, 4)
 */
import { TASK_INTERRUPTIBLE, TASK_NORMAL, WQ_FLAG_EXCLUSIVE } from '@kmem/contracts';
import { TimedCondition } from '../timed-condition.js';
import { WaitLists } from '../wait-lists.js';
import { WaitQueueCore } from '../wait-queue-core.js';
import { PromiseWaiters } from './promise-waiters.js';
import { waitLoop } from './wait-loop.js';
import { checkTimeout, type SignalWaitOptions } from './wait-options.js';

const noLocks = { lock: (): boolean => false, unlock: (): void => undefined };

/**
 * A wait queue of promises.
 *
 * @example
 * ```ts
 * import { PromiseWaitQueue } from '@kmem/waitq/host';
 *
 * const jobs: string[] = [];
 * const wq = new PromiseWaitQueue();
 * async function worker() {
 *   await wq.waitEvent(() => jobs.length > 0, { exclusive: true });
 *   return jobs.shift();
 * }
 * const workers = [worker(), worker()];
 * jobs.push('one');
 * wq.wakeUp();
 * await workers[0]; // -> 'one'
 * wq.nrWaiting; // -> 1
 * await wq.waitEvent(() => jobs.length > 0, { timeoutMs: 5 }); // -> false
 * jobs.push('two');
 * wq.wakeUp();
 * await workers[1]; // -> 'two'
 * ```
 */
export class PromiseWaitQueue {
  readonly #waiters = new PromiseWaiters();
  readonly #queues = new WaitQueueCore(this.#waiters, new WaitLists(), noLocks);
  readonly #head = this.#queues.createHead();
  #nrWaiting = 0;

  /** Waits that are not over. */
  get nrWaiting(): number {
    return this.#nrWaiting;
  }

  /**
   * Waits until a condition holds. It is evaluated at once, then after each wake-up that reaches this waiter.
   *
   * @kernelName wait_event
   * @param condition - what is waited for. What it throws rejects the promise.
   * @param options - how long, and what else ends the wait.
   * @returns true when the condition holds; false when the time is up, and it does not.
   * @throws RangeError when the timeout is out of range, as a rejection.
   */
  async waitEvent(condition: () => boolean, { timeoutMs, exclusive = false, signal }: SignalWaitOptions = {}): Promise<boolean> {
    const timed = new TimedCondition(condition, checkTimeout(timeoutMs));
    if (timed.over()) return timed.left > 0;
    const queues = this.#queues;
    const waiters = this.#waiters;
    const entry = queues.createEntry();
    // A waiter goes by the number of its entry.
    const task: number = entry;
    queues.initEntry(entry, task, queues.autoremoveWake);
    if (exclusive) queues.setFlags(entry, WQ_FLAG_EXCLUSIVE);
    const wake = (): void => void waiters.tryToWakeUp(task, TASK_NORMAL);
    const timeUp = (): void => {
      timed.left = 0;
      wake();
    };
    const timer = timed.left === Infinity ? undefined : setTimeout(timeUp, timed.left);
    const attempt = (): number => {
      waiters.current = task;
      waiters.signal = signal;
      return queues.tryWaitEvent(this.#head, entry, timed.over, TASK_INTERRUPTIBLE);
    };
    this.#nrWaiting++;
    try {
      return await waitLoop({ timed, signal, attempt, sleep: () => waiters.sleep(task), wake });
    } finally {
      this.#nrWaiting--;
      clearTimeout(timer);
      // A condition that has thrown has left it queued.
      waiters.current = task;
      queues.finishWait(this.#head, entry);
      queues.destroy(entry);
    }
  }

  /**
   * Wakes all that are not exclusive, and one that is.
   *
   * @kernelName wake_up
   * @returns exclusive waiters that were woken.
   */
  wakeUp(): number {
    return this.#queues.wakeUp(this.#head, TASK_NORMAL, 1);
  }

  /**
   * Wakes all that are not exclusive, and some that are.
   *
   * @kernelName wake_up_nr
   * @param nr - how many, 1 or more.
   * @returns exclusive waiters that were woken.
   */
  wakeUpNr(nr: number): number {
    return this.#queues.wakeUp(this.#head, TASK_NORMAL, nr);
  }

  /**
   * Wakes all.
   *
   * @kernelName wake_up_all
   */
  wakeUpAll(): void {
    this.#queues.wakeUp(this.#head, TASK_NORMAL, 0);
  }
}
