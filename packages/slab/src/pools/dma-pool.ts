/**
 * dma_pool: small blocks of memory for devices, cut out of pages and never across a boundary (slab spec 14).
 *
 * ```
 *  page of `allocation` bytes:  | block | block | ... | rest |     free blocks are chained by their offsets
 *  first --> page --> page                                         new pages come first, and are kept until the end
 * ```
 * A block that would end exactly on the boundary is left out, as in Linux: 64 bytes give 63 blocks in a page.
 * ```
 *   blocks in use of a page + blocks on its chain = blocks of a page
 * ```
 */
import { __GFP_ZERO, KernelBug, NO_PAGE, NULL } from '@kmem/contracts';
import type { Gfp, PageAllocator, Pfn, PhysAddr, PhysicalMemory, ReportSink } from '@kmem/contracts';
import { requireInteger } from '../option-checks.js';
import { badAddress, hex, report } from '../reports.js';

/** The least block, which holds its link, and the least that is taken from the page allocator. */
const LEAST_BLOCK = 4;
const LEAST_ALLOCATION = 4096;
/** Characters of a name that are kept. */
const NAME_LENGTH = 31;

/** Options of {@link createDmaPool}. */
export interface DmaPoolOptions {
  /** Name, of which 31 characters are kept. */
  readonly name: string;
  /** Bytes of a block. */
  readonly sizeBytes: number;
  /**
   * Alignment in bytes.
   * @defaultValue 1
   */
  readonly align?: number;
  /**
   * No block crosses a multiple of this.
   * @defaultValue that of a page
   */
  readonly boundary?: number;
  /** Where pages come from. */
  readonly pages: PageAllocator;
  /**
   * What a device adds to an address to reach it.
   * @defaultValue 0
   */
  readonly dmaOffset?: number;
  /** RAM, so that `__GFP_ZERO` has something to zero. */
  readonly memory?: PhysicalMemory;
  /** Receiver of reports. Without it a `bug` is thrown and a `warn` dropped. */
  readonly reports?: ReportSink;
}

/** A pool. */
export interface DmaPool {
  /** Name. */
  readonly name: string;
  /**
   * Takes a block.
   *
   * @param gfp - what may be done to get a page.
   * @returns its address, or `NULL`; `dmaOf` tells what a device must use.
   * @context any; the flags must not allow direct reclaim where sleeping is forbidden.
   * @kernelName dma_pool_alloc
   */
  alloc(gfp: Gfp): PhysAddr;
  /**
   * Tells the address by which a device reaches a block.
   *
   * @param addr - the block.
   * @returns the handle.
   * @context any.
   */
  dmaOf(addr: PhysAddr): number;
  /**
   * Gives a block back.
   *
   * @param addr - the block.
   * @param dma - its handle.
   * @throws KernelBug `BAD_OBJECT` for a handle of no page of the pool, or of another block; `DOUBLE_FREE`.
   * @context any.
   * @kernelName dma_pool_free
   */
  free(addr: PhysAddr, dma: number): void;
  /**
   * Gives the pages back. One with blocks in use is reported with `LIVE_OBJECTS`, a warning, and lost.
   *
   * @context task.
   * @kernelName dma_pool_destroy
   */
  destroy(): void;
  /**
   * Writes the pool's row of the file `pools`.
   *
   * @returns name, blocks in use, blocks by size alone, bytes of a block, pages.
   * @context any.
   */
  row(): string;
}

interface DmaPage {
  readonly pfn: Pfn;
  /** By a quarter of its offset: what follows a free block; {@link IN_USE} for others. */
  readonly chain: Int32Array;
  first: number;
  inUse: number;
}

const IN_USE = -1;

/**
 * Makes a pool.
 *
 * @param options - what it is to hold.
 * @returns the pool; null for what cannot be: no size, an alignment or a boundary that is no power of two, a boundary less than a block.
 * @throws RangeError when a number is no integer from 0 on.
 * @context task.
 * @kernelName dma_pool_create
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { createDmaPool } from '@kmem/slab';
 *
 * const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
 * const pool = createDmaPool({ name: 'descriptors', sizeBytes: 40, align: 64, pages });
 * const first = pool?.alloc(GFP_KERNEL) ?? 0;
 * (pool?.alloc(GFP_KERNEL) ?? 0) - first; // -> 64
 * ```
 */
export function createDmaPool(options: DmaPoolOptions): DmaPool | null {
  const { pages, dmaOffset = 0, memory = null, reports = null } = options;
  const shape = shapeOf(options);
  if (shape === null) return null;
  const { allocation, boundary, order, size } = shape;
  const name = options.name.slice(0, NAME_LENGTH);
  const pageSize = 2 ** pages.pageShift;
  let newestFirst: readonly DmaPage[] = [];

  function alloc(gfp: Gfp): PhysAddr {
    const page = newestFirst.find(({ first }) => first < allocation) ?? addPage(gfp);
    if (page === null) return NULL;
    const offset = page.first;
    page.first = page.chain[offset >> 2];
    page.chain[offset >> 2] = IN_USE;
    page.inUse++;
    const addr = page.pfn * pageSize + offset;
    if ((gfp & __GFP_ZERO) !== 0) memory?.fill(addr, size, 0);
    return addr;
  }

  function addPage(gfp: Gfp): DmaPage | null {
    const pfn = pages.allocPages(gfp & ~__GFP_ZERO, order);
    if (pfn === NO_PAGE) return null;
    const page = { pfn, chain: new Int32Array(allocation >> 2).fill(allocation), first: 0, inUse: 0 };
    let end = boundary;
    for (let offset = 0; offset < allocation; ) {
      let next = offset + size;
      if (next + size >= end) {
        next = end;
        end += boundary;
      }
      page.chain[offset >> 2] = next;
      offset = next;
    }
    newestFirst = [page, ...newestFirst];
    return page;
  }

  function free(addr: PhysAddr, dma: number): void {
    const page = newestFirst.find(({ pfn }) => dma - dmaOffset >= pfn * pageSize && dma - dmaOffset < pfn * pageSize + allocation);
    if (page === undefined) {
      report({ reports }, badAddress('BAD_OBJECT', name, addr, `dma_pool_free ${name}, ${hex(addr)}/${hex(dma)} (bad dma)`));
      return;
    }
    const offset = addr - page.pfn * pageSize;
    if (dma - dmaOffset !== addr || (offset % boundary) % size !== 0) {
      report({ reports }, badAddress('BAD_OBJECT', name, addr, `dma_pool_free ${name}, ${hex(addr)} (bad vaddr)/${hex(dma)}`));
      return;
    }
    if (isFree(page, offset)) {
      report({ reports }, badAddress('DOUBLE_FREE', name, addr, `dma_pool_free ${name}, dma ${hex(dma)} already free`));
      return;
    }
    page.chain[offset >> 2] = page.first;
    page.first = offset;
    page.inUse--;
  }

  function isFree(page: DmaPage, offset: number): boolean {
    for (let at = page.first; at < allocation; at = page.chain[at >> 2]) if (at === offset) return true;
    return page.chain[offset >> 2] !== IN_USE;
  }

  function destroy(): void {
    for (const { inUse, pfn } of newestFirst) {
      if (inUse === 0) pages.freePages(pfn, order);
      else report({ reports }, new KernelBug('LIVE_OBJECTS', `dma_pool_destroy ${name}, ${hex(pfn * pageSize)} busy`, { cache: name, pfn, inUse }, 'warn'));
    }
    newestFirst = [];
  }

  function row(): string {
    const inUse = newestFirst.reduce((sum, page) => sum + page.inUse, 0);
    const total = newestFirst.length * Math.floor(allocation / size);
    const numbers = [[inUse, 4], [total, 4], [size, 4], [newestFirst.length, 2]].map(([value, width]) => String(value).padStart(width));
    return `${name.padEnd(16)} ${numbers.join(' ')}`;
  }

  return { name, alloc, dmaOf: (addr) => addr + dmaOffset, free, destroy, row };
}

/**
 * Prints the file `pools` of a device.
 *
 * @param pools - its pools, in the order of the file.
 * @returns the whole text.
 * @context any.
 */
export function formatDmaPools(pools: readonly DmaPool[]): string {
  return ['poolinfo - 0.1', ...pools.map((pool) => pool.row()), ''].join('\n');
}

function shapeOf({ align: asked = 1, boundary: least = 0, pages, sizeBytes }: DmaPoolOptions): { size: number; allocation: number; boundary: number; order: number } | null {
  for (const [option, value] of [['sizeBytes', sizeBytes], ['align', asked], ['boundary', least]] as const) requireInteger(option, value, 0, 2 ** 30);
  const align = Math.max(asked, 1);
  if (sizeBytes === 0 || !isPowerOfTwo(align)) return null;
  const size = Math.ceil(Math.max(sizeBytes, LEAST_BLOCK) / align) * align;
  const allocation = Math.max(size, LEAST_ALLOCATION);
  if (least !== 0 && (least < size || !isPowerOfTwo(least))) return null;
  const order = Math.max(Math.ceil(Math.log2(allocation)) - pages.pageShift, 0);
  return { size, allocation, boundary: least === 0 ? allocation : Math.min(least, allocation), order };
}

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
