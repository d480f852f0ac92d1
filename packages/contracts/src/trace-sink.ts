/**
 * TraceSink: where a page allocator's trace events go.
 *
 * The first five are the kernel's kmem tracepoints with the kernel's argument values (buddy spec 0.1). The
 * last two have no counterpart in Linux: they show what the five leave out, so that a picture of the
 * free lists can be drawn. A sink must not call the allocator.
 */
import type { Gfp, Order, Pfn } from './units.js';

/** Receiver of the page allocator's events, called at the moment each happens. */
export interface TraceSink {
  /**
   * A request ended. Kernel event mm_page_alloc.
   *
   * @param pfn - first frame, or `NO_PAGE`.
   * @param order - order of the request.
   * @param gfp - flags as used.
   * @param migratetype - type of the request.
   */
  mmPageAlloc(pfn: Pfn, order: Order, gfp: Gfp, migratetype: number): void;

  /**
   * A block is being freed. Kernel event mm_page_free.
   *
   * @param pfn - first frame.
   * @param order - order of the block.
   */
  mmPageFree(pfn: Pfn, order: Order): void;

  /**
   * A block left the buddy lists. Kernel event mm_page_alloc_zone_locked.
   *
   * @param pfn - first frame.
   * @param order - order of the block after splitting.
   * @param migratetype - list it came from.
   * @param percpuRefill - 1 when blocks of this order and type are kept on per-CPU lists.
   */
  mmPageAllocZoneLocked(pfn: Pfn, order: Order, migratetype: number, percpuRefill: number): void;

  /**
   * A block went from a per-CPU list back to the buddy lists. Kernel event mm_page_pcpu_drain.
   *
   * @param pfn - first frame.
   * @param order - order of the block.
   * @param migratetype - list it goes to.
   */
  mmPagePcpuDrain(pfn: Pfn, order: Order, migratetype: number): void;

  /**
   * A request was served from pageblocks of another type. Kernel event mm_page_alloc_extfrag.
   *
   * @param pfn - block that was taken.
   * @param allocOrder - order of the request.
   * @param fallbackOrder - order of that block.
   * @param allocMigratetype - type of the request.
   * @param fallbackMigratetype - list the block was on.
   * @param changeOwnership - 1 when the pageblock has the request's type afterwards.
   */
  mmPageAllocExtfrag(
    pfn: Pfn,
    allocOrder: Order,
    fallbackOrder: Order,
    allocMigratetype: number,
    fallbackMigratetype: number,
    changeOwnership: number,
  ): void;

  /**
   * A free block was split in two.
   *
   * @param pfn - first frame of the upper half, which stays free.
   * @param order - order of each half.
   */
  blockSplit(pfn: Pfn, order: Order): void;

  /**
   * Two free blocks became one.
   *
   * @param pfn - first frame of the joined block.
   * @param order - order of the joined block.
   */
  blockMerge(pfn: Pfn, order: Order): void;
}
