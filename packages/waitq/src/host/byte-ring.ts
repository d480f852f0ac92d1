/**
 * Byte rings: bytes from one thread to another through shared memory. This file has what both sides share; a side is
 * ByteRingReader or ByteRingWriter.
 *
 * ```
 * word 0       HEAD            next byte to be read; written by the reader
 * word 32      TAIL            next byte to be written; written by the writer
 * word 64      READER_CLOSED   0, or 1 + the error that writers get
 * word 65      WRITER_CLOSED   0, or 1 + the error that readers get at the end
 * word 66      CLOSED          not 0 when one of them is not
 * word 67      SIZE            bytes of the ring
 * word 68 ...  queues          in which the reader and the writer wait
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
/** Word: not 0 when either side is closed. */
export const CLOSED = 66;
const SIZE = 67;
const WORDS = 68;
/** One thread for each side, and another one that waits for it to be done. */
const MAX_WAITERS = 2;
const READERS_AT = WORDS * 4;
const WRITERS_AT = READERS_AT + waitQueueBytes(MAX_WAITERS);
/** At the beginning of a cache line: hosts copy by words where both sides are aligned alike, otherwise by bytes. */
const DATA_AT = Math.ceil((WRITERS_AT + waitQueueBytes(MAX_WAITERS)) / 64) * 64;
const MAX_SIZE = 2 ** 30;
/** Up to that a loop is faster than the copy of the host, which for a part of an array needs a view that is garbage then. */
const SHORT_COPY = 128;

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
   * Closes one side.
   *
   * @param side - READER_CLOSED or WRITER_CLOSED; a second time nothing happens.
   * @param error - error number that the other side gets; 0 for none.
   */
  close(side: number, error: number): void {
    Atomics.compareExchange(this.words, side, 0, 1 + error);
    Atomics.store(this.words, CLOSED, 1);
    this.readers.wakeUpAll();
    this.writers.wakeUpAll();
  }
}

/**
 * Copies bytes.
 *
 * @param from - where they are.
 * @param first - the first of them.
 * @param to - where they go.
 * @param at - the first place for them.
 * @param nr - how many.
 */
export function copyBytes(from: Uint8Array, first: number, to: Uint8Array, at: number, nr: number): void {
  if (nr <= SHORT_COPY) for (let i = 0; i < nr; i++) to[at + i] = from[first + i];
  else to.set(nr === from.length ? from : from.subarray(first, first + nr), at);
}

/**
 * Closes a ring for both sides, in place of a thread that ended without doing so.
 *
 * @param ring - what {@link createByteRing} made.
 * @param error - error number that both sides get, 1 to 4095; the reader behind what was written.
 * @throws TypeError when the ring is something else.
 */
export function closeByteRing(ring: SharedArrayBuffer, error: number): void {
  const shared = new ByteRing(ring);
  shared.close(READER_CLOSED, error);
  shared.close(WRITER_CLOSED, error);
}
