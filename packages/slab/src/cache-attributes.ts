/** What a cache is, under the kernel's names. */
import {
  __GFP_COMP, __GFP_DMA, __GFP_DMA32, __GFP_RECLAIMABLE, SLAB_CACHE_DMA, SLAB_CACHE_DMA32, SLAB_CONSISTENCY_CHECKS, SLAB_POISON,
  SLAB_RECLAIM_ACCOUNT, SLAB_STORE_USER, SLAB_TRACE, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { Gfp, SlabCacheAttributes } from '@kmem/contracts';
import type { CacheGeometry } from './geometry.js';

/** Kernel's own bit: freelist and counters of a slab are changed in one step. Not with flags that need a lock anyway. */
const CMPXCHG_DOUBLE = 0x40000000;
const NO_CMPXCHG = SLAB_CONSISTENCY_CHECKS | SLAB_STORE_USER | SLAB_TRACE;
/** Kernel's own bit: the bytes of free objects are known. Not where they must be kept. */
const OBJECT_POISON = 0x80000000;

/** A cache as its attributes need it. */
export interface DescribedCache {
  /** Bytes of an object. */
  readonly objectSize: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Sizes and places. */
  readonly geometry: CacheGeometry;
  /** Whether objects are constructed. */
  readonly hasConstructor: boolean;
  /** Uses of the cache. */
  readonly refcount: number;
  /** Bytes that may be copied to and from user space. */
  readonly userSize: number;
}

/**
 * Computes what a cache's flags add to every request for pages.
 *
 * @param flags - `SLAB_*` bits.
 * @param order - log2 of the pages of a slab.
 * @returns GFP bits.
 */
export function pageFlags(flags: number, order: number): Gfp {
  let gfp = order > 0 ? __GFP_COMP : 0;
  if ((flags & SLAB_CACHE_DMA) !== 0) gfp |= __GFP_DMA;
  if ((flags & SLAB_CACHE_DMA32) !== 0) gfp |= __GFP_DMA32;
  if ((flags & SLAB_RECLAIM_ACCOUNT) !== 0) gfp |= __GFP_RECLAIMABLE;
  return gfp;
}

/**
 * Writes down what a cache is.
 *
 * @param cache - the cache.
 * @returns sizes in bytes, orders, counts and flags as the kernel has them.
 */
export function cacheAttributes(cache: DescribedCache): SlabCacheAttributes {
  const { flags, geometry } = cache;
  let kept = flags;
  if ((flags & NO_CMPXCHG) === 0) kept += CMPXCHG_DOUBLE;
  if ((flags & SLAB_POISON) !== 0 && (flags & SLAB_TYPESAFE_BY_RCU) === 0 && !cache.hasConstructor) kept += OBJECT_POISON;
  return {
    object_size: cache.objectSize,
    size: geometry.size,
    inuse: geometry.inuse,
    offset: geometry.freePointer,
    align: geometry.align,
    red_left_pad: geometry.redLeftPad,
    order: geometry.order,
    objects: geometry.objects,
    min_order: geometry.minOrder,
    min_objects: geometry.minObjects,
    min_partial: geometry.minPartial,
    cpu_partial: geometry.cpuPartial,
    cpu_partial_slabs: geometry.cpuPartialSlabs,
    flags: kept,
    allocflags: pageFlags(flags, geometry.order),
    refcount: cache.refcount,
    usersize: cache.userSize,
  };
}
