/**
 * Fragmentation indices: is free memory usable at an order, and if not, why (buddy spec 15).
 */
import { Z_NR_BLOCKS, zoneWords, type BuddyState } from './state.js';

/**
 * Computes which share of a zone's free memory is unusable for an order.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - order.
 * @returns thousandths: 0 when all of it is usable, 1000 when none is.
 */
export function unusableFreeIndex(s: BuddyState, zone: number, order: number): number {
  const { free, suitable } = countBlocks(s, zone, order);
  return free === 0 ? 1000 : Math.floor(((free - suitable * 2 ** order) * 1000) / free);
}

/**
 * Computes why an allocation of an order would fail.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - order.
 * @returns thousandths: -1000 when it would not fail, towards 0 for lack of memory, towards 1000 for fragmentation.
 */
export function fragmentationIndex(s: BuddyState, zone: number, order: number): number {
  const { free, blocks, suitable } = countBlocks(s, zone, order);
  if (blocks === 0) return 0;
  if (suitable > 0) return -1000;
  return 1000 - Math.floor((1000 + Math.floor((free * 1000) / 2 ** order)) / blocks);
}

/** Counts a zone's free pages, its free blocks, and how many blocks of the order could be cut from them. */
function countBlocks(s: BuddyState, zone: number, order: number): { free: number; blocks: number; suitable: number } {
  const counts = zoneWords(zone) + Z_NR_BLOCKS;
  let free = 0;
  let blocks = 0;
  let suitable = 0;
  for (let o = 0; o < s.maxOrder; o++) {
    const n = s.words[counts + o];
    blocks += n;
    free += n * 2 ** o;
    if (o >= order) suitable += n * 2 ** (o - order);
  }
  return { free, blocks, suitable };
}
