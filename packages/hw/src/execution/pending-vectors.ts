/**
 * PendingVectors: interrupts that have been raised and not been taken, one bit each.
 *
 * ```
 * bits[cpu * 8 + (vector >> 5)]   bit vector & 31
 * count[cpu] = bits set in bits[cpu * 8 .. cpu * 8 + 7]
 * ```
 */
import type { CpuId } from '@kmem/contracts';

const WORDS = 8;

/** Vectors that wait at each CPU. */
export class PendingVectors {
  /** How many wait, by CPU. */
  readonly count: Int32Array;
  readonly #bits: Int32Array;

  /**
   * @param nrCpus - how many CPUs.
   */
  constructor(nrCpus: number) {
    this.count = new Int32Array(nrCpus);
    this.#bits = new Int32Array(nrCpus * WORDS);
  }

  /**
   * Makes a vector wait; one that waits already does so once.
   *
   * @param cpu - at which CPU.
   * @param vector - from 0 to 255.
   */
  latch(cpu: CpuId, vector: number): void {
    const word = cpu * WORDS + (vector >> 5);
    const bit = 1 << (vector & 31);
    if ((this.#bits[word] & bit) !== 0) return;
    this.#bits[word] |= bit;
    this.count[cpu]++;
  }

  /**
   * Takes the highest vector that waits.
   *
   * @param cpu - a CPU at which one does.
   * @returns the vector.
   */
  take(cpu: CpuId): number {
    let word = WORDS - 1;
    while (this.#bits[cpu * WORDS + word] === 0) word--;
    const bit = 31 - Math.clz32(this.#bits[cpu * WORDS + word]);
    this.#bits[cpu * WORDS + word] &= ~(1 << bit);
    this.count[cpu]--;
    return (word << 5) | bit;
  }
}
