import { describe, expect, it } from 'vitest';
import { createCheckedHeap } from '../src/index.js';

describe('createCheckedHeap', () => {
  it('finds bytes written past the end, to the byte', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 16 });
    const block = heap.malloc(13);
    heap.views.u8[block + 13] = 1;
    expect(() => heap.free(block)).toThrow(`CORRUPT_OBJECT: the block of 13 bytes at ${block} was written 1 bytes past the end`);
  });

  it('finds bytes written before the start', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 16 });
    const block = heap.malloc(13);
    heap.views.u8[block - 2] = 1;
    expect(() => heap.assertValid()).toThrow(`the block of 13 bytes at ${block} was written 2 bytes before the start`);
    expect(() => heap.realloc(block, 20)).toThrow('before the start');
  });

  it('finds bytes written after a block was freed', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 16 });
    const block = heap.malloc(40);
    heap.free(block);
    heap.views.u8[block + 8] = 1;
    expect(() => heap.assertValid()).toThrow(`the block of 40 bytes at ${block} was written at byte 8, after it had been freed`);
  });

  it('does not hand a freed block out at once, and tells a second free from a foreign address', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 20 });
    const block = heap.malloc(40);
    heap.free(block);
    for (let i = 0; i < 200; i++) heap.free(heap.malloc(40));
    expect(() => heap.free(block)).toThrow(`DOUBLE_FREE: the block at ${block} has been freed already`);
    const other = heap.malloc(100);
    expect(() => heap.free(other + 4)).toThrow(`BAD_OBJECT: no block starts at ${other + 4}: it is 4 bytes into the block at ${other}`);
    expect(() => heap.free(3)).toThrow('BAD_OBJECT: no block starts at 3');
  });

  it('finds an address that realloc has made stale', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 20 });
    const old = heap.malloc(40);
    const block = heap.realloc(old, 41);
    expect(block).not.toBe(old);
    expect(() => heap.free(old)).toThrow('DOUBLE_FREE');
  });

  it('lists what is left at the end', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 20, sizes: 'fine' });
    const [a, b, c] = [10, 20, 30].map((bytes) => heap.malloc(bytes));
    heap.free(b);
    expect(heap.live()).toEqual([
      { addr: a, bytes: 10, serial: 0 },
      { addr: c, bytes: 30, serial: 2 },
    ]);
  });

  it('fills new blocks, so that what was never written stands out', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 16 });
    expect(heap.views.u8[heap.malloc(1)]).toBe(0x5a);
  });

  it('uses the memory of waiting blocks before it says that there is none', () => {
    const heap = createCheckedHeap({ bytes: 64 * 1024 });
    for (let i = 0; i < 100; i++) {
      const block = heap.malloc(20_000);
      expect(block).toBeGreaterThan(0);
      heap.free(block);
    }
  });

  it('watches addresses without bytes', () => {
    const heap = createCheckedHeap({ bytes: 2 ** 16, memory: false });
    const block = heap.malloc(8);
    heap.free(block);
    expect(() => heap.free(block)).toThrow('DOUBLE_FREE');
    heap.assertValid();
  });
});
