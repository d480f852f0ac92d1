/**
 * Words that alloc.ts keeps for each order about the last plain request. This file imports nothing, so that builds
 * inline the values.
 */

/** Words of an order; a power of two. */
export const LAST_SHIFT = 4;
/** Flags of the request. */
export const LAST_GFP = 0;
/** Its order, or -1 when there was none. */
export const LAST_ORDER = 1;
/** The node it started from. */
export const LAST_NODE = 2;
/** The CPU it came from. */
export const LAST_CPU = 3;
/** First word of the zone that served it. */
export const LAST_ZONE = 4;
/** The word with what it had to leave there. */
export const LAST_MARK = 5;
/** The word that tells which orders of its type have free blocks. */
export const LAST_NONEMPTY = 6;
/** First word of the per-CPU set. */
export const LAST_PCP = 7;
/** The word with the head of the per-CPU list, or 0 for an order without such lists. */
export const LAST_ENDS = 8;
/** Its migratetype. */
export const LAST_TYPE = 9;
