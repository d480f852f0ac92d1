/** ByteRingWriter: the side of a byte ring that writes. */
import { EAGAIN, EPIPE, ETIME } from '@kmem/contracts';
import { ByteRing, HEAD, READER_CLOSED, SPINS, TAIL, WRITER_CLOSED } from './byte-ring.js';
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
  readonly #isWritable: () => boolean;
  #tail: number;
  /** HEAD when it was last looked at: what is free at least. */
  #head: number;

  /**
   * @param ring - what `createByteRing` made.
   */
  constructor(ring: SharedArrayBuffer) {
    const shared = new ByteRing(ring);
    const { words } = shared;
    this.#ring = shared;
    this.#tail = Atomics.load(words, TAIL);
    this.#head = Atomics.load(words, HEAD);
    this.#isWritable = () => Atomics.load(words, HEAD) !== this.#head || this.#free() > 0 || this.#isClosed();
  }

  /** Bytes that can be written now. */
  get free(): number {
    this.#head = Atomics.load(this.#ring.words, HEAD);
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
    const { words, readers, writers } = this.#ring;
    Atomics.compareExchange(words, WRITER_CLOSED, 0, 1 + error);
    readers.wakeUpAll();
    writers.wakeUpAll();
  }

  /** Writes from byte `first` on what fits. */
  #write(bytes: Uint8Array, first: number): number {
    const ring = this.#ring;
    const wanted = bytes.length - first;
    if (this.#isClosed()) return this.#error();
    let nr = this.#free();
    if (nr < wanted) {
      this.#head = Atomics.load(ring.words, HEAD);
      nr = this.#free();
      if (nr === 0) return wanted === 0 ? 0 : -EAGAIN;
    }
    if (nr > wanted) nr = wanted;
    const tail = this.#tail;
    const toEnd = ring.size - tail;
    if (nr < toEnd) {
      ring.copyIn(tail, bytes, first, nr);
      this.#tail = tail + nr;
    } else {
      ring.copyIn(tail, bytes, first, toEnd);
      ring.copyIn(0, bytes, first + toEnd, nr - toEnd);
      this.#tail = nr - toEnd;
    }
    Atomics.store(ring.words, TAIL, this.#tail);
    if (ring.readers.nrWaiting !== 0) ring.readers.wakeUp();
    return nr;
  }

  #hasRoomSoon(): boolean {
    const { words } = this.#ring;
    for (let spins = 0; spins < SPINS; spins++) if (Atomics.load(words, HEAD) !== this.#head) return true;
    return false;
  }

  #free(): number {
    const free = this.#head - this.#tail - 1;
    return free < 0 ? free + this.#ring.size : free;
  }

  #isClosed(): boolean {
    const { words } = this.#ring;
    return Atomics.load(words, READER_CLOSED) !== 0 || Atomics.load(words, WRITER_CLOSED) !== 0;
  }

  #error(): number {
    const closed = Atomics.load(this.#ring.words, READER_CLOSED);
    return closed === 0 ? -EPIPE : 1 - closed;
  }
}
