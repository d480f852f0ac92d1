/**
 * Flags of an object cache by the values of Linux 6.1 (slab spec 2).
 *
 * The first group is for whoever creates a cache, the second for debugging, the third for allocators themselves.
 */

/** Objects start at a cache line, or an even part of one where two or more fit. */
export const SLAB_HWCACHE_ALIGN = 0x2000;
/** Slabs come from zone DMA. */
export const SLAB_CACHE_DMA = 0x4000;
/** Slabs come from zone DMA32. */
export const SLAB_CACHE_DMA32 = 0x8000;
/** Slabs count as reclaimable: somebody can empty the cache. */
export const SLAB_RECLAIM_ACCOUNT = 0x20000;
/** Failure to create the cache stops the machine. */
export const SLAB_PANIC = 0x40000;
/** A slab's memory stays of its type until a grace period after its last object was freed. */
export const SLAB_TYPESAFE_BY_RCU = 0x80000;
/** Objects are charged to the memory cgroup of the task. */
export const SLAB_ACCOUNT = 0x4000000;

/** Slabs are spread over nodes. */
export const SLAB_MEM_SPREAD = 0x100000;
/** The leak checker leaves the cache alone. */
export const SLAB_NOLEAKTRACE = 0x800000;
/** Boot options for debugging do not change the cache. */
export const SLAB_NO_USER_FLAGS = 0x10000000;
/** The sampling checker leaves the cache alone. */
export const SLAB_SKIP_KFENCE = 0x20000000;

/** Debugging: checks on every allocation and every free. */
export const SLAB_CONSISTENCY_CHECKS = 0x100;
/** Debugging: known bytes beside each object. */
export const SLAB_RED_ZONE = 0x400;
/** Debugging: known bytes in free objects. */
export const SLAB_POISON = 0x800;
/** Debugging: who allocated and who freed each object. */
export const SLAB_STORE_USER = 0x10000;
/** Debugging: every allocation and free is reported. */
export const SLAB_TRACE = 0x200000;

/** Debugging: the lives of objects are followed. */
export const SLAB_DEBUG_OBJECTS = 0x400000;
/** Debugging: allocations can be made to fail. */
export const SLAB_FAILSLAB = 0x2000000;
/** Debugging: objects are surrounded by shadow memory's red zones. */
export const SLAB_KASAN = 0x8000000;

/** Internal: a cache of the kmalloc family. */
export const SLAB_KMALLOC = 0x1000;
