/**
 * Byte rings: bytes from one thread to another through shared memory. This file has what both sides share; a side is
 * ByteRingReader or ByteRingWriter.
 *
 * ```
 * word 0       HEAD            next byte to be read; written by the reader
 * word 32      TAIL            next byte to be written; written by the writer
 * word 64      READER_CLOSED   0, or 1 + the error that writers get
 * word 65      WRITER_CLOSED   0, or 1 + the error that readers get at the end
 * word 66      SIZE            bytes of the ring
 * word 67 ...  queues          in which the reader and the writer wait
 * behind       data            SIZE bytes
 *
 * used = (TAIL - HEAD) modulo SIZE         0 <= used <= SIZE - 1: one byte stays empty, HEAD = TAIL is an empty ring
 * free = SIZE - 1 - used
 * ```
 *
 * HEAD and TAIL have cache lines of their own. Data is written before TAIL is, and read before HEAD is written. (waitq spec 11.2, 11.3)
 */
import { formatWaitQueue, SharedWaitQueue, waitQueueBytes } from './shared-wait-queue.js';

/** Word: next byte to be read. */
export const HEAD = 0;
/** Word: next byte to be written. */
export const TAIL = 32;
/** Word: 0, or 1 + the error that writers get. */
export const READER_CLOSED = 64;
/** Word: 0, or 1 + the error that readers get at the end. */
export const WRITER_CLOSED = 65;
const SIZE = 66;
const WORDS = 67;
/** One thread for each side, and another one that waits for it to be done. */
const MAX_WAITERS = 2;
const READERS_AT = WORDS * 4;
const WRITERS_AT = READERS_AT + waitQueueBytes(MAX_WAITERS);
/** At the beginning of a cache line: hosts copy by words where both sides are aligned alike, otherwise by bytes. */
const DATA_AT = Math.ceil((WRITERS_AT + waitQueueBytes(MAX_WAITERS)) / 64) * 64;
const MAX_SIZE = 2 ** 30;
/** Below that a loop is faster than a view and a copy by the host. */
const SHORT_COPY = 24;

/** Looks at the other side's index before a thread goes to sleep: some microseconds, less than a sleep and a wake-up take. */
export const SPINS = 2000;

/**
 * Makes a ring.
 *
 * @param sizeBytes - bytes of the ring, 2 to 2 ** 30. One of them stays empty.
 * @returns its memory, for the two sides.
 * @throws RangeError when the size is out of range.
 * @example
 * ```ts
 * import { ByteRingReader, ByteRingWriter, createByteRing } from '@kmem/waitq/host';
 *
 * const ring = createByteRing(8);
 * const writer = new ByteRingWriter(ring); // in one thread
 * const reader = new ByteRingReader(ring); // in another
 * writer.tryWrite(Uint8Array.of(1, 2, 3)); // -> 3
 * const bytes = new Uint8Array(8);
 * reader.read(bytes); // -> 3
 * writer.close();
 * reader.read(bytes); // -> 0
 * ```
 */
export function createByteRing(sizeBytes: number): SharedArrayBuffer {
  if (!(Number.isInteger(sizeBytes) && sizeBytes >= 2 && sizeBytes <= MAX_SIZE)) {
    throw new RangeError(`sizeBytes: expected a whole number from 2 to ${MAX_SIZE}, got ${sizeBytes}`);
  }
  const ring = new SharedArrayBuffer(DATA_AT + sizeBytes);
  new Int32Array(ring, 0, WORDS)[SIZE] = sizeBytes;
  formatWaitQueue(ring, READERS_AT, MAX_WAITERS);
  formatWaitQueue(ring, WRITERS_AT, MAX_WAITERS);
  return ring;
}

/** A ring, as one thread sees it. */
export class ByteRing {
  /** HEAD, TAIL and the rest. */
  readonly words: Int32Array;
  /** Bytes of the ring. */
  readonly size: number;
  /** The data. */
  readonly data: Uint8Array;
  /** Where the reader waits. */
  readonly readers: SharedWaitQueue;
  /** Where the writer waits. */
  readonly writers: SharedWaitQueue;

  /**
   * @param ring - what {@link createByteRing} made.
   * @throws TypeError when it is something else.
   */
  constructor(ring: SharedArrayBuffer) {
    if (!(ring instanceof SharedArrayBuffer && ring.byteLength > DATA_AT && ring.byteLength === DATA_AT + new Int32Array(ring, 0, WORDS)[SIZE])) {
      throw new TypeError('ring: expected memory that createByteRing made');
    }
    this.words = new Int32Array(ring, 0, WORDS);
    this.size = this.words[SIZE];
    this.data = new Uint8Array(ring, DATA_AT, this.size);
    this.readers = new SharedWaitQueue(ring, READERS_AT);
    this.writers = new SharedWaitQueue(ring, WRITERS_AT);
  }

  /**
   * Copies bytes into the ring.
   *
   * @param at - index in the ring; the end is not crossed.
   * @param from - the bytes.
   * @param first - the first of them.
   * @param nr - how many.
   */
  copyIn(at: number, from: Uint8Array, first: number, nr: number): void {
    const { data } = this;
    if (nr <= SHORT_COPY) for (let i = 0; i < nr; i++) data[at + i] = from[first + i];
    else data.set(nr === from.length ? from : from.subarray(first, first + nr), at);
  }

  /**
   * Copies bytes out of the ring.
   *
   * @param at - index in the ring; the end is not crossed.
   * @param to - where they go.
   * @param first - the first place for them.
   * @param nr - how many.
   */
  copyOut(at: number, to: Uint8Array, first: number, nr: number): void {
    const { data } = this;
    if (nr <= SHORT_COPY) for (let i = 0; i < nr; i++) to[first + i] = data[at + i];
    else to.set(data.subarray(at, at + nr), first);
  }
}

/**
 * Closes a ring for both sides, in place of a thread that ended without doing so.
 *
 * @param ring - what {@link createByteRing} made.
 * @param error - error number that both sides get, 1 to 4095; the reader behind what was written.
 * @throws TypeError when the ring is something else.
 */
export function closeByteRing(ring: SharedArrayBuffer, error: number): void {
  const { words, readers, writers } = new ByteRing(ring);
  Atomics.compareExchange(words, READER_CLOSED, 0, 1 + error);
  Atomics.compareExchange(words, WRITER_CLOSED, 0, 1 + error);
  readers.wakeUpAll();
  writers.wakeUpAll();
}
