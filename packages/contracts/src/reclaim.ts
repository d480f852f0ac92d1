/**
 * Reclaim: what a page allocator may ask for when free memory runs short.
 *
 * The allocator decides when to ask (watermarks, GFP flags, retry rules); this contract decides what can
 * be given up. None of the calls may allocate from the asking allocator, except through memory that
 * the call itself has freed. Frames are given back through the allocator's ordinary free calls.
 */
import type { Gfp, NodeId, Order } from './units.js';

/** Result of a compaction attempt, worst to best; the larger of two results counts (buddy spec 11). */
export const COMPACT_NOT_SUITABLE_ZONE = 0;
/** Compaction could not start: not enough free memory, or not worth it. */
export const COMPACT_SKIPPED = 1;
/** Compaction failed recently and waits before the next attempt. */
export const COMPACT_DEFERRED = 2;
/** No page fits. */
export const COMPACT_NO_SUITABLE_PAGE = 3;
/** Compaction should go on. */
export const COMPACT_CONTINUE = 4;
/** The whole zone was scanned without success. */
export const COMPACT_COMPLETE = 5;
/** A part of the zone was scanned without success. */
export const COMPACT_PARTIAL_SKIPPED = 6;
/** Stopped because of contention. */
export const COMPACT_CONTENDED = 7;
/** A block of the wanted order should be there now. */
export const COMPACT_SUCCESS = 8;

/** Compaction effort: all the means there are. */
export const COMPACT_PRIO_SYNC_FULL = 0;
/** Compaction effort: waits a little. The default. */
export const COMPACT_PRIO_SYNC_LIGHT = 1;
/** Compaction effort: does not wait. */
export const COMPACT_PRIO_ASYNC = 2;

/** What can be given up when memory runs short. */
export interface Reclaim {
  /**
   * Hears that the background reclaimer of a node should look after its zones.
   *
   * @param node - the node.
   * @param order - order that was asked for.
   * @param highestZone - index of the highest zone the request may use.
   * @param gfp - flags of the request.
   */
  wakeKswapd(node: NodeId, order: Order, highestZone: number, gfp: Gfp): void;

  /**
   * Frees pages on behalf of the caller.
   *
   * @param order - order that is wanted.
   * @param gfp - flags of the request: what reclaim may do.
   * @param highestZone - index of the highest zone the request may use.
   * @returns number of pages freed; 0 means no progress.
   */
  reclaim(order: Order, gfp: Gfp, highestZone: number): number;

  /**
   * Tells how many pages of a zone could still be freed.
   *
   * @param zoneId - position of the zone in the allocator's list of zones.
   * @returns pages.
   */
  reclaimablePages(zoneId: number): number;

  /**
   * Moves pages together so that a block of the order may appear.
   *
   * @param order - order that is wanted, above 0.
   * @param gfp - flags of the request.
   * @param priority - one of `COMPACT_PRIO_*`.
   * @returns one of the `COMPACT_*` results.
   */
  compact(order: Order, gfp: Gfp, priority: number): number;

  /**
   * Ends a task to get its memory back.
   *
   * @param order - order that is wanted.
   * @param gfp - flags of the request.
   * @returns true when something was freed or will be.
   */
  outOfMemory(order: Order, gfp: Gfp): boolean;
}
