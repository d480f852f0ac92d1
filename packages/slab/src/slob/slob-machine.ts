/**
 * What the caches and the kmalloc of one SLOB share: its pages, and the way from an address to whose memory it is.
 *
 * ```
 *  slotOf[frame]   0 nobody's    > 0 slot of a page that many share    < 0 pages of one object: -(2 * cache), one less while it waits for readers
 * ```
 */
import { __GFP_ZERO, NULL } from '@kmem/contracts';
import type { FrameTable, Order, PageAllocator, Pfn, PhysAddr, PhysicalMemory, ReportSink } from '@kmem/contracts';
import { createSlobPages, NO_BLOCK, UNIT, type SlobPages } from './slob-pages.js';

/** Owner of memory that is free. */
export const FREE = 0;
/** Owner of what kmalloc took. Caches have the numbers behind it; negative, they mean an object that waits for readers. */
export const KMALLOC_OWNER = 1;

/** What a machine is made of. */
export interface SlobParts {
  /** Where pages come from. */
  readonly pages: PageAllocator;
  /** The table that allocator keeps. */
  readonly frames: FrameTable;
  /** RAM, or null for addresses alone. */
  readonly memory: PhysicalMemory | null;
  /** Receiver of reports, or null. */
  readonly reports: ReportSink | null;
  /** Runs functions after a grace period. */
  readonly callRcu: (callback: () => void) => void;
}

/** The parts, and what is made of them. */
export interface SlobMachine extends SlobParts {
  /** Bytes of a page. */
  readonly pageSize: number;
  /** The pages that objects share. */
  readonly shared: SlobPages;
  /** Notes pages that one object of a cache has to itself. */
  readonly noteAlone: (pfn: Pfn, order: Order, owner: number) => void;
  /** By number of the cache: log2 of the pages of an object that has its own. */
  readonly orders: number[];
  /** First byte of the block, in use or free, around an address; `NULL` for none. Takes any number. */
  readonly blockAt: (addr: PhysAddr) => PhysAddr;
  /** Whose the block is that begins at an address. */
  readonly ownerOf: (start: PhysAddr) => number;
  /** Gives the block that begins at an address another owner. */
  readonly setOwner: (start: PhysAddr, owner: number) => void;
  /** Bytes of the block in use that begins at an address in a shared page. */
  readonly sizeOf: (start: PhysAddr) => number;
  /** Gives the block in use back that begins at an address. */
  readonly give: (start: PhysAddr) => void;
  /** Whether an address lies in a page of this allocator. Takes any number. */
  readonly isOurs: (addr: PhysAddr) => boolean;
}

/**
 * Makes the machine.
 *
 * @param parts - pages, frame table, memory, who is told.
 * @returns it, without pages.
 */
export function createSlobMachine(parts: SlobParts): SlobMachine {
  const { frames, pages } = parts;
  const { nrFrames, pageShift } = frames;
  const pageSize = 2 ** pageShift;
  const slotOf = new Int32Array(nrFrames);
  const orders: number[] = [];
  const shared = createSlobPages({
    takePage: (gfp) => pages.allocPages(gfp & ~__GFP_ZERO, 0),
    givePage: (pfn) => {
      pages.freePages(pfn, 0);
    },
    slotOf,
    pageShift,
  });

  function slotAt(addr: PhysAddr): number {
    const pfn = Math.floor(addr / pageSize);
    return Number.isInteger(addr) && pfn > 0 && pfn < nrFrames ? slotOf[pfn] : 0;
  }

  function blockAt(addr: PhysAddr): PhysAddr {
    const slot = slotAt(addr);
    if (slot === 0) return NULL;
    const pfn = Math.floor(addr / pageSize);
    if (slot < 0) return (pfn - (pfn % 2 ** orders[-slot >> 1])) * pageSize;
    const unit = shared.blockAround(slot, Math.floor((addr - pfn * pageSize) / UNIT));
    return unit === NO_BLOCK ? NULL : pfn * pageSize + unit * UNIT;
  }

  function ownerOf(start: PhysAddr): number {
    const slot = slotAt(start);
    if (slot < 0) return (-slot & 1) === 0 ? -slot >> 1 : -(-slot >> 1);
    const unit = unitAt(start);
    return shared.sizeAt(slot, unit) > 0 ? shared.ownerAt(slot, unit) : FREE;
  }

  function setOwner(start: PhysAddr, owner: number): void {
    const slot = slotAt(start);
    if (slot < 0) markAlone(start / pageSize, orders[Math.abs(owner)], owner);
    else shared.setOwner(slot, unitAt(start), owner);
  }

  function markAlone(pfn: Pfn, order: Order, owner: number): void {
    slotOf.fill(owner > 0 ? -2 * owner : 2 * owner - 1, pfn, pfn + 2 ** order);
  }

  function give(start: PhysAddr): void {
    const slot = slotAt(start);
    if (slot > 0) {
      shared.give(slot, unitAt(start));
      return;
    }
    const pfn = start / pageSize;
    const order = orders[-slot >> 1];
    slotOf.fill(0, pfn, pfn + 2 ** order);
    pages.freePages(pfn, order);
  }

  function unitAt(addr: PhysAddr): number {
    return (addr % pageSize) / UNIT;
  }

  const sizeOf = (start: PhysAddr): number => shared.sizeAt(slotAt(start), unitAt(start));
  const isOurs = (addr: PhysAddr): boolean => slotAt(addr) !== 0;
  return { ...parts, pageSize, shared, noteAlone: markAlone, orders, blockAt, ownerOf, setOwner, sizeOf, give, isOurs };
}
