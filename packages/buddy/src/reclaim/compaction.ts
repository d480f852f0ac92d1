/**
 * Compaction of a zone: pages are moved up so that free memory comes together below (buddy spec 11).
 *
 * ```
 *   zone   |  m f m | m m f | f m f | ......... | f f m | f m f |
 *             migrate scanner ->                 <- free scanner
 *             takes pages of the pool               takes free blocks to move them to
 * ```
 * Both go pageblock by pageblock until they meet. Where nothing could be moved the pageblock is marked to be skipped; when the scanners
 * have met, the marks are taken off before the next start. Kept and isolated pageblocks are left alone.
 */
import {
  COMPACT_COMPLETE,
  COMPACT_CONTINUE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_SUCCESS,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  PB_SKIP,
  PB_TYPE_MASK,
  WMARK_MIN,
  type ReclaimZone,
} from '@kmem/contracts';
import { CompactionDeferral, compactionSuitable } from './compaction-limits.js';
import type { Vmscan } from './vmscan.js';

/** What one attempt needs to know. */
export interface CompactControl {
  /** Order that is wanted. */
  readonly order: number;
  /** Index of the highest zone the request may use. */
  readonly highestZone: number;
  /** One of `COMPACT_PRIO_*`: async looks at movable pageblocks only, full at all of them, marked ones included. */
  readonly priority: number;
}

/** The compactor of one zone. */
export class ZoneCompactor {
  /** When it is left alone. */
  readonly deferral = new CompactionDeferral();
  readonly #v: Vmscan;
  readonly #zone: ReclaimZone;
  /** Next pageblock of each scanner; met or not begun when migrate >= free. */
  #migrateBlock = 0;
  #freeBlock = 0;
  #hasMet = true;

  /**
   * Makes a compactor.
   *
   * @param v - what it works on.
   * @param zone - its zone.
   */
  constructor(v: Vmscan, zone: ReclaimZone) {
    this.#v = v;
    this.#zone = zone;
  }

  /**
   * Moves pages until a block of the order could be had or the scanners meet.
   *
   * @param control - what is wanted.
   * @returns one of `COMPACT_*`.
   * @kernelName compact_zone
   */
  compact(control: CompactControl): number {
    const suitable = compactionSuitable(this.#v.target, this.#zone.id, control.order, control.highestZone);
    if (suitable !== COMPACT_CONTINUE) return suitable;
    const targets: number[] = [];
    let result;
    try {
      result = this.#scan(control, targets);
    } finally {
      for (const pfn of targets) this.#v.target.freePages(pfn, 0);
      this.#v.target.drainAllPages();
    }
    return result !== COMPACT_SUCCESS && this.#isDone(control) ? COMPACT_SUCCESS : result;
  }

  /** Moves page after page; what is left in `targets` was taken to move pages to, and was not needed. */
  #scan(control: CompactControl, targets: number[]): number {
    const isWhole = this.#start(control.priority);
    while (this.#migrateBlock < this.#freeBlock) {
      this.#migratePageblock(this.#migrateBlock, control.priority, targets);
      this.#migrateBlock++;
      if (this.#isDone(control)) return COMPACT_SUCCESS;
    }
    this.#hasMet = true;
    return isWhole ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED;
  }

  /** Sets the scanners up; true when they start from the ends of the zone. */
  #start(priority: number): boolean {
    const { startPfn, spannedPages } = this.#zone;
    const { pageblockOrder, pageblocks } = this.#v.target.frames;
    if (!this.#hasMet && priority !== COMPACT_PRIO_SYNC_FULL) return false;
    this.#migrateBlock = startPfn >> pageblockOrder;
    this.#freeBlock = (startPfn + spannedPages - 1) >> pageblockOrder;
    this.#hasMet = false;
    for (let at = this.#migrateBlock; at <= this.#freeBlock; at++) pageblocks[at] &= ~PB_SKIP;
    return true;
  }

  #isDone({ order, highestZone }: CompactControl): boolean {
    const { target } = this.#v;
    const { id } = this.#zone;
    return target.watermarkOk(id, order, target.watermark(id, WMARK_MIN) + target.watermarkBoost(id), highestZone);
  }

  /** Moves the pages of one pageblock away; marks it when none could be moved. */
  #migratePageblock(at: number, priority: number, targets: number[]): void {
    const { target, pool, events } = this.#v;
    const { frames } = target;
    if (!this.#isSource(at, priority)) return;
    const { first, end } = this.#bounds(at);
    let moved = 0;
    for (let pfn = first; pfn < end; pfn++) {
      events.compact_migrate_scanned++;
      if (!pool.has(pfn) || frames.refcount[pfn] !== 1) continue;
      const to = this.#findTarget(targets, priority);
      if (to < 0) break;
      this.#move(pfn, to);
      moved++;
    }
    events.pgmigrate_success += moved;
    if (moved === 0) frames.pageblocks[at] |= PB_SKIP;
    // Pages just freed wait on per-CPU lists, where they do not merge.
    else target.drainAllPages();
  }

  #isSource(at: number, priority: number): boolean {
    const byte = this.#v.target.frames.pageblocks[at];
    const type = byte & PB_TYPE_MASK;
    if ((byte & PB_SKIP) !== 0 && priority !== COMPACT_PRIO_SYNC_FULL) return false;
    return priority === COMPACT_PRIO_ASYNC ? type === MIGRATE_MOVABLE : type < MIGRATE_PCPTYPES;
  }

  /** Gives a free frame from the upper end, or -1 when the scanners have met. */
  #findTarget(targets: number[], priority: number): number {
    for (;;) {
      const pfn = targets.pop();
      if (pfn !== undefined) return pfn;
      if (this.#freeBlock <= this.#migrateBlock) return -1;
      this.#collectTargets(this.#freeBlock--, priority, targets);
    }
  }

  /** Takes the free blocks of one pageblock, highest frames to be used first. */
  #collectTargets(at: number, priority: number, targets: number[]): void {
    const { target, events } = this.#v;
    const type = target.frames.pageblocks[at] & PB_TYPE_MASK;
    const isSuitable = priority === COMPACT_PRIO_SYNC_FULL ? type < MIGRATE_PCPTYPES : type === MIGRATE_MOVABLE;
    if (!isSuitable) return;
    const { first, end } = this.#bounds(at);
    for (let pfn = first; pfn < end; ) {
      events.compact_free_scanned++;
      const order = target.isolateFreeBlock(pfn);
      for (let i = 0; order >= 0 && i < 1 << order; i++) targets.push(pfn + i);
      pfn += order < 0 ? 1 : 1 << order;
    }
  }

  /** Gives contents and place in the pool another frame, and frees the old one. */
  #move(from: number, to: number): void {
    const { target, pool } = this.#v;
    const { memory, frames } = target;
    const size = 2 ** frames.pageShift;
    if (memory !== null && memory.backing !== 'none') memory.view(to * size, size).set(memory.view(from * size, size));
    frames.owner[to] = frames.owner[from];
    try {
      pool.move(from, to);
    } finally {
      target.freePages(from, 0);
    }
  }

  /** The part of a pageblock that lies in the zone. */
  #bounds(at: number): { first: number; end: number } {
    const { startPfn, spannedPages } = this.#zone;
    const { pageblockOrder } = this.#v.target.frames;
    return {
      first: Math.max(at << pageblockOrder, startPfn, 1),
      end: Math.min((at + 1) << pageblockOrder, startPfn + spannedPages),
    };
  }
}
