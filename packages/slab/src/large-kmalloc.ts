/**
 * Requests of the kmalloc family that no cache holds: whole blocks of pages (slab spec 1.5).
 *
 * ```
 *  takes 2 ** order pages, compound where there are several      the address is the first byte of the block
 *  frees by the address alone: the block's head knows its order
 * ```
 */
import {
  __GFP_COMP, __GFP_ZERO, BLOCK_ORDER_MASK, BLOCK_TAIL, KernelBug, NO_PAGE, NULL, PG_head, PG_slab,
  type FrameTable, type Gfp, type KernelBugCode, type NodeId, type PageAllocator, type Pfn, type PhysAddr, type PhysicalMemory, type ReportSink,
} from '@kmem/contracts';
import { hex, report } from './reports.js';

/** What large requests stand on. */
export interface LargeKmallocOptions {
  /** Where pages come from. Must keep `frames` and honour `__GFP_COMP`. */
  readonly pages: PageAllocator;
  /** The frame table that `pages` keeps. */
  readonly frames: FrameTable;
  /** RAM to be zeroed, or null. */
  readonly memory: PhysicalMemory | null;
  /** Receiver of reports, or null. */
  readonly reports: ReportSink | null;
  /** log2 of the pages of the smallest request that comes here. */
  readonly leastOrder: 0 | 1;
}

/** The calls. */
export interface LargeKmalloc {
  /** Takes memory: first byte; `ZERO_SIZE_PTR` is not its business; `NULL` without memory or for what is no size, which is reported. */
  readonly alloc: (sizeBytes: number, gfp: Gfp, node: NodeId) => PhysAddr;
  /** Gives back what starts at the address, or reports that nothing does. */
  readonly free: (addr: PhysAddr) => void;
  /** Bytes of what starts at the address; 0 after a report that nothing does. */
  readonly sizeOf: (addr: PhysAddr) => number;
  /** First frame of the block that an address lies in; 0 for none. */
  readonly headOf: (addr: PhysAddr) => Pfn;
  /** Pages in use by such requests. */
  readonly nrPages: () => number;
}

/**
 * Makes the calls.
 *
 * @param options - the page allocator, and who is told of misuse.
 * @returns the calls.
 */
export function createLargeKmalloc(options: LargeKmallocOptions): LargeKmalloc {
  const { pages, frames, memory, leastOrder } = options;
  const { block, flags, owner, pageShift, refcount } = frames;
  const pageSize = 2 ** pageShift;
  let nrPages = 0;

  function alloc(sizeBytes: number, gfp: Gfp, node: NodeId): PhysAddr {
    if (!Number.isInteger(sizeBytes) || sizeBytes < 0) {
      complain('BAD_SIZE', `size is ${String(sizeBytes)}, expected an integer from 0 on`, { sizeBytes });
      return NULL;
    }
    const order = Math.max(Math.ceil(Math.log2(sizeBytes)) - pageShift, 0);
    const pfn = pages.allocPagesNode(node, (gfp & ~__GFP_ZERO) | (order === 0 ? 0 : __GFP_COMP), order);
    if (pfn === NO_PAGE) return NULL;
    nrPages += 2 ** order;
    const addr = pfn * pageSize;
    if ((gfp & __GFP_ZERO) !== 0) memory?.fill(addr, pageSize * 2 ** order, 0);
    return addr;
  }

  function free(addr: PhysAddr): void {
    const pfn = headOf(addr);
    if (!starts(pfn, addr)) {
      complain('BAD_OBJECT', `${hex(addr)} is freed and is not memory that kmalloc handed out`, { addr });
      return;
    }
    const order = (flags[pfn] & (1 << PG_head)) === 0 ? 0 : block[pfn] & BLOCK_ORDER_MASK;
    if (order < leastOrder) {
      // This page is somebody else's, and Linux frees it all the same.
      complain('BAD_OBJECT', `${hex(addr)} is freed by kfree and came from the page allocator`, { addr, pfn }, 'warn');
    } else {
      nrPages -= 2 ** order;
    }
    pages.freePages(pfn, order);
  }

  function sizeOf(addr: PhysAddr): number {
    const pfn = headOf(addr);
    if (starts(pfn, addr)) return pageSize * 2 ** (block[pfn] & BLOCK_ORDER_MASK);
    complain('BAD_OBJECT', `${hex(addr)} is not memory that kmalloc handed out`, { addr });
    return 0;
  }

  /** A compound page, or a page alone, that starts at the address and that somebody holds. */
  function starts(pfn: Pfn, addr: PhysAddr): boolean {
    return pfn > 0 && pfn * pageSize === addr && refcount[pfn] > 0 && (flags[pfn] & (1 << PG_slab)) === 0;
  }

  function headOf(addr: PhysAddr): Pfn {
    const pfn = Math.floor(addr / pageSize);
    if (!(pfn > 0 && pfn < frames.nrFrames)) return 0;
    return (block[pfn] & BLOCK_TAIL) !== 0 ? owner[pfn] : pfn;
  }

  function complain(code: KernelBugCode, what: string, fields: Record<string, number>, severity: 'bug' | 'warn' = 'bug'): void {
    report(options, new KernelBug(code, what, fields, severity));
  }

  return { alloc, free, sizeOf, headOf, nrPages: () => nrPages };
}
