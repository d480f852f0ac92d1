import { __GFP_MOVABLE, GFP_NOWAIT } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { load, oneZone, zoneOf, type FreeLists, type ZoneFixture } from '../test/fixtures.js';
import { BuddyAllocator } from './index.js';
import { makeState } from './options.js';

const MOVABLE = GFP_NOWAIT | __GFP_MOVABLE;
const SPANNED = 8192;
const PLENTY: FreeLists = { 10: { 1: [1024, 2048, 3072, 4096, 5120, 6144, 7168] } };

const machine = (pcp: NonNullable<ZoneFixture['pcp']>, free: FreeLists = PLENTY, rest: Partial<ZoneFixture> = {}) =>
  load(oneZone({ start_pfn: 0, spanned: SPANNED, free, pcp, ...rest }));

const names = (events: readonly (readonly (string | number)[])[], name: string) => events.filter((event) => event[0] === name);

test('lists are numbered by order and type, huge pages by whether they are movable', () => {
  const { pcpIndexOf } = makeState({ frames: createFrameTable({ nrFrames: 1024 }) }, ['Normal'], 1);
  const indices = (order: number) => Array.from(pcpIndexOf.subarray(order << 3, (order << 3) + 5));
  expect([0, 1, 3, 4, 9, 10].map(indices)).toEqual([
    [0, 1, 2, 1, 255],
    [3, 4, 5, 4, 255],
    [9, 10, 11, 10, 255],
    [255, 255, 255, 255, 255],
    [12, 13, 12, 13, 255],
    [255, 255, 255, 255, 255],
  ]);
});

test('19.8: the last freed page goes out first', () => {
  const { pages } = machine({ batch: 31 });
  const taken = [0, 1, 2].map(() => pages.allocPages(MOVABLE, 0));
  for (const pfn of taken) pages.freePages(pfn, 0);
  expect([0, 1, 2].map(() => pages.allocPages(MOVABLE, 0))).toEqual(taken.reverse());
});

describe('refill', () => {
  test.each([
    [31, 3, 3],
    [7, 3, 2],
    [1, 3, 1],
    [31, 0, 31],
    [63, 1, 31],
  ])('19.9, 19.10: batch %i, order %i: %i blocks', (batch, order, blocks) => {
    const { pages, events } = machine({ batch });
    pages.allocPages(MOVABLE, order);
    expect(names(events.take(), 'Z')).toHaveLength(blocks);
  });

  test('a huge page brings a second one, which waits on its list', () => {
    const { pages } = machine({ batch: 31 });
    const before = pages.nrFreePages;
    pages.allocPages(MOVABLE, 9);
    const { pcp } = zoneOf(pages, 'Normal');
    expect(pcp.count).toBe(512);
    expect(Object.keys(pcp.lists)).toEqual(['13']);
    expect(pages.nrFreePages).toBe(before - 1024);
  });

  test('orders 4 to 8 and 10 have no lists', () => {
    const { pages } = machine({ batch: 31 });
    for (const order of [4, 8, 10]) pages.freePages(pages.allocPages(MOVABLE, order), order);
    expect(pages.nrPcpPages).toBe(0);
  });
});

describe('giving back', () => {
  /** 60 movable pages on the list, in the order 1000, 1001, ... from head to tail. */
  const held = (more: NonNullable<ZoneFixture['pcp']>, rest: Partial<ZoneFixture> = {}) => {
    const pfns = Array.from({ length: 60 }, (_, i) => 900 + 2 * i);
    return machine({ batch: 8, high: 61, count: 60, lists: { 1: { pfns } }, ...more }, PLENTY, rest);
  };
  /** Frees a page that the state says is in use. */
  const free = (pages: BuddyAllocator, pfn: number, order = 0) => pages.freePages(pfn, order);

  test('19.11: at `high`, a batch leaves from the tail, oldest first', () => {
    const { pages, events } = held({});
    free(pages, 500);
    expect(names(events.take(), 'D').map(([, pfn]) => pfn)).toEqual([1018, 1016, 1014, 1012, 1010, 1008, 1006, 1004]);
    expect(zoneOf(pages, 'Normal').pcp).toMatchObject({ count: 53, free_factor: 1 });
  });

  test('19.12: portions double while nothing is taken, up to high - batch', () => {
    const { pages, events } = held({ high: 60, count: 60 });
    const portions: number[] = [];
    for (let pfn = 500; portions.length < 4; pfn += 2) {
      free(pages, pfn);
      const drained = names(events.take(), 'D').length;
      if (drained > 0) portions.push(drained);
    }
    expect(portions).toEqual([8, 16, 32, 52]);
    expect(zoneOf(pages, 'Normal').pcp.free_factor).toBe(3);
  });

  test('19.12: each page taken halves the factor, bulk pages do not', () => {
    const { pages } = held({ free_factor: 4 });
    pages.allocPages(MOVABLE, 0);
    expect(zoneOf(pages, 'Normal').pcp.free_factor).toBe(2);
    pages.allocPagesBulk(MOVABLE, 4, new Int32Array(4).fill(-1));
    expect(zoneOf(pages, 'Normal').pcp.free_factor).toBe(2);
  });

  test('19.13: a free of order 1 to 3 in a burst empties the set, its own list first', () => {
    const { pages, events } = held({ free_factor: 1 });
    const pair = pages.allocPages(MOVABLE, 1);
    // The allocation ended the burst; one portion starts the next.
    for (let pfn = 500; zoneOf(pages, 'Normal').pcp.free_factor === 0; pfn += 2) free(pages, pfn);
    events.take();
    free(pages, pair, 1);
    const drained = names(events.take(), 'D');
    // The refill had left three more pairs on the list; tails go first, then list after list.
    expect(drained.slice(0, 4).map(([, pfn, order]) => [pfn, order])).toEqual([6, 4, 2, 0].map((i) => [pair + i, 1]));
    expect(drained.slice(4).every(([, , order]) => order === 0)).toBe(true);
    expect(zoneOf(pages, 'Normal').pcp.count).toBe(0);
    pages.assertValid();
  });

  test('lists are visited in a circle from the freed one on', () => {
    const { pages, events } = machine({ batch: 4, high: 6, count: 5, lists: { 0: { pfns: [900, 902] }, 9: { pfns: [] }, 1: { pfns: [904, 906, 908] } } });
    free(pages, 500);
    // High 6, batch 4: between batch and high - batch, so 2 pages; list 1 has them.
    expect(names(events.take(), 'D').map(([, pfn]) => pfn)).toEqual([908, 906]);
    pages.drainLocalPages();
    expect(names(events.take(), 'D').map(([, pfn]) => pfn)).toEqual([902, 900, 904, 500]);
  });

  test('a huge page may overshoot the portion', () => {
    const { pages, events } = machine({ batch: 31, high: 408, count: 512, lists: { 13: { pfns: [512], migratetypes: [1] } } }, { 10: { 1: [2048] } });
    expect(pages.allocPages(MOVABLE, 10)).toBe(2048);
    pages.splitPage(2048, 10);
    events.take();
    free(pages, 2048);
    // 31 pages wanted from list 1 on: the one just freed, then a whole block of 512.
    expect(names(events.take(), 'D').map(([, pfn, order]) => [pfn, order])).toEqual([[2048, 0], [512, 9]]);
    expect(zoneOf(pages, 'Normal').pcp.count).toBe(0);
  });

  test('with high 0 every page goes straight back', () => {
    const { pages, events } = machine({ batch: 1, high: 0 });
    const pfn = pages.allocPages(MOVABLE, 0);
    expect(pages.nrPcpPages).toBe(0);
    events.take();
    free(pages, pfn);
    expect(names(events.take(), 'D')).toHaveLength(1);
    expect(pages.nrPcpPages).toBe(0);
  });

  test('while kswapd works, lists shrink to four batches', () => {
    const { pages } = held({}, { flags: 2 });
    free(pages, 500);
    // 61 pages against 32: one portion of a batch each time.
    expect(zoneOf(pages, 'Normal').pcp.count).toBe(53);
  });
});

describe('types', () => {
  test('19.46: a page of a high-atomic pageblock waits as movable and goes back as high-atomic', () => {
    const { pages } = machine({ batch: 4 }, PLENTY, { types: [3, ...new Array<number>(15).fill(1)] });
    pages.freePages(100, 0);
    expect(zoneOf(pages, 'Normal').pcp.lists).toEqual({ 1: { pfns: [100], migratetypes: [3] } });
    pages.drainLocalPages();
    expect(zoneOf(pages, 'Normal').free[0]).toEqual({ 3: [100] });
  });

  test('19.45: a page keeps the type it had when it was freed', () => {
    // Page 100 waits as reclaimable, though its pageblock is movable by now.
    const { pages } = machine({ batch: 4, count: 1, lists: { 2: { pfns: [100] } } });
    pages.drainLocalPages();
    expect(zoneOf(pages, 'Normal').free[0]).toEqual({ 2: [100] });
  });

  test('a page of an isolated pageblock does not wait', () => {
    const { pages } = machine({ batch: 4 }, PLENTY, { types: [4, ...new Array<number>(15).fill(1)] });
    const free = pages.nrFreePages;
    pages.freePages(100, 0);
    expect(pages.nrPcpPages).toBe(0);
    expect(zoneOf(pages, 'Normal').free[0]).toEqual({ 4: [100] });
    // Isolated pages are not counted as free.
    expect(pages.nrFreePages).toBe(free);
  });
});

test('each CPU has its own lists', () => {
  const cpus = { nrCpus: 2, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const pages = new BuddyAllocator({
    frames: createFrameTable({ nrFrames: 65536 }),
    zones: [{ kind: 'Normal', node: 0, startPfn: 0, spannedPages: 65536, present: [{ start: 0, end: 65536 }] }],
    cpus,
  });
  const a = pages.allocPages(MOVABLE, 0);
  cpus.cpu = 1;
  const b = pages.allocPages(MOVABLE, 0);
  expect(b - a).toBeGreaterThan(1);
  pages.freePages(a, 0);
  pages.freePages(b, 0);
  const waiting = pages.nrPcpPages;
  pages.drainLocalPages();
  expect(pages.nrPcpPages).toBeGreaterThan(0);
  expect(pages.nrPcpPages).toBeLessThan(waiting);
  pages.drainAllPages();
  expect(pages.nrPcpPages).toBe(0);
  expect(pages.nrFreePages).toBe(pages.managedPages);
});
