/** ByteRingReader: the side of a byte ring that reads. */
import { EAGAIN, EPIPE, ETIME } from '@kmem/contracts';
import { ByteRing, CLOSED, copyBytes, HEAD, READER_CLOSED, SPINS, TAIL, WRITER_CLOSED } from './byte-ring.js';
import type { SharedWaitQueue } from './shared-wait-queue.js';
import type { SignalWaitOptions, WaitOptions } from './wait-options.js';

/**
 * Reads bytes out of a ring.
 *
 * @remarks
 * One thread reads at a time. A read gives what there is, at least one byte. At the end of what was written it gives 0, or the error
 * that the writer closed with.
 */
export class ByteRingReader {
  readonly #ring: ByteRing;
  readonly #words: Int32Array;
  readonly #data: Uint8Array;
  readonly #size: number;
  readonly #writers: SharedWaitQueue;
  readonly #isReadable: () => boolean;
  #head: number;
  /** TAIL when it was last looked at: what there is at least. */
  #tail: number;

  /**
   * @param ring - what `createByteRing` made.
   * @throws TypeError when it is something else.
   */
  constructor(ring: SharedArrayBuffer) {
    const shared = new ByteRing(ring);
    const { words, data, size, writers } = shared;
    this.#ring = shared;
    this.#words = words;
    this.#data = data;
    this.#size = size;
    this.#writers = writers;
    this.#head = Atomics.load(words, HEAD);
    this.#tail = Atomics.load(words, TAIL);
    this.#isReadable = () => Atomics.load(words, TAIL) !== this.#head || Atomics.load(words, CLOSED) !== 0;
  }

  /** Bytes that can be read now. */
  get available(): number {
    this.#tail = Atomics.load(this.#words, TAIL);
    return this.#used();
  }

  /**
   * Reads what there is, without waiting.
   *
   * @param into - where the bytes go, from its beginning.
   * @returns how many bytes, at most the length of `into`; 0 at the end, or when `into` has no room; -EAGAIN when there is
   * nothing yet; the error that the writer closed with; -EPIPE after `close`, when nothing is left.
   */
  tryRead(into: Uint8Array): number {
    const words = this.#words;
    const wanted = into.length;
    let used = this.#used();
    if (used < wanted) {
      this.#tail = Atomics.load(words, TAIL);
      used = this.#used();
      if (used === 0) return this.#nothing(into);
    }
    const nr = used < wanted ? used : wanted;
    const head = this.#head;
    const toEnd = this.#size - head;
    if (nr < toEnd) {
      copyBytes(this.#data, head, into, 0, nr);
      this.#head = head + nr;
    } else {
      copyBytes(this.#data, head, into, 0, toEnd);
      copyBytes(this.#data, 0, into, toEnd, nr - toEnd);
      this.#head = nr - toEnd;
    }
    Atomics.store(words, HEAD, this.#head);
    // A writer that waits is woken when half of the ring is free: otherwise the two would take turns at every few bytes.
    if (this.#writers.nrWaiting !== 0 && (used - nr) * 2 < this.#size) this.#writers.wakeUp();
    return nr;
  }

  /**
   * Reads what there is; waits while there is nothing.
   *
   * @param into - where the bytes go, from its beginning.
   * @param options - how long to wait.
   * @returns what `tryRead` does, and -ETIME when the time is up.
   * @context a thread that may sleep: not the main thread of a browser.
   */
  read(into: Uint8Array, options?: WaitOptions): number {
    const result = this.tryRead(into);
    if (result !== -EAGAIN) return result;
    for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(this.#words, TAIL) !== this.#head) return this.tryRead(into);
    return this.#ring.readers.waitEvent(this.#isReadable, options) ? this.tryRead(into) : -ETIME;
  }

  /**
   * Reads what there is; the thread goes on while there is nothing.
   *
   * @param into - where the bytes go, from its beginning.
   * @param options - how long to wait, and what else ends the wait.
   * @returns what `tryRead` does, and -ETIME when the time is up.
   * @throws the reason of the signal, as a rejection.
   */
  async readAsync(into: Uint8Array, options?: SignalWaitOptions): Promise<number> {
    const result = this.tryRead(into);
    if (result !== -EAGAIN) return result;
    return (await this.#ring.readers.waitEventAsync(this.#isReadable, options)) ? this.tryRead(into) : -ETIME;
  }

  /**
   * Ends reading: what is written from now on is refused.
   *
   * @param error - error number that writers get, 1 to 4095.
   */
  close(error = EPIPE): void {
    this.#ring.close(READER_CLOSED, error);
  }

  #used(): number {
    const used = this.#tail - this.#head;
    return used < 0 ? used + this.#size : used;
  }

  /** Says why there is nothing to read; reads when there is something by now. */
  #nothing(into: Uint8Array): number {
    const words = this.#words;
    const closed = Atomics.load(words, WRITER_CLOSED);
    // In this order: what was written before it was closed is there.
    if (Atomics.load(words, TAIL) !== this.#head) return this.tryRead(into);
    if (closed !== 0) return 1 - closed;
    return Atomics.load(words, READER_CLOSED) === 0 ? -EAGAIN : -EPIPE;
  }
}
