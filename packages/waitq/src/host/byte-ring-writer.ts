/** ByteRingWriter: the side of a byte ring that writes. */
import { EAGAIN, EPIPE, ETIME } from '@kmem/contracts';
import { ByteRing, CLOSED, copyBytes, HEAD, READER_CLOSED, SPINS, TAIL, WRITER_CLOSED } from './byte-ring.js';
import type { SharedWaitQueue } from './shared-wait-queue.js';
import type { SignalWaitOptions, WaitOptions } from './wait-options.js';

/**
 * Writes bytes into a ring.
 *
 * @remarks
 * One thread writes at a time. A write that has to wait goes on until all bytes are written; when it ends before, it says how many
 * were, and the next one says why.
 */
export class ByteRingWriter {
  readonly #ring: ByteRing;
  readonly #words: Int32Array;
  readonly #data: Uint8Array;
  readonly #size: number;
  readonly #readers: SharedWaitQueue;
  readonly #isWritable: () => boolean;
  #tail: number;
  /** HEAD when it was last looked at: what is free at least. */
  #head: number;

  /**
   * @param ring - what `createByteRing` made.
   * @throws TypeError when it is something else.
   */
  constructor(ring: SharedArrayBuffer) {
    const shared = new ByteRing(ring);
    const { words, data, size, readers } = shared;
    this.#ring = shared;
    this.#words = words;
    this.#data = data;
    this.#size = size;
    this.#readers = readers;
    this.#tail = Atomics.load(words, TAIL);
    this.#head = Atomics.load(words, HEAD);
    this.#isWritable = () => Atomics.load(words, HEAD) !== this.#head || Atomics.load(words, CLOSED) !== 0;
  }

  /** Bytes that can be written now. */
  get free(): number {
    this.#head = Atomics.load(this.#words, HEAD);
    return this.#free();
  }

  /**
   * Writes as many bytes as fit, without waiting.
   *
   * @param bytes - what to write.
   * @returns how many bytes; -EAGAIN when there is no room; the error that the reader closed with, -EPIPE as a rule; -EPIPE after
   * `close`.
   */
  tryWrite(bytes: Uint8Array): number {
    return this.#write(bytes, 0);
  }

  /**
   * Writes bytes; waits while there is no room.
   *
   * @param bytes - what to write.
   * @param options - how long to wait each time.
   * @returns how many bytes, all of them unless the ring was closed or the time was up after some; what `tryWrite` does when none
   * were written, and -ETIME when the time is up.
   * @context a thread that may sleep: not the main thread of a browser.
   */
  write(bytes: Uint8Array, options?: WaitOptions): number {
    let done = 0;
    for (;;) {
      const result = this.#write(bytes, done);
      if (result >= 0) done += result;
      if (done === bytes.length) return done;
      if (result < 0 && result !== -EAGAIN) return done === 0 ? result : done;
      if (!this.#hasRoomSoon() && !this.#ring.writers.waitEvent(this.#isWritable, options)) return done === 0 ? -ETIME : done;
    }
  }

  /**
   * Writes bytes; the thread goes on while there is no room.
   *
   * @param bytes - what to write; not to be changed before that is done.
   * @param options - how long to wait each time, and what else ends the wait.
   * @returns what `write` does.
   * @throws the reason of the signal, as a rejection; some of the bytes may have been written.
   */
  async writeAsync(bytes: Uint8Array, options?: SignalWaitOptions): Promise<number> {
    let done = 0;
    for (;;) {
      const result = this.#write(bytes, done);
      if (result >= 0) done += result;
      if (done === bytes.length) return done;
      if (result < 0 && result !== -EAGAIN) return done === 0 ? result : done;
      if (!(await this.#ring.writers.waitEventAsync(this.#isWritable, options))) return done === 0 ? -ETIME : done;
    }
  }

  /**
   * Ends writing: the reader gets what was written, then the end.
   *
   * @param error - error number that it gets then, 1 to 4095; 0 for none.
   */
  close(error = 0): void {
    this.#ring.close(WRITER_CLOSED, error);
  }

  /** Writes from byte `first` on what fits. */
  #write(bytes: Uint8Array, first: number): number {
    const words = this.#words;
    const wanted = bytes.length - first;
    if (Atomics.load(words, CLOSED) !== 0) return this.#error();
    let nr = this.#free();
    if (nr < wanted) {
      this.#head = Atomics.load(words, HEAD);
      nr = this.#free();
      if (nr === 0) return -EAGAIN;
    }
    if (nr > wanted) nr = wanted;
    const tail = this.#tail;
    const toEnd = this.#size - tail;
    if (nr < toEnd) {
      copyBytes(bytes, first, this.#data, tail, nr);
      this.#tail = tail + nr;
    } else {
      copyBytes(bytes, first, this.#data, tail, toEnd);
      copyBytes(bytes, first + toEnd, this.#data, 0, nr - toEnd);
      this.#tail = nr - toEnd;
    }
    Atomics.store(words, TAIL, this.#tail);
    if (this.#readers.nrWaiting !== 0) this.#readers.wakeUp();
    return nr;
  }

  #hasRoomSoon(): boolean {
    for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(this.#words, HEAD) !== this.#head) return true;
    return false;
  }

  #free(): number {
    const free = this.#head - this.#tail - 1;
    return free < 0 ? free + this.#size : free;
  }

  #error(): number {
    const closed = Atomics.load(this.#words, READER_CLOSED);
    return closed === 0 ? -EPIPE : 1 - closed;
  }
}
