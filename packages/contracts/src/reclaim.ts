/**
 * Reclaim: what a page allocator may ask for when free memory runs short.
 *
 * The allocator decides when to ask (watermarks, GFP flags, retry rules); this contract decides what can
 * be given up. What a call itself asks of the allocator meanwhile comes from the reserves, and fails where these are used up:
 * nothing is reclaimed for it. Frames are given back through the allocator's ordinary free calls.
 */
import type { FrameTable } from './frame-table.js';
import type { KernelBug } from './kernel-bug.js';
import type { PhysicalMemory } from './physical-memory.js';
import type { Gfp, NodeId, Order, Pfn } from './units.js';
import type { ZoneKind } from './zone.js';

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

/** Number of the min watermark. */
export const WMARK_MIN = 0;
/** Number of the low watermark. */
export const WMARK_LOW = 1;
/** Number of the high watermark. */
export const WMARK_HIGH = 2;

/** A zone as reclaim sees it: what does not change. */
export interface ReclaimZone {
  /** Position in the allocator's list of zones. */
  readonly id: number;
  /** The node it belongs to. */
  readonly node: NodeId;
  /** Index within the node. */
  readonly index: number;
  /** Which kind of memory. */
  readonly kind: ZoneKind;
  /** First frame of the span. */
  readonly startPfn: Pfn;
  /** Frames of the span, holes included. */
  readonly spannedPages: number;
}

/**
 * What a {@link Reclaim} may see of the allocator it serves, and do to it. Zones are named by their ids, watermarks by their numbers
 * and without boost.
 */
export interface ReclaimTarget {
  /** The frame table. */
  readonly frames: FrameTable;
  /** Number of orders. */
  readonly maxOrder: number;
  /** The bytes behind the frames, or null. */
  readonly memory: PhysicalMemory | null;
  /** The zones, node by node in index order, unpopulated ones included. */
  readonly zones: readonly ReclaimZone[];
  /** Pages under management in a zone. */
  managedPages(zone: number): number;
  /** Pages on a zone's free lists, as watermark checks count them. */
  nrFreePages(zone: number): number;
  /** Pages that are free or wait on per-CPU lists, of all zones. */
  unusedPages(): number;
  /** A watermark in pages. */
  watermark(zone: number, level: number): number;
  /** What is added to every watermark for the time being. */
  watermarkBoost(zone: number): number;
  /** Takes back a part of the boost. */
  lowerBoost(zone: number, pages: number): void;
  /**
   * Tests whether a request without any privilege could be served.
   *
   * @param zone - zone id.
   * @param order - order of the request.
   * @param mark - pages that must remain, the reserve for higher zones aside.
   * @param highestZone - index of the highest zone the request may use.
   * @returns true when a zone has the pages, and a block of the order.
   */
  watermarkOk(zone: number, order: Order, mark: number, highestZone: number): boolean;
  /** As `watermarkOk`, with every CPU's part of the counter where free pages are few. */
  watermarkOkSafe(zone: number, order: Order, mark: number, highestZone: number): boolean;
  /** Lack of memory (towards 0) or fragmentation (towards 1000) for an order; -1000 where a block is there. */
  fragmentationIndex(zone: number, order: Order): number;
  /** Says whether the zone is being reclaimed: its per-CPU lists are kept short meanwhile. */
  setReclaimActive(zone: number, active: boolean): void;
  /** Gives a block back. */
  freePages(pfn: Pfn, order: Order): void;
  /** Gives the pages on every CPU's lists back to the free lists. */
  drainAllPages(): void;
  /**
   * Takes the free block that starts at a frame, as single pages with one reference each.
   *
   * @param pfn - first frame of a free block.
   * @returns its order, or -1 where no free block starts or the zone would fall below its min watermark.
   */
  isolateFreeBlock(pfn: Pfn): number;
  /**
   * Runs work that frees memory. What it asks of the allocator meanwhile is asked as by a task with PF_MEMALLOC: it may have the
   * reserves, and nothing is reclaimed for it. A `Reclaim` that works on its own time calls this; around `reclaim`, `compact` and
   * `outOfMemory` the allocator does.
   *
   * @param work - the work.
   * @returns what the work returns.
   * @throws whatever the work throws.
   * @kernelName memalloc_noreclaim_save
   */
  withoutReclaim<T>(work: () => T): T;
  /** Describes the state of memory as the kernel prints it when an allocation fails, line by line. */
  memInfo(): readonly string[];
  /** Hands a report to whoever gets the allocator's reports. */
  report(bug: KernelBug): void;
}

/** What can be given up when memory runs short. */
export interface Reclaim {
  /**
   * Meets the allocator it serves. Called once, by the allocator's constructor.
   *
   * @param target - the allocator.
   */
  attach?(target: ReclaimTarget): void;

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
   * @param node - the node the request prefers.
   * @returns number of pages freed; 0 means no progress.
   */
  reclaim(order: Order, gfp: Gfp, highestZone: number, node: NodeId): number;

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
   * @param highestZone - index of the highest zone the request may use.
   * @param node - the node the request prefers.
   * @returns one of the `COMPACT_*` results.
   */
  compact(order: Order, gfp: Gfp, priority: number, highestZone: number, node: NodeId): number;

  /**
   * Ends a task to get its memory back. For a request without `__GFP_FS` none may be ended.
   *
   * @param order - order that is wanted.
   * @param gfp - flags of the request.
   * @returns true when something was freed or will be.
   */
  outOfMemory(order: Order, gfp: Gfp): boolean;

  /**
   * Reads a counter of pages in use, for reports.
   *
   * @param name - as /proc/vmstat prints it, such as `nr_active_file`; or `node_unreclaimable`, as /proc/zoneinfo has it.
   * @param zoneId - zone id.
   * @returns pages of the zone, KiB for `nr_kernel_stack`; 0 for what is not counted.
   */
  counter?(name: string, zoneId: number): number;
}
