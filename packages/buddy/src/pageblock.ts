/**
 * Pageblocks: which migratetype a stretch of `2 ** pageblockOrder` frames belongs to (buddy spec 3.2, 9.1).
 *
 * The type is in the frame table's `pageblocks` byte. A zone that starts in the middle of a pageblock has its own
 * type for its part (word SHARED_TYPE); the byte, marked PB_SHARED, is the lower zone's.
 *
 * ```
 *   pageblock         218      |          219           |      220
 *   zone          Normal         Normal   :   HighMem      HighMem
 *   type in       byte 218       byte 219 : SHARED_TYPE    byte 220
 * ```
 */
import { MIGRATE_ISOLATE, PAGE_TYPE_BUDDY, PB_ABSENT, PB_SHARED, PB_TYPE_MASK, PG_lru } from '@kmem/contracts';
import { Z_NR_ISOLATED, Z_SHARED_TYPE, Z_SPANNED, Z_START, ZONE_SHIFT, zoneOfPfn, type BuddyState } from './state.js';

/**
 * Tells the state that a zone has memory in a pageblock. Zones come in ascending order, their spans known.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param at - index of the pageblock.
 * @param type - its migratetype.
 * @param sharedType - migratetype of this zone's part when a lower zone has the beginning.
 */
export function addPageblock(s: BuddyState, zone: number, at: number, type: number, sharedType: number): void {
  const owner = zoneOfPfn(s, at << s.pageblockOrder);
  if (owner >= 0 && owner !== zone) {
    s.pageblocks[at] = (s.pageblocks[at] & ~PB_ABSENT) | PB_SHARED;
    s.words[(zone << ZONE_SHIFT) + Z_SHARED_TYPE] = sharedType;
  } else {
    s.pageblocks[at] = type;
    if (type === MIGRATE_ISOLATE) s.words[(zone << ZONE_SHIFT) + Z_NR_ISOLATED]++;
  }
}

/**
 * Reads the type of a zone's part of a pageblock.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param pfn - a frame of the pageblock.
 * @returns migratetype.
 */
export function pageblockType(s: BuddyState, zone: number, pfn: number): number {
  const byte = s.pageblocks[pfn >> s.pageblockOrder];
  return (byte & PB_SHARED) !== 0 && startsInside(s, zone, pfn) ? s.words[(zone << ZONE_SHIFT) + Z_SHARED_TYPE] : byte & PB_TYPE_MASK;
}

/**
 * Changes the type of a zone's part of a pageblock.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param pfn - a frame of the pageblock.
 * @param type - new migratetype.
 */
export function setPageblockType(s: BuddyState, zone: number, pfn: number, type: number): void {
  const at = pfn >> s.pageblockOrder;
  const byte = s.pageblocks[at];
  if ((byte & PB_SHARED) !== 0 && startsInside(s, zone, pfn)) s.words[(zone << ZONE_SHIFT) + Z_SHARED_TYPE] = type;
  else s.pageblocks[at] = (byte & ~PB_TYPE_MASK) | type;
}

/**
 * Moves every free block of a pageblock to the tails of a type's lists. Leaves the number of used pages
 * that could be moved in `s.movedMovable`.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param pfn - a frame of the pageblock.
 * @param type - migratetype.
 * @returns pages moved.
 */
export function movePageblock(s: BuddyState, zone: number, pfn: number, type: number): number {
  const z = zone << ZONE_SHIFT;
  const zoneStart = s.words[z + Z_START];
  let at = pfn & -(1 << s.pageblockOrder);
  const end = at + (1 << s.pageblockOrder);
  s.movedMovable = 0;
  if (at < zoneStart) at = pfn;
  if (end > zoneStart + s.words[z + Z_SPANNED]) return 0;
  let moved = 0;
  while (at < end) {
    if ((s.block[at] & PAGE_TYPE_BUDDY) === 0) {
      if ((s.flags[at] & (1 << PG_lru)) !== 0) s.movedMovable++;
      at++;
    } else {
      const pages = 1 << s.areas.moveFreeBlock(at, type);
      moved += pages;
      at += pages;
    }
  }
  return moved;
}

/** True when the zone's first frame is inside this pageblock but not at its start. */
function startsInside(s: BuddyState, zone: number, pfn: number): boolean {
  const first = (pfn >> s.pageblockOrder) << s.pageblockOrder;
  const start = s.words[(zone << ZONE_SHIFT) + Z_START];
  return start > first && start < first + (1 << s.pageblockOrder);
}
