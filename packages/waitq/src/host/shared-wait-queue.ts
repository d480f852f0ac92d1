/**
 * SharedWaitQueue: a wait queue of the kernel in shared memory, in which threads wait.
 *
 * ```
 * word 0             the lock
 * word 1             waits that are not over; no waker takes the lock while there are none
 * word 2             free entries, linked through next; 0 ends it
 * word 3             entries
 * words 4 ...        columns next, prev, flags, task, state, each for nodes 0 (none), 1 (the head), 2 ... entries + 1
 * state[entry]       state of the thread: it sleeps on this word while the state is not TASK_RUNNING
 * ```
 *
 * The walk, the order and the budget of exclusive waiters are those of wait-queue-core.ts. A waiter counts itself before it
 * evaluates its condition, a waker makes the condition true before it looks at the count: one of them sees the other.
 * (waitq spec 2, 4)
 */
import type { WaitEntryId } from '@kmem/contracts';
import { TASK_INTERRUPTIBLE, TASK_NORMAL, WOULD_BLOCK, WQ_FLAG_EXCLUSIVE } from '@kmem/contracts';
import { TimedCondition } from '../timed-condition.js';
import { WaitLists } from '../wait-lists.js';
import { WaitQueueCore } from '../wait-queue-core.js';
import { SharedLock } from './shared-lock.js';
import { sleepAsync } from './sleep-async.js';
import { ThreadWaiters } from './thread-waiters.js';
import { waitLoop } from './wait-loop.js';
import { checkTimeout, type SignalWaitOptions, type WaitOptions } from './wait-options.js';

const LOCK = 0;
const WAITING = 1;
const FREE = 2;
const ENTRIES = 3;
const COLUMNS = 4;
const NR_COLUMNS = 5;
const HEAD = 1;
const FIRST_ENTRY = 2;
/** A walk of the core gives the lock away after that many, and a mark for the way back would have to be shared. */
const MAX_WAITERS = 64;

/** Options of {@link createSharedWaitQueue}. */
export interface SharedWaitQueueOptions {
  /** Waits that can go on at once, 1 to 64. @default 16 */
  readonly maxWaiters?: number;
}

/**
 * Makes a wait queue in shared memory of its own.
 *
 * @param options - how many can wait.
 * @returns the queue. Other threads make theirs of its `buffer`.
 * @throws RangeError when `maxWaiters` is out of range.
 * @example
 * ```ts
 * import { createSharedWaitQueue } from '@kmem/waitq/host';
 *
 * const wq = createSharedWaitQueue();
 * const ready = new Int32Array(new SharedArrayBuffer(4));
 * // A worker would say: new SharedWaitQueue(buffer).waitEvent(() => Atomics.load(ready, 0) === 1)
 * const waiting = wq.waitEventAsync(() => Atomics.load(ready, 0) === 1);
 * Atomics.store(ready, 0, 1);
 * wq.wakeUp();
 * await waiting; // -> true
 * wq.waitEvent(() => Atomics.load(ready, 0) === 2, { timeoutMs: 5 }); // -> false
 * ```
 */
export function createSharedWaitQueue({ maxWaiters = 16 }: SharedWaitQueueOptions = {}): SharedWaitQueue {
  if (!(Number.isInteger(maxWaiters) && maxWaiters >= 1 && maxWaiters <= MAX_WAITERS)) {
    throw new RangeError(`maxWaiters: expected a whole number from 1 to ${MAX_WAITERS}, got ${maxWaiters}`);
  }
  const buffer = new SharedArrayBuffer(waitQueueBytes(maxWaiters));
  formatWaitQueue(buffer, 0, maxWaiters);
  return new SharedWaitQueue(buffer);
}

/**
 * Computes how much memory a queue takes.
 *
 * @param maxWaiters - waits that can go on at once.
 * @returns bytes, a multiple of 4.
 */
export function waitQueueBytes(maxWaiters: number): number {
  return (COLUMNS + NR_COLUMNS * (maxWaiters + FIRST_ENTRY)) * 4;
}

/**
 * Writes an empty queue into memory that is all zeroes.
 *
 * @param buffer - the memory.
 * @param byteOffset - where it begins, a multiple of 4.
 * @param maxWaiters - waits that can go on at once.
 */
export function formatWaitQueue(buffer: SharedArrayBuffer, byteOffset: number, maxWaiters: number): void {
  const words = new Int32Array(buffer, byteOffset, waitQueueBytes(maxWaiters) / 4);
  const nodes = maxWaiters + FIRST_ENTRY;
  words[ENTRIES] = maxWaiters;
  words[FREE] = FIRST_ENTRY;
  words[COLUMNS + HEAD] = HEAD;
  words[COLUMNS + nodes + HEAD] = HEAD;
  // Links of free entries; those in use are linked to themselves when they are taken.
  for (let entry = FIRST_ENTRY; entry < nodes - 1; entry++) words[COLUMNS + entry] = entry + 1;
}

/** A wait queue in shared memory, as one thread sees it. */
export class SharedWaitQueue {
  /** The memory: other threads make theirs of it. */
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #state: Int32Array;
  readonly #lists: WaitLists;
  readonly #lock: SharedLock;
  readonly #waiters: ThreadWaiters;
  readonly #queues: WaitQueueCore;

  /**
   * @param buffer - memory in which {@link createSharedWaitQueue} made a queue.
   * @param byteOffset - where in it the queue begins.
   * @throws TypeError when there is none.
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    const isLarge = buffer instanceof SharedArrayBuffer && buffer.byteLength >= byteOffset + waitQueueBytes(1);
    const entries = isLarge ? new Int32Array(buffer, byteOffset, COLUMNS)[ENTRIES] : 0;
    if (!(entries >= 1 && buffer.byteLength >= byteOffset + waitQueueBytes(entries))) {
      throw new TypeError('buffer: expected memory in which createSharedWaitQueue made a queue');
    }
    const nodes = entries + FIRST_ENTRY;
    const column = (i: number): Int32Array => new Int32Array(buffer, byteOffset + (COLUMNS + i * nodes) * 4, nodes);
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, byteOffset, COLUMNS);
    this.#state = column(4);
    this.#lists = new WaitLists({ next: column(0), prev: column(1), flags: column(2), task: column(3), locked: new Uint8Array(nodes) });
    const lock = new SharedLock(this.#words, LOCK);
    this.#lock = lock;
    this.#waiters = new ThreadWaiters(this.#state);
    const locks = {
      lock: (): boolean => {
        lock.lock();
        return false;
      },
      unlock: (): void => lock.unlock(),
    };
    this.#queues = new WaitQueueCore(this.#waiters, this.#lists, locks);
    // The functions are this thread's own: it may have to wake any entry.
    for (let entry = FIRST_ENTRY; entry < nodes; entry++) this.#lists.func[entry] = this.#queues.autoremoveWake;
  }

  /** Waits of all threads that are not over. */
  get nrWaiting(): number {
    return Atomics.load(this.#words, WAITING);
  }

  /**
   * Waits until a condition holds; this thread sleeps. It is evaluated at once, then after each wake-up that reaches this waiter.
   *
   * @kernelName wait_event
   * @param condition - what is waited for; reads shared memory with `Atomics`.
   * @param options - how long.
   * @returns true when the condition holds; false when the time is up, and it does not.
   * @throws RangeError when the timeout is out of range, or `maxWaiters` wait already; what the condition throws.
   * @context a thread that may sleep: not the main thread of a browser.
   */
  waitEvent(condition: () => boolean, { timeoutMs, exclusive = false }: WaitOptions = {}): boolean {
    const timed = new TimedCondition(condition, checkTimeout(timeoutMs));
    if (timed.over()) return timed.left > 0;
    const end = performance.now() + timed.left;
    const entry = this.#enter(exclusive);
    try {
      while (this.#attempt(entry, timed, undefined) === WOULD_BLOCK) {
        const left = end - performance.now();
        if (left > 0) Atomics.wait(this.#state, entry, TASK_INTERRUPTIBLE, left);
        timed.left = Math.max(0, end - performance.now());
      }
      return timed.left > 0;
    } finally {
      this.#leave(entry);
    }
  }

  /**
   * Waits until a condition holds, as `waitEvent` does; the thread goes on meanwhile.
   *
   * @kernelName wait_event_interruptible
   * @param condition - what is waited for.
   * @param options - how long, and what else ends the wait.
   * @returns true when the condition holds; false when the time is up, and it does not.
   * @throws as `waitEvent` does, as a rejection.
   */
  async waitEventAsync(condition: () => boolean, options: SignalWaitOptions = {}): Promise<boolean> {
    const { timeoutMs, exclusive = false, signal } = options;
    const timed = new TimedCondition(condition, checkTimeout(timeoutMs));
    if (timed.over()) return timed.left > 0;
    const end = performance.now() + timed.left;
    const entry = this.#enter(exclusive);
    // A waiter goes by the number of its entry.
    const task: number = entry;
    const sleep = async (): Promise<void> => {
      await sleepAsync(this.#state, entry, TASK_INTERRUPTIBLE, end - performance.now());
      timed.left = Math.max(0, end - performance.now());
    };
    const wake = (): void => void this.#waiters.tryToWakeUp(task, TASK_NORMAL);
    try {
      return await waitLoop({ timed, signal, attempt: () => this.#attempt(entry, timed, signal), sleep, wake });
    } finally {
      this.#leave(entry);
    }
  }

  /**
   * Wakes all that are not exclusive, and one that is.
   *
   * @kernelName wake_up
   * @returns exclusive waiters that were woken.
   */
  wakeUp(): number {
    return this.#wake(1);
  }

  /**
   * Wakes all that are not exclusive, and some that are.
   *
   * @kernelName wake_up_nr
   * @param nr - how many, 1 or more.
   * @returns exclusive waiters that were woken.
   */
  wakeUpNr(nr: number): number {
    return this.#wake(nr);
  }

  /**
   * Wakes all.
   *
   * @kernelName wake_up_all
   */
  wakeUpAll(): void {
    this.#wake(0);
  }

  #wake(nrExclusive: number): number {
    if (Atomics.load(this.#words, WAITING) === 0) return 0;
    return this.#queues.wakeUp(HEAD, TASK_NORMAL, nrExclusive);
  }

  #attempt(entry: WaitEntryId, timed: TimedCondition, signal: AbortSignal | undefined): number {
    // A waiter goes by the number of its entry.
    const task: number = entry;
    this.#waiters.current = task;
    this.#waiters.signal = signal;
    return this.#queues.tryWaitEvent(HEAD, entry, timed.over, TASK_INTERRUPTIBLE);
  }

  /** Takes an entry, and counts the wait. */
  #enter(exclusive: boolean): WaitEntryId {
    this.#lock.lock();
    const entry = this.#words[FREE];
    if (entry !== 0) {
      this.#words[FREE] = this.#lists.next[entry];
      this.#lists.next[entry] = entry;
      this.#lists.prev[entry] = entry;
      this.#lists.task[entry] = entry;
      this.#lists.flags[entry] = exclusive ? WQ_FLAG_EXCLUSIVE : 0;
    }
    this.#lock.unlock();
    if (entry === 0) throw new RangeError(`maxWaiters: ${this.#words[ENTRIES]} wait in this queue already`);
    Atomics.add(this.#words, WAITING, 1);
    return entry;
  }

  #leave(entry: WaitEntryId): void {
    const task: number = entry;
    this.#waiters.current = task;
    this.#queues.finishWait(HEAD, entry);
    this.#lock.lock();
    this.#lists.next[entry] = this.#words[FREE];
    this.#words[FREE] = entry;
    this.#lock.unlock();
    Atomics.sub(this.#words, WAITING, 1);
  }
}
