/**
 * slab: the older object allocator of Linux 6.1, with an array of objects for each CPU before slabs in three lists.
 *
 * Read on from here: classic-alloc.ts is the way of an object, node-lists.ts the lists, classic-reap.ts how CPUs lose what they keep,
 * classic-geometry.ts and classic-pages.ts what slabs are; classic-state.ts has the layout and the invariants.
 */
import { SLAB_ACCOUNT, SLAB_CACHE_DMA, SLAB_CONSISTENCY_CHECKS, SLAB_KMALLOC, SLAB_POISON, SLAB_RECLAIM_ACCOUNT, SLAB_RED_ZONE, SLAB_STORE_USER, SLAB_TRACE } from '@kmem/contracts';
import type { CpuContext, FrameTable, PageAllocator, PhysAddr, PhysicalMemory, ReportSink, SlabAllocator, SlabCacheOptions, SlabObject } from '@kmem/contracts';
import { checkCacheOptions, refuseCache, refuseUnknownFlags, userPart } from '../cache-request.js';
import { runNow, SINGLE_CPU } from '../defaults.js';
import { findMergeable } from '../merging.js';
import { createSlabAt } from '../object-address.js';
import { createWordBlocks } from '../word-blocks.js';
import { ClassicCache } from './classic-cache.js';
import { classicGeometry } from './classic-geometry.js';
import type { ClassicMachine, ClassicPlan } from './classic-machine.js';
import { S_CACHE } from './classic-state.js';

/** Options of {@link slab}. */
export interface SlabOptions {
  /** Where slabs come from. Must keep `frames` and honour `__GFP_COMP`. */
  readonly pages: PageAllocator;
  /** The frame table that `pages` keeps. */
  readonly frames: FrameTable;
  /** RAM, so that `__GFP_ZERO` has something to zero. */
  readonly memory?: PhysicalMemory;
  /**
   * Runs functions after a grace period each, in the order in which they come: pages of caches with `SLAB_TYPESAFE_BY_RCU`
   * stay theirs until then.
   * @defaultValue there are no readers: at once
   */
  readonly callRcu?: (callback: () => void) => void;
  /**
   * The current CPU.
   * @defaultValue one CPU
   */
  readonly cpus?: CpuContext;
  /**
   * Whether a new cache may be joined with an old one of the same size.
   * @defaultValue true
   */
  readonly merge?: boolean;
  /** Receiver of reports. Without it a `bug` is thrown and a `warn` dropped. */
  readonly reports?: ReportSink;
}

/** The allocator that {@link slab} makes. */
export interface Slab extends SlabAllocator {
  /** Makes a cache, as {@link SlabAllocator.createCache}. Debug flags are taken and mean nothing. */
  createCache(options: SlabCacheOptions): ClassicCache | null;
  /** Lists the caches, as {@link SlabAllocator.caches}. */
  caches(): readonly ClassicCache[];
  /** Says whose a page is, as {@link SlabAllocator.cacheOf}. */
  cacheOf(addr: PhysAddr): ClassicCache | null;
  /**
   * Reaps all caches, as the kernel does on every CPU every two seconds: takes from the current CPU's arrays what nobody used, and at
   * most every four seconds gives free slabs back.
   *
   * @param nowMs - milliseconds on any clock that never goes back.
   * @context task.
   * @kernelName cache_reap
   */
  reap(nowMs: number): void;
}

/** Milliseconds from one reaping of a node to the next. */
const NODE_REAP_MS = 4000;
/** Without debugging built in, these are as if they were not there. */
const DEBUG_FLAGS = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE;
/** Flags of kmalloc caches that are not the plain ones. */
const SPECIAL_ROWS = SLAB_ACCOUNT | SLAB_CACHE_DMA | SLAB_RECLAIM_ACCOUNT;

/**
 * Makes an object allocator that works like SLAB of Linux 6.1.
 *
 * @param options - pages, frame table, and what differs from the defaults.
 * @returns an allocator without caches.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { slab } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const caches = slab({ pages: new BuddyAllocator({ frames }), frames });
 * const points = caches.createCache({ name: 'points', sizeBytes: 64 });
 * const first = points?.alloc(GFP_KERNEL) ?? 0;
 * caches.find(first)?.index; // -> 15
 * ```
 */
export function slab(options: SlabOptions): Slab {
  const { pages, frames, memory = null, cpus = SINGLE_CPU, merge = true, reports = null, callRcu = runNow } = options;
  const { nrFrames, pageShift } = frames;
  const shared = createWordBlocks(nrFrames);
  const slabOf = new Int32Array(nrFrames);
  const slabAt = createSlabAt(slabOf, pageShift);
  const machine: ClassicMachine = { pages, frames, shared, slabOf, slabAt, memory, callRcu, cpus, reports, kmallocCache, merge, warnedZero: false };
  /** By number, null after a cache's end. Numbers are not used again: a slab says with it whose it is. */
  const numbered: (ClassicCache | null)[] = [];
  const nodeReapedAt = new WeakMap<ClassicCache, number>();
  let newestFirst: readonly ClassicCache[] = [];

  function createCache(asked: SlabCacheOptions): ClassicCache | null {
    const { name, sizeBytes, align = 0, ctor = null } = asked;
    checkCacheOptions(asked);
    const flags = (asked.flags ?? 0) & ~DEBUG_FLAGS;
    const shape = { objectSize: sizeBytes, align, flags, hasConstructor: ctor !== null, pageSize: 2 ** pageShift, memoryBytes: nrFrames * 2 ** pageShift };
    const geometry = classicGeometry({ ...shape, maxOrder: pages.maxOrder, kmallocSize: (bytes) => indicesCache(bytes)?.size ?? 0 });
    if (geometry === null) return refuseCache(machine, asked, `no block of pages holds an object of ${String(sizeBytes)} bytes`);
    if (refuseUnknownFlags(machine, asked)) return null;
    const user = userPart(machine, asked);
    const wanted = { size: sizeBytes, align: geometry.align, flags, hasConstructor: ctor !== null, userSize: user.userSize };
    const joined = merge ? findMergeable([...newestFirst].reverse(), wanted, true) : undefined;
    if (joined !== undefined) {
      joined.join(sizeBytes);
      return joined;
    }
    const number = numbered.length;
    const plan: ClassicPlan = { name, number, flags, objectSize: sizeBytes, geometry, ctor, ...user, refcount: 1, destroyed: false };
    const cache: ClassicCache = new ClassicCache(machine, plan, () => {
      newestFirst = newestFirst.filter((other) => other !== cache);
      // Pages that wait for readers are still slabs of the cache.
      callRcu(() => {
        numbered[number] = null;
      });
    });
    numbered.push(cache);
    newestFirst = [cache, ...newestFirst];
    return cache;
  }

  /** The plain kmalloc cache that holds so many bytes. */
  function kmallocCache(sizeBytes: number): ClassicCache | null {
    const plain = newestFirst.filter(({ flags, objectSize }) => (flags & SLAB_KMALLOC) !== 0 && (flags & SPECIAL_ROWS) === 0 && objectSize >= sizeBytes);
    return plain.reduce<ClassicCache | null>((best, cache) => (best === null || cache.objectSize < best.objectSize ? cache : best), null);
  }

  /** One that has its own indices on its slabs. */
  function indicesCache(sizeBytes: number): ClassicCache | null {
    const cache = kmallocCache(sizeBytes);
    return cache?.exportAttributes().off_slab === 0 ? cache : null;
  }

  function cacheOf(addr: PhysAddr): ClassicCache | null {
    const found = slabAt(addr);
    return found === 0 ? null : numbered[shared.words[found + S_CACHE]];
  }

  function free(addr: PhysAddr): boolean {
    const cache = cacheOf(addr);
    cache?.free(addr);
    return cache !== null;
  }

  function find(addr: PhysAddr): SlabObject | null {
    return cacheOf(addr)?.find(addr) ?? null;
  }

  function reap(nowMs: number): void {
    for (const cache of newestFirst) {
      cache.reapCpu(cpus.cpu);
      if (nowMs - (nodeReapedAt.get(cache) ?? -Infinity) < NODE_REAP_MS) continue;
      nodeReapedAt.set(cache, nowMs);
      cache.reapNode();
    }
  }

  function assertValid(): void {
    for (const cache of newestFirst) cache.assertValid();
  }

  return { createCache, caches: () => newestFirst, cacheOf, free, find, reap, assertValid };
}
