/** A wrapper that lets requests for pages fail on purpose (buddy spec 16). */
import { __GFP_DIRECT_RECLAIM, __GFP_HIGHMEM, __GFP_NOFAIL, NO_PAGE, type Gfp, type NodeId, type Order, type PageAllocator, type Pfn } from '@kmem/contracts';
import { FaultAttributes, type FaultOptions } from './fault-attributes.js';
import { ForwardingPageAllocator } from './forwarding-page-allocator.js';

/** Which requests fail. The size that counts for `space` is the number of pages. */
export interface FailingPagesOptions extends FaultOptions {
  /**
   * Requests of smaller orders never fail.
   * @defaultValue 1
   */
  readonly minOrder?: number;
  /**
   * Whether requests with `__GFP_HIGHMEM` never fail.
   * @defaultValue true
   */
  readonly ignoreGfpHighmem?: boolean;
  /**
   * Whether requests that may reclaim never fail (debugfs ignore-gfp-wait).
   * @defaultValue true
   */
  readonly ignoreGfpReclaim?: boolean;
}

/** A page allocator whose requests fail on purpose. */
export interface FailingPageAllocator extends PageAllocator {
  /** Requests that failed on purpose so far. */
  readonly failures: number;
  /**
   * Lets exactly one request fail, counted from the next one that may fail at all.
   *
   * @param n - which request, from 1; 0 takes the order back.
   * @throws RangeError when `n` is no integer of 0 or more.
   */
  failNth(n: number): void;
}

/**
 * Wraps a page allocator in one that lets requests fail, as fail_page_alloc does. A request with `__GFP_NOFAIL` never fails, and of a
 * bulk request all pages are missing.
 *
 * @param inner - the allocator.
 * @param options - which requests fail.
 * @returns the wrapper. Without `probability` nothing fails until `failNth` is called.
 * @throws RangeError when an option is out of range, naming it.
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_NOWAIT, NO_PAGE } from '@kmem/contracts';
 * import { failing } from '@kmem/debug';
 * import { createFrameTable } from '@kmem/hw';
 *
 * const pages = failing(new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) }), { minOrder: 0 });
 * pages.failNth(2);
 * const first = pages.allocPages(GFP_NOWAIT, 0);
 * pages.allocPages(GFP_NOWAIT, 0) === NO_PAGE; // -> true
 * pages.allocPages(GFP_NOWAIT, 0) === NO_PAGE; // -> false
 * pages.freePages(first, 0);
 * ```
 */
export function failing(inner: PageAllocator, options: FailingPagesOptions = {}): FailingPageAllocator {
  return new Failing(inner, options);
}

class Failing extends ForwardingPageAllocator implements FailingPageAllocator {
  readonly #faults: FaultAttributes;
  readonly #minOrder: number;
  /** A request with one of these never fails. */
  readonly #exempt: Gfp;

  constructor(inner: PageAllocator, options: FailingPagesOptions) {
    super(inner);
    const { minOrder = 1, ignoreGfpHighmem = true, ignoreGfpReclaim = true } = options;
    if (!Number.isInteger(minOrder) || minOrder < 0) throw new RangeError(`minOrder is ${String(minOrder)}, expected an integer of 0 or more`);
    this.#faults = new FaultAttributes(options);
    this.#minOrder = minOrder;
    this.#exempt = __GFP_NOFAIL | (ignoreGfpHighmem ? __GFP_HIGHMEM : 0) | (ignoreGfpReclaim ? __GFP_DIRECT_RECLAIM : 0);
  }

  get failures(): number {
    return this.#faults.failures;
  }

  failNth(n: number): void {
    this.#faults.failNth(n);
  }

  override allocPages(gfp: Gfp, order: Order): Pfn {
    return this.#fails(gfp, order) ? NO_PAGE : super.allocPages(gfp, order);
  }

  override allocPagesNode(node: NodeId, gfp: Gfp, order: Order): Pfn {
    return this.#fails(gfp, order) ? NO_PAGE : super.allocPagesNode(node, gfp, order);
  }

  override allocPagesNodemask(gfp: Gfp, order: Order, node: NodeId, nodemask: ReadonlySet<NodeId> | null): Pfn {
    return this.#fails(gfp, order) ? NO_PAGE : super.allocPagesNodemask(gfp, order, node, nodemask);
  }

  override allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    if (!Number.isSafeInteger(nrPages) || nrPages > pages.length || !this.#fails(gfp, 0)) return super.allocPagesBulk(gfp, nrPages, pages);
    const missing = pages.subarray(0, Math.max(nrPages, 0)).indexOf(NO_PAGE);
    return missing < 0 ? Math.max(nrPages, 0) : missing;
  }

  override allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    const order = Math.max(Math.ceil(Math.log2(Math.ceil(sizeBytes / 2 ** this.pageShift))), 0);
    return Number.isSafeInteger(sizeBytes) && sizeBytes > 0 && this.#fails(gfp, order) ? NO_PAGE : super.allocPagesExact(sizeBytes, gfp);
  }

  /** What is no request that could be served is left to the allocator to refuse. */
  #fails(gfp: Gfp, order: Order): boolean {
    if (!Number.isInteger(order) || order < this.#minOrder || order >= this.maxOrder) return false;
    return (gfp & this.#exempt) === 0 && this.#faults.shouldFail(2 ** order);
  }
}
