/**
 * VirtualAllocator: memory whose addresses follow each other and whose pages need not (vmalloc spec).
 *
 * What every implementation promises:
 * ```
 *   areas never overlap; behind each but those of vm_map_ram lies a page where nothing is mapped
 *   every usable page of an area is mapped, and maps to the page that the area holds there
 *   an address is not handed out again before every CPU has forgotten what was mapped there
 *   freeing every area gives every page back, but for those of page tables
 * ```
 * Shortage is a value (`NULL`). Misuse is a KernelBug.
 */
import type { VmArea } from './vm-area.js';
import type { Gfp, KAddr, Pfn, PhysAddr } from './units.js';

/** Hands out kernel addresses with pages behind them. Sizes are bytes from 1 on; `caller` is a symbol, for reports. */
export interface VirtualAllocator {
  /** Pages that areas of vmalloc hold: VmallocUsed of /proc/meminfo. */
  readonly nrVmallocPages: number;

  /**
   * Takes memory with `GFP_KERNEL`.
   *
   * @param sizeBytes - bytes; rounded up to pages.
   * @param caller - who asks.
   * @returns the address, the start of a page; `NULL` for a size of 0, when it is more than all RAM, and without memory or addresses.
   * @throws KernelBug `BAD_SIZE`, `SLEEP_IN_ATOMIC`.
   * @context task; may sleep.
   * @kernelName vmalloc
   */
  vmalloc(sizeBytes: number, caller?: string): KAddr;

  /**
   * Takes memory full of zeroes.
   *
   * @param sizeBytes - as for {@link VirtualAllocator.vmalloc}.
   * @param caller - who asks.
   * @returns as {@link VirtualAllocator.vmalloc}.
   * @context task; may sleep.
   * @kernelName vzalloc
   */
  vzalloc(sizeBytes: number, caller?: string): KAddr;

  /**
   * Takes memory full of zeroes that user space may be shown.
   *
   * @param sizeBytes - as for {@link VirtualAllocator.vmalloc}.
   * @param caller - who asks.
   * @returns as {@link VirtualAllocator.vmalloc}.
   * @context task; may sleep.
   * @kernelName vmalloc_user
   */
  vmallocUser(sizeBytes: number, caller?: string): KAddr;

  /**
   * Takes memory whose pages have physical addresses of 32 bits.
   *
   * @param sizeBytes - as for {@link VirtualAllocator.vmalloc}.
   * @param caller - who asks.
   * @returns as {@link VirtualAllocator.vmalloc}.
   * @context task; may sleep.
   * @kernelName vmalloc_32
   */
  vmalloc32(sizeBytes: number, caller?: string): KAddr;

  /**
   * Takes memory in leaves of more than a page where its size is at least one of them, and there are such blocks.
   *
   * @param sizeBytes - as for {@link VirtualAllocator.vmalloc}.
   * @param gfp - as for {@link VirtualAllocator.vmallocGfp}.
   * @param caller - who asks.
   * @returns as {@link VirtualAllocator.vmalloc}.
   * @context task; may sleep.
   * @kernelName vmalloc_huge
   */
  vmallocHuge(sizeBytes: number, gfp: Gfp, caller?: string): KAddr;

  /**
   * Takes memory with flags.
   *
   * @param sizeBytes - as for {@link VirtualAllocator.vmalloc}.
   * @param gfp - must have `__GFP_DIRECT_RECLAIM`.
   * @param caller - who asks.
   * @returns as {@link VirtualAllocator.vmalloc}.
   * @context task; may sleep.
   * @kernelName __vmalloc
   */
  vmallocGfp(sizeBytes: number, gfp: Gfp, caller?: string): KAddr;

  /**
   * Frees memory. In an interrupt it is put aside for a work item. `NULL` is nothing.
   *
   * @param addr - what one of the calls above returned, or a vmap that owns its pages.
   * @throws KernelBug `BAD_FREE` in an NMI. An address without an area is the warning `BAD_AREA`.
   * @context task or interrupt, not NMI; may sleep in a task.
   * @kernelName vfree
   */
  vfree(addr: KAddr): void;

  /**
   * Frees memory later, from a work item.
   *
   * @param addr - as for {@link VirtualAllocator.vfree}.
   * @context any but NMI.
   * @kernelName vfree_atomic
   */
  vfreeAtomic(addr: KAddr): void;

  /**
   * Shows pages at addresses that follow each other.
   *
   * @param pages - the pages.
   * @param flags - `VM_MAP`, with `VM_MAP_PUT_PAGES` to hand over one reference of each page.
   * @param prot - protection; execution is never allowed.
   * @param caller - who asks.
   * @returns the address; `NULL` for no pages, for more than all RAM, when one cannot be mapped, and where a frame can be seen at one address only.
   * @context task; may sleep.
   * @kernelName vmap
   */
  vmap(pages: ArrayLike<Pfn>, flags: number, prot: number, caller?: string): KAddr;

  /**
   * Ends a mapping and keeps the pages. `NULL` is nothing.
   *
   * @param addr - what {@link VirtualAllocator.vmap} returned. An address without an area is the warning `BAD_AREA`.
   * @throws KernelBug `SLEEP_IN_ATOMIC` in an interrupt.
   * @context task; may sleep.
   * @kernelName vunmap
   */
  vunmap(addr: KAddr): void;

  /**
   * Shows pages for a short time. Few of them come from a block of the CPU, without a search for addresses.
   *
   * @param pages - the pages.
   * @returns the address, or `NULL`.
   * @context task; may sleep.
   * @kernelName vm_map_ram
   */
  vmMapRam(pages: ArrayLike<Pfn>): KAddr;

  /**
   * Ends what {@link VirtualAllocator.vmMapRam} began.
   *
   * @param addr - the address.
   * @param count - how many pages were shown. An address that shows none is `BAD_AREA`.
   * @context task; may sleep.
   * @kernelName vm_unmap_ram
   */
  vmUnmapRam(addr: KAddr, count: number): void;

  /**
   * Shows memory of a device.
   *
   * @param phys - its first byte; need not be the start of a page.
   * @param sizeBytes - bytes.
   * @param prot - protection and memory type. @default PAGE_KERNEL_IO, uncached
   * @param caller - who asks.
   * @returns the address of the first byte; `NULL` for no bytes, beyond the physical address space, and for RAM, which is a warning.
   * @context task; may sleep.
   * @kernelName ioremap
   */
  ioremap(phys: PhysAddr, sizeBytes: number, prot?: number, caller?: string): KAddr;

  /**
   * Ends what {@link VirtualAllocator.ioremap} began. An address without an area is the warning `BAD_AREA`.
   *
   * @param addr - any address of the first page.
   * @context task; may sleep.
   * @kernelName iounmap
   */
  iounmap(addr: KAddr): void;

  /**
   * Makes every CPU forget what was unmapped, and its addresses free.
   *
   * @context task; may sleep.
   * @kernelName vm_unmap_aliases
   */
  vmUnmapAliases(): void;

  /**
   * Tells whether an address lies in the range of vmalloc, used or not.
   *
   * @param addr - any address.
   * @returns true when it does.
   * @context any.
   * @kernelName is_vmalloc_addr
   */
  isVmallocAddr(addr: KAddr): boolean;

  /**
   * Finds the frame behind an address.
   *
   * @param addr - any address.
   * @returns the frame; `NO_PAGE` when nothing is mapped.
   * @context any.
   * @kernelName vmalloc_to_pfn
   */
  vmallocToPfn(addr: KAddr): Pfn;

  /**
   * Finds the area that an address lies in, its guard page included.
   *
   * @param addr - any address.
   * @returns the area, or null.
   * @context any.
   * @kernelName find_vm_area
   */
  findVmArea(addr: KAddr): VmArea | null;

  /**
   * Does what work items do when they get their turn: frees what was put aside, and purges when too much is lazy.
   *
   * @context task; may sleep.
   */
  runDeferredWork(): void;

  /**
   * Checks every invariant of the implementation.
   *
   * @throws KernelBug `CORRUPT_STATE` when one does not hold.
   */
  assertValid(): void;
}
