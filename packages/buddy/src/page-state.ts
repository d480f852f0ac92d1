/**
 * Loading and exporting the full state in the form in which real kernels are recorded (contract PageState).
 */
import {
  BLOCK_PCP,
  BLOCK_TYPE_MASK,
  BLOCK_TYPE_SHIFT,
  BLOCK_ZONE_SHIFT,
  MIGRATE_PCPTYPES,
  MIGRATE_UNMOVABLE,
  PB_ABSENT,
  PB_TYPE_MASK,
  PG_lru,
  type PageState,
  type PcpState,
  type ZoneState,
} from '@kmem/contracts';
import { assertValid } from './assert-valid.js';
import { finishBoot } from './boot.js';
import { addPageblock } from './pageblock.js';
import { pcpOrder } from './per-cpu-lists.js';
import { updateFastMarks } from './watermark.js';
import {
  freeListEnds,
  P_BATCH,
  P_COUNT,
  P_DIFF,
  P_FREE_FACTOR,
  P_HIGH,
  PCP_HUGE_INDEX,
  PCP_NR_LISTS,
  pcpListEnds,
  pcpWords,
  Z_BOOST,
  Z_DRIFT_MARK,
  Z_FLAGS,
  Z_HIGH,
  Z_HIGHATOMIC,
  Z_INDEX,
  Z_LOW,
  Z_MANAGED,
  Z_NR_FREE,
  Z_PRESENT,
  Z_PROMO,
  Z_RESERVE,
  Z_SPANNED,
  Z_START,
  Z_STAT_THRESHOLD,
  Z_WMARK,
  zoneWords,
  type BuddyState,
} from './state.js';

/** How a recording writes the type of a pageblock without memory. */
const ABSENT_TYPE = 255;

/** Zone words that are copied as they are, with their names in the recording. */
const ZONE_FIELDS = [
  ['index', Z_INDEX],
  ['start_pfn', Z_START],
  ['spanned', Z_SPANNED],
  ['present', Z_PRESENT],
  ['managed', Z_MANAGED],
  ['min', Z_WMARK],
  ['low', Z_LOW],
  ['high', Z_HIGH],
  ['promo', Z_PROMO],
  ['watermark_boost', Z_BOOST],
  ['nr_reserved_highatomic', Z_HIGHATOMIC],
  ['flags', Z_FLAGS],
  ['nr_free_pages', Z_NR_FREE],
  ['stat_threshold', Z_STAT_THRESHOLD],
  ['percpu_drift_mark', Z_DRIFT_MARK],
] as const;

/** Words of a per-CPU set that are copied as they are. */
const PCP_FIELDS = [
  ['count', P_COUNT],
  ['high', P_HIGH],
  ['batch', P_BATCH],
  ['free_factor', P_FREE_FACTOR],
] as const;

/**
 * Fills an empty state. Frames that are present and on no list become single pages in use.
 *
 * @param s - a fresh state with one zone kind for each zone of the source, over a frame table that is all zeroes.
 * @param source - the state to load.
 * @throws RangeError when a block is on two lists or outside its zone's memory.
 * @throws KernelBug `CORRUPT_STATE` when its counters contradict its lists.
 */
export function loadPageState(s: BuddyState, source: PageState): void {
  s.pageblocks.fill(PB_ABSENT);
  source.zones.forEach((from, zone) => {
    const z = zoneWords(zone);
    for (const [name, word] of ZONE_FIELDS) s.words[z + word] = from[name];
    from.lowmem_reserve.forEach((pages, j) => {
      s.words[z + Z_RESERVE + j] = pages;
    });
    const p = pcpWords(s, 0, zone);
    for (const [name, word] of PCP_FIELDS) s.words[p + word] = from.pcp[name];
    s.words[p + P_DIFF] = from.nr_free_pages_cpu_diff;
    for (let cpu = 1; cpu < s.nrCpus; cpu++) {
      s.words[pcpWords(s, cpu, zone) + P_HIGH] = from.pcp.high;
      s.words[pcpWords(s, cpu, zone) + P_BATCH] = from.pcp.batch;
    }
    updateFastMarks(s, zone);
    loadPageblocks(s, zone, from);
    loadFreeLists(s, zone, from);
    loadPcpLists(s, zone, from.pcp);
    for (const [pfn, pages] of from.lru_or_movable_ranges ?? []) {
      for (let at = pfn; at < pfn + pages; at++) s.flags[at] |= 1 << PG_lru;
    }
  });
  finishBoot(s);
  assertValid(s);
}

/**
 * Writes the state down.
 *
 * @param s - the state.
 * @param nrReserves - how many lowmem-reserve values a zone has.
 * @param cpu - the CPU whose lists are written.
 * @returns a copy that shares nothing with the state.
 */
export function exportPageState(s: BuddyState, nrReserves: number, cpu: number): PageState {
  const zones: ZoneState[] = [];
  for (let zone = 0; zone < s.nrZones; zone++) zones.push(exportZone(s, zone, nrReserves, cpu));
  return { zones };
}

function loadPageblocks(s: BuddyState, zone: number, from: ZoneState): void {
  if (from.pageblocks === undefined) return;
  const { first_pfn, types } = from.pageblocks;
  const start = from.start_pfn;
  const end = start + from.spanned;
  types.forEach((type, i) => {
    const at = (first_pfn >> s.pageblockOrder) + i;
    if (type === ABSENT_TYPE) return;
    // A recording names the lower zone's type for a shared pageblock; the upper zone's part is as boot left it.
    addPageblock(s, zone, at, type, MIGRATE_UNMOVABLE);
    const first = Math.max(at << s.pageblockOrder, start);
    const last = Math.min((at + 1) << s.pageblockOrder, end);
    s.refcount.fill(1, first, last);
    s.block.fill(zone << BLOCK_ZONE_SHIFT, first, last);
  });
}

function loadFreeLists(s: BuddyState, zone: number, from: ZoneState): void {
  for (const [order, types] of Object.entries(from.free)) {
    for (const [type, pfns] of Object.entries(types)) {
      for (const pfn of pfns) {
        takeOver(s, zone, pfn, Number(order));
        s.areas.addFreeBlock(zone, pfn, Number(order), Number(type), true);
      }
    }
  }
}

function loadPcpLists(s: BuddyState, zone: number, from: PcpState): void {
  for (const [key, list] of Object.entries(from.lists)) {
    const index = Number(key);
    const ends = pcpListEnds(s, 0, zone, index);
    const order = pcpOrder(s, index);
    list.pfns.forEach((pfn, i) => {
      const type = list.migratetypes?.[i] ?? pcpListType(s, index, pfn);
      const last = s.words[ends + 1];
      takeOver(s, zone, pfn, order);
      s.block[pfn] = (zone << BLOCK_ZONE_SHIFT) | BLOCK_PCP | (type << BLOCK_TYPE_SHIFT) | order;
      s.next[pfn] = 0;
      s.prev[pfn] = last;
      if (last === 0) s.words[ends] = pfn;
      else s.next[last] = pfn;
      s.words[ends + 1] = pfn;
    });
  }
}

/** Turns the frames of a block from in use to free. */
function takeOver(s: BuddyState, zone: number, pfn: number, order: number): void {
  for (let at = pfn; at < pfn + (1 << order); at++) {
    if (s.refcount[at] !== 1 || s.block[at] >>> BLOCK_ZONE_SHIFT !== zone) {
      const block = `block ${String(pfn)} of order ${String(order)} in zone ${s.kinds[zone % s.kinds.length]}`;
      throw new RangeError(`${block}: frame ${String(at)} is on another list or not in the zone's memory, expected it to be free once`);
    }
  }
  s.refcount.fill(0, pfn, pfn + (1 << order));
  s.block.fill(0, pfn, pfn + (1 << order));
}

function exportZone(s: BuddyState, zone: number, nrReserves: number, cpu: number): ZoneState {
  const z = zoneWords(zone);
  // The names are exactly the numeric fields of ZoneState; TypeScript cannot see that through fromEntries.
  const numbers = Object.fromEntries(ZONE_FIELDS.map(([name, word]) => [name, s.words[z + word]])) as Record<
    (typeof ZONE_FIELDS)[number][0],
    number
  >;
  return {
    zone: s.kinds[zone % s.kinds.length],
    ...numbers,
    nr_free_pages: numbers.nr_free_pages + otherParts(s, zone, cpu),
    nr_free_pages_cpu_diff: s.words[pcpWords(s, cpu, zone) + P_DIFF],
    lowmem_reserve: Array.from(s.words.subarray(z + Z_RESERVE, z + Z_RESERVE + nrReserves)),
    pcp: exportPcp(s, zone, cpu),
    free: exportFreeLists(s, zone),
    ...(numbers.spanned > 0 ? { pageblocks: exportPageblocks(s, numbers.start_pfn, numbers.spanned) } : {}),
  };
}

/** What the other CPUs have not folded in: it has no place of its own in the recorded form. */
function otherParts(s: BuddyState, zone: number, cpu: number): number {
  let pages = 0;
  for (let other = 0; other < s.nrCpus; other++) {
    if (other !== cpu) pages += s.words[pcpWords(s, other, zone) + P_DIFF];
  }
  return pages;
}

function exportPageblocks(s: BuddyState, start: number, spanned: number): NonNullable<ZoneState['pageblocks']> {
  const first = start >> s.pageblockOrder;
  const last = (start + spanned - 1) >> s.pageblockOrder;
  const types: number[] = [];
  for (let at = first; at <= last; at++) {
    const byte = s.pageblocks[at];
    types.push((byte & PB_ABSENT) !== 0 ? ABSENT_TYPE : byte & PB_TYPE_MASK);
  }
  return { first_pfn: first << s.pageblockOrder, pages_per_block: 1 << s.pageblockOrder, types };
}

function exportFreeLists(s: BuddyState, zone: number): Record<string, Record<string, number[]>> {
  const free: Record<string, Record<string, number[]>> = {};
  for (let order = 0; order < s.maxOrder; order++) {
    for (let type = 0; type < s.nrMigratetypes; type++) {
      const pfns = listFrames(s, freeListEnds(s, zone, order, type));
      if (pfns.length > 0) (free[order] ??= {})[type] = pfns;
    }
  }
  return free;
}

function exportPcp(s: BuddyState, zone: number, cpu: number): PcpState {
  const p = pcpWords(s, cpu, zone);
  const lists: Record<string, { pfns: number[]; migratetypes?: number[] }> = {};
  for (let index = 0; index < PCP_NR_LISTS; index++) {
    const pfns = listFrames(s, pcpListEnds(s, cpu, zone, index));
    if (pfns.length === 0) continue;
    const migratetypes = pfns.map((pfn) => (s.block[pfn] & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT);
    const own = index < PCP_HUGE_INDEX && migratetypes.every((type) => type === index % MIGRATE_PCPTYPES);
    lists[index] = own ? { pfns } : { pfns, migratetypes };
  }
  return {
    cpu,
    count: s.words[p + P_COUNT],
    high: s.words[p + P_HIGH],
    batch: s.words[p + P_BATCH],
    free_factor: s.words[p + P_FREE_FACTOR],
    lists,
  };
}

/** The type that a block on a per-CPU list has unless the recording says otherwise. */
function pcpListType(s: BuddyState, index: number, pfn: number): number {
  return index < PCP_HUGE_INDEX ? index % MIGRATE_PCPTYPES : s.pageblocks[pfn >> s.pageblockOrder] & PB_TYPE_MASK;
}

function listFrames(s: BuddyState, ends: number): number[] {
  const pfns: number[] = [];
  for (let pfn = s.words[ends]; pfn !== 0; pfn = s.next[pfn]) pfns.push(pfn);
  return pfns;
}
