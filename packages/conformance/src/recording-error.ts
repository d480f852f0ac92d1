/** RecordingError: what is wrong with a recording, and where. */

const MARKER = Symbol.for('kmem.RecordingError');

/** A recording that is not what it should be. Its message names file, line and column. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError';
  /** The file, as the caller called it. */
  readonly path: string;
  /** Line in the file, from 1. */
  readonly line: number;
  /** Column in the line, from 1, in UTF-16 units. */
  readonly column: number;
  /** What was found there. */
  readonly found: string;
  /** What should have been there. */
  readonly expected: string;
  /** Marks the object for {@link isRecordingError}. */
  readonly [MARKER] = true;

  /**
   * @param path - the file.
   * @param line - line in the file, from 1.
   * @param column - column in the line, from 1.
   * @param found - what was found there.
   * @param expected - what should have been there.
   */
  constructor(path: string, line: number, column: number, found: string, expected: string) {
    super(`${path}:${line}:${column}: found ${found}, expected ${expected}`);
    this.path = path;
    this.line = line;
    this.column = column;
    this.found = found;
    this.expected = expected;
  }
}

/**
 * Tells whether a caught value is a {@link RecordingError}, also one made by another copy of this package.
 *
 * @param value - anything that was caught.
 * @returns true for a RecordingError.
 */
export function isRecordingError(value: unknown): value is RecordingError {
  return typeof value === 'object' && value !== null && MARKER in value;
}
