import {
  __GFP_NOWARN, __GFP_ZERO, GFP_ATOMIC, GFP_KERNEL, isKernelBug, NO_PAGE, NULL, SLAB_PANIC, SLAB_RECLAIM_ACCOUNT, SLAB_STORE_USER,
} from '@kmem/contracts';
import type { KernelBug } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { madeCache, takeObjects, testMachine } from './slub-machine.js';

/** Code of the report that a call throws. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('the order in which objects come', () => {
  test('21.5: a fresh slab hands out ascending addresses, one size apart', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const objects = takeObjects(cache, 64);
    expect(objects).toEqual(objects.map((_, i) => objects[0] + i * 64));
  });

  test('21.6: the object freed last comes first', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const [a, b] = takeObjects(cache, 2);
    cache.free(a);
    cache.free(b);
    expect(takeObjects(cache, 2)).toEqual([b, a]);
  });

  test('21.7: a CPU sees what others freed into its slab only when its own list is empty', () => {
    const { cpus, slab } = testMachine({ nrCpus: 2 });
    const cache = madeCache(slab, { sizeBytes: 64 });
    const [first] = takeObjects(cache, 1);
    cpus.cpu = 1;
    cache.free(first);
    cpus.cpu = 0;
    const rest = takeObjects(cache, 63);
    expect(rest).not.toContain(first);
    expect(takeObjects(cache, 1)).toEqual([first]);
  });

  test('21.8: slabs that got one object back each are used in the order a real kernel showed', () => {
    // Two CPUs make slabs of 16 objects and stacks of 3 slabs.
    const cache = madeCache(testMachine({ nrCpus: 2 }).slab, { sizeBytes: 1024 });
    expect(cache.geometry).toMatchObject({ objects: 16, cpuPartialSlabs: 3 });
    const slabs = Array.from({ length: 10 }, () => takeObjects(cache, 16));
    for (let i = 0; i < 9; i++) cache.free(slabs[i][0]);
    const again = takeObjects(cache, 9).map((addr) => slabs.findIndex((slab) => slab.includes(addr)));
    expect(again).toEqual([8, 7, 6, 2, 0, 1, 5, 3, 4]);
  });

  test('21.15: a bulk free joins objects of one slab', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const x = takeObjects(cache, 64);
    const y = takeObjects(cache, 64);
    cache.freeBulk(3, Float64Array.of(x[0], y[0], x[1]));
    cache.assertValid();
    // Last group first: the CPU's own list gets y, then the stack has the slab of x with x1 on top.
    expect(takeObjects(cache, 3)).toEqual([y[0], x[1], x[0]]);
  });

  test('after a bulk free of one slab the last of the array comes first', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const b = takeObjects(cache, 6);
    cache.freeBulk(6, Float64Array.from(b));
    expect(takeObjects(cache, 6)).toEqual(b.toReversed());
  });
});

describe('what becomes of slabs', () => {
  test('21.9: a slab on a stack stays when it becomes empty; only emptying the stack lets it go', () => {
    const { pages, slab } = testMachine();
    const cache = madeCache(slab, { sizeBytes: 4096, align: 4096 });
    const objects = takeObjects(cache, 16);
    for (const addr of objects.slice(0, 8)) cache.free(addr);
    expect(cache.exportState().cpus[0].partial).toEqual([[objects[0] / 4096, 0, 8, 1, [7, 6, 5, 4, 3, 2, 1, 0]]]);
    for (const addr of objects.slice(8)) cache.free(addr);
    expect(cache.shrink()).toBe(true);
    pages.drainAllPages();
    expect(pages.nrFreePages).toBe(pages.managedPages);
  });

  test('an empty slab is kept while the node list is short', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const slabs = Array.from({ length: 12 }, () => takeObjects(cache, 64));
    for (const [first] of slabs) cache.free(first);
    for (const [, ...rest] of slabs) for (const addr of rest) cache.free(addr);
    cache.assertValid();
    const { partial } = cache.exportState();
    expect(partial.filter(([, inuse]) => inuse === 0)).toHaveLength(cache.geometry.minPartial - 1);
  });

  test('21.17: shrink sorts the fullest first and gives empty ones back', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const slabs = Array.from({ length: 6 }, () => takeObjects(cache, 64));
    [3, 1, 40, 64, 2, 0].forEach((count, i) => {
      for (const addr of slabs[i].slice(0, count)) cache.free(addr);
    });
    expect(cache.shrink()).toBe(false);
    expect(cache.exportState().partial.map(([, inuse]) => 64 - inuse)).toEqual([1, 2, 3, 40]);
    expect(cache.exportState().nr_slabs).toBe(5);
  });

  test('full slabs are listed where users are stored', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 1024, flags: SLAB_STORE_USER });
    const objects = takeObjects(cache, 2 * cache.geometry.objects);
    expect(cache.exportState().full).toHaveLength(2);
    cache.free(objects[0]);
    cache.assertValid();
    expect(cache.exportState().full).toHaveLength(1);
  });

  test('21.13: with scattered free pages a slab is made smaller', () => {
    const { pages, slab } = testMachine();
    const single = Array.from({ length: pages.nrFreePages }, () => pages.allocPages(GFP_KERNEL, 0));
    for (const pfn of single.filter((pfn) => pfn % 2 === 0)) pages.freePages(pfn, 0);
    const cache = madeCache(slab, { sizeBytes: 1000 });
    expect(cache.geometry.order).toBeGreaterThan(0);
    takeObjects(cache, 9);
    cache.assertValid();
    expect(cache.exportState()).toMatchObject({ nr_slabs: 3, total_objects: 12 });
  });
});

test('without pages for a slab there is a note in the kernel\'s words, unless silence was asked for', () => {
  const seen: KernelBug[] = [];
  const { pages, slab } = testMachine({ reports: { report: (bug) => { seen.push(bug); } } });
  const cache = madeCache(slab, { name: 'poor', sizeBytes: 1000 });
  const slabs = [takeObjects(cache, 8), takeObjects(cache, 8)];
  while (pages.allocPages(GFP_ATOMIC | __GFP_NOWARN, 0) !== NO_PAGE);
  expect(cache.alloc(GFP_ATOMIC | __GFP_NOWARN)).toBe(NULL);
  expect(seen).toEqual([]);
  expect(cache.alloc(GFP_ATOMIC)).toBe(NULL);
  expect(seen).toMatchObject([{ code: 'ALLOC_FAILURE', severity: 'warn' }]);
  expect(seen[0]?.fields['text']).toBe([
    `SLUB: Unable to allocate memory on node -1, gfp=0x${GFP_ATOMIC.toString(16)}`,
    '  cache: poor, object size: 1000, buffer size: 1000, default order: 1, min order: 0',
    '  node 0: slabs: 2, objs: 16, free: 0',
  ].join('\n'));
  cache.free(slabs[0][0]);
  expect(cache.alloc(GFP_ATOMIC)).toBe(slabs[0][0]);
});

describe('several objects at a time', () => {
  test('21.16: without memory for all of them there are none', () => {
    const { pages, slab } = testMachine();
    const cache = madeCache(slab, { sizeBytes: 4096 });
    const before = pages.nrFreePages + pages.nrPcpPages;
    const objects = new Float64Array(2000);
    expect(cache.allocBulk(GFP_ATOMIC | __GFP_NOWARN, 2000, objects)).toBe(0);
    expect(objects.every((addr) => addr === NULL)).toBe(true);
    cache.assertValid();
    cache.shrink();
    expect(pages.nrFreePages + pages.nrPcpPages).toBe(before);
  });

  test('one that cannot be freed keeps all the others', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    const [a, b] = takeObjects(cache, 2);
    expect(codeOf(() => { cache.freeBulk(3, Float64Array.of(a, b, a)); })).toBe('DOUBLE_FREE');
    expect(codeOf(() => { cache.freeBulk(2, Float64Array.of(a, b + 8)); })).toBe('BAD_OBJECT');
    expect(codeOf(() => { cache.freeBulk(3, Float64Array.of(a)); })).toBe('BAD_SIZE');
    cache.assertValid();
    cache.freeBulk(2, Float64Array.of(a, b));
    cache.assertValid();
  });
});

describe('constructors', () => {
  test('run for every object of a new slab in address order, and at no other time', () => {
    const { slab } = testMachine();
    const built: number[] = [];
    const cache = madeCache(slab, { sizeBytes: 64, ctor: (addr) => { built.push(addr); } });
    const [first] = takeObjects(cache, 1);
    expect(built).toEqual(Array.from({ length: 56 }, (_, i) => first + i * 72));
    cache.free(first);
    takeObjects(cache, 56);
    expect(built).toHaveLength(56);
  });

  test('one that throws leaves no slab behind', () => {
    const { pages, slab } = testMachine();
    const cache = madeCache(slab, {
      sizeBytes: 64,
      ctor: () => {
        throw new Error('not today');
      },
    });
    expect(() => cache.alloc(GFP_KERNEL)).toThrow('not today');
    cache.assertValid();
    pages.drainAllPages();
    expect(pages.nrFreePages).toBe(pages.managedPages);
  });
});

test('zeroed objects are zero, up to their size', () => {
  const { memory, slab } = testMachine({ withMemory: true });
  const cache = madeCache(slab, { sizeBytes: 50 });
  const [addr] = takeObjects(cache, 1);
  memory?.fill(addr, cache.size, 0xee);
  cache.free(addr);
  expect(cache.alloc(GFP_KERNEL | __GFP_ZERO)).toBe(addr);
  const bytes = memory?.view(addr, cache.size) ?? [];
  expect([...bytes]).toEqual([...Array<number>(50).fill(0), ...Array<number>(6).fill(0xee)]);
});

describe('whose an address is', () => {
  test('every byte of an object leads to it, also in the last page of a slab', () => {
    const { slab } = testMachine();
    const cache = madeCache(slab, { sizeBytes: 1000 });
    const objects = takeObjects(cache, cache.geometry.objects);
    objects.forEach((start, index) => {
      expect(slab.find(start)).toEqual({ cache, start, index, live: true });
      expect(slab.find(start + 999)).toEqual({ cache, start, index, live: true });
    });
    cache.free(objects[1]);
    expect(slab.find(objects[1])?.live).toBe(false);
  });

  test('other addresses lead nowhere', () => {
    const { pages, slab } = testMachine();
    const cache = madeCache(slab, { sizeBytes: 700 });
    const [first] = takeObjects(cache, 1);
    expect(slab.find(first + 700)).toBeNull();
    expect(slab.find(first + cache.geometry.objects * cache.size)).toBeNull();
    const pfn = pages.allocPages(GFP_KERNEL, 0);
    for (const addr of [pfn * 4096, 0, -4096, 2 ** 52, NaN, Infinity]) expect(slab.find(addr)).toBeNull();
  });
});

describe('misuse is reported and changes nothing', () => {
  test('frees', () => {
    const { pages, slab } = testMachine();
    const cache = madeCache(slab, { sizeBytes: 64 });
    const other = madeCache(slab, { sizeBytes: 72, name: 'other' });
    const [a, b] = takeObjects(cache, 2);
    cache.free(b);
    expect(codeOf(() => { cache.free(b); })).toBe('DOUBLE_FREE');
    expect(codeOf(() => { cache.free(a + 8); })).toBe('BAD_OBJECT');
    expect(codeOf(() => { other.free(a); })).toBe('WRONG_CACHE');
    expect(codeOf(() => { cache.free(pages.allocPages(GFP_KERNEL, 0) * 4096); })).toBe('BAD_OBJECT');
    for (const addr of [NULL, -64, 0.5, NaN, 2 ** 50]) expect(codeOf(() => { cache.free(addr); })).toBe('BAD_OBJECT');
    slab.assertValid();
    expect(takeObjects(cache, 1)).toEqual([b]);
  });

  test('21.23: a cache with objects in use stays, and they are named', () => {
    const reports: KernelBug[] = [];
    const { slab } = testMachine({ reports: { report: (bug) => { reports.push(bug); } } });
    const cache = madeCache(slab, { sizeBytes: 64 });
    const [a, b] = takeObjects(cache, 2);
    cache.free(a);
    expect(cache.destroy()).toBe(false);
    expect(reports.map((bug) => [bug.code, bug.severity, bug.fields['addr']])).toEqual([
      ['LIVE_OBJECTS', 'warn', b],
      ['LIVE_OBJECTS', 'warn', undefined],
    ]);
    cache.free(b);
    expect(cache.destroy()).toBe(true);
    expect(slab.caches()).toEqual([]);
  });

  test('a destroyed cache hands out nothing', () => {
    const { slab } = testMachine();
    const cache = madeCache(slab, { sizeBytes: 64 });
    const [a] = takeObjects(cache, 1);
    cache.free(a);
    cache.destroy();
    expect(codeOf(() => cache.alloc(GFP_KERNEL))).toBe('DESTROYED_CACHE');
    expect(codeOf(() => cache.destroy())).toBe('DESTROYED_CACHE');
    expect(codeOf(() => { cache.free(a); })).toBe('BAD_OBJECT');
  });

  test('caches that cannot be', () => {
    const { slab } = testMachine();
    expect(slab.createCache({ name: 'huge', sizeBytes: 5 * 2 ** 20 })).toBeNull();
    expect(slab.createCache({ name: 'odd', sizeBytes: 8, flags: 1 })).toBeNull();
    expect(codeOf(() => slab.createCache({ name: 'odd', sizeBytes: 8, flags: SLAB_PANIC | 1 }))).toBe('BAD_CACHE');
    expect(() => slab.createCache({ name: '', sizeBytes: 8 })).toThrow('name');
    expect(() => slab.createCache({ name: 'none', sizeBytes: 0 })).toThrow('sizeBytes: expected an integer from 1');
    expect(() => slab.createCache({ name: 'window', sizeBytes: 8, userOffset: 0.5, userSize: 5 })).toThrow('userOffset: expected an integer from 0');
  });
});

describe('caches of one size are joined', () => {
  test('21.19, 21.24: the older one serves both and goes with the last user', () => {
    const { slab } = testMachine();
    const a = madeCache(slab, { name: 'a', sizeBytes: 60 });
    expect(madeCache(slab, { name: 'b', sizeBytes: 64 })).toBe(a);
    expect(a).toMatchObject({ name: 'a', objectSize: 64 });
    expect(slab.caches()).toEqual([a]);
    const [object] = takeObjects(a, 1);
    expect(a.destroy()).toBe(true);
    a.free(object);
    expect(a.exportAttributes()).toMatchObject({ object_size: 64, inuse: 64, refcount: 1 });
    expect(a.destroy()).toBe(true);
    expect(slab.caches()).toEqual([]);
  });

  test('unless one has a constructor, a window, a debug flag, or pages of another kind', () => {
    const { slab } = testMachine();
    const plain = madeCache(slab, { sizeBytes: 64 });
    for (const other of [{ ctor: () => undefined }, { userSize: 8 }, { flags: SLAB_STORE_USER }, { flags: SLAB_RECLAIM_ACCOUNT }, { sizeBytes: 56 }]) {
      expect(madeCache(slab, { sizeBytes: 64, ...other })).not.toBe(plain);
    }
    expect(slab.caches()).toHaveLength(6);
  });
});

test('getting pages may use the cache that needs them', () => {
  const { pages, slab } = testMachine();
  const cache = madeCache(slab, { sizeBytes: 64 });
  const held = takeObjects(cache, 64);
  const take = pages.allocPages.bind(pages);
  let depth = 0;
  pages.allocPages = (gfp, order) => {
    if (depth++ === 0) {
      cache.free(held[0]);
      held[0] = cache.alloc(GFP_KERNEL);
      takeObjects(cache, 1);
    }
    return take(gfp, order);
  };
  takeObjects(cache, 100);
  cache.assertValid();
});
