/** Pages of others at addresses of their own, and pages of areas elsewhere (vmalloc spec 5). */
import {
  _PAGE_NX,
  EINVAL,
  GFP_KERNEL,
  NULL,
  VM_DMA_COHERENT,
  VM_MAP_PUT_PAGES,
  VM_NO_GUARD,
  VM_USERMAP,
  type KAddr,
  type Pfn,
} from '@kmem/contracts';
import { dropArea, reserveArea } from './area-pages.js';
import type { VmallocParts } from './vmalloc-parts.js';

/** Pages to be shown. */
export interface MapRequest {
  /** The pages. */
  readonly pages: ArrayLike<Pfn>;
  /** `VM_*` bits. */
  readonly flags: number;
  /** Protection; execution is never allowed. */
  readonly prot: number;
  /** Who asks. */
  readonly caller: string;
}

/**
 * Shows pages.
 *
 * @param parts - the parts.
 * @param request - which, and how.
 * @returns the address; `NULL` for no pages, for more than all RAM, when one cannot be mapped, and where a frame can be seen at one address only.
 */
export function showPages(parts: VmallocParts, request: MapRequest): KAddr {
  const { complain, mmu, pageSize } = parts;
  const { caller, flags, pages, prot } = request;
  if (pages.length > parts.pages.managedPages) return NULL;
  if ((flags & VM_NO_GUARD) !== 0) complain('BAD_AREA', 'a mapping has a guard page', { flags }, 'warn');
  if (!mmu.aliases) {
    complain('BAD_MAPPING', 'pages cannot be shown twice: the memory of this machine is seen at one place only', { nrPages: pages.length }, 'warn');
    return NULL;
  }
  const found = reserveArea(parts, { sizeBytes: pages.length * pageSize, align: 1, flags: flags & ~VM_NO_GUARD, gfp: GFP_KERNEL, shift: mmu.pageShift, caller });
  if (found === null) return NULL;
  if (mmu.mapPages(found.area.addr, pages, prot | _PAGE_NX, GFP_KERNEL) < 0) {
    dropArea(parts, found, false);
    return NULL;
  }
  if ((flags & VM_MAP_PUT_PAGES) !== 0) {
    found.pages = Int32Array.from(pages);
    found.area.nrPages = pages.length;
  }
  return found.area.addr;
}

/** A part of an area. */
export interface AreaPart {
  /** The start of a page of the area. */
  readonly addr: KAddr;
  /** Bytes to show. */
  readonly sizeBytes: number;
  /** Pages to leave out, counted from `addr`. */
  readonly firstPage: number;
}

/**
 * Shows pages of an area somewhere else.
 *
 * @param parts - the parts.
 * @param part - which pages.
 * @param insert - shows one; gives 0 or a negative errno, which ends it.
 * @returns 0; what `insert` gave; `-EINVAL` for an area that is not for user space, and for more than there is of it.
 */
export function remapPages({ areas, mmu, pageSize }: VmallocParts, { addr, firstPage, sizeBytes }: AreaPart, insert: (pfn: Pfn) => number): number {
  const area = areas.findVmArea(addr);
  const nrPages = Math.ceil(sizeBytes / pageSize);
  if (area === null || addr % pageSize !== 0 || (area.flags & (VM_USERMAP | VM_DMA_COHERENT)) === 0) return -EINVAL;
  const left = area.addr + areas.usableBytes(area) - addr;
  if (!(firstPage >= 0 && nrPages >= 0 && (firstPage + nrPages) * pageSize <= left)) return -EINVAL;
  for (let page = firstPage; page < firstPage + nrPages; page++) {
    const error = insert(mmu.addrToPfn(addr + page * pageSize));
    if (error < 0) return error;
  }
  return 0;
}
