/** A wrapper that lets requests for objects fail on purpose, as failslab does (slab spec 16). */
import { __GFP_DIRECT_RECLAIM, __GFP_NOFAIL, NULL, SLAB_FAILSLAB } from '@kmem/contracts';
import type { Gfp, PhysAddr, SlabAllocator, SlabCache, SlabCacheOptions, SlabObject } from '@kmem/contracts';
import { FaultAttributes, type FaultOptions } from './fault-attributes.js';

/** Which requests fail. The size that counts for `space` is that of an object. */
export interface FailingSlabsOptions extends FaultOptions {
  /**
   * Whether requests that may reclaim never fail (debugfs ignore-gfp-wait).
   * @defaultValue true
   */
  readonly ignoreGfpReclaim?: boolean;
  /**
   * Whether only requests to caches with `SLAB_FAILSLAB` fail (debugfs cache-filter).
   * @defaultValue false
   */
  readonly cacheFilter?: boolean;
}

/** An object allocator whose requests fail on purpose. */
export interface FailingSlabAllocator extends SlabAllocator {
  /** Requests that failed on purpose so far. */
  readonly failures: number;
  /**
   * Lets exactly one request fail, counted from the next one that may fail at all.
   *
   * @param n - which request, from 1; 0 takes the order back.
   * @throws RangeError when `n` is no integer of 0 or more.
   */
  failNth(n: number): void;
}

/**
 * Wraps an object allocator in one that lets requests fail. A request with `__GFP_NOFAIL` never fails; of a bulk request nothing is
 * given when one of its objects fails.
 *
 * @param inner - the allocator.
 * @param options - which requests fail.
 * @returns the wrapper. Without `probability` nothing fails until `failNth` is called.
 * @throws RangeError when an option is out of range, naming it.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_ATOMIC, NULL } from '@kmem/contracts';
 * import { failingSlabs } from '@kmem/debug';
 * import { createFrameTable } from '@kmem/hw';
 * import { slub } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const slabs = failingSlabs(slub({ pages: new BuddyAllocator({ frames }), frames }), { probability: 100, times: 1 });
 * const cache = slabs.createCache({ name: 'points', sizeBytes: 24 });
 * cache?.alloc(GFP_ATOMIC) === NULL; // -> true
 * cache?.alloc(GFP_ATOMIC) === NULL; // -> false
 * ```
 */
export function failingSlabs(inner: SlabAllocator, options: FailingSlabsOptions = {}): FailingSlabAllocator {
  const faults = new FaultAttributes(options);
  const { cacheFilter = false, ignoreGfpReclaim = true } = options;
  const exempt = __GFP_NOFAIL | (ignoreGfpReclaim ? __GFP_DIRECT_RECLAIM : 0);
  /** The wrapper of each cache: a cache that is joined has one. */
  const wrappers = new WeakMap<SlabCache, SlabCache>();

  function wrapperOf(cache: SlabCache): SlabCache {
    const wrapper = wrappers.get(cache) ?? new FailingCache(cache, (gfp) => fails(cache, gfp));
    wrappers.set(cache, wrapper);
    return wrapper;
  }

  function fails({ flags, objectSize }: SlabCache, gfp: Gfp): boolean {
    if ((gfp & exempt) !== 0 || (cacheFilter && (flags & SLAB_FAILSLAB) === 0)) return false;
    return faults.shouldFail(objectSize);
  }

  function createCache(asked: SlabCacheOptions): SlabCache | null {
    const cache = inner.createCache(asked);
    return cache && wrapperOf(cache);
  }

  function cacheOf(addr: PhysAddr): SlabCache | null {
    const cache = inner.cacheOf(addr);
    return cache && wrapperOf(cache);
  }

  function find(addr: PhysAddr): SlabObject | null {
    const found = inner.find(addr);
    return found && { ...found, cache: wrapperOf(found.cache) };
  }

  return {
    get failures() { return faults.failures; },
    failNth: (n) => { faults.failNth(n); },
    createCache,
    caches: () => inner.caches().map(wrapperOf),
    cacheOf,
    free: (addr) => inner.free(addr),
    find,
    assertValid: () => { inner.assertValid(); },
  };
}

class FailingCache implements SlabCache {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly flags: number;
  readonly userOffset: number;
  readonly userSize: number;
  readonly #inner: SlabCache;
  readonly #fails: (gfp: Gfp) => boolean;

  constructor(inner: SlabCache, fails: (gfp: Gfp) => boolean) {
    this.name = inner.name;
    this.size = inner.size;
    this.align = inner.align;
    this.flags = inner.flags;
    this.userOffset = inner.userOffset;
    this.userSize = inner.userSize;
    this.#inner = inner;
    this.#fails = fails;
  }

  /** May become more when another user joins. */
  get objectSize(): number {
    return this.#inner.objectSize;
  }

  get usableSize(): number {
    return this.#inner.usableSize;
  }

  alloc(gfp: Gfp): PhysAddr {
    return this.#fails(gfp) ? NULL : this.#inner.alloc(gfp);
  }

  free(addr: PhysAddr): void {
    this.#inner.free(addr);
  }

  allocBulk(gfp: Gfp, count: number, objects: Float64Array): number {
    for (let i = 0; i < Math.min(count, objects.length); i++) if (this.#fails(gfp)) return 0;
    return this.#inner.allocBulk(gfp, count, objects);
  }

  freeBulk(count: number, objects: Float64Array): void {
    this.#inner.freeBulk(count, objects);
  }

  shrink(): boolean {
    return this.#inner.shrink();
  }

  destroy(): boolean {
    return this.#inner.destroy();
  }
}
