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
import {
  hasPcpList,
  P_DIFF,
  PCP_SHIFT,
  Z_NONEMPTY,
  Z_NR_BLOCKS,
  Z_NR_FREE,
  Z_STAT_THRESHOLD,
  ZONE_LISTS_SHIFT,
  ZONE_SHIFT,
  type BuddyState,
} from './state.js';

/** The buddy system of one allocator. `zone` is a zone id, `type` a migratetype, `pfn` the first frame of a block. */
export interface FreeAreas {
  /**
   * Takes the first block of the smallest order that has one, and splits it down.
   *
   * @returns first frame, or 0 when the lists of the type are empty from `order` on.
   */
  readonly takeSmallest: (zone: number, order: number, type: number) => number;

  /**
   * Puts a block back and merges it with its buddies as far as they are free. It goes to the list of `type` even if
   * a buddy was on another one; to the tail if asked, or if a larger merge is likely soon.
   */
  readonly freeBlock: (zone: number, pfn: number, order: number, type: number, toTail: boolean) => void;

  /** Links a block into a free list and marks it free. */
  readonly addFreeBlock: (zone: number, pfn: number, order: number, type: number, toTail: boolean) => void;

  /**
   * Moves a free block to the tail of another type's list.
   *
   * @returns order of the block.
   */
  readonly moveFreeBlock: (pfn: number, type: number) => number;

  /** Takes a block out of the free list it is on and removes its mark. The count of free pages is the caller's business. */
  readonly removeFreeBlock: (pfn: number) => void;

  /** Adds to a zone's count of free pages through the current CPU's part (buddy spec 14). */
  readonly addFreePages: (zone: number, pages: number) => void;
}

/**
 * Makes the buddy system over a state. The functions hold the arrays themselves: V8 then knows their addresses.
 *
 * @param s - the state.
 * @returns its buddy system.
 */
export function createFreeAreas(s: BuddyState): FreeAreas {
  const { words: w, block, next, prev, pageblocks, pageblockOrder, cpus } = s;
  const { ends: allEnds, pcp: allPcps, cpuShift } = s.layout;
  const top = s.maxOrder - 1;
  /** Everything in a `block` word but the type: what a merge compares. */
  const identityMask = ~BLOCK_TYPE_MASK;

  function takeSmallest(zone: number, order: number, type: number): number {
    const nonempty = (zone << ZONE_SHIFT) + Z_NONEMPTY + type;
    const orders = w[nonempty] >>> order;
    if (orders === 0) return 0;
    const found = order + 31 - Math.clz32(orders & -orders);
    const ends = allEnds + (((zone << ZONE_LISTS_SHIFT) | (found << 3) | type) << 1);
    const pfn = w[ends];
    const after = next[pfn];
    w[ends] = after;
    if (after === 0) {
      w[ends + 1] = 0;
      w[nonempty] &= ~(1 << found);
    } else {
      prev[after] = 0;
    }
    w[(zone << ZONE_SHIFT) + Z_NR_BLOCKS + found]--;
    if (found > order) split(zone, pfn, found, order, type);
    block[pfn] = (zone << BLOCK_ZONE_SHIFT) | (type << BLOCK_TYPE_SHIFT) | order;
    if (s.trace !== null) {
      s.trace.mmPageAllocZoneLocked(pfn, order, type, hasPcpList(s, order) && type < MIGRATE_PCPTYPES ? 1 : 0);
    }
    return pfn;
  }

  /** Gives the upper halves of a block to the lists, which are empty: the block was the smallest there was. */
  function split(zone: number, pfn: number, from: number, to: number, type: number): void {
    const z = zone << ZONE_SHIFT;
    const mark = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY | (type << BLOCK_TYPE_SHIFT);
    let ends = allEnds + (((zone << ZONE_LISTS_SHIFT) | (from << 3) | type) << 1);
    for (let order = from - 1; order >= to; order--) {
      const upper = pfn + (1 << order);
      ends -= 1 << 4;
      block[upper] = mark | order;
      next[upper] = 0;
      prev[upper] = 0;
      w[ends] = upper;
      w[ends + 1] = upper;
      w[z + Z_NR_BLOCKS + order]++;
      if (s.trace !== null) s.trace.blockSplit(upper, order);
    }
    w[z + Z_NONEMPTY + type] |= (1 << from) - (1 << to);
  }

  function freeBlock(zone: number, first: number, firstOrder: number, type: number, toTail: boolean): void {
    const identity = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY;
    let pfn = first;
    let order = firstOrder;
    let buddy = 0;
    if (type !== MIGRATE_ISOLATE) addFreePages(zone, 1 << order);
    block[pfn] = 0;
    while (order < top) {
      buddy = pfn ^ (1 << order);
      if ((block[buddy] & identityMask) !== (identity | order)) break;
      if (order >= pageblockOrder && !mayMerge(buddy, type)) break;
      removeFreeBlock(buddy);
      pfn &= buddy;
      order++;
      if (s.trace !== null) s.trace.blockMerge(pfn, order);
    }
    let tail = toTail;
    if (!tail && order < top - 1) {
      // The parent's buddy is free: keep this block at the tail, so that it stays free until its own buddy comes.
      const parentBuddy = (pfn & buddy) ^ (2 << order);
      tail = (block[parentBuddy] & identityMask) === (identity | (order + 1));
    }
    addFreeBlock(zone, pfn, order, type, tail);
  }

  /** Pageblocks kept for one purpose must not be swallowed by a neighbour, nor swallow it. */
  function mayMerge(buddy: number, type: number): boolean {
    const buddyType = pageblocks[buddy >> pageblockOrder] & PB_TYPE_MASK;
    return buddyType === type || (buddyType < MIGRATE_PCPTYPES && type < MIGRATE_PCPTYPES);
  }

  function addFreeBlock(zone: number, pfn: number, order: number, type: number, toTail: boolean): void {
    const z = zone << ZONE_SHIFT;
    const ends = allEnds + (((zone << ZONE_LISTS_SHIFT) | (order << 3) | type) << 1);
    block[pfn] = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY | (type << BLOCK_TYPE_SHIFT) | order;
    w[z + Z_NR_BLOCKS + order]++;
    const head = w[ends];
    if (head === 0) {
      next[pfn] = 0;
      prev[pfn] = 0;
      w[ends] = pfn;
      w[ends + 1] = pfn;
      w[z + Z_NONEMPTY + type] |= 1 << order;
    } else if (toTail) {
      const last = w[ends + 1];
      next[pfn] = 0;
      prev[pfn] = last;
      next[last] = pfn;
      w[ends + 1] = pfn;
    } else {
      next[pfn] = head;
      prev[pfn] = 0;
      prev[head] = pfn;
      w[ends] = pfn;
    }
  }

  function removeFreeBlock(pfn: number): void {
    const word = block[pfn];
    const zone = word >>> BLOCK_ZONE_SHIFT;
    const order = word & BLOCK_ORDER_MASK;
    const type = (word & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT;
    const z = zone << ZONE_SHIFT;
    const ends = allEnds + (((zone << ZONE_LISTS_SHIFT) | (order << 3) | type) << 1);
    const after = next[pfn];
    const before = prev[pfn];
    if (before === 0) w[ends] = after;
    else next[before] = after;
    if (after === 0) w[ends + 1] = before;
    else prev[after] = before;
    if ((after | before) === 0) w[z + Z_NONEMPTY + type] &= ~(1 << order);
    w[z + Z_NR_BLOCKS + order]--;
    block[pfn] = 0;
  }

  function moveFreeBlock(pfn: number, type: number): number {
    const word = block[pfn];
    const order = word & BLOCK_ORDER_MASK;
    removeFreeBlock(pfn);
    addFreeBlock(word >>> BLOCK_ZONE_SHIFT, pfn, order, type, true);
    return order;
  }

  function addFreePages(zone: number, pages: number): void {
    const z = zone << ZONE_SHIFT;
    const part = allPcps + (((cpus.cpu << cpuShift) | zone) << PCP_SHIFT) + P_DIFF;
    const diff = w[part] + pages;
    const threshold = w[z + Z_STAT_THRESHOLD];
    if (diff > threshold || diff < -threshold) {
      w[z + Z_NR_FREE] += diff;
      w[part] = 0;
    } else {
      w[part] = diff;
    }
  }

  return { takeSmallest, freeBlock, addFreeBlock, moveFreeBlock, removeFreeBlock, addFreePages };
}
