/**
 * ScheduleOnce: code that gives the CPU away once, or not at all, and returns.
 *
 * `yield*` to it costs no generator and no result object. One object serves all tasks, because it need not tell them
 * apart: nobody else runs between its beginning and the first `next`, and whoever comes back later is done.
 *
 * ```
 * isNew = true    begin, or `yield*` begins
 *        false    next -> SCHEDULE
 *                 next -> done, whoever it is
 * ```
 */
import { SCHEDULE, type Sleepable } from '@kmem/contracts';

/** Code of at most one SCHEDULE. */
export class ScheduleOnce<T> implements Sleepable<T> {
  readonly [Symbol.toStringTag] = 'ScheduleOnce';
  readonly #given: IteratorYieldResult<typeof SCHEDULE> | null;
  readonly #done: IteratorReturnResult<T>;
  #isNew = false;

  /**
   * @param gives - whether it gives the CPU away.
   * @param result - what it returns.
   */
  constructor(gives: boolean, result: T) {
    this.#given = gives ? { value: SCHEDULE, done: false } : null;
    this.#done = { value: result, done: true };
  }

  /**
   * Begins anew.
   *
   * @returns itself, to delegate to or to call `next` of at once.
   */
  begin(): this {
    this.#isNew = true;
    return this;
  }

  [Symbol.iterator](): this {
    return this.begin();
  }

  next(): IteratorResult<typeof SCHEDULE, T> {
    if (!this.#isNew || this.#given === null) return this.#done;
    this.#isNew = false;
    return this.#given;
  }

  return(): IteratorResult<typeof SCHEDULE, T> {
    return this.#done;
  }

  throw(error: unknown): never {
    throw error;
  }
}
