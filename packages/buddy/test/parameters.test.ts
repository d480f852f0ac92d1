/** Other sizes of pages, blocks and pageblocks than those of the recorded kernels: the whole API, and the limits that follow. */
import {
  __GFP_HIGH,
  __GFP_ZERO,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SUCCESS,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  NO_PAGE,
  type KernelBug,
} from '@kmem/contracts';
import { pageAllocatorSuite, runPageAllocatorModel } from '@kmem/conformance';
import { createFrameTable, createMemory, describeMachine, identityProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator, MemoryPressure, type BuddyOptions } from '../src/index.js';
import { oneZone, zoneOf } from './fixtures.js';

/** Sizes of a kernel; a block of the largest order has `2 ** (maxOrder - 1)` pages. */
interface Shape {
  readonly pageShift: number;
  readonly maxOrder: number;
  readonly pageblockOrder: number;
}

const SHAPES: readonly (readonly [name: string, shape: Shape])[] = [
  ['8 KiB pages, blocks up to 128 KiB', { pageShift: 13, maxOrder: 5, pageblockOrder: 4 }],
  ['16 KiB pages, 12 orders', { pageShift: 14, maxOrder: 12, pageblockOrder: 11 }],
  ['64 KiB pages, 14 orders', { pageShift: 16, maxOrder: 14, pageblockOrder: 13 }],
  ['1 KiB pages, pageblocks of two', { pageShift: 10, maxOrder: 4, pageblockOrder: 1 }],
  ['as many orders as there can be', { pageShift: 12, maxOrder: 16, pageblockOrder: 9 }],
];

function make({ maxOrder, ...shape }: Shape, nrFrames: number, options: Partial<BuddyOptions> = {}) {
  const frames = createFrameTable({ nrFrames, maxOrder, ...shape });
  return { frames, pages: new BuddyAllocator({ frames, maxOrder, ...options }) };
}

/** Exactly so many pages, the first of them a multiple of the largest block. */
function exactly(pages: number, shape: Shape): BuddyAllocator {
  const start = 2 ** (shape.maxOrder - 1);
  return make(shape, start + pages, { free: [{ start, end: start + pages }] }).pages;
}

for (const [name, shape] of SHAPES) {
  pageAllocatorSuite(test, { name, maxOrder: shape.maxOrder, create: (pages) => exactly(pages, shape) });
}

describe.each(SHAPES)('%s', (_, shape) => {
  const { pageShift, maxOrder, pageblockOrder } = shape;
  const pageBytes = 2 ** pageShift;
  const largest = 2 ** (maxOrder - 1);

  test('random calls leave what was there at the beginning', () => {
    const pages = exactly(3 * largest + 333, shape);
    const before = pages.exportState().zones[0].free;
    runPageAllocatorModel({ allocator: pages, endPfn: 4 * largest + 333, seed: maxOrder, operations: 20_000, validateEvery: 1000 });
    const count = (free: typeof before) => Object.entries(free).map(([order, types]) => [order, Object.values(types).flat().length]);
    expect(count(pages.exportState().zones[0].free)).toEqual(count(before));
  });

  test('an exact size takes the pages it needs; more than the largest block is refused', () => {
    const pages = exactly(4 * largest, shape);
    const pfn = pages.allocPagesExact(5 * pageBytes - 1, GFP_KERNEL);
    pages.drainAllPages();
    expect([pfn % 8, pages.nrFreePages]).toEqual([0, 4 * largest - 5]);
    pages.freePagesExact(pfn, 5 * pageBytes);
    expect(pages.allocPagesExact(largest * pageBytes, GFP_KERNEL) % largest).toBe(0);
    expect(pages.allocPagesExact(largest * pageBytes + 1, GFP_KERNEL)).toBe(NO_PAGE);
    expect(pages.allocPages(GFP_KERNEL, maxOrder)).toBe(NO_PAGE);
    pages.assertValid();
  });

  test('__GFP_ZERO clears whole pages, and no more', () => {
    const memory = createMemory({ sizeBytes: 4 * largest * pageBytes, backing: 'sparse' });
    const { pages } = make(shape, 4 * largest, { memory });
    const pfn = pages.allocPages(GFP_KERNEL, 1);
    memory.fill((pfn - 1) * pageBytes, 4 * pageBytes, 0x6b);
    pages.freePages(pfn, 1);
    expect(pages.allocPages(GFP_KERNEL | __GFP_ZERO, 1)).toBe(pfn);
    const bytes = [-1, 0, 1, 2].map((page) => new Set(memory.view((pfn + page) * pageBytes, pageBytes)));
    expect(bytes).toEqual([new Set([0x6b]), new Set([0]), new Set([0]), new Set([0x6b])]);
  });

  test('texts have a column for each order, and sizes in KiB of these pages', () => {
    const bugs: KernelBug[] = [];
    const { pages } = make(shape, 4 * largest, { reports: { report: (bug) => bugs.push(bug) } });
    expect(pages.buddyinfo().trim().split(/\s+/).length).toBe(4 + maxOrder);
    expect(pages.extfragIndex().trim().split(/\s+/).length).toBe(4 + maxOrder);
    const info = pages.pagetypeinfo().split('\n');
    expect(info.slice(0, 2)).toEqual([`Page block order: ${pageblockOrder}`, `Pages per block:  ${2 ** pageblockOrder}`]);
    expect(info[3].trim().split(/\s+/).slice(-maxOrder)).toEqual(Array.from({ length: maxOrder }, (_, order) => String(order)));
    // As many pageblocks as there is memory for.
    expect(info.at(-2)?.trim().split(/\s+/).slice(4)).toEqual(['0', String((4 * largest) >> pageblockOrder), '0', '0', '0']);
    while (pages.allocPages(GFP_NOWAIT, 0) !== NO_PAGE);
    const kb = Array.from({ length: maxOrder }, (_, order) => `0*${(pageBytes / 1024) * 2 ** order}kB`).join(' ');
    expect(bugs[0].message).toContain(`Normal: ${kb} = 0kB`);
    expect(bugs[0].message).toContain(` present:${(4 * largest * pageBytes) / 1024}kB managed:${((4 * largest - 1) * pageBytes) / 1024}kB `);
  });

  test('a block of the largest order is cut and comes back whole', () => {
    const pages = exactly(largest, shape);
    const taken: number[] = [];
    for (let pfn = pages.allocPages(GFP_KERNEL, 0); pfn !== NO_PAGE; pfn = pages.allocPages(GFP_KERNEL, 0)) taken.push(pfn);
    expect(taken.length).toBe(largest);
    for (const pfn of taken) pages.freePages(pfn, 0);
    pages.drainAllPages();
    expect(pages.allocPages(GFP_KERNEL, maxOrder - 1)).toBe(largest);
  });

  test('a state that was written down can be gone on from', () => {
    const pages = exactly(2 * largest, shape);
    const held = [0, 1, 2, maxOrder - 1].map((order) => pages.allocPages(GFP_HIGHUSER_MOVABLE, order));
    expect(held).not.toContain(NO_PAGE);
    const state = pages.exportState();
    const again = make(shape, 3 * largest, { state }).pages;
    expect(again.exportState()).toEqual(state);
    expect(again.allocPages(GFP_KERNEL, 2)).toBe(pages.allocPages(GFP_KERNEL, 2));
  });
});

describe('8 KiB pages, blocks up to 128 KiB: limits', () => {
  const [, shape] = SHAPES[0];
  /** A machine of so many MiB with Linux's limits. */
  function boot(mib: number, options: Partial<BuddyOptions> = {}) {
    const profile = identityProfile({ sizeBytes: mib * 2 ** 20, pageShift: 13, maxOrder: 5 });
    const { maxOrder, pageblockOrder, hugePages } = profile;
    expect([maxOrder, pageblockOrder]).toEqual([5, 4]);
    const { zones, free, nrFrames } = describeMachine(profile);
    return make(shape, nrFrames, { zones, free, hugePages, ...options }).pages;
  }

  test('min_free_kbytes counts KiB, watermarks pages', () => {
    const pages = boot(256);
    // The root of 16 * (262144 - 8) KiB is 2047; an eighth of that in pages.
    expect([pages.managedPages, pages.minFreeKbytes]).toEqual([32767, 2047]);
    const { min, low, high, promo } = zoneOf(pages, 'Normal');
    expect([min, low, high, promo]).toEqual([255, 318, 381, 444]);
  });

  test('a batch is at most a quarter of 1 MiB, scaled as the kernel does: 31 pages of 8 KiB', () => {
    expect(zoneOf(boot(256), 'Normal').pcp).toMatchObject({ batch: 7, high: 318 });
    expect(zoneOf(boot(4096), 'Normal').pcp.batch).toBe(31);
  });

  test('counters fold in by units of 128 MiB', () => {
    // One CPU: 2 * (1 + bits of 2 units).
    expect(zoneOf(boot(257), 'Normal').stat_threshold).toBe(2 * (1 + 2));
    expect(zoneOf(boot(127), 'Normal').stat_threshold).toBe(2);
  });

  test('huge pages count from 512 MiB on, whatever a page is', () => {
    // One zone: 16 pages * (2 + 9) of 8 KiB are less than what is kept free anyway.
    expect(boot(1024, { hugePages: true }).minFreeKbytes).toBe(4095);
  });

  test('a machine of less than five pageblocks does not group by mobility', () => {
    const unmovable = (nrPages: number) => {
      const pages = boot((nrPages * 8) / 1024, { tunables: { minFreeKbytes: 0 } });
      pages.allocPages(GFP_HIGHUSER_MOVABLE, 0);
      return zoneOf(pages, 'Normal').pageblocks?.types.filter((type) => type === 0).length;
    };
    // Frame 0 is not counted.
    expect([unmovable(80), unmovable(81)]).toEqual([1, 0]);
  });

  test.each([
    // A movable request claims a pageblock from half a pageblock's order on; that is order 2 here.
    [2, 1],
    [1, 0],
  ])('an unmovable block of order %i: pageblocks that become movable: %i', (order, claimed) => {
    const state = oneZone({ start_pfn: 0, spanned: 128, free: { [order]: { 0: [32] }, 0: { 0: [40, 42, 44, 46] } }, pcp: { high: 0, batch: 1 } });
    const zone = { ...state.zones[0], pageblocks: { first_pfn: 0, pages_per_block: 16, types: new Array<number>(8).fill(0) } };
    const { pages } = make(shape, 128, { state: { zones: [zone] } });
    expect(pages.allocPages(GFP_HIGHUSER_MOVABLE, order)).toBe(32);
    expect(zoneOf(pages, 'Normal').pageblocks?.types.filter((type) => type === 1).length).toBe(claimed);
  });

  test('the high-atomic reserve grows by pageblocks of 16 pages', () => {
    const singles = Array.from({ length: 8 }, (_, i) => 2 * i + 1);
    const state = oneZone({ start_pfn: 0, spanned: 64, min: 60, low: 62, high: 64, free: { 4: { 0: [32, 48] }, 0: { 0: singles } }, pcp: { high: 0, batch: 1 } });
    const zone = { ...state.zones[0], pageblocks: { first_pfn: 0, pages_per_block: 16, types: [0, 0, 0, 0] } };
    const { pages } = make(shape, 64, { state: { zones: [zone] } });
    expect(pages.allocPages(GFP_ATOMIC, 2)).toBe(32);
    expect(zoneOf(pages, 'Normal')).toMatchObject({ nr_reserved_highatomic: 16, pageblocks: { types: [0, 0, 3, 0] } });
    expect(pages.allocPages(GFP_NOWAIT | __GFP_HIGH, 0)).not.toBe(NO_PAGE);
  });

  test('compaction brings the largest block together, contents and all', () => {
    const reclaim = new MemoryPressure();
    const memory = createMemory({ sizeBytes: 128 * 8192, backing: 'dense' });
    const { pages } = make(shape, 128, { reclaim, memory });
    const held = Array.from({ length: 127 }, () => pages.allocPages(GFP_HIGHUSER_MOVABLE, 0));
    for (const pfn of held) {
      memory.fill(pfn * 8192, 8192, pfn);
      if (pfn % 2 === 1) pages.freePages(pfn, 0);
      else reclaim.pool.add(pfn);
    }
    pages.drainAllPages();
    expect(reclaim.compact(4, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toBe(COMPACT_SUCCESS);
    const kept = Array.from({ length: 128 }, (_, pfn) => pfn).filter((pfn) => reclaim.pool.has(pfn));
    const values = kept.map((pfn) => new Set(memory.view(pfn * 8192, 8192)));
    expect(values.map((bytes) => bytes.size)).toEqual(kept.map(() => 1));
    expect(values.flatMap((bytes) => [...bytes]).sort((a, b) => a - b)).toEqual(held.filter((pfn) => pfn % 2 === 0).sort((a, b) => a - b));
    expect(pages.allocPages(GFP_KERNEL, 4)).not.toBe(NO_PAGE);
    pages.assertValid();
  });

  test('the OOM report counts KiB of these pages', () => {
    const bugs: KernelBug[] = [];
    const task = { pid: 7, name: 'hog', totalVm: 100, anonRss: 60, pgtablesBytes: 3 * 8192, kill: () => false };
    const reclaim = new MemoryPressure({ oom: { tasks: () => [task] } });
    const { pages } = make(shape, 64, { reclaim, reports: { report: (bug) => bugs.push(bug) } });
    while (pages.allocPages(GFP_KERNEL, 0) !== NO_PAGE);
    expect(bugs[0]).toMatchObject({ code: 'OOM_KILL', fields: { pid: 7, badness: 63 } });
    expect(bugs[0].message).toContain('total-vm:800kB, anon-rss:480kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:24kB');
  });
});
