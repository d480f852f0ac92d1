/**
 * slob: the object allocator of Linux 6.1 for the smallest machines: one heap, first fit, no size classes.
 *
 * Read on from here: slob-pages.ts is the heap, slob-machine.ts the way from an address to its owner, slob-cache.ts a cache,
 * slob-kmalloc.ts the kmalloc that goes with it.
 */
import { SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import type {
  FrameTable, PageAllocator, PhysAddr, PhysicalMemory, ReportSink, SlabAllocator, SlabCacheOptions, SlobState, SlabObject,
} from '@kmem/contracts';
import { checkCacheOptions, objectAlign, refuseCache, refuseUnknownFlags, userPart } from '../cache-request.js';
import { runNow } from '../defaults.js';
import type { Kmalloc } from '../kmalloc.js';
import { badAddress, report } from '../reports.js';
import { RCU_FOOTER, SlobCache, type SlobPlan } from './slob-cache.js';
import { createSlobKmalloc } from './slob-kmalloc.js';
import { createSlobMachine, FREE, KMALLOC_OWNER } from './slob-machine.js';
import { UNIT, unitsOf } from './slob-pages.js';

/** Options of {@link slob}. */
export interface SlobOptions {
  /** Where pages come from. Must keep `frames`. */
  readonly pages: PageAllocator;
  /** The frame table that `pages` keeps. */
  readonly frames: FrameTable;
  /** RAM, so that `__GFP_ZERO` has something to zero. */
  readonly memory?: PhysicalMemory;
  /**
   * Runs functions after a grace period each, in the order in which they come: objects of caches with `SLAB_TYPESAFE_BY_RCU`
   * stay where they are until then.
   * @defaultValue there are no readers: at once
   */
  readonly callRcu?: (callback: () => void) => void;
  /** Receiver of reports. Without it a `bug` is thrown and a `warn` dropped. */
  readonly reports?: ReportSink;
  /**
   * Pages to go on from, each in use in `pages` already. What is not free in them is nobody's that this allocator knows.
   * @defaultValue none
   */
  readonly state?: SlobState;
}

/** The allocator that {@link slob} makes. */
export interface Slob extends SlabAllocator {
  /** Makes a cache, as {@link SlabAllocator.createCache}. Caches are never joined. */
  createCache(options: SlabCacheOptions): SlobCache | null;
  /** Lists the caches, as {@link SlabAllocator.caches}. */
  caches(): readonly SlobCache[];
  /**
   * Says whose object is at an address. Caches share pages, so the page alone does not tell.
   *
   * @param addr - any number.
   * @returns the cache of the object around it; null when there is none.
   * @context any.
   */
  cacheOf(addr: PhysAddr): SlobCache | null;
  /**
   * Writes the lists of pages with free units down.
   *
   * @returns a copy.
   * @context any.
   */
  exportState(): SlobState;
  /**
   * Tells whether an address lies in a page of the heap, or in pages of a cache's object.
   *
   * @param addr - any number.
   * @returns false for kmalloc's memory from a page on, too: that is the page allocator's.
   * @context any.
   */
  isHeap(addr: PhysAddr): boolean;
  /** The kmalloc family on the same heap. It has no caches. */
  readonly kmalloc: Kmalloc;
}

/**
 * Makes an object allocator that works like SLOB of Linux 6.1.
 *
 * @param options - pages, frame table, and what differs from the defaults.
 * @returns an allocator without caches.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { slob } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const slab = slob({ pages: new BuddyAllocator({ frames }), frames });
 * const points = slab.createCache({ name: 'points', sizeBytes: 24 });
 * const names = slab.createCache({ name: 'names', sizeBytes: 100 });
 * const first = points?.alloc(GFP_KERNEL) ?? 0;
 * (names?.alloc(GFP_KERNEL) ?? 0) - first; // -> 24
 * slab.kmalloc.kmalloc(100, GFP_KERNEL) - first; // -> 136
 * ```
 */
export function slob(options: SlobOptions): Slob {
  const { pages, frames, memory = null, reports = null, callRcu = runNow, state } = options;
  const machine = createSlobMachine({ pages, frames, memory, reports, callRcu });
  const { blockAt, orders, ownerOf, pageSize, shared } = machine;
  /** By number, null after a cache's end. */
  const numbered: (SlobCache | null)[] = [null, null];
  let newestFirst: readonly SlobCache[] = [];
  if (state !== undefined) shared.load(state);

  function createCache(asked: SlabCacheOptions): SlobCache | null {
    const { name, sizeBytes, ctor = null, flags = 0 } = asked;
    checkCacheOptions(asked);
    const align = objectAlign(sizeBytes, asked.align ?? 0, flags);
    const footer = (flags & SLAB_TYPESAFE_BY_RCU) !== 0 ? RCU_FOOTER : 0;
    const size = unitsOf(sizeBytes) * UNIT + footer;
    const order = Math.max(Math.ceil(Math.log2(Math.max(size, align) / pageSize)), 0);
    if (order >= pages.maxOrder) return refuseCache(machine, asked, `no block of pages holds an object of ${String(sizeBytes)} bytes`);
    if (size < pageSize && align > pageSize) return refuseCache(machine, asked, `objects that share pages cannot be aligned to ${String(align)} bytes`);
    if (refuseUnknownFlags(machine, asked)) return null;
    const number = Math.max(numbered.length, KMALLOC_OWNER + 1);
    const plan: SlobPlan = { name, number, flags, objectSize: sizeBytes, size, align, order, ctor, ...userPart(machine, asked) };
    const cache: SlobCache = new SlobCache(machine, plan, () => {
      numbered[number] = null;
      newestFirst = newestFirst.filter((other) => other !== cache);
    });
    numbered[number] = cache;
    orders[number] = order;
    newestFirst = [cache, ...newestFirst];
    return cache;
  }

  function cacheOf(addr: PhysAddr): SlobCache | null {
    const start = blockAt(addr);
    return numbered[Math.abs(ownerOf(start))] ?? null;
  }

  function free(addr: PhysAddr): boolean {
    const start = blockAt(addr);
    const cache = cacheOf(addr);
    if (cache !== null) cache.free(addr);
    else if (start === 0 || ownerOf(start) !== FREE) return false;
    else report(machine, badAddress('DOUBLE_FREE', 'slob', addr, 'the memory is free already'));
    return true;
  }

  function find(addr: PhysAddr): SlabObject | null {
    return cacheOf(addr)?.find(addr) ?? null;
  }

  const { assertValid, exportState } = shared;
  const kmalloc = createSlobKmalloc(machine);
  return { createCache, caches: () => newestFirst, cacheOf, free, find, assertValid, exportState, isHeap: machine.isOurs, kmalloc };
}
