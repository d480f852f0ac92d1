import {
  __GFP_NORETRY,
  COMPACT_COMPLETE,
  COMPACT_DEFERRED,
  COMPACT_NOT_SUITABLE_ZONE,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  NO_PAGE,
  PB_SKIP,
} from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { load, oneZone, type FreeLists } from '../../test/fixtures.js';
import { BuddyAllocator, MemoryPressure, PagePool } from '../index.js';
import { CompactionDeferral } from './compaction-limits.js';

/** A zone of eight pageblocks; all frames from 512 on whose number is odd are free, the others are in the pool or held. */
function chequered(options: { types?: number[]; held?: (pfn: number) => boolean; min?: number } = {}) {
  const moves = new Map<number, number>();
  const pool = new PagePool({ moved: (from, to) => void moves.set(from, to) });
  const reclaim = new MemoryPressure({ pool });
  const odd: number[] = [];
  for (let pfn = 513; pfn < 4096; pfn += 2) odd.push(pfn);
  const min = options.min ?? 100;
  const state = oneZone({
    start_pfn: 0,
    spanned: 4096,
    free: { 0: { 1: odd } },
    types: options.types ?? new Array<number>(8).fill(1),
    pcp: { high: 0, batch: 1 },
    ...{ min, low: min, high: min },
  });
  const memory = createMemory({ sizeBytes: 4096 * 4096, backing: 'sparse' });
  const { pages } = load(state, { reclaim, memory });
  for (let pfn = 512; pfn < 4096; pfn += 2) if (options.held?.(pfn) !== true) pool.add(pfn);
  return { pages, reclaim, moves, pool, memory, compact: (order: number, priority: number) => reclaim.compact(order, GFP_KERNEL, priority, 0, 0) };
}

test('pages move up until a block of the order is there', () => {
  const { pages, moves, pool, compact, reclaim } = chequered();
  const before = pages.nrFreePages;
  expect(compact(9, COMPACT_PRIO_SYNC_LIGHT)).toBe(COMPACT_SUCCESS);
  expect(pages.nrFreePages).toBe(before);
  expect(moves.size).toBeGreaterThan(200);
  for (const [from, to] of moves) {
    expect(to).toBeGreaterThan(from);
    expect([pool.has(from), pool.has(to)]).toEqual([false, true]);
  }
  expect(reclaim.events).toMatchObject({ compact_stall: 1, compact_success: 1, pgmigrate_success: moves.size });
  expect(pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 9)).toBeGreaterThan(0);
  pages.assertValid();
});

test('contents and owner words move with the page', () => {
  const { compact, memory, moves, pages } = chequered();
  memory.fill(512 * 4096, 4096, 0x5a);
  expect(compact(8, COMPACT_PRIO_SYNC_LIGHT)).toBe(COMPACT_SUCCESS);
  const to = moves.get(512) ?? 0;
  expect(memory.view(to * 4096, 4096).every((byte) => byte === 0x5a)).toBe(true);
  pages.assertValid();
});

test('an allocation that needs a block gets it by compaction alone', () => {
  const { pages, reclaim } = chequered();
  expect(pages.allocPages(GFP_KERNEL, 9)).toBeGreaterThan(0);
  expect([reclaim.events.pgsteal_direct, reclaim.events.compact_success]).toEqual([0, 1]);
});

test('pages that are not in the pool, or that somebody else holds, stay', () => {
  const { compact, moves, pages } = chequered({ held: (pfn) => pfn % 16 === 0 });
  pages.getPage(514);
  expect(compact(9, COMPACT_PRIO_SYNC_LIGHT)).toBe(COMPACT_COMPLETE);
  expect([...moves.keys()].some((pfn) => pfn % 16 === 0 || pfn === 514)).toBe(false);
  pages.assertValid();
});

describe('whether it is tried', () => {
  test('a block that is there already is a success without work', () => {
    const { compact, moves } = chequered();
    compact(5, COMPACT_PRIO_SYNC_LIGHT);
    const { size } = moves;
    expect(compact(5, COMPACT_PRIO_SYNC_LIGHT)).toBe(COMPACT_SUCCESS);
    expect(moves.size).toBe(size);
  });

  test.each([
    // Free are 1792; needed are min and twice the block.
    [1792 - 1024 - 1, COMPACT_SUCCESS],
    [1792 - 1024, COMPACT_SKIPPED],
  ])('min %i: result %i, for there must be room to move to', (min, result) => {
    expect(chequered({ min }).compact(9, COMPACT_PRIO_SYNC_LIGHT)).toBe(result);
  });

  test('a costly order for which memory lacks rather than blocks is skipped', () => {
    const free: FreeLists = { 3: { 1: [512, 528, 544] } };
    const reclaim = new MemoryPressure();
    load(oneZone({ start_pfn: 0, spanned: 4096, free, pcp: { high: 0, batch: 1 } }), { reclaim });
    expect(reclaim.compact(4, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toBe(COMPACT_SKIPPED);
  });
});

describe('pageblocks', () => {
  test('async takes pages from movable ones only', () => {
    const types = [1, 0, 0, 0, 1, 1, 1, 1];
    const { compact, moves } = chequered({ types });
    compact(8, COMPACT_PRIO_ASYNC);
    expect([...moves.keys()].every((pfn) => types[pfn >> 9] === 1)).toBe(true);
  });

  test('pages do not move into unmovable ones, unless by all means', () => {
    const types = [1, 1, 1, 1, 0, 0, 0, 0];
    const into = (priority: number) => {
      const { compact, moves } = chequered({ types });
      compact(9, priority);
      return new Set([...moves.values()].map((pfn) => types[pfn >> 9]));
    };
    expect(into(COMPACT_PRIO_SYNC_LIGHT)).toEqual(new Set([1]));
    expect(into(COMPACT_PRIO_SYNC_FULL)).toEqual(new Set([0]));
  });

  test('where nothing could be moved a mark says so', () => {
    const { pages, reclaim } = chequered({ held: () => true });
    expect(reclaim.compact(9, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toBe(COMPACT_COMPLETE);
    expect(reclaim.events.compact_migrate_scanned).toBeGreaterThan(1000);
    pages.assertValid();
  });

  test('marks are taken off when compaction starts anew', () => {
    const frames = createFrameTable({ nrFrames: 8192 });
    const reclaim = new MemoryPressure();
    const pages = new BuddyAllocator({ frames, reclaim });
    const held = Array.from({ length: 8191 }, () => pages.allocPages(GFP_HIGHUSER_MOVABLE, 0));
    for (const pfn of held) if (pfn % 2 === 1) pages.freePages(pfn, 0);
    pages.drainAllPages();
    frames.pageblocks[3] |= PB_SKIP;
    expect(reclaim.compact(9, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toBe(COMPACT_COMPLETE);
    for (const pfn of held) if (pfn % 2 === 0) reclaim.pool.add(pfn);
    expect(reclaim.compact(9, GFP_KERNEL, COMPACT_PRIO_SYNC_FULL, 0, 0)).toBe(COMPACT_SUCCESS);
    pages.assertValid();
  });
});

describe('deferral', () => {
  test('after a failure 2, 4, ... 64 attempts are skipped', () => {
    const deferral = new CompactionDeferral();
    const skipped = () => {
      let n = 0;
      while (deferral.isDeferred(4)) n++;
      return n;
    };
    expect(skipped()).toBe(0);
    const counts = Array.from({ length: 8 }, () => {
      deferral.failed(4);
      return skipped();
    });
    expect(counts).toEqual([2, 4, 8, 16, 32, 64, 64, 64]);
  });

  test('lower orders than the one that failed are not skipped; success ends it', () => {
    const deferral = new CompactionDeferral();
    deferral.failed(4);
    expect([deferral.isDeferred(3), deferral.isDeferred(5)]).toEqual([false, true]);
    deferral.succeeded(4);
    expect(deferral.isDeferred(5)).toBe(false);
  });

  test('async failures do not defer, others do, and full priority does not care', () => {
    const { compact } = chequered({ held: () => true });
    expect(compact(9, COMPACT_PRIO_ASYNC)).toBe(COMPACT_COMPLETE);
    expect(compact(9, COMPACT_PRIO_SYNC_LIGHT)).toBe(COMPACT_COMPLETE);
    expect(compact(9, COMPACT_PRIO_ASYNC)).toBe(COMPACT_DEFERRED);
    expect(compact(9, COMPACT_PRIO_SYNC_FULL)).toBe(COMPACT_COMPLETE);
  });

  test('a costly NORETRY request gives up at once while compaction waits', () => {
    const { pages, compact, reclaim } = chequered({ held: () => true });
    compact(9, COMPACT_PRIO_SYNC_LIGHT);
    expect(pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 9)).toBe(NO_PAGE);
    expect(reclaim.events.allocstall[0]).toBe(0);
  });
});

test('kcompactd does nothing unless it was woken', () => {
  const { reclaim, moves } = chequered({ min: 1700 });
  reclaim.kswapd(0).wake(8, 0, 0);
  expect(reclaim.runKcompactd(0)).toBe(COMPACT_NOT_SUITABLE_ZONE);
  expect(moves.size).toBe(0);
});
