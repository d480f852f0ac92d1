/**
 * The mix of kmalloc requests on SLAB, as far as it can be decided.
 *
 * It took from the caches of the running kernel, whose arrays nobody wrote down. But what was given back since then lies on top of its cache's
 * array, the last one first, and comes out again in that order:
 * ```
 *  array   | unknown ... | given back | given back |  <- the next request of the class
 * ```
 * So a request is decided while something that was given back is on top: it must get that very memory, and no pages. An array that is
 * full loses its oldest batch; whatever may have been lost is taken for unknown. All other requests, and whether anything was given back to
 * the page allocator, are not decided.
 */
import { GFP_KERNEL } from '@kmem/contracts';
import type { PhysAddr } from '@kmem/contracts';
import type { AlternativeCache, AlternativeOperation, RecordedOffset } from './alternative-recording.js';
import { compareValues, type ValueDifference } from './compare-values.js';
import type { AlternativeUnderTest, DescribedCache } from './implementations.js';

/** What a step came to: equal, another, or why it is not decided. */
export type MixOutcome = { readonly found: ValueDifference | null } | { readonly undecided: string };

const UNKNOWN_ARRAY = 'took from the array of a cache whose state was not recorded';
const UNKNOWN_PAGES = 'whether a slab went back depends on caches whose state was not recorded';

/** The requests of one recording. */
export class KmallocMix {
  readonly #under: AlternativeUnderTest;
  readonly #held = new Map<number, PhysAddr>();
  /** Where the recorded kernel had what the implementation has at an address. */
  readonly #places = new Map<PhysAddr, RecordedOffset>();
  /** By cache: how much of the top of its array is known. */
  readonly #known = new Map<DescribedCache, number>();

  /**
   * @param under - the implementation.
   */
  constructor(under: AlternativeUnderTest) {
    this.#under = under;
  }

  /**
   * Tells whether a mix can be decided in part.
   *
   * @param cache - the mix.
   * @param under - the implementation.
   * @returns true when it has a kmalloc whose caches say how large their arrays are.
   */
  static fits({ request }: AlternativeCache, { cacheOf, kmalloc }: AlternativeUnderTest): boolean {
    return request === null && cacheOf !== undefined && kmalloc !== undefined;
  }

  /**
   * Makes one request and compares what can be.
   *
   * @param call - the request.
   * @returns what it came to.
   */
  step({ bytes, id, op, pages, place }: AlternativeOperation): MixOutcome {
    if (op === 'f') {
      const addr = this.#held.get(id) ?? 0;
      this.#held.delete(id);
      this.#put(addr);
      return { undecided: UNKNOWN_PAGES };
    }
    const addr = this.#under.kmalloc?.kmalloc(bytes, GFP_KERNEL) ?? 0;
    this.#held.set(id, addr);
    const cache = this.#under.cacheOf?.(addr) ?? null;
    const known = cache === null ? 0 : (this.#known.get(cache) ?? 0);
    if (cache !== null && known > 0) {
      this.#known.set(cache, known - 1);
      const got = { place: this.#places.get(addr) ?? null, pages: 0 };
      return { found: compareValues({ place, pages: pages.length }, got, 'taken') };
    }
    // An operation that takes something has a place.
    this.#places.set(addr, place ?? [-1, -1]);
    return { undecided: UNKNOWN_ARRAY };
  }

  #put(addr: PhysAddr): void {
    const cache = this.#under.cacheOf?.(addr) ?? null;
    if (cache !== null) {
      // SLAB's attributes are numbers.
      const { batchcount, limit } = { ...cache.exportAttributes() } as Readonly<Record<string, number>>;
      this.#known.set(cache, Math.min(this.#known.get(cache) ?? 0, limit - batchcount) + 1);
    }
    this.#under.kmalloc?.kfree(addr);
  }
}
