/**
 * The kmalloc family: memory of any size, from caches up to two pages, from whole blocks of pages above (slab spec 1, 11).
 *
 * ```
 *  kmalloc(size, gfp)   row by gfp: plain, accounted, reclaimable, DMA     column by size: 8 .. two pages
 *                       one cache for each; above the last column the page allocator, compound
 *  kfree(addr)          a page of a cache: the cache's object     the first byte of a compound page: that page
 *                       NULL and ZERO_SIZE_PTR: nothing
 * ```
 * Works over any SlabAllocator and any PageAllocator; neither knows of it.
 */
import {
  __GFP_ACCOUNT, __GFP_DMA, __GFP_RECLAIMABLE, KernelBug, NULL, NUMA_NO_NODE, ZERO_SIZE_PTR,
  type FrameTable, type Gfp, type NodeId, type PageAllocator, type PhysAddr, type PhysicalMemory, type ReportSink, type SlabAllocator, type SlabCache,
} from '@kmem/contracts';
import { KMALLOC_TYPES, kmallocAlign, kmallocCacheName, kmallocSizes, kmallocType, SLUB_CLASSES, type KmallocClasses } from './kmalloc-classes.js';
import { createKmallocStrings, type KmallocStrings } from './kmalloc-strings.js';
import { createLargeKmalloc } from './large-kmalloc.js';
import { isCount, report } from './reports.js';

/** Items of other slabs that a bulk free looks past (slab spec 7.2). */
const LOOK_AHEAD = 3;

/** Options of {@link createKmalloc}. */
export interface KmallocOptions {
  /** Makes the caches. */
  readonly slabs: SlabAllocator;
  /** Serves requests above two pages. Must keep `frames` and honour `__GFP_COMP`. */
  readonly pages: PageAllocator;
  /** The frame table that `pages` keeps. */
  readonly frames: FrameTable;
  /**
   * RAM, to be zeroed and copied.
   * @defaultValue none: addresses alone
   */
  readonly memory?: PhysicalMemory;
  /**
   * The size classes that go with the allocator of `slabs`.
   * @defaultValue those of SLUB
   */
  readonly classes?: KmallocClasses;
  /** Receiver of reports. Without it a `bug` is thrown and a `warn` dropped. */
  readonly reports?: ReportSink;
}

/** The calls that the others are made of. */
export interface KmallocCore {
  /** All caches, in the order in which they were made: by row, each from the smallest size on. */
  readonly caches: readonly SlabCache[];

  /**
   * Counts the pages in use by requests that no cache holds.
   *
   * @returns pages; /proc/meminfo counts them as slab that cannot be reclaimed.
   * @context any.
   */
  readonly largePages: () => number;

  /**
   * Takes memory.
   *
   * @param sizeBytes - bytes; 0 takes nothing.
   * @param gfp - what may be done to get it; DMA, reclaimable and accounted choose the row of caches.
   * @returns the first byte, `ZERO_SIZE_PTR` for 0 bytes, or `NULL` when there is no memory or the size is too large.
   * @throws KernelBug `BAD_SIZE` when the size is not an integer from 0 on.
   * @context any; the flags must not allow direct reclaim where sleeping is forbidden.
   * @kernelName kmalloc
   */
  readonly kmalloc: (sizeBytes: number, gfp: Gfp) => PhysAddr;

  /**
   * Takes memory from a node. Caches have one node, 0; above two pages the page allocator's nodes count.
   *
   * @param sizeBytes - as for kmalloc.
   * @param gfp - as for kmalloc.
   * @param node - node to start from, or `NUMA_NO_NODE`.
   * @returns as kmalloc.
   * @throws KernelBug as kmalloc, and `BAD_NODE` for a node that is not there.
   * @context as kmalloc.
   * @kernelName kmalloc_node
   */
  readonly kmallocNode: (sizeBytes: number, gfp: Gfp, node: NodeId) => PhysAddr;

  /**
   * Gives memory back. `NULL` and `ZERO_SIZE_PTR` are nothing.
   *
   * @param addr - what one of the family returned.
   * @throws KernelBug `BAD_OBJECT` or `DOUBLE_FREE` for anything else.
   * @context any but NMI.
   * @kernelName kfree
   */
  readonly kfree: (addr: PhysAddr) => void;

  /**
   * Gives several back, as many of one slab together as lie close in the array.
   *
   * @param count - how many.
   * @param addrs - as for kfree, from item 0 on; left as they were.
   * @throws KernelBug `BAD_SIZE` when the count is not an integer from 0 to the length of the array, and as kfree.
   * @context any but NMI, interrupts on.
   * @kernelName kfree_bulk
   */
  readonly kfreeBulk: (count: number, addrs: Float64Array) => void;

  /**
   * Tells how many bytes may be used, which may be more than were asked for.
   *
   * @param addr - what one of the family, or a cache, returned.
   * @returns bytes; 0 for `NULL` and `ZERO_SIZE_PTR`.
   * @throws KernelBug `BAD_OBJECT` for an address that nobody took.
   * @context any.
   * @kernelName ksize
   */
  readonly ksize: (addr: PhysAddr) => number;
}

/** The whole family. */
export type Kmalloc = KmallocCore & KmallocStrings;

/**
 * Makes the family with its caches.
 *
 * @param options - the allocators below, and the memory.
 * @returns the calls.
 * @throws KernelBug `BAD_CACHE` when a cache cannot be made.
 * @context task.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { createKmalloc, slub } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const pages = new BuddyAllocator({ frames });
 * const { kmalloc, kfree, ksize } = createKmalloc({ slabs: slub({ pages, frames }), pages, frames });
 * const addr = kmalloc(100, GFP_KERNEL);
 * ksize(addr); // -> 128
 * kfree(addr);
 * ```
 */
export function createKmalloc(options: KmallocOptions): Kmalloc {
  const core = createCore(options);
  return { ...core, ...createKmallocStrings(core, options.memory ?? null) };
}

function createCore(options: KmallocOptions): KmallocCore {
  const { slabs, pages, frames, classes = SLUB_CLASSES, memory = null, reports = null } = options;
  const sizes = kmallocSizes({ pageShift: frames.pageShift, smallest: classes.smallest });
  const nrSizes = sizes.length;
  const largest = sizes[nrSizes - 1];
  const caches = makeCaches(slabs, sizes, classes);
  const columnOf = tableOfColumns(sizes);
  const large = createLargeKmalloc({ pages, frames, memory, reports, leastOrder: 1 });

  function kmalloc(sizeBytes: number, gfp: Gfp): PhysAddr {
    // One comparison lets every size through that a cache holds; the rest is sorted out behind it.
    if (!(sizeBytes > 0 && sizeBytes <= largest) || sizeBytes !== (sizeBytes | 0)) return kmallocUnusual(sizeBytes, gfp);
    const column = columnOf[(sizeBytes + 7) >> 3];
    const isPlain = (gfp & (__GFP_ACCOUNT | __GFP_DMA | __GFP_RECLAIMABLE)) === 0;
    return caches[isPlain ? column : kmallocType(gfp) * nrSizes + column].alloc(gfp);
  }

  function kmallocNode(sizeBytes: number, gfp: Gfp, node: NodeId): PhysAddr {
    if (sizeBytes > largest) return large.alloc(sizeBytes, gfp, node);
    if (node === NUMA_NO_NODE || node === 0) return kmalloc(sizeBytes, gfp);
    report({ reports }, new KernelBug('BAD_NODE', `node is ${String(node)}, caches have node 0`, { node }));
    return NULL;
  }

  /** No bytes, more than two pages, or no size at all. */
  function kmallocUnusual(sizeBytes: number, gfp: Gfp): PhysAddr {
    return sizeBytes === 0 ? ZERO_SIZE_PTR : large.alloc(sizeBytes, gfp, NUMA_NO_NODE);
  }

  function kfree(addr: PhysAddr): void {
    // The first comparison spares real addresses the other two.
    if (addr <= ZERO_SIZE_PTR && (addr === NULL || addr === ZERO_SIZE_PTR)) return;
    if (!slabs.free(addr)) large.free(addr);
  }

  function kfreeBulk(count: number, addrs: Float64Array): void {
    if (!isCount({ reports }, count, addrs)) return;
    const left = addrs.slice(0, count);
    for (let n = count; n > 0; ) n = freeGroup(left, n);
  }

  /** Frees the last item and those of the same slab within reach; returns how many are left, at the front. */
  function freeGroup(addrs: Float64Array, n: number): number {
    const cache = slabs.cacheOf(addrs[n - 1]);
    if (cache === null) {
      kfree(addrs[n - 1]);
      return n - 1;
    }
    const head = large.headOf(addrs[n - 1]);
    let start = n - 1;
    let patience = LOOK_AHEAD;
    for (let i = n - 2; i >= 0; i--) {
      if (large.headOf(addrs[i]) === head) {
        start--;
        const found = addrs[i];
        addrs[i] = addrs[start];
        addrs[start] = found;
      } else if (--patience === 0) {
        break;
      }
    }
    cache.freeBulk(n - start, addrs.subarray(start, n));
    return start;
  }

  function ksize(addr: PhysAddr): number {
    if (addr === NULL || addr === ZERO_SIZE_PTR) return 0;
    return slabs.cacheOf(addr)?.usableSize ?? large.sizeOf(addr);
  }

  return { caches, largePages: large.nrPages, kmalloc, kmallocNode, kfree, kfreeBulk, ksize };
}

/**
 * Makes the caches row by row, smallest first (slab spec 1.4), and gives them in that order. That all of an object may be copied keeps
 * others from merging in.
 */
function makeCaches(slabs: SlabAllocator, sizes: readonly number[], { first, flags }: KmallocClasses): SlabCache[] {
  const make = (type: number, size: number): SlabCache => {
    const name = kmallocCacheName(type, size);
    const cache = slabs.createCache({ name, sizeBytes: size, align: kmallocAlign(size), flags: KMALLOC_TYPES[type].flags | flags, userSize: size });
    if (cache === null) throw new KernelBug('BAD_CACHE', `cache ${name} cannot be made`, { cache: name });
    return cache;
  };
  const early = first === undefined ? null : make(0, first);
  return KMALLOC_TYPES.flatMap((_, type) => sizes.map((size) => (type === 0 && size === first && early !== null ? early : make(type, size))));
}

/** Column by size in units of 8 bytes, rounded up. */
function tableOfColumns(sizes: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: sizes[sizes.length - 1] / 8 + 1 }, (_, units) => sizes.findIndex((size) => size >= units * 8));
}
