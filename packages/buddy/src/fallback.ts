/**
 * Fallback: serving a request from pageblocks of another type (buddy spec 7.2 to 7.4, 8.5).
 *
 * Mixing types fragments memory for good, so a fallback takes the largest block there is and, where it can, claims
 * the whole pageblock: its other free blocks change lists too. Only a movable request that would have to
 * break a small block takes the smallest one instead, because movable pages do no lasting harm.
 */
import {
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
} from '@kmem/contracts';
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT } from './alloc-flags.js';
import { movePageblock, pageblockType, setPageblockType } from './pageblock.js';
import { updateFastMarks } from './watermark.js';
import {
  freeListEnds,
  Z_BOOST,
  Z_FLAGS,
  Z_HIGH,
  Z_MANAGED,
  Z_NONEMPTY,
  Z_NR_BLOCKS,
  ZONE_BOOSTED,
  ZONE_SHIFT,
  type BuddyState,
} from './state.js';

/** Which types a type may take from, best first, two each. */
const CANDIDATES = Uint8Array.of(
  MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE, // for unmovable
  MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE, // for movable
  MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, // for reclaimable
);

/**
 * Takes a block of a type that has none left, by moving other types' blocks to its lists.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - order.
 * @param type - migratetype; its lists are empty from `order` on.
 * @param allocFlags - `ALLOC_NOFRAGMENT` allows only whole pageblocks to change hands.
 * @returns first frame, or 0.
 */
export function takeFromOtherTypes(s: BuddyState, zone: number, order: number, type: number, allocFlags: number): number {
  while (fallback(s, zone, order, type, allocFlags)) {
    const pfn = s.areas.takeSmallest(zone, order, type);
    if (pfn !== 0) return pfn;
  }
  return 0;
}

/** Finds a block of another type and moves it, or its whole pageblock, to the lists of `type`. */
function fallback(s: BuddyState, zone: number, order: number, type: number, allocFlags: number): boolean {
  const blocks = (zone << ZONE_SHIFT) + Z_NR_BLOCKS;
  const noFragment = (allocFlags & ALLOC_NOFRAGMENT) !== 0 && order < s.pageblockOrder;
  const minOrder = noFragment ? s.pageblockOrder : order;
  for (let current = s.maxOrder - 1; current >= minOrder; current--) {
    if (s.words[blocks + current] === 0) continue;
    const from = candidate(s, zone, current, type);
    if (from < 0) continue;
    if (!canClaim(s, current, type) && type === MIGRATE_MOVABLE && current > order) break;
    steal(s, zone, current, order, type, from, allocFlags);
    return true;
  }
  if (type !== MIGRATE_MOVABLE || noFragment) return false;
  for (let current = order; current < s.maxOrder; current++) {
    const from = candidate(s, zone, current, type);
    if (from < 0) continue;
    steal(s, zone, current, order, type, from, allocFlags);
    return true;
  }
  return false;
}

/** Finds the type to take from at one order, or -1. */
function candidate(s: BuddyState, zone: number, order: number, type: number): number {
  if (type > MIGRATE_RECLAIMABLE) return -1;
  const nonempty = (zone << ZONE_SHIFT) + Z_NONEMPTY;
  const best = CANDIDATES[type * 2];
  if (((s.words[nonempty + best] >> order) & 1) !== 0) return best;
  const second = CANDIDATES[type * 2 + 1];
  return ((s.words[nonempty + second] >> order) & 1) !== 0 ? second : -1;
}

/** Tells whether taking a block of this order justifies claiming its pageblock. */
function canClaim(s: BuddyState, order: number, type: number): boolean {
  return order >= s.pageblockOrder >> 1 || type !== MIGRATE_MOVABLE || s.groupingDisabled;
}

/** Steals the first block of a list: alone, with its pageblock's free blocks, or with the pageblock itself. */
function steal(s: BuddyState, zone: number, order: number, wanted: number, type: number, from: number, allocFlags: number): void {
  const pfn = s.words[freeListEnds(s, zone, order, from)];
  if (!claimPageblock(s, zone, pfn, order, type, allocFlags)) s.areas.moveFreeBlock(pfn, type);
  if (s.trace !== null) {
    s.trace.mmPageAllocExtfrag(pfn, wanted, order, type, from, pageblockType(s, zone, pfn) === type ? 1 : 0);
  }
}

/** Claims the pageblock around a block as far as the rules allow; false when only the block itself may move. */
function claimPageblock(s: BuddyState, zone: number, pfn: number, order: number, type: number, allocFlags: number): boolean {
  const oldType = pageblockType(s, zone, pfn);
  if (oldType === MIGRATE_HIGHATOMIC) return false;
  if (order >= s.pageblockOrder) {
    for (let at = pfn; at < pfn + (1 << order); at += 1 << s.pageblockOrder) setPageblockType(s, zone, at, type);
    return false;
  }
  if (boostWatermarks(s, zone) && (allocFlags & ALLOC_KSWAPD) !== 0) {
    s.words[(zone << ZONE_SHIFT) + Z_FLAGS] |= ZONE_BOOSTED;
  }
  updateFastMarks(s, zone);
  if (!canClaim(s, order, type)) return false;
  const pages = 1 << s.pageblockOrder;
  const free = movePageblock(s, zone, pfn, type);
  if (free === 0) return false;
  let alike = 0;
  if (type === MIGRATE_MOVABLE) alike = s.movedMovable;
  else if (oldType === MIGRATE_MOVABLE) alike = pages - (free + s.movedMovable);
  if (free + alike >= pages >> 1 || s.groupingDisabled) setPageblockType(s, zone, pfn, type);
  return true;
}

/** Raises the watermarks for a while after types were mixed; false where that is turned off. */
function boostWatermarks(s: BuddyState, zone: number): boolean {
  const w = s.words;
  const z = zone << ZONE_SHIFT;
  const pages = 1 << s.pageblockOrder;
  if (s.watermarkBoostFactor === 0 || w[z + Z_MANAGED] < 4 * pages) return false;
  const max = Math.floor((w[z + Z_HIGH] * s.watermarkBoostFactor) / 10000);
  if (max === 0) return false;
  w[z + Z_BOOST] = Math.min(w[z + Z_BOOST] + pages, Math.max(pages, max));
  return true;
}
