/**
 * JsonLine: one line of a recording, read with suspicion.
 *
 * Each reading method takes a value and the way to it, returns the value with a type, or throws a
 * RecordingError that names the column.
 */
import { findJsonProblem, locateJsonValue } from './json-position.js';
import type { JsonPath } from './json-position.js';
import { RecordingError } from './recording-error.js';

/** Longest piece of a recording that an error message quotes. */
const QUOTE_LENGTH = 40;

/** A JSON object whose members have not been looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** One line of a file of JSON values. */
export class JsonLine {
  /** The file. */
  readonly path: string;
  /** Number of the line, from 1. */
  readonly number: number;
  /** The line without its end. */
  readonly text: string;
  /** What stands in it. */
  readonly value: unknown;

  /**
   * @param path - the file.
   * @param number - number of the line, from 1.
   * @param text - the line without its end.
   * @throws RecordingError when the line is not JSON.
   */
  constructor(path: string, number: number, text: string) {
    this.path = path;
    this.number = number;
    this.text = text;
    try {
      this.value = JSON.parse(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const { offset, expected } = findJsonProblem(text) ?? { offset: 0, expected: 'JSON' };
      const found = offset >= text.length ? 'the end of the line' : quote(text.slice(offset));
      throw new RecordingError(path, number, offset + 1, found, expected);
    }
  }

  /**
   * Reports a value that is wrong.
   *
   * @param where - way to the value.
   * @param expected - what should stand there.
   * @param found - what was found, when it is not the value itself.
   * @throws RecordingError always.
   */
  fail(where: JsonPath, expected: string, found?: string): never {
    const { start, end } = locateJsonValue(this.text, where);
    const text = found ?? (this.#has(where) ? quote(this.text.slice(start, end)) : `no ${describe(where)}`);
    throw new RecordingError(this.path, this.number, start + 1, text, expected);
  }

  /**
   * Reads an object.
   *
   * @param value - the value.
   * @param where - way to it.
   * @returns the same value.
   */
  object(value: unknown, where: JsonPath): JsonObject {
    if (isObject(value)) return value;
    return this.fail(where, 'an object');
  }

  /**
   * Reads an array.
   *
   * @param value - the value.
   * @param where - way to it.
   * @returns the same value.
   */
  array(value: unknown, where: JsonPath): readonly unknown[] {
    if (Array.isArray(value)) return value;
    return this.fail(where, 'an array');
  }

  /**
   * Reads a string.
   *
   * @param value - the value.
   * @param where - way to it.
   * @returns the same value.
   */
  string(value: unknown, where: JsonPath): string {
    if (typeof value === 'string') return value;
    return this.fail(where, 'a string');
  }

  /**
   * Reads an array of strings.
   *
   * @param value - the value.
   * @param where - way to it.
   * @returns the same value.
   */
  strings(value: unknown, where: JsonPath): readonly string[] {
    return this.array(value, where).map((entry, i) => this.string(entry, [...where, i]));
  }

  /**
   * Reads an integer.
   *
   * @param value - the value.
   * @param where - way to it.
   * @param min - smallest value allowed.
   * @param max - largest value allowed.
   * @returns the same value.
   */
  integer(value: unknown, where: JsonPath, min = 0, max = Number.MAX_SAFE_INTEGER): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    return this.fail(where, integerText(min, max));
  }

  /**
   * Reads an array of integers.
   *
   * @param value - the value.
   * @param where - way to it.
   * @param min - smallest value allowed.
   * @param max - largest value allowed.
   * @returns the same value.
   */
  integers(value: unknown, where: JsonPath, min = 0, max = Number.MAX_SAFE_INTEGER): readonly number[] {
    const entries = this.array(value, where);
    entries.forEach((entry, i) => {
      if (!(typeof entry === 'number' && Number.isInteger(entry) && entry >= min && entry <= max)) {
        this.fail([...where, i], integerText(min, max));
      }
    });
    // Every entry was just found to be a number.
    return entries as readonly number[];
  }

  /**
   * Checks which members an object has.
   *
   * @param object - the object.
   * @param where - way to it.
   * @param required - names that must be there.
   * @param optional - names that may be there; no other one may.
   */
  members(object: JsonObject, where: JsonPath, required: readonly string[], optional: readonly string[] = []): void {
    for (const name of required) {
      if (!(name in object)) this.fail([...where, name], `a member "${name}"`);
    }
    for (const name of Object.keys(object)) {
      if (!required.includes(name) && !optional.includes(name)) {
        this.fail([...where, name], `one of the members ${[...required, ...optional].join(' ')}`, `member "${name}"`);
      }
    }
  }

  #has(where: JsonPath): boolean {
    let value: unknown = this.value;
    for (const step of where) {
      if (Array.isArray(value) ? Number(step) >= value.length : !(isObject(value) && step in value)) return false;
      // Arrays and objects are both indexed by the step here.
      value = (value as Readonly<Record<string | number, unknown>>)[step];
    }
    return true;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quote(text: string): string {
  return text.length <= QUOTE_LENGTH ? text : `${text.slice(0, QUOTE_LENGTH)}...`;
}

function describe(where: JsonPath): string {
  const last = where.at(-1);
  return typeof last === 'number' ? `item ${last + 1}` : `member "${last ?? ''}"`;
}

function integerText(min: number, max: number): string {
  if (max === Number.MAX_SAFE_INTEGER) return `an integer of at least ${min}`;
  return min === max ? `the integer ${min}` : `an integer from ${min} to ${max}`;
}
