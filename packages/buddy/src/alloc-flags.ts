/** `ALLOC_*`: how an allocation may go about it (buddy spec 3.7). This file imports nothing, so that builds inline the values. */

/** Test the min watermark. */
export const ALLOC_WMARK_MIN = 0;
/** Test the low watermark. */
export const ALLOC_WMARK_LOW = 1;
/** Test the high watermark. */
export const ALLOC_WMARK_HIGH = 2;
/** The bits that number the watermark. */
export const ALLOC_WMARK_MASK = 3;
/** A failed test does not matter. */
export const ALLOC_NO_WATERMARKS = 0x04;
/** The caller was chosen by the OOM killer: half of the min watermark. */
export const ALLOC_OOM = 0x08;
/** The caller cannot wait. */
export const ALLOC_NON_BLOCK = 0x10;
/** Half of the min watermark, for `__GFP_HIGH`. */
export const ALLOC_MIN_RESERVE = 0x20;
/** Obey the cpuset. */
export const ALLOC_CPUSET = 0x40;
/** Do not mix pageblock types while another zone can serve. */
export const ALLOC_NOFRAGMENT = 0x100;
/** May use pageblocks kept for high-order atomic requests. */
export const ALLOC_HIGHATOMIC = 0x200;
/** kswapd may be woken. Same bit as `__GFP_KSWAPD_RECLAIM`. */
export const ALLOC_KSWAPD = 0x800;
/** Everything that digs into reserves: non-block, min-reserve, high-atomic, OOM. */
export const ALLOC_RESERVES = 0x238;
