/** What the unit tests start from: small machines in a known state, and a record of events. */
import type { PageState, PfnRange, TraceSink, ZoneKind, ZoneSpec, ZoneState } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { BuddyAllocator, type BuddyOptions } from '../src/index.js';

/** Free blocks by order and migratetype, head of the list first. */
export type FreeLists = Record<number, Record<number, number[]>>;

/** A zone of a loaded state; what is left out is as small as it can be. */
export interface ZoneFixture extends Partial<Omit<ZoneState, 'free' | 'pcp' | 'pageblocks'>> {
  readonly start_pfn: number;
  readonly spanned: number;
  readonly free?: FreeLists;
  /** Types of the pageblocks; all movable unless given. */
  readonly types?: readonly number[];
  readonly pcp?: Partial<ZoneState['pcp']>;
}

const PAGEBLOCK = 512;

/** Completes a zone: counters that follow from the lists are computed, limits are 0. */
export function zoneState(zone: ZoneKind, index: number, fixture: ZoneFixture): ZoneState {
  const { free = {}, types, pcp, ...rest } = fixture;
  const { start_pfn, spanned } = fixture;
  const first = Math.floor(start_pfn / PAGEBLOCK);
  const blocks = spanned === 0 ? 0 : Math.floor((start_pfn + spanned - 1) / PAGEBLOCK) - first + 1;
  let nrFree = 0;
  for (const [order, lists] of Object.entries(free)) {
    for (const pfns of Object.values(lists)) nrFree += pfns.length * 2 ** Number(order);
  }
  return {
    zone,
    index,
    present: spanned,
    managed: spanned,
    min: 0,
    low: 0,
    high: 0,
    promo: 0,
    watermark_boost: 0,
    nr_reserved_highatomic: 0,
    flags: 0,
    nr_free_pages: nrFree,
    nr_free_pages_cpu_diff: 0,
    stat_threshold: 0,
    percpu_drift_mark: 0,
    lowmem_reserve: [0, 0, 0, 0, 0],
    ...rest,
    free,
    pcp: { cpu: 0, count: 0, high: 1000, batch: 1, free_factor: 0, lists: {}, ...pcp },
    ...(blocks > 0
      ? { pageblocks: { first_pfn: first * PAGEBLOCK, pages_per_block: PAGEBLOCK, types: types ?? new Array<number>(blocks).fill(1) } }
      : {}),
  };
}

const EMPTY: ZoneFixture = { start_pfn: 0, spanned: 0 };

/** A machine with DMA and DMA32 only: all memory below 4 GiB. */
export function lowMachine(dma: ZoneFixture, dma32: ZoneFixture): PageState {
  return { zones: [zoneState('DMA', 0, dma), zoneState('DMA32', 1, dma32), zoneState('Normal', 2, EMPTY), zoneState('Movable', 3, EMPTY)] };
}

/** A machine with one zone Normal and no DMA32, so that no request minds mixing pageblock types. */
export function oneZone(normal: ZoneFixture): PageState {
  return { zones: [zoneState('Normal', 0, normal)] };
}

/** Events in the notation of the recordings. */
export class Events implements TraceSink {
  readonly list: (readonly (string | number)[])[] = [];
  splits = 0;
  merges = 0;

  mmPageAlloc(...args: readonly number[]): void {
    this.list.push(['A', ...args]);
  }
  mmPageFree(...args: readonly number[]): void {
    this.list.push(['F', ...args]);
  }
  mmPageAllocZoneLocked(...args: readonly number[]): void {
    this.list.push(['Z', ...args]);
  }
  mmPagePcpuDrain(...args: readonly number[]): void {
    this.list.push(['D', ...args]);
  }
  mmPageAllocExtfrag(...args: readonly number[]): void {
    this.list.push(['X', ...args]);
  }
  blockSplit(): void {
    this.splits++;
  }
  blockMerge(): void {
    this.merges++;
  }

  /** The events so far, which are then forgotten. */
  take(): (readonly (string | number)[])[] {
    return this.list.splice(0);
  }
}

/** An allocator that goes on from a state, and the events of what it does. */
export function load(state: PageState, options: Partial<BuddyOptions> = {}): { pages: BuddyAllocator; events: Events } {
  const nrFrames = Math.max(...state.zones.map((zone) => zone.start_pfn + zone.spanned));
  const events = new Events();
  return { pages: new BuddyAllocator({ frames: createFrameTable({ nrFrames }), state, trace: events, ...options }), events };
}

/** The zones of an x86_64 machine with one node and memory from frame 1 on. */
function pcZones(nrFrames: number): ZoneSpec[] {
  const zone = (kind: ZoneKind, start: number, end: number): ZoneSpec =>
    end <= start
      ? { kind, node: 0, startPfn: 0, spannedPages: 0, present: [] }
      : { kind, node: 0, startPfn: start, spannedPages: end - start, present: [{ start, end }] };
  const dma32End = Math.min(nrFrames, 2 ** 20);
  return [
    zone('DMA', 1, Math.min(nrFrames, 4096)),
    zone('DMA32', 4096, dma32End),
    zone('Normal', 2 ** 20, nrFrames),
    zone('Movable', 0, 0),
    zone('Device', 0, 0),
  ];
}

/** A booted x86_64 PC. */
export function bootPc(nrFrames: number, free: readonly PfnRange[], options: Partial<BuddyOptions> = {}): { pages: BuddyAllocator; events: Events } {
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames }), zones: pcZones(nrFrames), free, ...options });
  const events = new Events();
  pages.trace = events;
  return { pages, events };
}

/** A zone of the current state. */
export function zoneOf(pages: BuddyAllocator, zone: string): ZoneState {
  const found = pages.exportState().zones.find((z) => z.zone === zone);
  if (found === undefined) throw new Error(`no zone ${zone}`);
  return found;
}
