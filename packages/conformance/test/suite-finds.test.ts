// The tests of the tests: allocators with one fault each, and the suite and the model find it.
import { KernelBug, NO_PAGE } from '@kmem/contracts';
import type { Gfp, Order, PageAllocator, Pfn } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { pageAllocatorSuite, ReferencePageAllocator, runPageAllocatorModel } from '../src/index.js';

const MAX_ORDER = 7;

class Overlapping extends ReferencePageAllocator {
  #last = NO_PAGE;

  override allocPages(gfp: Gfp, order: Order): Pfn {
    if (order === 0 && this.#last !== NO_PAGE && this.nrFreePages < 20) return this.#last;
    const pfn = super.allocPages(gfp, order);
    if (order === 0) this.#last = pfn;
    return pfn;
  }
}

class Misaligned extends ReferencePageAllocator {
  override allocPages(gfp: Gfp, order: Order): Pfn {
    const pfn = super.allocPages(gfp, order);
    return order === 3 && pfn !== NO_PAGE ? pfn + 1 : pfn;
  }
}

class Throwing extends ReferencePageAllocator {
  override allocPages(gfp: Gfp, order: Order): Pfn {
    const pfn = super.allocPages(gfp, order);
    if (pfn === NO_PAGE) throw new Error('out of memory');
    return pfn;
  }
}

class Miscounting extends ReferencePageAllocator {
  override get nrFreePages(): number {
    return super.nrFreePages - 1;
  }
}

class LosingTheSurplus extends ReferencePageAllocator {
  override allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    return super.allocPagesExact(sizeBytes > 8192 && sizeBytes <= 16384 ? 16384 : sizeBytes, gfp);
  }
}

class OverwritingSlots extends ReferencePageAllocator {
  override allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    return super.allocPagesBulk(gfp, nrPages, pages.fill(NO_PAGE));
  }
}

class TrustingTheCaller extends ReferencePageAllocator {
  override freePages(pfn: Pfn, order: Order): void {
    try {
      super.freePages(pfn, order);
    } catch (error) {
      if (!(error instanceof KernelBug && error.code === 'DOUBLE_FREE')) throw error;
    }
  }
}

class TruncatingOrders extends ReferencePageAllocator {
  override allocPages(gfp: Gfp, order: Order): Pfn {
    return super.allocPages(gfp, order | 0);
  }
}

class IgnoringReferences extends ReferencePageAllocator {
  override getPage(_pfn: Pfn): void {
    // Forgets to count.
  }
}

/** Titles of the rules an implementation breaks. */
function broken(create: (pages: number) => PageAllocator, misuse = true): string[] {
  const failed: string[] = [];
  pageAllocatorSuite(
    (name, body) => {
      try {
        body();
      } catch {
        failed.push(name);
      }
    },
    { name: 'x', maxOrder: MAX_ORDER, create, supports: { misuse } },
  );
  return failed;
}

describe('the suite finds', () => {
  const faults: [string, typeof ReferencePageAllocator, RegExp][] = [
    ['pages handed out twice', Overlapping, /never overlap/],
    ['blocks that are not aligned', Misaligned, /multiple of its size/],
    ['shortage as an exception', Throwing, /shortage is a value/],
    ['a count that is off by one', Miscounting, /every frame of a fresh allocator/],
    ['surplus pages that do not come back', LosingTheSurplus, /pages beyond the size/],
    ['bulk slots that are overwritten', OverwritingSlots, /stay as they are/],
    ['double frees that go unreported', TrustingTheCaller, /freeing a page twice/],
    ['orders cut to 32 bits', TruncatingOrders, /beyond the largest block/],
    ['references that are not counted', IgnoringReferences, /last reference is dropped/],
  ];
  test.each(faults)('%s', (_, Faulty, rule) => {
    expect(broken((pages) => new Faulty({ pages, maxOrder: MAX_ORDER })).join('\n')).toMatch(rule);
  });
});

test('the suite finds nothing in the reference', () => {
  expect(broken((pages) => new ReferencePageAllocator({ pages, maxOrder: MAX_ORDER }))).toEqual([]);
});

test('an implementation that says it trusts its callers is not asked about misuse', () => {
  const trusting = (pages: number) => new TrustingTheCaller({ pages, maxOrder: MAX_ORDER });
  expect(broken(trusting)).not.toEqual([]);
  expect(broken(trusting, false)).toEqual([]);
});

describe('the model finds', () => {
  const run = (Faulty: typeof ReferencePageAllocator, seed = 3) =>
    runPageAllocatorModel({
      allocator: new Faulty({ pages: 500, maxOrder: MAX_ORDER }),
      endPfn: 2 ** (MAX_ORDER - 1) + 500,
      seed,
      operations: 20_000,
    });

  test('pages handed out twice, and names seed and call', () => {
    expect(() => run(Overlapping)).toThrow(/model, seed 3, call \d+: frame \d+ is held since call \d+/);
  });

  test('blocks that are not aligned', () => {
    expect(() => run(Misaligned)).toThrow(/seed 3, call \d+: block \d+ of order 3 is not aligned/);
  });

  test('counts that do not add up', () => {
    expect(() => run(Miscounting)).toThrow(/seed 3, call 0: managed 500 != free 499/);
    expect(() => run(LosingTheSurplus)).toThrow(/seed 3, call \d+: managed 500 != /);
    expect(() => run(IgnoringReferences)).toThrow();
  });
});
