/**
 * WaitQueueCore: the queues themselves, whoever waits in them: tasks of a kernel, promises, threads.
 *
 * ```
 * waiter   queue the entry, set the state, evaluate the condition, sleep; again until it holds
 * waker    make the condition true, walk the queue, call the wake function of each entry
 * ```
 *
 * The entry is queued and the state set before the condition is evaluated: a wake-up after that is never lost.
 * (waitq spec 1 to 4)
 */
import type { Scheduler, TaskId, WaitEntryId, WaitHeadId, WaitQueues, WakeFunction } from '@kmem/contracts';
import {
  ERESTARTSYS,
  TASK_RUNNING,
  WOULD_BLOCK,
  WQ_FLAG_BOOKMARK,
  WQ_FLAG_EXCLUSIVE,
  WQ_FLAG_PRIORITY,
} from '@kmem/contracts';
import type { WaitLists } from './wait-lists.js';

/** Entries a walk visits before it lets others have the lock. */
const WALK_BREAK = 64;

/** What the queues need of those who wait. */
export type Waiters = Pick<Scheduler, 'current' | 'setCurrentState' | 'signalPendingState' | 'tryToWakeUp'>;

/** The locks of the heads. */
export interface QueueLocks {
  /**
   * Takes a lock.
   *
   * @param head - whose.
   * @returns what `unlock` needs.
   */
  lock(head: WaitHeadId): boolean;
  /**
   * Gives a lock back.
   *
   * @param head - whose.
   * @param wasOff - what `lock` returned.
   */
  unlock(head: WaitHeadId, wasOff: boolean): void;
}

/** What the contract has besides ways to sleep. */
type Queues = Omit<WaitQueues, 'headAt' | 'entryAt' | 'waitEvent' | 'waitEventTimeout'>;

/** Wait queues. */
export class WaitQueueCore implements Queues {
  readonly defaultWake: WakeFunction;
  readonly autoremoveWake: WakeFunction;
  protected readonly lists: WaitLists;
  readonly #waiters: Waiters;
  readonly #locks: QueueLocks;

  /**
   * @param waiters - who sleeps and is woken.
   * @param lists - heads and entries.
   * @param locks - of the heads.
   */
  constructor(waiters: Waiters, lists: WaitLists, locks: QueueLocks) {
    this.#waiters = waiters;
    this.#locks = locks;
    this.lists = lists;
    this.defaultWake = (entry, mode, wakeFlags) => waiters.tryToWakeUp(lists.task[entry], mode, wakeFlags);
    this.autoremoveWake = (entry, mode, wakeFlags) => {
      const woken = waiters.tryToWakeUp(lists.task[entry], mode, wakeFlags);
      if (woken !== 0) lists.remove(entry);
      return woken;
    };
  }

  createHead(): WaitHeadId {
    return this.lists.create();
  }

  createEntry(): WaitEntryId {
    return this.lists.create();
  }

  destroy(node: WaitHeadId | WaitEntryId): void {
    this.lists.destroy(node);
  }

  initEntry(entry: WaitEntryId, task: TaskId, func: WakeFunction): void {
    this.lists.init(entry, task, func);
  }

  flags(entry: WaitEntryId): number {
    return this.lists.flags[entry];
  }

  wakeFunction(entry: WaitEntryId): WakeFunction | null {
    return this.lists.func[entry];
  }

  setFlags(entry: WaitEntryId, flags: number): void {
    this.lists.flags[entry] = flags;
  }

  isQueued(entry: WaitEntryId): boolean {
    return this.lists.next[entry] !== entry;
  }

  waitqueueActive(head: WaitHeadId): boolean {
    return this.lists.next[head] !== head;
  }

  wqHasSingleSleeper(head: WaitHeadId): boolean {
    const { next } = this.lists;
    return next[head] !== head && next[next[head]] === head;
  }

  entries(head: WaitHeadId): WaitEntryId[] {
    const { next } = this.lists;
    const entries: WaitEntryId[] = [];
    for (let entry = next[head]; entry !== head; entry = next[entry]) entries.push(entry);
    return entries;
  }

  // The lock

  lock(head: WaitHeadId): boolean {
    return this.#locks.lock(head);
  }

  unlock(head: WaitHeadId, wasOff: boolean): void {
    this.#locks.unlock(head, wasOff);
  }

  isLocked(head: WaitHeadId): boolean {
    return this.lists.locked[head] === 1;
  }

  // Queueing

  addWaitQueue(head: WaitHeadId, entry: WaitEntryId): void {
    const wasOff = this.lock(head);
    this.lists.flags[entry] &= ~WQ_FLAG_EXCLUSIVE;
    this.lists.addFront(head, entry);
    this.unlock(head, wasOff);
  }

  addWaitQueueExclusive(head: WaitHeadId, entry: WaitEntryId): void {
    const wasOff = this.lock(head);
    this.lists.flags[entry] |= WQ_FLAG_EXCLUSIVE;
    this.lists.addTail(head, entry);
    this.unlock(head, wasOff);
  }

  addWaitQueuePriority(head: WaitHeadId, entry: WaitEntryId): void {
    const wasOff = this.lock(head);
    this.lists.flags[entry] |= WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
    this.lists.addFront(head, entry);
    this.unlock(head, wasOff);
  }

  addEntry(head: WaitHeadId, entry: WaitEntryId): void {
    this.lists.addFront(head, entry);
  }

  addEntryTail(head: WaitHeadId, entry: WaitEntryId): void {
    this.lists.addTail(head, entry);
  }

  removeWaitQueue(head: WaitHeadId, entry: WaitEntryId): void {
    const wasOff = this.lock(head);
    this.lists.remove(entry);
    this.unlock(head, wasOff);
  }

  removeEntry(entry: WaitEntryId): void {
    this.lists.remove(entry);
  }

  // Waking

  wakeUp(head: WaitHeadId, mode: number, nrExclusive: number, key = 0, wakeFlags = 0): number {
    const lists = this.lists;
    let left = nrExclusive;
    let bookmark = 0;
    for (;;) {
      const wasOff = this.lock(head);
      let first = lists.next[head];
      if (bookmark !== 0) {
        first = lists.next[bookmark];
        lists.remove(bookmark);
      }
      let visited = 0;
      let entry = first;
      let stopped = false;
      while (entry !== head && visited <= WALK_BREAK) {
        const next = lists.next[entry];
        const { [entry]: flags } = lists.flags;
        if ((flags & WQ_FLAG_BOOKMARK) === 0) {
          const woken = this.#call(entry, mode, wakeFlags, key);
          if (woken < 0 || (woken !== 0 && (flags & WQ_FLAG_EXCLUSIVE) !== 0 && --left === 0)) {
            stopped = true;
            break;
          }
          visited++;
        }
        entry = next;
      }
      if (stopped || entry === head) {
        this.unlock(head, wasOff);
        break;
      }
      bookmark = bookmark === 0 ? this.#createBookmark() : bookmark;
      lists.addBefore(entry, bookmark);
      this.unlock(head, wasOff);
    }
    if (bookmark !== 0) lists.destroy(bookmark);
    return nrExclusive - left;
  }

  wakeUpLocked(head: WaitHeadId, mode: number, nrExclusive: number, key = 0): void {
    const lists = this.lists;
    let left = nrExclusive;
    let next: number;
    for (let entry = lists.next[head]; entry !== head; entry = next) {
      next = lists.next[entry];
      const flags = lists.flags[entry];
      if ((flags & WQ_FLAG_BOOKMARK) !== 0) continue;
      const woken = this.#call(entry, mode, 0, key);
      if (woken < 0 || (woken !== 0 && (flags & WQ_FLAG_EXCLUSIVE) !== 0 && --left === 0)) return;
    }
  }

  // Waiting

  prepareToWait(head: WaitHeadId, entry: WaitEntryId, state: number): void {
    const wasOff = this.lock(head);
    this.lists.flags[entry] &= ~WQ_FLAG_EXCLUSIVE;
    if (!this.isQueued(entry)) this.lists.addFront(head, entry);
    this.#waiters.setCurrentState(state);
    this.unlock(head, wasOff);
  }

  prepareToWaitExclusive(head: WaitHeadId, entry: WaitEntryId, state: number): boolean {
    const wasOff = this.lock(head);
    let wasEmpty = false;
    this.lists.flags[entry] |= WQ_FLAG_EXCLUSIVE;
    if (!this.isQueued(entry)) {
      wasEmpty = !this.waitqueueActive(head);
      this.lists.addTail(head, entry);
    }
    this.#waiters.setCurrentState(state);
    this.unlock(head, wasOff);
    return wasEmpty;
  }

  finishWait(head: WaitHeadId, entry: WaitEntryId): void {
    this.#waiters.setCurrentState(TASK_RUNNING);
    if (!this.isQueued(entry)) return;
    this.removeWaitQueue(head, entry);
  }

  tryWaitEvent(head: WaitHeadId, entry: WaitEntryId, condition: () => boolean, state: number): number {
    const signal = this.#prepareToWaitEvent(head, entry, state);
    if (condition()) {
      this.finishWait(head, entry);
      return 0;
    }
    return signal === 0 ? WOULD_BLOCK : signal;
  }

  /** Queues the entry and sets the state; with a signal that the state heeds takes the entry out instead. */
  #prepareToWaitEvent(head: WaitHeadId, entry: WaitEntryId, state: number): number {
    const waiters = this.#waiters;
    const lists = this.lists;
    const wasOff = this.lock(head);
    let result = 0;
    if (waiters.signalPendingState(state, waiters.current)) {
      // Out of the queue first: an exclusive wake-up must not be spent on a task that leaves.
      lists.remove(entry);
      result = -ERESTARTSYS;
    } else {
      if (!this.isQueued(entry)) {
        if ((lists.flags[entry] & WQ_FLAG_EXCLUSIVE) !== 0) lists.addTail(head, entry);
        else lists.addFront(head, entry);
      }
      waiters.setCurrentState(state);
    }
    this.unlock(head, wasOff);
    return result;
  }

  /** An entry that wakes the one who asks, and leaves the queue by that. */
  protected createWaiter(exclusive: boolean): WaitEntryId {
    const entry = this.lists.create();
    this.lists.init(entry, this.#waiters.current, this.autoremoveWake);
    if (exclusive) this.lists.flags[entry] = WQ_FLAG_EXCLUSIVE;
    return entry;
  }

  #createBookmark(): WaitEntryId {
    const bookmark = this.lists.create();
    this.lists.flags[bookmark] = WQ_FLAG_BOOKMARK;
    return bookmark;
  }

  #call(entry: WaitEntryId, mode: number, wakeFlags: number, key: number): number {
    const func = this.lists.func[entry];
    return func === null ? 0 : func(entry, mode, wakeFlags, key);
  }
}
