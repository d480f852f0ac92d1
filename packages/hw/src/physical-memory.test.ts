import { isKernelBug, type MemoryBacking, type PhysicalMemory } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { createMemory, SPARSE_PIECE_BYTES, wrapMemory } from './physical-memory.js';

const PIECE = SPARSE_PIECE_BYTES;
const GIB = 2 ** 30;

describe.each(['dense', 'shared', 'wasm', 'sparse'] as const)('%s memory', (backing: MemoryBacking) => {
  const make = (sizeBytes: number): PhysicalMemory => createMemory({ sizeBytes, backing });

  test('has the size that was asked for and starts as zeroes', () => {
    const memory = make(10_000);
    expect([memory.backing, memory.sizeBytes]).toEqual([backing, 10_000]);
    expect(memory.view(0, 10_000).every((byte) => byte === 0)).toBe(true);
  });

  test('a view is the bytes themselves', () => {
    const memory = make(8192);
    memory.view(4096, 16)[3] = 0x5a;
    expect(memory.view(4099, 1)[0]).toBe(0x5a);
    memory.fill(4099, 1, 7);
    expect(memory.view(4096, 16)[3]).toBe(7);
  });

  test('fill writes its range and no byte beside it', () => {
    const memory = make(64);
    memory.fill(8, 16, 0xff);
    const written = [...memory.view(0, 64)].flatMap((byte, i) => (byte === 0xff ? [i] : []));
    expect(written).toEqual(Array.from({ length: 16 }, (_, i) => 8 + i));
  });

  test('a range may end where the memory ends, and be empty there', () => {
    const memory = make(4096);
    expect(memory.view(4095, 1).length).toBe(1);
    expect(memory.view(4096, 0).length).toBe(0);
    expect(() => memory.fill(4096, 0, 1)).not.toThrow();
  });

  test('a range that leaves the memory is refused, with both ends in the text', () => {
    const memory = make(4096);
    expect(() => memory.view(4090, 7)).toThrow('7 bytes at 0xffa leave the memory, which ends at 0x1000');
    expect(() => memory.fill(4090, 7, 0)).toThrow(RangeError);
    for (const [addr, size] of [[-1, 1], [0, -1], [0.5, 1], [0, 1.5], [NaN, 1], [2 ** 53, 1]]) {
      expect(() => memory.view(addr, size)).toThrow(RangeError);
      expect(() => memory.fill(addr, size, 0)).toThrow(RangeError);
    }
  });

  test('only bytes can be filled in', () => {
    const memory = make(4096);
    for (const bad of [-1, 256, 1.5, NaN]) expect(() => memory.fill(0, 16, bad)).toThrow('value: expected an integer from 0 to 255');
    expect(memory.view(0, 16).every((byte) => byte === 0)).toBe(true);
  });
});

describe('sparse memory', () => {
  test('64 GiB cost what is touched', () => {
    const memory = createMemory({ sizeBytes: 64 * GIB, backing: 'sparse' });
    memory.view(63 * GIB, 4096).fill(1);
    expect(memory.view(63 * GIB, 1)[0]).toBe(1);
    expect(memory.view(0, 1).buffer.byteLength).toBe(PIECE);
  });

  test('a block of 4 MiB lies in one piece; a range across pieces is refused', () => {
    const memory = createMemory({ sizeBytes: 4 * PIECE, backing: 'sparse' });
    expect(memory.view(PIECE, PIECE).length).toBe(PIECE);
    expect(() => memory.view(PIECE - 1, 2)).toThrow('cross a piece of sparse memory');
  });

  test('fill runs across pieces', () => {
    const memory = createMemory({ sizeBytes: 16 * 4096, backing: 'sparse', pieceBytes: 4096 });
    memory.fill(4095, 4098, 9);
    const bytes = [4094, 4095, 4096, 8191, 8192, 8193].map((addr) => memory.view(addr, 1)[0]);
    expect(bytes).toEqual([0, 9, 9, 9, 9, 0]);
  });

  test('clearing clears what is there and makes nothing that is not', () => {
    const memory = createMemory({ sizeBytes: 4096 * GIB, backing: 'sparse' });
    memory.view(2048 * GIB, 1)[0] = 9;
    // If this made the pieces, it would take 4 TiB.
    memory.fill(0, 4096 * GIB, 0);
    expect(memory.view(2048 * GIB, 1)[0]).toBe(0);
  });

  test('the last piece is as long as the memory', () => {
    const memory = createMemory({ sizeBytes: 5000, backing: 'sparse', pieceBytes: 4096 });
    expect(memory.view(4096, 904).length).toBe(904);
    expect(memory.view(4096, 904).buffer.byteLength).toBe(904);
  });
});

test('none: ranges are checked, filling does nothing, bytes are a NO_BACKING', () => {
  const memory = createMemory({ sizeBytes: 2 ** 52, backing: 'none' });
  memory.fill(2 ** 51, 2 ** 51, 0);
  expect(() => memory.view(2 ** 52, 1)).toThrow(RangeError);
  let caught: unknown;
  try {
    memory.view(0x2000, 16);
  } catch (error) {
    caught = error;
  }
  expect(isKernelBug(caught) && [caught.code, caught.fields]).toEqual(['NO_BACKING', { addr: 0x2000, sizeBytes: 16 }]);
});

describe('wrapMemory', () => {
  test('is named after what it wraps', () => {
    expect(wrapMemory(new ArrayBuffer(64)).backing).toBe('dense');
    expect(wrapMemory(new SharedArrayBuffer(64)).backing).toBe('shared');
    expect(wrapMemory(new WebAssembly.Memory({ initial: 1 })).backing).toBe('wasm');
  });

  test('copies nothing', () => {
    const buffer = new ArrayBuffer(64);
    new Uint8Array(buffer)[5] = 42;
    const memory = wrapMemory(buffer);
    memory.fill(6, 1, 43);
    expect([memory.view(5, 1)[0], new Uint8Array(buffer)[6]]).toEqual([42, 43]);
  });

  test('a WebAssembly memory that grows keeps its bytes in view and its size as a machine', () => {
    const source = new WebAssembly.Memory({ initial: 1, maximum: 2 });
    const memory = wrapMemory(source);
    memory.fill(100, 1, 7);
    source.grow(1);
    expect(memory.view(100, 1)[0]).toBe(7);
    memory.fill(100, 1, 8);
    expect(new Uint8Array(source.buffer)[100]).toBe(8);
    expect(memory.sizeBytes).toBe(65536);
    expect(() => memory.view(65536, 1)).toThrow(RangeError);
  });

  test('a shared WebAssembly memory works', () => {
    const source = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    wrapMemory(source).fill(0, 4, 1);
    expect([...new Uint8Array(source.buffer, 0, 5)]).toEqual([1, 1, 1, 1, 0]);
  });
});
