/** The allocator of bitmaps: the rules of the contract, and what it promises beyond them. */
import { pageAllocatorSuite, runPageAllocatorModel } from '@kmem/conformance';
import { __GFP_COMP, __GFP_ZERO, GFP_KERNEL, NO_PAGE } from '@kmem/contracts';
import { createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { bitmapAllocator } from '../src/index.js';

pageAllocatorSuite(test, { name: 'bitmap', maxOrder: 11, create: (nrPages) => bitmapAllocator({ nrPages }) });
pageAllocatorSuite(test, { name: 'bitmap with 5 orders', maxOrder: 5, create: (nrPages) => bitmapAllocator({ nrPages, maxOrder: 5 }) });
pageAllocatorSuite(test, { name: 'bitmap far up', maxOrder: 11, create: (nrPages) => bitmapAllocator({ nrPages, startPfn: 2 ** 29 }) });

test('a million random calls against an owner map', { timeout: 120_000 }, () => {
  const allocator = bitmapAllocator({ nrPages: 20_000 });
  const report = runPageAllocatorModel({ allocator, endPfn: 1024 + 20_000, seed: 1, operations: 1_000_000, validateEvery: 200_000 });
  expect(report.shortages).toBeGreaterThan(1000);
  expect(report.peakPages).toBeGreaterThan(19_000);
});

test.each([2, 3, 4])('small ranges that begin and end anywhere, checked often (seed %i)', (seed) => {
  const startPfn = 29 * seed;
  const allocator = bitmapAllocator({ nrPages: 700 + seed, startPfn, maxOrder: 6 });
  runPageAllocatorModel({ allocator, endPfn: startPfn + 700 + seed, seed, operations: 20_000, validateEvery: 64 });
});

describe('which block a request gets', () => {
  test('the smallest that is large enough, and of those the lowest', () => {
    const pages = bitmapAllocator({ nrPages: 64, startPfn: 64, maxOrder: 6 });
    const taken = Array.from({ length: 64 }, () => pages.allocPages(GFP_KERNEL, 0));
    expect(taken).toEqual(Array.from({ length: 64 }, (_, i) => 64 + i));
    for (const pfn of [100, 101, 80, 70, 120, 121, 122, 123]) pages.freePages(pfn, 0);
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(70);
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(80);
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(100);
    expect(pages.allocPages(GFP_KERNEL, 1)).toBe(120);
    expect(pages.allocPages(GFP_KERNEL, 2)).toBe(NO_PAGE);
  });
});

test('__GFP_ZERO zeroes the whole block and nothing else', () => {
  const memory = createMemory({ sizeBytes: 16 * 4096, backing: 'dense' });
  memory.fill(0, 16 * 4096, 0x5a);
  const pages = bitmapAllocator({ nrPages: 8, startPfn: 4, maxOrder: 4, memory });
  const pfn = pages.allocPages(GFP_KERNEL | __GFP_ZERO, 2);
  const bytes = memory.view(0, 16 * 4096);
  expect(bytes.findIndex((byte) => byte === 0)).toBe(pfn * 4096);
  expect(bytes.filter((byte) => byte === 0).length).toBe(4 * 4096);
});

test('freeing with another order than that of the block is refused', () => {
  const pages = bitmapAllocator({ nrPages: 64 });
  const pfn = pages.allocPages(GFP_KERNEL | __GFP_COMP, 2);
  for (const order of [0, 1, 3]) expect(() => pages.freePages(pfn, order)).toThrow('BAD_ORDER');
  expect(() => pages.freePagesExact(pfn, 4 * 4096)).toThrow('BAD_ORDER');
  pages.freePages(pfn, 2);
});

test('an exact free that is refused frees nothing', () => {
  const pages = bitmapAllocator({ nrPages: 64 });
  const pfn = pages.allocPagesExact(3 * 4096, GFP_KERNEL);
  expect(() => pages.freePagesExact(pfn, 4 * 4096)).toThrow('DOUBLE_FREE');
  expect(() => pages.freePagesExact(pfn, 2 ** 52)).toThrow('DOUBLE_FREE');
  expect(pages.nrFreePages).toBe(61);
});

test.each([
  ['nrPages', { nrPages: 0 }],
  ['nrPages', { nrPages: NaN }],
  ['nrPages', { nrPages: 2 ** 30 }],
  ['startPfn', { nrPages: 1, startPfn: 0 }],
  ['startPfn', { nrPages: 1, startPfn: 0.5 }],
  ['startPfn', { nrPages: 1, startPfn: 2 ** 31 }],
  ['maxOrder', { nrPages: 1, maxOrder: 0 }],
  ['maxOrder', { nrPages: 1, maxOrder: 21 }],
  ['pageShift', { nrPages: 1, pageShift: -1 }],
])('%s out of range is refused: %j', (name, options) => {
  expect(() => bitmapAllocator(options)).toThrow(new RegExp(`^${name} is .*expected an integer from`));
});
