/**
 * The pages of an area: taken, mapped, given back (vmalloc spec 4.1, 4.2, 13).
 *
 * ```
 * vm_struct (kmalloc)    addresses    list of pages (kmalloc, or an area of its own above one page)    pages    page tables
 * ```
 * in this order, which is the order in which the kernel takes them: it decides which pages they get.
 */
import {
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGHMEM,
  __GFP_NOFAIL,
  __GFP_NOWARN,
  __GFP_ZERO,
  EBUSY,
  GFP_RECLAIM_MASK,
  NO_PAGE,
  NULL,
  NUMA_NO_NODE,
  PAGE_KERNEL,
  VM_ALLOC,
  VM_NO_GUARD,
  VM_UNINITIALIZED,
  type Gfp,
  type KAddr,
  type NodeId,
  type Pfn,
  type PhysAddr,
  type VmArea,
} from '@kmem/contracts';
import { tableGfp, type HeldArea, type VmallocParts } from './vmalloc-parts.js';

/** Bytes of a `vm_struct`. */
const VM_STRUCT_BYTES = 64;
/** Pages that are asked for at a time. */
const BULK_PAGES = 100;

/** What an area is to be. */
export interface AreaRequest {
  /** Bytes. */
  readonly sizeBytes: number;
  /** Alignment in bytes. */
  readonly align: number;
  /** `VM_*` bits. */
  readonly flags: number;
  /** Flags for its pages. */
  readonly gfp: Gfp;
  /** log2 of the leaf that it is mapped in. */
  readonly shift: number;
  /** Who asks. */
  readonly caller: string;
  /** Lowest address. @default VMALLOC_START */
  readonly start?: KAddr;
  /** First address past the highest. @default VMALLOC_END */
  readonly end?: KAddr;
  /** Protection. @default PAGE_KERNEL */
  readonly prot?: number;
  /** Node that its pages come from. @default any */
  readonly node?: NodeId;
}

/**
 * Reserves addresses for an area.
 *
 * @param parts - the parts.
 * @param request - what it is to be.
 * @returns the area without pages; null without memory or addresses.
 */
export function reserveArea(parts: VmallocParts, request: AreaRequest): HeldArea | null {
  const { areas, held, kmalloc } = parts;
  const { align, caller, end, flags, gfp, shift, sizeBytes, start } = request;
  const size = Math.ceil(sizeBytes / 2 ** shift) * 2 ** shift;
  if (size === 0) return null;
  const struct = takeStruct(parts, gfp);
  if (struct === NULL) return null;
  const area = areas.getVmArea(size, flags, caller, { align, gfp: gfp & GFP_RECLAIM_MASK, ...(start !== undefined && { start }), ...(end !== undefined && { end }) });
  if (area === null) {
    kmalloc.kfree(struct);
    if ((gfp & __GFP_NOWARN) === 0) {
      const wanted = (flags & VM_NO_GUARD) === 0 ? size + parts.pageSize : size;
      parts.complain('ALLOC_FAILURE', `vmap allocation for size ${wanted} failed: use vmalloc=<size> to increase size`, { sizeBytes: wanted, error: EBUSY }, 'warn');
    }
    return null;
  }
  const found: HeldArea = { area, struct, pages: new Int32Array(0), list: null };
  held.set(area.addr, found);
  return found;
}

/**
 * Takes what describes an area.
 *
 * @param parts - the parts.
 * @param gfp - flags of the request.
 * @returns its address, or `NULL`.
 */
export function takeStruct({ kmalloc }: VmallocParts, gfp: Gfp): PhysAddr {
  return kmalloc.kmalloc(VM_STRUCT_BYTES, (gfp & GFP_RECLAIM_MASK) | __GFP_ZERO);
}

/**
 * Takes an area with pages.
 *
 * @param parts - the parts.
 * @param request - what it is to be.
 * @returns its address, or `NULL`: then everything that was taken is given back.
 */
export function takeArea(parts: VmallocParts, request: AreaRequest): KAddr {
  const { caller, gfp, prot = PAGE_KERNEL, sizeBytes } = request;
  const isNofail = (gfp & __GFP_NOFAIL) !== 0;
  const found = reserveArea(parts, { ...request, flags: request.flags | VM_ALLOC | VM_UNINITIALIZED });
  const giveUp = (): KAddr => {
    if (found !== null) dropArea(parts, found, true);
    return NULL;
  };
  const fail = (why: string): KAddr => {
    if ((gfp & __GFP_NOWARN) === 0) parts.complain('ALLOC_FAILURE', `vmalloc error: size ${sizeBytes}, ${why}`, { sizeBytes, caller }, 'warn');
    return giveUp();
  };
  if (found === null) return fail(`vm_struct allocation failed${isNofail ? '. Retrying.' : ''}`);
  const { area } = found;
  const nrPages = parts.areas.usableBytes(area) / parts.pageSize;
  if (!takeList(parts, found, nrPages, gfp, caller)) return fail('the list of its pages cannot be allocated');
  const order = request.shift - parts.mmu.pageShift;
  takePages(parts, found, nrPages, request);
  if (area.nrPages !== nrPages) {
    // Of a task that is about to end nobody wants to know.
    return isEnding(parts, gfp) ? giveUp() : fail(`page order ${order}, failed to allocate pages after ${area.nrPages * parts.pageSize} bytes`);
  }
  if (mapArea(parts, found, prot, tableGfp(gfp), order) < 0) return fail('failed to map pages');
  area.flags &= ~VM_UNINITIALIZED;
  return area.addr;
}

/** Takes the memory that the kernel would write the list of pages to. */
function takeList(parts: VmallocParts, found: HeldArea, nrPages: number, gfp: Gfp, caller: string): boolean {
  const bytes = nrPages * parts.pointerBytes;
  const nested = (gfp & GFP_RECLAIM_MASK) | __GFP_ZERO;
  if (bytes > parts.pageSize) {
    const addr = takeArea(parts, { sizeBytes: bytes, align: 1, flags: 0, gfp: nested, shift: parts.mmu.pageShift, caller });
    found.list = addr === NULL ? null : { addr };
  } else {
    const phys = parts.kmalloc.kmalloc(bytes, nested);
    found.list = phys === NULL ? null : { phys };
  }
  return found.list !== null;
}

/** True for a request that ends when its task is being killed. */
function isEnding({ fatalSignalPending }: VmallocParts, gfp: Gfp): boolean {
  return (gfp & __GFP_NOFAIL) === 0 && fatalSignalPending();
}

/** Takes as many pages as there are, up to `nrPages`: of order 0 in bulk, of a larger order and of a certain node block by block. */
function takePages(parts: VmallocParts, found: HeldArea, nrPages: number, { gfp, node = NUMA_NO_NODE, shift }: AreaRequest): void {
  const { mmu, pages } = parts;
  const order = shift - mmu.pageShift;
  const inZone = (gfp & (__GFP_DMA | __GFP_DMA32)) === 0 ? __GFP_HIGHMEM : 0;
  const flags = gfp | __GFP_NOWARN | inZone;
  const takeBlock = (blockGfp: Gfp): Pfn => (node === NUMA_NO_NODE ? pages.allocPages(blockGfp, order) : pages.allocPagesNode(node, blockGfp, order));
  const slots = new Int32Array(nrPages).fill(NO_PAGE);
  let got = 0;
  while (order === 0 && node === NUMA_NO_NODE && got < nrPages) {
    const wanted = Math.min(BULK_PAGES, nrPages - got);
    const filled = pages.allocPagesBulk(flags & ~__GFP_NOFAIL, wanted, slots.subarray(got, got + wanted));
    got += filled;
    if (filled < wanted) break;
  }
  while (got < nrPages && !isEnding(parts, gfp)) {
    const pfn = takeBlock(order === 0 ? flags : flags & ~__GFP_NOFAIL);
    if (pfn === NO_PAGE) break;
    // Each page is given back by itself.
    if (order > 0) pages.splitPage(pfn, order);
    for (let i = 0; i < 2 ** order; i++) slots[got++] = pfn + i;
  }
  found.pages = slots.subarray(0, got);
  found.area.nrPages = got;
}

function mapArea({ mmu, pageSize }: VmallocParts, { area, pages }: HeldArea, prot: number, gfp: Gfp, order: number): number {
  if (order === 0) return mmu.mapPages(area.addr, pages, prot, gfp);
  const bytes = pageSize * 2 ** order;
  for (let i = 0; i < pages.length; i += 2 ** order) {
    const error = mmu.mapRange(area.addr + i * pageSize, pages[i] * pageSize, bytes, prot, gfp, mmu.pageShift + order);
    if (error < 0) return error;
  }
  return 0;
}

/**
 * Unmaps an area, makes its addresses lazy, and gives back what was taken for it.
 *
 * @param parts - the parts.
 * @param found - the area.
 * @param withPages - whether its pages and their list go as well.
 */
export function dropArea(parts: VmallocParts, found: HeldArea, withPages: boolean): void {
  const { areas, held, kmalloc, mmu, pages } = parts;
  const { area, list, struct } = found;
  held.delete(area.addr);
  mmu.unmapRange(area.addr, area.size);
  areas.removeVmArea(area.addr);
  if (withPages) {
    for (const pfn of found.pages) pages.freePages(pfn, 0);
    if (list !== null) freeList(parts, list);
  }
  kmalloc.kfree(struct);
}

function freeList(parts: VmallocParts, list: NonNullable<HeldArea['list']>): void {
  if ('phys' in list) parts.kmalloc.kfree(list.phys);
  else {
    const nested = parts.held.get(list.addr);
    // The list of an area is an area that nobody else can free.
    if (nested !== undefined) dropArea(parts, nested, true);
  }
}

/**
 * Counts the pages that areas of vmalloc hold.
 *
 * @param areas - what there is.
 * @returns pages; those of mappings do not count.
 */
export function countVmallocPages(areas: Iterable<{ readonly area: VmArea }>): number {
  let sum = 0;
  for (const { area } of areas) if ((area.flags & VM_ALLOC) !== 0) sum += area.nrPages;
  return sum;
}

/**
 * Checks that each area has its addresses, its pages are mapped there, and nothing is mapped in its guard page.
 *
 * @param parts - the parts.
 * @throws KernelBug `CORRUPT_STATE` when something does not hold.
 */
export function assertValidHeld({ areas, complain, held, mmu, pageSize }: VmallocParts): void {
  for (const { area, pages } of held.values()) {
    if (areas.findVmArea(area.addr) !== area) complain('CORRUPT_STATE', `the area at ${area.addr} has no addresses`, { addr: area.addr });
    for (const [i, pfn] of pages.entries()) {
      if (mmu.addrToPfn(area.addr + i * pageSize) !== pfn) complain('CORRUPT_STATE', `page ${i} of the area at ${area.addr} is not mapped there`, { addr: area.addr });
    }
    const end = area.addr + areas.usableBytes(area);
    if (end < area.addr + area.size && mmu.pte(end) !== 0) complain('CORRUPT_STATE', `something is mapped in the guard page at ${end}`, { addr: end });
  }
}
