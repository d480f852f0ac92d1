/**
 * Where things stand in one line of JSON.
 *
 * `JSON.parse` reads the recordings; it is fast, but says nothing of positions. Only when an error is to be
 * reported is the line scanned again, here, to find the column.
 */

/** Way from the top of a JSON value to one inside it: keys and positions. */
export type JsonPath = readonly (string | number)[];

/** A piece of the line: offsets of its first character and of the one after its last. */
export interface JsonSpan {
  /** Offset of the first character, from 0. */
  readonly start: number;
  /** Offset after the last character. */
  readonly end: number;
}

/** A place where the line stops being JSON. */
export interface JsonProblem {
  /** Offset from 0. */
  readonly offset: number;
  /** What could have stood there. */
  readonly expected: string;
}

const SPACE = /[ \t\r\n]*/y;
// JSON forbids the control characters up to U+001F only, \p{Cc} also has those from U+007F on.
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;

/** Values inside values that are scanned; no recording comes near, and deeper ones would exhaust the call stack. */
const MAX_NESTING = 500;

/** Thrown by the scanner at the first character that fits nothing. */
class ScanStop extends Error {
  readonly problem: JsonProblem;

  constructor(offset: number, expected: string) {
    super(expected);
    this.problem = { offset, expected };
  }
}

class Scanner {
  readonly #text: string;
  readonly #path: JsonPath;
  #at = 0;
  #nesting = 0;
  /** The value at the end of the path, once it has been seen. */
  found: JsonSpan | undefined;

  constructor(text: string, path: JsonPath) {
    this.#text = text;
    this.#path = path;
  }

  line(): void {
    this.#value(0);
    this.#match(SPACE);
    if (this.#at < this.#text.length) this.#stop('the end of the line');
  }

  /** Scans a value. `depth` is how much of the path leads to it, or -1 when it lies elsewhere. */
  #value(depth: number): void {
    this.#match(SPACE);
    const start = this.#at;
    const first = this.#text[start];
    if (++this.#nesting > MAX_NESTING) this.#stop(`at most ${MAX_NESTING} values inside each other`);
    if (first === '{') this.#members(depth);
    else if (first === '[') this.#elements(depth);
    else if (first === '"') this.#string();
    else if (this.#match(NUMBER) === undefined && this.#match(WORD) === undefined) this.#stop('a JSON value');
    this.#nesting--;
    if (depth === this.#path.length) this.found = { start, end: this.#at };
  }

  #members(depth: number): void {
    this.#at++;
    if (this.#take('}')) return;
    do {
      this.#match(SPACE);
      const key = this.#string();
      if (!this.#take(':')) this.#stop('":"');
      this.#value(this.#inner(depth, key));
    } while (this.#take(','));
    if (!this.#take('}')) this.#stop('"," or "}"');
  }

  #elements(depth: number): void {
    this.#at++;
    if (this.#take(']')) return;
    let index = 0;
    do this.#value(this.#inner(depth, index++));
    while (this.#take(','));
    if (!this.#take(']')) this.#stop('"," or "]"');
  }

  #inner(depth: number, step: string | number): number {
    return depth >= 0 && this.#path[depth] === step ? depth + 1 : -1;
  }

  #string(): string {
    const text = this.#match(STRING);
    if (text === undefined) this.#stop(this.#text[this.#at] === '"' ? 'a string that ends' : 'a string');
    return String(JSON.parse(text));
  }

  #take(character: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #stop(expected: string): never {
    throw new ScanStop(this.#at, expected);
  }
}

/**
 * Finds the place where a line stops being JSON.
 *
 * @param text - the line.
 * @returns the place, or undefined when the line is JSON.
 */
export function findJsonProblem(text: string): JsonProblem | undefined {
  try {
    new Scanner(text, []).line();
  } catch (error) {
    if (error instanceof ScanStop) return error.problem;
    throw error;
  }
  return undefined;
}

/**
 * Finds a value inside a line of JSON.
 *
 * @param text - the line; must be JSON.
 * @param path - way to the value. A key that occurs twice means its last value, as in `JSON.parse`.
 * @returns where the value stands. Where the path leads to nothing, the nearest value on the way to it.
 */
export function locateJsonValue(text: string, path: JsonPath): JsonSpan {
  for (let length = path.length; length > 0; length--) {
    const scanner = new Scanner(text, path.slice(0, length));
    try {
      scanner.line();
    } catch (error) {
      // Too deep: what was found before that is right all the same.
      if (!(error instanceof ScanStop)) throw error;
    }
    if (scanner.found !== undefined) return scanner.found;
  }
  return { start: 0, end: text.length };
}
