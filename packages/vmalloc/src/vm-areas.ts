/**
 * VmAreas: the areas of the vmalloc space, as `get_vm_area` and `remove_vm_area` see them (vmalloc spec 3.1, 6).
 *
 * ```
 * an area           takes   round up(size, page) + guard page   bytes of the VirtualRangeAllocator
 * of a device       aligned to its size, rounded up to a power of two, within a page and the largest leaf of the page tables
 * removed           lazy until a purge; more than lazyMaxPages lazy pages wake the worker that purges
 * lazyMaxPages    = fls(CPUs) * 32 MiB / page size
 * ```
 * What lies at the addresses is for others to say: no page is taken, nothing is mapped.
 */
import {
  GFP_KERNEL,
  KernelBug,
  NO_RANGE,
  NULL,
  VM_ALLOC,
  VM_IOREMAP,
  VM_NO_GUARD,
  type AddressOwner,
  type AddressRanges,
  type CpuContext,
  type Gfp,
  type KAddr,
  type OwnedAddresses,
  type SlabAllocator,
  type VmArea,
  type VmAreasState,
} from '@kmem/contracts';
import { findCongruent } from './congruent-areas.js';
import { alignUp } from './lowest-fit.js';
import { requireInteger } from './option-checks.js';
import { VirtualRangeAllocator, type VirtualRangeAllocatorOptions } from './virtual-range-allocator.js';
import { VmapAreaObjects } from './vmap-area-objects.js';

const LAZY_BYTES_A_CPU_BIT = 32 * 2 ** 20;

/** Options of {@link VmAreas}. */
export interface VmAreasOptions {
  /** VMALLOC_START. */
  readonly vmallocStart: KAddr;
  /** VMALLOC_END; no area ends above it. */
  readonly vmallocEnd: KAddr;
  /** First and first past the last address that free ranges cover; the vmalloc range must lie inside. @default the vmalloc range */
  readonly space?: { readonly start: KAddr; readonly end: KAddr };
  /** log2 of the page size. @default 12 */
  readonly pageShift?: number;
  /** log2 of the largest leaf of the page tables: areas of devices are aligned to no more. @default 30, a PUD of x86_64 */
  readonly ioremapMaxShift?: number;
  /** CPUs that are online. @default 1 */
  readonly nrCpus?: number;
  /** A state to go on from. Without one everything is free. */
  readonly state?: VmAreasState;
  /** Makes the `vmap_area` of each range. @default they take no memory */
  readonly slabs?: Pick<SlabAllocator, 'createCache'>;
  /** Whose store of such objects is used. @default CPU 0 */
  readonly cpus?: Pick<CpuContext, 'cpu'>;
  /** Makes what finds the addresses. One that takes no heed of `records` has no objects. @default a {@link VirtualRangeAllocator} */
  readonly createRanges?: (options: VirtualRangeAllocatorOptions) => AddressRanges;
  /** Is called when no addresses are left, before lazy ones are purged. */
  readonly onShortage?: () => void;
  /** Is called before lazy addresses become free, with the first and the first past the last of them. */
  readonly onPurge?: (start: KAddr, end: KAddr) => void;
}

/** Where an area may lie, and how its descriptions may be had. */
export interface AreaPlace {
  /** Alignment of its address in bytes, a power of two; for `VM_IOREMAP` it follows from the size. @default 1 */
  readonly align?: number;
  /** Lowest address. @default VMALLOC_START */
  readonly start?: KAddr;
  /** First address past the highest. @default VMALLOC_END */
  readonly end?: KAddr;
  /** Flags. @default GFP_KERNEL */
  readonly gfp?: Gfp;
}

/** Per-CPU areas to be. */
export interface PcpuRequest {
  /** By group: bytes from the first area, multiples of the alignment. */
  readonly offsets: readonly number[];
  /** By group: bytes, multiples of the alignment. */
  readonly sizes: readonly number[];
  /** Alignment in bytes, a power of two. */
  readonly align: number;
  /** Who asks. */
  readonly caller: string;
  /** Takes the `vm_struct` of a group; false without memory. */
  readonly takeStruct?: () => boolean;
}

function createTree(options: VirtualRangeAllocatorOptions): AddressRanges {
  return new VirtualRangeAllocator(options);
}

/** The areas of one address space. */
export class VmAreas implements AddressOwner {
  /** Pages that may be lazy before the worker purges. */
  readonly lazyMaxPages: number;
  readonly #ranges: AddressRanges;
  readonly #objects: VmapAreaObjects | null;
  readonly #purgeNotifiers: (() => number)[] = [];
  readonly #areas = new Map<KAddr, VmArea>();
  /** Areas removed since the last purge, for reports. */
  readonly #removed: VmArea[] = [];
  readonly #vmallocStart: KAddr;
  readonly #vmallocEnd: KAddr;
  readonly #pageShift: number;
  readonly #pageSize: number;
  readonly #ioremapMaxShift: number;

  /**
   * @param options - the space, or a state of it.
   * @throws TypeError or RangeError when an option is out of range.
   * @throws KernelBug with `CORRUPT_STATE` when a state breaks a rule.
   */
  constructor(options: VmAreasOptions) {
    const { vmallocStart, vmallocEnd, pageShift = 12, ioremapMaxShift = 30, nrCpus = 1, state, createRanges = createTree, onPurge, onShortage } = options;
    const { cpus = { cpu: 0 }, slabs, space = { start: vmallocStart, end: vmallocEnd } } = options;
    requireInteger('pageShift', pageShift, 0, 22);
    requireInteger('ioremapMaxShift', ioremapMaxShift, pageShift, 52);
    requireInteger('nrCpus', nrCpus, 1, 8192);
    requireInteger('vmallocStart', vmallocStart, space.start, space.end);
    requireInteger('vmallocEnd', vmallocEnd, vmallocStart, space.end);
    const granule = 2 ** pageShift;
    const used = state?.areas.map(({ addr, size }) => ({ addr, sizeBytes: size })) ?? [];
    this.#objects = slabs === undefined ? null : new VmapAreaObjects(slabs, cpus);
    this.#ranges = createRanges({
      ...space,
      granule,
      lazyMax: Infinity,
      ...(state && { state: { ...state, used } }),
      ...(onShortage && { onShortage }),
      ...(this.#objects && { records: this.#objects }),
      onPurge: (start, end) => {
        this.#removed.length = 0;
        onPurge?.(start, end);
      },
    });
    for (const area of state?.areas ?? []) if (area.flags !== 0) this.#areas.set(area.addr, { ...area });
    this.#vmallocStart = vmallocStart;
    this.#vmallocEnd = vmallocEnd;
    this.#pageShift = pageShift;
    this.#pageSize = granule;
    this.#ioremapMaxShift = ioremapMaxShift;
    const fls = 32 - Math.clz32(nrCpus);
    this.lazyMaxPages = (fls * LAZY_BYTES_A_CPU_BIT) / granule;
  }

  /**
   * Pages that were removed and wait for a purge.
   *
   * @returns how many, guard pages included.
   */
  get lazyPages(): number {
    return this.#ranges.lazyBytes / this.#pageSize;
  }

  /**
   * Reserves an area.
   *
   * @param sizeBytes - bytes that are to be usable.
   * @param flags - `VM_*` bits.
   * @param caller - who asks.
   * @param place - where it may lie.
   * @returns the area, of no pages yet; null for a size of 0, and when no addresses are left (`EBUSY`) or no memory (`ENOMEM`).
   * @throws KernelBug `BAD_SIZE` when the size is not a safe integer from 0 on.
   * @context task; may sleep.
   * @kernelName __get_vm_area_node
   */
  getVmArea(sizeBytes: number, flags: number, caller: string, place: AreaPlace = {}): VmArea | null {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > Number.MAX_SAFE_INTEGER - 2 * this.#pageSize) {
      throw new KernelBug('BAD_SIZE', `the size of an area must be an integer from 0 on, got ${sizeBytes}`, { sizeBytes });
    }
    const usable = alignUp(sizeBytes, this.#pageSize);
    if (usable === 0) return null;
    const size = (flags & VM_NO_GUARD) === 0 ? usable + this.#pageSize : usable;
    const addr = this.#reserve(size, (flags & VM_IOREMAP) === 0 ? (place.align ?? 1) : this.#deviceAlign(usable), place);
    return addr === NO_RANGE ? null : this.#addArea(addr, size, flags, caller);
  }

  /**
   * Finds the area that an address lies in, its guard page included.
   *
   * @param addr - any address.
   * @returns the area, or null.
   * @context any.
   * @kernelName find_vm_area
   */
  findVmArea(addr: KAddr): VmArea | null {
    // NO_RANGE is nobody's address.
    return this.#areas.get(this.#ranges.findRange(addr)) ?? null;
  }

  /**
   * Removes the area that an address lies in. Its addresses become lazy.
   *
   * @param addr - any address of it.
   * @returns what the area was, or null when there is none.
   * @context task; may sleep.
   * @kernelName remove_vm_area
   */
  removeVmArea(addr: KAddr): VmArea | null {
    const area = this.findVmArea(addr);
    if (area === null) return null;
    this.#areas.delete(area.addr);
    this.#removed.push(area);
    this.#ranges.freeRange(area.addr);
    return area;
  }

  /**
   * Reserves addresses that are no area: nobody's name, no guard page.
   *
   * @param sizeBytes - bytes, whole pages.
   * @param align - alignment of the address, a power of two.
   * @returns the address, or `NULL`.
   * @throws KernelBug `BAD_SIZE`.
   * @context task; may sleep.
   * @kernelName alloc_vmap_area
   */
  allocVmapArea(sizeBytes: number, align: number): KAddr {
    const addr = this.#reserve(sizeBytes, align, {});
    return addr === NO_RANGE ? NULL : addr;
  }

  /**
   * Reserves an area for each group of CPUs, as far from each other as given and as high as they fit.
   *
   * @param request - the groups.
   * @returns the areas, without guard pages and pages, by group; null when there is no room or no memory.
   * @throws KernelBug `BAD_SIZE` or `BAD_RANGE` when a size or an alignment makes no sense.
   * @context task; may sleep.
   * @kernelName pcpu_get_vm_areas
   */
  pcpuGetVmAreas(request: PcpuRequest): VmArea[] | null {
    const { align, caller, offsets, sizes, takeStruct = () => true } = request;
    if (!offsets.every(() => (this.#objects?.take(GFP_KERNEL) ?? true) && takeStruct())) {
      this.#objects?.giveBack();
      return null;
    }
    const wanted = { offsets, sizes, align, start: this.#vmallocStart, end: this.#vmallocEnd };
    let base = findCongruent(this.#ranges, wanted);
    if (base === NO_RANGE && this.purge()) base = findCongruent(this.#ranges, wanted);
    const found = base === NO_RANGE ? null : offsets.map((offset, group) => this.#takeAt(base + offset, sizes[group], caller));
    this.#objects?.giveBack();
    return found;
  }

  /**
   * Adds somebody to be asked when no addresses are left, after what is lazy was purged.
   *
   * @param free - gives up addresses; returns how many, in whatever unit. As long as somebody returns more than 0 the search is made again.
   * @kernelName register_vmap_purge_notifier
   */
  registerVmapPurgeNotifier(free: () => number): void {
    this.#purgeNotifiers.push(free);
  }

  /**
   * Counts `vmap_area` objects.
   *
   * @returns those of ranges and those that CPUs have in store; 0 when they take no memory.
   */
  get objectsInUse(): number {
    return this.#objects?.inUse ?? 0;
  }

  /**
   * Makes addresses lazy that are no area.
   *
   * @param addr - what {@link VmAreas.allocVmapArea} returned.
   * @throws KernelBug `BAD_RANGE` when that was something else.
   * @context task; may sleep.
   * @kernelName free_vmap_area_noflush
   */
  freeVmapArea(addr: KAddr): void {
    if (this.#areas.has(addr)) throw new KernelBug('BAD_RANGE', `there is an area at ${addr}`, { addr });
    this.#ranges.freeRange(addr);
  }

  /**
   * Tells whether addresses were reserved that are no area.
   *
   * @param addr - first address.
   * @param sizeBytes - bytes.
   * @returns true when they were, exactly those.
   * @context any.
   */
  isVmapArea(addr: KAddr, sizeBytes: number): boolean {
    const ranges = this.#ranges;
    return !this.#areas.has(addr) && ranges.findRange(addr) === addr && ranges.findRange(addr + sizeBytes - 1) === addr && ranges.findRange(addr + sizeBytes) !== addr;
  }

  ownerOf(addr: KAddr): OwnedAddresses {
    const area = this.findVmArea(addr);
    const usable = area === null ? 0 : this.usableBytes(area);
    if (area !== null) return { kind: addr < area.addr + usable ? 'area' : 'guard', addr: area.addr, sizeBytes: usable, caller: area.caller };
    const removed = this.#removed.findLast((one) => addr >= one.addr && addr < one.addr + one.size);
    if (removed !== undefined) return { kind: 'freed', addr: removed.addr, sizeBytes: this.usableBytes(removed), caller: removed.caller };
    return { kind: this.#ranges.findRange(addr) === NO_RANGE ? 'hole' : 'area', addr: null, sizeBytes: 0, caller: '' };
  }

  /**
   * Computes how much of an area its user may touch.
   *
   * @param area - the area.
   * @returns bytes: all but the guard page.
   * @context any.
   * @kernelName get_vm_area_size
   */
  usableBytes(area: Readonly<VmArea>): number {
    return (area.flags & VM_NO_GUARD) === 0 ? area.size - this.#pageSize : area.size;
  }

  /**
   * Makes all lazy addresses free.
   *
   * @returns true when there were any.
   * @context task; may sleep.
   * @kernelName vm_unmap_aliases
   */
  purge(): boolean {
    return this.#ranges.purge() > 0;
  }

  /**
   * Does what the worker does when it gets its turn: purges as long as too many pages are lazy.
   *
   * @context task; may sleep.
   * @kernelName drain_vmap_area_work
   */
  drainVmapAreaWork(): void {
    if (this.lazyPages > this.lazyMaxPages) this.purge();
  }

  /**
   * Writes the state down.
   *
   * @returns a copy.
   */
  exportState(): VmAreasState {
    const { free, lazy, root, used } = this.#ranges.exportState();
    const areas = used.map(({ addr, sizeBytes }): VmArea => ({
      ...(this.#areas.get(addr) ?? { addr, size: sizeBytes, flags: 0, nrPages: 0, physAddr: 0, caller: '' }),
    }));
    return { areas, free, root, lazy };
  }

  /**
   * Checks that every area has a range in use, and all that its ranges check.
   *
   * @throws KernelBug `CORRUPT_STATE` when a rule does not hold.
   */
  assertValid(): void {
    this.#ranges.assertValid();
    const { used } = this.#ranges.exportState();
    let found = 0;
    for (const { addr, sizeBytes } of used) {
      const area = this.#areas.get(addr);
      if (area === undefined) continue;
      found++;
      if (area.size !== sizeBytes) throw new KernelBug('CORRUPT_STATE', `the area at ${addr} does not take the ${sizeBytes} bytes of its range`);
    }
    if (found !== this.#areas.size) throw new KernelBug('CORRUPT_STATE', `${this.#areas.size - found} areas have no range in use`);
  }

  #reserve(size: number, align: number, { end = this.#vmallocEnd, gfp = GFP_KERNEL, start = this.#vmallocStart }: AreaPlace): number {
    if (this.#objects?.take(gfp) === false) return NO_RANGE;
    this.#objects?.preload(gfp);
    let addr: number;
    do addr = this.#ranges.allocRange(size, align, start, end);
    while (addr === NO_RANGE && this.#askForAddresses());
    this.#objects?.giveBack();
    return addr;
  }

  /** True when somebody gave up addresses. */
  #askForAddresses(): boolean {
    return this.#purgeNotifiers.reduce((sum, free) => sum + free(), 0) > 0;
  }

  /** Takes free addresses. */
  #takeAt(addr: KAddr, size: number, caller: string): VmArea {
    this.#ranges.allocRange(size, this.#pageSize, addr, addr + size);
    return this.#addArea(addr, size, VM_ALLOC, caller);
  }

  #addArea(addr: KAddr, size: number, flags: number, caller: string): VmArea {
    const area: VmArea = { addr, size, flags, nrPages: 0, physAddr: 0, caller };
    this.#areas.set(addr, area);
    return area;
  }

  #deviceAlign(usable: number): number {
    return 2 ** Math.min(Math.max(Math.ceil(Math.log2(usable)), this.#pageShift), this.#ioremapMaxShift);
  }
}
