import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL, type ZoneKind, type ZoneSpec } from '@kmem/contracts';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { bootPc, zoneOf } from '../test/fixtures.js';
import { BuddyAllocator } from './index.js';

describe('free lists after boot', () => {
  test('blocks as large as their alignment allows, ascending', () => {
    const { pages } = bootPc(8192, [{ start: 256, end: 4096 }]);
    // DMA starts at frame 1, inside pageblock 0: that one is unmovable.
    expect(zoneOf(pages, 'DMA').free).toEqual({ 8: { 0: [256] }, 9: { 1: [512] }, 10: { 1: [1024, 2048, 3072] } });
  });

  test('the end of a range becomes smaller and smaller blocks', () => {
    const { pages } = bootPc(0x20000, [{ start: 0x4400, end: 0x1ffe0 }]);
    const { free } = zoneOf(pages, 'DMA32');
    expect(free[10]['1'][0]).toBe(0x4400);
    expect([9, 8, 7, 6, 5].map((order) => free[order]['1'])).toEqual([[0x1fc00], [0x1fe00], [0x1ff00], [0x1ff80], [0x1ffc0]]);
    expect(Object.keys(free)).toEqual(['5', '6', '7', '8', '9', '10']);
  });

  test('ranges that touch merge', () => {
    const { pages } = bootPc(8192, [{ start: 4096, end: 4608 }, { start: 4608, end: 5120 }]);
    expect(zoneOf(pages, 'DMA32').free).toEqual({ 10: { 1: [4096] } });
  });

  test('HighMem is populated page by page, so its largest blocks descend', () => {
    const zone = (kind: ZoneKind, start: number, end: number): ZoneSpec => ({
      kind,
      node: 0,
      startPfn: start,
      spannedPages: end - start,
      present: [{ start, end }],
    });
    const pages = new BuddyAllocator({
      frames: createFrameTable({ nrFrames: 24576, pageblockOrder: 10 }),
      nrMigratetypes: 4,
      zones: [zone('DMA', 1, 4096), zone('Normal', 4096, 16382), zone('HighMem', 16382, 24576)],
    });
    expect(zoneOf(pages, 'HighMem').free[10]).toEqual({ 1: [23552, 22528, 21504, 20480, 19456, 18432, 17408, 16384] });
    // Two frames of a pageblock that Normal has the rest of: nobody made them movable.
    expect(zoneOf(pages, 'HighMem').free[1]).toEqual({ 0: [16382] });
    expect(zoneOf(pages, 'Normal').free[10]['1'].slice(0, 2)).toEqual([4096, 5120]);
    expect(pages.pagetypeinfo()).toMatch(/HighMem {12}1 {12}8 {12}0 {12}0 \n$/);
    pages.assertValid();
  });
});

describe('every profile', () => {
  test.each(['teaching-16m', 'pc-160m', 'pc-512m', 'i386-1200m', 'raspberry-pi'])('%s boots, and is as after boot when everything came back', (name) => {
    const profile = getProfile(name);
    const machine = describeMachine(profile);
    const pages = new BuddyAllocator({
      frames: createFrameTable({
        nrFrames: machine.nrFrames,
        pageShift: profile.pageShift,
        pageblockOrder: profile.pageblockOrder,
        maxOrder: profile.maxOrder,
      }),
      zones: machine.zones,
      free: machine.free,
      late: machine.late,
      maxOrder: profile.maxOrder,
      nrMigratetypes: profile.nrMigratetypes,
      hugePages: profile.hugePages,
    });
    pages.assertValid();
    expect(pages.managedPages).toBe(machine.managedPages);
    pages.drainAllPages(); // what was released late waits on per-CPU lists
    expect(pages.nrFreePages).toBe(machine.managedPages);
    const zones = pages.exportState().zones;
    const held: number[] = [];
    while (held.length < Math.min(3000, pages.managedPages / 2)) held.push(pages.allocPages(GFP_KERNEL, 0));
    expect(Math.min(...held)).toBeGreaterThan(0);
    for (const pfn of held) pages.freePages(pfn, 0);
    pages.drainAllPages();
    pages.assertValid();
    expect(pages.nrFreePages).toBe(machine.managedPages);
    const sorted = (all: typeof zones) =>
      all.map(({ free }) =>
        Object.entries(free).map(([order, types]) => [order, Object.values(types).flat().sort((a, b) => a - b)]),
      );
    expect(sorted(pages.exportState().zones)).toEqual(sorted(zones));
  });
});

describe('memory that the kernel gives back at the end of boot', () => {
  const free = [{ start: 4096, end: 8192 }];

  test('goes through the per-CPU lists page by page, in the order given', () => {
    const { pages } = bootPc(16384, free, { late: [{ start: 9000, end: 9002 }, { start: 8500, end: 8501 }] });
    expect(zoneOf(pages, 'DMA32')).toMatchObject({ managed: 4099, nr_free_pages: 4096, pcp: { count: 3 } });
    expect([0, 0, 0].map(() => pages.allocPages(GFP_HIGHUSER_MOVABLE, 0))).toEqual([8500, 9001, 9000]);
    pages.assertValid();
  });

  test('does not count for watermarks and reserves', () => {
    const late = [{ start: 8192, end: 16384 }];
    const limits = ({ pages }: ReturnType<typeof bootPc>) => zoneOf(pages, 'DMA32').min;
    expect(limits(bootPc(16384, free, { late }))).toBe(limits(bootPc(16384, free)));
  });

  test.each([
    ['is free already', { start: 4000, end: 4097 }],
    ['is not there', { start: 16383, end: 16385 }],
  ])('must not be memory that %s', (_, range) => {
    expect(() => bootPc(16384, free, { late: [range] })).toThrow(/late.*(frame 4096|16385)/);
  });
});

describe('frames that are not free', () => {
  test('stay reserved, and freeing one of them by mistake is found', () => {
    const { pages } = bootPc(8192, [{ start: 4096, end: 8192 }]);
    expect(() => pages.freePages(300, 0)).toThrow(/reserved/);
    expect(zoneOf(pages, 'DMA')).toMatchObject({ present: 4095, managed: 0 });
  });

  test('frame 0 is never handed out', () => {
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
    expect(pages.managedPages).toBe(1023);
    expect(() => pages.freePages(0, 0)).toThrow(/pfn is 0, expected an integer from 1 to 1023/);
  });
});
