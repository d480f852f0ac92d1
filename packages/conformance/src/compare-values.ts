/** Compares what was recorded with what an implementation brought forth, to the last value. */

/** Longest value that a difference quotes. */
const QUOTE_LENGTH = 120;

/** A value that is not as recorded. */
export interface ValueDifference {
  /** Way to the value, such as `zones[1].free.3.0[2]`. */
  readonly what: string;
  /** The recorded value as JSON, or `nothing`. */
  readonly expected: string;
  /** The other one. */
  readonly got: string;
}

/**
 * Finds the first value that differs. Members whose value is undefined count as absent.
 *
 * @param expected - the recorded value: made of objects, arrays, strings, numbers.
 * @param got - the value to compare.
 * @param what - what the values are called.
 * @returns the first difference in the order of the recorded value; null when all is equal.
 */
export function compareValues(expected: unknown, got: unknown, what: string): ValueDifference | null {
  if (expected === got) return null;
  if (Array.isArray(expected) && Array.isArray(got)) {
    for (let i = 0; i < Math.max(expected.length, got.length); i++) {
      const found = compareValues(expected[i], got[i], `${what}[${i}]`);
      if (found !== null) return found;
    }
    return null;
  }
  if (isObject(expected) && isObject(got)) {
    for (const name of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const found = compareValues(expected[name], got[name], what === '' ? name : `${what}.${name}`);
      if (found !== null) return found;
    }
    return null;
  }
  return { what, expected: quoteValue(expected), got: quoteValue(got) };
}

/**
 * Writes a value as a difference quotes it.
 *
 * @param value - the value.
 * @returns JSON, shortened when it is long; `nothing` for undefined.
 */
export function quoteValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length <= QUOTE_LENGTH ? text : `${text.slice(0, QUOTE_LENGTH)}... (${text.length} characters)`;
}

/**
 * Writes what a call threw.
 *
 * @param error - the caught value.
 * @returns name and message.
 */
export function quoteError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `a thrown ${String(error)}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
