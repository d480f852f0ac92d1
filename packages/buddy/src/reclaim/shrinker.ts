/**
 * Shrinkers: caches of objects that give some of them up when memory runs short (buddy spec 11).
 *
 * How much is asked of a cache grows as the priority falls from 12 to 0. What was asked and not yet done is
 * remembered and added the next time:
 * ```
 *   delta  = (freeable >> priority) * 4 / seeks, or freeable / 2 for seeks 0
 *   total  = min((deferred >> priority) + delta, 2 * freeable)
 *   scan in batches while total >= batch or total >= freeable
 *   deferred = min(deferred + delta - scanned, 2 * freeable)
 * ```
 */
import { KernelBug } from '@kmem/contracts';

/** What `count` returns for a cache that has nothing to give. */
export const SHRINK_EMPTY = -2;
/** What `scan` returns when it cannot go on. */
export const SHRINK_STOP = -1;
/** Most objects that a cache may have or give up at a time. */
const MAX_OBJECTS = 2 ** 31 - 1;

const DEFAULT_SEEKS = 2;
const DEFAULT_BATCH = 128;

/** A cache that can give up objects. */
export interface Shrinker {
  /** Name for people. */
  readonly name: string;
  /** What an object costs to make again; the larger, the fewer are asked for. 0 for none. @defaultValue 2 */
  readonly seeks?: number;
  /** Objects asked for at a time, at least 1. @defaultValue 128 */
  readonly batch?: number;
  /**
   * Counts what could be given up.
   *
   * @returns objects, at most 2147483647; 0 or `SHRINK_EMPTY` for nothing.
   */
  count(): number;
  /**
   * Gives objects up. Their pages are freed by ordinary calls.
   *
   * @param nr - how many objects to look at.
   * @returns objects given up, or `SHRINK_STOP`.
   */
  scan(nr: number): number;
}

/** One call of a shrinker, as the kernel's trace events show it. */
export interface ShrinkRecord {
  /** The cache. */
  readonly name: string;
  /** Reclaim priority. */
  readonly priority: number;
  /** Asked for earlier and not done. */
  readonly deferred: number;
  /** What it has. */
  readonly freeable: number;
  /** Added by this call. */
  readonly delta: number;
  /** What would be looked at. */
  readonly total: number;
  /** What was looked at: whole batches. */
  readonly scanned: number;
  /** What is left for the next time. */
  readonly nextDeferred: number;
  /** Given up. */
  readonly freed: number;
}

/** The registered shrinkers, in the order in which they registered. */
export class ShrinkerList {
  readonly #entries: { readonly shrinker: Shrinker; deferred: number }[] = [];

  /**
   * Adds a shrinker.
   *
   * @param shrinker - the cache.
   * @throws RangeError when `seeks` or `batch` is out of range, KernelBug `BAD_SHRINKER` when it is registered already.
   * @kernelName register_shrinker
   */
  register(shrinker: Shrinker): void {
    const { name, seeks = DEFAULT_SEEKS, batch = DEFAULT_BATCH } = shrinker;
    if (!Number.isInteger(seeks) || seeks < 0) throw new RangeError(`seeks of ${name} is ${String(seeks)}, expected an integer of at least 0`);
    if (!Number.isInteger(batch) || batch < 1) throw new RangeError(`batch of ${name} is ${String(batch)}, expected an integer of at least 1`);
    if (this.#entries.some((entry) => entry.shrinker === shrinker)) throw new KernelBug('BAD_SHRINKER', `${name} is registered already`, { name });
    this.#entries.push({ shrinker, deferred: 0 });
  }

  /**
   * Takes a shrinker away. One that is not registered is ignored, as in the kernel.
   *
   * @param shrinker - the one that registered.
   * @kernelName unregister_shrinker
   */
  unregister(shrinker: Shrinker): void {
    const at = this.#entries.findIndex((entry) => entry.shrinker === shrinker);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  /**
   * Counts the objects that all caches together could give up now.
   *
   * @throws KernelBug `BAD_SHRINKER` for a cache that answers with no number of objects.
   */
  get freeable(): number {
    return this.#entries.reduce((sum, { shrinker }) => sum + countOf(shrinker), 0);
  }

  /**
   * Asks every cache once.
   *
   * @param priority - from 12 down to 0: all of it.
   * @param observe - hears of each call.
   * @returns objects given up.
   * @throws KernelBug `BAD_SHRINKER` for a cache that answers with no number of objects; what it was asked for is forgotten.
   * @kernelName shrink_slab
   */
  shrink(priority: number, observe?: (record: ShrinkRecord) => void): number {
    let freed = 0;
    // A copy: a cache may leave when it has given up all it had.
    for (const entry of [...this.#entries]) {
      const record = shrinkOne(entry.shrinker, entry.deferred, priority);
      if (record === null) continue;
      entry.deferred = record.nextDeferred;
      freed += record.freed;
      observe?.(record);
    }
    return freed;
  }
}

/** Asks one cache; null when it has nothing. */
function shrinkOne(shrinker: Shrinker, deferred: number, priority: number): ShrinkRecord | null {
  const { name, seeks = DEFAULT_SEEKS, batch = DEFAULT_BATCH } = shrinker;
  const freeable = countOf(shrinker);
  if (freeable === 0) return null;
  const delta = seeks === 0 ? Math.floor(freeable / 2) : Math.floor((Math.floor(freeable / 2 ** priority) * 4) / seeks);
  const total = Math.min(Math.floor(deferred / 2 ** priority) + delta, 2 * freeable);
  let left = total;
  let scanned = 0;
  let freed = 0;
  while (left > 0 && (left >= batch || left >= freeable)) {
    const nr = Math.min(batch, left);
    const done = shrinker.scan(nr);
    if (done === SHRINK_STOP) break;
    requireObjects(name, 'scan', done);
    freed += done;
    scanned += nr;
    left -= nr;
  }
  const nextDeferred = Math.min(Math.max(deferred + delta - scanned, 0), 2 * freeable);
  return { name, priority, deferred, freeable, delta, total, scanned, nextDeferred, freed };
}

/** Asks a cache what it has. */
function countOf(shrinker: Shrinker): number {
  const count = shrinker.count();
  if (count === SHRINK_EMPTY) return 0;
  requireObjects(shrinker.name, 'count', count);
  return count;
}

function requireObjects(name: string, call: string, found: number): void {
  if (Number.isInteger(found) && found >= 0 && found <= MAX_OBJECTS) return;
  throw new KernelBug('BAD_SHRINKER', `${call} of ${name} returned ${String(found)}, expected a number of objects up to ${String(MAX_OBJECTS)}`, { name, call, found });
}
