/**
 * An object allocator that charges its objects to the group of whoever asks (slab spec 15).
 *
 * ```
 *  alloc   a cache with SLAB_ACCOUNT, or __GFP_ACCOUNT: stride + 8 bytes are charged first, NULL at the limit
 *  free    the group that was charged gets them back, whoever frees
 * ```
 * ```
 *   charged: first byte of an object in use -> its group, for objects that somebody was charged for
 * ```
 */
import { __GFP_ACCOUNT, NULL, SLAB_ACCOUNT } from '@kmem/contracts';
import type { Gfp, PhysAddr, SlabAllocator, SlabCache, SlabCacheOptions, SlabObject } from '@kmem/contracts';
import type { MemoryGroup, MemoryGroups } from './memory-groups.js';

/** Bytes that an object costs beside its stride: the note of whose it is. */
const NOTE_BYTES = 8;

/** Options of {@link accountedSlabs}. */
export interface AccountedSlabsOptions {
  /** The groups. */
  readonly groups: MemoryGroups;
  /** The group that is charged now; null where nobody is: in interrupts, for kernel threads. */
  readonly current: () => MemoryGroup | null;
}

/**
 * Wraps an object allocator in one that charges for objects.
 *
 * @param inner - the allocator.
 * @param options - the groups, and which one is charged.
 * @returns the wrapper.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { __GFP_ACCOUNT, GFP_KERNEL, NULL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { accountedSlabs, createKmalloc, createMemoryGroups, slub } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const pages = new BuddyAllocator({ frames });
 * const groups = createMemoryGroups();
 * const web = groups.create('web', 1);
 * const slabs = accountedSlabs(slub({ pages, frames }), { groups, current: () => web });
 * const { kmalloc } = createKmalloc({ slabs, pages, frames });
 * kmalloc(4000, GFP_KERNEL | __GFP_ACCOUNT) === NULL; // -> true
 * kmalloc(2000, GFP_KERNEL | __GFP_ACCOUNT) === NULL; // -> false
 * kmalloc(4000, GFP_KERNEL) === NULL; // -> false
 * ```
 */
export function accountedSlabs(inner: SlabAllocator, { current, groups }: AccountedSlabsOptions): SlabAllocator {
  const charged = new Map<PhysAddr, MemoryGroup>();
  /** The wrapper of each cache: a cache that is joined has one. */
  const wrappers = new WeakMap<SlabCache, SlabCache>();

  function wrapperOf(cache: SlabCache): SlabCache {
    const wrapper = wrappers.get(cache) ?? wrap(cache);
    wrappers.set(cache, wrapper);
    return wrapper;
  }

  function wrap(cache: SlabCache): SlabCache {
    const cost = cache.size + NOTE_BYTES;

    function payer(gfp: Gfp): MemoryGroup | null {
      return ((cache.flags & SLAB_ACCOUNT) | (gfp & __GFP_ACCOUNT)) === 0 ? null : current();
    }

    function alloc(gfp: Gfp): PhysAddr {
      const group = payer(gfp);
      if (group === null) return cache.alloc(gfp);
      if (!groups.chargeBytes(group, cost, gfp)) return NULL;
      const addr = cache.alloc(gfp);
      if (addr === NULL) groups.unchargeBytes(group, cost);
      else charged.set(addr, group);
      return addr;
    }

    function allocBulk(gfp: Gfp, count: number, objects: Float64Array): number {
      const group = payer(gfp);
      const isCharged = group !== null && Number.isInteger(count) && count > 0;
      if (isCharged && !groups.chargeBytes(group, count * cost, gfp)) return 0;
      const got = cache.allocBulk(gfp, count, objects);
      if (isCharged && got === 0) groups.unchargeBytes(group, count * cost);
      if (isCharged) for (const addr of objects.subarray(0, got)) charged.set(addr, group);
      return got;
    }

    function free(addr: PhysAddr): void {
      cache.free(addr);
      settle(addr, cost);
    }

    function freeBulk(count: number, objects: Float64Array): void {
      cache.freeBulk(count, objects);
      for (const addr of objects.subarray(0, count)) settle(addr, cost);
    }

    const { align, flags, name, size, userOffset, userSize } = cache;
    return {
      name, size, align, flags, userOffset, userSize, alloc, allocBulk, free, freeBulk,
      get objectSize() { return cache.objectSize; },
      get usableSize() { return cache.usableSize; },
      shrink: () => cache.shrink(),
      destroy: () => cache.destroy(),
    };
  }

  /** An object came back, unless it was refused and is in use still. */
  function settle(addr: PhysAddr, cost: number): void {
    const group = charged.get(addr);
    if (group === undefined || inner.find(addr)?.live === true) return;
    charged.delete(addr);
    groups.unchargeBytes(group, cost);
  }

  function free(addr: PhysAddr): boolean {
    const cache = charged.has(addr) ? inner.cacheOf(addr) : null;
    if (cache === null) return inner.free(addr);
    wrapperOf(cache).free(addr);
    return true;
  }

  function find(addr: PhysAddr): SlabObject | null {
    const found = inner.find(addr);
    return found && { ...found, cache: wrapperOf(found.cache) };
  }

  function createCache(asked: SlabCacheOptions): SlabCache | null {
    const cache = inner.createCache(asked);
    return cache && wrapperOf(cache);
  }

  function cacheOf(addr: PhysAddr): SlabCache | null {
    const cache = inner.cacheOf(addr);
    return cache && wrapperOf(cache);
  }

  return {
    createCache,
    caches: () => inner.caches().map(wrapperOf),
    cacheOf,
    free,
    find,
    assertValid: () => { inner.assertValid(); },
  };
}
