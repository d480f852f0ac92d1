import fc from 'fast-check';
import { expect, test } from 'vitest';
import { divideExactly, exactDivisor } from './exact-division.js';

test.each([1, 2, 3, 8, 24, 96, 192, 704, 4096, 2 ** 31 - 1, 2 ** 30])('multiples of %d, and what lies beside them', (size) => {
  const { inverse, evenBits } = exactDivisor(size);
  const most = Math.floor((2 ** 32 - 1) / size);
  for (const q of [0, 1, 2, 7, most - 1, most].filter((quotient) => quotient <= most)) {
    expect(divideExactly(q * size, inverse, evenBits) >>> 0).toBe(q);
    if (size > 1 && q < most) expect(divideExactly(q * size + 1, inverse, evenBits) >>> 0).toBeGreaterThan(most);
  }
});

test('a quotient comes out exactly where there is no remainder', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (size, n) => {
      const { inverse, evenBits } = exactDivisor(size);
      const quotient = divideExactly(n, inverse, evenBits) >>> 0;
      if (n % size === 0) expect(quotient).toBe(n / size);
      else expect(quotient).toBeGreaterThan(Math.floor((2 ** 32 - 1) / size));
    }),
  );
});
