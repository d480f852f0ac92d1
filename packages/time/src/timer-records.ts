/**
 * TimerRecords: what is kept of each timer, in one array that grows.
 *
 * ```
 * a timer, 24 bytes from word timer * 6; number 0 is none
 *   NEXT       the timer behind it in a list; of one that was given back, the one given back after it
 *   PREV       what is before it, in the terms of who keeps the list; 0: in no list
 *   SLOT       list it was last put into, in the same terms
 *   DATA       the owner's
 *   EXPIRES    two words, a double: jiffy for which it was last armed
 * 1 ... fresh - 1                      numbers in use, or given back
 * firstFree -> NEXT -> .. lastFree     given back; the first of them is taken when none is left that was never used
 * ```
 *
 * A number is so given out again as late as possible.
 */
import type { TimerId } from '@kmem/contracts';

const FIRST_CAPACITY = 64;

/** Word of a timer: what is behind it. */
export const NEXT = 0;
/** Word of a timer: what is before it. */
export const PREV = 1;
/** Word of a timer: the list it was last put into. */
export const SLOT = 2;
/** Word of a timer: the owner's. */
export const DATA = 3;
/** Words of a timer. */
export const WORDS = 6;
/** The same in doubles. */
const EXPIRES = 2;
const DOUBLES = WORDS / 2;

/** Options of {@link TimerRecords}. */
export interface TimerRecordsOptions {
  /** Timers that there is room for at first; it grows by half when they are used up. */
  readonly capacity?: number;
  /** Timers that there is room for at last. */
  readonly maxCapacity?: number;
}

/** The records. */
export class TimerRecords {
  /** All of them. Another array after growth. */
  words: Int32Array;
  #doubles: Float64Array;
  #capacity: number;
  readonly #maxCapacity: number;
  #fresh = 1;
  #firstFree = 0;
  #lastFree = 0;

  /**
   * @param options - how many timers there can be.
   */
  constructor(options: TimerRecordsOptions = {}) {
    const { capacity = FIRST_CAPACITY, maxCapacity = Infinity } = options;
    this.#capacity = capacity;
    this.#maxCapacity = maxCapacity;
    this.words = new Int32Array((capacity + 1) * WORDS);
    this.#doubles = new Float64Array(this.words.buffer);
  }

  /** Timers that there is room for now. */
  get capacity(): number {
    return this.#capacity;
  }

  /**
   * Makes a timer.
   *
   * @returns the timer, in no list, with words that an earlier one may have left; 0 when there are `maxCapacity` of them.
   */
  create(): TimerId {
    if (this.#fresh <= this.#capacity) return this.#fresh++;
    const timer = this.#firstFree;
    if (timer === 0) return this.#createGrown();
    this.#firstFree = this.words[timer * WORDS + NEXT];
    this.words[timer * WORDS + NEXT] = 0;
    return timer;
  }

  /**
   * Gives a timer back.
   *
   * @param timer - one that is in no list.
   */
  destroy(timer: TimerId): void {
    if (this.#firstFree === 0) this.#firstFree = timer;
    else this.words[this.#lastFree * WORDS + NEXT] = timer;
    this.#lastFree = timer;
  }

  /**
   * Makes a timer as if it had never been used.
   *
   * @param timer - one that is in no list.
   */
  clear(timer: TimerId): void {
    this.words[timer * WORDS + SLOT] = 0;
    this.words[timer * WORDS + DATA] = 0;
    this.setExpires(timer, 0);
  }

  /**
   * Reads for which jiffy a timer was last armed.
   *
   * @param timer - which one.
   * @returns the jiffy.
   */
  expires(timer: TimerId): number {
    return this.#doubles[timer * DOUBLES + EXPIRES];
  }

  /**
   * Sets the jiffy that `expires` reads; the timer stays in its bucket.
   *
   * @param timer - which one.
   * @param jiffy - the jiffy.
   */
  setExpires(timer: TimerId, jiffy: number): void {
    this.#doubles[timer * DOUBLES + EXPIRES] = jiffy;
  }

  #createGrown(): TimerId {
    const capacity = this.#capacity;
    if (capacity === this.#maxCapacity) return 0;
    this.#capacity = Math.min(capacity + Math.ceil(capacity / 2), this.#maxCapacity);
    const words = new Int32Array((this.#capacity + 1) * WORDS);
    words.set(this.words);
    this.words = words;
    this.#doubles = new Float64Array(words.buffer);
    return this.#fresh++;
  }
}
