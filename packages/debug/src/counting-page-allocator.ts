/** A wrapper that counts what is asked of a page allocator. */
import { NO_PAGE, type Gfp, type NodeId, type Order, type PageAllocator, type Pfn } from '@kmem/contracts';
import { ForwardingPageAllocator } from './forwarding-page-allocator.js';

/** What was asked of a page allocator. Calls that end with a KernelBug are not counted. */
export interface PageAllocatorCounts {
  /** Requests served; each page of a bulk request is one. */
  readonly allocations: number;
  /** Requests that ended with less than was asked for. */
  readonly failures: number;
  /** References dropped by `freePages` and `putPage`, and pages freed by `freePagesExact`. */
  readonly frees: number;
  /** Requests served, by order; an exact request counts for the order of the block it is cut from. */
  readonly allocationsByOrder: readonly number[];
  /** Most pages that were in use at a time, by the allocator's own counters after each request. */
  readonly peakPages: number;
}

/** A page allocator that counts. */
export interface CountingPageAllocator extends PageAllocator {
  /**
   * Reads the counts.
   *
   * @returns a copy.
   */
  counts(): PageAllocatorCounts;
}

/**
 * Wraps a page allocator in one that counts requests, and does the same in everything else.
 *
 * @param inner - the allocator.
 * @returns the wrapper.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { counting } from '@kmem/debug';
 * import { createFrameTable } from '@kmem/hw';
 *
 * const pages = counting(new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) }));
 * pages.freePages(pages.allocPages(GFP_KERNEL, 3), 3);
 * pages.counts().peakPages; // -> 8
 * ```
 */
export function counting(inner: PageAllocator): CountingPageAllocator {
  return new Counting(inner);
}

class Counting extends ForwardingPageAllocator implements CountingPageAllocator {
  #failures = 0;
  #frees = 0;
  #peakPages = 0;
  readonly #byOrder: Float64Array;

  constructor(inner: PageAllocator) {
    super(inner);
    this.#byOrder = new Float64Array(inner.maxOrder);
  }

  counts(): PageAllocatorCounts {
    const allocationsByOrder = Array.from(this.#byOrder);
    const allocations = allocationsByOrder.reduce((sum, n) => sum + n, 0);
    return { allocations, failures: this.#failures, frees: this.#frees, allocationsByOrder, peakPages: this.#peakPages };
  }

  override allocPages(gfp: Gfp, order: Order): Pfn {
    return this.#count(super.allocPages(gfp, order), order);
  }

  override allocPagesNode(node: NodeId, gfp: Gfp, order: Order): Pfn {
    return this.#count(super.allocPagesNode(node, gfp, order), order);
  }

  override allocPagesNodemask(gfp: Gfp, order: Order, node: NodeId, nodemask: ReadonlySet<NodeId> | null): Pfn {
    return this.#count(super.allocPagesNodemask(gfp, order, node, nodemask), order);
  }

  override allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    const filled = pages.reduce((n, pfn) => n + (pfn === NO_PAGE ? 0 : 1), 0);
    const got = super.allocPagesBulk(gfp, nrPages, pages);
    this.#byOrder[0] += pages.reduce((n, pfn) => n + (pfn === NO_PAGE ? 0 : 1), 0) - filled;
    if (got < nrPages) this.#failures++;
    this.#notePeak();
    return got;
  }

  override allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    const pfn = super.allocPagesExact(sizeBytes, gfp);
    return this.#count(pfn, Math.ceil(Math.log2(Math.ceil(sizeBytes / 2 ** this.pageShift))));
  }

  override freePages(pfn: Pfn, order: Order): void {
    super.freePages(pfn, order);
    this.#frees++;
  }

  override freePagesExact(pfn: Pfn, sizeBytes: number): void {
    super.freePagesExact(pfn, sizeBytes);
    this.#frees += Math.ceil(sizeBytes / 2 ** this.pageShift);
  }

  override putPage(pfn: Pfn, references = 1): void {
    super.putPage(pfn, references);
    this.#frees += references;
  }

  #count(pfn: Pfn, order: Order): Pfn {
    if (pfn === NO_PAGE) this.#failures++;
    else this.#byOrder[order]++;
    this.#notePeak();
    return pfn;
  }

  #notePeak(): void {
    const { managedPages, nrFreePages, nrPcpPages } = this.inner;
    this.#peakPages = Math.max(this.#peakPages, managedPages - nrFreePages - nrPcpPages);
  }
}
