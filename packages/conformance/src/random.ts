/**
 * Random: a small seeded generator, so that a failing run can be repeated from its seed.
 *
 * One 32-bit word of state, a Weyl sequence behind a mixing function: fast, evenly spread, far too weak for
 * secrets. The same seed gives the same numbers on every machine.
 */
export class Random {
  #state: number;

  /**
   * @param seed - any integer; its low 32 bits count.
   */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /**
   * Draws 32 random bits.
   *
   * @returns an integer from 0 to 2 ** 32 - 1.
   */
  next(): number {
    // 2 ** 32 divided by the golden ratio: odd, so that the sequence visits every state once.
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /**
   * Draws an integer below a limit.
   *
   * @param limit - from 1 to 2 ** 21; the product below must stay exact.
   * @returns an integer from 0 to `limit - 1`.
   */
  below(limit: number): number {
    return Math.floor((this.next() * limit) / 0x1_0000_0000);
  }
}
