import { expect, test } from 'vitest';
import { createWordBlocks } from './word-blocks.js';

test('blocks begin at multiples of their size, keep their words when the array grows, and come again empty', () => {
  const shared = createWordBlocks(1);
  const blocks: { readonly bits: number; readonly start: number }[] = [];
  for (let i = 0; i < 200; i++) {
    const bits = 3 + (i % 5);
    const start = shared.take(bits);
    expect(start % 2 ** bits).toBe(0);
    expect(shared.words.subarray(start, start + 2 ** bits).every((word) => word === 0)).toBe(true);
    shared.words.fill(i + 1, start, start + 2 ** bits);
    blocks.push({ bits, start });
  }
  blocks.forEach(({ bits, start }, i) => {
    expect(shared.words.subarray(start, start + 2 ** bits).every((word) => word === i + 1)).toBe(true);
  });
  const [{ bits, start }, { bits: otherBits, start: otherStart }] = [blocks[0], blocks[5]];
  shared.put(bits, start);
  shared.put(otherBits, otherStart);
  expect(shared.take(bits + 1)).not.toBe(start);
  expect([shared.take(bits), shared.take(bits)]).toEqual([otherStart, start]);
  expect(shared.words.subarray(start, start + 2 ** bits).every((word) => word === 0)).toBe(true);
});

test('no block is handed out beyond the largest position', () => {
  const shared = createWordBlocks(1);
  expect(shared.take(31)).toBe(0);
  expect(shared.take(3)).toBeGreaterThan(0);
});
