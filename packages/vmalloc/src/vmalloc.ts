/**
 * Vmalloc: the calls of the vmalloc family over addresses, pages and page tables (vmalloc spec 4 to 9).
 *
 * ```
 *   VmAreas          addresses, with a guard page behind each area; lazy when freed
 *   PageAllocator    pages                    Mmu    which page lies at which address
 *   kmalloc          what describes an area: its vm_struct, the list of its pages
 *
 *   held[area.addr]  what was taken for each area         an area has an entry from its reservation until it is dropped
 *   an area is unmapped at once; CPUs forget it when lazy addresses are purged: once for all of them
 * ```
 */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_NOWARN,
  __GFP_ZERO,
  _PAGE_NX,
  EINVAL,
  GFP_DMA32,
  GFP_KERNEL,
  NULL,
  PAGE_KERNEL,
  PAGE_KERNEL_IO,
  VM_ALLOW_HUGE_VMAP,
  VM_DMA_COHERENT,
  VM_IOREMAP,
  VM_MAP,
  VM_MAP_PUT_PAGES,
  VM_NO_GUARD,
  VM_USERMAP,
  type Gfp,
  type KAddr,
  type Pfn,
  type PhysAddr,
  type VirtualAllocator,
  type VmArea,
} from '@kmem/contracts';
import { countVmallocPages, dropArea, reserveArea, takeArea } from './area-pages.js';
import { MapRamBlocks, mapRamBlockPages } from './map-ram-blocks.js';
import { VmAreas } from './vm-areas.js';
import { complainer, type HeldArea, type VmallocOptions, type VmallocParts } from './vmalloc-parts.js';

const ONE_CPU = { nrCpus: 1, cpu: 0, inInterrupt: false } as const;

/** Memory at kernel addresses that follow each other. */
export class Vmalloc implements VirtualAllocator {
  /** The addresses: areas in use, lazy ones, and whose an address is. */
  readonly areas: VmAreas;
  readonly #options: VmallocOptions;
  readonly #parts: VmallocParts;
  readonly #blocks: MapRamBlocks;
  readonly #bitsPerLong: 32 | 64;
  /** log2 of the leaf that large areas may be mapped in; that of a page where there is none. */
  readonly #hugeShift: number;
  /** What vfree has put aside. */
  readonly #deferred: KAddr[] = [];
  /** What CPUs may remember of blocks of vm_map_ram: flushed with the next purge. */
  #dirty: { readonly start: KAddr; readonly end: KAddr } | null = null;
  #warnedOfZero = false;

  /**
   * @param options - the range, and the parts.
   * @throws TypeError or RangeError when an option is out of range.
   */
  constructor(options: VmallocOptions) {
    const { bitsPerLong = 64, cpus = ONE_CPU, createRanges, hugePages = bitsPerLong === 64, kmalloc, mmu, pages, reports = null, vmallocEnd, vmallocStart } = options;
    this.#options = options;
    this.#bitsPerLong = bitsPerLong;
    this.areas = new VmAreas({
      vmallocStart,
      vmallocEnd,
      pageShift: mmu.pageShift,
      ioremapMaxShift: mmu.leafShifts[mmu.leafShifts.length - 1],
      nrCpus: cpus.nrCpus,
      ...(createRanges && { createRanges }),
      onShortage: () => this.#blocks.dropFragmented(),
      onPurge: (start, end) => this.#flush(start, end),
    });
    const pageSize = 2 ** mmu.pageShift;
    this.#parts = { areas: this.areas, held: new Map(), pages, mmu, kmalloc, cpus, pageSize, pointerBytes: bitsPerLong / 8, complain: complainer(reports) };
    this.#blocks = new MapRamBlocks(this.#parts, mapRamBlockPages(bitsPerLong, cpus.nrCpus, pageSize));
    this.#hugeShift = hugePages && mmu.leafShifts.length > 1 ? mmu.leafShifts[1] : mmu.pageShift;
  }

  get nrVmallocPages(): number {
    return countVmallocPages(this.#parts.held.values());
  }

  vmalloc(sizeBytes: number, caller = ''): KAddr {
    return this.#take(sizeBytes, GFP_KERNEL, 0, caller);
  }

  vzalloc(sizeBytes: number, caller = ''): KAddr {
    return this.#take(sizeBytes, GFP_KERNEL | __GFP_ZERO, 0, caller);
  }

  vmallocUser(sizeBytes: number, caller = ''): KAddr {
    return this.#take(sizeBytes, GFP_KERNEL | __GFP_ZERO, VM_USERMAP, caller);
  }

  vmalloc32(sizeBytes: number, caller = ''): KAddr {
    // With addresses of 32 bits every page that needs no mapping of its own qualifies, and there is no zone DMA32.
    return this.#take(sizeBytes, GFP_KERNEL | (this.#bitsPerLong === 64 ? GFP_DMA32 : 0), 0, caller);
  }

  vmallocHuge(sizeBytes: number, gfp: Gfp, caller = ''): KAddr {
    return this.#take(sizeBytes, gfp, VM_ALLOW_HUGE_VMAP, caller);
  }

  vmallocGfp(sizeBytes: number, gfp: Gfp, caller = ''): KAddr {
    return this.#take(sizeBytes, gfp, 0, caller);
  }

  vfree(addr: KAddr): void {
    const { cpus, complain } = this.#parts;
    if ((cpus.inNmi?.() ?? 0) !== 0) complain('BAD_FREE', 'vfree was called in an NMI', { addr });
    else if (addr === NULL) return;
    else if (cpus.inInterrupt) this.vfreeAtomic(addr);
    else this.#vunmap(addr, true, 'vfree');
  }

  vfreeAtomic(addr: KAddr): void {
    if (addr === NULL) return;
    this.#deferred.push(addr);
    this.#options.scheduleWork?.();
  }

  vmap(pages: ArrayLike<Pfn>, flags: number, prot: number, caller = ''): KAddr {
    const { complain, mmu, pageSize } = this.#parts;
    if (!this.#maySleep('vmap') || pages.length > this.#parts.pages.managedPages) return NULL;
    if ((flags & VM_NO_GUARD) !== 0) complain('BAD_AREA', 'a mapping has a guard page', { flags }, 'warn');
    if (!mmu.aliases) {
      complain('BAD_MAPPING', 'pages cannot be shown twice: the memory of this machine is seen at one place only', { nrPages: pages.length }, 'warn');
      return NULL;
    }
    const request = { sizeBytes: pages.length * pageSize, align: 1, flags: flags & ~VM_NO_GUARD, gfp: GFP_KERNEL, shift: mmu.pageShift, caller };
    const found = reserveArea(this.#parts, request);
    if (found === null) return NULL;
    if (mmu.mapPages(found.area.addr, pages, prot | _PAGE_NX, GFP_KERNEL) < 0) {
      this.#drop(found, false);
      return NULL;
    }
    if ((flags & VM_MAP_PUT_PAGES) !== 0) {
      found.pages = Int32Array.from(pages);
      found.area.nrPages = pages.length;
    }
    return found.area.addr;
  }

  vunmap(addr: KAddr): void {
    if (addr !== NULL && this.#maySleep('vunmap')) this.#vunmap(addr, false, 'vunmap');
  }

  vmMapRam(pages: ArrayLike<Pfn>): KAddr {
    const { areas, mmu, pageSize } = this.#parts;
    const count = pages.length;
    if (count === 0 || !mmu.aliases || !this.#maySleep('vm_map_ram')) return NULL;
    const addr = count <= this.#bitsPerLong ? this.#blocks.take(Math.ceil(Math.log2(count))) : areas.allocVmapArea(count * pageSize, pageSize);
    if (addr === NULL) return NULL;
    if (mmu.mapPages(addr, pages, PAGE_KERNEL, GFP_KERNEL) < 0) {
      this.vmUnmapRam(addr, count);
      return NULL;
    }
    return addr;
  }

  vmUnmapRam(addr: KAddr, count: number): void {
    const { areas, complain, mmu, pageSize } = this.#parts;
    if (!this.#maySleep('vm_unmap_ram')) return;
    const isSound = this.isVmallocAddr(addr) && addr % pageSize === 0 && Number.isInteger(count) && count > 0;
    if (isSound && count <= this.#bitsPerLong && this.#blocks.give(addr, Math.ceil(Math.log2(count)))) {
      this.#scheduleDrain();
    } else if (isSound && count > this.#bitsPerLong && areas.isVmapArea(addr, count * pageSize)) {
      mmu.unmapRange(addr, count * pageSize);
      areas.freeVmapArea(addr);
      this.#scheduleDrain();
    } else {
      complain('BAD_AREA', `vm_unmap_ram: no ${count} pages are shown at ${addr}`, { addr, count });
    }
  }

  ioremap(phys: PhysAddr, sizeBytes: number, prot: number = PAGE_KERNEL_IO, caller = ''): KAddr {
    const { complain, mmu, pageSize } = this.#parts;
    const physBits = this.#options.physBits ?? (this.#bitsPerLong === 64 ? 46 : 32);
    const last = phys + sizeBytes - 1;
    if (!(sizeBytes > 0) || !Number.isSafeInteger(last) || phys < 0 || !this.#maySleep('ioremap')) return NULL;
    if (last >= 2 ** physBits) {
      complain('BAD_MAPPING', `ioremap: ${phys} to ${last} is beyond the physical addresses of ${physBits} bits`, { phys, sizeBytes }, 'warn');
      return NULL;
    }
    const start = Math.floor(phys / pageSize) * pageSize;
    const size = Math.ceil((last + 1) / pageSize) * pageSize - start;
    if (this.#touchesRam(start / pageSize, (start + size) / pageSize)) {
      complain('BAD_MAPPING', `ioremap on RAM at ${phys} to ${last}`, { phys, sizeBytes }, 'warn');
      return NULL;
    }
    const found = reserveArea(this.#parts, { sizeBytes: size, align: 1, flags: VM_IOREMAP, gfp: GFP_KERNEL, shift: mmu.pageShift, caller });
    if (found === null) return NULL;
    found.area.physAddr = start;
    if (mmu.mapRange(found.area.addr, start, size, prot, GFP_KERNEL, mmu.leafShifts[mmu.leafShifts.length - 1]) < 0) {
      this.#drop(found, false);
      return NULL;
    }
    return found.area.addr + (phys - start);
  }

  iounmap(addr: KAddr): void {
    const { complain, pageSize } = this.#parts;
    // Below the range lies the direct map: what some calls give for RAM.
    if (addr < this.#options.vmallocStart || !this.#maySleep('iounmap')) return;
    const found = this.#parts.held.get(Math.floor(addr / pageSize) * pageSize);
    if (found === undefined || (found.area.flags & VM_IOREMAP) === 0) complain('BAD_AREA', `iounmap: bad address ${addr}`, { addr }, 'warn');
    else this.#drop(found, false);
  }

  vmUnmapAliases(): void {
    this.#dirty = this.#blocks.dirtyRange();
    this.#blocks.dropFragmented();
    if (!this.areas.purge() && this.#dirty !== null) this.#flush(this.#dirty.start, this.#dirty.end);
    this.#dirty = null;
  }

  isVmallocAddr(addr: KAddr): boolean {
    return addr >= this.#options.vmallocStart && addr < this.#options.vmallocEnd;
  }

  vmallocToPfn(addr: KAddr): Pfn {
    return this.#parts.mmu.addrToPfn(addr);
  }

  findVmArea(addr: KAddr): VmArea | null {
    return this.areas.findVmArea(addr);
  }

  /**
   * Shows pages of an area to user space.
   *
   * @param addr - the start of a page of the area.
   * @param sizeBytes - bytes to show; rounded up to pages.
   * @param firstPage - pages to leave out, counted from `addr`.
   * @param insert - shows one page; gives 0 or a negative errno, which ends it.
   * @returns 0; what `insert` gave; `-EINVAL` for an area that is not for user space, and for more than there is of it.
   * @context task; may sleep.
   * @kernelName remap_vmalloc_range
   */
  remapVmallocRange(addr: KAddr, sizeBytes: number, firstPage: number, insert: (pfn: Pfn) => number): number {
    const { pageSize } = this.#parts;
    const area = this.areas.findVmArea(addr);
    const nrPages = Math.ceil(sizeBytes / pageSize);
    if (area === null || addr % pageSize !== 0 || (area.flags & (VM_USERMAP | VM_DMA_COHERENT)) === 0) return -EINVAL;
    if (!(firstPage >= 0 && nrPages >= 0 && (firstPage + nrPages) * pageSize <= this.areas.usableBytes(area))) return -EINVAL;
    for (let page = firstPage; page < firstPage + nrPages; page++) {
      const error = insert(this.vmallocToPfn(addr + page * pageSize));
      if (error < 0) return error;
    }
    return 0;
  }

  runDeferredWork(): void {
    // The list is a stack: what was put aside last goes first.
    for (let addr = this.#deferred.pop(); addr !== undefined; addr = this.#deferred.pop()) this.#vunmap(addr, true, 'vfree');
    this.areas.drainVmapAreaWork();
  }

  assertValid(): void {
    const { complain, held, mmu, pageSize } = this.#parts;
    this.areas.assertValid();
    for (const { area, pages } of held.values()) {
      if (this.areas.findVmArea(area.addr) !== area) complain('CORRUPT_STATE', `the area at ${area.addr} has no addresses`, { addr: area.addr });
      for (const [i, pfn] of pages.entries()) {
        if (mmu.addrToPfn(area.addr + i * pageSize) !== pfn) complain('CORRUPT_STATE', `page ${i} of the area at ${area.addr} is not mapped there`, { addr: area.addr });
      }
      const end = area.addr + this.areas.usableBytes(area);
      if (end < area.addr + area.size && mmu.pte(end) !== 0) complain('CORRUPT_STATE', `something is mapped in the guard page at ${end}`, { addr: end });
    }
  }

  #take(sizeBytes: number, gfp: Gfp, flags: number, caller: string): KAddr {
    const { complain, mmu, pageSize, pages } = this.#parts;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      complain('BAD_SIZE', `a size must be an integer from 0 on, got ${sizeBytes}`, { sizeBytes });
      return NULL;
    }
    if (!this.#maySleep('vmalloc')) return NULL;
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0) {
      complain('SLEEP_IN_ATOMIC', 'vmalloc may sleep, and was called with flags that forbid it', { gfp });
      return NULL;
    }
    if (sizeBytes === 0) {
      if (!this.#warnedOfZero) complain('BAD_SIZE', 'vmalloc of 0 bytes', { sizeBytes }, 'warn');
      this.#warnedOfZero = true;
      return NULL;
    }
    if (Math.floor(sizeBytes / pageSize) > pages.managedPages) {
      if ((gfp & __GFP_NOWARN) === 0) complain('ALLOC_FAILURE', `vmalloc error: size ${sizeBytes}, exceeds total pages`, { sizeBytes, caller }, 'warn');
      return NULL;
    }
    const request = { sizeBytes, align: 1, flags, gfp, shift: mmu.pageShift, caller };
    const hugeBytes = 2 ** this.#hugeShift;
    const isHuge = (flags & VM_ALLOW_HUGE_VMAP) !== 0 && sizeBytes >= hugeBytes && this.#hugeShift > mmu.pageShift;
    if (isHuge) {
      const addr = takeArea(this.#parts, { ...request, align: hugeBytes, shift: this.#hugeShift });
      if (addr !== NULL) return addr;
    }
    const addr = takeArea(this.#parts, request);
    // A failure has freed what it had got.
    if (addr === NULL) this.#scheduleDrain();
    return addr;
  }

  #vunmap(addr: KAddr, withPages: boolean, call: string): void {
    const { complain, held, pageSize } = this.#parts;
    if (addr % pageSize !== 0) {
      complain('BAD_AREA', `Trying to ${call}() bad address (${addr})`, { addr }, 'warn');
      return;
    }
    // Any page of an area leads to it.
    const area = this.areas.findVmArea(addr);
    const found = area === null ? undefined : held.get(area.addr);
    if (found === undefined) complain('BAD_AREA', `Trying to ${call}() nonexistent vm area (${addr})`, { addr }, 'warn');
    else this.#drop(found, withPages && ((found.area.flags & VM_MAP) === 0 || (found.area.flags & VM_MAP_PUT_PAGES) !== 0));
  }

  #drop(found: HeldArea, withPages: boolean): void {
    dropArea(this.#parts, found, withPages);
    this.#scheduleDrain();
  }

  #scheduleDrain(): void {
    if (this.areas.lazyPages > this.areas.lazyMaxPages) this.#options.scheduleWork?.();
  }

  #flush(start: KAddr, end: KAddr): void {
    const from = this.#dirty === null ? start : Math.min(start, this.#dirty.start);
    const to = this.#dirty === null ? end : Math.max(end, this.#dirty.end);
    this.#parts.mmu.flushTlbKernelRange(from, to);
  }

  #maySleep(call: string): boolean {
    if (!this.#parts.cpus.inInterrupt) return true;
    this.#parts.complain('SLEEP_IN_ATOMIC', `${call} was called in an interrupt`, {});
    return false;
  }

  #touchesRam(first: Pfn, past: Pfn): boolean {
    return (this.#options.ram ?? []).some(({ start, end }) => first < end && past > start);
  }
}
