/** What waits on the host can be told. */

/** Longest delay that timers of hosts keep. */
const LONGEST_MS = 2 ** 31 - 1;

/** Options of a wait. */
export interface WaitOptions {
  /** Milliseconds after which the wait ends with false, 0 to 2147483647. @default it does not */
  readonly timeoutMs?: number;
  /**
   * Whether the waiter is exclusive: it stands at the end of the queue, and a wake-up for one reaches one of them.
   *
   * @default false: every wake-up reaches it
   */
  readonly exclusive?: boolean;
}

/** Options of a wait that a signal can end. */
export interface SignalWaitOptions extends WaitOptions {
  /** Ends the wait when it is aborted: the promise is rejected with its reason. A condition that holds goes before. */
  readonly signal?: AbortSignal;
}

/**
 * Checks a timeout.
 *
 * @param timeoutMs - what was given.
 * @returns it, or Infinity when there is none.
 * @throws RangeError when it is out of range.
 */
export function checkTimeout(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Infinity;
  if (!(timeoutMs >= 0 && timeoutMs <= LONGEST_MS)) throw new RangeError(`timeoutMs: expected 0 to ${LONGEST_MS}, got ${timeoutMs}`);
  return timeoutMs;
}
