/**
 * Watermark test: may a request take this many pages from this zone (buddy spec 8.4).
 *
 * ```
 *   free - unusable  >  mark + boost + reserve(highest zone)        and, for order > 0, a block is there
 * ```
 *
 * For the plain request, which tests the low watermark and may not dig into reserves, the sum on the right is kept
 * ready: FAST_MARK.
 */
import { __GFP_ATOMIC, MIGRATE_HIGHATOMIC, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, type Gfp } from '@kmem/contracts';
import {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_RESERVES,
  ALLOC_WMARK_MASK,
  ALLOC_WMARK_MIN,
} from './alloc-flags.js';
import {
  Z_BOOST,
  Z_FAST_MARK,
  Z_FLAGS,
  Z_HIGHATOMIC,
  Z_LOW,
  Z_NONEMPTY,
  Z_NR_FREE,
  Z_RESERVE,
  Z_WMARK,
  ZONE_BOOSTED,
  ZONE_SHIFT,
  type BuddyState,
} from './state.js';

/** More pages than a zone can have, small enough to be subtracted from any number of them. */
const UNREACHABLE = 2 ** 30;

/**
 * Computes what a plain request must leave in a zone. Call it after a change of a watermark, the boost, the boosted
 * flag, the reserves or the high-atomic pages. While kswapd has to hear of a boost no request is plain.
 *
 * @param s - the state.
 * @param zone - zone id.
 */
export function updateFastMarks(s: BuddyState, zone: number): void {
  for (let highest = 0; highest < 8; highest++) s.words[(zone << ZONE_SHIFT) + Z_FAST_MARK + highest] = fastMark(s, zone, highest);
}

/**
 * Tells what the word FAST_MARK must be.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param highest - index of the highest zone of the request.
 * @returns pages.
 */
export function fastMark(s: BuddyState, zone: number, highest: number): number {
  const w = s.words;
  const z = zone << ZONE_SHIFT;
  if ((w[z + Z_FLAGS] & ZONE_BOOSTED) !== 0) return UNREACHABLE;
  return w[z + Z_LOW] + w[z + Z_BOOST] + w[z + Z_HIGHATOMIC] + w[z + Z_RESERVE + highest];
}

/**
 * Tests the watermark that the flags name, for a request that is about to be served.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - order of the request.
 * @param highest - index of the highest zone the request may use.
 * @param allocFlags - `ALLOC_*` bits.
 * @param gfp - flags of the request.
 * @returns true when the zone may serve.
 */
export function watermarkAllows(s: BuddyState, zone: number, order: number, highest: number, allocFlags: number, gfp: Gfp): boolean {
  const w = s.words;
  const z = zone << ZONE_SHIFT;
  const free = Math.max(w[z + Z_NR_FREE], 0);
  const mark = w[z + Z_WMARK + (allocFlags & ALLOC_WMARK_MASK)];
  if (watermarkOk(s, zone, order, mark + w[z + Z_BOOST], highest, allocFlags, free)) return true;
  // A boost is meant to wake kswapd early, not to make an atomic request fail.
  return (
    order === 0 &&
    (gfp & __GFP_ATOMIC) !== 0 &&
    w[z + Z_BOOST] !== 0 &&
    (allocFlags & ALLOC_WMARK_MASK) === ALLOC_WMARK_MIN &&
    watermarkOk(s, zone, order, mark, highest, allocFlags, free)
  );
}

/**
 * The test itself.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - order of the request.
 * @param mark - pages that must remain.
 * @param highest - index of the highest zone the request may use.
 * @param allocFlags - `ALLOC_*` bits.
 * @param free - free pages to reckon with.
 * @returns true when the zone may serve.
 */
export function watermarkOk(
  s: BuddyState,
  zone: number,
  order: number,
  mark: number,
  highest: number,
  allocFlags: number,
  free: number,
): boolean {
  const w = s.words;
  const z = zone << ZONE_SHIFT;
  let min = mark;
  let usable = free - ((1 << order) - 1);
  if ((allocFlags & ALLOC_RESERVES) === 0) {
    usable -= w[z + Z_HIGHATOMIC];
  } else {
    if ((allocFlags & ALLOC_MIN_RESERVE) !== 0) {
      min -= min >> 1;
      if ((allocFlags & ALLOC_NON_BLOCK) !== 0) min -= min >> 2;
    }
    if ((allocFlags & ALLOC_OOM) !== 0) min -= min >> 1;
  }
  if (usable <= min + w[z + Z_RESERVE + highest]) return false;
  if (order === 0) return true;
  let orders = w[z + Z_NONEMPTY + MIGRATE_UNMOVABLE] | w[z + Z_NONEMPTY + MIGRATE_MOVABLE] | w[z + Z_NONEMPTY + MIGRATE_RECLAIMABLE];
  if ((allocFlags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) !== 0) orders |= w[z + Z_NONEMPTY + MIGRATE_HIGHATOMIC];
  return orders >>> order !== 0;
}
