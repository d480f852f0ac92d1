/**
 * WaitQueues: lists of who waits for something, and the calls that wake them.
 *
 * Heads and entries are numbers. `createHead` and `createEntry` make them; `headAt` and `entryAt` make those that belong
 * to an address, on first use. (waitq spec 1 to 4)
 */
import type { Sleepable } from './execution.js';
import type { TaskId, WaitEntryId, WaitHeadId } from './units.js';

/** Entry flag: counts against the number to wake. */
export const WQ_FLAG_EXCLUSIVE = 0x01;
/** Entry flag of wait_woken. */
export const WQ_FLAG_WOKEN = 0x02;
/** Entry flag: no waiter, but the place where a walk goes on. */
export const WQ_FLAG_BOOKMARK = 0x04;
/** Entry flag: private to some users. */
export const WQ_FLAG_CUSTOM = 0x08;
/** Entry flag of page-bit waits. */
export const WQ_FLAG_DONE = 0x10;
/** Entry flag: stays before those without it. */
export const WQ_FLAG_PRIORITY = 0x20;

/** What a wait attempt answers when the caller has to call `schedule` and try again. */
export const WOULD_BLOCK = -1000;

/**
 * Wakes one entry, under the lock of its head, with interrupts off.
 *
 * @param entry - which one.
 * @param mode - states that may be woken.
 * @param wakeFlags - WF_SYNC or 0.
 * @param key - what the waker passes on; 0 for nothing.
 * @returns below 0 to end the walk, 0 when nobody was woken, above 0 otherwise.
 */
export type WakeFunction = (entry: WaitEntryId, mode: number, wakeFlags: number, key: number) => number;

/** Wait queues. */
export interface WaitQueues {
  /** Wakes the task of an entry, which stays queued. @kernelName default_wake_function */
  readonly defaultWake: WakeFunction;
  /** Wakes the task of an entry, which leaves the queue if that succeeds. @kernelName autoremove_wake_function */
  readonly autoremoveWake: WakeFunction;
  /**
   * Makes an empty queue.
   *
   * @kernelName init_waitqueue_head
   * @returns its head.
   */
  createHead(): WaitHeadId;
  /**
   * Finds the queue that belongs to an address; makes it on first use.
   *
   * @param address - any number that stands for one queue.
   * @returns its head.
   */
  headAt(address: number): WaitHeadId;
  /**
   * Makes an entry that is not queued.
   *
   * @returns the entry, without flags, task and function.
   */
  createEntry(): WaitEntryId;
  /**
   * Finds the entry that belongs to an address; makes it on first use.
   *
   * @param address - any number that stands for one entry.
   * @returns the entry.
   */
  entryAt(address: number): WaitEntryId;
  /**
   * Gives an entry or an empty queue back.
   *
   * @param node - head or entry; not queued.
   */
  destroy(node: WaitHeadId | WaitEntryId): void;
  /**
   * Says whom an entry wakes, and how.
   *
   * @kernelName init_waitqueue_func_entry
   * @param entry - which one.
   * @param task - whom; handed to nobody but `func`.
   * @param func - how.
   */
  initEntry(entry: WaitEntryId, task: TaskId, func: WakeFunction): void;
  /**
   * Reads an entry's flags.
   *
   * @param entry - which one.
   * @returns `WQ_FLAG_*` bits.
   */
  flags(entry: WaitEntryId): number;
  /**
   * Reads how an entry is woken.
   *
   * @param entry - which one.
   * @returns its wake function; null for a bookmark.
   */
  wakeFunction(entry: WaitEntryId): WakeFunction | null;
  /**
   * Sets an entry's flags.
   *
   * @param entry - which one.
   * @param flags - `WQ_FLAG_*` bits.
   */
  setFlags(entry: WaitEntryId, flags: number): void;
  /**
   * Tells whether an entry is queued.
   *
   * @param entry - which one.
   * @returns true when it is.
   */
  isQueued(entry: WaitEntryId): boolean;
  /**
   * Tells whether a queue has entries.
   *
   * @kernelName waitqueue_active
   * @param head - which queue.
   * @returns true when it has.
   */
  waitqueueActive(head: WaitHeadId): boolean;
  /**
   * Tells whether a queue has exactly one entry.
   *
   * @kernelName wq_has_single_sleeper
   * @param head - which queue.
   * @returns true when it has.
   */
  wqHasSingleSleeper(head: WaitHeadId): boolean;
  /**
   * Lists a queue.
   *
   * @param head - which queue.
   * @returns its entries from the front, bookmarks included.
   */
  entries(head: WaitHeadId): WaitEntryId[];
  /**
   * Takes the lock of a queue and turns interrupts off.
   *
   * @param head - which queue.
   * @returns how interrupts were, for `unlock`.
   */
  lock(head: WaitHeadId): boolean;
  /**
   * Gives the lock back and puts interrupts back.
   *
   * @param head - which queue.
   * @param wasOff - what `lock` returned.
   */
  unlock(head: WaitHeadId, wasOff: boolean): void;
  /**
   * Tells whether somebody has the lock of a queue.
   *
   * @param head - which queue.
   * @returns true when somebody has.
   */
  isLocked(head: WaitHeadId): boolean;
  /**
   * Queues an entry at the front, behind those with priority, without WQ_FLAG_EXCLUSIVE.
   *
   * @kernelName add_wait_queue
   * @param head - where.
   * @param entry - not queued yet.
   */
  addWaitQueue(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Queues an entry at the end, with WQ_FLAG_EXCLUSIVE.
   *
   * @kernelName add_wait_queue_exclusive
   * @param head - where.
   * @param entry - not queued yet.
   */
  addWaitQueueExclusive(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Queues an entry behind those with priority, with WQ_FLAG_EXCLUSIVE and WQ_FLAG_PRIORITY.
   *
   * @kernelName add_wait_queue_priority
   * @param head - where.
   * @param entry - not queued yet.
   */
  addWaitQueuePriority(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Queues an entry at the front, behind those with priority, under the lock that the caller holds.
   *
   * @kernelName __add_wait_queue
   * @param head - where.
   * @param entry - not queued yet; its flags stay.
   */
  addEntry(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Queues an entry at the end, under the lock that the caller holds.
   *
   * @kernelName __add_wait_queue_entry_tail
   * @param head - where.
   * @param entry - not queued yet; its flags stay.
   */
  addEntryTail(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Takes an entry out of its queue.
   *
   * @kernelName remove_wait_queue
   * @param head - where it is queued.
   * @param entry - which one.
   */
  removeWaitQueue(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Takes an entry out of its queue, under the lock that the caller holds, as a wake function does.
   *
   * @param entry - one that is queued.
   */
  removeEntry(entry: WaitEntryId): void;
  /**
   * Wakes entries from the front until enough exclusive ones were woken.
   *
   * @kernelName __wake_up
   * @param head - which queue.
   * @param mode - states that may be woken.
   * @param nrExclusive - how many exclusive ones; 0 for all.
   * @param key - passed on to the wake functions; 0 for nothing.
   * @param wakeFlags - WF_SYNC or 0.
   * @returns exclusive entries that were woken.
   * @context any.
   */
  wakeUp(head: WaitHeadId, mode: number, nrExclusive: number, key?: number, wakeFlags?: number): number;
  /**
   * Does what wakeUp does, under the lock that the caller holds.
   *
   * @kernelName __wake_up_locked
   * @param head - which queue.
   * @param mode - states that may be woken.
   * @param nrExclusive - how many exclusive ones; 0 for all.
   * @param key - passed on; 0 for nothing.
   */
  wakeUpLocked(head: WaitHeadId, mode: number, nrExclusive: number, key?: number): void;
  /**
   * Queues an entry unless it is queued, then sets the state of the current task.
   *
   * @kernelName prepare_to_wait
   * @param head - where.
   * @param entry - loses WQ_FLAG_EXCLUSIVE.
   * @param state - of the sleep to come.
   */
  prepareToWait(head: WaitHeadId, entry: WaitEntryId, state: number): void;
  /**
   * Queues an entry at the end unless it is queued, then sets the state of the current task.
   *
   * @kernelName prepare_to_wait_exclusive
   * @param head - where.
   * @param entry - gets WQ_FLAG_EXCLUSIVE.
   * @param state - of the sleep to come.
   * @returns true when the queue was empty before.
   */
  prepareToWaitExclusive(head: WaitHeadId, entry: WaitEntryId, state: number): boolean;
  /**
   * Makes the current task run on and takes its entry out if it is still queued.
   *
   * @kernelName finish_wait
   * @param head - where it was queued.
   * @param entry - the entry.
   */
  finishWait(head: WaitHeadId, entry: WaitEntryId): void;
  /**
   * Waits until a condition holds. The condition is evaluated once before the task is queued, then after each time
   * its state was set; it must not sleep.
   *
   * @kernelName ___wait_event
   * @param head - whose wakers make it look again.
   * @param condition - what is waited for.
   * @param state - of the sleep; a signal that it heeds ends the wait.
   * @param exclusive - whether the entry is exclusive.
   * @returns 0, or -ERESTARTSYS.
   * @context task, preempt_count 0.
   */
  waitEvent(head: WaitHeadId, condition: () => boolean, state: number, exclusive?: boolean): Sleepable<number>;
  /**
   * Waits until a condition holds, but not longer than some jiffies.
   *
   * @kernelName wait_event_timeout
   * @param head - whose wakers make it look again.
   * @param condition - what is waited for.
   * @param timeout - jiffies.
   * @param state - of the sleep.
   * @param exclusive - whether the entry is exclusive.
   * @returns 0 when the time was over and the condition false, otherwise the jiffies left, at least 1; -ERESTARTSYS.
   */
  waitEventTimeout(
    head: WaitHeadId,
    condition: () => boolean,
    timeout: number,
    state: number,
    exclusive?: boolean,
  ): Sleepable<number>;
  /**
   * Tries once what waitEvent does, without sleeping: for code that sleeps in its own way.
   *
   * @param head - whose wakers make it look again.
   * @param entry - one for the whole wait, set up with `autoremoveWake`.
   * @param condition - what is waited for.
   * @param state - of the sleep.
   * @returns 0 or -ERESTARTSYS when the wait is over; WOULD_BLOCK when the entry is queued and the state is set: give
   * the CPU away, then try again.
   */
  tryWaitEvent(head: WaitHeadId, entry: WaitEntryId, condition: () => boolean, state: number): number;
}
