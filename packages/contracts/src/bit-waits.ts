/** BitWaits: waiting for a bit of a word to be cleared, without a wait queue of its own. (waitq spec 7.2) */
import type { Sleepable } from './execution.js';

/** A word in whose bits tasks are interested. */
export interface BitWord {
  /** Any number that stands for the word and no other one. */
  readonly address: number;
  /**
   * Reads a bit.
   *
   * @param bit - from 0.
   * @returns true when it is set.
   */
  test(bit: number): boolean;
}

/** Waits for bits. */
export interface BitWaits {
  /**
   * Waits until a bit is clear.
   *
   * @kernelName wait_on_bit
   * @param word - where the bit is.
   * @param bit - from 0.
   * @param state - of the sleep; a signal that it heeds ends the wait.
   * @returns 0, or -EINTR.
   * @context task, preempt_count 0.
   */
  waitOnBit(word: BitWord, bit: number, state: number): Sleepable<number>;
  /**
   * Wakes all who wait for a bit, if it is clear.
   *
   * @kernelName wake_up_bit
   * @param word - where the bit is.
   * @param bit - from 0; cleared before the call.
   */
  wakeUpBit(word: BitWord, bit: number): void;
}
