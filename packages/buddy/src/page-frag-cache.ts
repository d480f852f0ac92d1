/**
 * PageFragCache: fragments of a page for small buffers that are freed one by one, such as those of network packets (buddy spec 10.3).
 *
 * ```
 *   block  |<---- free ---->|  3  |     2     |  1  |      handed out from the end downwards
 *          0             offset                    size
 *
 *   references of the block = bias + fragments that are not freed
 * ```
 * The block is compound, so a fragment's address leads to the block's references. A block that is used up is left to its
 * fragments, unless all of them are freed already: then it is used again.
 *
 * The cache takes 32769 references at once, more than there can be fragments, and hands one out with each of them without touching the
 * page: what it has left is the bias.
 */
import { __GFP_COMP, __GFP_HIGHMEM, __GFP_NOMEMALLOC, __GFP_NORETRY, __GFP_NOWARN, KernelBug, NO_PAGE, NULL, type Gfp, type KAddr, type PageAddresses, type PageAllocator, type Pfn } from '@kmem/contracts';

/** Bytes of a block, where one of that size is to be had. */
const MAX_SIZE = 32768;

/**
 * Hands out fragments of pages.
 *
 * @example
 * ```ts
 * import { BuddyAllocator, PageFragCache } from '@kmem/buddy';
 * import { GFP_ATOMIC } from '@kmem/contracts';
 * import { AddressMap, createFrameTable, getProfile } from '@kmem/hw';
 *
 * const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
 * const frags = new PageFragCache(pages, new AddressMap(getProfile('pc-160m')));
 * const first = frags.alloc(1000, GFP_ATOMIC);
 * first - frags.alloc(500, GFP_ATOMIC, 64); // -> 536
 * ```
 */
export class PageFragCache {
  readonly #pages: PageAllocator;
  readonly #addresses: PageAddresses;
  /** First frame of the current block, or `NO_PAGE`. */
  #block: Pfn = NO_PAGE;
  /** Bytes of the current block. */
  #size = 0;
  /** References of the current block that the cache holds itself. */
  #bias = 0;
  /** Where the last fragment starts. */
  #offset = 0;

  /**
   * @param pages - where blocks come from.
   * @param addresses - where they lie.
   */
  constructor(pages: PageAllocator, addresses: PageAddresses) {
    this.#pages = pages;
    this.#addresses = addresses;
  }

  /**
   * Takes a fragment.
   *
   * @param sizeBytes - size, at least 1. One that does not fit a block fails; so does one beyond a page when memory is too
   *   fragmented for a block of 32 KiB.
   * @param gfp - flags for the block, when one is needed; highmem is dropped.
   * @param align - a power of two.
   * @returns address of the first byte, or `NULL`.
   * @throws KernelBug `BAD_SIZE` when the size is not a positive safe integer, or the alignment no power of two up to 32768.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName page_frag_alloc_align
   */
  alloc(sizeBytes: number, gfp: Gfp, align = 1): KAddr {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) throw badSize('sizeBytes', sizeBytes);
    if (align >>> 0 !== align || align === 0 || align > MAX_SIZE || (align & (align - 1)) !== 0) throw badSize('align', align);
    if (this.#block === NO_PAGE && !this.#refill(gfp)) return NULL;
    if (this.#offset < sizeBytes && !this.#renew(sizeBytes, gfp)) return NULL;
    this.#offset = (this.#offset - sizeBytes) & -align;
    this.#bias--;
    return this.#addresses.pageAddress(this.#block) + this.#offset;
  }

  /**
   * Frees a fragment.
   *
   * @param kaddr - an address in the fragment.
   * @throws KernelBug `BAD_FRAME` for an address outside the direct map, `REFCOUNT` when nobody holds the page.
   * @context any.
   * @kernelName page_frag_free
   */
  free(kaddr: KAddr): void {
    const pfn = this.#addresses.kaddrToPfn(kaddr);
    if (pfn === NO_PAGE) throw new KernelBug('BAD_FRAME', `${String(kaddr)} is no address of the direct map`, { kaddr });
    this.#pages.putPage(pfn);
  }

  /**
   * Gives the current block up; fragments that are not freed keep it.
   *
   * @context any.
   * @kernelName __page_frag_cache_drain
   */
  drain(): void {
    if (this.#block !== NO_PAGE) this.#pages.putPage(this.#block, this.#bias);
    this.#block = NO_PAGE;
  }

  /** Starts over on a block from which the fragment can be taken: the same one when only the cache still holds it. */
  #renew(sizeBytes: number, gfp: Gfp): boolean {
    if (this.#pages.pageCount(this.#block) > this.#bias) {
      this.drain();
      if (!this.#refill(gfp)) return false;
    } else {
      const paidOut = this.#allReferences() - this.#bias;
      if (paidOut > 0) this.#pages.getPage(this.#block, paidOut);
      this.#bias = this.#allReferences();
    }
    this.#offset = this.#size;
    return sizeBytes <= this.#size;
  }

  /** Takes a block of 32 KiB, or else of one page. */
  #refill(gfp: Gfp): boolean {
    const { pageShift } = this.#pages;
    const order = Math.max(Math.log2(MAX_SIZE) - pageShift, 0);
    const low = gfp & ~__GFP_HIGHMEM;
    const eager = low | __GFP_COMP | __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC;
    this.#size = 2 ** (pageShift + order);
    this.#block = this.#pages.allocPages(eager, order);
    if (this.#block === NO_PAGE) {
      this.#size = 2 ** pageShift;
      this.#block = this.#pages.allocPages(low, 0);
    }
    this.#offset = this.#size;
    if (this.#block === NO_PAGE) return false;
    this.#bias = this.#allReferences();
    this.#pages.getPage(this.#block, this.#bias - 1);
    return true;
  }

  /** One more than the bytes of the largest block, so that even fragments of a byte leave the cache a reference. */
  #allReferences(): number {
    return Math.max(MAX_SIZE, 2 ** this.#pages.pageShift) + 1;
  }
}

function badSize(name: string, found: number): KernelBug {
  return new KernelBug('BAD_SIZE', `${name} is ${String(found)}`, { argument: name, found });
}
