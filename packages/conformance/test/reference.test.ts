import { __GFP_COMP, GFP_NOWAIT } from '@kmem/contracts';
import { expect, test } from 'vitest';
import { pageAllocatorSuite, ReferencePageAllocator, runPageAllocatorModel } from '../src/index.js';

for (const maxOrder of [11, 5]) {
  pageAllocatorSuite(test, {
    name: `reference with ${maxOrder} orders`,
    maxOrder,
    create: (pages) => new ReferencePageAllocator({ pages, maxOrder }),
  });
}

test('the reference agrees with the owner map in random calls', () => {
  const report = runPageAllocatorModel({
    allocator: new ReferencePageAllocator({ pages: 1000, maxOrder: 7 }),
    endPfn: 2 ** 6 + 1000,
    seed: 6,
    operations: 20_000,
    validateEvery: 100,
  });
  // The run meant something: memory ran out, and was turned over many times.
  expect(report.shortages).toBeGreaterThan(100);
  expect(report.pagesTaken).toBeGreaterThan(10_000);
  expect(report.peakPages).toBeGreaterThan(950);
  expect(report.validations).toBe(201);
});

test('the same seed makes the same calls', () => {
  const run = (seed: number) =>
    runPageAllocatorModel({
      allocator: new ReferencePageAllocator({ pages: 300, maxOrder: 5 }),
      endPfn: 2 ** 4 + 300,
      seed,
      operations: 3000,
    });
  expect(run(1)).toEqual(run(1));
  expect(run(1)).not.toEqual(run(2));
});

test('options out of range are refused by name', () => {
  expect(() => new ReferencePageAllocator({ pages: 0 })).toThrow(/pages: found 0, expected/);
  expect(() => new ReferencePageAllocator({ pages: 1.5 })).toThrow(/pages: found 1.5, expected/);
  expect(() => new ReferencePageAllocator({ pages: 1, maxOrder: 0 })).toThrow(/maxOrder: found 0, expected/);
});

test('a compound block that is not one any more is found by assertValid', () => {
  const pages = new ReferencePageAllocator({ pages: 16, maxOrder: 5 });
  const pfn = pages.allocPages(GFP_NOWAIT | __GFP_COMP, 2);
  pages.assertValid();
  pages.freePages(pfn, 2);
  pages.assertValid();
});
