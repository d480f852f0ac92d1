import { __GFP_NOWARN, GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, NO_PAGE } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone, zoneOf, type FreeLists, type ZoneFixture } from '../test/fixtures.js';

/** Between min and low, so that an atomic request takes the slow path. */
const machine = (free: FreeLists, zone: Partial<ZoneFixture> = {}) => {
  const state = oneZone({
    start_pfn: 0,
    spanned: 8192,
    free,
    types: new Array<number>(16).fill(0),
    min: 10,
    low: 8000,
    high: 8000,
    pcp: { high: 0, batch: 1 },
    ...zone,
  });
  return load(state).pages;
};
const blocks = (pages: ReturnType<typeof machine>) => zoneOf(pages, 'Normal').pageblocks?.types ?? [];

describe('keeping a pageblock', () => {
  test('19.32: an atomic request of order 4 keeps its pageblock, and the free blocks in it', () => {
    const pages = machine({ 9: { 0: [512] } });
    expect(pages.allocPages(GFP_ATOMIC, 4)).toBe(512);
    const zone = zoneOf(pages, 'Normal');
    expect(zone.nr_reserved_highatomic).toBe(512);
    expect(blocks(pages)[1]).toBe(3);
    expect(Object.values(zone.free).flatMap((types) => Object.keys(types))).toEqual(['3', '3', '3', '3', '3']);
  });

  test('order 0, and requests that may wait or dig less deep, keep nothing', () => {
    for (const [gfp, order] of [[GFP_ATOMIC, 0], [GFP_NOWAIT, 4]] as const) {
      const pages = machine({ 9: { 0: [512] } });
      expect(pages.allocPages(gfp, order)).toBe(512);
      expect(zoneOf(pages, 'Normal').nr_reserved_highatomic).toBe(0);
    }
  });

  test('19.33: no more than a hundredth of the zone and a pageblock', () => {
    // 8192 / 100 + 512 = 593: with 512 kept there is room for one more, with 1024 there is not.
    const second = machine({ 10: { 0: [1024] } }, { nr_reserved_highatomic: 512 });
    second.allocPages(GFP_ATOMIC, 4);
    expect(zoneOf(second, 'Normal').nr_reserved_highatomic).toBe(1024);
    const third = machine({ 10: { 0: [1024] } }, { nr_reserved_highatomic: 1024 });
    third.allocPages(GFP_ATOMIC, 4);
    expect(zoneOf(third, 'Normal').nr_reserved_highatomic).toBe(1024);
  });

  test('kept blocks serve atomic requests first, and nobody else', () => {
    const kept = { 5: { 3: [512], 0: [1024] } };
    const types = [0, 3, ...new Array<number>(14).fill(0)];
    const pages = machine(kept, { types, nr_reserved_highatomic: 512, min: 0, low: 8000 });
    expect(pages.allocPages(GFP_ATOMIC, 4)).toBe(512);
    const others = machine({ 5: { 3: [512] } }, { types, min: 0, low: 0, high: 0 });
    expect(others.allocPages(GFP_NOWAIT | __GFP_NOWARN, 5)).toBe(NO_PAGE);
  });
});

describe('giving it back', () => {
  test('a request that may wait gets kept blocks before it fails, and their pageblock takes its type', () => {
    const types = [1, 3, ...new Array<number>(14).fill(1)];
    const pages = machine({ 5: { 3: [512] } }, { types, nr_reserved_highatomic: 512, nr_free_pages: 32, min: 0, low: 0, high: 0 });
    expect(pages.allocPages(GFP_KERNEL, 3)).toBe(512);
    expect(zoneOf(pages, 'Normal').nr_reserved_highatomic).toBe(0);
    expect(blocks(pages)[1]).toBe(0);
  });

  test('pageblocks given back stay where they are beside a free buddy, and such a state can be loaded', () => {
    const types = [1, 1, 1, 3, ...new Array<number>(12).fill(0)];
    const free = { 0: { 0: [2049] }, 9: { 1: [1024], 3: [1536] } };
    const pages = machine(free, { types, nr_reserved_highatomic: 512, min: 600, low: 600, high: 600 });
    pages.allocPages(GFP_KERNEL, 0);
    pages.assertValid();
    const state = pages.exportState();
    expect(state.zones[0].free[9]).toEqual({ 0: [1536], 1: [1024] });
    expect(load(state).pages.exportState()).toEqual(state);
  });
});
