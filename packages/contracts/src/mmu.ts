/**
 * Mmu: what lies behind kernel addresses, page by page (vmalloc spec 5, 12).
 *
 * What a page maps to is one number, its entry:
 * ```
 *   entry = frame * PTE_FRAME + protection         0: nothing is mapped
 *   protection: bits 0 to 8 as in the entries of x86, and _PAGE_NX, which stands there in bit 63
 * ```
 */
import type { Gfp, KAddr, Pfn, PhysAddr } from './units.js';

/** One frame in an entry. */
export const PTE_FRAME = 0x2000;

/** The entry maps something. */
export const _PAGE_PRESENT = 0x001;
/** May be written. */
export const _PAGE_RW = 0x002;
/** May be used by user space. */
export const _PAGE_USER = 0x004;
/** Write-through. */
export const _PAGE_PWT = 0x008;
/** Not cached. */
export const _PAGE_PCD = 0x010;
/** Was used. */
export const _PAGE_ACCESSED = 0x020;
/** Was written. */
export const _PAGE_DIRTY = 0x040;
/** A leaf of more than one page. */
export const _PAGE_PSE = 0x080;
/** Survives a change of address space. */
export const _PAGE_GLOBAL = 0x100;
/** May not be executed. */
export const _PAGE_NX = 0x1000;

/** Protection of kernel data. */
export const PAGE_KERNEL = 0x1163;
/** Protection of kernel data that is only read. */
export const PAGE_KERNEL_RO = 0x1121;
/** Protection of kernel code that may be written. */
export const PAGE_KERNEL_EXEC = 0x163;
/** Protection of device memory, uncached unless its memory type says otherwise. */
export const PAGE_KERNEL_IO = 0x1173;
/** Protection of device memory whose writes may be combined. */
export const PAGE_KERNEL_IO_WC = 0x116b;

/** Maps frames at kernel addresses. Every address is the first byte of a page. */
export interface Mmu {
  /** log2 of the page size. */
  readonly pageShift: number;
  /** log2 of the sizes of the leaves, pages first: `[12, 21, 30]` on x86_64. */
  readonly leafShifts: readonly number[];
  /** True when a frame can be seen at several addresses. Where it is false, frames that somebody else uses cannot be mapped. */
  readonly aliases: boolean;

  /**
   * Maps one frame after another. What was mapped before a failure stays mapped.
   *
   * @param addr - first address.
   * @param pages - the frames.
   * @param prot - protection.
   * @param gfp - for the pages of the tables.
   * @returns 0; `-EBUSY` where something is mapped already, `-EINVAL` for what is no frame, `-ENOMEM` for `NO_PAGE` and without memory for
   * a table.
   * @context task; may sleep as the flags allow.
   * @kernelName vmap_pages_range
   */
  mapPages(addr: KAddr, pages: ArrayLike<Pfn>, prot: number, gfp: Gfp): number;

  /**
   * Maps physical addresses that follow each other, in leaves as large as alignment and `maxShift` allow.
   *
   * @param addr - first address.
   * @param phys - first byte, the start of a page; need not be RAM.
   * @param sizeBytes - bytes, a multiple of the page size.
   * @param prot - protection.
   * @param gfp - for the pages of the tables.
   * @param maxShift - log2 of the largest leaf.
   * @returns as {@link Mmu.mapPages}.
   * @context task; may sleep as the flags allow.
   * @kernelName vmap_range_noflush
   */
  mapRange(addr: KAddr, phys: PhysAddr, sizeBytes: number, prot: number, gfp: Gfp, maxShift: number): number;

  /**
   * Removes what is mapped. What a CPU remembers of it stays until it is flushed.
   *
   * @param addr - first address.
   * @param sizeBytes - bytes, a multiple of the page size. A larger leaf must lie inside as a whole.
   * @context task.
   * @kernelName vunmap_range_noflush
   */
  unmapRange(addr: KAddr, sizeBytes: number): void;

  /**
   * Makes every CPU forget what it remembers of addresses.
   *
   * @param start - first address.
   * @param end - first address past them.
   * @context task; interrupts the other CPUs.
   * @kernelName flush_tlb_kernel_range
   */
  flushTlbKernelRange(start: KAddr, end: KAddr): void;

  /**
   * Finds the frame that is mapped at an address.
   *
   * @param addr - any address.
   * @returns the frame of that very page, also inside a larger leaf; `NO_PAGE` when nothing is mapped.
   * @context any.
   * @kernelName vmalloc_to_pfn
   */
  addrToPfn(addr: KAddr): Pfn;

  /**
   * Reads what the hardware goes by when the address is accessed.
   *
   * @param addr - any address.
   * @returns the entry of that very page: the frame is where its bytes lie. 0 when nothing is mapped.
   * @context any.
   */
  pte(addr: KAddr): number;
}
