/**
 * HashedBitWaits: tasks that wait for bits, in a few wait queues that all words share.
 *
 * ```
 * heads[hash of (address, bit)]    waiters of this bit, and of others with the same hash: the wake function tells them apart
 * ```
 *
 * (waitq spec 7.2)
 */
import type { BitWaits, BitWord, Scheduler, Sleepable, WaitHeadId, WaitQueues } from '@kmem/contracts';
import { EINTR, TASK_NORMAL } from '@kmem/contracts';

const QUEUES = 256;
/** Spreads neighbours: 2 ** 32 divided by the golden ratio; the upper 8 bits of the product are the hash. */
const HASH_FACTOR = 0x9e37_79b1;
const HASH_SHIFT = 24;

/** Options of {@link HashedBitWaits}. */
export interface HashedBitWaitsOptions {
  /** The queues. */
  readonly waitQueues: WaitQueues;
  /** Who sleeps. */
  readonly sched: Scheduler;
}

/** Waits for bits. */
export class HashedBitWaits implements BitWaits {
  readonly #options: HashedBitWaitsOptions;
  /** By hash; 0 for a queue that nobody has used. */
  readonly #heads = new Int32Array(QUEUES);

  /**
   * @param options - what the waits work with.
   */
  constructor(options: HashedBitWaitsOptions) {
    this.#options = options;
  }

  *waitOnBit(word: BitWord, bit: number, state: number): Sleepable<number> {
    const { sched, waitQueues } = this.#options;
    yield* sched.mightSleep();
    if (!word.test(bit)) return 0;
    const head = this.#head(word, bit);
    const key = keyOf(word, bit);
    const entry = waitQueues.createEntry();
    waitQueues.initEntry(entry, sched.current, (own, mode, wakeFlags, woken) =>
      woken === key && !word.test(bit) ? waitQueues.autoremoveWake(own, mode, wakeFlags, woken) : 0,
    );
    let result = 0;
    do {
      waitQueues.prepareToWait(head, entry, state);
      if (!word.test(bit)) break;
      yield* sched.schedule();
      if (sched.signalPendingState(state, sched.current)) result = -EINTR;
    } while (word.test(bit) && result === 0);
    waitQueues.finishWait(head, entry);
    waitQueues.destroy(entry);
    return result;
  }

  wakeUpBit(word: BitWord, bit: number): void {
    const { waitQueues } = this.#options;
    const head = this.#head(word, bit);
    if (waitQueues.waitqueueActive(head)) waitQueues.wakeUp(head, TASK_NORMAL, 1, keyOf(word, bit));
  }

  #head(word: BitWord, bit: number): WaitHeadId {
    const hash = Math.imul(keyOf(word, bit) | 0, HASH_FACTOR) >>> HASH_SHIFT;
    if (this.#heads[hash] === 0) this.#heads[hash] = this.#options.waitQueues.createHead();
    return this.#heads[hash];
  }
}

/** Names one bit of one word; never 0. Addresses are below 2 ** 47, words have 64 bits. */
function keyOf({ address }: BitWord, bit: number): number {
  return Math.abs(address) * 64 + bit + 1;
}
