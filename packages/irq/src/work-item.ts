/**
 * WorkItem and WorkList: items of work, and the lists in which they wait.
 *
 * ```
 * list.head -> item.next -> ...    doubly linked; an item is in one list at most
 * item.linked                      the item behind it belongs to it: a barrier that says when it has run
 * item.part                        the part of a queue by which it waits; null while it does not
 * item.pool                        where it was last queued; null when it never was
 * ```
 */
import type { CpuId, TimerId, WorkFunction, WorkId } from '@kmem/contracts';
import { NO_WORK } from '@kmem/contracts';
import type { SingleWait } from './single-wait.js';
import type { WorkerPool } from './worker-pool.js';
import type { QueuePart, Workqueue } from './workqueue.js';

/** The timer of an item with a delay. */
export interface WorkDelay {
  /** The timer. */
  readonly timer: TimerId;
  /** Where the item goes when the timer fires. */
  wq: Workqueue | null;
  /** CPU that was asked for; -1 for the one on which the timer fires. */
  cpu: CpuId;
}

/** An item of work, or a barrier. */
export class WorkItem {
  /** Number; NO_WORK for a barrier. */
  readonly id: WorkId;
  /** What it does. */
  readonly fn: WorkFunction;
  /** Its delay; null for one that has none. */
  readonly delay: WorkDelay | null;
  /** Waits for its run, or is held by who cancels it. */
  pending = false;
  /** Tasks that wait until somebody else has cancelled it; null while nobody cancels it. */
  cancelWaits: SingleWait[] | null = null;
  /** Does not count as active: waits because too many of its queue run, or is a barrier. */
  inactive = false;
  /** The next item of the list belongs to it. */
  linked = false;
  /** Period of its queue in which it was queued. */
  color = 0;
  /** Workers that execute it: more than one only when queues of different names run it. */
  executors = 0;
  /** The part of a queue by which it waits. */
  part: QueuePart | null = null;
  /** The pool where it was last queued. */
  pool: WorkerPool | null = null;
  /** Its list; null: in none. */
  list: WorkList | null = null;
  /** The item behind it in the list. */
  next: WorkItem | null = null;
  /** The item in front of it. */
  prev: WorkItem | null = null;

  /**
   * @param id - number.
   * @param fn - what it does.
   * @param delay - its delay.
   */
  constructor(id: WorkId, fn: WorkFunction, delay: WorkDelay | null) {
    this.id = id;
    this.fn = fn;
    this.delay = delay;
  }
}

/**
 * Makes a barrier: an item that only says that it has run.
 *
 * @param fn - what it does.
 * @returns the barrier, pending.
 */
export function makeBarrier(fn: () => void): WorkItem {
  const barrier = new WorkItem(NO_WORK, fn, null);
  barrier.pending = true;
  barrier.inactive = true;
  return barrier;
}

/** Items in order. */
export class WorkList {
  /** The first; null: none. */
  head: WorkItem | null = null;
  #tail: WorkItem | null = null;

  /**
   * Puts an item in front of another one.
   *
   * @param item - in no list.
   * @param before - in this list; null for the end.
   */
  insert(item: WorkItem, before: WorkItem | null): void {
    const prev = before === null ? this.#tail : before.prev;
    item.list = this;
    item.next = before;
    item.prev = prev;
    if (prev === null) this.head = item;
    else prev.next = item;
    if (before === null) this.#tail = item;
    else before.prev = item;
  }

  /**
   * Takes an item out.
   *
   * @param item - in this list.
   */
  remove(item: WorkItem): void {
    const { next, prev } = item;
    if (prev === null) this.head = next;
    else prev.next = next;
    if (next === null) this.#tail = prev;
    else next.prev = prev;
    item.list = item.next = item.prev = null;
  }

  /**
   * Moves an item and the barriers behind it to the end of another list.
   *
   * @param first - in this list.
   * @param to - the other list.
   */
  moveLinked(first: WorkItem, to: WorkList): void {
    let linked = true;
    for (let item: WorkItem | null = first; item !== null && linked; ) {
      const next: WorkItem | null = item.next;
      linked = item.linked;
      this.remove(item);
      to.insert(item, null);
      item = next;
    }
  }
}
