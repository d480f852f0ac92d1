/**
 * The buddy system: free areas, splitting and merging (buddy spec 5).
 *
 * ```
 *  order 3  [ 8 .. 15 ]            taking one frame:   8 | 9 | 10 11 | 12 .. 15
 *                                                     out  o0   o1       o2       upper halves go to list heads
 * ```
 * The buddy of a block is found by flipping one bit of its frame number. Whether it is free, of the
 * same order and in the same zone is one comparison of its `block` word.
 */
import {
  BLOCK_ORDER_MASK,
  BLOCK_TYPE_MASK,
  BLOCK_TYPE_SHIFT,
  BLOCK_ZONE_SHIFT,
  MIGRATE_ISOLATE,
  MIGRATE_PCPTYPES,
  PAGE_TYPE_BUDDY,
  PB_TYPE_MASK,
} from '@kmem/contracts';
import { addFreePages, COSTLY_ORDER, Z_NONEMPTY, Z_NR_BLOCKS, ZONE_LISTS_SHIFT, ZONE_SHIFT, type BuddyState } from './state.js';

/** Everything in a `block` word but the type: what a merge compares. */
const IDENTITY_MASK = ~BLOCK_TYPE_MASK;

/**
 * Takes the first block of the smallest order that has one, and splits it down.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - wanted order.
 * @param type - migratetype of the lists to look at.
 * @returns first frame, or 0 when the lists are empty.
 */
export function takeSmallest(s: BuddyState, zone: number, order: number, type: number): number {
  const orders = s.words[(zone << ZONE_SHIFT) + Z_NONEMPTY + type] >>> order;
  if (orders === 0) return 0;
  let current = order + 31 - Math.clz32(orders & -orders);
  const pfn = s.words[s.layout.ends + (((zone << ZONE_LISTS_SHIFT) | (current << 3) | type) << 1)];
  removeFreeBlock(s, pfn);
  while (current > order) {
    current--;
    const upper = pfn + (1 << current);
    addFreeBlock(s, upper, zone, current, type, false);
    if (s.trace !== null) s.trace.blockSplit(upper, current);
  }
  s.block[pfn] = (zone << BLOCK_ZONE_SHIFT) | (type << BLOCK_TYPE_SHIFT) | order;
  if (s.trace !== null) {
    s.trace.mmPageAllocZoneLocked(pfn, order, type, hasPcpList(s, order) && type < MIGRATE_PCPTYPES ? 1 : 0);
  }
  return pfn;
}

/**
 * Puts a block back and merges it with its buddies as far as they are free.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param first - first frame.
 * @param order - order of the block.
 * @param type - migratetype of the list it goes to, also after merging.
 * @param toTail - true to insert at the tail; otherwise the head, unless a larger merge is likely soon.
 */
export function freeBlock(s: BuddyState, zone: number, first: number, order: number, type: number, toTail: boolean): void {
  const block = s.block;
  const top = s.maxOrder - 1;
  const identity = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY;
  let pfn = first;
  let buddy = 0;
  if (type !== MIGRATE_ISOLATE) addFreePages(s, zone, 1 << order);
  block[pfn] = 0;
  while (order < top) {
    buddy = pfn ^ (1 << order);
    if ((block[buddy] & IDENTITY_MASK) !== (identity | order)) break;
    if (order >= s.pageblockOrder) {
      // Pageblocks kept for one purpose must not be swallowed by a neighbour, nor swallow it.
      const buddyType = s.pageblocks[buddy >> s.pageblockOrder] & PB_TYPE_MASK;
      if (buddyType !== type && (buddyType >= MIGRATE_PCPTYPES || type >= MIGRATE_PCPTYPES)) break;
    }
    removeFreeBlock(s, buddy);
    pfn &= buddy;
    order++;
    if (s.trace !== null) s.trace.blockMerge(pfn, order);
  }
  let tail = toTail;
  if (!tail && order < top - 1) {
    // The parent's buddy is free: keep this block at the tail, so that it stays free until its own buddy comes.
    const parentBuddy = (pfn & buddy) ^ (2 << order);
    tail = (block[parentBuddy] & IDENTITY_MASK) === (identity | (order + 1));
  }
  addFreeBlock(s, pfn, zone, order, type, tail);
}

/**
 * Links a block into a free list and marks it free.
 *
 * @param s - the state.
 * @param pfn - first frame.
 * @param zone - zone id.
 * @param order - order.
 * @param type - migratetype.
 * @param tail - true for the tail, false for the head.
 */
export function addFreeBlock(s: BuddyState, pfn: number, zone: number, order: number, type: number, tail: boolean): void {
  const w = s.words;
  const z = zone << ZONE_SHIFT;
  const ends = s.layout.ends + (((zone << ZONE_LISTS_SHIFT) | (order << 3) | type) << 1);
  s.block[pfn] = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY | (type << BLOCK_TYPE_SHIFT) | order;
  w[z + Z_NR_BLOCKS + order]++;
  const head = w[ends];
  if (head === 0) {
    s.next[pfn] = 0;
    s.prev[pfn] = 0;
    w[ends] = pfn;
    w[ends + 1] = pfn;
    w[z + Z_NONEMPTY + type] |= 1 << order;
  } else if (tail) {
    const last = w[ends + 1];
    s.next[pfn] = 0;
    s.prev[pfn] = last;
    s.next[last] = pfn;
    w[ends + 1] = pfn;
  } else {
    s.next[pfn] = head;
    s.prev[pfn] = 0;
    s.prev[head] = pfn;
    w[ends] = pfn;
  }
}

/**
 * Takes a block out of the free list it is on and removes its mark.
 *
 * @param s - the state.
 * @param pfn - first frame of a free block.
 */
export function removeFreeBlock(s: BuddyState, pfn: number): void {
  const w = s.words;
  const word = s.block[pfn];
  const zone = word >>> BLOCK_ZONE_SHIFT;
  const order = word & BLOCK_ORDER_MASK;
  const type = (word & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT;
  const z = zone << ZONE_SHIFT;
  const ends = s.layout.ends + (((zone << ZONE_LISTS_SHIFT) | (order << 3) | type) << 1);
  const next = s.next[pfn];
  const prev = s.prev[pfn];
  if (prev === 0) w[ends] = next;
  else s.next[prev] = next;
  if (next === 0) w[ends + 1] = prev;
  else s.prev[next] = prev;
  if ((next | prev) === 0) w[z + Z_NONEMPTY + type] &= ~(1 << order);
  w[z + Z_NR_BLOCKS + order]--;
  s.block[pfn] = 0;
}

/**
 * Moves a free block to the tail of another type's list.
 *
 * @param s - the state.
 * @param pfn - first frame of a free block.
 * @param type - the other migratetype.
 * @returns order of the block.
 */
export function moveFreeBlock(s: BuddyState, pfn: number, type: number): number {
  const word = s.block[pfn];
  const order = word & BLOCK_ORDER_MASK;
  removeFreeBlock(s, pfn);
  addFreeBlock(s, pfn, word >>> BLOCK_ZONE_SHIFT, order, type, true);
  return order;
}

/**
 * Tells whether blocks of an order go through per-CPU lists.
 *
 * @param s - the state.
 * @param order - order.
 * @returns true for orders 0 to 3, and for the pageblock order with huge pages on.
 */
export function hasPcpList(s: BuddyState, order: number): boolean {
  return order <= COSTLY_ORDER || order === s.hugeOrder;
}
