import { __GFP_MOVABLE, __GFP_RECLAIMABLE, GFP_NOWAIT, NO_PAGE } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, lowMachine, oneZone, zoneOf, zoneState, type FreeLists, type ZoneFixture } from '../test/fixtures.js';

const UNMOVABLE = GFP_NOWAIT;
const MOVABLE = GFP_NOWAIT | __GFP_MOVABLE;
const RECLAIMABLE = GFP_NOWAIT | __GFP_RECLAIMABLE;

/** Pageblocks 0 to 15, all movable unless said otherwise; per-CPU lists that hold nothing. */
const machine = (free: FreeLists, types: Readonly<Record<number, number>> = {}, rest: Partial<ZoneFixture> = {}) =>
  load(
    oneZone({
      start_pfn: 0,
      spanned: 8192,
      free,
      types: Array.from({ length: 16 }, (_, i) => types[i] ?? 1),
      pcp: { high: 0, batch: 1 },
      ...rest,
    }),
  );

const typesOf = (pages: Parameters<typeof zoneOf>[0]) => zoneOf(pages, 'Normal').pageblocks?.types ?? [];
const steals = (events: readonly (readonly (string | number)[])[]) => events.filter(([name]) => name === 'X');

describe('what is taken', () => {
  test('19.23: the largest block first; the types decide only between blocks of one order', () => {
    const { pages, events } = machine({ 5: { 2: [64] }, 10: { 1: [1024] } });
    expect(pages.allocPages(UNMOVABLE, 0)).toBe(1024);
    expect(steals(events.take())).toEqual([['X', 1024, 0, 10, 0, 1, 1]]);
  });

  test.each([
    [UNMOVABLE, { 10: { 1: [1024], 2: [2048] } }, 2048],
    [MOVABLE, { 10: { 0: [1024], 2: [2048] } }, 2048],
    [RECLAIMABLE, { 10: { 0: [1024], 1: [2048] } }, 1024],
  ])('at one order, flags %i prefer the kinder type', (gfp, free, pfn) => {
    expect(machine(free).pages.allocPages(gfp, 0)).toBe(pfn);
  });

  test('19.24: two pageblocks change type with a block of order 10', () => {
    const { pages } = machine({ 10: { 1: [1024] } });
    pages.allocPages(UNMOVABLE, 0);
    expect(typesOf(pages).slice(0, 5)).toEqual([1, 1, 0, 0, 1]);
  });

  test('19.21: a movable request takes the smallest small block and leaves the pageblock alone', () => {
    const { pages, events } = machine({ 2: { 0: [512] }, 3: { 2: [1024] } }, { 1: 0, 2: 2 });
    expect(pages.allocPages(MOVABLE, 0)).toBe(512);
    expect(steals(events.take())).toEqual([['X', 512, 0, 2, 1, 0, 0]]);
    expect(typesOf(pages).slice(1, 3)).toEqual([0, 2]);
  });

  test('19.22: from order 4 on, a movable request moves the whole pageblock', () => {
    const { pages } = machine({ 4: { 0: [512] }, 2: { 0: [600] } }, { 1: 0 });
    pages.allocPages(MOVABLE, 0);
    expect(zoneOf(pages, 'Normal').free).toEqual({ 0: { 1: [601] }, 1: { 1: [602] }, 4: { 1: [512] } });
  });

  test('nothing of any type, or only reserved and isolated blocks: no page', () => {
    expect(machine({}).pages.allocPages(UNMOVABLE, 0)).toBe(NO_PAGE);
    const { pages } = machine({ 10: { 4: [1024] } }, { 2: 4, 3: 4 }, { nr_free_pages: 0 });
    expect(pages.allocPages(MOVABLE, 0)).toBe(NO_PAGE);
  });
});

describe('whom the pageblock belongs to afterwards', () => {
  /** Every second block of order 4 in pageblock 1, 256 pages: half of it. */
  const more = { 4: { 1: Array.from({ length: 16 }, (_, i) => 512 + 32 * i) } };

  test('with half of its pages free it changes type', () => {
    const { pages } = machine(more);
    pages.allocPages(UNMOVABLE, 0);
    expect(typesOf(pages)[1]).toBe(0);
    expect(Object.keys(zoneOf(pages, 'Normal').free[4])).toEqual(['0']);
  });

  test('with few free pages it keeps its type, though its free blocks move', () => {
    const { pages, events } = machine({ 3: { 1: [512, 528] } }, {}, { lru_or_movable_ranges: [[536, 480]] });
    pages.allocPages(UNMOVABLE, 3);
    expect(steals(events.take())).toEqual([['X', 512, 3, 3, 0, 1, 0]]);
    expect(typesOf(pages)[1]).toBe(1);
    expect(zoneOf(pages, 'Normal').free).toEqual({ 3: { 0: [528] } });
  });

  test('used pages that cannot move count for an unmovable request', () => {
    const { pages } = machine({ 3: { 1: [512, 528] } });
    pages.allocPages(UNMOVABLE, 3);
    expect(typesOf(pages)[1]).toBe(0);
  });

  test('used pages that can move count for a movable request', () => {
    const few = { 4: { 0: [512] } };
    const without = machine(few, { 1: 0 });
    without.pages.allocPages(MOVABLE, 4);
    expect(typesOf(without.pages)[1]).toBe(0);
    const { pages } = machine(few, { 1: 0 }, { lru_or_movable_ranges: [[528, 240]] });
    pages.allocPages(MOVABLE, 4);
    expect(typesOf(pages)[1]).toBe(1);
  });

  test('a pageblock that ends outside the zone gives only the block itself', () => {
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 700, free: { 3: { 1: [512] }, 2: { 1: [600] } }, pcp: { high: 0, batch: 1 } }));
    pages.allocPages(UNMOVABLE, 3);
    expect(zoneOf(pages, 'Normal').free).toEqual({ 2: { 1: [600] } });
  });
});

describe('watermark boost', () => {
  const stolen = (rest: Partial<ZoneFixture>) => {
    const { pages } = machine({ 4: { 1: [512, 544] } }, {}, rest);
    pages.allocPages(UNMOVABLE, 0);
    return zoneOf(pages, 'Normal');
  };

  test('grows by a pageblock, up to one and a half times the high watermark', () => {
    // The request must still pass a mark of min + boost, which is 0 before the steal.
    expect(stolen({ high: 1000 }).watermark_boost).toBe(512);
    expect(stolen({ high: 1 }).watermark_boost).toBe(512);
  });

  test('stays 0 in a small zone, without a high watermark, or when a whole pageblock changes hands', () => {
    expect(stolen({ high: 1000, managed: 2047 }).watermark_boost).toBe(0);
    expect(stolen({ high: 0 }).watermark_boost).toBe(0);
    const { pages } = machine({ 10: { 1: [1024] } }, {}, { high: 1000 });
    pages.allocPages(UNMOVABLE, 0);
    expect(zoneOf(pages, 'Normal').watermark_boost).toBe(0);
  });
});

describe('avoiding a mix of types', () => {
  /** Normal has movable memory below a pageblock's size, DMA32 has unmovable pages. */
  const zones = {
    dma32: { start_pfn: 4096, spanned: 4096, free: { 3: { 0: [5000] } } },
    normal: { start_pfn: 8192, spanned: 4096, free: { 8: { 1: [8448] } } },
  };

  test('19.25: a request that prefers Normal goes to DMA32 before it mixes types', () => {
    const state = {
      zones: [
        zoneState('DMA', 0, { start_pfn: 1, spanned: 4095 }),
        zoneState('DMA32', 1, zones.dma32),
        zoneState('Normal', 2, zones.normal),
        zoneState('Movable', 3, { start_pfn: 0, spanned: 0 }),
      ],
    };
    const { pages } = load(state);
    expect(pages.allocPages(UNMOVABLE, 0)).toBe(5000);
    // Whatever is left over there: with none of its own type anywhere, it mixes after all.
    for (let i = 0; i < 7; i++) pages.allocPages(UNMOVABLE, 0);
    expect(pages.allocPages(UNMOVABLE, 0)).toBe(8448);
  });

  test('19.26: where all memory lies below 4 GiB nobody minds', () => {
    const { pages } = load(
      lowMachine({ start_pfn: 1, spanned: 4095, free: { 3: { 0: [1000] } } }, { start_pfn: 4096, spanned: 8192, free: { 8: { 1: [8448] } } }),
    );
    expect(pages.allocPages(UNMOVABLE, 0)).toBe(8448);
  });
});
