/** Which cache a new one may be joined with (slab spec 2.1). */
import {
  SLAB_ACCOUNT, SLAB_CACHE_DMA, SLAB_CACHE_DMA32, SLAB_FAILSLAB, SLAB_KASAN, SLAB_NOLEAKTRACE, SLAB_POISON, SLAB_RECLAIM_ACCOUNT,
  SLAB_RED_ZONE, SLAB_STORE_USER, SLAB_TRACE, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';

/** Flags with which a cache stands alone. */
const NEVER_MERGE =
  SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE | SLAB_TYPESAFE_BY_RCU | SLAB_NOLEAKTRACE | SLAB_FAILSLAB | SLAB_KASAN;
/** Flags that both must have or lack. */
const MERGE_SAME = SLAB_RECLAIM_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_ACCOUNT;
/** Bytes of a machine word: more than this is not wasted. */
const WORD = 8;

/** A cache, or a request for one. */
export interface MergeCandidate {
  /** Bytes from one object to the next; of a request, bytes of an object. */
  readonly size: number;
  /** Alignment of every object. */
  readonly align: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Whether objects are constructed. */
  readonly hasConstructor: boolean;
  /** Bytes that may be copied to and from user space. */
  readonly userSize: number;
}

/**
 * Finds a cache whose objects are good enough.
 *
 * @param caches - the oldest first.
 * @param asked - the request.
 * @param keepsAlign - whether a cache of a smaller alignment will not do, as for SLAB.
 * @returns the first that fits, or undefined.
 * @kernelName find_mergeable
 */
export function findMergeable<Cache extends MergeCandidate>(caches: Iterable<Cache>, asked: MergeCandidate, keepsAlign = false): Cache | undefined {
  if (!isMergeable(asked)) return undefined;
  const { align, flags } = asked;
  const wanted = Math.ceil(Math.ceil(asked.size / WORD) * WORD / align) * align;
  for (const cache of caches) {
    if (!isMergeable(cache) || (cache.flags & MERGE_SAME) !== (flags & MERGE_SAME)) continue;
    if (keepsAlign && (align > cache.align || cache.align % align !== 0)) continue;
    const excess = cache.size - wanted;
    if (cache.size % align === 0 && excess >= 0 && excess < WORD) return cache;
  }
  return undefined;
}

/**
 * Tells whether a cache may have several users.
 *
 * @param cache - a cache, or a request for one.
 * @returns false with a constructor, a part that may be copied, or a flag that others must not get by chance.
 * @kernelName slab_unmergeable
 */
export function isMergeable({ flags, hasConstructor, userSize }: Omit<MergeCandidate, 'size' | 'align'>): boolean {
  return !hasConstructor && userSize === 0 && (flags & NEVER_MERGE) === 0;
}
