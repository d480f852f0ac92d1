/** Checks of constructor options: one wording for every option that is out of range. */

/**
 * Requires an integer within limits.
 *
 * @param name - name of the option, as the caller wrote it.
 * @param value - what was given.
 * @param min - smallest allowed value.
 * @param max - largest allowed value.
 * @throws TypeError when the value is not a number.
 * @throws RangeError when it is fractional, NaN or out of limits.
 */
export function requireInteger(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== 'number') {
    throw new TypeError(`${name}: expected an integer from ${min} to ${max}, got ${shown(value)}`);
  }
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new RangeError(`${name}: expected an integer from ${min} to ${max}, got ${value}`);
  }
}

/**
 * Names a value of the wrong type for an error text.
 *
 * @param value - anything.
 * @returns a short form: quoted for a string, the type for an object.
 */
export function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'object' && value !== null) return Object.prototype.toString.call(value);
  return String(value);
}

/**
 * Tells whether a value is a buffer, also one of another realm (a worker's, a test sandbox's).
 *
 * @param value - anything.
 * @returns true for an ArrayBuffer or a SharedArrayBuffer.
 */
export function isBuffer(value: unknown): value is ArrayBufferLike {
  const tag = Object.prototype.toString.call(value);
  return tag === '[object ArrayBuffer]' || tag === '[object SharedArrayBuffer]';
}
