/**
 * What comes out of holding an implementation against a recording.
 *
 * ```
 * exact <= total         exact counts what was compared and equal before the first difference
 * stated                 lines of a text that follow from inputs alone: compared, and in neither number
 * difference === null    exactly when exact = total, in a result that is supported
 * unsupported !== null   nothing was compared: total = 0
 * ```
 */

/** The first place where an implementation did something else than the recorded kernel. */
export interface Difference {
  /** Number of the operation, from 1, as check points count them; of the last one before a check point or dump. */
  readonly operation: number;
  /** Line of the recording or text, from 1. */
  readonly line: number;
  /** Which value differs. */
  readonly what: string;
  /** The recorded value. */
  readonly expected: string;
  /** The implementation's value, or the error it threw. */
  readonly got: string;
  /** The allocator's state around this place, in several lines. */
  readonly state: string;
}

/** The result for one recording, or for one text beside it. */
export interface Conformance {
  /** Name of the recording, or of the text. */
  readonly name: string;
  /** What was replayed: `buddy`, `ram`, `proc lists`, `proc buddyinfo`, ... */
  readonly kind: string;
  /** Operations, check points, dumps or lines of text that were compared and equal. */
  readonly exact: number;
  /** How many of them the recording has. */
  readonly total: number;
  /** The inputs that lines were printed from which the implementation's state does not decide: one entry a line. */
  readonly stated: readonly string[];
  /** The first difference; null when there is none. */
  readonly difference: Difference | null;
  /** Why nothing could be compared; null when it could. */
  readonly unsupported: string | null;
}

/**
 * Makes the result for something that cannot be compared.
 *
 * @param name - name of the recording or text.
 * @param kind - its kind.
 * @param reason - why it cannot be compared.
 * @returns the result.
 */
export function unsupportedResult(name: string, kind: string, reason: string): Conformance {
  return { name, kind, exact: 0, total: 0, stated: [], difference: null, unsupported: reason };
}
