/** SLAB: arrays before three lists of slabs, colours, reaping (slab spec 9). */
import { BuddyAllocator } from '@kmem/buddy';
import { GFP_ATOMIC, GFP_KERNEL, SLAB_NOLEAKTRACE, SLAB_RECLAIM_ACCOUNT, SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import type { CpuContext, PhysAddr, SlabCacheOptions } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { createKmalloc, slab, SLAB_CLASSES } from '../src/index.js';
import type { ClassicCache, Kmalloc, Slab, SlabOptions } from '../src/index.js';

interface Machine {
  readonly slabs: Slab;
  readonly pages: BuddyAllocator;
  readonly cpus: { cpu: number };
  readonly usedPages: () => number;
  readonly kmalloc: () => Kmalloc;
}

function machine(options: Partial<SlabOptions> & { nrCpus?: number } = {}): Machine {
  const { nrCpus = 1, ...rest } = options;
  const frames = createFrameTable({ nrFrames: 16_384 });
  const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const cpus: CpuContext & { cpu: number } = { nrCpus, cpu: 0, ...nobody };
  const pages = new BuddyAllocator({ frames, cpus });
  const memory = createMemory({ sizeBytes: 16_384 * 4096, backing: 'sparse' });
  const slabs = slab({ pages, frames, memory, cpus, ...rest });
  const usedPages = (): number => pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
  return { slabs, pages, cpus, usedPages, kmalloc: () => createKmalloc({ slabs, pages, frames, classes: SLAB_CLASSES }) };
}

function made(slabs: Slab, options: Partial<SlabCacheOptions> & { sizeBytes: number }): ClassicCache {
  const cache = slabs.createCache({ name: `test-${String(options.sizeBytes)}`, ...options });
  if (cache === null) throw new Error('no cache');
  return cache;
}

function take(cache: ClassicCache, count: number): PhysAddr[] {
  return Array.from({ length: count }, () => cache.alloc(GFP_KERNEL));
}

function indexOf(slabs: Slab, addr: PhysAddr): number | undefined {
  return slabs.find(addr)?.index;
}

test('edge case 46: the first array gets 16 objects, the next one 48, and the last comes first', () => {
  const { slabs, usedPages } = machine();
  const cache = made(slabs, { sizeBytes: 64 });
  const first = take(cache, 16).map((addr) => indexOf(slabs, addr));
  expect(first).toEqual([15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  const before = usedPages();
  expect(indexOf(slabs, cache.alloc(GFP_KERNEL))).toBe(63);
  expect(cache.exportState().cpu.avail).toBe(47);
  expect(usedPages()).toBe(before);
});

test('edge case 47: slab after slab begins at the next of three colours', () => {
  const { slabs } = machine();
  // 18 objects of 216 bytes leave 208 bytes: three colours.
  const cache = made(slabs, { sizeBytes: 216 });
  take(cache, 18 * 4);
  const { full } = cache.exportState();
  expect(full.map(([, , colour]) => colour).reverse()).toEqual([64, 128, 0, 64]);
});

test('edge case 48: of 121 freed objects the 60 oldest go to the shared array, 61 stay', () => {
  const { cpus, slabs } = machine({ nrCpus: 2 });
  const cache = made(slabs, { sizeBytes: 64 });
  const objects = take(cache, 400);
  take(cache, cache.exportState().cpu.avail);
  expect(cache.exportState().cpu.avail).toBe(0);
  for (const addr of objects.slice(0, 121)) cache.free(addr);
  expect(cache.exportState().cpu.avail).toBe(61);
  expect(cache.counts().arrays?.sharedavail).toBe(60);
  cpus.cpu = 1;
  // CPU 1 has an array that nobody took from: 16 of them, the newest first.
  expect(cache.alloc(GFP_KERNEL)).toBe(objects[59]);
  expect(cache.counts().arrays?.sharedavail).toBe(44);
  slabs.assertValid();
});

test('edge case 49: kmalloc(20) is of kmalloc-32, 124 in a slab; kmalloc(90) takes 128 bytes', () => {
  const { kmalloc, slabs } = machine();
  const family = kmalloc();
  const small = family.kmalloc(20, GFP_KERNEL);
  expect(slabs.cacheOf(small)?.name).toBe('kmalloc-32');
  expect(slabs.cacheOf(small)?.exportAttributes().num).toBe(124);
  expect(family.ksize(small)).toBe(32);
  const middle = family.kmalloc(90, GFP_KERNEL);
  expect(slabs.cacheOf(middle)?.size).toBe(128);
  expect(family.ksize(middle)).toBe(96);
});

test('edge case 50: of an array of 100 that nobody touched, reaping frees 24 from the front', () => {
  const { slabs } = machine();
  const cache = made(slabs, { sizeBytes: 64 });
  const objects = take(cache, 400);
  take(cache, cache.exportState().cpu.avail);
  for (const addr of objects.slice(0, 100)) cache.free(addr);
  const entries = (): readonly unknown[] => cache.exportState().cpu.entries;
  const before = entries();
  expect(before).toHaveLength(100);
  // Something was taken since the last time: that is all it finds out.
  slabs.reap(0);
  expect(entries()).toEqual(before);
  slabs.reap(2000);
  expect(entries()).toEqual(before.slice(24));
  slabs.assertValid();
});

describe('reaping', () => {
  test('takes half of an array that has less than a fifth of its places', () => {
    const { slabs } = machine();
    const cache = made(slabs, { sizeBytes: 64 });
    for (const addr of take(cache, 16)) cache.free(addr);
    cache.reapCpu(0);
    cache.reapCpu(0);
    expect(cache.exportState().cpu.avail).toBe(8);
  });

  test('gives free slabs back every four seconds, unless one was taken', () => {
    const { slabs, usedPages } = machine();
    const cache = made(slabs, { sizeBytes: 2048 });
    const before = usedPages();
    for (const addr of take(cache, 60)) cache.free(addr);
    // One more than the array holds comes from a free slab.
    for (const addr of take(cache, cache.exportState().cpu.avail + 1)) cache.free(addr);
    const { free_slabs: free } = cache.exportState();
    expect(free).toBeGreaterThan(3);
    cache.reapNode();
    expect(cache.exportState().free_slabs).toBe(free);
    // The limit is 26 free objects: a fifth of that in slabs of two.
    cache.reapNode();
    expect(cache.exportState().free_slabs).toBe(free - 3);
    cache.shrink();
    expect(usedPages()).toBe(before);
  });

  test('of a node comes at most every four seconds', () => {
    const { slabs } = machine();
    const cache = made(slabs, { sizeBytes: 8192 });
    for (const addr of take(cache, 60)) cache.free(addr);
    const lost = [0, 2000, 4000, 5999, 8000].map((nowMs) => {
      const { total_slabs: before } = cache.exportState();
      slabs.reap(nowMs);
      return cache.exportState().total_slabs < before;
    });
    expect(lost).toEqual([true, false, true, false, true]);
  });
});

describe('tunables', () => {
  test('of one CPU, and of several', () => {
    const of = (nrCpus: number, sizeBytes: number): number[] => {
      const { batchcount, limit, shared } = made(machine({ nrCpus }).slabs, { sizeBytes }).exportAttributes();
      return [limit, batchcount, shared];
    };
    expect(of(1, 256)).toEqual([120, 60, 0]);
    expect(of(2, 256)).toEqual([120, 60, 8]);
    expect(of(2, 257)).toEqual([54, 27, 8]);
    expect(of(2, 1032)).toEqual([24, 12, 8]);
    expect(of(2, 4104)).toEqual([8, 4, 0]);
    expect(of(1, 140_000)).toEqual([1, 1, 0]);
  });

  test('new ones empty the arrays; those that cannot be have no effect', () => {
    const { slabs } = machine();
    const cache = made(slabs, { sizeBytes: 64 });
    const [addr] = take(cache, 1);
    expect(cache.exportState().cpu.avail).toBe(15);
    cache.tune({ limit: 10, batchcount: 11, sharedfactor: 0 });
    cache.tune({ limit: 0, batchcount: 0, sharedfactor: 0 });
    expect(cache.exportState().cpu.limit).toBe(120);
    cache.tune({ limit: 10, batchcount: 5, sharedfactor: 2 });
    expect(cache.exportState()).toMatchObject({ cpu: { avail: 0, limit: 10, batchcount: 5 }, free_limit: 74 });
    expect(take(cache, 5).map((taken) => indexOf(slabs, taken))).toHaveLength(5);
    cache.free(addr);
    slabs.assertValid();
  });
});

describe('where the indices of free objects stand', () => {
  const FLAG = { object: 0x40000000, off: 0x80000000 };
  const placeOf = (slabs: Slab, options: Partial<SlabCacheOptions> & { sizeBytes: number }): number => made(slabs, options).exportAttributes().flags & (FLAG.object | FLAG.off);

  test('in a free object, unless somebody may look at it or it is too small', () => {
    const { slabs } = machine();
    expect(placeOf(slabs, { sizeBytes: 64 })).toBe(FLAG.object);
    expect(placeOf(slabs, { sizeBytes: 56 })).toBe(0);
    expect(placeOf(slabs, { sizeBytes: 64, flags: SLAB_TYPESAFE_BY_RCU })).toBe(0);
    expect(placeOf(slabs, { sizeBytes: 64, ctor: () => undefined })).toBe(0);
  });

  test('off the slab in memory of kmalloc, as long as the slab lives', () => {
    const { kmalloc, slabs, usedPages } = machine();
    // Without a kmalloc there is nowhere to put them.
    expect(placeOf(slabs, { sizeBytes: 2048, name: 'early', ctor: () => undefined })).toBe(0);
    kmalloc();
    const before = usedPages();
    const cache = made(slabs, { sizeBytes: 2048, ctor: () => undefined });
    expect(cache.exportAttributes()).toMatchObject({ off_slab: 1, num: 2, gfporder: 0 });
    expect(placeOf(slabs, { sizeBytes: 2048, name: 'leaky', flags: SLAB_NOLEAKTRACE, ctor: () => undefined })).toBe(0);
    const small = slabs.caches().find(({ name }) => name === 'kmalloc-32');
    const inUse = (): number => (small?.counts().totalObjects ?? 0) - (small?.counts().freeInPartial ?? 0) - (small?.exportState().cpu.avail ?? 0);
    const [a] = take(cache, 1);
    expect(inUse()).toBe(1);
    cache.free(a);
    cache.shrink();
    expect(inUse()).toBe(0);
    small?.shrink();
    expect(usedPages()).toBe(before);
  });

  test('a cache that can be emptied takes the first order that fits', () => {
    const { slabs } = machine();
    expect(made(slabs, { sizeBytes: 700 }).exportAttributes().gfporder).toBe(1);
    expect(made(slabs, { sizeBytes: 700, name: 'reclaimable', flags: SLAB_RECLAIM_ACCOUNT }).exportAttributes().gfporder).toBe(0);
  });
});

test('a new cache joins one of at least its alignment only', () => {
  const { slabs } = machine();
  const words = made(slabs, { sizeBytes: 64, name: 'words' });
  const lines = slabs.createCache({ name: 'lines', sizeBytes: 64, align: 64 });
  expect(lines?.name).toBe('lines');
  expect(slabs.createCache({ name: 'more words', sizeBytes: 60 })).toBe(words);
  expect(words.destroy()).toBe(true);
  expect(words.destroy()).toBe(true);
  expect(slabs.caches()).toHaveLength(1);
});

test('pages of a cache that readers may look at wait for them', () => {
  const waiting: (() => void)[] = [];
  const { slabs, usedPages } = machine({ callRcu: (callback) => void waiting.push(callback) });
  const before = usedPages();
  const cache = made(slabs, { sizeBytes: 200, flags: SLAB_TYPESAFE_BY_RCU });
  const objects = take(cache, 50);
  for (const addr of objects) cache.free(addr);
  expect(cache.destroy()).toBe(true);
  expect(usedPages()).toBeGreaterThan(before);
  expect(slabs.find(objects[0])?.live).toBe(false);
  for (const callback of waiting.splice(0)) callback();
  expect(usedPages()).toBe(before);
  expect(slabs.find(objects[0])).toBeNull();
});

test('a constructor that throws costs neither pages nor words', () => {
  let isAngry = true;
  const { slabs, usedPages } = machine();
  const before = usedPages();
  const cache = made(slabs, { sizeBytes: 100, ctor: () => {
    if (isAngry) throw new Error('no');
  } });
  expect(() => cache.alloc(GFP_KERNEL)).toThrow('no');
  expect(usedPages()).toBe(before);
  isAngry = false;
  cache.free(cache.alloc(GFP_KERNEL));
  slabs.assertValid();
});

test('a shortage is told with the counts, once for a request that did not ask for silence', () => {
  const texts: unknown[] = [];
  const { slabs } = machine({ reports: { report: ({ fields }) => void texts.push(fields['text']) } });
  const cache = made(slabs, { sizeBytes: 8192 });
  while (cache.alloc(GFP_ATOMIC) !== 0);
  expect(texts).toHaveLength(1);
  expect(texts[0]).toContain('cache: test-8192, object size: 8192, order: 1');
});
