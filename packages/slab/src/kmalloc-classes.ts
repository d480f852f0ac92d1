/**
 * The size classes of kmalloc: which cache serves a request, and how many bytes it really takes (slab spec 1).
 *
 * ```
 *  asked for    0      1..8  ..16  ..32  ..64  ..96  ..128  ..192  ..256  ..512  ...  two pages    more
 *  takes        none   8     16    32    64    96    128    192    256    512    ...  two pages    2 ** n pages
 * ```
 * 96 and 192 stand between the powers of two; above them a class is the next power of two, so a request just over one
 * wastes almost half of what it takes.
 */
import {
  __GFP_ACCOUNT,
  __GFP_DMA,
  __GFP_RECLAIMABLE,
  SLAB_ACCOUNT,
  SLAB_CACHE_DMA,
  SLAB_HWCACHE_ALIGN,
  SLAB_KMALLOC,
  SLAB_RECLAIM_ACCOUNT,
  type Gfp,
} from '@kmem/contracts';
import { requireInteger } from './option-checks.js';

/** Bytes of a machine word. */
const WORD = 8;
/** Requests up to here take the tightest class; above, the next power of two. */
const TIGHT_LIMIT = 192;
/** The tight classes, smallest first. */
const TIGHT_CLASSES = [8, 16, 32, 64, 96, 128, TIGHT_LIMIT] as const;
/** Bytes that a name shortens to `k`. */
const KIB = 1024;

/** What the page allocator below decides about kmalloc. */
export interface KmallocLimits {
  /**
   * log2 of the page size in bytes, 12 to 16.
   * @defaultValue 12
   */
  readonly pageShift?: number;
  /**
   * Number of orders of the page allocator, 1 to 16.
   * @defaultValue 11
   */
  readonly maxOrder?: number;
  /**
   * The smallest class in bytes: one of those up to 192.
   * @defaultValue 8, that of SLUB
   */
  readonly smallest?: number;
}

/** What an allocator decides about the classes. */
export interface KmallocClasses {
  /** The smallest one in bytes. */
  readonly smallest: number;
  /** `SLAB_*` bits of every cache, besides those of its row. */
  readonly flags: number;
  /** The plain class that is made before all others: the allocator itself needs it first. */
  readonly first?: number;
}

/** The classes of SLUB. */
export const SLUB_CLASSES: KmallocClasses = Object.freeze({ smallest: 8, flags: 0 });

/** The classes of SLAB: from 32 bytes on, objects aligned to cache lines. */
export const SLAB_CLASSES: KmallocClasses = Object.freeze({ smallest: 32, flags: SLAB_HWCACHE_ALIGN, first: 128 });

/** One of the four rows of caches. A request with several flags goes to the last of the rows that fit (slab spec 1.3). */
export interface KmallocType {
  /** What the names of its caches begin with. */
  readonly prefix: string;
  /** `SLAB_*` bits of its caches. */
  readonly flags: number;
}

/** The rows by their numbers: plain, accounted, reclaimable, for DMA. */
export const KMALLOC_TYPES: readonly KmallocType[] = Object.freeze([
  { prefix: 'kmalloc-', flags: SLAB_KMALLOC },
  { prefix: 'kmalloc-cg-', flags: SLAB_KMALLOC | SLAB_ACCOUNT },
  { prefix: 'kmalloc-rcl-', flags: SLAB_KMALLOC | SLAB_RECLAIM_ACCOUNT },
  { prefix: 'dma-kmalloc-', flags: SLAB_KMALLOC | SLAB_CACHE_DMA },
]);

/**
 * Chooses the row of caches for a request.
 *
 * @param gfp - flags of the request.
 * @returns index into {@link KMALLOC_TYPES}: DMA before reclaimable before accounted.
 * @context any.
 * @kernelName kmalloc_type
 */
export function kmallocType(gfp: Gfp): number {
  if ((gfp & __GFP_DMA) !== 0) return 3;
  if ((gfp & __GFP_RECLAIMABLE) !== 0) return 2;
  return (gfp & __GFP_ACCOUNT) !== 0 ? 1 : 0;
}

/**
 * Lists the size classes in the order in which their caches are made.
 *
 * @param limits - page size and smallest class.
 * @returns bytes, from the smallest class to two pages.
 * @throws RangeError when a limit is out of range, naming it.
 * @context any.
 */
export function kmallocSizes(limits: KmallocLimits = {}): number[] {
  const largest = largestClass(limits);
  const { smallest } = checkLimits(limits);
  const sizes: number[] = TIGHT_CLASSES.filter((size) => size >= smallest);
  for (let size = 256; size <= largest; size *= 2) sizes.push(size);
  return sizes;
}

/**
 * Tells the largest request that kmalloc can serve.
 *
 * @param limits - page size and number of orders.
 * @returns bytes: the largest block of pages.
 * @throws RangeError when a limit is out of range, naming it.
 * @context any.
 */
export function kmallocMaxSize(limits: KmallocLimits = {}): number {
  const { pageShift, maxOrder } = checkLimits(limits);
  return 2 ** (pageShift + maxOrder - 1);
}

/**
 * Rounds a request up to what it takes: its class, or whole pages above the largest class.
 *
 * @param sizeBytes - bytes, 0 to 2 ** 53 - 1.
 * @param limits - the smallest class.
 * @returns bytes; 0 for 0, which takes nothing. A size above {@link kmallocMaxSize} is rounded all the same.
 * @throws RangeError when the size is out of range.
 * @context any.
 * @kernelName kmalloc_size_roundup
 */
export function kmallocSizeRoundup(sizeBytes: number, limits: KmallocLimits = {}): number {
  const { smallest } = checkLimits(limits);
  requireInteger('sizeBytes', sizeBytes, 0, Number.MAX_SAFE_INTEGER);
  if (sizeBytes === 0) return 0;
  // Above the largest class pages are taken, in powers of two: the same rule.
  if (sizeBytes > TIGHT_LIMIT) return nextPowerOfTwo(sizeBytes);
  return TIGHT_CLASSES.find((size) => size >= Math.max(sizeBytes, smallest)) ?? TIGHT_LIMIT;
}

/**
 * Names the cache of a class.
 *
 * @param type - index into {@link KMALLOC_TYPES}.
 * @param size - one of {@link kmallocSizes}, in bytes.
 * @returns such as `kmalloc-96` or `dma-kmalloc-4k`.
 * @throws RangeError for a type that does not exist.
 * @context any.
 */
export function kmallocCacheName(type: number, size: number): string {
  requireInteger('type', type, 0, KMALLOC_TYPES.length - 1);
  return KMALLOC_TYPES[type].prefix + (size >= KIB ? `${String(size / KIB)}k` : String(size));
}

/**
 * Tells the alignment of a class's objects.
 *
 * @param size - one of {@link kmallocSizes}, in bytes.
 * @returns bytes: the size itself where it is a power of two, otherwise a word.
 * @context any.
 */
export function kmallocAlign(size: number): number {
  return (size & (size - 1)) === 0 ? Math.max(size, WORD) : WORD;
}

/** Requests above two pages go to the page allocator (slab spec 1.1). */
function largestClass(limits: KmallocLimits): number {
  return 2 ** (checkLimits(limits).pageShift + 1);
}

function nextPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

function checkLimits({ pageShift = 12, maxOrder = 11, smallest = SLUB_CLASSES.smallest }: KmallocLimits): Required<KmallocLimits> {
  requireInteger('pageShift', pageShift, 12, 16);
  requireInteger('maxOrder', maxOrder, 1, 16);
  if (!TIGHT_CLASSES.some((size) => size === smallest)) throw new RangeError(`smallest: expected one of ${TIGHT_CLASSES.join(' ')}, got ${String(smallest)}`);
  return { pageShift, maxOrder, smallest };
}
