/**
 * Boot: from a description of memory to populated free lists (buddy spec 12).
 *
 * All frames start reserved. Free ranges are released in blocks as large as their alignment allows, ascending, to
 * the tails, so that every list holds ascending frames. HighMem comes first and page by page, which leaves
 * its largest blocks in descending order.
 */
import {
  BLOCK_ZONE_SHIFT,
  MIGRATE_MOVABLE,
  MIGRATE_UNMOVABLE,
  PB_ABSENT,
  PG_reserved,
  type PfnRange,
  type ZoneSpec,
} from '@kmem/contracts';
import type { Freeing } from './free.js';
import { fillGfpZone } from './gfp.js';
import { addPageblock, pageblockType } from './pageblock.js';
import {
  P_BATCH,
  pcpWords,
  Z_INDEX,
  Z_MANAGED,
  Z_NODE,
  Z_PRESENT,
  Z_SPANNED,
  Z_START,
  zoneWords,
  type BuddyState,
} from './state.js';
import { isTooSmallForGrouping, setZoneLimits, type ZoneTunables } from './zone-limits.js';
import { buildZonelists } from './zonelist.js';

/**
 * Populates an empty state.
 *
 * @param s - a fresh state over a frame table that is all zeroes.
 * @param zones - all zones, node by node, in index order.
 * @param free - frames to hand to the allocator, ascending and disjoint; the rest stays reserved.
 * @param tunables - the machine's tunables.
 */
export function boot(s: BuddyState, zones: readonly ZoneSpec[], free: readonly PfnRange[], tunables: ZoneTunables): void {
  s.pageblocks.fill(PB_ABSENT);
  zones.forEach((spec, zone) => {
    describeZone(s, zone, spec);
    reserve(s, zone, spec, free);
  });
  for (const highmem of [true, false]) {
    zones.forEach((spec, zone) => {
      if ((spec.kind === 'HighMem') !== highmem) return;
      for (const range of free) releaseRange(s, zone, spec, range, highmem);
    });
  }
  finishBoot(s);
  setZoneLimits(s, tunables);
}

/**
 * Hands out frames that were in use during boot, through the ordinary way of freeing a page.
 *
 * @param s - the state after {@link boot}.
 * @param freeing - its ways to give pages back.
 * @param late - frames, in the order in which they are released.
 * @throws RangeError when a frame is not reserved.
 */
export function releaseLate(s: BuddyState, freeing: Freeing, late: readonly PfnRange[]): void {
  for (const { start, end } of late) {
    for (let pfn = start; pfn < end; pfn++) {
      if (s.flags[pfn] !== 1 << PG_reserved) throw new RangeError(`late has frame ${String(pfn)}, expected only frames that are present and not free`);
      s.flags[pfn] = 0;
      s.words[zoneWords(s.block[pfn] >>> BLOCK_ZONE_SHIFT) + Z_MANAGED]++;
      freeing.freePages(pfn, 0);
    }
  }
}

/**
 * Derives what follows from the zones alone. The last step of every way to populate a state.
 *
 * @param s - the state, its zones populated.
 */
export function finishBoot(s: BuddyState): void {
  // Frame 0 stands for "none" in lists. Without a reference nobody can give it back either.
  s.refcount[0] = 0;
  fillGfpZone(s.kinds, s.gfpZone);
  buildZonelists(s);
  s.groupingDisabled = isTooSmallForGrouping(s);
}

/** Writes down a zone's extent and the types of its pageblocks. */
function describeZone(s: BuddyState, zone: number, spec: ZoneSpec): void {
  const z = zoneWords(zone);
  let present = 0;
  for (const range of spec.present) present += range.end - range.start;
  s.words[z + Z_INDEX] = zone % s.kinds.length;
  s.words[z + Z_NODE] = spec.node;
  s.words[z + Z_START] = spec.startPfn;
  s.words[z + Z_SPANNED] = spec.spannedPages;
  s.words[z + Z_PRESENT] = present;
  for (let cpu = 0; cpu < s.nrCpus; cpu++) s.words[pcpWords(s, cpu, zone) + P_BATCH] = 1;
  for (const range of spec.present) addPageblocks(s, zone, spec.startPfn, range);
}

/** Pageblocks start movable, except where memory begins in the middle of one: nobody sets its type, so it is 0. */
function addPageblocks(s: BuddyState, zone: number, zoneStart: number, { start, end }: PfnRange): void {
  const first = start >> s.pageblockOrder;
  const inside = first << s.pageblockOrder < start;
  const isNew = start === zoneStart || (s.pageblocks[first] & PB_ABSENT) !== 0;
  if (inside && isNew) addPageblock(s, zone, first, MIGRATE_UNMOVABLE, MIGRATE_UNMOVABLE);
  for (let at = inside ? first + 1 : first; at << s.pageblockOrder < end; at++) {
    addPageblock(s, zone, at, MIGRATE_MOVABLE, MIGRATE_UNMOVABLE);
  }
}

/** Marks the frames of a zone that are present but not free. */
function reserve(s: BuddyState, zone: number, spec: ZoneSpec, free: readonly PfnRange[]): void {
  const mark = (start: number, end: number): void => {
    s.flags.fill(1 << PG_reserved, start, end);
    s.refcount.fill(1, start, end);
    s.block.fill(zone << BLOCK_ZONE_SHIFT, start, end);
  };
  for (const present of spec.present) {
    let at = present.start;
    for (const range of free) {
      if (range.end <= at || range.start >= present.end) continue;
      if (range.start > at) mark(at, range.start);
      at = Math.min(range.end, present.end);
    }
    if (at < present.end) mark(at, present.end);
  }
}

/** Releases the part of a free range that lies in a zone. */
function releaseRange(s: BuddyState, zone: number, spec: ZoneSpec, range: PfnRange, pageByPage: boolean): void {
  for (const present of spec.present) {
    // Frame 0 stands for "none" in lists and is never handed out.
    let at = Math.max(range.start, present.start, 1);
    const end = Math.min(range.end, present.end);
    while (at < end) {
      const aligned = Math.min(s.maxOrder - 1, 31 - Math.clz32(at & -at));
      const order = pageByPage ? 0 : Math.min(aligned, 31 - Math.clz32(end - at));
      const type = pageblockType(s, zone, at);
      s.words[zoneWords(zone) + Z_MANAGED] += 1 << order;
      s.areas.freeBlock(zone, at, order, type, !pageByPage);
      at += 1 << order;
    }
  }
}
