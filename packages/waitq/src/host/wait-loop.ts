/** waitLoop: the loop of wait_event for what goes on meanwhile. (waitq spec 4.1) */
import { WOULD_BLOCK } from '@kmem/contracts';
import type { TimedCondition } from '../timed-condition.js';

/** A wait. */
export interface Wait {
  /** The condition; whoever sleeps keeps the time that is left in it. */
  readonly timed: TimedCondition;
  /** What ends the wait besides. */
  readonly signal: AbortSignal | undefined;
  /** Tries once: 0, WOULD_BLOCK, or below 0 when there is a signal. */
  readonly attempt: () => number;
  /** Resolves when the waiter was woken, or its time is up. */
  readonly sleep: () => Promise<void>;
  /** Wakes the waiter. */
  readonly wake: () => void;
}

/**
 * Tries and sleeps in turn until the wait is over.
 *
 * @param wait - the wait.
 * @returns true when the condition holds; false when the time is up, and it does not.
 * @throws the reason of the signal; what the condition throws.
 */
export async function waitLoop({ timed, signal, attempt, sleep, wake }: Wait): Promise<boolean> {
  signal?.addEventListener('abort', wake);
  try {
    for (;;) {
      const result = attempt();
      if (result === 0) return timed.left > 0;
      if (result !== WOULD_BLOCK) throw signal?.reason;
      await sleep();
    }
  } finally {
    signal?.removeEventListener('abort', wake);
  }
}
