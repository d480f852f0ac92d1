/**
 * FrameTable: what the kernel keeps in `struct page`, as columns indexed by frame number.
 *
 * ```
 *             flags     refcount  block     owner     next      prev        24 bytes a frame
 * frame 0     Uint32    Int32     Int32     Int32     Int32     Int32
 * frame 1     ...
 *
 * pageblocks: one byte for each 2 ** pageblockOrder frames
 * ```
 *
 * All zeroes is a valid table: every frame is unused, inside no block, on no list. Link 0 means "none",
 * which is why frame 0 is never on a list.
 *
 * The `block` column describes the block that starts at a frame:
 * ```
 *   bits 0..3    order of the block
 *   bits 4..6    migratetype: of the free list the block is on, or the one remembered on a per-CPU list
 *   bit  7       free in the buddy lists (the kernel's page type "buddy")
 *   bits 8..10   page types offline, table, guard
 *   bit  11      free on a per-CPU list
 *   bit  12      tail of a compound page; `owner` holds the head's frame number
 *   bits 16..23  zone id, in the order in which the allocator was given its zones
 * ```
 * Bits 7 to 10 have the kernel's positions: its page-type word is all ones with these bits cleared,
 * `~(block & PAGE_TYPE_MASK)`, so a free head reads `0xffffff7f`.
 */
import type { Order } from './units.js';

/** The columns. See the head of this file for the layout. */
export interface FrameTable {
  /** Number of frames; a multiple of the largest block, so that a buddy's number never leaves the table. */
  readonly nrFrames: number;
  /** log2 of the page size in bytes: 12 for 4 KiB. */
  readonly pageShift: number;
  /** log2 of the number of frames in a pageblock. */
  readonly pageblockOrder: Order;
  /** The one buffer behind all columns. */
  readonly buffer: ArrayBufferLike;
  /** `PG_*` bits. */
  readonly flags: Uint32Array;
  /** References held; 0 for a free frame and for a tail. */
  readonly refcount: Int32Array;
  /** Descriptor of the block that starts here. */
  readonly block: Int32Array;
  /** Word of the owner: head of a compound tail, otherwise the user's. */
  readonly owner: Int32Array;
  /** Next frame on the list this frame is on, 0 at the end. */
  readonly next: Int32Array;
  /** Previous frame on that list, 0 at the start. */
  readonly prev: Int32Array;
  /** Migratetype (bits 0..2) and `PB_*` bits of each pageblock. */
  readonly pageblocks: Uint8Array;
}

/** Bits of the `flags` column: position in the kernel's flag word. */
export const PG_locked = 0;
/** Recently used. */
export const PG_referenced = 1;
/** Contents are valid. */
export const PG_uptodate = 2;
/** Contents must be written back. */
export const PG_dirty = 3;
/** On a reclaim list. */
export const PG_lru = 4;
/** On the active reclaim list. */
export const PG_active = 5;
/** Part of the working set. */
export const PG_workingset = 6;
/** Somebody waits for the page. */
export const PG_waiters = 7;
/** An I/O error occurred. */
export const PG_error = 8;
/** Belongs to a slab. */
export const PG_slab = 9;
/** For the owner. */
export const PG_owner_priv_1 = 10;
/** For the architecture. */
export const PG_arch_1 = 11;
/** Not managed by the page allocator. */
export const PG_reserved = 12;
/** `owner` is in use. */
export const PG_private = 13;
/** Second bit for the owner. */
export const PG_private_2 = 14;
/** Being written back. */
export const PG_writeback = 15;
/** First page of a compound page. */
export const PG_head = 16;
/** Has blocks on disk. */
export const PG_mappedtodisk = 17;
/** To be reclaimed soon. */
export const PG_reclaim = 18;
/** Backed by swap. */
export const PG_swapbacked = 19;
/** Cannot be evicted. */
export const PG_unevictable = 20;
/** Locked into memory. */
export const PG_mlocked = 21;

/** Flag names in the order in which the kernel prints them, with their positions (buddy spec 2). */
export const PAGE_FLAG_NAMES: readonly (readonly [name: string, bit: number])[] = Object.freeze([
  ['locked', PG_locked],
  ['waiters', PG_waiters],
  ['error', PG_error],
  ['referenced', PG_referenced],
  ['uptodate', PG_uptodate],
  ['dirty', PG_dirty],
  ['lru', PG_lru],
  ['active', PG_active],
  ['workingset', PG_workingset],
  ['slab', PG_slab],
  ['owner_priv_1', PG_owner_priv_1],
  ['arch_1', PG_arch_1],
  ['reserved', PG_reserved],
  ['private', PG_private],
  ['private_2', PG_private_2],
  ['writeback', PG_writeback],
  ['head', PG_head],
  ['mappedtodisk', PG_mappedtodisk],
  ['reclaim', PG_reclaim],
  ['swapbacked', PG_swapbacked],
  ['unevictable', PG_unevictable],
  ['mlocked', PG_mlocked],
] as const);

/** Flags that a page must not have when it is freed. */
export const PAGE_FLAGS_FORBIDDEN_AT_FREE =
  (1 << PG_lru) |
  (1 << PG_locked) |
  (1 << PG_private) |
  (1 << PG_private_2) |
  (1 << PG_writeback) |
  (1 << PG_reserved) |
  (1 << PG_slab) |
  (1 << PG_active) |
  (1 << PG_unevictable) |
  (1 << PG_mlocked);

/** `block`: order of the block. */
export const BLOCK_ORDER_MASK = 0xf;
/** `block`: position of the migratetype. */
export const BLOCK_TYPE_SHIFT = 4;
/** `block`: the migratetype in place. */
export const BLOCK_TYPE_MASK = 0x70;
/** `block`: free, on a buddy list. */
export const PAGE_TYPE_BUDDY = 0x80;
/** `block`: page type offline. */
export const PAGE_TYPE_OFFLINE = 0x100;
/** `block`: page type page-table. */
export const PAGE_TYPE_TABLE = 0x200;
/** `block`: page type guard. */
export const PAGE_TYPE_GUARD = 0x400;
/** `block`: all page types. */
export const PAGE_TYPE_MASK = 0x780;
/** `block`: free, on a per-CPU list. */
export const BLOCK_PCP = 0x800;
/** `block`: tail of a compound page. */
export const BLOCK_TAIL = 0x1000;
/** `block`: position of the zone id. */
export const BLOCK_ZONE_SHIFT = 16;

/** `pageblocks`: the migratetype. */
export const PB_TYPE_MASK = 0x07;
/** `pageblocks`: compaction skips the block. */
export const PB_SKIP = 0x08;
/**
 * `pageblocks`: a frame inside the block had its reference count or flags changed one by one. Blocks of
 * order > 0 freed here have every frame checked; elsewhere it is known that only the head can be bad.
 * Whoever writes `flags` or `refcount` of a frame that is not the head of its block must set it.
 */
export const PB_TOUCHED = 0x10;
/** `pageblocks`: no memory is present here. */
export const PB_ABSENT = 0x20;
/** `pageblocks`: a zone starts in the middle; the byte is the lower zone's, the upper one keeps its type itself. */
export const PB_SHARED = 0x40;
