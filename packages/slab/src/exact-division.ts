/**
 * Division by a number that goes in exactly, by one multiplication: `d = odd * 2 ** evenBits`, and modulo 2 ** 32 every
 * odd number has an inverse.
 *
 * ```
 *  n = q * d        n * inverse = q * 2 ** evenBits, turned right by evenBits: q
 *  otherwise        more than every q there is
 * ```
 */

/** What a number is divided with. */
export interface ExactDivisor {
  /** The odd part's inverse. */
  readonly inverse: number;
  /** How often 2 goes into it. */
  readonly evenBits: number;
}

/**
 * Prepares the division by a number.
 *
 * @param divisor - from 1 to 2 ** 31 - 1.
 * @returns what `divideExactly` takes.
 */
export function exactDivisor(divisor: number): ExactDivisor {
  const evenBits = 31 - Math.clz32(divisor & -divisor);
  const odd = divisor >>> evenBits;
  // The first guess has three bits right, and every round doubles them.
  let inverse = odd;
  for (let bits = 3; bits < 32; bits *= 2) inverse = Math.imul(inverse, 2 - Math.imul(odd, inverse));
  return { inverse, evenBits };
}

/**
 * Divides.
 *
 * @param n - an integer, taken modulo 2 ** 32.
 * @param inverse - of `exactDivisor`.
 * @param evenBits - of `exactDivisor`.
 * @returns the quotient when there is no remainder, otherwise more than every quotient; modulo 2 ** 32, the upper half is negative.
 */
export function divideExactly(n: number, inverse: number, evenBits: number): number {
  const product = Math.imul(n, inverse);
  return (product >>> evenBits) | (product << (32 - evenBits));
}
