/**
 * Per-CPU page lists: the front of the page allocator (buddy spec 6).
 *
 * Each CPU keeps, for each zone, short lists of blocks that it can hand out and take back without touching the
 * free areas. Lists are stacks: a page just freed is warm and goes out first. A refill appends a batch; once
 * `count` reaches `high`, pages go back from the tails.
 *
 * ```
 *  index   0 1 2     3 4 5     6 7 8     9 10 11    12            13
 *  order   0 0 0     1 1 1     2 2 2     3  3  3    pageblock     pageblock
 *  type    U M R     U M R     U M R     U  M  R    not movable   movable
 * ```
 */
import {
  BLOCK_PCP,
  BLOCK_TYPE_MASK,
  BLOCK_TYPE_SHIFT,
  BLOCK_ZONE_SHIFT,
  MIGRATE_PCPTYPES,
} from '@kmem/contracts';
import { takeFromOtherTypes } from './fallback.js';
import { pageblockType } from './pageblock.js';
import {
  COSTLY_ORDER,
  P_BATCH,
  P_COUNT,
  P_ENDS,
  P_FREE_FACTOR,
  P_HIGH,
  PCP_HUGE_INDEX,
  PCP_NR_LISTS,
  PCP_SHIFT,
  pcpWords,
  Z_FLAGS,
  Z_NR_ISOLATED,
  ZONE_RECLAIM_ACTIVE,
  ZONE_SHIFT,
  type BuddyState,
} from './state.js';

/** A portion given back may grow to `batch << 5`. */
const BATCH_SCALE_MAX = 5;

/** The per-CPU lists of one allocator. `zone` is a zone id, `type` a migratetype. */
export interface PcpLists {
  /**
   * Takes a block from the current CPU's lists and refills them when they are empty.
   *
   * @param order - an order that has per-CPU lists.
   * @param type - 0 to 2.
   * @param allocFlags - for the refill.
   * @param bulk - true in a bulk request: one call of many, which does not count as the end of a burst of frees.
   * @returns first frame, or 0.
   */
  readonly take: (zone: number, order: number, type: number, allocFlags: number, bulk: boolean) => number;

  /**
   * Does the same for a caller that has looked the list up before. An empty list is left as it is.
   *
   * @param p - first word of the set.
   * @param ends - the word with the head of the list.
   * @returns first frame, or 0.
   */
  readonly takeFrom: (p: number, ends: number, order: number) => number;

  /**
   * Puts a block on the current CPU's lists, and gives pages back when there are too many.
   *
   * @param type - type of its pageblock. The block remembers it, even if the pageblock changes meanwhile.
   * @param index - the list: entry of `pcpIndexOf` for order and type, not NO_PCP_LIST.
   */
  readonly put: (zone: number, pfn: number, order: number, type: number, index: number) => void;

  /** Gives every page of one CPU's lists in a zone back, in portions. */
  readonly drain: (cpu: number, zone: number) => void;

  /** Gives every page of every CPU's lists back. */
  readonly drainAll: () => void;
}

/**
 * Makes the per-CPU lists over a state. The functions hold the arrays themselves: V8 then knows their addresses.
 *
 * @param s - the state, its buddy system made.
 * @returns its per-CPU lists.
 */
export function createPcpLists(s: BuddyState): PcpLists {
  const { words: w, block, next, prev, cpus, pcpIndexOf } = s;
  const { pcp: allPcps, cpuShift } = s.layout;
  const { takeSmallest, freeBlock, addFreePages } = s.areas;

  function take(zone: number, order: number, type: number, allocFlags: number, bulk: boolean): number {
    const p = allPcps + (((cpus.cpu << cpuShift) | zone) << PCP_SHIFT);
    const ends = p + P_ENDS + (pcpIndexOf[(order << 3) | type] << 1);
    if (!bulk) endBurst(p);
    if (w[ends] === 0) refill(zone, order, type, allocFlags, p, ends);
    return pop(p, ends, order);
  }

  function takeFrom(p: number, ends: number, order: number): number {
    if (w[ends] === 0) return 0;
    endBurst(p);
    return pop(p, ends, order);
  }

  /** An allocation ends a burst of frees: the next portion given back is smaller. */
  function endBurst(p: number): void {
    if (w[p + P_FREE_FACTOR] !== 0) w[p + P_FREE_FACTOR] >>= 1;
  }

  function pop(p: number, ends: number, order: number): number {
    const pfn = w[ends];
    if (pfn === 0) return 0;
    const after = next[pfn];
    w[ends] = after;
    if (after === 0) w[ends + 1] = 0;
    else prev[after] = 0;
    w[p + P_COUNT] -= 1 << order;
    block[pfn] &= ~BLOCK_PCP;
    return pfn;
  }

  function put(zone: number, pfn: number, order: number, type: number, index: number): void {
    const p = allPcps + (((cpus.cpu << cpuShift) | zone) << PCP_SHIFT);
    const ends = p + P_ENDS + (index << 1);
    const head = w[ends];
    block[pfn] = (zone << BLOCK_ZONE_SHIFT) | BLOCK_PCP | (type << BLOCK_TYPE_SHIFT) | order;
    next[pfn] = head;
    prev[pfn] = 0;
    w[ends] = pfn;
    if (head === 0) w[ends + 1] = pfn;
    else prev[head] = pfn;
    const count = w[p + P_COUNT] + (1 << order);
    w[p + P_COUNT] = count;
    if (
      count >= w[p + P_HIGH] ||
      (order !== 0 && w[p + P_FREE_FACTOR] !== 0) ||
      (w[(zone << ZONE_SHIFT) + Z_FLAGS] & ZONE_RECLAIM_ACTIVE) !== 0
    ) {
      giveBack(zone, order, p, index);
    }
  }

  function drain(cpu: number, zone: number): void {
    const p = pcpWords(s, cpu, zone);
    for (let count = w[p + P_COUNT]; count > 0; count = w[p + P_COUNT]) {
      spill(cpu, zone, Math.min(count, w[p + P_BATCH] << BATCH_SCALE_MAX), 0);
    }
  }

  function drainAll(): void {
    for (let cpu = 0; cpu < s.nrCpus; cpu++) {
      for (let zone = 0; zone < s.nrZones; zone++) drain(cpu, zone);
    }
  }

  /** Takes a batch of blocks from the free areas and appends them in the order in which they come. */
  function refill(zone: number, order: number, type: number, allocFlags: number, p: number, ends: number): void {
    const batch = w[p + P_BATCH];
    const wanted = batch > 1 ? Math.max(batch >> order, 2) : batch;
    let got = 0;
    while (got < wanted) {
      let pfn = takeSmallest(zone, order, type);
      if (pfn === 0) pfn = takeFromOtherTypes(s, zone, order, type, allocFlags);
      if (pfn === 0) break;
      const last = w[ends + 1];
      block[pfn] |= BLOCK_PCP;
      next[pfn] = 0;
      prev[pfn] = last;
      if (last === 0) w[ends] = pfn;
      else next[last] = pfn;
      w[ends + 1] = pfn;
      got++;
    }
    if (got > 0) {
      w[p + P_COUNT] += got << order;
      addFreePages(zone, -(got << order));
    }
  }

  /** Decides how many pages leave after a free, and lets them go (buddy spec 6.4, steps 3 to 5). */
  function giveBack(zone: number, order: number, p: number, index: number): void {
    const batch = w[p + P_BATCH];
    const factor = w[p + P_FREE_FACTOR];
    // A burst of frees that reaches higher orders: its pages are worth more merged than warm.
    const freeHigh = factor !== 0 && order >= 1 && order <= COSTLY_ORDER;
    let high = w[p + P_HIGH];
    if (freeHigh) high = 0;
    else if ((w[(zone << ZONE_SHIFT) + Z_FLAGS] & ZONE_RECLAIM_ACTIVE) !== 0) high = Math.min(batch << 2, high);
    const count = w[p + P_COUNT];
    if (count < high) return;
    let pages = 1;
    if (freeHigh) {
      pages = count;
    } else if (high >= batch) {
      const portion = batch << factor;
      if (portion < high - batch && factor < BATCH_SCALE_MAX) w[p + P_FREE_FACTOR] = factor + 1;
      pages = Math.min(Math.max(portion, batch), high - batch);
    }
    spill(cpus.cpu, zone, pages, index);
  }

  /** Moves pages from a set's tails to the free areas, list after list from `index` on. */
  function spill(cpu: number, zone: number, pages: number, index: number): void {
    const p = pcpWords(s, cpu, zone);
    const isolated = w[(zone << ZONE_SHIFT) + Z_NR_ISOLATED] !== 0;
    let left = Math.min(pages, w[p + P_COUNT]);
    let i = index;
    while (left > 0) {
      const ends = p + P_ENDS + (i << 1);
      const order = pcpOrder(s, i);
      let pfn = w[ends + 1];
      while (pfn !== 0 && left > 0) {
        const before = prev[pfn];
        w[ends + 1] = before;
        if (before === 0) w[ends] = 0;
        else next[before] = 0;
        w[p + P_COUNT] -= 1 << order;
        left -= 1 << order;
        const type = isolated ? pageblockType(s, zone, pfn) : (block[pfn] & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT;
        freeBlock(zone, pfn, order, type, false);
        if (s.trace !== null) s.trace.mmPagePcpuDrain(pfn, order, type);
        pfn = before;
      }
      i = i + 1 === PCP_NR_LISTS ? 0 : i + 1;
    }
  }

  return { take, takeFrom, put, drain, drainAll };
}

/**
 * Tells the order of the blocks on a list.
 *
 * @param s - the state.
 * @param index - index of the list.
 * @returns order.
 */
export function pcpOrder(s: BuddyState, index: number): number {
  return index < PCP_HUGE_INDEX ? Math.floor(index / MIGRATE_PCPTYPES) : s.pageblockOrder;
}
