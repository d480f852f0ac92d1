/** Edge cases of the behaviour specification (section 19) that concern several parts at once. The others are tested where their rule is. */
import {
  __GFP_NOFAIL,
  __GFP_RETRY_MAYFAIL,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  NO_PAGE,
  type KernelBug,
  type Reclaim,
} from '@kmem/contracts';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';
import { expect, test } from 'vitest';
import { BuddyAllocator } from '../src/index.js';
import { bootPc, load, oneZone, zoneOf } from './fixtures.js';

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
