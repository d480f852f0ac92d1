import { isKernelBug } from '@kmem/contracts';
import { describe, expect, it } from 'vitest';
import { createHeap, type Heap } from '../src/index.js';

const KIB = 1024;
const MIB = 2 ** 20;

function fill(heap: Heap, bytes: number): number[] {
  const blocks: number[] = [];
  for (let addr = heap.malloc(bytes); addr !== 0; addr = heap.malloc(bytes)) blocks.push(addr);
  return blocks;
}

// Newer than the types at hand.
const resizable = (bytes: number, maxByteLength: number): ArrayBuffer => new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(bytes, { maxByteLength });
const growable = (bytes: number, maxByteLength: number): SharedArrayBuffer =>
  new (SharedArrayBuffer as unknown as new (n: number, o: object) => SharedArrayBuffer)(bytes, { maxByteLength });

describe('growth', () => {
  it.each([
    ['its own memory', () => createHeap({ bytes: 64 * KIB, maxBytes: MIB })],
    ['an ArrayBuffer', () => createHeap({ buffer: resizable(64 * KIB, MIB) })],
    ['a SharedArrayBuffer', () => createHeap({ buffer: growable(64 * KIB, MIB) })],
    ['a WebAssembly.Memory', () => createHeap({ buffer: new WebAssembly.Memory({ initial: 1, maximum: 16 }), maxBytes: MIB })],
    ['addresses alone', () => createHeap({ bytes: 64 * KIB, memory: false, maxBytes: MIB })],
  ])('%s grows up to its limit', (_, make) => {
    const heap = make();
    const block = heap.malloc(60_000);
    const blocks = fill(heap, 60_000);
    expect(blocks.length).toBe(16);
    expect(heap.stats().sizeBytes).toBeGreaterThan(MIB - KIB);
    expect(heap.stats().sizeBytes).toBeLessThanOrEqual(MIB);
    for (const addr of [block, ...blocks]) heap.free(addr);
    heap.trim();
    expect(heap.stats().longestFreeBytes).toBe(heap.stats().sizeBytes);
    heap.assertValid();
  });

  it('keeps bytes, and records go on working', () => {
    const heap = createHeap({ buffer: new WebAssembly.Memory({ initial: 1, maximum: 16 }), maxBytes: MIB });
    const points = heap.structCache({ x: 'f32' });
    const point = points.record(points.alloc());
    point.x = 1.5;
    expect(heap.malloc(500_000)).toBeGreaterThan(0);
    expect(point.x).toBe(1.5);
    expect(heap.views.u8.length).toBeGreaterThan(500_000);
  });

  it('leaves pages alone that a module has added to its memory by itself', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 16 });
    const heap = createHeap({ buffer: memory, maxBytes: MIB });
    const block = heap.malloc(100);
    heap.views.u8[block] = 7;
    memory.grow(2);
    expect(heap.views.u8[block]).toBe(7);
    const theirs = { start: 64 * KIB, end: 3 * 64 * KIB };
    for (const addr of fill(heap, 10_000)) expect(addr + 10_000 <= theirs.start || addr >= theirs.end).toBe(true);
    heap.assertValid();
  });

  it('grows when told to, and says when it cannot', () => {
    const heap = createHeap({ bytes: 64 * KIB, maxBytes: 128 * KIB });
    expect(heap.grow(64 * KIB)).toBe(true);
    expect(heap.grow(1)).toBe(false);
    expect(() => heap.grow(0)).toThrow('bytes: expected an integer from 1');
    expect(createHeap({ bytes: 64 * KIB }).grow(1)).toBe(false);
  });
});

describe('addresses alone', () => {
  it('have no bytes', () => {
    const heap = createHeap({ bytes: 2 ** 32, memory: false });
    const addr = heap.alignedAlloc(256, 3 * 2 ** 30);
    expect(addr % 256).toBe(0);
    const high = heap.malloc(2 ** 29);
    expect(high).toBeGreaterThan(2 ** 31);
    expect(heap.usableSize(high)).toBe(2 ** 29);
    const blocks = heap.stats().blocks;
    for (const act of [() => heap.calloc(8), () => heap.views, () => heap.view(Uint8Array, addr, 1)]) {
      expect(act).toThrow('NO_BACKING');
      try {
        act();
      } catch (error) {
        expect(isKernelBug(error)).toBe(true);
      }
    }
    expect(heap.stats().blocks).toBe(blocks);
    heap.free(addr);
    heap.free(high);
    heap.assertValid();
  });

  it('hands out small blocks above 2 GiB', () => {
    const heap = createHeap({ bytes: 2 ** 32, memory: false });
    const low = heap.malloc(3 * 2 ** 30);
    const blocks = Array.from({ length: 1000 }, () => heap.malloc(40));
    expect(Math.min(...blocks)).toBeGreaterThan(2 ** 31);
    for (const addr of blocks) expect(heap.usableSize(addr)).toBe(64);
    for (const addr of [low, ...blocks]) heap.free(addr);
    heap.trim();
    expect(heap.stats().freeBytes).toBe(heap.stats().sizeBytes);
  });
});

describe('snapshots', () => {
  it.each(['linux', 'fine'] as const)('bring back blocks, bytes and the way on, %s', (sizes) => {
    const heap = createHeap({ bytes: MIB, sizes });
    const blocks = Array.from({ length: 500 }, (_, i) => heap.malloc(8 + i * 3));
    for (const [i, addr] of blocks.entries()) heap.views.u8.fill(i, addr, addr + 8 + i * 3);
    for (let i = 0; i < 500; i += 3) heap.free(blocks[i]);
    const snapshot = structuredClone(heap.snapshot());
    const stats = heap.stats();
    const next = Array.from({ length: 50 }, (_, i) => heap.malloc(i * 20));
    for (let i = 1; i < 500; i += 3) heap.free(blocks[i]);
    heap.views.u8.fill(0xee, blocks[2], blocks[2] + 14);

    heap.restore(snapshot);
    heap.assertValid();
    expect(heap.stats()).toEqual(stats);
    expect(heap.views.u8[blocks[2] + 13]).toBe(2);
    expect(Array.from({ length: 50 }, (_, i) => heap.malloc(i * 20))).toEqual(next);

    const other = createHeap({ bytes: MIB, sizes });
    other.restore(snapshot);
    expect(other.views.u8[blocks[499]]).toBe(499 & 255);
    expect(Array.from({ length: 50 }, (_, i) => other.malloc(i * 20))).toEqual(next);
    other.assertValid();
  });

  it('of a heap that has grown since leaves it its size; structures made since go on', () => {
    const heap = createHeap({ bytes: 64 * KIB, maxBytes: MIB });
    const snapshot = heap.snapshot();
    heap.grow(500_000);
    const things = heap.structCache({ a: 'u64', b: 'u64', c: 'u64', d: 'u64', e: 'u64' });
    things.alloc();
    const { sizeBytes } = heap.stats();
    heap.restore(snapshot);
    expect(heap.stats()).toMatchObject({ sizeBytes, blocks: 0, freeBytes: sizeBytes });
    things.free(things.alloc());
    heap.assertValid();
  });

  it('that do not fit are refused, and nothing changes', () => {
    const heap = createHeap({ bytes: 64 * KIB, maxBytes: MIB });
    const block = heap.malloc(8);
    const { words, owner, bytes } = heap.snapshot();
    const grown = createHeap({ bytes: 128 * KIB, maxBytes: MIB }).snapshot();
    expect(() => heap.restore(grown)).toThrow('snapshot: it has 512 granules, this heap has 256: it must grow first');
    expect(() => heap.restore(createHeap({ bytes: 64 * KIB }).snapshot())).toThrow('snapshot: its capacity is 256, this heap\'s is 4096');
    expect(() => heap.restore(createHeap({ bytes: 64 * KIB, maxBytes: MIB, sizes: 'fine' }).snapshot())).toThrow('snapshot: its granule');
    expect(() => heap.restore({ words, owner, bytes: null })).toThrow('without bytes');
    expect(bytes).not.toBeNull();
    expect(heap.usableSize(block)).toBe(8);
  });
});
