/**
 * mempool: elements set aside for when nothing else can be had (slab spec 13).
 *
 * ```
 *  alloc   the allocator below, gently     else the reserve, last in, first out
 *          the allocator, with all that is allowed     else the reserve
 *          may sleep: until an element comes back, or 5 seconds, and again     may not: NULL
 *  free    to the reserve while it is not full     else to the allocator below
 * ```
 * ```
 *   0 <= currNr <= minNr
 * ```
 */
import { __GFP_DIRECT_RECLAIM, __GFP_IO, __GFP_NOMEMALLOC, __GFP_NORETRY, __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL, KernelBug, NULL, TASK_NORMAL, TASK_UNINTERRUPTIBLE } from '@kmem/contracts';
import type { Gfp, PhysAddr, ReportSink, Scheduler, Sleepable, SleepTimeout, WaitQueues } from '@kmem/contracts';
import { requireInteger } from '../option-checks.js';
import { report } from '../reports.js';

/** Seconds after which a sleeper tries again by itself. */
const PATIENCE_S = 5;

/** What a task sleeps with. */
export interface MempoolSleep {
  /** Wait queues. */
  readonly waitQueues: WaitQueues;
  /** Timers, for the longest sleep. */
  readonly timers: SleepTimeout;
  /** Ticks a second. */
  readonly hz: number;
  /** Who asks. */
  readonly sched: Pick<Scheduler, 'current'>;
}

/** Options of {@link createMempool}. */
export interface MempoolOptions {
  /** Elements to set aside, from 0. */
  readonly minNr: number;
  /** Takes an element: its address, or `NULL`. */
  readonly alloc: (gfp: Gfp) => PhysAddr;
  /** Gives one back. */
  readonly free: (addr: PhysAddr) => void;
  /**
   * What {@link Mempool.alloc} sleeps with.
   * @defaultValue none: only {@link Mempool.tryAlloc} can be used
   */
  readonly sleep?: MempoolSleep;
  /** Receiver of reports. Without it a `warn` is dropped. */
  readonly reports?: ReportSink;
}

/** A pool. */
export interface Mempool {
  /** Elements that are to be set aside. */
  readonly minNr: number;
  /** Elements that are. */
  readonly currNr: number;
  /**
   * Takes an element without sleeping.
   *
   * @param gfp - what may be done to get one. `__GFP_ZERO` is warned of with `BAD_GFP` and ignored: an element of the reserve is not zero.
   * @returns its address; `NULL` when there is none, whether the request might sleep or not.
   * @context any.
   * @kernelName mempool_alloc
   */
  tryAlloc(gfp: Gfp): PhysAddr;
  /**
   * Takes an element. With `__GFP_DIRECT_RECLAIM` it sleeps until there is one.
   *
   * @param gfp - as for {@link Mempool.tryAlloc}.
   * @returns its address; `NULL` only for a request that may not sleep.
   * @throws Error when the pool was made without anything to sleep with.
   * @context task, when the request may sleep.
   * @kernelName mempool_alloc
   */
  alloc(gfp: Gfp): Sleepable<PhysAddr>;
  /**
   * Gives an element back, and wakes a sleeper when it goes to the reserve.
   *
   * @param addr - the element; `NULL` is nothing.
   * @context any.
   * @kernelName mempool_free
   */
  free(addr: PhysAddr): void;
  /**
   * Changes how many elements are set aside. That there is no memory to fill the reserve is no error.
   *
   * @param minNr - from 1.
   * @throws RangeError when it is not an integer from 1 on.
   * @context task.
   * @kernelName mempool_resize
   */
  resize(minNr: number): void;
  /**
   * Gives the reserve back. Elements in use stay in use.
   *
   * @context task.
   * @kernelName mempool_destroy
   */
  destroy(): void;
}

/**
 * Makes a pool, with its reserve filled.
 *
 * @param options - the allocator below, and how much is set aside.
 * @returns the pool; null when there is no memory for the reserve: nothing is kept then.
 * @throws RangeError when `minNr` is out of range.
 * @context task.
 * @kernelName mempool_create
 * @example
 * ```ts
 * import { GFP_ATOMIC, NULL } from '@kmem/contracts';
 * import { createMempool } from '@kmem/slab';
 *
 * let left = 2;
 * const alloc = (): number => (left > 0 ? 4096 * left-- : NULL);
 * const pool = createMempool({ minNr: 2, alloc, free: () => undefined });
 * pool?.tryAlloc(GFP_ATOMIC); // -> 4096
 * pool?.tryAlloc(GFP_ATOMIC); // -> 8192
 * pool?.tryAlloc(GFP_ATOMIC); // -> 0
 * ```
 */
export function createMempool(options: MempoolOptions): Mempool | null {
  const { alloc: allocBelow, free: freeBelow, sleep = null, reports = null } = options;
  requireInteger('minNr', options.minNr, 0, 2 ** 31 - 1);
  const reserve: PhysAddr[] = [];
  const head = sleep?.waitQueues.createHead() ?? null;
  let { minNr } = options;

  /** Fills the reserve: false when memory is out before. */
  function fill(): boolean {
    while (reserve.length < minNr) {
      const addr = allocBelow(GFP_KERNEL);
      if (addr === NULL) return false;
      reserve.push(addr);
    }
    return true;
  }

  function empty(): void {
    for (const addr of reserve.splice(0)) freeBelow(addr);
  }

  /** What is asked of the allocator below in the end; the first attempt does without reclaim and I/O. */
  function fullMask(gfp: Gfp): Gfp {
    if ((gfp & __GFP_ZERO) !== 0) report({ reports }, new KernelBug('BAD_GFP', 'elements of a mempool are not zeroed', { gfp }, 'warn'));
    return (gfp & ~__GFP_ZERO) | __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN;
  }

  /** The allocator below, then the reserve. */
  function attempt(gfp: Gfp): PhysAddr {
    const addr = allocBelow(gfp);
    return addr === NULL ? (reserve.pop() ?? NULL) : addr;
  }

  function tryAlloc(gfp: Gfp): PhysAddr {
    const full = fullMask(gfp);
    const gentle = full & ~(__GFP_DIRECT_RECLAIM | __GFP_IO);
    const addr = attempt(gentle);
    return addr === NULL && gentle !== full ? attempt(full) : addr;
  }

  function* alloc(gfp: Gfp): Sleepable<PhysAddr> {
    const first = tryAlloc(gfp);
    if (first !== NULL || (gfp & __GFP_DIRECT_RECLAIM) === 0) return first;
    if (sleep === null || head === null) throw new Error('this mempool was made without anything to sleep with');
    const { hz, sched, timers, waitQueues } = sleep;
    const full = fullMask(gfp & ~__GFP_ZERO);
    const entry = waitQueues.createEntry();
    let addr: PhysAddr = NULL;
    while (addr === NULL) {
      waitQueues.initEntry(entry, sched.current, waitQueues.autoremoveWake);
      waitQueues.prepareToWaitExclusive(head, entry, TASK_UNINTERRUPTIBLE);
      if (reserve.length === 0) yield* timers.scheduleTimeout(PATIENCE_S * hz);
      waitQueues.finishWait(head, entry);
      addr = attempt(full);
    }
    waitQueues.destroy(entry);
    return addr;
  }

  function free(addr: PhysAddr): void {
    if (addr === NULL) return;
    if (reserve.length >= minNr) {
      freeBelow(addr);
      return;
    }
    reserve.push(addr);
    if (head !== null) sleep?.waitQueues.wakeUp(head, TASK_NORMAL, 1);
  }

  function resize(wanted: number): void {
    requireInteger('minNr', wanted, 1, 2 ** 31 - 1);
    minNr = wanted;
    while (reserve.length > minNr) freeBelow(reserve.pop() ?? NULL);
    fill();
  }

  if (!fill()) {
    empty();
    return null;
  }
  return {
    get minNr() { return minNr; },
    get currNr() { return reserve.length; },
    tryAlloc, alloc, free, resize, destroy: empty,
  };
}
