import type { PfnRange, ZoneKind, ZoneSpec } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { oneZone, zoneState } from '../test/fixtures.js';
import { BuddyAllocator, type BuddyOptions } from './index.js';

const make = (options: Partial<BuddyOptions>) => () => new BuddyAllocator({ frames: createFrameTable({ nrFrames: 4096 }), ...options });
const zone = (kind: ZoneKind, node: number, start: number, end: number, present: PfnRange[] = [{ start, end }]): ZoneSpec => ({
  kind,
  node,
  startPfn: start,
  spannedPages: end - start,
  present,
});
const cpus = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };

describe('zones', () => {
  test.each<[string, ZoneSpec[], RegExp]>([
    ['none', [], /kinds of the zones of a node is , expected some of DMA/],
    ['the same kind twice', [zone('Normal', 0, 0, 2048), zone('Normal', 0, 2048, 4096)], /is Normal, Normal, expected/],
    ['kinds out of order', [zone('Normal', 0, 0, 2048), zone('DMA', 0, 2048, 4096)], /is Normal, DMA, expected/],
    ['no Normal', [zone('DMA', 0, 0, 4096)], /is DMA, expected .* Normal among them/],
    ['a node left out', [zone('Normal', 0, 0, 2048), zone('Normal', 2, 2048, 4096)], /zones\[1\].node is 2, expected 1/],
    ['other kinds on node 1', [zone('Normal', 0, 0, 2048), zone('DMA', 1, 2048, 4096)], /zones\[1\].kind is DMA, expected Normal/],
    ['overlap', [zone('DMA', 0, 0, 2049), zone('Normal', 0, 2048, 4096)], /start of zones\[1\] is 2048, expected an integer from 2049/],
    ['descending', [zone('DMA', 0, 2048, 4096), zone('Normal', 0, 0, 2048)], /start of zones\[1\] is 0, expected an integer from 4096/],
    ['past the table', [zone('Normal', 0, 0, 4097)], /frames of zones\[0\] is 4097/],
    ['memory outside the span', [zone('Normal', 0, 0, 2048, [{ start: 0, end: 4096 }])], /zones\[0\].present\[0\].end is 4096/],
    ['memory that overlaps', [zone('Normal', 0, 0, 4096, [{ start: 0, end: 20 }, { start: 10, end: 30 }])], /present\[1\].start is 10, expected an integer from 20/],
  ])('%s', (_, zones, text) => {
    expect(make({ zones })).toThrow(text);
  });
});

describe('free frames', () => {
  test.each<[string, PfnRange[], RegExp]>([
    ['overlap', [{ start: 1, end: 100 }, { start: 50, end: 200 }], /free\[1\].start is 50, expected an integer from 100/],
    ['descending', [{ start: 100, end: 200 }, { start: 1, end: 50 }], /free\[1\].start is 1/],
    ['fractions', [{ start: 1.5, end: 100 }], /free\[0\].start is 1.5/],
    ['negative', [{ start: -8, end: 100 }], /free\[0\].start is -8/],
    ['past the table', [{ start: 1, end: 5000 }], /free\[0\].end is 5000/],
    ['backwards', [{ start: 100, end: 50 }], /free\[0\].end is 50/],
  ])('%s', (_, free, text) => {
    expect(make({ free })).toThrow(text);
  });
});

describe('the rest', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['no CPU', make({ cpus: { ...cpus, nrCpus: 0 } }), /cpus.nrCpus is 0/],
    ['half a CPU', make({ cpus: { ...cpus, nrCpus: 1.5 } }), /cpus.nrCpus is 1.5/],
    ['a CPU that is not there', make({ cpus: { ...cpus, cpu: 5 } }), /cpus.cpu is 5, expected 0/],
    ['orders', make({ maxOrder: 17 }), /maxOrder is 17/],
    ['orders and pageblocks', make({ maxOrder: 5 }), /frames.pageblockOrder is 9, expected an integer from 0 to 4/],
    ['migratetypes', make({ nrMigratetypes: 6 }), /nrMigratetypes is 6, expected an integer from 4 to 5/],
    ['memory that ends before the last frame', make({ memory: createMemory({ backing: 'none', sizeBytes: 4095 * 4096 }) }), /memory.sizeBytes is 16773120, expected at least 16777216/],
    ['min_free_kbytes', make({ tunables: { minFreeKbytes: -5 } }), /tunables.minFreeKbytes is -5/],
    ['a scale factor that is no number', make({ tunables: { watermarkScaleFactor: NaN } }), /watermarkScaleFactor is NaN/],
    ['a fraction below 8', make({ tunables: { percpuPagelistHighFraction: 7 } }), /percpuPagelistHighFraction is 7, expected an integer from 8/],
    ['a ratio', make({ tunables: { lowmemReserveRatio: { DMA: -1 } } }), /lowmemReserveRatio.DMA is -1/],
  ])('%s', (_, call, text) => {
    expect(call).toThrow(RangeError);
    expect(call).toThrow(text);
  });

  test('a frame table that another allocator uses', () => {
    const frames = createFrameTable({ nrFrames: 4096 });
    expect(new BuddyAllocator({ frames }).managedPages).toBe(4095);
    expect(() => new BuddyAllocator({ frames })).toThrow(/frames is a table with memory in pageblock 0, expected a table that is all zeroes/);
  });
});

describe('a state', () => {
  const good = { start_pfn: 0, spanned: 1024 };
  const state = (fixture: Partial<Parameters<typeof zoneState>[2]>) => make({ state: oneZone({ ...good, ...fixture }) });
  test.each<[string, () => unknown, RegExp]>([
    ['a zone that is none', make({ state: { zones: [{ ...zoneState('Normal', 0, good), zone: 'Middle' }] } }), /is Middle, expected/],
    ['a wrong index', state({ index: 5 }), /index is 5, expected 0/],
    ['a span past the table', state({ spanned: 8192 }), /frames of state.zones\[0\] is 8192/],
    ['a type of pageblock', state({ types: [7, 1] }), /pageblocks.types is 7, expected an integer from 0 to 4/],
    ['a type of a waiting page', state({ pcp: { count: 1, lists: { 0: { pfns: [100], migratetypes: [7] } } } }), /migratetypes is 7/],
    ['no batch', state({ pcp: { batch: 0 } }), /pcp.batch is 0/],
    ['a list that is none', state({ pcp: { lists: { 14: { pfns: [100] } } } }), /pcp.lists index is 14/],
    ['an order', state({ free: { 11: { 1: [] } } }), /free order is 11/],
    ['managed that is no number', state({ managed: NaN }), /managed is NaN/],
    ['too many reserves', state({ lowmem_reserve: new Array<number>(9).fill(0) }), /lowmem_reserve.length is 9/],
    ['movable pages outside', state({ lru_or_movable_ranges: [[0, 5e8]] }), /lru_or_movable_ranges\[0\].end is 500000000/],
  ])('%s', (_, call, text) => {
    expect(call).toThrow(text);
  });

  test('pageblocks of another size', () => {
    const other = zoneState('Normal', 0, good);
    const pageblocks = { first_pfn: 0, pages_per_block: 1024, types: [1] };
    expect(make({ state: { zones: [{ ...other, pageblocks }] } })).toThrow(/pages_per_block is 1024, expected 512/);
  });
});
