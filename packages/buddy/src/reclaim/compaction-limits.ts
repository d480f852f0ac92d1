/**
 * Whether compaction of a zone is worth a try: suitability and deferral (buddy spec 11).
 */
import { COMPACT_CONTINUE, COMPACT_SKIPPED, COMPACT_SUCCESS, WMARK_LOW, WMARK_MIN, type ReclaimTarget } from '@kmem/contracts';

/** Largest order that is not costly. */
const COSTLY_ORDER = 3;
/** Up to this index lack of memory is to blame, not fragmentation (extfrag_threshold). */
const EXTFRAG_THRESHOLD = 500;
const MAX_DEFER_SHIFT = 6;

/**
 * Computes how much room compaction needs: for the block, and for the pages that move while it comes together.
 *
 * @param order - order that is wanted.
 * @returns pages.
 * @kernelName compact_gap
 */
export function compactGap(order: number): number {
  return 2 * 2 ** order;
}

/**
 * Tells what compaction of a zone could do for an order.
 *
 * @param target - the allocator.
 * @param zone - zone id.
 * @param order - order that is wanted.
 * @param highestZone - index of the highest zone the request may use.
 * @returns `COMPACT_SUCCESS` when a block is there already, `COMPACT_SKIPPED` when there are too few free pages to move to
 *   or fragmentation is not the reason, otherwise `COMPACT_CONTINUE`.
 * @kernelName compaction_suitable
 */
export function compactionSuitable(target: ReclaimTarget, zone: number, order: number, highestZone: number): number {
  const boost = target.watermarkBoost(zone);
  const mark = (level: number): number => target.watermark(zone, level) + boost;
  if (target.watermarkOk(zone, order, mark(WMARK_MIN), highestZone)) return COMPACT_SUCCESS;
  const isCostly = order > COSTLY_ORDER;
  if (!target.watermarkOk(zone, 0, mark(isCostly ? WMARK_LOW : WMARK_MIN) + compactGap(order), highestZone)) return COMPACT_SKIPPED;
  if (isCostly) {
    const index = target.fragmentationIndex(zone, order);
    if (index >= 0 && index <= EXTFRAG_THRESHOLD) return COMPACT_SKIPPED;
  }
  return COMPACT_CONTINUE;
}

/** How long a zone is left alone after compaction has failed there: 2, 4, ... up to 64 attempts. */
export class CompactionDeferral {
  #skipped = 0;
  #shift = 0;
  #failedOrder = Infinity;

  /**
   * Counts an attempt.
   *
   * @param order - order that is wanted.
   * @returns true when it should be skipped.
   * @kernelName compaction_deferred
   */
  isDeferred(order: number): boolean {
    if (order < this.#failedOrder || this.#shift === 0) return false;
    if (this.#skipped >= 2 ** this.#shift) return false;
    this.#skipped++;
    return true;
  }

  /**
   * Notes that an attempt that was allowed to wait has failed.
   *
   * @param order - order that was wanted.
   * @kernelName defer_compaction
   */
  failed(order: number): void {
    this.#skipped = 0;
    this.#shift = Math.min(this.#shift + 1, MAX_DEFER_SHIFT);
    this.#failedOrder = Math.min(this.#failedOrder, order);
  }

  /**
   * Notes that a block of an order could be had.
   *
   * @param order - the order.
   * @kernelName compaction_defer_reset
   */
  succeeded(order: number): void {
    this.#skipped = 0;
    this.#shift = 0;
    if (order >= this.#failedOrder) this.#failedOrder = order + 1;
  }
}
