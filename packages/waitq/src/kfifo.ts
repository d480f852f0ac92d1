/**
 * Kfifo: first in, first out, in a power of two of elements.
 *
 * ```
 * counts[IN], counts[OUT]        elements put in and taken out so far, modulo 2 ** 32
 * len = counts[IN] - counts[OUT] modulo 2 ** 32          0 <= len <= size: all slots are used
 * slot of element i = i & (size - 1)
 * ```
 *
 * (waitq spec 11.1)
 */

/** Arrays that elements can lie in. */
export type KfifoElements =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

const MAX_SIZE = 2 ** 30;
const IN = 0;
const OUT = 1;

/**
 * A queue of numbers.
 *
 * @example
 * ```ts
 * import { Kfifo } from '@kmem/waitq';
 *
 * const fifo = new Kfifo(Int32Array, 10);
 * fifo.size; // -> 16
 * fifo.put(7); // -> 1
 * fifo.in(Int32Array.of(8, 9)); // -> 2
 * fifo.get(); // -> 7
 * fifo.len; // -> 2
 * ```
 */
export class Kfifo<A extends KfifoElements = KfifoElements> {
  readonly #elements: A;
  readonly #mask: number;
  readonly #counts = new Int32Array(2);

  /**
   * Makes a queue.
   *
   * @kernelName kfifo_alloc, kfifo_init
   * @param elements - kind of array to make; or an array of the caller's, of which the queue uses a power of two.
   * @param size - elements, rounded up to a power of two; 2 to 2 ** 30. Not with an array.
   * @throws RangeError when there is no room for two elements, where the kernel returns -EINVAL.
   */
  constructor(elements: A | (new (length: number) => A), size?: number) {
    const nr = typeof elements === 'function' ? (size ?? 0) : elements.length;
    if (!(Number.isInteger(nr) && nr >= 2 && nr <= MAX_SIZE)) throw new RangeError(`size: expected a whole number from 2 to ${MAX_SIZE}, got ${nr}`);
    const floor = 1 << (31 - Math.clz32(nr));
    if (typeof elements === 'function') this.#elements = new elements(floor === nr ? nr : floor * 2);
    else this.#elements = elements;
    this.#mask = (typeof elements === 'function' ? this.#elements.length : floor) - 1;
  }

  /** Elements that there is room for. @kernelName kfifo_size */
  get size(): number {
    return this.#mask + 1;
  }

  /** Elements that are in it. @kernelName kfifo_len */
  get len(): number {
    return (this.#counts[IN] - this.#counts[OUT]) | 0;
  }

  /** Elements that still fit. @kernelName kfifo_avail */
  get avail(): number {
    return this.size - this.len;
  }

  /** Whether nothing is in it. @kernelName kfifo_is_empty */
  get isEmpty(): boolean {
    return this.#counts[IN] === this.#counts[OUT];
  }

  /** Whether nothing more fits. @kernelName kfifo_is_full */
  get isFull(): boolean {
    return this.len > this.#mask;
  }

  /**
   * Puts one element in.
   *
   * @kernelName kfifo_put
   * @param value - the element.
   * @returns 1, or 0 when it does not fit.
   */
  put(value: number): number {
    const counts = this.#counts;
    const at = counts[IN];
    if (((at - counts[OUT]) | 0) > this.#mask) return 0;
    this.#elements[at & this.#mask] = value;
    counts[IN] = at + 1;
    return 1;
  }

  /**
   * Takes one element out.
   *
   * @kernelName kfifo_get
   * @returns the element; undefined when there is none.
   */
  get(): number | undefined {
    const counts = this.#counts;
    const at = counts[OUT];
    if (counts[IN] === at) return undefined;
    counts[OUT] = at + 1;
    return this.#elements[at & this.#mask];
  }

  /**
   * Reads the next element, which stays in.
   *
   * @kernelName kfifo_peek
   * @returns the element; undefined when there is none.
   */
  peek(): number | undefined {
    return this.isEmpty ? undefined : this.#elements[this.#counts[OUT] & this.#mask];
  }

  /**
   * Drops the next element, if there is one.
   *
   * @kernelName kfifo_skip
   */
  skip(): void {
    if (!this.isEmpty) this.#counts[OUT]++;
  }

  /**
   * Puts elements in.
   *
   * @kernelName kfifo_in
   * @param from - the elements.
   * @returns how many: as many as fit.
   */
  in(from: A): number {
    const nr = Math.min(from.length, this.avail);
    const at = this.#counts[IN] & this.#mask;
    const first = Math.min(nr, this.size - at);
    this.#elements.set(from.subarray(0, first), at);
    this.#elements.set(from.subarray(first, nr), 0);
    this.#counts[IN] += nr;
    return nr;
  }

  /**
   * Takes elements out.
   *
   * @kernelName kfifo_out
   * @param to - where they go, from its beginning.
   * @returns how many: as many as there are, and have room.
   */
  out(to: A): number {
    const nr = this.outPeek(to);
    this.#counts[OUT] += nr;
    return nr;
  }

  /**
   * Reads the next elements, which stay in.
   *
   * @kernelName kfifo_out_peek
   * @param to - where they go, from its beginning.
   * @returns how many: as many as there are, and have room.
   */
  outPeek(to: A): number {
    const nr = Math.min(to.length, this.len);
    const at = this.#counts[OUT] & this.#mask;
    const first = Math.min(nr, this.size - at);
    to.set(this.#elements.subarray(at, at + first), 0);
    to.set(this.#elements.subarray(0, nr - first), first);
    return nr;
  }

  /**
   * Drops everything. Neither side may be in a call.
   *
   * @kernelName kfifo_reset
   */
  reset(): void {
    this.#counts.fill(0);
  }

  /**
   * Drops everything, from the side that takes out.
   *
   * @kernelName kfifo_reset_out
   */
  resetOut(): void {
    this.#counts[OUT] = this.#counts[IN];
  }
}
