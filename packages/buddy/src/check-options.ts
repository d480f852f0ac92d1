/**
 * What a BuddyAllocator's options must be, checked before anything is written.
 *
 * Zones of all nodes are listed in ascending order of their frames and do not overlap, spans included: where two zones
 * share a pageblock, it is the end of one and the beginning of the next.
 */
import { MIGRATETYPE_NAMES, type PageState, type PfnRange, type ZoneKind, type ZoneSpec, type ZoneState } from '@kmem/contracts';
import { DEFAULT_MAX_ORDER, SINGLE_CPU, type BuddyOptions } from './options.js';
import { ORDERS_LIMIT, PCP_NR_LISTS } from './state.js';
import type { ZoneTunables } from './zone-limits.js';

/** In the order of their indices. */
const ZONE_KINDS: readonly ZoneKind[] = ['DMA', 'DMA32', 'Normal', 'HighMem', 'Movable', 'Device'];
/** The zone id has eight bits in a `block` word. */
const MAX_ZONES = 256;
const MAX_CPUS = 8192;
const MAX_FRAMES = 2 ** 30;
/** Words for the reserves of a zone. */
const MAX_RESERVES = 8;
/** Smallest fraction that percpu_pagelist_high_fraction may be (buddy spec 6.2). */
const MIN_HIGH_FRACTION = 8;
/** How a recording writes the type of a pageblock without memory. */
const ABSENT_TYPE = 255;

/**
 * Checks the options that concern no zone.
 *
 * @param options - the options.
 * @throws RangeError naming the option, what was found and what was expected.
 */
export function checkOptions(options: BuddyOptions): void {
  const { frames, cpus = SINGLE_CPU, maxOrder = DEFAULT_MAX_ORDER, state } = options;
  inRange('maxOrder', maxOrder, 1, ORDERS_LIMIT);
  inRange('frames.nrFrames', frames.nrFrames, 2, MAX_FRAMES);
  inRange('frames.pageblockOrder', frames.pageblockOrder, 0, maxOrder - 1);
  if (frames.nrFrames % 2 ** (maxOrder - 1) !== 0) refuse('frames.nrFrames', frames.nrFrames, 'a multiple of the largest block');
  const used = frames.pageblocks.findIndex((byte) => byte !== 0);
  if (used >= 0) refuse('frames', `a table with memory in pageblock ${String(used)}`, 'a table that is all zeroes');
  inRange('nrMigratetypes', options.nrMigratetypes ?? MIGRATETYPE_NAMES.length, 4, MIGRATETYPE_NAMES.length);
  inRange('cpus.nrCpus', cpus.nrCpus, 1, MAX_CPUS);
  inRange('cpus.cpu', cpus.cpu, 0, cpus.nrCpus - 1);
  if (options.tunables !== undefined) checkTunables(options.tunables);
  if (state !== undefined && (options.zones ?? options.free ?? options.late ?? options.tunables) !== undefined) {
    throw new RangeError('options zones, free, late and tunables cannot be combined with state');
  }
}

/**
 * Checks zones and the frames that are free in them.
 *
 * @param options - options that passed {@link checkOptions}.
 * @param zones - zones of all nodes.
 * @param free - frames to hand out.
 * @throws RangeError naming the zone, what was found and what was expected.
 */
export function checkZones(options: BuddyOptions, zones: readonly ZoneSpec[], free: readonly PfnRange[]): void {
  const { nrFrames } = options.frames;
  const kinds = zones.filter((zone) => zone.node === 0).map((zone) => zone.kind);
  checkKinds(kinds);
  inRange('number of zones', zones.length, 1, MAX_ZONES);
  if (zones.length % kinds.length !== 0) refuse('number of zones', zones.length, `a multiple of the ${String(kinds.length)} zones of node 0`);
  let last = 0;
  zones.forEach((zone, i) => {
    const name = `zones[${String(i)}]`;
    inRange(`${name}.node`, zone.node, Math.floor(i / kinds.length), Math.floor(i / kinds.length));
    if (zone.kind !== kinds[i % kinds.length]) refuse(`${name}.kind`, zone.kind, `${kinds[i % kinds.length]}, as on node 0`);
    last = checkSpan(name, zone.startPfn, zone.spannedPages, last, nrFrames);
    checkRanges(`${name}.present`, zone.present, zone.startPfn, zone.startPfn + zone.spannedPages);
  });
  checkRanges('free', free, 0, nrFrames);
  (options.late ?? []).forEach((range, i) => {
    checkRanges(`late[${String(i)}]`, [range], 0, nrFrames);
  });
  checkCpuNodes(options, zones.length / kinds.length);
  checkMemory(options, [...free, ...(options.late ?? [])].reduce((last, { end }) => Math.max(last, end), 0));
}

/**
 * Checks the numbers of a state. Whether they agree with each other is found out while it is loaded.
 *
 * @param options - options that passed {@link checkOptions}.
 * @param state - the state to go on from.
 * @throws RangeError naming the zone and field, what was found and what was expected.
 */
export function checkState(options: BuddyOptions, state: PageState): void {
  // Whatever it is called, checkKinds refuses a name that is no kind.
  checkKinds(state.zones.map((zone) => zone.zone as ZoneKind));
  let last = 0;
  for (const [i, zone] of state.zones.entries()) {
    const name = `state.zones[${String(i)}]`;
    inRange(`${name}.index`, zone.index, i, i);
    last = checkSpan(name, zone.start_pfn, zone.spanned, last, options.frames.nrFrames);
    for (const field of ['present', 'managed'] as const) inRange(`${name}.${field}`, zone[field], 0, zone.spanned);
    for (const field of ['min', 'low', 'high', 'promo', 'watermark_boost', 'nr_reserved_highatomic', 'stat_threshold', 'percpu_drift_mark'] as const) {
      inRange(`${name}.${field}`, zone[field], 0, MAX_FRAMES);
    }
    for (const field of ['nr_free_pages', 'nr_free_pages_cpu_diff'] as const) inRange(`${name}.${field}`, zone[field], -MAX_FRAMES, MAX_FRAMES);
    inRange(`${name}.flags`, zone.flags, 0, 3);
    inRange(`${name}.lowmem_reserve.length`, zone.lowmem_reserve.length, 0, MAX_RESERVES);
    for (const pages of zone.lowmem_reserve) inRange(`${name}.lowmem_reserve`, pages, 0, MAX_FRAMES);
    checkRanges(
      `${name}.lru_or_movable_ranges`,
      (zone.lru_or_movable_ranges ?? []).map(([start, pages]) => ({ start, end: start + pages })),
      zone.start_pfn,
      zone.start_pfn + zone.spanned,
    );
    checkLists(options, name, zone);
    checkPageblocks(options, name, zone);
  }
  checkMemory(options, last);
}

function checkCpuNodes({ cpus = SINGLE_CPU, cpuNodes }: BuddyOptions, nrNodes: number): void {
  if (cpuNodes === undefined) return;
  inRange('cpuNodes.length', cpuNodes.length, cpus.nrCpus, cpus.nrCpus);
  for (const node of cpuNodes) inRange('cpuNodes', node, 0, nrNodes - 1);
}

function checkLists(options: BuddyOptions, name: string, zone: ZoneState): void {
  const { maxOrder = DEFAULT_MAX_ORDER, nrMigratetypes = MIGRATETYPE_NAMES.length } = options;
  for (const [order, types] of Object.entries(zone.free)) {
    inRange(`${name}.free order`, Number(order), 0, maxOrder - 1);
    for (const type of Object.keys(types)) inRange(`${name}.free[${order}] type`, Number(type), 0, nrMigratetypes - 1);
  }
  const { batch, high, count, free_factor: freeFactor, lists } = zone.pcp;
  inRange(`${name}.pcp.batch`, batch, 1, MAX_FRAMES);
  inRange(`${name}.pcp.high`, high, 0, MAX_FRAMES);
  inRange(`${name}.pcp.count`, count, 0, MAX_FRAMES);
  inRange(`${name}.pcp.free_factor`, freeFactor, 0, 31);
  for (const [index, list] of Object.entries(lists)) {
    inRange(`${name}.pcp.lists index`, Number(index), 0, PCP_NR_LISTS - 1);
    for (const type of list.migratetypes ?? []) inRange(`${name}.pcp.lists[${index}].migratetypes`, type, 0, nrMigratetypes - 1);
  }
}

function checkPageblocks(options: BuddyOptions, name: string, zone: ZoneState): void {
  if (zone.pageblocks === undefined) return;
  const { first_pfn: first, pages_per_block: pages, types } = zone.pageblocks;
  const size = 2 ** options.frames.pageblockOrder;
  inRange(`${name}.pageblocks.pages_per_block`, pages, size, size);
  const expected = Math.floor(zone.start_pfn / size) * size;
  inRange(`${name}.pageblocks.first_pfn`, first, expected, expected);
  inRange(`${name}.pageblocks.types.length`, types.length, 0, Math.ceil((zone.start_pfn + zone.spanned - first) / size));
  for (const type of types) {
    if (type !== ABSENT_TYPE) inRange(`${name}.pageblocks.types`, type, 0, (options.nrMigratetypes ?? MIGRATETYPE_NAMES.length) - 1);
  }
}

function checkKinds(kinds: readonly ZoneKind[]): void {
  const indices = kinds.map((kind) => ZONE_KINDS.indexOf(kind));
  const ascends = indices.every((index, i) => index >= 0 && (i === 0 || index > indices[i - 1]));
  if (!ascends || !kinds.includes('Normal')) {
    refuse('kinds of the zones of a node', kinds.join(', '), `some of ${ZONE_KINDS.join(', ')}, in this order, Normal among them`);
  }
}

/** Checks a zone's span; returns where the next zone may start. */
function checkSpan(name: string, start: number, pages: number, from: number, to: number): number {
  inRange(`frames of ${name}`, pages, 0, to);
  if (pages === 0) return from;
  inRange(`start of ${name}`, start, from, to - 1);
  inRange(`end of ${name}`, start + pages, start, to);
  return start + pages;
}

function checkRanges(name: string, ranges: readonly PfnRange[], from: number, to: number): void {
  let at = from;
  ranges.forEach(({ start, end }, i) => {
    inRange(`${name}[${String(i)}].start`, start, at, to);
    inRange(`${name}[${String(i)}].end`, end, start, to);
    at = end;
  });
}

/** Pages that `__GFP_ZERO` clears must exist. */
function checkMemory({ memory, frames }: BuddyOptions, endPfn: number): void {
  const needed = endPfn * 2 ** frames.pageShift;
  if (memory !== undefined && memory.sizeBytes < needed) refuse('memory.sizeBytes', memory.sizeBytes, `at least ${String(needed)}, the end of the last free frame`);
}

/**
 * Checks tunables.
 *
 * @param tunables - those that are given.
 * @throws RangeError naming the tunable, what was found and what was expected.
 */
export function checkTunables(tunables: Partial<ZoneTunables>): void {
  inRange('tunables.minFreeKbytes', tunables.minFreeKbytes ?? 0, 0, 2 ** 31);
  inRange('tunables.watermarkBoostFactor', tunables.watermarkBoostFactor ?? 0, 0, 2 ** 31 - 1);
  inRange('tunables.watermarkScaleFactor', tunables.watermarkScaleFactor ?? 0, 0, 10000);
  const fraction = tunables.percpuPagelistHighFraction ?? 0;
  if (fraction !== 0) inRange('tunables.percpuPagelistHighFraction', fraction, MIN_HIGH_FRACTION, MAX_FRAMES);
  for (const [kind, ratio] of Object.entries(tunables.lowmemReserveRatio ?? {})) {
    inRange(`tunables.lowmemReserveRatio.${kind}`, ratio, 0, MAX_FRAMES);
  }
}

function inRange(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  refuse(name, value, min === max ? String(min) : `an integer from ${String(min)} to ${String(max)}`);
}

function refuse(name: string, found: number | string, expected: string): never {
  throw new RangeError(`${name} is ${String(found)}, expected ${expected}`);
}
