/** Edge cases of the behaviour specification (slab spec 21) that are tested nowhere else; the others are where their rule is. */
import {
  __GFP_ACCOUNT, __GFP_DMA, __GFP_NOMEMALLOC, __GFP_NORETRY, __GFP_NOWARN, __GFP_RECLAIM, __GFP_RECLAIMABLE, __GFP_ZERO,
  GFP_ATOMIC, GFP_KERNEL, SLAB_ACCOUNT, SLAB_RECLAIM_ACCOUNT, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { KernelBug } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { formatSlabinfo, type SlubCache } from '../src/index.js';
import { bootKmalloc, readBytes } from './kmalloc-machine.js';
import { madeCache, takeObjects, testMachine } from './slub-machine.js';

/** Takes whole slabs of a cache on the current CPU. */
function takeSlabs(cache: SlubCache, count: number): number[][] {
  return Array.from({ length: count }, () => takeObjects(cache, cache.geometry.objects));
}

/** Takes everything away from the CPUs, as setting the limit to what it is does. */
function flushCpus(cache: SlubCache): void {
  cache.setCpuPartial(cache.geometry.cpuPartial);
}

describe('which cache serves a request', () => {
  const family = bootKmalloc();
  const cacheOf = (sizeBytes: number, gfp = GFP_KERNEL): string | null => family.cacheNameOf(family.kmalloc(sizeBytes, gfp));

  test('21.2: one byte more than two pages is a block of four', () => {
    const addr = family.kmalloc(8193, GFP_KERNEL);
    expect([family.cacheNameOf(addr), family.orderOf(addr), family.ksize(addr)]).toEqual([null, 2, 16384]);
  });

  test.each([[97, 'kmalloc-128'], [96, 'kmalloc-96'], [193, 'kmalloc-256'], [65, 'kmalloc-96']])('21.3: %i bytes: %s', (sizeBytes, name) => {
    expect(cacheOf(sizeBytes)).toBe(name);
  });

  test('21.4: DMA wins over reclaimable, reclaimable over accounted', () => {
    const flags = GFP_KERNEL | __GFP_RECLAIMABLE | __GFP_ACCOUNT;
    expect(cacheOf(64, GFP_KERNEL | __GFP_ACCOUNT)).toBe('kmalloc-cg-64');
    expect(cacheOf(64, flags)).toBe('kmalloc-rcl-64');
    expect(cacheOf(64, flags | __GFP_DMA)).toBe('dma-kmalloc-64');
  });

  test('21.18: a cache of 96 bytes joins an earlier one, never kmalloc-96', () => {
    const first = family.slabs.createCache({ name: 'first', sizeBytes: 96 });
    expect(first?.name).toBe('first');
    expect(family.slabs.createCache({ name: 'second', sizeBytes: 96 })).toBe(first);
  });
});

describe('resizing', () => {
  test('21.34: what fits stays where it is, however small', () => {
    const { krealloc, kmalloc } = bootKmalloc();
    const addr = kmalloc(100, GFP_KERNEL);
    expect([10, 128].map((sizeBytes) => krealloc(addr, sizeBytes, GFP_KERNEL))).toEqual([addr, addr]);
    expect(krealloc(addr, 129, GFP_KERNEL)).not.toBe(addr);
  });

  test('21.35: a smaller size with __GFP_ZERO zeroes all that is given up', () => {
    const { krealloc, kmalloc, memory } = bootKmalloc();
    const addr = kmalloc(100, GFP_KERNEL);
    memory.fill(addr, 128, 0xee);
    expect(krealloc(addr, 10, GFP_KERNEL | __GFP_ZERO)).toBe(addr);
    expect([...readBytes(memory, addr, 128)]).toEqual([...Array<number>(10).fill(0xee), ...Array<number>(118).fill(0)]);
  });
});

describe('where slabs go', () => {
  test.each([
    [4, 'kept', 0],
    [5, 'given back', 1],
  ])('21.10: with %i slabs on the node list one of them that becomes empty is %s', (listed, _what, gone) => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    expect(cache.geometry.minPartial).toBe(5);
    const slabs = takeSlabs(cache, listed + 1);
    for (const [first] of slabs.slice(0, listed)) cache.free(first);
    flushCpus(cache);
    expect(cache.exportState()).toMatchObject({ nr_slabs: listed + 1, nr_partial: listed });
    for (const addr of slabs[0].slice(1)) cache.free(addr);
    expect(cache.exportState()).toMatchObject({ nr_slabs: listed + 1 - gone, nr_partial: listed - gone });
    cache.assertValid();
  });

  test('21.11: the fourth push empties a stack of three', () => {
    const cache = madeCache(testMachine({ nrCpus: 2 }).slab, { sizeBytes: 8192 });
    expect(cache.geometry).toMatchObject({ objects: 4, cpuPartialSlabs: 3 });
    const slabs = takeSlabs(cache, 5);
    for (const [first] of slabs.slice(0, 3)) cache.free(first);
    expect(cache.exportState().nr_partial).toBe(0);
    cache.free(slabs[3][0]);
    const state = cache.exportState();
    expect(state.partial.map(([pfn]) => pfn * 4096)).toEqual([2, 1, 0].map((i) => slabs[i][0]));
    expect(state.cpus[0].partial.map(([pfn]) => pfn * 4096)).toEqual([slabs[3][0]]);
  });

  test.each([
    [1024, 3, 3],
    [8, 1, 2],
  ])('21.12: objects of %i bytes, a stack of %i slabs: %i slabs leave the node list at once', (sizeBytes, limit, moved) => {
    const cache = madeCache(testMachine({ nrCpus: 2, nrFrames: 2048 }).slab, { sizeBytes });
    expect(cache.geometry.cpuPartialSlabs).toBe(limit);
    const slabs = takeSlabs(cache, 6);
    for (const [first] of slabs) cache.free(first);
    flushCpus(cache);
    expect(cache.exportState().nr_partial).toBe(6);
    takeObjects(cache, 1);
    expect(cache.exportState().nr_partial).toBe(6 - moved);
  });

  test('21.14: the first try for a large slab wakes nobody and uses no reserves', () => {
    const asked: [gfp: number, order: number][] = [];
    const { slab } = testMachine({ onPages: (gfp, order) => void asked.push([gfp, order]) });
    takeObjects(madeCache(slab, { sizeBytes: 1000 }), 1);
    const [[gfp, order]] = asked;
    expect([asked.length, order]).toEqual([1, 1]);
    expect(gfp & __GFP_RECLAIM).toBe(0);
    expect(gfp & (__GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC)).toBe(__GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC);
  });

  test('21.58: with cpu_partial 0 the first slab is stacked, the next push empties the stack', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    expect(cache.setCpuPartial(0)).toBe(0);
    const slabs = takeSlabs(cache, 3);
    cache.free(slabs[0][0]);
    expect(cache.exportState()).toMatchObject({ nr_partial: 0, cpus: [{ partial_slabs_field: 1 }] });
    cache.free(slabs[1][0]);
    expect(cache.exportState()).toMatchObject({ nr_partial: 1, cpus: [{ partial_slabs_field: 1 }] });
    cache.assertValid();
  });
});

test('21.53: an object that came back to the slab of a CPU counts as active', () => {
  const { caches, kmalloc, kfree } = bootKmalloc();
  kfree(kmalloc(64, GFP_KERNEL));
  const cache = caches.find(({ name }) => name === 'kmalloc-64') as SlubCache;
  expect(formatSlabinfo([cache.counts()]).split('\n')[2]).toBe(
    'kmalloc-64            64     64     64   64    1 : tunables    0    0    0 : slabdata      1      1      0',
  );
});

describe('slub_debug=FZPU', () => {
  function debugged() {
    const reports: KernelBug[] = [];
    const family = bootKmalloc({ report: (bug) => void reports.push(bug) }, 'FZPU');
    return { ...family, reports, titles: () => reports.map(({ code, fields }) => fields['title'] ?? code) };
  }

  test.each([
    [8, 112, 36], [16, 128, 32], [32, 160, 25], [64, 256, 16], [96, 200, 20], [192, 296, 13],
  ])('21.26: kmalloc-%i has a stride of %i, %i objects in a page', (sizeBytes, stride, objects) => {
    const { kmalloc, slabs, caches } = debugged();
    const addr = kmalloc(sizeBytes, GFP_KERNEL);
    const cache = caches.find(({ name }) => name === `kmalloc-${String(sizeBytes)}`) as SlubCache;
    expect(cache.geometry).toMatchObject({ size: stride, objects, order: 0 });
    expect(addr % 4096).toBe(cache.geometry.redLeftPad);
    slabs.assertValid();
  });

  test('21.26: the first kmalloc-64 object lies 64 bytes into its slab', () => {
    expect(debugged().kmalloc(64, GFP_KERNEL) % 4096).toBe(64);
  });

  test('21.27: a write behind kmalloc(50), at byte 64: seen at kfree, the object stays, the red zone is mended', () => {
    const { kmalloc, kfree, memory, slabs, titles } = debugged();
    const addr = kmalloc(50, GFP_KERNEL);
    memory.fill(addr + 64, 1, 0x41);
    kfree(addr);
    expect(titles()).toEqual(['Right Redzone overwritten']);
    expect(slabs.find(addr)?.live).toBe(true);
    expect(memory.view(addr + 64, 1)[0]).toBe(0xcc);
  });

  test('21.28: a write at byte 55 of kmalloc(50) is not seen', () => {
    const { kmalloc, kfree, memory, reports } = debugged();
    const addr = kmalloc(50, GFP_KERNEL);
    memory.fill(addr + 55, 1, 0x41);
    kfree(addr);
    expect(reports).toEqual([]);
  });

  test('21.29, 21.30, 21.31: kfree twice, of an address inside, and a write after kfree', () => {
    const { kmalloc, kfree, memory, slabs, titles } = debugged();
    const addr = kmalloc(50, GFP_KERNEL);
    kfree(addr + 8);
    expect(slabs.find(addr)?.live).toBe(true);
    kfree(addr);
    kfree(addr);
    memory.fill(addr + 20, 1, 0x41);
    expect(kmalloc(50, GFP_KERNEL)).not.toBe(addr);
    expect(titles()).toEqual(['BAD_OBJECT', 'DOUBLE_FREE', 'Poison overwritten']);
    slabs.assertValid();
  });

  test('ksize is what was promised: red zones are not the user\'s', () => {
    const { kmalloc, ksize } = debugged();
    expect([50, 100, 3000].map((sizeBytes) => ksize(kmalloc(sizeBytes, GFP_KERNEL)))).toEqual([64, 128, 4096]);
  });
});

describe('slub_debug and others', () => {
  test('O: caches whose smallest slab would grow go without red zones, poison and users', () => {
    const { slab } = testMachine({ debug: 'FZPUO' });
    const [small, large] = [1000, 4096].map((sizeBytes) => madeCache(slab, { sizeBytes }));
    expect([small.size, large.size]).toEqual([1000 + 8 + 8 + 64 + 8 + 8, 4096]);
    expect(testMachine({ debug: 'FZPU' }).slab.createCache({ name: 'x', sizeBytes: 4096 })?.size).toBeGreaterThan(4096);
  });

  test('flags of the option keep caches apart like flags of their own', () => {
    const { slab } = testMachine({ debug: 'U,a' });
    const [a, b, c] = ['a', 'b', 'c'].map((name) => madeCache(slab, { name, sizeBytes: 64 }));
    expect(a).not.toBe(b);
    expect(b).toBe(c);
  });

  test('T: every object handed out and taken back is told of', () => {
    const texts: string[] = [];
    const { memory, slab } = testMachine({ debug: 'T', withMemory: true, onTrace: (text) => void texts.push(text) });
    const cache = madeCache(slab, { name: 'told', sizeBytes: 24 });
    const [a, b] = takeObjects(cache, 2);
    memory?.fill(a, 24, 0x41);
    cache.free(a);
    const digits = (addr: number): string => addr.toString(16).padStart(16, '0');
    expect(texts).toEqual([
      `TRACE told alloc 0x${digits(a)} inuse=1 fp=0x${digits(a + 24)}`,
      `TRACE told alloc 0x${digits(b)} inuse=2 fp=0x${digits(a + 48)}`,
      [
        `TRACE told free 0x${digits(a)} inuse=2 fp=0x${digits(a + 48)}`,
        `Object   ${digits(a)}: 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  AAAAAAAAAAAAAAAA`,
        `Object   ${digits(a + 16)}: 41 41 41 41 41 41 41 41                          AAAAAAAA`,
      ].join('\n'),
    ]);
    cache.assertValid();
  });
});

describe('SLAB_TYPESAFE_BY_RCU', () => {
  /** Readers are there until `end` is called. */
  function withReaders() {
    const waiting: (() => void)[] = [];
    const machine = testMachine({ callRcu: (callback) => void waiting.push(callback) });
    const cache = madeCache(machine.slab, { sizeBytes: 96, flags: SLAB_TYPESAFE_BY_RCU });
    const pagesInUse = () => machine.pages.managedPages - machine.pages.nrFreePages - machine.pages.nrPcpPages;
    return { ...machine, cache, pagesInUse, end: () => { for (const callback of waiting.splice(0)) callback(); } };
  }

  test('21.21: the link stands behind the object', () => {
    expect(withReaders().cache).toMatchObject({ size: 104, objectSize: 96 });
  });

  test('an object that comes back may be handed out again at once', () => {
    const { cache } = withReaders();
    const [addr] = takeObjects(cache, 1);
    cache.free(addr);
    expect(takeObjects(cache, 1)).toEqual([addr]);
  });

  test('pages stay pages of the cache until a grace period has passed', () => {
    const { cache, end, pagesInUse, slab } = withReaders();
    const before = pagesInUse();
    const [addr] = takeObjects(cache, 1);
    cache.free(addr);
    expect(cache.shrink()).toBe(true);
    expect([cache.exportState().nr_slabs, pagesInUse()]).toEqual([0, before + 1]);
    expect(slab.find(addr)).toMatchObject({ cache, start: addr, live: false });
    expect(() => { cache.free(addr); }).toThrow('DOUBLE_FREE');
    slab.assertValid();
    // Its number is not used again meanwhile.
    takeObjects(cache, 1);
    slab.assertValid();
    end();
    expect([slab.find(addr), pagesInUse()]).toEqual([null, before + 1]);
    slab.assertValid();
  });

  test('a destroyed cache keeps its pages as long', () => {
    const { cache, end, pagesInUse, slab } = withReaders();
    const [addr] = takeObjects(cache, 1);
    cache.free(addr);
    expect(cache.destroy()).toBe(true);
    expect(slab.caches()).toEqual([]);
    const other = madeCache(slab, { name: 'other', sizeBytes: 200 });
    takeObjects(other, 1);
    expect(slab.cacheOf(addr)).toBe(cache);
    end();
    expect(slab.cacheOf(addr)).toBeNull();
    slab.assertValid();
    expect(pagesInUse()).toBe(1);
  });
});

describe('the part that may be copied to and from user space', () => {
  test('keeps a cache for itself', () => {
    const { slab } = testMachine();
    const plain = madeCache(slab, { sizeBytes: 64 });
    const window = madeCache(slab, { sizeBytes: 64, userOffset: 8, userSize: 16 });
    expect(window).not.toBe(plain);
    expect(window).toMatchObject({ userOffset: 8, userSize: 16 });
  });

  test.each([[60, 5], [0, 65], [8, 0]])('%i + %i bytes of 64 do not fit: warned of, nothing may be copied', (userOffset, userSize) => {
    const seen: string[] = [];
    const { slab } = testMachine({ reports: { report: ({ code, severity }) => void seen.push(`${severity} ${code}`) } });
    expect(madeCache(slab, { sizeBytes: 64, userOffset, userSize })).toMatchObject({ userOffset: 0, userSize: 0 });
    expect(seen).toEqual(['warn BAD_CACHE']);
  });
});

test('pages that slabs are asked from: flags of the caller that slabs do not take are dropped', () => {
  const asked: number[] = [];
  const { slab } = testMachine({ onPages: (gfp) => void asked.push(gfp) });
  takeObjects(madeCache(slab, { sizeBytes: 64, flags: SLAB_RECLAIM_ACCOUNT }), 1);
  madeCache(slab, { sizeBytes: 64, flags: SLAB_ACCOUNT }).alloc(GFP_ATOMIC | __GFP_ZERO);
  expect(asked.map((gfp) => [gfp & __GFP_RECLAIMABLE, gfp & __GFP_ZERO])).toEqual([[__GFP_RECLAIMABLE, 0], [0, 0]]);
});
