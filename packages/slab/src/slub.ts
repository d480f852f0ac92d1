/**
 * slub: the object allocator of Linux 6.1.
 *
 * Read on from here: slub-alloc.ts and slub-free.ts are the two ways through, fast-path.ts their shortest forms, cpu-slabs.ts
 * what a CPU keeps, slab-list.ts the node's lists, slab-pages.ts where slabs come from; slub-state.ts has the layout and the
 * invariants.
 */
import { SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER } from '@kmem/contracts';
import type {
  CpuContext, FrameTable, PageAllocator, PhysAddr, PhysicalMemory, ReportSink, SlabAllocator, SlabCacheOptions, SlabObject, SlabTrack,
} from '@kmem/contracts';
import { checkCacheOptions, refuseCache, refuseUnknownFlags, userPart } from './cache-request.js';
import { readDebugOption } from './debug-option.js';
import { runNow, SINGLE_CPU } from './defaults.js';
import { createFastPath } from './fast-path.js';
import { cacheGeometry, DEBUG_FLAGS, type CacheShape } from './geometry.js';
import { findMergeable } from './merging.js';
import { createSlabAt } from './object-address.js';
import { isTypesafe } from './slab-pages.js';
import { SlubCache } from './slub-cache.js';
import type { SlubMachine } from './slub-machine.js';
import { cacheBits, S_CACHE } from './slub-state.js';
import { createWordBlocks } from './word-blocks.js';

/** Options of {@link slub}. */
export interface SlubOptions {
  /** Where slabs come from. Must keep `frames` and honour `__GFP_COMP`. */
  readonly pages: PageAllocator;
  /** The frame table that `pages` keeps. */
  readonly frames: FrameTable;
  /** RAM, so that `__GFP_ZERO` has something to zero and debugged caches have bytes to check. */
  readonly memory?: PhysicalMemory;
  /**
   * Whether the link of a free object is written into it as Linux does, also where nothing is debugged. Costs a view of the
   * memory on every free.
   * @defaultValue false
   */
  readonly freePointers?: boolean;
  /** Tells who takes or gives back an object, for caches with `SLAB_STORE_USER`. */
  readonly tracks?: () => SlabTrack;
  /**
   * What the kernel's boot option slub_debug is set to: letters, and names of caches; the empty text is FZPU for all.
   * @defaultValue caches are debugged as their flags say
   */
  readonly debug?: string;
  /** Receives the text about every object that a cache with `SLAB_TRACE` hands out or takes back. */
  readonly onTrace?: (text: string) => void;
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

/** The allocator that {@link slub} makes. */
export interface Slub extends SlabAllocator {
  /** Makes a cache, as {@link SlabAllocator.createCache}. */
  createCache(options: SlabCacheOptions): SlubCache | null;
  /** Lists the caches, as {@link SlabAllocator.caches}. */
  caches(): readonly SlubCache[];
  /** Says whose a page is, as {@link SlabAllocator.cacheOf}. */
  cacheOf(addr: PhysAddr): SlubCache | null;
}

/** Flags that make objects larger. */
const GROWING_FLAGS = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

/** Stands for a cache after its end, so that nothing of it is kept: no frame leads there. */
function nobody(): void {
  // Is never called.
}

/**
 * Makes an object allocator that works like SLUB of Linux 6.1.
 *
 * @param options - pages, frame table, and what differs from the defaults.
 * @returns an allocator without caches.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { slub } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const slab = slub({ pages: new BuddyAllocator({ frames }), frames });
 * const points = slab.createCache({ name: 'points', sizeBytes: 24 });
 * const first = points?.alloc(GFP_KERNEL) ?? 0;
 * slab.find(first + 10)?.start === first; // -> true
 * ```
 */
export function slub(options: SlubOptions): Slub {
  const { pages, frames, memory = null, cpus = SINGLE_CPU, merge = true, reports = null, freePointers = false, tracks = null } = options;
  const { callRcu = runNow, debug = null, onTrace = null } = options;
  const debugOption = readDebugOption(debug);
  const { nrFrames, pageShift } = frames;
  const shared = createWordBlocks(nrFrames);
  const slabOf = new Int32Array(nrFrames);
  const slabAt = createSlabAt(slabOf, pageShift);
  /** By number, null after a cache's end. Numbers are not used again: a slab says with it whose it is. */
  const numbered: (SlubCache | null)[] = [];
  const parts = { pages, frames, shared, slabOf, slabAt, fast: createFastPath({ cpus, frames, shared }), caches: numbered };
  const machine: SlubMachine = { ...parts, merge, memory, freePointers, tracks, onTrace, callRcu, cpus, reports, warnedZero: false };
  /** By number: what gives an object back to the cache. */
  const returns: SlubCache['freeIn'][] = [];
  let newestFirst: readonly SlubCache[] = [];

  function createCache(asked: SlabCacheOptions): SlubCache | null {
    const { name, sizeBytes, ctor = null } = asked;
    checkCacheOptions(asked);
    const shape = shapeOf(asked);
    const geometry = cacheGeometry(shape);
    if (geometry === null) return refuseCache(machine, asked, `no block of pages holds an object of ${String(sizeBytes)} bytes`);
    if (refuseUnknownFlags(machine, asked)) return null;
    const { userOffset, userSize } = userPart(machine, asked);
    const { flags } = shape;
    const { align } = geometry;
    const wanted = { size: sizeBytes, align, flags, hasConstructor: ctor !== null, userSize };
    const joined = merge ? findMergeable([...newestFirst].reverse(), wanted) : undefined;
    if (joined !== undefined) {
      joined.join(sizeBytes);
      return joined;
    }
    const number = numbered.length;
    const node = shared.take(cacheBits(cpus.nrCpus));
    if (node === 0) return refuseCache(machine, asked, 'there is no room for the words of one more cache');
    const isDebug = (flags & DEBUG_FLAGS) !== 0;
    const { cpuPartial, cpuPartialSlabs, minPartial, objects } = geometry;
    const places = { pageSize: 2 ** pageShift, redLeftPad: geometry.redLeftPad };
    const listsFull = (flags & SLAB_STORE_USER) !== 0;
    const limits = { nrCpus: cpus.nrCpus, node, objects, minPartial, cpuPartial, cpuPartialSlabs, isDebug, listsFull, ...places };
    const sizes = { objectSize: sizeBytes, inuse: geometry.inuse, userOffset, userSize };
    const plan = { name, number, flags, geometry, ctor, destroyed: false, refcount: 1, limits, ...sizes };
    const cache = new SlubCache(machine, plan, (state) => {
      const end = (): void => {
        numbered[number] = null;
        returns[number] = nobody;
        state.release();
      };
      newestFirst = newestFirst.filter((other) => other !== cache);
      // Pages that wait for readers are still slabs of the cache.
      if (isTypesafe(plan)) callRcu(end);
      else end();
    });
    numbered[number] = cache;
    returns[number] = cache.freeIn;
    newestFirst = [cache, ...newestFirst];
    return cache;
  }

  /** What is to be computed, debug flags included. */
  function shapeOf({ align = 0, ctor, flags: asked = 0, name, sizeBytes }: SlabCacheOptions): Required<CacheShape> {
    const { pageShift, maxOrder } = pages;
    const flags = debugOption.flagsOf(name, asked);
    const shape = { objectSize: sizeBytes, align, flags, hasConstructor: ctor !== undefined, nrCpus: cpus.nrCpus, pageShift, maxOrder };
    if (!debugOption.keepsOrder || cacheGeometry(shape)?.minOrder === Math.max(0, Math.ceil(Math.log2(sizeBytes)) - pageShift)) return shape;
    return { ...shape, flags: flags & ~GROWING_FLAGS };
  }

  function cacheOf(addr: PhysAddr): SlubCache | null {
    const slab = slabAt(addr);
    return slab === 0 ? null : numbered[shared.words[slab + S_CACHE]];
  }

  function free(addr: PhysAddr): boolean {
    const slab = slabAt(addr);
    if (slab === 0) return false;
    returns[shared.words[slab + S_CACHE]](addr, slab);
    return true;
  }

  function find(addr: PhysAddr): SlabObject | null {
    return cacheOf(addr)?.find(addr) ?? null;
  }

  function assertValid(): void {
    for (const cache of newestFirst) cache.assertValid();
  }

  return { createCache, caches: () => newestFirst, cacheOf, free, find, assertValid };
}
