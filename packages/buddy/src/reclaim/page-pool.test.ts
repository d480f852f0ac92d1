import { __GFP_COMP, GFP_HIGHUSER_MOVABLE, PG_active, PG_lru, PG_slab } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator, MemoryPressure, PagePool, type PageOwner } from '../index.js';

/** A pool with `n` pages of an allocator, oldest first. */
function pool(n: number, owner: PageOwner = {}) {
  const reclaim = new MemoryPressure({ pool: new PagePool(owner) });
  const frames = createFrameTable({ nrFrames: 4096 });
  const pages = new BuddyAllocator({ frames, reclaim });
  const pfns = Array.from({ length: n }, () => pages.allocPages(GFP_HIGHUSER_MOVABLE, 0));
  for (const pfn of pfns) reclaim.pool.add(pfn);
  const gone: number[] = [];
  const shrink = (nr: number, highestZone = 0, mayWrite = true) =>
    reclaim.pool.shrink(0, highestZone, nr, mayWrite, (pfn) => {
      gone.push(pfn);
      pages.freePages(pfn, 0);
    });
  return { pool: reclaim.pool, pages, frames, pfns, gone, shrink };
}

const sizes = (of: PagePool): number[] => [of.pagesOfNode(0, false), of.pagesOfNode(0, true)];

test('inactive pages go oldest first', () => {
  const { pfns, gone, shrink, pool: p, pages } = pool(5);
  expect(shrink(3)).toEqual({ scanned: 3, reclaimed: 3 });
  expect(gone).toEqual(pfns.slice(0, 3));
  expect(sizes(p)).toEqual([2, 0]);
  pages.assertValid();
});

test('a page used once gets a second chance, as an active one', () => {
  const { pfns, gone, shrink, pool: p, frames } = pool(3);
  p.touch(pfns[0]);
  expect(shrink(3)).toEqual({ scanned: 3, reclaimed: 2 });
  expect(gone).toEqual(pfns.slice(1));
  expect(sizes(p)).toEqual([0, 1]);
  expect(frames.flags[pfns[0]] & ((1 << PG_active) | (1 << PG_lru))).toBe((1 << PG_active) | (1 << PG_lru));
});

test('a page used twice becomes active at once', () => {
  const { pfns, pool: p } = pool(2);
  p.touch(pfns[1]);
  expect(sizes(p)).toEqual([2, 0]);
  p.touch(pfns[1]);
  expect(sizes(p)).toEqual([1, 1]);
});

test('active pages age; those used meanwhile stay', () => {
  const { pfns, pool: p } = pool(3);
  for (const pfn of pfns) for (let i = 0; i < 2; i++) p.touch(pfn);
  p.touch(pfns[0]);
  p.age(0, 3);
  expect(sizes(p)).toEqual([2, 1]);
  p.age(0, 3);
  expect(sizes(p)).toEqual([3, 0]);
});

test('a dirty page is written first and goes the next time; without leave to write it stays', () => {
  const written: number[] = [];
  const { pfns, gone, shrink, pool: p } = pool(2, { write: (pfn) => written.push(pfn) });
  p.setDirty(pfns[0]);
  expect(shrink(1, 0, false)).toEqual({ scanned: 1, reclaimed: 0 });
  expect(written).toEqual([]);
  expect(shrink(2)).toEqual({ scanned: 2, reclaimed: 1 });
  expect(written).toEqual([pfns[0]]);
  shrink(1);
  expect(gone).toEqual([pfns[1], pfns[0]]);
});

test('pages of zones that do not help are passed over', () => {
  const { shrink, pool: p } = pool(3);
  expect(shrink(3, -1)).toEqual({ scanned: 0, reclaimed: 0 });
  expect(sizes(p)).toEqual([3, 0]);
});

test('the owner hears of pages that go', () => {
  const heard: number[] = [];
  const { pfns, shrink } = pool(2, { reclaimed: (pfn) => heard.push(pfn) });
  shrink(2);
  expect(heard).toEqual(pfns);
});

test('a page that moves keeps its place among the active ones and its marks', () => {
  const moves: number[][] = [];
  const { pfns, pool: p, pages, frames } = pool(2, { moved: (...args) => moves.push(args) });
  for (let i = 0; i < 3; i++) p.touch(pfns[0]);
  const to = pages.allocPages(GFP_HIGHUSER_MOVABLE, 0);
  p.move(pfns[0], to);
  expect([p.has(pfns[0]), p.has(to), frames.flags[pfns[0]]]).toEqual([false, true, 0]);
  expect(moves).toEqual([[pfns[0], to]]);
  p.age(0, 1);
  expect(sizes(p)).toEqual([1, 1]);
  pages.freePages(pfns[0], 0);
  pages.assertValid();
});

test('a page taken out is its owner\'s again', () => {
  const { pfns, pool: p, pages } = pool(1);
  p.remove(pfns[0]);
  pages.freePages(pfns[0], 0);
  expect(sizes(p)).toEqual([0, 0]);
  pages.assertValid();
});

test('a page that somebody else holds stays, and is not written either', () => {
  const written: number[] = [];
  const { pfns, gone, shrink, pool: p, pages } = pool(3, { write: (pfn) => written.push(pfn) });
  pages.getPage(pfns[0]);
  expect(shrink(3)).toEqual({ scanned: 3, reclaimed: 2 });
  expect([gone, written, sizes(p)]).toEqual([pfns.slice(1), [], [1, 0]]);
  pages.putPage(pfns[0]);
  expect(shrink(1)).toEqual({ scanned: 1, reclaimed: 1 });
  pages.assertValid();
});

describe('misuse', () => {
  test('a block, a reserved frame, a frame of a cache', () => {
    const { pool: p, pages, frames } = pool(0);
    const block = pages.allocPages(GFP_HIGHUSER_MOVABLE | __GFP_COMP, 2);
    const slab = pages.allocPages(GFP_HIGHUSER_MOVABLE, 0);
    frames.flags[slab] |= 1 << PG_slab;
    for (const pfn of [block, slab]) expect(() => { p.add(pfn); }).toThrow(/not a single page/);
    const partly = new MemoryPressure();
    const late = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), free: [{ start: 512, end: 1024 }], reclaim: partly });
    expect(() => { partly.pool.add(100); }).toThrow(/not a single page/);
    late.assertValid();
  });

  test('a page in the pool, a free one, none at all', () => {
    const { pfns, pool: p, pages } = pool(1);
    const free = pages.allocPages(GFP_HIGHUSER_MOVABLE, 0);
    pages.freePages(free, 0);
    for (const pfn of [pfns[0], free, -1, 0.5, NaN, 2 ** 32]) expect(() => { p.add(pfn); }).toThrow(/not a single page with one reference/);
    for (const pfn of [free, -1]) expect(() => { p.touch(pfn); }).toThrow(/not in the pool/);
    pages.assertValid();
  });

  test('a page in the pool cannot be freed: it would be on two lists', () => {
    const { pfns, pages } = pool(1);
    expect(() => { pages.freePages(pfns[0], 0); }).toThrow(/lru/);
  });

  test('a pool serves one allocator, and none before it was passed on', () => {
    const shared = new PagePool();
    const make = () => new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), reclaim: new MemoryPressure({ pool: shared }) });
    expect(() => { shared.add(1); }).toThrow(/not attached/);
    make();
    expect(make).toThrow(/serves one allocator/);
  });
});
