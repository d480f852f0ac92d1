/**
 * SharedLock: a lock in one word of shared memory, for a few instructions at a time.
 *
 * ```
 * 0   free
 * 1   taken
 * 2   taken, and somebody may be asleep over it
 * ```
 *
 * A thread tries for a while, then sleeps where its host lets it: the main thread of a browser tries on.
 */

const FREE = 0;
const TAKEN = 1;
const CONTENDED = 2;
const TRIES = 100;

/** A lock. */
export class SharedLock {
  readonly #words: Int32Array;
  readonly #at: number;

  /**
   * @param words - shared memory.
   * @param at - the word, 0 at first.
   */
  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** Takes the lock. */
  lock(): void {
    for (let tries = 0; tries < TRIES; tries++) {
      if (Atomics.compareExchange(this.#words, this.#at, FREE, TAKEN) === FREE) return;
    }
    const sleeps = canSleep();
    // Taken as contended from here on: whoever gives it back cannot know whether others sleep too.
    while (Atomics.exchange(this.#words, this.#at, CONTENDED) !== FREE) {
      if (sleeps) Atomics.wait(this.#words, this.#at, CONTENDED);
    }
  }

  /** Gives the lock back. */
  unlock(): void {
    if (Atomics.exchange(this.#words, this.#at, FREE) === CONTENDED) Atomics.notify(this.#words, this.#at, 1);
  }
}

/** Tells whether the host lets this thread sleep. */
function canSleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
    return true;
  } catch {
    return false;
  }
}
