/** Checks of numbers that a caller passes in. */

/**
 * Requires an integer within bounds.
 *
 * @param name - the option, for the error.
 * @param value - what was passed.
 * @param min - smallest allowed.
 * @param max - largest allowed.
 * @throws RangeError naming the option, the value and the bounds.
 */
export function requireInteger(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new RangeError(`${name}: expected an integer from ${String(min)} to ${String(max)}, got ${String(value)}`);
}
