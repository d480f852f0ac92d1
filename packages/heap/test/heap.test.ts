import { isKernelBug } from '@kmem/contracts';
import { slub } from '@kmem/slab';
import { describe, expect, it } from 'vitest';
import { createCheckedHeap, createHeap, kernelAllocator, type Heap, type HeapOptions } from '../src/index.js';

const KIB = 1024;
const MIB = 2 ** 20;

const kinds: Record<string, (options: HeapOptions) => Heap> = {
  linux: (options) => createHeap({ ...options, sizes: 'linux' }),
  fine: (options) => createHeap({ ...options, sizes: 'fine' }),
  slub: (options) => createHeap({ ...options, allocator: kernelAllocator(slub) }),
  checked: (options) => createCheckedHeap(options),
};

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'none';
};

describe.each(Object.entries(kinds))('a heap, %s', (name, make) => {
  it('hands out blocks that lie apart and at multiples of 8', () => {
    const heap = make({ bytes: 4 * MIB });
    const blocks = [0, 1, 7, 8, 9, 100, 128, 129, 1000, 4096, 5000, 8192, 9000, 100_000].map((bytes) => ({ bytes, addr: heap.malloc(bytes) }));
    const sorted = [...blocks].sort((a, b) => a.addr - b.addr);
    for (const [i, { addr, bytes }] of sorted.entries()) {
      expect(addr % 8).toBe(0);
      expect(addr).toBeGreaterThan(0);
      expect(heap.usableSize(addr)).toBeGreaterThanOrEqual(bytes);
      if (i + 1 < sorted.length) expect(addr + heap.usableSize(addr)).toBeLessThanOrEqual(sorted[i + 1].addr);
    }
    expect(heap.stats().blocks).toBe(blocks.length);
    heap.assertValid();
    for (const { addr } of blocks) heap.free(addr);
    heap.trim();
    const { blocks: left, freeBytes, sizeBytes, usedBytes } = heap.stats();
    expect([left, usedBytes]).toEqual([0, 0]);
    if (name !== 'slub') expect(freeBytes).toBe(sizeBytes);
    heap.assertValid();
  });

  it('gives a block back that was just freed to the next who asks for the size', () => {
    const heap = make({ bytes: MIB });
    const first = heap.malloc(64);
    heap.free(first);
    if (name !== 'checked') expect(heap.malloc(64)).toBe(first);
  });

  it.each([8, 16, 64, 256, 4096, 65536])('aligns to %i', (align) => {
    const heap = make({ bytes: 4 * MIB });
    for (const bytes of [1, 24, 100, 1000, 5000]) {
      const addr = heap.alignedAlloc(align, bytes);
      expect(addr).toBeGreaterThan(0);
      expect(addr % align).toBe(0);
      expect(heap.usableSize(addr)).toBeGreaterThanOrEqual(bytes);
    }
    heap.assertValid();
  });

  it('keeps the bytes of a block that grows and shrinks', () => {
    const heap = make({ bytes: MIB });
    let addr = heap.realloc(0, 10);
    heap.views.u8.set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], addr);
    for (const bytes of [20, 500, 5000, 60_000, 9000, 100, 10]) {
      addr = heap.realloc(addr, bytes);
      expect([...heap.view(Uint8Array, addr, 10)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
    expect(heap.stats().blocks).toBe(1);
    heap.free(addr);
    heap.assertValid();
  });

  it('clears what calloc hands out', () => {
    const heap = make({ bytes: MIB });
    const dirty = heap.malloc(100);
    heap.views.u8.fill(0xff, dirty, dirty + 100);
    heap.free(dirty);
    expect([...heap.view(Uint8Array, heap.calloc(100), 100)]).toEqual(new Array(100).fill(0));
  });

  it('says 0 when there is no room, and goes on', () => {
    const heap = make({ bytes: 256 * KIB });
    expect(heap.malloc(MIB)).toBe(0);
    expect(heap.malloc(2 ** 40)).toBe(0);
    const blocks: number[] = [];
    for (;;) {
      const addr = heap.malloc(1000);
      if (addr === 0) break;
      blocks.push(addr);
    }
    expect(blocks.length).toBeGreaterThan(100);
    const kept = blocks.pop() ?? 0;
    expect(heap.realloc(kept, 100_000)).toBe(0);
    expect(heap.usableSize(kept)).toBeGreaterThanOrEqual(1000);
    for (const addr of blocks) heap.free(addr);
    heap.trim();
    expect(heap.malloc(50_000)).toBeGreaterThan(0);
    heap.assertValid();
  });

  it('refuses what is no block, and nothing changes', () => {
    const heap = make({ bytes: MIB });
    const small = heap.malloc(100);
    const large = heap.malloc(100_000);
    const before = heap.stats();
    heap.free(0);
    for (const addr of [small + 8, large + 8, large + 4096, MIB + 8, -8, 2 ** 40]) {
      expect([addr, codeOf(() => heap.free(addr))]).toEqual([addr, 'BAD_OBJECT']);
      expect([addr, codeOf(() => heap.usableSize(addr))]).toEqual([addr, 'BAD_OBJECT']);
      expect([addr, codeOf(() => heap.realloc(addr, 8))]).toEqual([addr, 'BAD_OBJECT']);
    }
    expect(heap.stats()).toEqual(before);
    heap.free(small);
    expect(codeOf(() => heap.free(small))).toBe('DOUBLE_FREE');
    expect(codeOf(() => heap.realloc(small, 8))).toBe('DOUBLE_FREE');
    heap.free(large);
    if (name !== 'slub') expect(codeOf(() => heap.free(large))).toBe('DOUBLE_FREE');
    heap.assertValid();
  });

  it.each([-1, 1.5, NaN, Infinity])('refuses %d bytes', (bytes) => {
    const heap = make({ bytes: MIB });
    expect(codeOf(() => heap.malloc(bytes))).toBe('BAD_SIZE');
    expect(codeOf(() => heap.alignedAlloc(16, bytes))).toBe('BAD_SIZE');
    const block = heap.malloc(10_000);
    expect(codeOf(() => heap.realloc(block, bytes))).toBe('BAD_SIZE');
    heap.assertValid();
  });

  it('has structures with records', () => {
    const heap = make({ bytes: MIB });
    const points = heap.structCache({ id: 'u32', x: 'f64', flag: 'u8', big: 'i64' });
    expect(points.offsets).toEqual({ id: 0, x: 8, flag: 16, big: 24 });
    expect(points.sizeBytes).toBe(32);
    const all = Array.from({ length: 100 }, () => points.alloc());
    const point = points.record();
    for (const [i, addr] of all.entries()) {
      point.addr = addr;
      Object.assign(point, { id: i, x: i / 2, flag: 255 + i, big: -BigInt(i) });
    }
    for (const [i, addr] of all.entries()) {
      const { id, x, flag, big } = points.record(addr);
      expect([id, x, flag, big]).toEqual([i, i / 2, (255 + i) & 255, -BigInt(i)]);
    }
    for (const addr of all) points.free(addr);
    expect(heap.stats().blocks).toBe(0);
    heap.assertValid();
  });
});

describe('options', () => {
  it.each([
    [{}, 'bytes, buffer: expected one of the two'],
    [{ bytes: 100 }, 'bytes: expected an integer from 1024 to 4294967296, got 100'],
    [{ bytes: '1M' }, 'bytes: expected an integer from 1024 to 4294967296, got string'],
    [{ buffer: new Uint8Array(8) }, 'buffer.byteLength: expected an integer from 1024 to 9007199254740991, got 8'],
    [{ buffer: 5 }, 'buffer: expected an ArrayBuffer, a SharedArrayBuffer or a WebAssembly.Memory, got Number'],
    [{ bytes: 2048, sizes: 'coarse' }, 'sizes: expected linux or fine, got coarse'],
    [{ bytes: 2048, startBytes: 2000 }, 'startBytes: expected an integer from 0 to 1024, got 2000'],
    [{ bytes: 2048, maxBytes: 1024 }, 'maxBytes: expected an integer from 2048 to 4294967296, got 1024'],
    [{ bytes: MIB, sizes: 'fine', allocator: kernelAllocator(slub) }, 'sizes: another allocator chooses its own'],
    [{ buffer: new ArrayBuffer(2048), memory: false }, 'memory: false goes with bytes, not with a buffer'],
    [{ bytes: 4096, allocator: kernelAllocator(slub) }, 'bytes: expected a whole page of 4096 bytes behind the first one, got 4096 bytes'],
  ])('%j: %s', (options, text) => {
    expect(() => createHeap(options as HeapOptions)).toThrow(text);
  });

  it('leaves what lies below startBytes alone', () => {
    const heap = createHeap({ bytes: 64 * KIB, startBytes: 10_000 });
    for (let addr = heap.malloc(8); addr !== 0; addr = heap.malloc(8)) expect(addr).toBeGreaterThanOrEqual(10_000);
  });

  it('refuses an alignment that is no power of two', () => {
    expect(() => createHeap({ bytes: MIB }).alignedAlloc(24, 8)).toThrow('align: expected a power of two up to 2^30, got 24');
  });

  it('refuses fields of no type, of no name, and none', () => {
    const heap = createHeap({ bytes: MIB });
    expect(() => heap.structCache({ x: 'f16' as 'f32' })).toThrow('fields.x: expected one of i8, u8');
    expect(() => heap.structCache({ addr: 'f32' })).toThrow('fields.addr');
    expect(() => heap.structCache({})).toThrow('fields: expected at least one');
  });
});
