export { cacheGeometry } from './geometry.js';
export type { CacheGeometry, CacheShape } from './geometry.js';
export {
  KMALLOC_TYPES,
  SLAB_CLASSES,
  SLUB_CLASSES,
  kmallocAlign,
  kmallocCacheName,
  kmallocMaxSize,
  kmallocSizeRoundup,
  kmallocSizes,
  kmallocType,
} from './kmalloc-classes.js';
export type { KmallocClasses, KmallocLimits, KmallocType } from './kmalloc-classes.js';
export { formatSlabinfo, formatSlabtop } from './slabinfo.js';
export type { ArrayCounts, CacheCounts } from './slabinfo.js';
export { slub } from './slub.js';
export type { Slub, SlubOptions } from './slub.js';
export type { SlubCache } from './slub-cache.js';
export { createKmalloc } from './kmalloc.js';
export type { Kmalloc, KmallocCore, KmallocOptions } from './kmalloc.js';
export type { KmallocStrings } from './kmalloc-strings.js';
export { sysfsFiles, sysfsName, writeSysfsFile } from './sysfs.js';
export { slab } from './slab/slab.js';
export type { Slab, SlabOptions } from './slab/slab.js';
export type { ClassicAttributes, ClassicCache } from './slab/classic-cache.js';
export type { ClassicTunables } from './slab/classic-tunables.js';
export { slob } from './slob/slob.js';
export type { Slob, SlobOptions } from './slob/slob.js';
export type { SlobCache } from './slob/slob-cache.js';
export { slobSizeRoundup } from './slob/slob-kmalloc.js';
export { createMempool } from './pools/mempool.js';
export type { Mempool, MempoolOptions, MempoolSleep } from './pools/mempool.js';
export { createDmaPool, formatDmaPools } from './pools/dma-pool.js';
export type { DmaPool, DmaPoolOptions } from './pools/dma-pool.js';
export { createKfreeRcu } from './pools/kfree-rcu.js';
export type { KfreeRcu, KfreeRcuOptions } from './pools/kfree-rcu.js';
export { createMemoryGroups } from './memcg/memory-groups.js';
export type { MemoryGroup, MemoryGroups, MemoryGroupsOptions } from './memcg/memory-groups.js';
export { accountedSlabs } from './memcg/accounted-slabs.js';
export type { AccountedSlabsOptions } from './memcg/accounted-slabs.js';
