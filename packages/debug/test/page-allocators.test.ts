/** The rules of the PageAllocator contract hold through every wrapper, around every implementation. */
import { bitmapAllocator, BuddyAllocator } from '@kmem/buddy';
import { pageAllocatorSuite, Random, ReferencePageAllocator, runPageAllocatorModel } from '@kmem/conformance';
import { __GFP_DIRECT_RECLAIM, __GFP_HIGHMEM, __GFP_NOFAIL, GFP_KERNEL, GFP_NOWAIT, NO_PAGE, type PageAllocator } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { counting, failing } from '../src/index.js';

const MAX_ORDER = 8;
const START = 2 ** (MAX_ORDER - 1);

const implementations: Readonly<Record<string, (pages: number) => PageAllocator>> = {
  buddy: (pages) =>
    new BuddyAllocator({
      frames: createFrameTable({ nrFrames: START + pages, maxOrder: MAX_ORDER, pageblockOrder: MAX_ORDER - 1 }),
      maxOrder: MAX_ORDER,
      free: [{ start: START, end: START + pages }],
    }),
  bitmap: (nrPages) => bitmapAllocator({ nrPages, maxOrder: MAX_ORDER }),
  reference: (pages) => new ReferencePageAllocator({ pages, maxOrder: MAX_ORDER }),
};

const wrappers: Readonly<Record<string, (pages: PageAllocator) => PageAllocator>> = {
  failing: (pages) => failing(pages),
  counting: (pages) => counting(pages),
  'counting around failing': (pages) => counting(failing(pages)),
};

for (const [name, create] of Object.entries(implementations)) {
  for (const [wrapper, wrap] of Object.entries(wrappers)) {
    pageAllocatorSuite(test, { name: `${wrapper} ${name}`, maxOrder: MAX_ORDER, create: (pages) => wrap(create(pages)) });
  }

  test(`${name}: random calls of which every tenth fails on purpose`, () => {
    const inner = create(1000);
    const faulty = failing(inner, { probability: 100, times: -1, interval: 10, minOrder: 0 });
    const counted = counting(faulty);
    const report = runPageAllocatorModel({ allocator: counted, endPfn: START + 1000, seed: 3, operations: 10_000 });
    const counts = counted.counts();
    expect(faulty.failures).toBeGreaterThan(100);
    expect(counts.failures).toBe(report.shortages);
    expect(counts.peakPages).toBe(report.peakPages);
    expect(inner.nrFreePages).toBe(1000);
  });
}

function small(): PageAllocator {
  return implementations['bitmap'](64);
}

describe('failing', () => {
  test('by default nothing fails', () => {
    const pages = failing(small(), {});
    for (let i = 0; i < 16; i++) expect(pages.allocPages(GFP_NOWAIT, 2)).not.toBe(NO_PAGE);
    expect(pages.failures).toBe(0);
  });

  test('single pages, requests that may reclaim, highmem and __GFP_NOFAIL are exempt', () => {
    const pages = failing(small(), { probability: 100, times: -1 });
    expect(pages.allocPages(GFP_NOWAIT, 0)).not.toBe(NO_PAGE);
    for (const gfp of [GFP_KERNEL, __GFP_DIRECT_RECLAIM, __GFP_HIGHMEM, __GFP_NOFAIL]) expect(pages.allocPages(gfp, 1)).not.toBe(NO_PAGE);
    expect(pages.allocPages(GFP_NOWAIT, 1)).toBe(NO_PAGE);
    expect(pages.allocPagesNode(0, GFP_NOWAIT, 1)).toBe(NO_PAGE);
    expect(pages.allocPagesExact(4097, GFP_NOWAIT)).toBe(NO_PAGE);
  });

  test('all exemptions but __GFP_NOFAIL can be lifted', () => {
    const pages = failing(small(), { probability: 100, times: -1, minOrder: 0, ignoreGfpHighmem: false, ignoreGfpReclaim: false });
    for (const gfp of [GFP_NOWAIT, GFP_KERNEL, __GFP_HIGHMEM]) expect(pages.allocPages(gfp, 0)).toBe(NO_PAGE);
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOFAIL, 0)).not.toBe(NO_PAGE);
    expect(pages.allocPagesExact(1, GFP_KERNEL)).toBe(NO_PAGE);
  });

  test('of a bulk request all missing pages are missing', () => {
    const pages = failing(small(), { minOrder: 0 });
    const slots = new Int32Array([7, NO_PAGE, NO_PAGE]);
    pages.failNth(1);
    expect(pages.allocPagesBulk(GFP_NOWAIT, 3, slots)).toBe(1);
    expect(Array.from(slots)).toEqual([7, NO_PAGE, NO_PAGE]);
    expect(pages.allocPagesBulk(GFP_NOWAIT, 3, slots)).toBe(3);
  });

  test('space is served first, interval counts calls, times is the most that fail', () => {
    const fails = (options: Parameters<typeof failing>[1], calls: number) => {
      const pages = failing(small(), { minOrder: 0, ...options });
      return Array.from({ length: calls }, () => (pages.allocPages(GFP_NOWAIT, 1) === NO_PAGE ? 'x' : '.')).join('');
    };
    expect(fails({ probability: 100 }, 4)).toBe('x...');
    expect(fails({ probability: 100, times: 2 }, 4)).toBe('xx..');
    expect(fails({ probability: 100, times: -1, interval: 3 }, 9)).toBe('..x..x..x');
    // A request fails once what is left of the space is no more than its size: 5, 3, 1 pages.
    expect(fails({ probability: 100, times: -1, space: 5 }, 4)).toBe('..xx');
  });

  test('a chance is drawn with the dice of the caller', () => {
    const random = new Random(1);
    const pages = failing(small(), { probability: 30, times: -1, minOrder: 0, dice: () => random.below(100) });
    for (let i = 0; i < 10_000; i++) {
      const pfn = pages.allocPages(GFP_NOWAIT, 0);
      if (pfn !== NO_PAGE) pages.freePages(pfn, 0);
    }
    expect(pages.failures).toBeGreaterThan(2800);
    expect(pages.failures).toBeLessThan(3200);
  });

  test.each([
    ['probability', 101],
    ['probability', NaN],
    ['probability', 50],
    ['interval', 0],
    ['times', -2],
    ['space', -1],
    ['space', 0.5],
    ['minOrder', -1],
    ['minOrder', NaN],
  ])('%s %d is refused', (name, value) => {
    expect(() => failing(small(), { [name]: value })).toThrow(new RegExp(`^${name} is ${value}`));
  });

  test.each([NaN, -1, 0.5, 2 ** 53])('failNth(%d) is refused', (n) => {
    expect(() => failing(small()).failNth(n)).toThrow(RangeError);
  });
});

test('counting counts requests by order, failures, frees and the peak', () => {
  const pages = counting(small());
  const block = pages.allocPages(GFP_NOWAIT, 3);
  const exact = pages.allocPagesExact(3 * 4096, GFP_NOWAIT);
  const slots = new Int32Array(5).fill(NO_PAGE);
  pages.allocPagesBulk(GFP_NOWAIT, 2, slots);
  expect(pages.allocPagesNode(0, GFP_NOWAIT, MAX_ORDER)).toBe(NO_PAGE);
  pages.getPage(block);
  pages.putPage(block);
  pages.freePages(block, 3);
  pages.freePagesExact(exact, 3 * 4096);
  expect(() => pages.freePages(block, 3)).toThrow('DOUBLE_FREE');
  const byOrder = [2, 0, 1, 1, 0, 0, 0, 0];
  expect(pages.counts()).toEqual({ allocations: 4, failures: 1, frees: 5, allocationsByOrder: byOrder, peakPages: 13 });
});
