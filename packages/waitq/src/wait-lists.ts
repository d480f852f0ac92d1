/**
 * WaitLists: heads and entries of wait queues, as nodes of circular lists.
 *
 * ```
 * head <-> first entry <-> ... <-> last entry <-> head      through next and prev
 * next[node] = node            an empty queue, or an entry that is not queued
 * flags[entry], task[entry]    what the entry's owner set; func[entry] is a function beside the columns
 * locked[head] = 1             somebody has the lock of the queue
 * free -> next[node] -> ...    nodes that nobody uses, 0 ends it; node 0 is never used
 * ```
 *
 * Heads and entries come out of the same columns, so that a link is one number. (waitq spec 1)
 */
import type { TaskId, WaitEntryId, WaitHeadId, WakeFunction } from '@kmem/contracts';
import { WQ_FLAG_PRIORITY } from '@kmem/contracts';

const FIRST_CAPACITY = 64;

/** Columns by node. */
export interface WaitColumns {
  /** Flags of the entries. */
  readonly flags: Int32Array;
  /** Tasks of the entries. */
  readonly task: Int32Array;
  /** Locks of the heads. */
  readonly locked: Uint8Array;
  /** The node behind each. */
  readonly next: Int32Array;
  /** The node before each. */
  readonly prev: Int32Array;
}

/** The nodes. */
export class WaitLists implements WaitColumns {
  flags: Int32Array;
  task: Int32Array;
  locked: Uint8Array;
  /** Wake functions of the entries. */
  readonly func: (WakeFunction | null)[] = [];
  next: Int32Array;
  prev: Int32Array;
  #free = 0;

  /**
   * @param columns - made elsewhere, with all their nodes in use. @default columns that grow, of nodes that are free
   */
  constructor(columns?: WaitColumns) {
    const { flags, task, locked, next, prev } = columns ?? newColumns(FIRST_CAPACITY);
    this.flags = flags;
    this.task = task;
    this.locked = locked;
    this.next = next;
    this.prev = prev;
    if (columns === undefined) this.#freeFrom(1);
  }

  /**
   * Makes a node that is linked to itself: an empty queue, or an entry that is not queued.
   *
   * @returns the node.
   */
  create(): number {
    if (this.#free === 0) this.#grow();
    const node = this.#free;
    this.#free = this.next[node];
    this.next[node] = node;
    this.prev[node] = node;
    this.flags[node] = 0;
    this.task[node] = 0;
    this.func[node] = null;
    return node;
  }

  /**
   * Gives a node back.
   *
   * @param node - one that is linked to nothing but itself.
   */
  destroy(node: number): void {
    this.func[node] = null;
    this.next[node] = this.#free;
    this.#free = node;
  }

  /**
   * Says whom an entry wakes, and how.
   *
   * @param entry - which one.
   * @param task - whom.
   * @param func - how.
   */
  init(entry: WaitEntryId, task: TaskId, func: WakeFunction): void {
    this.flags[entry] = 0;
    this.task[entry] = task;
    this.func[entry] = func;
  }

  /**
   * Links an entry behind the entries with priority at the front.
   *
   * @param head - where.
   * @param entry - one that is not queued.
   */
  addFront(head: WaitHeadId, entry: WaitEntryId): void {
    let before: number = head;
    while (this.next[before] !== head && (this.flags[this.next[before]] & WQ_FLAG_PRIORITY) !== 0) before = this.next[before];
    this.#link(before, entry);
  }

  /**
   * Links an entry at the end.
   *
   * @param head - where.
   * @param entry - one that is not queued.
   */
  addTail(head: number, entry: WaitEntryId): void {
    this.#link(this.prev[head], entry);
  }

  /**
   * Links an entry in front of another node.
   *
   * @param node - the other one; the head for the end of its queue.
   * @param entry - one that is not queued.
   */
  addBefore(node: number, entry: WaitEntryId): void {
    this.#link(this.prev[node], entry);
  }

  /**
   * Moves all entries of a queue, in their order, to another one.
   *
   * @param from - head of the first.
   * @param to - head of the other, which is empty.
   */
  moveAll(from: number, to: number): void {
    if (this.next[from] === from) return;
    const first = this.next[from];
    const last = this.prev[from];
    this.next[to] = first;
    this.prev[first] = to;
    this.next[last] = to;
    this.prev[to] = last;
    this.next[from] = from;
    this.prev[from] = from;
  }

  /**
   * Takes an entry out of its queue; nothing happens when it is in none.
   *
   * @param entry - which one.
   */
  remove(entry: WaitEntryId): void {
    const next = this.next[entry];
    const prev = this.prev[entry];
    this.next[prev] = next;
    this.prev[next] = prev;
    this.next[entry] = entry;
    this.prev[entry] = entry;
  }

  #link(before: number, entry: WaitEntryId): void {
    const after = this.next[before];
    this.next[before] = entry;
    this.prev[entry] = before;
    this.next[entry] = after;
    this.prev[after] = entry;
  }

  #freeFrom(first: number): void {
    for (let node = this.next.length - 1; node >= first; node--) {
      this.next[node] = this.#free;
      this.#free = node;
    }
  }

  #grow(): void {
    const first = this.next.length;
    this.flags = grown(this.flags, new Int32Array(first * 2));
    this.task = grown(this.task, new Int32Array(first * 2));
    this.locked = grown(this.locked, new Uint8Array(first * 2));
    this.next = grown(this.next, new Int32Array(first * 2));
    this.prev = grown(this.prev, new Int32Array(first * 2));
    this.#freeFrom(first);
  }
}

function newColumns(nr: number): WaitColumns {
  const words = (): Int32Array => new Int32Array(nr);
  return { flags: words(), task: words(), locked: new Uint8Array(nr), next: words(), prev: words() };
}

function grown<A extends Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
