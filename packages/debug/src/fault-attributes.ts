/**
 * FaultAttributes: decides which calls fail (slab spec 16, generic part).
 *
 * ```
 *   fail-nth set          : only the nth call from now fails, whatever else is set
 *   probability or times 0: none
 *   space > size          : no, and the space is less by the size
 *   interval > 1          : only every interval-th call goes on
 *   probability > dice    : fails, and times is one less unless it is -1         dice from 0 to 99
 * ```
 */

/** Which calls fail. Names and defaults are those of the kernel's files. */
export interface FaultOptions {
  /**
   * Chance in percent, 0 to 100.
   * @defaultValue 0: nothing fails
   */
  readonly probability?: number;
  /**
   * Only every so-manieth call may fail, at least 1.
   * @defaultValue 1
   */
  readonly interval?: number;
  /**
   * How many calls may fail at most; -1 for any number.
   * @defaultValue 1
   */
  readonly times?: number;
  /**
   * Size that is served before any call fails, in units of the caller.
   * @defaultValue 0
   */
  readonly space?: number;
  /**
   * Draws an integer from 0 to 99. Called only where the probability is neither 0 nor 100.
   * @defaultValue none: then only those two are allowed
   */
  readonly dice?: () => number;
}

/** The decision, with its memory. */
export class FaultAttributes {
  readonly #probability: number;
  readonly #interval: number;
  readonly #dice: () => number;
  #times: number;
  #space: number;
  #count = 0;
  #nth = 0;
  #failures = 0;

  /**
   * @param options - which calls fail.
   * @throws RangeError when an option is out of range, naming it.
   */
  constructor(options: FaultOptions) {
    const { probability = 0, interval = 1, times = 1, space = 0, dice } = options;
    requireInteger('probability', probability, 0, 100);
    requireInteger('interval', interval, 1, Number.MAX_SAFE_INTEGER);
    requireInteger('times', times, -1, Number.MAX_SAFE_INTEGER);
    requireInteger('space', space, 0, Number.MAX_SAFE_INTEGER);
    if (dice === undefined && probability > 0 && probability < 100) throw new RangeError(`probability is ${String(probability)} without dice, expected 0 or 100`);
    this.#probability = probability;
    this.#interval = interval;
    this.#times = times;
    this.#space = space;
    this.#dice = dice ?? (() => 0);
  }

  /** Calls that have failed so far. */
  get failures(): number {
    return this.#failures;
  }

  /**
   * Lets exactly one call fail, counted from the next one.
   *
   * @param n - which call, from 1; 0 takes the order back.
   * @throws RangeError when `n` is no integer of 0 or more.
   */
  failNth(n: number): void {
    requireInteger('n', n, 0, Number.MAX_SAFE_INTEGER);
    this.#nth = n;
  }

  /**
   * Decides about one call.
   *
   * @param size - what the call asks for, in the units of `space`.
   * @returns true when it must fail.
   */
  shouldFail(size: number): boolean {
    const fails = this.#nth > 0 ? --this.#nth === 0 : this.#decide(size);
    if (fails) this.#failures++;
    return fails;
  }

  #decide(size: number): boolean {
    if (this.#probability === 0 || this.#times === 0) return false;
    if (this.#space > size) {
      this.#space -= size;
      return false;
    }
    if (this.#interval > 1 && ++this.#count % this.#interval !== 0) return false;
    if (this.#probability < 100 && this.#probability <= this.#dice()) return false;
    if (this.#times > 0) this.#times--;
    return true;
  }
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} is ${String(value)}, expected an integer from ${String(min)} to ${String(max)}`);
  }
}
