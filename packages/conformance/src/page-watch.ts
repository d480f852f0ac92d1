/** PageWatch: the pages of an implementation, seen from outside: which block of pages lies where, by the order of their making. */
import { NO_PAGE } from '@kmem/contracts';
import type { Order, PageAllocator, Pfn } from '@kmem/contracts';

/** A block of pages that was taken (`+`) or given back (`-`). */
export interface PageEvent {
  /** Which of both. */
  readonly sign: '+' | '-';
  /** Ordinal of the block. */
  readonly slab: number;
  /** log2 of its pages. */
  readonly order: Order;
}

/** The watch. */
export class PageWatch {
  /** Blocks taken and given back since the last look. */
  events: PageEvent[] = [];
  /** By frame: ordinal and first frame of the block. */
  readonly #blocks = new Map<Pfn, { readonly slab: number; readonly pfn: Pfn }>();
  #made = 0;

  /**
   * Puts the watch before a page allocator.
   *
   * @param pages - the allocator.
   * @returns one that does the same.
   */
  observe(pages: PageAllocator): PageAllocator {
    const watched = <Rest extends unknown[]>(take: (...rest: Rest) => Pfn, orderOf: (...rest: Rest) => Order) => (...rest: Rest): Pfn => {
      const pfn = take(...rest);
      if (pfn !== NO_PAGE) this.events.push({ sign: '+', slab: this.add(pfn, orderOf(...rest)), order: orderOf(...rest) });
      return pfn;
    };
    const calls: Partial<PageAllocator> = {
      allocPages: watched(pages.allocPages.bind(pages), (_gfp, order) => order),
      allocPagesNode: watched(pages.allocPagesNode.bind(pages), (_node, _gfp, order) => order),
      freePages: (pfn, order) => {
        pages.freePages(pfn, order);
        this.events.push({ sign: '-', slab: this.ordinal(pfn), order });
        for (let i = 0; i < 2 ** order; i++) this.#blocks.delete(pfn + i);
      },
    };
    return new Proxy(pages, {
      get(target, key) {
        const call: unknown = Reflect.get(calls, key);
        if (call !== undefined) return call;
        const value: unknown = Reflect.get(target, key);
        // A function bound is a function still; its type is not known either way.
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /**
   * Gives a block the next ordinal.
   *
   * @param pfn - its first frame.
   * @param order - log2 of its pages.
   * @returns the ordinal.
   */
  add(pfn: Pfn, order: Order): number {
    const slab = this.#made++;
    for (let i = 0; i < 2 ** order; i++) this.#blocks.set(pfn + i, { slab, pfn });
    return slab;
  }

  /**
   * Tells the ordinal of a block.
   *
   * @param pfn - a frame.
   * @returns that of the block it lies in; -1 when there is none.
   */
  ordinal(pfn: Pfn): number {
    return this.#blocks.get(pfn)?.slab ?? -1;
  }

  /**
   * Tells where a block begins.
   *
   * @param pfn - a frame.
   * @returns first frame of the block it lies in; -1 when there is none.
   */
  firstFrame(pfn: Pfn): Pfn {
    return this.#blocks.get(pfn)?.pfn ?? -1;
  }
}
