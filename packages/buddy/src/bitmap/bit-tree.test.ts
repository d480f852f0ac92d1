import { Random } from '@kmem/conformance';
import { describe, expect, test } from 'vitest';
import { BitTree } from './bit-tree.js';

describe('a set that finds its smallest member', () => {
  test.each([1, 31, 32, 33, 1000, 1024, 1025, 40_000])('of integers below %i, against a plain set', (size) => {
    const random = new Random(size);
    const tree = new BitTree(size);
    const set = new Set<number>();
    for (let call = 0; call < 3000; call++) {
      // Now a set that fills, now one that empties.
      const i = random.below(size);
      if (random.below(10) < (call % 1000 < 500 ? 7 : 2)) {
        tree.add(i);
        set.add(i);
      } else {
        const out = random.below(2) === 0 ? i : tree.first();
        if (out >= 0) tree.delete(out);
        set.delete(out);
      }
      if (call % 16 === 0) expect(tree.first()).toBe(set.size === 0 ? -1 : Math.min(...set));
      expect(tree.has(i)).toBe(set.has(i));
    }
  });

  test('the last integer of the largest set is found', () => {
    const tree = new BitTree(2 ** 22);
    tree.add(2 ** 22 - 1);
    expect(tree.first()).toBe(2 ** 22 - 1);
    tree.delete(2 ** 22 - 1);
    expect(tree.first()).toBe(-1);
  });
});
