/**
 * AddressCalls: the kernel's calls that hand out addresses instead of frames, over any PageAllocator.
 *
 * ```
 *   address of a block = address of its first frame in the direct map; NULL for no memory
 * ```
 * Frames without an address (HighMem) are never asked for.
 */
import { __GFP_DMA, __GFP_HIGHMEM, __GFP_ZERO, KernelBug, NO_PAGE, NULL, type Gfp, type KAddr, type Order, type PageAddresses, type PageAllocator, type Pfn } from '@kmem/contracts';

/**
 * Calls that hand out addresses.
 *
 * @example
 * ```ts
 * import { AddressCalls, BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { AddressMap, createFrameTable, getProfile } from '@kmem/hw';
 *
 * const addresses = new AddressMap(getProfile('pc-160m'));
 * const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
 * const calls = new AddressCalls(pages, addresses);
 * const buffer = calls.getFreePages(GFP_KERNEL, 3);
 * addresses.formatKAddr(buffer); // -> 'ffff888000200000'
 * calls.freePages(buffer, 3);
 * ```
 */
export class AddressCalls {
  readonly #pages: PageAllocator;
  readonly #addresses: PageAddresses;

  /**
   * @param pages - where pages come from.
   * @param addresses - where they lie.
   */
  constructor(pages: PageAllocator, addresses: PageAddresses) {
    this.#pages = pages;
    this.#addresses = addresses;
  }

  /**
   * Takes a block.
   *
   * @param gfp - flags of the request; highmem is dropped.
   * @param order - log2 of the number of pages.
   * @returns address of the first byte, or `NULL`.
   * @throws KernelBug `BAD_ORDER`, `BAD_GFP`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName __get_free_pages
   */
  getFreePages(gfp: Gfp, order: Order): KAddr {
    return this.#addressOf(this.#pages.allocPages(gfp & ~__GFP_HIGHMEM, order));
  }

  /**
   * Takes one page.
   *
   * @param gfp - flags of the request; highmem is dropped.
   * @returns address of the first byte, or `NULL`.
   * @throws KernelBug `BAD_GFP`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName __get_free_page
   */
  getFreePage(gfp: Gfp): KAddr {
    return this.getFreePages(gfp, 0);
  }

  /**
   * Takes one page of zeroes.
   *
   * @param gfp - flags of the request; highmem is dropped.
   * @returns address of the first byte, or `NULL`.
   * @throws KernelBug `BAD_GFP`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName get_zeroed_page
   */
  getZeroedPage(gfp: Gfp): KAddr {
    return this.getFreePages(gfp | __GFP_ZERO, 0);
  }

  /**
   * Takes a block that old devices can reach: from zone DMA.
   *
   * @param gfp - flags of the request; highmem is dropped.
   * @param order - log2 of the number of pages.
   * @returns address of the first byte, or `NULL`.
   * @throws KernelBug `BAD_ORDER`, `BAD_GFP`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName __get_dma_pages
   */
  getDmaPages(gfp: Gfp, order: Order): KAddr {
    return this.getFreePages(gfp | __GFP_DMA, order);
  }

  /**
   * Drops a reference to a block and frees it when it was the last one.
   *
   * @param kaddr - an address in the block's first page; `NULL` is ignored.
   * @param order - the order it was taken with.
   * @throws KernelBug `BAD_FRAME` for an address outside the direct map, otherwise as {@link PageAllocator.freePages}.
   * @context any.
   * @kernelName free_pages
   */
  freePages(kaddr: KAddr, order: Order): void {
    if (kaddr !== NULL) this.#pages.freePages(this.#frameOf(kaddr), order);
  }

  /**
   * Drops a reference to one page.
   *
   * @param kaddr - an address in the page; `NULL` is ignored.
   * @throws KernelBug as {@link AddressCalls.freePages}.
   * @context any.
   * @kernelName free_page
   */
  freePage(kaddr: KAddr): void {
    this.freePages(kaddr, 0);
  }

  /**
   * Takes as many contiguous pages as a size needs. See {@link PageAllocator.allocPagesExact}.
   *
   * @param sizeBytes - size in bytes.
   * @param gfp - flags; compound and highmem are dropped.
   * @returns address of the first byte, or `NULL`.
   * @throws KernelBug `BAD_SIZE`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName alloc_pages_exact
   */
  allocPagesExact(sizeBytes: number, gfp: Gfp): KAddr {
    return this.#addressOf(this.#pages.allocPagesExact(sizeBytes, gfp));
  }

  /**
   * Frees pages taken with {@link AddressCalls.allocPagesExact}.
   *
   * @param kaddr - the address that was handed out; `NULL` is ignored.
   * @param sizeBytes - the size they were taken with.
   * @throws KernelBug as {@link AddressCalls.freePages}, and `BAD_SIZE`.
   * @context any.
   * @kernelName free_pages_exact
   */
  freePagesExact(kaddr: KAddr, sizeBytes: number): void {
    if (kaddr !== NULL) this.#pages.freePagesExact(this.#frameOf(kaddr), sizeBytes);
  }

  #addressOf(pfn: Pfn): KAddr {
    return pfn === NO_PAGE ? NULL : this.#addresses.pageAddress(pfn);
  }

  #frameOf(kaddr: KAddr): Pfn {
    const pfn = this.#addresses.kaddrToPfn(kaddr);
    if (pfn === NO_PAGE) throw new KernelBug('BAD_FRAME', `${String(kaddr)} is no address of the direct map`, { kaddr });
    return pfn;
  }
}
