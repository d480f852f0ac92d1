/**
 * PageCalls: the kernel's calls for single pages and lists of pages, over any PageAllocator.
 *
 * Each is one call of the contract under the name that drivers use.
 */
import { NO_PAGE, type Gfp, type PageAllocator, type Pfn } from '@kmem/contracts';

/**
 * Calls for single pages and lists of pages.
 *
 * @example
 * ```ts
 * import { BuddyAllocator, PageCalls } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 *
 * const calls = new PageCalls(new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) }));
 * const list: number[] = [];
 * calls.allocPagesBulkList(GFP_KERNEL, 3, list); // -> 3
 * calls.freePageList(list);
 * list.length; // -> 0
 * ```
 */
export class PageCalls {
  readonly #pages: PageAllocator;

  /**
   * @param pages - where pages come from.
   */
  constructor(pages: PageAllocator) {
    this.#pages = pages;
  }

  /**
   * Takes one page.
   *
   * @param gfp - flags of the request.
   * @returns the frame or `NO_PAGE`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName alloc_page
   */
  allocPage(gfp: Gfp): Pfn {
    return this.#pages.allocPages(gfp, 0);
  }

  /**
   * Drops a reference to one page.
   *
   * @param pfn - a frame that was taken alone.
   * @throws KernelBug as {@link PageAllocator.freePages}.
   * @context any.
   * @kernelName __free_page
   */
  freePage(pfn: Pfn): void {
    this.#pages.freePages(pfn, 0);
  }

  /**
   * Drops a reference to one page that is likely to be in the CPU's cache. Linux has not told hot pages from cold ones since 4.15:
   * this is {@link PageCalls.freePage}.
   *
   * @param pfn - a frame that was taken alone.
   * @throws KernelBug as {@link PageAllocator.freePages}.
   * @context any.
   * @kernelName free_hot_page
   */
  freeHotPage(pfn: Pfn): void {
    this.freePage(pfn);
  }

  /**
   * Drops a reference to one page that is not in the CPU's cache. See {@link PageCalls.freeHotPage}.
   *
   * @param pfn - a frame that was taken alone.
   * @throws KernelBug as {@link PageAllocator.freePages}.
   * @context any.
   * @kernelName free_cold_page
   */
  freeColdPage(pfn: Pfn): void {
    this.freePage(pfn);
  }

  /**
   * Takes single pages and puts each at the head of a list, as one bulk request.
   *
   * @param gfp - flags of the request.
   * @param nrPages - how many; 0 or less asks for nothing.
   * @param list - gets the frames, the last one taken first.
   * @returns number of pages added; may be less than asked for.
   * @throws KernelBug `BAD_SIZE` when `nrPages` is not an integer.
   * @context any.
   * @kernelName alloc_pages_bulk_list
   */
  allocPagesBulkList(gfp: Gfp, nrPages: number, list: Pfn[]): number {
    // No more slots than could ever be filled. What is no number of pages is the allocator's to refuse.
    const slots = new Int32Array(nrPages > 0 ? Math.min(nrPages, this.#pages.managedPages) : 0).fill(NO_PAGE);
    const wanted = Number.isSafeInteger(nrPages) ? slots.length : nrPages;
    const got = this.#pages.allocPagesBulk(gfp, wanted, slots);
    for (const pfn of slots.subarray(0, got)) list.unshift(pfn);
    return got;
  }

  /**
   * Drops a reference to each page of a list, head first, and empties the list.
   *
   * @param list - frames that were taken alone. A frame that is refused stays, with those behind it.
   * @throws KernelBug as {@link PageAllocator.putPage}.
   * @context any.
   * @kernelName put_pages_list
   */
  freePageList(list: Pfn[]): void {
    let done = 0;
    try {
      for (; done < list.length; done++) this.#pages.putPage(list[done]);
    } finally {
      list.splice(0, done);
    }
  }
}
