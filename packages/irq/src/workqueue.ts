/**
 * Workqueue and QueuePart: a queue, and its part for each pool that serves it.
 *
 * ```
 * part.active <= maxActive       items that were handed to the pool and have not ended
 * part.inactive                  items that wait until one of those has
 * inFlight[color]                items and barriers that were queued in a period and have not ended
 * flushColor .. workColor        periods that are not over, the last one being the present; modulo 16
 * ```
 *
 * A flush ends the present period and waits until it and all before it are over. (irq spec 15.3, 15.6)
 */
import type { Scheduler, Sleepable } from '@kmem/contracts';
import { SingleWait } from './single-wait.js';
import { WorkList, type WorkItem } from './work-item.js';
import type { WorkerPool } from './worker-pool.js';

const NR_COLORS = 16;

/** Somebody who waits for a period to be over. */
interface Flusher {
  readonly color: number;
  readonly wait: SingleWait;
}

/** A queue. */
export class Workqueue {
  /** Name, cut to its length. */
  readonly name: string;
  /** `WQ_*` bits. */
  readonly flags: number;
  /** How many items of a part may be active. */
  readonly maxActive: number;
  /** Its parts: one for each CPU, or a single one. */
  readonly parts: readonly QueuePart[];
  /** Calls of drain_workqueue that have not ended. */
  drainers = 0;
  /** It was said that it refuses items while it is drained. */
  hasRefused = false;
  readonly #inFlight = new Int32Array(NR_COLORS);
  #workColor = 0;
  #flushColor = 0;
  #flushers: Flusher[] = [];
  /** Flushers for whom there is no period left. */
  readonly #overflow: SingleWait[] = [];

  /**
   * @param name - name.
   * @param flags - `WQ_*` bits.
   * @param maxActive - how many items of a part may be active.
   * @param pools - the pools that serve it.
   */
  constructor(name: string, flags: number, maxActive: number, pools: readonly WorkerPool[]) {
    this.name = name;
    this.flags = flags;
    this.maxActive = maxActive;
    this.parts = pools.map((pool) => new QueuePart(this, pool));
  }

  /** True when nothing is queued or runs. */
  get isEmpty(): boolean {
    return this.parts.every(({ active, inactive }) => active === 0 && inactive.head === null);
  }

  /**
   * Counts an item or a barrier as queued in a period.
   *
   * @param item - which one.
   * @param color - the period; that of the item a barrier belongs to. @default the present
   */
  enter(item: WorkItem, color = this.#workColor): void {
    item.color = color;
    this.#inFlight[color]++;
  }

  /**
   * Counts an item or a barrier as ended, and tells flushers whose periods are over.
   *
   * @param color - the period in which it was queued.
   */
  leave(color: number): void {
    this.#inFlight[color]--;
    if (color !== this.#flushColor) return;
    this.#advance();
  }

  /**
   * Waits for everything that was queued before.
   *
   * @param sched - whose current task waits.
   */
  *flush(sched: Scheduler): Sleepable<void> {
    yield* sched.mightSleep();
    while ((this.#workColor + 1) % NR_COLORS === this.#flushColor) {
      const wait = new SingleWait(sched);
      this.#overflow.push(wait);
      yield* wait.wait();
    }
    const flusher: Flusher = { color: this.#workColor, wait: new SingleWait(sched) };
    this.#workColor = (this.#workColor + 1) % NR_COLORS;
    this.#flushers.push(flusher);
    this.#advance();
    yield* flusher.wait.wait();
  }

  #advance(): void {
    while (this.#flushColor !== this.#workColor && this.#inFlight[this.#flushColor] === 0) {
      const over = this.#flushColor;
      this.#flushColor = (over + 1) % NR_COLORS;
      const flushers = this.#flushers;
      this.#flushers = flushers.filter(({ color }) => color !== over);
      for (const { color, wait } of flushers) if (color === over) wait.end();
      this.#overflow.shift()?.end();
    }
  }
}

/** The part of a queue that one pool serves. */
export class QueuePart {
  /** The queue. */
  readonly wq: Workqueue;
  /** The pool. */
  readonly pool: WorkerPool;
  /** Items that were handed to the pool and have not ended. */
  active = 0;
  /** Items that wait until one of those has. */
  readonly inactive = new WorkList();
  /** Waits for the rescuer of its queue. */
  needsRescue = false;

  /**
   * @param wq - the queue.
   * @param pool - the pool.
   */
  constructor(wq: Workqueue, pool: WorkerPool) {
    this.wq = wq;
    this.pool = pool;
  }

  /**
   * Hands an item to the pool, or lets it wait if too many are there.
   *
   * @param item - pending, in no list.
   */
  queue(item: WorkItem): void {
    this.wq.enter(item);
    item.inactive = this.active >= this.wq.maxActive;
    if (!item.inactive) this.active++;
    this.insert(item, item.inactive ? this.inactive : this.pool.worklist, null);
  }

  /**
   * Puts an item or a barrier into a list, and has the pool look whether a worker is needed.
   *
   * @param item - in no list.
   * @param list - of the pool, of one of its workers, or the own one.
   * @param before - item of the list in front of which it goes; null for the end.
   */
  insert(item: WorkItem, list: WorkList, before: WorkItem | null): void {
    item.part = this;
    item.pool = this.pool;
    list.insert(item, before);
    if (this.pool.running === 0) this.pool.wakeWorker();
  }

  /**
   * Hands an item that waits, with its barriers, to the pool.
   *
   * @param item - in the list `inactive`.
   */
  activate(item: WorkItem): void {
    this.inactive.moveLinked(item, this.pool.worklist);
    item.inactive = false;
    this.active++;
  }

  /**
   * Counts an item or a barrier as ended, and lets another one follow.
   *
   * @param color - the period in which it was queued.
   * @param wasInactive - true for a barrier.
   */
  ended(color: number, wasInactive: boolean): void {
    if (!wasInactive) {
      this.active--;
      if (this.inactive.head !== null && this.active < this.wq.maxActive) this.activate(this.inactive.head);
    }
    this.wq.leave(color);
  }
}
