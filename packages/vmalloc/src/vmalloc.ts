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
  __GFP_NOFAIL,
  __GFP_NOWARN,
  __GFP_ZERO,
  GFP_DMA32,
  GFP_KERNEL,
  NULL,
  NUMA_NO_NODE,
  PAGE_KERNEL,
  PAGE_KERNEL_IO,
  TASK_UNINTERRUPTIBLE,
  VM_ALLOW_HUGE_VMAP,
  VM_FLUSH_RESET_PERMS,
  VM_IOREMAP,
  VM_MAP,
  VM_MAP_PUT_PAGES,
  VM_USERMAP,
  type Gfp,
  type KAddr,
  type Pfn,
  type PhysAddr,
  type Sleepable,
  type VirtualAllocator,
  type VmArea,
} from '@kmem/contracts';
import { assertValidHeld, countVmallocPages, dropArea, takeArea, type AreaRequest } from './area-pages.js';
import { showDevice } from './ioremap.js';
import { MapRamBlocks, mapRamBlockPages } from './map-ram-blocks.js';
import { freePcpuAreas, takePcpuAreas } from './pcpu-areas.js';
import { remapPages, showPages } from './vmap.js';
import { VmAreas, type PcpuRequest } from './vm-areas.js';
import { complainer, type HeldArea, type VmallocOptions, type VmallocParts, type VmallocRangeRequest } from './vmalloc-parts.js';

/** By width of an address: what free ranges cover. */
const KERNEL_ADDRESSES = { 32: { start: 1, end: 2 ** 32 - 1 }, 64: { start: -(2 ** 47), end: -1 } } as const;
const ONE_CPU = { nrCpus: 1, cpu: 0, inInterrupt: false } as const;

function never(): boolean {
  return false;
}

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
    const { bitsPerLong = 64, cpus = ONE_CPU, createRanges, fatalSignalPending = never, hugePages = bitsPerLong === 64 } = options;
    const { kmalloc, mmu, pages, reports = null, slabs, vmallocEnd, vmallocStart } = options;
    this.#options = options;
    this.#bitsPerLong = bitsPerLong;
    this.areas = new VmAreas({
      vmallocStart,
      vmallocEnd,
      pageShift: mmu.pageShift,
      ioremapMaxShift: mmu.leafShifts[mmu.leafShifts.length - 1],
      // Free ranges cover all kernel addresses, where there are page tables for them: modules have areas as well.
      ...(mmu.aliases && { space: KERNEL_ADDRESSES[bitsPerLong] }),
      nrCpus: cpus.nrCpus,
      cpus,
      ...(slabs && { slabs }),
      ...(createRanges && { createRanges }),
      onShortage: () => this.#blocks.dropFragmented(),
      onPurge: (start, end) => this.#flush(start, end),
    });
    const pageSize = 2 ** mmu.pageShift;
    this.#parts = { areas: this.areas, held: new Map(), pages, mmu, kmalloc, cpus, fatalSignalPending, pageSize, pointerBytes: bitsPerLong / 8, complain: complainer(reports) };
    this.#blocks = new MapRamBlocks(this.#parts, mapRamBlockPages(bitsPerLong, cpus.nrCpus, pageSize));
    this.#hugeShift = hugePages && mmu.leafShifts.length > 1 ? mmu.leafShifts[1] : mmu.pageShift;
  }

  get nrVmallocPages(): number {
    return countVmallocPages(this.#parts.held.values());
  }

  vmalloc(sizeBytes: number, caller = ''): KAddr {
    return this.vmallocNodeRange({ sizeBytes, caller });
  }

  vzalloc(sizeBytes: number, caller = ''): KAddr {
    return this.vmallocNodeRange({ sizeBytes, gfp: GFP_KERNEL | __GFP_ZERO, caller });
  }

  vmallocUser(sizeBytes: number, caller = ''): KAddr {
    return this.vmallocNodeRange({ sizeBytes, gfp: GFP_KERNEL | __GFP_ZERO, flags: VM_USERMAP, caller });
  }

  vmalloc32(sizeBytes: number, caller = ''): KAddr {
    // With addresses of 32 bits every page that needs no mapping of its own qualifies, and there is no zone DMA32.
    return this.vmallocNodeRange({ sizeBytes, gfp: GFP_KERNEL | (this.#bitsPerLong === 64 ? GFP_DMA32 : 0), caller });
  }

  vmallocHuge(sizeBytes: number, gfp: Gfp, caller = ''): KAddr {
    return this.vmallocNodeRange({ sizeBytes, gfp, flags: VM_ALLOW_HUGE_VMAP, caller });
  }

  vmallocGfp(sizeBytes: number, gfp: Gfp, caller = ''): KAddr {
    return this.vmallocNodeRange({ sizeBytes, gfp, caller });
  }

  /**
   * Takes memory for an array.
   *
   * @param count - elements.
   * @param sizeBytes - bytes of one.
   * @param caller - who asks.
   * @returns as {@link Vmalloc.vmalloc}; `NULL` when the product is no safe integer.
   * @context task; may sleep.
   * @kernelName vmalloc_array
   */
  vmallocArray(count: number, sizeBytes: number, caller = ''): KAddr {
    return Number.isSafeInteger(count * sizeBytes) ? this.vmalloc(count * sizeBytes, caller) : NULL;
  }

  /**
   * Takes memory full of zeroes for an array.
   *
   * @param count - elements.
   * @param sizeBytes - bytes of one.
   * @param caller - who asks.
   * @returns as {@link Vmalloc.vmallocArray}.
   * @context task; may sleep.
   * @kernelName vcalloc
   */
  vcalloc(count: number, sizeBytes: number, caller = ''): KAddr {
    return Number.isSafeInteger(count * sizeBytes) ? this.vzalloc(count * sizeBytes, caller) : NULL;
  }

  /**
   * Takes memory with flags, aligned, from a range of addresses, from a node: what all other calls that take memory are made of.
   *
   * @param request - what is asked for.
   * @returns as {@link Vmalloc.vmalloc}.
   * @throws KernelBug as {@link Vmalloc.vmalloc}, and `BAD_RANGE` for an alignment or bounds that make no sense.
   * @context task; may sleep.
   * @kernelName __vmalloc_node_range
   */
  vmallocNodeRange(request: VmallocRangeRequest): KAddr {
    const { align = 1, caller = '', flags = 0, gfp = GFP_KERNEL, sizeBytes } = request;
    if (!this.#isSound(sizeBytes, gfp, caller)) return NULL;
    const small: AreaRequest = { ...request, align, caller, flags, gfp, shift: this.#parts.mmu.pageShift };
    if (this.#mayBeHuge(small)) {
      const addr = takeArea(this.#parts, { ...small, align: Math.max(align, 2 ** this.#hugeShift), shift: this.#hugeShift });
      if (addr !== NULL) return addr;
    }
    return this.#drained(takeArea(this.#parts, small));
  }

  /**
   * Takes memory with `__GFP_NOFAIL`: when there is none it sleeps for a tick and tries again, as often as it takes. {@link Vmalloc.vmallocGfp} with
   * that flag tries once.
   *
   * @param sizeBytes - as for {@link Vmalloc.vmalloc}.
   * @param gfp - flags.
   * @param caller - who asks.
   * @returns the address; `NULL` only for what can never succeed, such as more than all RAM, and where nobody can sleep.
   * @context task.
   * @kernelName __vmalloc
   */
  *vmallocNofail(sizeBytes: number, gfp: Gfp, caller = ''): Sleepable<KAddr> {
    const { sleep } = this.#options;
    for (;;) {
      const addr = this.vmallocGfp(sizeBytes, gfp | __GFP_NOFAIL, caller);
      const canSucceed = sizeBytes > 0 && Math.floor(sizeBytes / this.#parts.pageSize) <= this.#parts.pages.managedPages && (gfp & __GFP_DIRECT_RECLAIM) !== 0;
      if (addr !== NULL || sleep === undefined || !canSucceed) return addr;
      sleep.setCurrentState(TASK_UNINTERRUPTIBLE);
      yield* sleep.scheduleTimeout(1);
    }
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
    return this.#maySleep('vmap') ? this.#drained(showPages(this.#parts, { pages, flags, prot, caller })) : NULL;
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
    const { physBits = this.#bitsPerLong === 64 ? 46 : 32, ram = [] } = this.#options;
    return this.#maySleep('ioremap') ? this.#drained(showDevice(this.#parts, { phys, sizeBytes, prot, caller, physBits, ram })) : NULL;
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

  /**
   * Reserves addresses for per-CPU memory: an area for each group of CPUs, as far from each other as given and as high as they fit.
   *
   * @param request - the groups.
   * @returns the addresses by group, without pages; null when there is no room or no memory, which is a warning.
   * @throws KernelBug `BAD_SIZE` for offsets and sizes that are no multiples of the alignment.
   * @context task; may sleep.
   * @kernelName pcpu_get_vm_areas
   */
  pcpuGetVmAreas(request: Omit<PcpuRequest, 'takeStruct'>): readonly KAddr[] | null {
    return this.#maySleep('pcpu_get_vm_areas') ? takePcpuAreas(this.#parts, request) : null;
  }

  /**
   * Gives such addresses back.
   *
   * @param addrs - what {@link Vmalloc.pcpuGetVmAreas} returned. Anything else is the warning `BAD_AREA`.
   * @context task; may sleep.
   * @kernelName pcpu_free_vm_areas
   */
  pcpuFreeVmAreas(addrs: readonly KAddr[]): void {
    if (!this.#maySleep('pcpu_free_vm_areas')) return;
    if (freePcpuAreas(this.#parts, addrs)) this.#scheduleDrain();
    else this.#parts.complain('BAD_AREA', `pcpu_free_vm_areas: no per-CPU areas start at ${addrs.join()}`, {}, 'warn');
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
    return remapPages(this.#parts, { addr, sizeBytes, firstPage }, insert);
  }

  runDeferredWork(): void {
    // The list is a stack: what was put aside last goes first.
    for (let addr = this.#deferred.pop(); addr !== undefined; addr = this.#deferred.pop()) this.#vunmap(addr, true, 'vfree');
    this.areas.drainVmapAreaWork();
  }

  assertValid(): void {
    this.areas.assertValid();
    assertValidHeld(this.#parts);
  }

  /** True for a request that may be tried; others are reported. */
  #isSound(sizeBytes: number, gfp: Gfp, caller: string): boolean {
    const { complain, pageSize, pages } = this.#parts;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
      complain('BAD_SIZE', `a size must be an integer from 0 on, got ${sizeBytes}`, { sizeBytes });
    } else if (!this.#maySleep('vmalloc')) {
      return false;
    } else if ((gfp & __GFP_DIRECT_RECLAIM) === 0) {
      complain('SLEEP_IN_ATOMIC', 'vmalloc may sleep, and was called with flags that forbid it', { gfp });
    } else if (sizeBytes === 0) {
      if (!this.#warnedOfZero) complain('BAD_SIZE', 'vmalloc of 0 bytes', { sizeBytes }, 'warn');
      this.#warnedOfZero = true;
    } else if (Math.floor(sizeBytes / pageSize) > pages.managedPages) {
      if ((gfp & __GFP_NOWARN) === 0) complain('ALLOC_FAILURE', `vmalloc error: size ${sizeBytes}, exceeds total pages`, { sizeBytes, caller }, 'warn');
    } else {
      return true;
    }
    return false;
  }

  /** True when leaves larger than a page are worth a try: each node's share fills at least one. */
  #mayBeHuge({ flags, node = NUMA_NO_NODE, prot = PAGE_KERNEL, sizeBytes }: AreaRequest): boolean {
    if ((flags & VM_ALLOW_HUGE_VMAP) === 0 || this.#hugeShift === this.#parts.mmu.pageShift || prot !== PAGE_KERNEL) return false;
    const { nrNodes = 1 } = this.#options;
    return (node === NUMA_NO_NODE ? sizeBytes / nrNodes : sizeBytes) >= 2 ** this.#hugeShift;
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
    if ((found.area.flags & VM_FLUSH_RESET_PERMS) !== 0) this.vmUnmapAliases();
    this.#scheduleDrain();
  }

  /** A failure has freed what it had got. */
  #drained(addr: KAddr): KAddr {
    if (addr === NULL) this.#scheduleDrain();
    return addr;
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
}
