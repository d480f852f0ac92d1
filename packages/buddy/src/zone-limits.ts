/**
 * Zone limits: watermarks, lowmem reserve, per-CPU list sizes, counter thresholds (buddy spec 6.2, 8.1 to 8.3, 14).
 *
 * The upper part is arithmetic on plain numbers; the lower part applies it to a state.
 */
import { MIGRATE_PCPTYPES, type ZoneKind } from '@kmem/contracts';
import { updateFastMarks } from './watermark.js';
import {
  P_BATCH,
  P_HIGH,
  pcpWords,
  Z_BOOST,
  Z_HIGH,
  Z_LOW,
  Z_MANAGED,
  Z_NODE,
  Z_PROMO,
  Z_RESERVE,
  Z_STAT_THRESHOLD,
  Z_WMARK,
  ZONE_SHIFT,
  zoneWords,
  type BuddyState,
} from './state.js';

/** Tunables of a machine, with the kernel's names and defaults. */
export interface ZoneTunables {
  /** KiB kept free in all; computed from the amount of memory when left out. */
  readonly minFreeKbytes?: number;
  /** How far a zone's watermarks may be boosted, in 1/10000 of the high one; 0 turns boosting off. */
  readonly watermarkBoostFactor: number;
  /** Distance between watermarks in 1/10000 of a zone. */
  readonly watermarkScaleFactor: number;
  /** By zone kind: one page in this many is kept from requests that could use a higher zone. 0 keeps none. */
  readonly lowmemReserveRatio: Readonly<Partial<Record<ZoneKind, number>>>;
  /** Share of a zone that per-CPU lists may hold, 1 / this; 0 derives the size from the low watermark. */
  readonly percpuPagelistHighFraction: number;
}

/** The kernel's defaults. */
export const LINUX_TUNABLES: ZoneTunables = Object.freeze({
  watermarkBoostFactor: 15000,
  watermarkScaleFactor: 10,
  lowmemReserveRatio: Object.freeze({ DMA: 256, DMA32: 256, Normal: 32, HighMem: 0, Movable: 0 }),
  percpuPagelistHighFraction: 0,
});

/** No reserve at all: every page can be handed out. For use as a plain allocator. */
export const NO_LIMITS: ZoneTunables = Object.freeze({
  minFreeKbytes: 0,
  watermarkBoostFactor: 15000,
  watermarkScaleFactor: 0,
  lowmemReserveRatio: Object.freeze({}),
  percpuPagelistHighFraction: 0,
});

/**
 * Computes how much memory to keep free on a machine.
 *
 * @param lowmemKbytes - memory with a kernel address, in KiB.
 * @returns KiB, from 128 to 262144.
 */
export function defaultMinFreeKbytes(lowmemKbytes: number): number {
  return Math.min(Math.max(Math.floor(Math.sqrt(lowmemKbytes * 16)), 128), 262144);
}

/**
 * Computes how many pages a CPU moves between its lists and the free areas at a time.
 *
 * @param managed - pages of the zone.
 * @param pageShift - log2 of the page size.
 * @returns pages: 1, or one less than a power of two.
 */
export function pcpBatch(managed: number, pageShift: number): number {
  // A thousandth of the zone, 1 MiB at most, and a quarter of that.
  const share = Math.max(Math.floor(Math.min(Math.floor(managed / 1024), 2 ** (20 - pageShift)) / 4), 1);
  const scaled = share + (share >> 1);
  return Math.max(2 ** (31 - Math.clz32(scaled)) - 1, 1);
}

/**
 * Computes at which magnitude a CPU folds its part of a zone's counters in.
 *
 * @param managed - pages of the zone.
 * @param nrCpus - CPUs online.
 * @param pageShift - log2 of the page size.
 * @returns pages, at most 125.
 */
export function statThreshold(managed: number, nrCpus: number, pageShift: number): number {
  const units = Math.floor(managed / 2 ** (27 - pageShift));
  return Math.min(125, 2 * bitLength(nrCpus) * (1 + bitLength(units)));
}

/**
 * Sets every limit of every zone.
 *
 * @param s - the state, its zones populated.
 * @param tunables - the machine's tunables.
 */
export function setZoneLimits(s: BuddyState, tunables: ZoneTunables): void {
  for (let zone = 0; zone < s.nrZones; zone++) {
    const managed = s.words[zoneWords(zone) + Z_MANAGED];
    s.words[zoneWords(zone) + Z_STAT_THRESHOLD] =
      tunables.watermarkScaleFactor === 0 || managed === 0 ? 0 : statThreshold(managed, s.nrCpus, s.frames.pageShift);
  }
  changeZoneLimits(s, tunables, tunables);
}

/**
 * Sets the limits that follow from some of the tunables again, as a write to /proc/sys/vm does: from the pages managed
 * now, the boost forgotten when watermarks change (buddy spec 8.3).
 *
 * @param s - the state.
 * @param tunables - all tunables, changed ones included.
 * @param changed - those that were changed.
 */
export function changeZoneLimits(s: BuddyState, tunables: ZoneTunables, changed: Partial<ZoneTunables>): void {
  s.watermarkBoostFactor = tunables.watermarkBoostFactor;
  if (changed.lowmemReserveRatio !== undefined) setLowmemReserve(s, tunables);
  const movesMarks = changed.minFreeKbytes !== undefined || changed.watermarkScaleFactor !== undefined;
  if (movesMarks) setWatermarks(s, tunables);
  for (let zone = 0; zone < s.nrZones; zone++) {
    if (movesMarks || changed.percpuPagelistHighFraction !== undefined) setPcpSizes(s, zone, tunables);
    updateFastMarks(s, zone);
  }
}

function setPcpSizes(s: BuddyState, zone: number, tunables: ZoneTunables): void {
  const z = zoneWords(zone);
  const managed = s.words[z + Z_MANAGED];
  const batch = pcpBatch(managed, s.frames.pageShift);
  const high = pcpHigh(managed, s.words[z + Z_LOW], batch, cpusOf(s, s.words[z + Z_NODE]), tunables);
  for (let cpu = 0; cpu < s.nrCpus; cpu++) {
    const p = pcpWords(s, cpu, zone);
    s.words[p + P_HIGH] = managed === 0 ? 0 : high;
    s.words[p + P_BATCH] = managed === 0 ? 1 : batch;
  }
}

/**
 * Tells whether memory is too small to keep pageblock types apart.
 *
 * @param s - the state, its zones populated.
 * @returns true when there is less than one pageblock for each migratetype.
 */
export function isTooSmallForGrouping(s: BuddyState): boolean {
  let managed = 0;
  for (let zone = 0; zone < s.nrZones; zone++) managed += s.words[zoneWords(zone) + Z_MANAGED];
  return managed < s.nrMigratetypes << s.pageblockOrder;
}

function setWatermarks(s: BuddyState, tunables: ZoneTunables): void {
  const kbytesPerPage = 2 ** (s.frames.pageShift - 10);
  const lowmem = sumLowZones(s);
  const minFree = tunables.minFreeKbytes ?? defaultMinFreeKbytes(lowmem * kbytesPerPage);
  applyMinFree(s, tunables, minFree, kbytesPerPage, lowmem);
  if (tunables.minFreeKbytes !== undefined) return;
  // Huge pages come up later in boot and reckon with the high watermarks of the first round.
  const raised = raiseForHugePages(s, minFree, kbytesPerPage);
  if (raised > minFree) applyMinFree(s, tunables, raised, kbytesPerPage, lowmem);
}

/**
 * Tells whether all pages of a zone have a kernel address. Movable lies above the highest zone, so it has no more of them than that one.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @returns false for HighMem, and for Movable above it.
 */
export function isLow(s: BuddyState, zone: number): boolean {
  const kind = s.kinds[zone % s.kinds.length];
  return kind !== 'HighMem' && (kind !== 'Movable' || !s.kinds.includes('HighMem'));
}

function sumLowZones(s: BuddyState): number {
  let sum = 0;
  for (let zone = 0; zone < s.nrZones; zone++) {
    if (isLow(s, zone)) sum += s.words[zoneWords(zone) + Z_MANAGED];
  }
  return sum;
}

/** Shares out the pages kept free and sets the watermarks by them (buddy spec 8.2). */
function applyMinFree(s: BuddyState, tunables: ZoneTunables, minFree: number, kbytesPerPage: number, lowmem: number): void {
  s.minFreeKbytes = minFree;
  const pagesMin = Math.floor(minFree / kbytesPerPage);
  for (let zone = 0; zone < s.nrZones; zone++) {
    const z = zoneWords(zone);
    const managed = s.words[z + Z_MANAGED];
    const share = lowmem === 0 ? 0 : Math.floor((pagesMin * managed) / lowmem);
    const min = isLow(s, zone) ? share : Math.min(Math.max(Math.floor(managed / 1024), 32), 128);
    const step = Math.max(share >> 2, Math.floor((managed * tunables.watermarkScaleFactor) / 10000));
    s.words[z + Z_BOOST] = 0;
    s.words[z + Z_WMARK] = min;
    s.words[z + Z_LOW] = min + step;
    s.words[z + Z_HIGH] = min + 2 * step;
    s.words[z + Z_PROMO] = min + 3 * step;
  }
}

/** With huge pages, enough is kept free that pageblock types rarely mix (buddy spec 8.1). */
function raiseForHugePages(s: BuddyState, minFree: number, kbytesPerPage: number): number {
  const normal = s.kinds.indexOf('Normal');
  let zones = 0;
  let total = 0;
  let buffer = 0;
  for (let zone = 0; zone < s.nrZones; zone++) {
    const managed = s.words[zoneWords(zone) + Z_MANAGED];
    total += managed;
    if (zone % s.kinds.length > normal || managed === 0) continue;
    zones++;
    buffer += Math.max(managed - s.words[zoneWords(zone) + Z_HIGH], 0);
  }
  if (s.hugeOrder < 0 || total * kbytesPerPage < 512 * 1024) return minFree;
  const wanted = (zones * (2 + MIGRATE_PCPTYPES * MIGRATE_PCPTYPES)) << s.pageblockOrder;
  return Math.max(minFree, Math.min(wanted, Math.floor(buffer / 20)) * kbytesPerPage);
}

function setLowmemReserve(s: BuddyState, tunables: ZoneTunables): void {
  const nrKinds = s.kinds.length;
  for (let zone = 0; zone < s.nrZones; zone++) {
    const index = zone % nrKinds;
    const z = zoneWords(zone);
    const ratio = tunables.lowmemReserveRatio[s.kinds[index]] ?? 0;
    let above = 0;
    for (let j = 0; j < nrKinds; j++) {
      if (j > index) above += s.words[((zone - index + j) << ZONE_SHIFT) + Z_MANAGED];
      const keeps = j > index && ratio > 0 && s.words[z + Z_MANAGED] > 0;
      s.words[z + Z_RESERVE + j] = keeps ? Math.floor(above / ratio) : 0;
    }
  }
}

/** CPUs that share a node's memory: its own, or all of them where it has none. */
function cpusOf(s: BuddyState, node: number): number {
  return s.nodeOfCpu.filter((other) => other === node).length || s.nrCpus;
}

function pcpHigh(managed: number, low: number, batch: number, nrCpus: number, tunables: ZoneTunables): number {
  const fraction = tunables.percpuPagelistHighFraction;
  const total = fraction === 0 ? low : Math.floor(managed / fraction);
  return Math.max(Math.floor(total / nrCpus), batch * 4);
}

/** Position of the highest set bit, from 1; 0 for 0. */
function bitLength(n: number): number {
  return 32 - Math.clz32(n);
}
