// The tests of the tests: object allocators with one fault each, and the suite finds it.
import { __GFP_ZERO, isKernelBug, NULL } from '@kmem/contracts';
import type { KernelBugCode, PhysicalMemory, SlabAllocator, SlabCache, SlabCacheOptions } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { ReferencePageAllocator, ReferenceSlabAllocator, slabAllocatorSuite } from '../src/index.js';

const PAGES = 1500;

/** A fault: what is different in a cache, in the allocator, or in what caches are asked for. */
interface Fault {
  readonly cache?: (cache: SlabCache, memory: PhysicalMemory) => Partial<SlabCache>;
  readonly allocator?: (slab: SlabAllocator) => Partial<SlabAllocator>;
  readonly options?: (options: SlabCacheOptions) => SlabCacheOptions;
}

function plainMemory(sizeBytes: number): PhysicalMemory {
  const bytes = new Uint8Array(sizeBytes);
  return {
    backing: 'dense',
    sizeBytes,
    view: (addr, length) => bytes.subarray(addr, addr + length),
    fill: (addr, length, value) => void bytes.fill(value, addr, addr + length),
  };
}

/** All of a cache, passed on. */
function passOn(cache: SlabCache): SlabCache {
  const { name, objectSize, size, usableSize, align, flags, userOffset, userSize } = cache;
  return {
    name, objectSize, size, usableSize, align, flags, userOffset, userSize,
    alloc: (gfp) => cache.alloc(gfp),
    free: (addr) => {
      cache.free(addr);
    },
    allocBulk: (gfp, count, objects) => cache.allocBulk(gfp, count, objects),
    freeBulk: (count, objects) => {
      cache.freeBulk(count, objects);
    },
    shrink: () => cache.shrink(),
    destroy: () => cache.destroy(),
  };
}

/** The reference with a fault. */
function faulty(slab: SlabAllocator, memory: PhysicalMemory, fault: Fault): SlabAllocator {
  const outer = new Map<SlabCache, SlabCache>();
  const shown = (cache: SlabCache): SlabCache => outer.get(cache) ?? cache;
  const whole: SlabAllocator = {
    createCache: (options) => {
      const cache = slab.createCache(fault.options?.(options) ?? options);
      if (cache === null) return null;
      const changed = { ...passOn(cache), ...fault.cache?.(cache, memory) };
      outer.set(cache, changed);
      return changed;
    },
    caches: () => slab.caches().map(shown),
    cacheOf: (addr) => {
      const cache = slab.cacheOf(addr);
      return cache && shown(cache);
    },
    free: (addr) => {
      const cache = slab.cacheOf(addr);
      if (cache !== null) shown(cache).free(addr);
      return cache !== null;
    },
    find: (addr) => {
      const found = slab.find(addr);
      return found && { ...found, cache: shown(found.cache) };
    },
    assertValid: () => {
      slab.assertValid();
    },
  };
  return { ...whole, ...fault.allocator?.(whole) };
}

/** Titles of the rules that an implementation breaks. */
function broken(fault: Fault, rule = /^/): string[] {
  const failed: string[] = [];
  slabAllocatorSuite(
    (name, body) => {
      if (!rule.test(name)) return;
      try {
        body();
      } catch {
        failed.push(name);
      }
    },
    {
      name: 'x',
      create: () => {
        const memory = plainMemory((PAGES + 1024) * 4096);
        const pages = new ReferencePageAllocator({ pages: PAGES, maxOrder: 11 });
        const slab = faulty(new ReferenceSlabAllocator({ pages, memory }), memory, fault);
        return { slab, memory, usedPages: () => pages.managedPages - pages.nrFreePages };
      },
    },
  );
  return failed;
}

/** Makes calls whose report of one kind is swallowed. */
function silent(code: KernelBugCode, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!isKernelBug(error) || error.code !== code) throw error;
  }
}

function silentFree(code: KernelBugCode): Fault {
  return { cache: (cache) => ({ free: (addr) => { silent(code, () => { cache.free(addr); }); } }) };
}

const FAULTS: readonly (readonly [what: string, fault: Fault, rule: RegExp])[] = [
  [
    'objects handed out twice',
    { cache: (cache) => {
      let last = NULL;
      let calls = 0;
      return { alloc: (gfp) => (++calls % 15 === 0 ? last : (last = cache.alloc(gfp))) };
    } },
    /do not overlap|keep objects apart/,
  ],
  ['objects that are not aligned', { cache: (cache) => ({ alloc: (gfp) => cache.alloc(gfp) + 4 }) }, /are aligned/],
  ['an alignment that is not heeded', { cache: (cache) => ({ alloc: (gfp) => (cache.align === 64 ? cache.alloc(gfp) + 8 : cache.alloc(gfp)) }) }, /are aligned/],
  ['bytes that lead nowhere', { allocator: (slab) => ({ find: (addr) => (addr % 4096 === 0 ? slab.find(addr) : null) }) }, /every byte leads/],
  ['addresses that nobody takes back', { allocator: () => ({ free: () => true }) }, /by its address alone/],
  ['freed objects that are shown as live', { allocator: (slab) => ({
    find: (addr) => {
      const found = slab.find(addr);
      return found && { ...found, live: true };
    },
  }) }, /found as free/],
  ['objects that are not zeroed', { cache: (cache) => ({ alloc: (gfp) => cache.alloc(gfp & ~__GFP_ZERO) }) }, /zeroed objects/],
  ['shortage as an exception', { cache: (cache) => ({
    alloc: (gfp) => {
      const addr = cache.alloc(gfp);
      if (addr === NULL) throw new Error('out of memory');
      return addr;
    },
  }) }, /there is NULL/],
  ['a part of a bulk request', { cache: (cache) => ({
    allocBulk: (gfp, count, objects) => {
      let taken = 0;
      while (taken < count && (objects[taken] = cache.alloc(gfp)) !== NULL) taken++;
      return taken;
    },
  }) }, /of several objects none/],
  ['objects lost in a bulk free', { cache: (cache) => ({
    freeBulk: (count, objects) => {
      if (count > 100) cache.freeBulk(count - 1, objects);
      else cache.freeBulk(count, objects);
    },
  }) }, /everything comes back/],
  ['constructors that do not run', { options: ({ name, sizeBytes }) => ({ name, sizeBytes }) }, /constructor/],
  ['constructors that run for every object handed out', {
    options: (options) => options,
    cache: () => ({}),
    allocator: (slab) => ({
      createCache: (options) => {
        const cache = slab.createCache(options);
        const alloc = cache?.alloc.bind(cache);
        return cache && alloc ? Object.assign(cache, {
          alloc: (gfp: number) => {
            const addr = alloc(gfp);
            options.ctor?.(addr);
            return addr;
          },
        }) : null;
      },
    }),
  }, /constructor/],
  ['caches listed the oldest first', { allocator: (slab) => ({ caches: () => slab.caches().toReversed() }) }, /newest cache is listed first/],
  ['a cache destroyed with objects in use', { cache: (cache) => ({ destroy: () => cache.destroy() || true }) }, /in use is not destroyed/],
  ['pages kept when a cache is shrunk', { cache: () => ({ shrink: () => true }) }, /everything comes back/],
  ['a bad option that is taken', { options: (options) => ({ ...options, name: options.name || 'unnamed' }) }, /a bad option is a RangeError/],
  ['a cache that cannot be, thrown', { allocator: (slab) => ({
    createCache: (options) => {
      const cache = slab.createCache(options);
      if (cache === null) throw new Error('no cache');
      return cache;
    },
  }) }, /cannot be is null/],
  ['a part for users past the end', { cache: (cache) => ({ userSize: cache.userSize === 0 ? 1 : cache.userSize }) }, /that does not fit is none/],
  ['double frees that go unreported', silentFree('DOUBLE_FREE'), /misuse is reported/],
  ['frees inside an object that go unreported', silentFree('BAD_OBJECT'), /misuse is reported/],
  ['frees to another cache that go unreported', silentFree('WRONG_CACHE'), /misuse is reported/],
  ['a bulk free that stops in the middle', { cache: (cache) => ({
    freeBulk: (count, objects) => {
      for (const addr of objects.subarray(0, count)) cache.free(addr);
    },
  }) }, /misuse is reported/],
  ['writes to objects in use', { cache: (cache, memory) => ({
    free: (addr) => {
      cache.free(addr);
      if (cache.objectSize === 4096 && addr + 8192 < memory.sizeBytes) memory.fill(addr + 4096, 8192, 0);
    },
  }) }, /keep objects apart/],
];

describe('the suite finds', () => {
  test.each(FAULTS)('%s', (_, fault, rule) => {
    expect(broken(fault, rule).join('\n')).toMatch(rule);
  });
});

test('the suite finds nothing in the reference', () => {
  expect(broken({})).toEqual([]);
});
