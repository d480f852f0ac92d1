/**
 * High-atomic reserve: pageblocks kept for atomic requests of order > 0 (buddy spec 8.6).
 */
import { MIGRATE_HIGHATOMIC, MIGRATE_PCPTYPES } from '@kmem/contracts';
import { movePageblock, pageblockType, setPageblockType } from './pageblock.js';
import { updateFastMarks } from './watermark.js';
import { freeListEnds, Z_HIGHATOMIC, Z_MANAGED, ZONE_SHIFT, type BuddyState } from './state.js';

/**
 * Keeps the pageblock of a block that a high-order atomic request just got.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param pfn - first frame of the block.
 */
export function reserveHighAtomic(s: BuddyState, zone: number, pfn: number): void {
  const w = s.words;
  const z = zone << ZONE_SHIFT;
  const pages = 1 << s.pageblockOrder;
  const max = Math.floor(w[z + Z_MANAGED] / 100) + pages;
  if (w[z + Z_HIGHATOMIC] >= max) return;
  if (pageblockType(s, zone, pfn) >= MIGRATE_PCPTYPES) return;
  w[z + Z_HIGHATOMIC] += pages;
  updateFastMarks(s, zone);
  setPageblockType(s, zone, pfn, MIGRATE_HIGHATOMIC);
  movePageblock(s, zone, pfn, MIGRATE_HIGHATOMIC);
}

/**
 * Gives one kept pageblock back to ordinary use.
 *
 * @param s - the state.
 * @param row - zonelist row of the request.
 * @param type - migratetype of the request; the pageblock's new type.
 * @param force - true to take the last pageblock of a zone too.
 * @returns true when free blocks were moved.
 */
export function unreserveHighAtomic(s: BuddyState, row: number, type: number, force: boolean): boolean {
  const w = s.words;
  const pages = 1 << s.pageblockOrder;
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const zone = s.zonelists[at];
    const z = zone << ZONE_SHIFT;
    if (!force && w[z + Z_HIGHATOMIC] <= pages) continue;
    for (let order = 0; order < s.maxOrder; order++) {
      const pfn = w[freeListEnds(s, zone, order, MIGRATE_HIGHATOMIC)];
      if (pfn === 0) continue;
      if (pageblockType(s, zone, pfn) === MIGRATE_HIGHATOMIC) {
        w[z + Z_HIGHATOMIC] -= Math.min(pages, w[z + Z_HIGHATOMIC]);
        updateFastMarks(s, zone);
      }
      setPageblockType(s, zone, pfn, type);
      if (movePageblock(s, zone, pfn, type) > 0) return true;
    }
  }
  return false;
}
