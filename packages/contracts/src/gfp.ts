/**
 * GFP flags by the values of Linux 6.1 (buddy spec 3.1 and 3.2).
 *
 * The names are the kernel's. A flag says where memory may come from (zone bits), what the caller lets
 * the allocator do (reclaim bits), how deep it may dig into reserves, and what the page must look like.
 */
import type { Gfp } from './units.js';

/** Zone bit: only frames that ISA-style DMA can reach (zone DMA). */
export const __GFP_DMA: Gfp = 0x01;
/** Zone bit: frames without a permanent kernel address will do. */
export const __GFP_HIGHMEM: Gfp = 0x02;
/** Zone bit: only frames below 4 GiB. */
export const __GFP_DMA32: Gfp = 0x04;
/** The page can be migrated. With {@link __GFP_HIGHMEM} it also selects zone Movable. */
export const __GFP_MOVABLE: Gfp = 0x08;
/** The page belongs to a cache that a shrinker can empty. */
export const __GFP_RECLAIMABLE: Gfp = 0x10;
/** High priority: half of the min watermark may be used. */
export const __GFP_HIGH: Gfp = 0x20;
/** Reclaim may start block I/O. */
export const __GFP_IO: Gfp = 0x40;
/** Reclaim may call into file systems. */
export const __GFP_FS: Gfp = 0x80;
/** The page is zeroed. */
export const __GFP_ZERO: Gfp = 0x100;
/** The caller cannot sleep and matters. */
export const __GFP_ATOMIC: Gfp = 0x200;
/** The caller may reclaim memory itself, that is, it may sleep. */
export const __GFP_DIRECT_RECLAIM: Gfp = 0x400;
/** kswapd may be woken. */
export const __GFP_KSWAPD_RECLAIM: Gfp = 0x800;
/** The caller will dirty the page soon. */
export const __GFP_WRITE: Gfp = 0x1000;
/** No failure report. */
export const __GFP_NOWARN: Gfp = 0x2000;
/** Try hard, but fail rather than kill a task. */
export const __GFP_RETRY_MAYFAIL: Gfp = 0x4000;
/** Never fail; loops for as long as it takes. */
export const __GFP_NOFAIL: Gfp = 0x8000;
/** One round of reclaim and compaction, then fail. */
export const __GFP_NORETRY: Gfp = 0x10000;
/** All reserves may be used: the caller frees memory soon. */
export const __GFP_MEMALLOC: Gfp = 0x20000;
/** A block of order > 0 becomes one compound page. */
export const __GFP_COMP: Gfp = 0x40000;
/** No reserves, even if the task could use them. Wins over {@link __GFP_MEMALLOC}. */
export const __GFP_NOMEMALLOC: Gfp = 0x80000;
/** Obey the cpuset of the task. */
export const __GFP_HARDWALL: Gfp = 0x100000;
/** Only the requested node. */
export const __GFP_THISNODE: Gfp = 0x200000;
/** Charge the page to the memory cgroup of the task. */
export const __GFP_ACCOUNT: Gfp = 0x400000;
/** Zero the memory tags as well (arm64). */
export const __GFP_ZEROTAGS: Gfp = 0x800000;

/** Both reclaim bits. */
export const __GFP_RECLAIM: Gfp = 0xc00;
/** For code that cannot sleep and may use a part of the reserve. */
export const GFP_ATOMIC: Gfp = 0xa20;
/** For ordinary kernel code that may sleep. */
export const GFP_KERNEL: Gfp = 0xcc0;
/** {@link GFP_KERNEL}, charged to the memory cgroup. */
export const GFP_KERNEL_ACCOUNT: Gfp = 0x400cc0;
/** Does not sleep and uses no reserve. */
export const GFP_NOWAIT: Gfp = 0x800;
/** May reclaim, but may not start I/O. */
export const GFP_NOIO: Gfp = 0xc00;
/** May reclaim and start I/O, but may not enter a file system. */
export const GFP_NOFS: Gfp = 0xc40;
/** For pages of user processes that the kernel accesses directly. */
export const GFP_USER: Gfp = 0x100cc0;
/** Zone DMA. Grants no reclaim by itself: combine it, `GFP_KERNEL | GFP_DMA`. */
export const GFP_DMA: Gfp = 0x1;
/** Zone DMA32. Grants no reclaim by itself. */
export const GFP_DMA32: Gfp = 0x4;
/** For pages of user processes that need no kernel address. */
export const GFP_HIGHUSER: Gfp = 0x100cc2;
/** For pages of user processes that can be migrated. */
export const GFP_HIGHUSER_MOVABLE: Gfp = 0x100cca;
/** For huge pages taken in a page fault. */
export const GFP_TRANSHUGE_LIGHT: Gfp = 0x1c20ca;
/** For huge pages with direct reclaim. */
export const GFP_TRANSHUGE: Gfp = 0x1c24ca;

/** The bits that choose a zone. */
export const GFP_ZONEMASK: Gfp = 0x0f;
/** What a slab or vmalloc allocator passes down to the page allocator. */
export const GFP_RECLAIM_MASK: Gfp = 0xbeee0;
/** The bits that restrict where a page may come from. */
export const GFP_CONSTRAINT_MASK: Gfp = 0x300000;
/** The bits a slab allocator refuses. */
export const GFP_SLAB_BUG_MASK: Gfp = 0x06;
/** Every bit 6.1 defines. */
export const __GFP_BITS_MASK: Gfp = 0x7ffffff;

/**
 * Names of older kernels that books still use, with the value they map to.
 *
 * `__GFP_WAIT` was split into the two reclaim bits in 4.4; `__GFP_REPEAT` became `__GFP_RETRY_MAYFAIL` in
 * 4.13; `__GFP_COLD` and `__GFP_NOTRACK` were removed and mean nothing; `GFP_TEMPORARY` was removed in 4.14.
 */
export const LEGACY_GFP: Readonly<Record<string, Gfp>> = Object.freeze({
  __GFP_WAIT: 0xc00,
  __GFP_REPEAT: 0x4000,
  __GFP_COLD: 0,
  __GFP_NOTRACK: 0,
  __GFP_OTHER_NODE: 0,
  GFP_TEMPORARY: 0xcd0,
  GFP_IOFS: 0xc0,
});

/**
 * Names in the order in which the kernel prints them in traces and warnings: composites first, so that
 * `0xcc0` reads `GFP_KERNEL` and not four words (buddy spec 3.3).
 */
export const GFP_NAMES: readonly (readonly [name: string, bits: Gfp])[] = Object.freeze([
  ['GFP_TRANSHUGE', GFP_TRANSHUGE],
  ['GFP_TRANSHUGE_LIGHT', GFP_TRANSHUGE_LIGHT],
  ['GFP_HIGHUSER_MOVABLE', GFP_HIGHUSER_MOVABLE],
  ['GFP_HIGHUSER', GFP_HIGHUSER],
  ['GFP_USER', GFP_USER],
  ['GFP_KERNEL_ACCOUNT', GFP_KERNEL_ACCOUNT],
  ['GFP_KERNEL', GFP_KERNEL],
  ['GFP_NOFS', GFP_NOFS],
  ['GFP_ATOMIC', GFP_ATOMIC],
  ['GFP_NOIO', GFP_NOIO],
  ['GFP_NOWAIT', GFP_NOWAIT],
  ['GFP_DMA', GFP_DMA],
  ['__GFP_HIGHMEM', __GFP_HIGHMEM],
  ['GFP_DMA32', GFP_DMA32],
  ['__GFP_HIGH', __GFP_HIGH],
  ['__GFP_ATOMIC', __GFP_ATOMIC],
  ['__GFP_IO', __GFP_IO],
  ['__GFP_FS', __GFP_FS],
  ['__GFP_NOWARN', __GFP_NOWARN],
  ['__GFP_RETRY_MAYFAIL', __GFP_RETRY_MAYFAIL],
  ['__GFP_NOFAIL', __GFP_NOFAIL],
  ['__GFP_NORETRY', __GFP_NORETRY],
  ['__GFP_COMP', __GFP_COMP],
  ['__GFP_ZERO', __GFP_ZERO],
  ['__GFP_NOMEMALLOC', __GFP_NOMEMALLOC],
  ['__GFP_MEMALLOC', __GFP_MEMALLOC],
  ['__GFP_HARDWALL', __GFP_HARDWALL],
  ['__GFP_THISNODE', __GFP_THISNODE],
  ['__GFP_RECLAIMABLE', __GFP_RECLAIMABLE],
  ['__GFP_MOVABLE', __GFP_MOVABLE],
  ['__GFP_ACCOUNT', __GFP_ACCOUNT],
  ['__GFP_WRITE', __GFP_WRITE],
  ['__GFP_RECLAIM', __GFP_RECLAIM],
  ['__GFP_DIRECT_RECLAIM', __GFP_DIRECT_RECLAIM],
  ['__GFP_KSWAPD_RECLAIM', __GFP_KSWAPD_RECLAIM],
  ['__GFP_ZEROTAGS', __GFP_ZEROTAGS],
] as const);
