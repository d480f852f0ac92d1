/**
 * PageLedger: what a test has taken from a page allocator, written down frame by frame.
 *
 * Every block goes through the ledger, which checks what the contract promises about blocks at the moment
 * they are handed out, and the count equation after every step.
 */
import { __GFP_NOWARN, GFP_NOWAIT, NO_PAGE } from '@kmem/contracts';
import type { Gfp, Order, PageAllocator, Pfn } from '@kmem/contracts';
import { check, checkEqual } from './register.js';

/** Flags of the suite's requests: neither sleeps nor reclaims nor digs into a reserve. */
export const SUITE_GFP: Gfp = GFP_NOWAIT | __GFP_NOWARN;

/** A block that a test holds. */
export interface HeldBlock {
  /** First frame. */
  readonly pfn: Pfn;
  /** log2 of the number of frames. */
  readonly order: Order;
}

/** The blocks a test holds of one allocator. */
export class PageLedger {
  readonly #allocator: PageAllocator;
  readonly #frames = new Set<number>();
  readonly #blocks: HeldBlock[] = [];

  /**
   * @param allocator - where the blocks come from.
   */
  constructor(allocator: PageAllocator) {
    this.#allocator = allocator;
  }

  /** The blocks that are held, oldest first. */
  get blocks(): readonly HeldBlock[] {
    return this.#blocks;
  }

  /**
   * Takes a block and writes it down.
   *
   * @param order - log2 of the number of frames.
   * @param gfp - flags of the request.
   * @returns first frame or `NO_PAGE`.
   */
  take(order: Order, gfp: Gfp = SUITE_GFP): Pfn {
    const pfn = this.#allocator.allocPages(gfp, order);
    if (pfn !== NO_PAGE) this.add({ pfn, order });
    this.balance();
    return pfn;
  }

  /**
   * Takes a block that must be there.
   *
   * @param order - log2 of the number of frames.
   * @param gfp - flags of the request.
   * @returns first frame.
   */
  mustTake(order: Order, gfp: Gfp = SUITE_GFP): Pfn {
    const pfn = this.take(order, gfp);
    check(pfn !== NO_PAGE, `no block of order ${order} with ${this.#allocator.nrFreePages} pages free`);
    return pfn;
  }

  /**
   * Writes down a block that was taken by another call.
   *
   * @param block - the block.
   */
  add(block: HeldBlock): void {
    const { pfn, order } = block;
    check(Number.isInteger(pfn) && pfn > 0, `frame ${pfn} was handed out`);
    check(pfn % 2 ** order === 0, `frame ${pfn} is no multiple of 2 ** ${order}`);
    for (let frame = pfn; frame < pfn + 2 ** order; frame++) {
      check(!this.#frames.has(frame), `frame ${frame} was handed out twice`);
      this.#frames.add(frame);
    }
    this.#blocks.push(block);
  }

  /**
   * Frees the block that was written down at a position.
   *
   * @param index - position in {@link PageLedger.blocks}.
   */
  free(index: number): void {
    for (const { pfn, order } of this.#blocks.splice(index, 1)) {
      for (let frame = pfn; frame < pfn + 2 ** order; frame++) this.#frames.delete(frame);
      this.#allocator.freePages(pfn, order);
    }
    this.balance();
  }

  /** Frees every block, newest first, and empties the per-CPU lists. */
  freeAll(): void {
    while (this.#blocks.length > 0) this.free(this.#blocks.length - 1);
    this.#allocator.drainAllPages();
    checkEqual(this.#allocator.nrPcpPages, 0, 'pages on per-CPU lists after a drain');
    this.balance();
  }

  /** Checks that managed pages = free pages + pages on per-CPU lists + pages in use. */
  balance(): void {
    checkEqual(usedPages(this.#allocator), this.#frames.size, 'pages in use');
  }
}

/**
 * Tells how many pages of an allocator are in use, by its own counters.
 *
 * @param allocator - the allocator.
 * @returns managed pages that are neither free nor on a per-CPU list.
 */
export function usedPages(allocator: PageAllocator): number {
  return allocator.managedPages - allocator.nrFreePages - allocator.nrPcpPages;
}

/**
 * Finds out how many blocks of each order an allocator can give out, largest first, and frees them again.
 *
 * @param allocator - an allocator with nothing in use.
 * @returns number of blocks by order.
 */
export function capacity(allocator: PageAllocator): readonly number[] {
  const ledger = new PageLedger(allocator);
  const blocks = new Array<number>(allocator.maxOrder).fill(0);
  for (let order = allocator.maxOrder - 1; order >= 0; order--) {
    while (ledger.take(order) !== NO_PAGE) blocks[order] += 1;
  }
  ledger.freeAll();
  return blocks;
}
