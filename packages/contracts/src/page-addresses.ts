/** PageAddresses: where pages lie in the kernel's address space. */
import type { KAddr, Pfn } from './units.js';

/** Translates between frames and addresses of the direct map. */
export interface PageAddresses {
  /**
   * Finds the kernel address of a frame's first byte.
   *
   * @param pfn - the frame.
   * @returns its address; `NULL` for a frame outside the direct map (HighMem).
   * @context any.
   * @kernelName page_address
   */
  pageAddress(pfn: Pfn): KAddr;

  /**
   * Finds the frame in which an address of the direct map lies.
   *
   * @param kaddr - an address of any byte of the frame.
   * @returns the frame; `NO_PAGE` for what is no integer, or no address of the direct map.
   * @context any.
   * @kernelName virt_to_pfn
   */
  kaddrToPfn(kaddr: KAddr): Pfn;
}
