import { __GFP_NOWARN, __GFP_ZERO, GFP_KERNEL, isKernelBug, NULL, NUMA_NO_NODE, ZERO_SIZE_PTR, type KernelBug } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { bootKmalloc, readBytes, type KmallocMachine } from './kmalloc-machine.js';

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('requests for nothing and for too much', () => {
  const family = bootKmalloc();
  const { kmalloc, kfree, ksize, kcalloc, kmallocArray, kreallocArray } = family;

  test('21.1: nothing is ZERO_SIZE_PTR, which may be freed', () => {
    expect(kmalloc(0, GFP_KERNEL)).toBe(ZERO_SIZE_PTR);
    expect(kcalloc(100, 0, GFP_KERNEL)).toBe(ZERO_SIZE_PTR);
    expect([ksize(NULL), ksize(ZERO_SIZE_PTR)]).toEqual([0, 0]);
    kfree(NULL);
    kfree(ZERO_SIZE_PTR);
  });

  test('21.2: the largest block is served, one byte more is not', () => {
    const addr = kmalloc(2 ** 22, GFP_KERNEL);
    expect(ksize(addr)).toBe(2 ** 22);
    expect(family.largePages()).toBe(1024);
    kfree(addr);
    expect(family.largePages()).toBe(0);
    expect(kmalloc(2 ** 22 + 1, GFP_KERNEL | __GFP_NOWARN)).toBe(NULL);
    expect(kmalloc(2 ** 60, GFP_KERNEL | __GFP_NOWARN)).toBe(NULL);
  });

  test('21.37: an array whose size overflows is NULL without asking anybody', () => {
    expect(kmallocArray(2 ** 33, 2 ** 33, GFP_KERNEL)).toBe(NULL);
    expect(kcalloc(2 ** 40, 2 ** 30, GFP_KERNEL)).toBe(NULL);
    expect(kreallocArray(NULL, 2 ** 40, 2 ** 30, GFP_KERNEL)).toBe(NULL);
    const addr = kmallocArray(100, 7, GFP_KERNEL);
    expect(ksize(addr)).toBe(1024);
    kfree(addr);
  });

  test.each([-1, 0.5, NaN, -Infinity, Infinity, -(2 ** 31)])('a size of %d is reported', (size) => {
    expect(codeOf(() => kmalloc(size, GFP_KERNEL))).toBe('BAD_SIZE');
    expect(codeOf(() => kmallocArray(size, 2, GFP_KERNEL))).toBe('BAD_SIZE');
    expect(codeOf(() => kmallocArray(-2, size, GFP_KERNEL))).toBe('BAD_SIZE');
  });
});

describe('addresses that nobody took', () => {
  test.each([
    ['below the first page', 17],
    ['negative', -4096],
    ['past the end', 2 ** 40],
    ['no number', NaN],
    ['a fraction', 4096.5],
  ])('%s: reported', (_, addr) => {
    const family = bootKmalloc();
    expect(codeOf(() => family.kfree(addr))).toBe('BAD_OBJECT');
    expect(codeOf(() => family.ksize(addr))).toBe('BAD_OBJECT');
  });

  test('inside an object, inside a block of pages, twice', () => {
    const family = bootKmalloc();
    const { pages, slabs } = family;
    const small = family.kmalloc(100, GFP_KERNEL);
    const large = family.kmalloc(20000, GFP_KERNEL);
    expect(codeOf(() => family.kfree(small + 8))).toBe('BAD_OBJECT');
    expect(codeOf(() => family.kfree(large + 4096))).toBe('BAD_OBJECT');
    family.kfree(small);
    expect(codeOf(() => family.kfree(small))).toBe('DOUBLE_FREE');
    family.kfree(large);
    expect(codeOf(() => family.kfree(large))).toBe('BAD_OBJECT');
    slabs.assertValid();
    pages.assertValid();
  });

  test('21.57: a single page of the page allocator is freed with a warning', () => {
    const seen: KernelBug[] = [];
    const family = bootKmalloc({ report: (bug) => seen.push(bug) });
    const { pages } = family;
    const before = pages.nrFreePages + pages.nrPcpPages;
    family.kfree(pages.allocPages(GFP_KERNEL, 0) * 4096);
    expect(seen.map(({ code, severity }) => [code, severity])).toEqual([['BAD_OBJECT', 'warn']]);
    expect(pages.nrFreePages + pages.nrPcpPages).toBe(before);
  });
});

describe('memory of a node', () => {
  test('caches have one node; above two pages the page allocator knows', () => {
    const { kmallocNode, kzallocNode, kmallocArrayNode, kcallocNode, ksize } = bootKmalloc();
    for (const node of [NUMA_NO_NODE, 0]) {
      expect([kmallocNode(100, GFP_KERNEL, node), kzallocNode(20000, GFP_KERNEL, node)].map(ksize)).toEqual([128, 32768]);
      expect([kmallocArrayNode(3, 40, GFP_KERNEL, node), kcallocNode(3, 5000, GFP_KERNEL, node)].map(ksize)).toEqual([128, 16384]);
    }
    for (const sizeBytes of [100, 20000]) expect(codeOf(() => kmallocNode(sizeBytes, GFP_KERNEL, 1))).toBe('BAD_NODE');
    expect([kmallocNode(0, GFP_KERNEL, 0), kmallocArrayNode(2 ** 40, 2 ** 40, GFP_KERNEL, 0)]).toEqual([ZERO_SIZE_PTR, NULL]);
    expect(codeOf(() => kmallocNode(-1, GFP_KERNEL, 0))).toBe('BAD_SIZE');
  });

  test('kzallocNode and kcallocNode clear', () => {
    const { kmalloc, kfree, kzallocNode, kcallocNode, memory } = bootKmalloc();
    for (const again of [() => kzallocNode(64, GFP_KERNEL, 0), () => kcallocNode(8, 8, GFP_KERNEL, 0)]) {
      const addr = kmalloc(64, GFP_KERNEL);
      memory.fill(addr, 64, 0xee);
      kfree(addr);
      expect(again()).toBe(addr);
      expect(readBytes(memory, addr, 64)).toEqual(new Uint8Array(64));
    }
  });
});

describe('what is in the memory', () => {
  test('21.25: kzalloc clears the whole object, not only what was asked for', () => {
    const family = bootKmalloc();
    const { memory } = family;
    const addr = family.kmalloc(50, GFP_KERNEL);
    memory.fill(addr, 64, 0xff);
    family.kfree(addr);
    expect(family.kzalloc(50, GFP_KERNEL)).toBe(addr);
    expect(readBytes(memory, addr, 64)).toEqual(new Uint8Array(64));
    const large = family.kmalloc(20000, GFP_KERNEL | __GFP_ZERO);
    expect(readBytes(memory, large, 32768)).toEqual(new Uint8Array(32768));
  });

  test('kfreeSensitive leaves nothing behind', () => {
    const family = bootKmalloc();
    const { memory } = family;
    const addr = family.kmalloc(200, GFP_KERNEL);
    memory.fill(addr, 256, 0xcd);
    family.kfreeSensitive(addr);
    expect(readBytes(memory, addr, 256)).toEqual(new Uint8Array(256));
    family.kfreeSensitive(NULL);
  });

  test('copies and strings', () => {
    const family = bootKmalloc();
    const { memory } = family;
    const text = family.kasprintf(GFP_KERNEL, 'mü€😀\ud800');
    expect(family.ksize(text)).toBe(16);
    const bytes = new TextEncoder().encode('mü€😀\ufffd');
    expect(readBytes(memory, text, bytes.length + 1)).toEqual(Uint8Array.from([...bytes, 0]));
    const copy = family.kstrdup(text, GFP_KERNEL);
    expect(copy).not.toBe(text);
    expect(readBytes(memory, copy, bytes.length + 1)).toEqual(readBytes(memory, text, bytes.length + 1));
    expect([...readBytes(memory, family.kstrndup(text, 3, GFP_KERNEL), 4)]).toEqual([...bytes.slice(0, 3), 0]);
    expect([...readBytes(memory, family.kmemdup(text, 2, GFP_KERNEL), 2)]).toEqual([...bytes.slice(0, 2)]);
    expect([...readBytes(memory, family.kmemdupNul(text, 2, GFP_KERNEL), 3)]).toEqual([...bytes.slice(0, 2), 0]);
    expect(family.kmemdup(text, 0, GFP_KERNEL)).toBe(ZERO_SIZE_PTR);
    expect([family.kstrdup(NULL, GFP_KERNEL), family.kstrndup(NULL, 5, GFP_KERNEL), family.kmemdupNul(NULL, 5, GFP_KERNEL)]).toEqual([0, 0, 0]);
  });

  test('a string longer than a page is copied across pages', () => {
    const family = bootKmalloc();
    const { memory } = family;
    const long = 'x'.repeat(9999);
    const copy = family.kstrdup(family.kasprintf(GFP_KERNEL, long), GFP_KERNEL);
    expect(new TextDecoder().decode(readBytes(memory, copy, 10000))).toBe(`${long}\0`);
  });

  test('a resize that fails leaves the old memory as it was', () => {
    const family = bootKmalloc();
    const { memory } = family;
    const addr = family.kmalloc(100, GFP_KERNEL);
    memory.fill(addr, 100, 7);
    expect(family.krealloc(addr, 2 ** 23, GFP_KERNEL | __GFP_NOWARN)).toBe(NULL);
    expect(readBytes(memory, addr, 100)).toEqual(new Uint8Array(100).fill(7));
    family.kfree(addr);
  });
});

test('a bulk free takes caches and pages mixed, and hands out again in the order of single frees', () => {
  const take = (family: KmallocMachine): number[] => [
    ...Array.from({ length: 6 }, () => family.kmalloc(64, GFP_KERNEL)),
    family.kmalloc(30000, GFP_KERNEL),
    ...Array.from({ length: 3 }, () => family.kmalloc(256, GFP_KERNEL)),
    ZERO_SIZE_PTR,
    NULL,
  ];
  const bulk = bootKmalloc();
  const taken = take(bulk);
  bulk.kfreeBulk(taken.length, Float64Array.from(taken));
  expect(bulk.largePages()).toBe(0);
  const again = Array.from({ length: 6 }, () => bulk.kmalloc(64, GFP_KERNEL));
  expect(again).toEqual(taken.slice(0, 6).reverse());
  expect(codeOf(() => bulk.kfreeBulk(2, new Float64Array(1)))).toBe('BAD_SIZE');
});

test('caches are made row by row, smallest first, and nothing else joins them', () => {
  const family = bootKmalloc();
    const { slabs } = family;
  const names = family.caches.map(({ name }) => name);
  expect([names.length, names[0], names[12], names[13], names[26], names[51]]).toEqual([52, 'kmalloc-8', 'kmalloc-8k', 'kmalloc-cg-8', 'kmalloc-rcl-8', 'dma-kmalloc-8k']);
  expect(slabs.caches().map(({ name }) => name)).toEqual([...names].reverse());
});

test('a hundred thousand random calls: nothing overlaps, tags stay, all pages come back', () => {
  const family = bootKmalloc();
    const { pages, slabs, memory } = family;
  const free = pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
  const live: { addr: number; size: number; tag: number }[] = [];
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const sizes = (): number => (random(50) === 0 ? 8193 + random(60000) : 1 + random(2 ** (1 + random(13))));
  for (let i = 0; i < 100_000; i++) {
    if (live.length === 0 || (live.length < 2000 && random(2) === 0)) {
      const size = sizes();
      const addr = family.kmalloc(size, GFP_KERNEL);
      const tag = random(256);
      memory.view(addr, 1)[0] = tag;
      memory.view(addr + size - 1, 1)[0] = tag;
      live.push({ addr, size, tag });
      continue;
    }
    const at = random(live.length);
    const { addr, size, tag } = live[at];
    expect(memory.view(addr, 1)[0] === tag && memory.view(addr + size - 1, 1)[0] === tag).toBe(true);
    live[at] = live[live.length - 1];
    live.pop();
    family.kfree(addr);
  }
  slabs.assertValid();
  pages.assertValid();
  for (const { addr } of live) family.kfree(addr);
  for (const cache of family.caches) expect(cache.shrink()).toBe(true);
  expect(pages.managedPages - pages.nrFreePages - pages.nrPcpPages).toBe(free);
});
