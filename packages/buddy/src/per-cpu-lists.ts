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
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
} from '@kmem/contracts';
import { freeBlock } from './free-area.js';
import { takeWithFallback } from './fallback.js';
import { pageblockType } from './pageblock.js';
import {
  addFreePages,
  COSTLY_ORDER,
  P_BATCH,
  P_COUNT,
  P_FREE_FACTOR,
  P_HIGH,
  PCP_HUGE_INDEX,
  PCP_LISTS_SHIFT,
  PCP_NR_LISTS,
  PCP_SHIFT,
  Z_FLAGS,
  Z_NR_ISOLATED,
  ZONE_RECLAIM_ACTIVE,
  ZONE_SHIFT,
  type BuddyState,
} from './state.js';

/** A portion given back may grow to `batch << 5`. */
const BATCH_SCALE_MAX = 5;

/**
 * Takes a block from the current CPU's lists and refills them when they are empty.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - an order that has per-CPU lists.
 * @param type - migratetype, 0 to 2.
 * @param allocFlags - for the refill.
 * @param bulk - true in a bulk request: one call of many, which does not count as the end of a burst of frees.
 * @returns first frame, or 0.
 */
export function takeFromPcp(s: BuddyState, zone: number, order: number, type: number, allocFlags: number, bulk: boolean): number {
  const w = s.words;
  const set = s.cpus.cpu * s.nrZones + zone;
  const p = s.layout.pcp + (set << PCP_SHIFT);
  const ends = s.layout.pcpEnds + (((set << PCP_LISTS_SHIFT) + pcpIndex(order, type)) << 1);
  if (!bulk) w[p + P_FREE_FACTOR] >>= 1;
  let pfn = w[ends];
  if (pfn === 0) {
    refill(s, zone, order, type, allocFlags, p, ends);
    pfn = w[ends];
    if (pfn === 0) return 0;
  }
  const next = s.next[pfn];
  w[ends] = next;
  if (next === 0) w[ends + 1] = 0;
  else s.prev[next] = 0;
  w[p + P_COUNT] -= 1 << order;
  s.block[pfn] &= ~BLOCK_PCP;
  return pfn;
}

/**
 * Puts a block on the current CPU's lists, and gives pages back when there are too many.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param pfn - first frame.
 * @param order - an order that has per-CPU lists.
 * @param type - type of its pageblock. The block remembers it, even if the pageblock changes meanwhile.
 */
export function putOnPcp(s: BuddyState, zone: number, pfn: number, order: number, type: number): void {
  const w = s.words;
  let listType = type;
  if (type >= MIGRATE_PCPTYPES) {
    if (type === MIGRATE_ISOLATE) {
      freeBlock(s, zone, pfn, order, type, false);
      return;
    }
    listType = MIGRATE_MOVABLE;
  }
  const set = s.cpus.cpu * s.nrZones + zone;
  const p = s.layout.pcp + (set << PCP_SHIFT);
  const index = pcpIndex(order, listType);
  const ends = s.layout.pcpEnds + (((set << PCP_LISTS_SHIFT) + index) << 1);
  const head = w[ends];
  s.block[pfn] = (zone << BLOCK_ZONE_SHIFT) | BLOCK_PCP | (type << BLOCK_TYPE_SHIFT) | order;
  s.next[pfn] = head;
  s.prev[pfn] = 0;
  w[ends] = pfn;
  if (head === 0) w[ends + 1] = pfn;
  else s.prev[head] = pfn;
  const count = (w[p + P_COUNT] += 1 << order);
  if (
    count >= w[p + P_HIGH] ||
    (order !== 0 && w[p + P_FREE_FACTOR] !== 0) ||
    (w[(zone << ZONE_SHIFT) + Z_FLAGS] & ZONE_RECLAIM_ACTIVE) !== 0
  ) {
    giveBack(s, zone, order, p, index);
  }
}

/**
 * Gives every page of one CPU's lists in a zone back, in portions.
 *
 * @param s - the state.
 * @param cpu - CPU.
 * @param zone - zone id.
 */
export function drainPcp(s: BuddyState, cpu: number, zone: number): void {
  const p = s.layout.pcp + ((cpu * s.nrZones + zone) << PCP_SHIFT);
  for (let count = s.words[p + P_COUNT]; count > 0; count = s.words[p + P_COUNT]) {
    spill(s, cpu, zone, Math.min(count, s.words[p + P_BATCH] << BATCH_SCALE_MAX), 0);
  }
}

/**
 * Gives every page of every CPU's lists back.
 *
 * @param s - the state.
 */
export function drainAllPcps(s: BuddyState): void {
  for (let cpu = 0; cpu < s.nrCpus; cpu++) {
    for (let zone = 0; zone < s.nrZones; zone++) drainPcp(s, cpu, zone);
  }
}

/**
 * Numbers the lists of a set.
 *
 * @param order - 0 to 3, or the pageblock order.
 * @param type - 0 to 2.
 * @returns index, 0 to 13.
 */
export function pcpIndex(order: number, type: number): number {
  if (order <= COSTLY_ORDER) return order * MIGRATE_PCPTYPES + type;
  return type === MIGRATE_MOVABLE ? PCP_HUGE_INDEX + 1 : PCP_HUGE_INDEX;
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

/** Takes a batch of blocks from the free areas and appends them in the order in which they come. */
function refill(s: BuddyState, zone: number, order: number, type: number, allocFlags: number, p: number, ends: number): void {
  const w = s.words;
  const batch = w[p + P_BATCH];
  const wanted = batch > 1 ? Math.max(batch >> order, 2) : batch;
  let got = 0;
  while (got < wanted) {
    const pfn = takeWithFallback(s, zone, order, type, allocFlags);
    if (pfn === 0) break;
    const last = w[ends + 1];
    s.block[pfn] |= BLOCK_PCP;
    s.next[pfn] = 0;
    s.prev[pfn] = last;
    if (last === 0) w[ends] = pfn;
    else s.next[last] = pfn;
    w[ends + 1] = pfn;
    got++;
  }
  if (got > 0) {
    w[p + P_COUNT] += got << order;
    addFreePages(s, zone, -(got << order));
  }
}

/** Decides how many pages leave after a free, and lets them go (buddy spec 6.4, steps 3 to 5). */
function giveBack(s: BuddyState, zone: number, order: number, p: number, index: number): void {
  const w = s.words;
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
  spill(s, s.cpus.cpu, zone, pages, index);
}

/** Moves pages from a set's tails to the free areas, list after list from `index` on. */
function spill(s: BuddyState, cpu: number, zone: number, pages: number, index: number): void {
  const w = s.words;
  const set = cpu * s.nrZones + zone;
  const p = s.layout.pcp + (set << PCP_SHIFT);
  const isolated = w[(zone << ZONE_SHIFT) + Z_NR_ISOLATED] !== 0;
  let left = Math.min(pages, w[p + P_COUNT]);
  let i = index;
  while (left > 0) {
    const ends = s.layout.pcpEnds + (((set << PCP_LISTS_SHIFT) + i) << 1);
    const order = pcpOrder(s, i);
    let pfn = w[ends + 1];
    while (pfn !== 0 && left > 0) {
      const prev = s.prev[pfn];
      w[ends + 1] = prev;
      if (prev === 0) w[ends] = 0;
      else s.next[prev] = 0;
      w[p + P_COUNT] -= 1 << order;
      left -= 1 << order;
      const type = isolated
        ? pageblockType(s, zone, pfn)
        : (s.block[pfn] & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT;
      freeBlock(s, zone, pfn, order, type, false);
      if (s.trace !== null) s.trace.mmPagePcpuDrain(pfn, order, type);
      pfn = prev;
    }
    i = i + 1 === PCP_NR_LISTS ? 0 : i + 1;
  }
}
