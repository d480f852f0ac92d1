/** The wrappers of object allocators: as good as what they wrap, but for what they are made to do. */
import { ReferencePageAllocator, ReferenceSlabAllocator, slabAllocatorSuite, type SlabAllocatorUnderTest } from '@kmem/conformance';
import { __GFP_NOFAIL, GFP_ATOMIC, GFP_KERNEL, NULL, SLAB_FAILSLAB, type SlabCache } from '@kmem/contracts';
import { createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { failingSlabs, type FailingSlabAllocator, type FailingSlabsOptions } from '../src/index.js';

function machine(options: FailingSlabsOptions = {}): SlabAllocatorUnderTest & { readonly slab: FailingSlabAllocator } {
  const pages = new ReferencePageAllocator({ pages: 2048, maxOrder: 11 });
  const memory = createMemory({ sizeBytes: 4096 * 4096, backing: 'dense' });
  const slab = failingSlabs(new ReferenceSlabAllocator({ pages, memory }), options);
  return { slab, memory, usedPages: () => pages.managedPages - pages.nrFreePages };
}

slabAllocatorSuite(test, { name: 'failing, with nothing to fail', create: () => machine() });

function made(slab: FailingSlabAllocator, flags = 0): SlabCache {
  const cache = slab.createCache({ name: 'c', sizeBytes: 64, flags });
  if (cache === null) throw new Error('no cache');
  return cache;
}

describe('failslab', () => {
  test('edge case 44: with probability 100 and times 1 a request that may reclaim is served, an atomic one fails once', () => {
    const { slab } = machine({ probability: 100, times: 1 });
    const cache = made(slab);
    expect(cache.alloc(GFP_KERNEL)).not.toBe(NULL);
    expect(cache.alloc(GFP_ATOMIC)).toBe(NULL);
    expect(cache.alloc(GFP_ATOMIC)).not.toBe(NULL);
    expect(slab.failures).toBe(1);
  });

  test('edge case 45: fail-nth 3 lets the third request fail that may fail at all', () => {
    const { slab } = machine();
    const cache = made(slab);
    slab.failNth(3);
    const served = [GFP_ATOMIC, GFP_KERNEL, GFP_ATOMIC, GFP_ATOMIC | __GFP_NOFAIL, GFP_ATOMIC, GFP_ATOMIC].map((gfp) => cache.alloc(gfp) !== NULL);
    expect(served).toEqual([true, true, true, true, false, true]);
  });

  test('with a filter only caches that are marked fail', () => {
    const { slab } = machine({ probability: 100, times: -1, cacheFilter: true });
    expect(made(slab).alloc(GFP_ATOMIC)).not.toBe(NULL);
    expect(made(slab, SLAB_FAILSLAB).alloc(GFP_ATOMIC)).toBe(NULL);
  });

  test('requests that may reclaim fail when they are not spared', () => {
    const { slab } = machine({ probability: 100, times: -1, ignoreGfpReclaim: false });
    const cache = made(slab);
    expect(cache.alloc(GFP_KERNEL)).toBe(NULL);
    expect(cache.alloc(GFP_KERNEL | __GFP_NOFAIL)).not.toBe(NULL);
  });

  test('so many bytes are served before any request fails', () => {
    const { slab } = machine({ probability: 100, times: -1, space: 200 });
    const cache = made(slab);
    expect([0, 1, 2, 3].map(() => cache.alloc(GFP_ATOMIC) !== NULL)).toEqual([true, true, true, false]);
  });

  test('of a bulk request nothing is given when one of its objects fails', () => {
    const { slab, usedPages } = machine();
    const cache = made(slab);
    const before = usedPages();
    slab.failNth(4);
    const objects = new Float64Array(5);
    expect(cache.allocBulk(GFP_ATOMIC, 5, objects)).toBe(0);
    expect([...objects]).toEqual([0, 0, 0, 0, 0]);
    expect(usedPages()).toBe(before);
    expect(cache.allocBulk(GFP_ATOMIC, 5, objects)).toBe(5);
  });
});
