/**
 * PendingVectors: interrupts that have been raised and not been taken, one bit each.
 *
 * ```
 * bits[cpu * 8 + (vector >> 5)]   bit vector & 31
 * words[PENDING of the CPU] = bits set in bits[cpu * 8 .. cpu * 8 + 7]
 * ```
 */
import type { CpuId } from '@kmem/contracts';
import { CPU_ROW, PENDING } from './cpu-words.js';

/** Words of bits a CPU. */
const BIT_ROW = 8;

/** Vectors that wait at each CPU. */
export class PendingVectors {
  readonly #words: Int32Array;
  readonly #bits: Int32Array;

  /**
   * @param nrCpus - how many CPUs.
   * @param words - what is known of them; how many vectors wait is kept there.
   */
  constructor(nrCpus: number, words: Int32Array) {
    this.#words = words;
    this.#bits = new Int32Array(nrCpus * BIT_ROW);
  }

  /**
   * Makes a vector wait; one that waits already does so once.
   *
   * @param cpu - at which CPU.
   * @param vector - from 0 to 255.
   */
  latch(cpu: CpuId, vector: number): void {
    const word = cpu * BIT_ROW + (vector >> 5);
    const bit = 1 << (vector & 31);
    if ((this.#bits[word] & bit) !== 0) return;
    this.#bits[word] |= bit;
    this.#words[cpu * CPU_ROW + PENDING]++;
  }

  /**
   * Takes the highest vector that waits.
   *
   * @param cpu - a CPU at which one does.
   * @returns the vector.
   */
  take(cpu: CpuId): number {
    let word = BIT_ROW - 1;
    while (this.#bits[cpu * BIT_ROW + word] === 0) word--;
    const bit = 31 - Math.clz32(this.#bits[cpu * BIT_ROW + word]);
    this.#bits[cpu * BIT_ROW + word] &= ~(1 << bit);
    this.#words[cpu * CPU_ROW + PENDING]--;
    return (word << 5) | bit;
  }
}
