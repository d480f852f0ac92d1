/** SLOB: three lists, first fit, pages that go at once (slab spec 10). */
import { BuddyAllocator } from '@kmem/buddy';
import { GFP_KERNEL, isKernelBug, NULL, SLAB_TYPESAFE_BY_RCU, ZERO_SIZE_PTR } from '@kmem/contracts';
import type { PhysAddr, SlabCache } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { slob } from '../src/index.js';
import type { Slob, SlobOptions } from '../src/index.js';

interface Machine {
  readonly slab: Slob;
  readonly usedPages: () => number;
}

function machine(options: Partial<SlobOptions> = {}): Machine {
  const frames = createFrameTable({ nrFrames: 1024 });
  const pages = new BuddyAllocator({ frames });
  const memory = createMemory({ sizeBytes: 1024 * 4096, backing: 'dense' });
  const usedPages = (): number => pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
  return { slab: slob({ pages, frames, memory, ...options }), usedPages };
}

function made(slab: Slob, sizeBytes: number, options: { align?: number; flags?: number } = {}): SlabCache {
  const cache = slab.createCache({ name: `test-${String(sizeBytes)}`, sizeBytes, ...options });
  if (cache === null) throw new Error('no cache');
  return cache;
}

/** Code of the bug that a call throws. */
function bugOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return isKernelBug(error) ? error.code : String(error);
  }
  return 'none';
}

describe('edge case 51', () => {
  const { slab } = machine();
  const { kmalloc, ksize } = slab.kmalloc;

  test('kmalloc(100) takes 108 bytes', () => {
    const first = kmalloc(100, GFP_KERNEL);
    expect(kmalloc(100, GFP_KERNEL) - first).toBe(112);
    expect(slab.exportState().small[0][1] * 2).toBe(4096 - 108 - 108);
  });

  test('kmalloc(64) is aligned to 64, with 8 bytes before it', () => {
    const addr = kmalloc(64, GFP_KERNEL);
    expect(addr % 64).toBe(0);
    const [, , blocks] = slab.exportState().small[0];
    expect(blocks.some(([offset, length]) => (offset + length) * 2 === (addr % 4096) - 8)).toBe(true);
  });

  test('kmalloc(4088) is one page', () => {
    const addr = kmalloc(4088, GFP_KERNEL);
    expect(addr % 4096).toBe(0);
    expect(ksize(addr)).toBe(4096);
    expect(slab.isHeap(addr)).toBe(false);
  });
});

test('edge case 52: the last object of a page takes the page with it', () => {
  const { slab, usedPages } = machine();
  const before = usedPages();
  const cache = made(slab, 100);
  const objects = Array.from({ length: 50 }, () => cache.alloc(GFP_KERNEL));
  expect(usedPages()).toBe(before + 2);
  for (const addr of objects.slice(0, 40)) cache.free(addr);
  expect(usedPages()).toBe(before + 1);
  for (const addr of objects.slice(40)) cache.free(addr);
  expect(usedPages()).toBe(before);
});

test('the three lists go by what was asked for, the header included', () => {
  const { slab } = machine();
  const { kmalloc } = slab.kmalloc;
  const lengths = (): number[] => [slab.exportState().small, slab.exportState().medium, slab.exportState().large].map((list) => list.length);
  kmalloc(247, GFP_KERNEL);
  expect(lengths()).toEqual([1, 0, 0]);
  kmalloc(248, GFP_KERNEL);
  expect(lengths()).toEqual([1, 1, 0]);
  made(slab, 1022).alloc(GFP_KERNEL);
  expect(lengths()).toEqual([1, 1, 0]);
  made(slab, 1024).alloc(GFP_KERNEL);
  expect(lengths()).toEqual([1, 1, 1]);
});

test('a full page comes back to the list of what was freed in it', () => {
  const { slab } = machine();
  const small = made(slab, 16);
  const rest = made(slab, 240);
  const first = small.alloc(GFP_KERNEL);
  const others = Array.from({ length: 17 }, () => rest.alloc(GFP_KERNEL));
  expect(others.every((addr) => Math.floor(addr / 4096) === Math.floor(first / 4096))).toBe(true);
  expect(slab.exportState()).toEqual({ small: [], medium: [], large: [] });
  rest.free(others[3]);
  expect(slab.exportState().small).toEqual([[Math.floor(first / 4096), 120, [[8 + 3 * 120, 120]]]]);
});

test('a free block is joined with those on both sides', () => {
  const { slab } = machine();
  const cache = made(slab, 256);
  const objects = Array.from({ length: 8 }, () => cache.alloc(GFP_KERNEL));
  for (const i of [1, 3, 2]) cache.free(objects[i]);
  expect(slab.exportState().medium[0][2]).toEqual([[128, 384], [1024, 1024]]);
});

test('the search goes on where the last one found something', () => {
  const { slab } = machine();
  const cache = made(slab, 1024);
  const pagesOf = (count: number): PhysAddr[] => Array.from({ length: count }, () => cache.alloc(GFP_KERNEL));
  const objects = pagesOf(12);
  for (const i of [1, 5, 9]) cache.free(objects[i]);
  const page = (i: number): number => Math.floor(objects[i] / 4096);
  expect(slab.exportState().large.map(([pfn]) => pfn)).toEqual([page(9), page(5), page(1)]);
  cache.free(objects[2]);
  // Only the third has two free neighbours: it is searched first from now on, and full, so that it leaves.
  const two = made(slab, 2048);
  expect(two.alloc(GFP_KERNEL)).toBe(objects[1]);
  expect(slab.exportState().large.map(([pfn]) => pfn)).toEqual([page(9), page(5)]);
});

test('objects from a page on have pages of their own, and every byte leads to them', () => {
  const { slab, usedPages } = machine();
  const before = usedPages();
  const cache = made(slab, 9000);
  const addr = cache.alloc(GFP_KERNEL);
  expect(usedPages()).toBe(before + 4);
  expect(slab.find(addr + 8999)).toMatchObject({ start: addr, live: true });
  cache.free(addr);
  expect(usedPages()).toBe(before);
});

test('readers keep freed objects where they are', () => {
  const waiting: (() => void)[] = [];
  const { slab, usedPages } = machine({ callRcu: (callback) => void waiting.push(callback) });
  const before = usedPages();
  for (const sizeBytes of [40, 5000]) {
    const cache = made(slab, sizeBytes, { flags: SLAB_TYPESAFE_BY_RCU });
    expect(cache.size).toBe(sizeBytes + 24);
    const addr = cache.alloc(GFP_KERNEL);
    cache.free(addr);
    expect(slab.find(addr)?.live).toBe(false);
    expect(bugOf(() => cache.free(addr))).toBe('DOUBLE_FREE');
    for (const callback of waiting.splice(0)) callback();
    expect(slab.find(addr)).toBeNull();
  }
  expect(usedPages()).toBe(before);
});

test('misuse of kmalloc is reported and changes nothing', () => {
  const { slab } = machine();
  const { kmalloc, kfree, kmallocNode, ksize } = slab.kmalloc;
  const cache = made(slab, 40);
  const object = cache.alloc(GFP_KERNEL);
  const [a, b] = [kmalloc(50, GFP_KERNEL), kmalloc(50, GFP_KERNEL)];
  kfree(b);
  const state = slab.exportState();
  expect(bugOf(() => { kfree(b); })).toBe('DOUBLE_FREE');
  expect(bugOf(() => { kfree(a + 2); })).toBe('BAD_OBJECT');
  expect(bugOf(() => { kfree(object); })).toBe('BAD_OBJECT');
  expect(bugOf(() => { cache.free(a - 8); })).toBe('WRONG_CACHE');
  expect(bugOf(() => ksize(b))).toBe('DOUBLE_FREE');
  expect(bugOf(() => kmalloc(1.5, GFP_KERNEL))).toBe('BAD_SIZE');
  expect(bugOf(() => kmallocNode(8, GFP_KERNEL, 3))).toBe('BAD_NODE');
  expect(bugOf(() => { kfree(4096 * 1000); })).toBe('BAD_OBJECT');
  kfree(NULL);
  kfree(ZERO_SIZE_PTR);
  expect(slab.exportState()).toEqual(state);
  slab.assertValid();
});

test('what cannot be aligned inside a page is refused', () => {
  const { slab } = machine();
  expect(slab.createCache({ name: 'odd', sizeBytes: 64, align: 8192 })).toBeNull();
  expect(made(slab, 9000, { align: 8192 }).alloc(GFP_KERNEL) % 8192).toBe(0);
});
