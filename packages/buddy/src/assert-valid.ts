/**
 * assertValid: the invariants of state.ts, checked one by one.
 */
import {
  BLOCK_ORDER_MASK,
  BLOCK_PCP,
  BLOCK_TYPE_MASK,
  BLOCK_TYPE_SHIFT,
  BLOCK_ZONE_SHIFT,
  KernelBug,
  MIGRATE_ISOLATE,
  PAGE_TYPE_BUDDY,
} from '@kmem/contracts';
import { pcpOrder } from './per-cpu-lists.js';
import { fastMark } from './watermark.js';
import {
  freeListEnds,
  P_BATCH,
  P_COUNT,
  P_DIFF,
  PCP_NR_LISTS,
  pcpListEnds,
  pcpWords,
  Z_FAST_MARK,
  Z_MANAGED,
  Z_NONEMPTY,
  Z_NR_BLOCKS,
  Z_NR_FREE,
  Z_SPANNED,
  Z_START,
  zoneWords,
  type BuddyState,
} from './state.js';

/** In the map of frames seen on lists: first frame of a block. */
const HEAD = 2;
/** In the map of frames seen on lists: any other frame of a block. */
const INSIDE = 1;

/**
 * Checks every invariant. Time and memory grow with the number of frames on lists.
 *
 * @param s - the state.
 * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
 */
export function assertValid(s: BuddyState): void {
  const covered = new Uint8Array(s.frames.nrFrames);
  for (let zone = 0; zone < s.nrZones; zone++) {
    for (let highest = 0; highest < s.kinds.length; highest++) {
      const found = s.words[zoneWords(zone) + Z_FAST_MARK + highest];
      equal('FAST_MARK = LOW + BOOST + HIGHATOMIC + RESERVE', found, fastMark(s, zone, highest), { zone, highest });
    }
    const free = checkFreeLists(s, zone, covered);
    const waiting = checkPcpLists(s, zone, covered);
    const z = zoneWords(zone);
    let counted = s.words[z + Z_NR_FREE];
    for (let cpu = 0; cpu < s.nrCpus; cpu++) counted += s.words[pcpWords(s, cpu, zone) + P_DIFF];
    equal('NR_FREE + sum of DIFF = pages on the free lists', counted, free, { zone });
    if (free + waiting > s.words[z + Z_MANAGED]) {
      fail('free + per-CPU pages <= MANAGED', free + waiting, s.words[z + Z_MANAGED], { zone });
    }
  }
  equal('frame 0 has no reference', s.refcount[0], 0, {});
  checkMarks(s, covered);
}

/** Walks a zone's free lists; returns the pages that count as free. */
function checkFreeLists(s: BuddyState, zone: number, covered: Uint8Array): number {
  const z = zoneWords(zone);
  let pages = 0;
  for (let order = 0; order < s.maxOrder; order++) {
    let blocks = 0;
    for (let type = 0; type < s.nrMigratetypes; type++) {
      const ends = freeListEnds(s, zone, order, type);
      const identity = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY | (type << BLOCK_TYPE_SHIFT) | order;
      const length = walk(s, ends, zone, order, covered, (pfn) => {
        equal('block word = zone, BUDDY, type, order', s.block[pfn], identity, { zone, pfn });
        checkBuddy(s, zone, pfn, order);
      });
      const bit = (s.words[z + Z_NONEMPTY + type] >> order) & 1;
      equal('bit of NONEMPTY = list is not empty', bit, length > 0 ? 1 : 0, { zone, order, type });
      blocks += length;
      // Isolated pages are on lists but not counted: nobody may have them.
      if (type !== MIGRATE_ISOLATE) pages += length * 2 ** order;
    }
    equal('NR_BLOCKS = sum of list lengths', s.words[z + Z_NR_BLOCKS + order], blocks, { zone, order });
  }
  return pages;
}

/** Walks a zone's per-CPU lists; returns the pages on them. */
function checkPcpLists(s: BuddyState, zone: number, covered: Uint8Array): number {
  let pages = 0;
  for (let cpu = 0; cpu < s.nrCpus; cpu++) {
    let count = 0;
    for (let index = 0; index < PCP_NR_LISTS; index++) {
      const order = pcpOrder(s, index);
      const identity = (zone << BLOCK_ZONE_SHIFT) | BLOCK_PCP | order;
      const length = walk(s, pcpListEnds(s, cpu, zone, index), zone, order, covered, (pfn) => {
        equal('block word = zone, PCP, order', s.block[pfn] & ~BLOCK_TYPE_MASK, identity, { zone, cpu, pfn });
      });
      count += length * 2 ** order;
    }
    if (s.words[pcpWords(s, cpu, zone) + P_BATCH] < 1) fail('BATCH >= 1', s.words[pcpWords(s, cpu, zone) + P_BATCH], 1, { zone, cpu });
    equal('COUNT = pages on the per-CPU lists', s.words[pcpWords(s, cpu, zone) + P_COUNT], count, { zone, cpu });
    pages += count;
  }
  return pages;
}

/** Walks one list both ways and marks the frames it covers; returns its length. */
function walk(
  s: BuddyState,
  ends: number,
  zone: number,
  order: number,
  covered: Uint8Array,
  check: (pfn: number) => void,
): number {
  const start = s.words[zoneWords(zone) + Z_START];
  const end = start + s.words[zoneWords(zone) + Z_SPANNED];
  let length = 0;
  let previous = 0;
  for (let pfn = s.words[ends]; pfn !== 0; pfn = s.next[pfn]) {
    const fields = { zone, order, pfn };
    if (pfn < start || pfn + (1 << order) > end) fail('a block lies inside its zone', pfn, start, fields);
    equal('pfn % 2 ** order = 0', pfn % 2 ** order, 0, fields);
    equal('prev(next(block)) = block', s.prev[pfn], previous, fields);
    for (let at = pfn; at < pfn + (1 << order); at++) {
      // Also ends a walk around a cycle.
      if ((covered[at] | s.refcount[at] | s.flags[at]) !== 0) failFrame(s, at, covered, fields);
      covered[at] = INSIDE;
    }
    covered[pfn] = HEAD;
    check(pfn);
    previous = pfn;
    length++;
  }
  equal('the tail word is the last block', s.words[ends + 1], previous, { zone, order });
  return length;
}

function failFrame(s: BuddyState, at: number, covered: Uint8Array, fields: Record<string, number>): never {
  if (covered[at] !== 0) fail('no frame is in two blocks', covered[at], 0, { ...fields, at });
  if (s.refcount[at] !== 0) fail('a free frame has no references', s.refcount[at], 0, { ...fields, at });
  fail('a free frame has no flags', s.flags[at], 0, { ...fields, at });
}

/** Below the pageblock order two free buddies never stand side by side. */
function checkBuddy(s: BuddyState, zone: number, pfn: number, order: number): void {
  if (order >= Math.min(s.pageblockOrder, s.maxOrder - 1)) return;
  const buddy = pfn ^ (1 << order);
  const free = (zone << BLOCK_ZONE_SHIFT) | PAGE_TYPE_BUDDY | order;
  if ((s.block[buddy] & ~BLOCK_TYPE_MASK) === free) fail('free buddies are merged', pfn, buddy, { zone, order });
}

/** No frame but the first of a block on a list may be marked as free. */
function checkMarks(s: BuddyState, covered: Uint8Array): void {
  for (let pfn = 0; pfn < s.frames.nrFrames; pfn++) {
    if ((s.block[pfn] & (PAGE_TYPE_BUDDY | BLOCK_PCP)) !== 0 && covered[pfn] !== HEAD) {
      fail('a frame marked free is the first of a block on a list', pfn, s.block[pfn] & BLOCK_ORDER_MASK, { pfn });
    }
  }
}

function equal(equation: string, found: number, expected: number, fields: Record<string, number>): void {
  if (found !== expected) fail(equation, found, expected, fields);
}

function fail(equation: string, found: number, expected: number, fields: Record<string, number>): never {
  const where = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
  const what = `${equation}: found ${String(found)}, expected ${String(expected)} (${where.join(', ')})`;
  throw new KernelBug('CORRUPT_STATE', what, { equation, found, expected, ...fields });
}
