import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countPages, innerPages, intersectRanges, normalizeRanges, outerPages, subtractRanges } from './memory-map.js';

const range = (start: number, end: number): { start: number; end: number } => ({ start, end });

describe('normalizeRanges', () => {
  test('joins ranges that overlap, touch or lie inside each other', () => {
    expect(normalizeRanges([range(8, 12), range(2, 4), range(4, 6), range(9, 10)])).toEqual([range(2, 6), range(8, 12)]);
  });

  test('drops empty and reversed ranges', () => {
    expect(normalizeRanges([range(5, 5), range(9, 3)])).toEqual([]);
  });

  test('changes neither the list nor its ranges', () => {
    const given = Object.freeze([Object.freeze(range(4, 6)), Object.freeze(range(0, 5))]);
    expect(normalizeRanges(given)).toEqual([range(0, 6)]);
    expect(given).toEqual([range(4, 6), range(0, 5)]);
  });

  test('refuses bounds that are no frame number', () => {
    for (const bad of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      expect(() => normalizeRanges([range(0, bad)])).toThrow(RangeError);
      expect(() => normalizeRanges([range(bad, 8)])).toThrow(RangeError);
    }
  });
});

describe('subtractRanges', () => {
  test('cuts a hole out of the middle, off an end, and away entirely', () => {
    expect(subtractRanges([range(0, 10)], [range(3, 5)])).toEqual([range(0, 3), range(5, 10)]);
    expect(subtractRanges([range(0, 10)], [range(0, 4), range(9, 20)])).toEqual([range(4, 9)]);
    expect(subtractRanges([range(2, 4)], [range(0, 10)])).toEqual([]);
  });

  test('lets one hole reach over several ranges', () => {
    expect(subtractRanges([range(0, 4), range(6, 8), range(10, 14)], [range(3, 11)])).toEqual([range(0, 3), range(11, 14)]);
  });
});

test('intersectRanges keeps what both lists have', () => {
  expect(intersectRanges([range(0, 5), range(8, 12)], [range(4, 9), range(11, 20)])).toEqual([
    range(4, 5),
    range(8, 9),
    range(11, 12),
  ]);
});

test('countPages counts a frame once, however often it is named', () => {
  expect(countPages([range(0, 5), range(3, 8), range(100, 101)])).toBe(9);
});

describe('bytes to frames', () => {
  test('memory is rounded inwards, each range on its own', () => {
    // The two ranges together hold all of frame 1, but neither does.
    expect(innerPages([range(0x1000, 0x1800), range(0x1800, 0x3000)], 12)).toEqual([range(2, 3)]);
    // The usual PC: 0x9fc00 ends inside frame 0x9f.
    expect(innerPages([range(0x1000, 0x9fc00)], 12)).toEqual([range(1, 0x9f)]);
  });

  test('reservations are rounded outwards', () => {
    expect(outerPages([range(0x1fff, 0x2001)], 12)).toEqual([range(1, 3)]);
    expect(outerPages([range(0x1234, 0x1234)], 12)).toEqual([]);
  });

  test('page size is a parameter', () => {
    expect(innerPages([range(0, 0x6000)], 13)).toEqual([range(0, 3)]);
  });
});

describe('against sets of frames', () => {
  const bound = fc.integer({ min: 0, max: 64 });
  const lists = fc.array(fc.record({ start: bound, end: bound }), { maxLength: 8 });
  const frames = (ranges: readonly { start: number; end: number }[]): Set<number> => {
    const all = new Set<number>();
    for (const { start, end } of ranges) for (let pfn = start; pfn < end; pfn++) all.add(pfn);
    return all;
  };
  const isNormal = (ranges: readonly { start: number; end: number }[]): boolean =>
    ranges.every(({ start, end }, i) => start < end && (i === 0 || ranges[i - 1].end < start));

  test('every operation is the set operation and answers with a normal list', () => {
    fc.assert(
      fc.property(lists, lists, (a, b) => {
        const [inA, inB] = [frames(a), frames(b)];
        const union = normalizeRanges([...a, ...b]);
        const difference = subtractRanges(a, b);
        const common = intersectRanges(a, b);
        expect(frames(union)).toEqual(new Set([...inA, ...inB]));
        expect(frames(difference)).toEqual(new Set([...inA].filter((pfn) => !inB.has(pfn))));
        expect(frames(common)).toEqual(new Set([...inA].filter((pfn) => inB.has(pfn))));
        expect([union, difference, common].every(isNormal)).toBe(true);
        expect(countPages(a)).toBe(inA.size);
      }),
    );
  });
});
