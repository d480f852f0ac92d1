/**
 * SlabAllocator: caches of objects of one size, each object at an address of its own.
 *
 * What every implementation promises:
 * ```
 *   objects in use never overlap, and each lies inside pages of its cache
 *   an object starts at a multiple of its cache's align
 *   find(a).cache = the cache that handed out the object around a
 *   a constructed object keeps what its constructor wrote until it is handed out, unless its user wrote over it
 *   freeing every object and shrinking every cache gives every page back
 * ```
 * An allocator without free objects, whose free memory is nobody's, differs in two things: a constructor runs whenever an object is
 * handed out, and a cache can be destroyed while objects of it are in use.
 *
 * Shortage is a value (`NULL`, a count of 0). Misuse is a KernelBug; the state stays as it was.
 */
import type { Gfp, PhysAddr } from './units.js';

/** What a cache is asked to hold. */
export interface SlabCacheOptions {
  /** Name, not empty. Two caches may have the same one. */
  readonly name: string;
  /** Bytes of an object, from 1. */
  readonly sizeBytes: number;
  /**
   * Alignment asked for in bytes: 0 or a power of two.
   * @defaultValue 0, a machine word
   */
  readonly align?: number;
  /**
   * `SLAB_*` bits.
   * @defaultValue 0
   */
  readonly flags?: number;
  /**
   * Constructs one object. Is called for every object of new pages in address order before the first of them is
   * handed out, never when an object is allocated or freed; must not allocate from the cache.
   *
   * @param addr - first byte of the object.
   */
  readonly ctor?: (addr: PhysAddr) => void;
  /**
   * First byte of the part of an object that may be copied to and from user space.
   * @defaultValue 0
   */
  readonly userOffset?: number;
  /**
   * Bytes of that part. One that is empty though an offset is given, or does not end within the object, is warned of with `BAD_CACHE`
   * and none: nothing may be copied.
   * @defaultValue 0, nothing may be copied
   */
  readonly userSize?: number;
}

/** An object around an address. */
export interface SlabObject {
  /** The cache it belongs to. */
  readonly cache: SlabCache;
  /** Its first byte. */
  readonly start: PhysAddr;
  /** Its number within its pages, from 0. */
  readonly index: number;
  /** True while somebody has it. */
  readonly live: boolean;
}

/** A cache of objects of one size. */
export interface SlabCache {
  /** Name given by the first who asked for it. */
  readonly name: string;
  /** Bytes of an object that its users may touch. */
  readonly objectSize: number;
  /** Bytes from one object to the next. */
  readonly size: number;
  /**
   * Bytes of an object that whoever has it may use, where they are known to be more than asked for.
   * @kernelName slab_ksize
   */
  readonly usableSize: number;
  /** Alignment of every object in bytes. */
  readonly align: number;
  /** `SLAB_*` bits in force. */
  readonly flags: number;
  /** First byte of the part that may be copied to and from user space. */
  readonly userOffset: number;
  /** Bytes of that part. */
  readonly userSize: number;

  /**
   * Takes an object.
   *
   * @param gfp - what may be done to get pages; `__GFP_ZERO` clears the object.
   * @returns its first byte, or `NULL`.
   * @throws KernelBug `DESTROYED_CACHE`.
   * @context any; the flags must not allow direct reclaim where sleeping is forbidden.
   * @kernelName kmem_cache_alloc
   */
  alloc(gfp: Gfp): PhysAddr;

  /**
   * Gives an object back.
   *
   * @param addr - what {@link SlabCache.alloc} returned.
   * @throws KernelBug `BAD_OBJECT`, `WRONG_CACHE` or `DOUBLE_FREE`.
   * @context any.
   * @kernelName kmem_cache_free
   */
  free(addr: PhysAddr): void;

  /**
   * Takes several objects, all of them or none.
   *
   * @param gfp - as for {@link SlabCache.alloc}.
   * @param count - how many.
   * @param objects - receives their first bytes from item 0 on; at least `count` long.
   * @returns `count`, or 0 when there was no memory for all of them.
   * @throws KernelBug `BAD_SIZE` when the count is not an integer from 0 to the length of the array; `DESTROYED_CACHE`.
   * @context as {@link SlabCache.alloc}, interrupts on.
   * @kernelName kmem_cache_alloc_bulk
   */
  allocBulk(gfp: Gfp, count: number, objects: Float64Array): number;

  /**
   * Gives several objects back. When one of them cannot be freed, none is.
   *
   * @param count - how many.
   * @param objects - their first bytes, from item 0 on; left as they were.
   * @throws KernelBug `BAD_SIZE` as {@link SlabCache.allocBulk}, and as {@link SlabCache.free}; an object that is
   * twice in the array is a `DOUBLE_FREE`.
   * @context any, interrupts on.
   * @kernelName kmem_cache_free_bulk
   */
  freeBulk(count: number, objects: Float64Array): void;

  /**
   * Gives back all pages without an object in use.
   *
   * @returns true when the cache has no pages left.
   * @context task.
   * @kernelName kmem_cache_shrink
   */
  shrink(): boolean;

  /**
   * Drops one use of the cache; the last one gives all its pages back.
   *
   * @returns false when objects are in use: they are reported with `LIVE_OBJECTS`, a warning, and the cache stays.
   * @throws KernelBug `DESTROYED_CACHE`.
   * @context task.
   * @kernelName kmem_cache_destroy
   */
  destroy(): boolean;
}

/** Makes caches, and knows whose an address is. */
export interface SlabAllocator {
  /**
   * Makes a cache.
   *
   * @param options - what it is to hold.
   * @returns the cache, possibly one made before that fits; null when it cannot be made.
   * @throws KernelBug `BAD_CACHE` when it cannot be made and the flags have `SLAB_PANIC`.
   * @throws RangeError or TypeError when an option is out of range, naming it.
   * @context task.
   * @kernelName kmem_cache_create_usercopy
   */
  createCache(options: SlabCacheOptions): SlabCache | null;

  /**
   * Lists the caches.
   *
   * @returns all that are not destroyed, the newest first.
   * @context any.
   */
  caches(): readonly SlabCache[];

  /**
   * Says to which cache the page of an address belongs.
   *
   * @param addr - any number.
   * @returns the cache; null when the page is not one of this allocator's.
   * @context any.
   * @kernelName virt_to_cache
   */
  cacheOf(addr: PhysAddr): SlabCache | null;

  /**
   * Gives an object back to the cache that it is of, as {@link SlabCache.free} of that cache.
   *
   * @param addr - any number.
   * @returns false when the page of the address is not one of this allocator's: nothing was done.
   * @throws KernelBug as {@link SlabCache.free}.
   * @context any.
   */
  free(addr: PhysAddr): boolean;

  /**
   * Says which object holds an address.
   *
   * @param addr - any number.
   * @returns the object; null when there is none: a foreign page, or the bytes that are left over in one of ours.
   * @context any.
   */
  find(addr: PhysAddr): SlabObject | null;

  /**
   * Checks every invariant of the implementation. Costs time proportional to the objects.
   *
   * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
   * @context any.
   */
  assertValid(): void;
}
