/**
 * Edge cases of the behaviour specification (section 19) that concern several parts at once, or need its very numbers. The others are
 * tested where their rule is; `npm test -- -t '19\.'` runs all of them. Case 54 is about kmap, which is not part of this package.
 */
import {
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_RETRY_MAYFAIL,
  GFP_ATOMIC,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  NO_PAGE,
  type KernelBug,
  type Reclaim,
} from '@kmem/contracts';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator } from '../src/index.js';
import { bootPc, load, oneZone, zoneOf, zoneState, type Events, type FreeLists, type ZoneFixture } from './fixtures.js';

/** Has nothing to give, and counts what it is asked. */
function barren(): Reclaim & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    wakeKswapd: () => asked.push('kswapd'),
    reclaim: () => (asked.push('reclaim'), 0),
    reclaimablePages: () => 0,
    compact: () => (asked.push('compact'), 1),
    outOfMemory: () => (asked.push('oom'), false),
  };
}

const one = (free: number[], more: object = {}) =>
  oneZone({ start_pfn: 0, spanned: 8192, free: { 0: { 0: free } }, types: new Array<number>(16).fill(0), pcp: { high: 0, batch: 1 }, ...more });

/** A zone of unmovable pageblocks that goes on from the state given. */
const unmovable = (free: FreeLists, pcp: NonNullable<ZoneFixture['pcp']>) =>
  load(oneZone({ start_pfn: 0, spanned: 8192, free, types: new Array<number>(16).fill(0), pcp }));

/** Frames and orders of the blocks that have left a per-CPU list. */
const drained = (events: Events) => events.take().filter(([name]) => name === 'D').map(([, pfn, order]) => [pfn, order]);

test('19.7: with batch 31, the 30 pages after the first ascend without touching the free lists', () => {
  const { pages, events } = unmovable({ 10: { 0: [1024] } }, { batch: 31 });
  const first = pages.allocPages(GFP_KERNEL, 0);
  expect(events.take().filter(([name]) => name === 'Z')).toHaveLength(31);
  for (let i = 1; i <= 30; i++) expect(pages.allocPages(GFP_KERNEL, 0)).toBe(first + i);
  expect(events.take().filter(([name]) => name !== 'A')).toEqual([]);
});

test('19.14: pages that leave the list of index 9 are followed by those of 13, then of 0', () => {
  const lists = { 0: { pfns: [900, 902] }, 13: { pfns: [2048], migratetypes: [1] } };
  const { pages, events } = unmovable({ 3: { 0: [64] } }, { batch: 1, count: 514, free_factor: 2, lists });
  const block = pages.allocPages(GFP_KERNEL, 3);
  events.take();
  // The burst is not over: all pages go.
  pages.freePages(block, 3);
  expect(drained(events)).toEqual([[64, 3], [2048, 9], [902, 0], [900, 0]]);
});

test('19.15: with the lists of early boot every request takes one block and every free merges at once', () => {
  const { pages, events } = unmovable({ 3: { 0: [64] } }, { batch: 1, high: 0 });
  expect(pages.allocPages(GFP_KERNEL, 0)).toBe(64);
  expect(events.take().filter(([name]) => name === 'Z')).toEqual([['Z', 64, 0, 0, 1]]);
  pages.freePages(64, 0);
  expect(drained(events)).toEqual([[64, 0]]);
  expect(zoneOf(pages, 'Normal').free).toEqual({ 3: { 0: [64] } });
});

test('19.16: the second buddy merges with the first; the pair goes to the head, or to the tail when the next block is free', () => {
  const pair = (free: Record<number, Record<number, number[]>>) => {
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, free, types: new Array<number>(16).fill(0), pcp: { high: 0, batch: 1 } }));
    pages.freePages(512, 0);
    pages.freePages(513, 0);
    return zoneOf(pages, 'Normal').free[1]['0'];
  };
  expect(pair({ 1: { 0: [1024] } })).toEqual([512, 1024]);
  expect(pair({ 1: { 0: [1024] }, 2: { 0: [516] } })).toEqual([1024, 512]);
});

test('19.20: an unmovable request takes over a movable pageblock of which more than half is free', () => {
  const blocks = Array.from({ length: 32 }, (_, i) => 512 + 16 * i);
  const singles = [1, 3, 5].map((i) => 512 + 8 + i);
  const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, free: { 0: { 1: singles }, 3: { 1: blocks } }, pcp: { high: 0, batch: 1 } }));
  pages.allocPages(GFP_KERNEL, 3);
  const zone = zoneOf(pages, 'Normal');
  expect(zone.pageblocks?.types.slice(0, 3)).toEqual([1, 0, 1]);
  expect(zone.free).toEqual({ 0: { 0: singles }, 3: { 0: blocks.slice(1) } });
});

test('19.30: GFP_ATOMIC may leave 3/8 of min: with min 22 it gets one of 10 free pages, and none of 9', () => {
  const singles = (n: number) => Array.from({ length: n }, (_, i) => 512 + 2 * i);
  const pages = (n: number) => load(one(singles(n), { min: 22, low: 27, high: 32 })).pages;
  expect(pages(10).allocPages(GFP_ATOMIC, 0)).toBe(512);
  expect(pages(9).allocPages(GFP_ATOMIC, 0)).toBe(NO_PAGE);
});

test('19.31: GFP_NOWAIT below min fails without reclaim, and kswapd is woken', () => {
  const reclaim = barren();
  const { pages } = load(one([512, 514], { min: 22, low: 27, high: 32 }), { reclaim });
  expect(pages.allocPages(GFP_NOWAIT, 0)).toBe(NO_PAGE);
  expect(new Set(reclaim.asked)).toEqual(new Set(['kswapd']));
});

test('19.35: per-CPU lists are drained once for each reclaim that made progress without being enough', () => {
  const reclaim = barren();
  const lists = { 0: { pfns: [512, 513] } };
  const { pages, events } = load(one([], { pcp: { high: 1000, batch: 4, count: 2, lists } }), {
    reclaim: { ...reclaim, reclaim: () => 1 },
  });
  expect(pages.allocPages(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 1)).toBe(512);
  expect(events.list.filter(([name]) => name === 'D').length).toBe(2);
});

test('19.37: RETRY_MAYFAIL ends no task', () => {
  const reclaim = barren();
  expect(load(one([]), { reclaim }).pages.allocPages(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0)).toBe(NO_PAGE);
  expect(reclaim.asked).not.toContain('oom');
});

test('19.38: NOFAIL without leave to wait is warned of and may fail', () => {
  const reports: string[] = [];
  const { pages } = load(one([]), { reports: { report: (bug: KernelBug) => reports.push(`${bug.severity} ${bug.code}`) } });
  expect(pages.allocPages(GFP_NOWAIT | __GFP_NOFAIL, 0)).toBe(NO_PAGE);
  expect(reports[0]).toBe('warn BAD_GFP');
});

test('19.47: no steal boosts the watermarks with watermark_boost_factor 0, or in a zone of less than 2048 pages', () => {
  const boost = (managed: number, watermarkBoostFactor: number) => {
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, managed, high: 1000, free: { 4: { 1: [512, 544] } }, pcp: { high: 0, batch: 1 } }));
    pages.setTunables({ watermarkBoostFactor });
    pages.allocPages(GFP_KERNEL, 0);
    return zoneOf(pages, 'Normal').watermark_boost;
  };
  expect([boost(2048, 15000), boost(2048, 0), boost(2047, 15000)]).toEqual([512, 0, 0]);
});

test('19.48: setting min_free_kbytes computes watermarks and list sizes again and forgets a boost', () => {
  const { pages } = bootPc(131072, [{ start: 256, end: 131072 }]);
  const before = zoneOf(pages, 'DMA32');
  pages.setTunables({ minFreeKbytes: 4 * pages.minFreeKbytes });
  const after = zoneOf(pages, 'DMA32');
  expect(after.min).toBeGreaterThan(3.9 * before.min);
  expect([after.low, after.high]).toEqual([after.min + (after.min >> 2), after.min + 2 * (after.min >> 2)]);
  expect(after.pcp.high).toBe(after.low);
  expect(after.lowmem_reserve).toEqual(before.lowmem_reserve);
  pages.assertValid();

  const boosted = load(one([512], { watermark_boost: 512, managed: 8192 })).pages;
  boosted.setTunables({ minFreeKbytes: 128 });
  expect(zoneOf(boosted, 'Normal')).toMatchObject({ watermark_boost: 0, min: 32, low: 40, high: 48 });
});

test('19.48: a tunable out of range is refused and changes nothing', () => {
  const { pages } = bootPc(16384, [{ start: 256, end: 16384 }]);
  const before = pages.exportState();
  expect(() => {
    pages.setTunables({ percpuPagelistHighFraction: 7 });
  }).toThrow(/percpuPagelistHighFraction is 7/);
  expect(pages.exportState()).toEqual(before);
});

describe('x86_64 with and without memory in zone Movable', () => {
  const zones = (movable: ZoneFixture) => ({
    zones: [
      zoneState('DMA', 0, { start_pfn: 1, spanned: 4095, free: { 10: { 1: [1024] } } }),
      zoneState('DMA32', 1, { start_pfn: 4096, spanned: 4096, free: { 10: { 1: [4096] } } }),
      zoneState('Normal', 2, { start_pfn: 8192, spanned: 4096, free: { 10: { 1: [8192] } } }),
      zoneState('Movable', 3, movable),
    ],
  });
  const populated = { start_pfn: 12288, spanned: 4096, free: { 10: { 1: [12288] } } };

  test('19.51: GFP_HIGHUSER_MOVABLE comes from Normal and is of type movable where there is no Movable memory', () => {
    const { pages, events } = load(zones({ start_pfn: 0, spanned: 0 }));
    expect(pages.allocPages(GFP_HIGHUSER_MOVABLE, 0)).toBe(8192);
    expect(events.take().at(-1)).toEqual(['A', 8192, 0, GFP_HIGHUSER_MOVABLE, 1]);
    expect(load(zones(populated)).pages.allocPages(GFP_HIGHUSER_MOVABLE, 0)).toBe(12288);
  });

  test('19.52: __GFP_MOVABLE alone leads no higher than Normal though Movable has memory', () => {
    expect(load(zones(populated)).pages.allocPages(GFP_KERNEL | __GFP_MOVABLE, 0)).toBe(8192);
  });
});

test('19.53: on i386 user memory comes from the highest HighMem block, for that list descends', () => {
  const profile = getProfile('i386-1200m');
  const { zones, free, late, nrFrames } = describeMachine(profile);
  const frames = createFrameTable({ nrFrames, pageblockOrder: profile.pageblockOrder });
  const pages = new BuddyAllocator({ frames, zones, free, late, nrMigratetypes: profile.nrMigratetypes });
  const highest = zoneOf(pages, 'HighMem').free[10]['1'][0];
  expect(highest).toBe(Math.max(...zoneOf(pages, 'HighMem').free[10]['1']));
  expect(zoneOf(pages, 'HighMem').free[0]).toBeUndefined();
  const smallest = Object.entries(zoneOf(pages, 'HighMem').free).find(([, types]) => '1' in types)?.[1]['1'][0];
  // Movable pages of users come from the smallest block there is, the rest at the end of the zone.
  expect(pages.allocPages(GFP_HIGHUSER_MOVABLE, 0)).toBe(smallest);
  // Unmovable ones have two frames where HighMem begins inside a pageblock; then they take the first of the largest blocks.
  const { startPfn } = zones[2];
  expect([0, 0, 0].map(() => pages.allocPages(GFP_HIGHUSER, 0))).toEqual([startPfn, startPfn + 1, highest]);
});

describe('huge pages on per-CPU lists, batch 31', () => {
  const machine = (high: number) => unmovable({ 10: { 0: [1024, 2048] } }, { batch: 31, high });

  test('19.56: a request of order 9 takes two blocks from the free lists; one stays on the list of index 12', () => {
    const { pages } = machine(408);
    const free = pages.nrFreePages;
    expect(pages.allocPages(GFP_KERNEL, 9)).toBe(1024);
    expect(pages.nrFreePages).toBe(free - 1024);
    expect(zoneOf(pages, 'Normal').pcp).toMatchObject({ count: 512, lists: { 12: { pfns: [1536] } } });
  });

  test('19.57: freed with high 408 it makes 1024 pages; 31 of them should go, and one whole block does, from the tail', () => {
    const { pages, events } = machine(408);
    const block = pages.allocPages(GFP_KERNEL, 9);
    events.take();
    pages.freePages(block, 9);
    expect(drained(events)).toEqual([[1536, 9]]);
    expect(zoneOf(pages, 'Normal').pcp).toMatchObject({ count: 512, lists: { 12: { pfns: [1024] } } });
  });
});
