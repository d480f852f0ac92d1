/**
 * BitTree: a set of small integers that finds its smallest member in a few steps.
 *
 * ```
 * level 0   one bit a member            ...0100 ...0000 ...0001
 * level 1   one bit a word of level 0                  ...  101
 * level 2   one bit a word of level 1                         1
 *
 *   bit w of level k+1 = 1 exactly when word w of level k is not 0; the last level is one word
 * ```
 * All levels lie in one Int32Array, level 0 first. 33 bits for 32 members in all.
 */

/** A set of integers from 0 to `size - 1`. */
export class BitTree {
  readonly #words: Int32Array;
  /** First word of each level. */
  readonly #levels: readonly number[];

  /**
   * Makes an empty set.
   *
   * @param size - one more than the largest integer, at least 1.
   */
  constructor(size: number) {
    const levels: number[] = [];
    let total = 0;
    for (let bits = size; ; bits = Math.ceil(bits / 32)) {
      levels.push(total);
      total += Math.ceil(bits / 32);
      if (bits <= 32) break;
    }
    this.#levels = levels;
    this.#words = new Int32Array(total);
  }

  /**
   * Tells whether an integer is in the set.
   *
   * @param i - an integer in range.
   * @returns true when it is.
   */
  has(i: number): boolean {
    return (this.#words[i >>> 5] & (1 << (i & 31))) !== 0;
  }

  /**
   * Puts an integer into the set.
   *
   * @param i - an integer in range.
   */
  add(i: number): void {
    const words = this.#words;
    const levels = this.#levels;
    for (let level = 0, bit = i; level < levels.length; level++, bit >>>= 5) {
      const at = levels[level] + (bit >>> 5);
      const before = words[at];
      words[at] = before | (1 << (bit & 31));
      if (before !== 0) return;
    }
  }

  /**
   * Takes an integer out of the set.
   *
   * @param i - an integer in range.
   */
  delete(i: number): void {
    const words = this.#words;
    const levels = this.#levels;
    for (let level = 0, bit = i; level < levels.length; level++, bit >>>= 5) {
      const at = levels[level] + (bit >>> 5);
      words[at] &= ~(1 << (bit & 31));
      if (words[at] !== 0) return;
    }
  }

  /**
   * Finds the smallest integer.
   *
   * @returns it, or -1 when the set is empty.
   */
  first(): number {
    const words = this.#words;
    const levels = this.#levels;
    let bit = 0;
    for (let level = levels.length - 1; level >= 0; level--) {
      const word = words[levels[level] + bit];
      if (word === 0) return -1;
      bit = (bit << 5) + 31 - Math.clz32(word & -word);
    }
    return bit;
  }
}
