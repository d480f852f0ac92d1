import { __GFP_MOVABLE, GFP_NOWAIT } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone, zoneOf, type FreeLists } from '../test/fixtures.js';

const MOVABLE = GFP_NOWAIT | __GFP_MOVABLE;

/** Pages go straight to the free areas: no per-CPU lists. */
const machine = (free: FreeLists, types?: number[]) =>
  load(oneZone({ start_pfn: 0, spanned: 4096, free, ...(types === undefined ? {} : { types }), pcp: { high: 0, batch: 1 } }));
const free = (pages: Parameters<typeof zoneOf>[0]) => zoneOf(pages, 'Normal').free;

describe('splitting', () => {
  test('the lower half is handed out, upper halves go to the heads', () => {
    const { pages, events } = machine({ 3: { 1: [64] }, 6: { 1: [128] }, 4: { 0: [256] } });
    expect(pages.allocPages(MOVABLE, 4)).toBe(128);
    expect(free(pages)).toEqual({ 3: { 1: [64] }, 4: { 0: [256], 1: [144] }, 5: { 1: [160] } });
    expect(events.splits).toBe(2);
    expect(pages.allocPages(MOVABLE, 2)).toBe(64);
    expect(free(pages)[2]).toEqual({ 1: [68] });
  });

  test('the smallest order that has a block is taken, its first block', () => {
    const { pages } = machine({ 5: { 1: [128, 64] }, 6: { 1: [256] } });
    expect(pages.allocPages(MOVABLE, 4)).toBe(128);
    expect(pages.allocPages(MOVABLE, 4)).toBe(144);
    expect(pages.allocPages(MOVABLE, 4)).toBe(64);
  });
});

describe('merging', () => {
  test('buddies join upwards as long as the next buddy is free', () => {
    const { pages, events } = machine({ 0: { 1: [65] }, 1: { 1: [66] }, 2: { 1: [68] }, 4: { 1: [80] } });
    pages.freePages(64, 0);
    // 64 + 65, + 66..67, + 68..71; the buddy at order 3 is 72..79, in use.
    expect(free(pages)).toEqual({ 3: { 1: [64] }, 4: { 1: [80] } });
    expect(events.merges).toBe(3);
    pages.assertValid();
  });

  test('neighbours that are not buddies do not join', () => {
    const { pages } = machine({ 0: { 1: [66] } });
    pages.freePages(65, 0);
    expect(free(pages)).toEqual({ 0: { 1: [65, 66] } });
  });

  test('the freed block decides the list, whatever list the buddy was on', () => {
    const { pages } = machine({ 0: { 0: [65] } });
    pages.freePages(64, 0);
    expect(free(pages)).toEqual({ 1: { 1: [64] } });
  });

  test('19.19: a pageblock merges with an unmovable neighbour, not with a high-atomic one', () => {
    const pageblock = (type: number) => {
      const { pages } = machine({ 9: { [type]: [512] } }, [1, type, 1, 1, 1, 1, 1, 1]);
      // Page by page: a pageblock in use of which every page is freed.
      for (let pfn = 0; pfn < 512; pfn++) if (pfn > 0) pages.freePages(pfn, 0);
      return free(pages);
    };
    // Frame 0 is never free here, so 256 is the largest block that can form in pageblock 0.
    expect(pageblock(0)[9]).toEqual({ 0: [512] });
    const { pages } = machine({ 9: { 3: [1536], 0: [2560] } }, [1, 1, 1, 3, 1, 0, 1, 1]);
    for (let pfn = 1024; pfn < 1536; pfn++) pages.freePages(pfn, 0);
    expect(free(pages)).toEqual({ 9: { 0: [2560], 1: [1024], 3: [1536] } });
    for (let pfn = 2048; pfn < 2560; pfn++) pages.freePages(pfn, 0);
    expect(free(pages)).toEqual({ 9: { 1: [1024], 3: [1536] }, 10: { 1: [2048] } });
    pages.assertValid();
  });
});

describe('place in the list', () => {
  test('the head, when no larger merge is in sight', () => {
    const { pages } = machine({ 0: { 1: [200] } });
    pages.freePages(64, 0);
    expect(free(pages)[0]).toEqual({ 1: [64, 200] });
  });

  test('19.17: the tail, when the next larger buddy is free', () => {
    const { pages } = machine({ 0: { 1: [200] }, 1: { 1: [66] } });
    pages.freePages(64, 0);
    expect(free(pages)[0]).toEqual({ 1: [200, 64] });
  });

  test('the same for a block that merged first', () => {
    const { pages } = machine({ 0: { 1: [65] }, 1: { 1: [200] }, 2: { 1: [68] } });
    pages.freePages(64, 0);
    expect(free(pages)[1]).toEqual({ 1: [200, 64] });
  });

  test('19.18: always the head from order 9 on', () => {
    const { pages } = machine({ 9: { 1: [3072] }, 10: { 1: [2048] } });
    for (let pfn = 1024; pfn < 1536; pfn++) pages.freePages(pfn, 0);
    // The buddy's parent 2048 is free at order 10, but there is nothing larger to wait for.
    expect(free(pages)[9]).toEqual({ 1: [1024, 3072] });
  });
});
