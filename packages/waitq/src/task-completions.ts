/**
 * TaskCompletions: counters that tasks wait for, each with a simple wait queue.
 *
 * ```
 * done[completion]    completions nobody has taken yet; COMPLETED_FOR_ALL: any number of waiters may go on
 * completion          also the head of its queue
 * ```
 *
 * (waitq spec 6)
 */
import type { CompletionId, Completions, Sleepable } from '@kmem/contracts';
import { COMPLETED_FOR_ALL, MAX_SCHEDULE_TIMEOUT, TASK_UNINTERRUPTIBLE } from '@kmem/contracts';
import { TaskSimpleWaitQueues, type TaskSimpleWaitQueuesOptions } from './task-simple-wait-queues.js';

const FIRST_CAPACITY = 16;

/** Completions of tasks. */
export class TaskCompletions implements Completions {
  readonly #options: TaskSimpleWaitQueuesOptions;
  readonly #queues: TaskSimpleWaitQueues;
  readonly #addresses = new Map<number, CompletionId>();
  #done = new Uint32Array(FIRST_CAPACITY);

  /**
   * @param options - what they work with.
   */
  constructor(options: TaskSimpleWaitQueuesOptions) {
    this.#options = options;
    this.#queues = new TaskSimpleWaitQueues(options);
  }

  create(): CompletionId {
    const completion: number = this.#queues.createHead();
    while (completion >= this.#done.length) this.#grow();
    this.#done[completion] = 0;
    return completion;
  }

  at(address: number): CompletionId {
    let completion = this.#addresses.get(address);
    if (completion === undefined) {
      completion = this.create();
      this.#addresses.set(address, completion);
    }
    return completion;
  }

  destroy(completion: CompletionId): void {
    this.#queues.destroy(completion);
  }

  done(completion: CompletionId): number {
    return this.#done[completion];
  }

  complete(completion: CompletionId): void {
    const wasOff = this.#queues.lock(completion);
    if (this.#done[completion] !== COMPLETED_FOR_ALL) this.#done[completion]++;
    this.#queues.swakeUpLocked(completion);
    this.#queues.unlock(completion, wasOff);
  }

  completeAll(completion: CompletionId): void {
    const wasOff = this.#queues.lock(completion);
    this.#done[completion] = COMPLETED_FOR_ALL;
    while (this.#queues.swaitActive(completion)) this.#queues.swakeUpLocked(completion);
    this.#queues.unlock(completion, wasOff);
  }

  reinit(completion: CompletionId): void {
    this.#done[completion] = 0;
  }

  *waitForCompletion(completion: CompletionId, state = TASK_UNINTERRUPTIBLE): Sleepable<number> {
    const left = yield* this.waitForCompletionTimeout(completion, MAX_SCHEDULE_TIMEOUT, state);
    return left < 0 ? left : 0;
  }

  *waitForCompletionTimeout(completion: CompletionId, timeout: number, state = TASK_UNINTERRUPTIBLE): Sleepable<number> {
    yield* this.#options.sched.mightSleep();
    const queues = this.#queues;
    let left = timeout;
    let wasOff = queues.lock(completion);
    if (this.#done[completion] === 0) {
      const entry = queues.createEntry();
      do {
        const signal = queues.prepareToSwait(completion, entry, state);
        queues.unlock(completion, wasOff);
        if (signal === 0) left = yield* this.#options.sleep.scheduleTimeout(left);
        else left = signal;
        wasOff = queues.lock(completion);
      } while (this.#done[completion] === 0 && left > 0);
      queues.unlock(completion, wasOff);
      queues.finishSwait(completion, entry);
      wasOff = queues.lock(completion);
    }
    const isDone = this.#take(completion);
    queues.unlock(completion, wasOff);
    // Whoever finds it done at the last moment has one jiffy left.
    return isDone ? Math.max(left, 1) : left;
  }

  tryWaitForCompletion(completion: CompletionId): boolean {
    const wasOff = this.#queues.lock(completion);
    const isDone = this.#take(completion);
    this.#queues.unlock(completion, wasOff);
    return isDone;
  }

  /** Takes one completion, under the lock. */
  #take(completion: CompletionId): boolean {
    const done = this.#done[completion];
    if (done === 0) return false;
    if (done !== COMPLETED_FOR_ALL) this.#done[completion]--;
    return true;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#done.length * 2);
    grown.set(this.#done);
    this.#done = grown;
  }
}
