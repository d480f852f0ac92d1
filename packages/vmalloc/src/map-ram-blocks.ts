/**
 * MapRamBlocks: addresses for vm_map_ram, taken in blocks by each CPU (vmalloc spec 7).
 *
 * ```
 *  a block of a CPU, aligned to its size
 *  | shown and ended (dirty) | shown |         free          |
 *  0                                 size - free          size      pages
 *
 *  free + dirty + shown = size      what is free lies at the end; what is dirty is not used again
 *  a block with free = 0 is on no CPU's list; with dirty = size it is gone
 * ```
 */
import { __GFP_ZERO, GFP_KERNEL, NULL, type KAddr, type PhysAddr } from '@kmem/contracts';
import type { VmallocParts } from './vmalloc-parts.js';

/** Bytes of a `vmap_block` with pointers of 8 bytes. */
const VMAP_BLOCK_BYTES = 96;
const MOST_PAGES = 1024;
const BLOCKS_A_CPU = 16;
const SPACE_BYTES = { 32: 128 * 2 ** 20, 64: 128 * 2 ** 30 } as const;

interface MapRamBlock {
  readonly addr: KAddr;
  readonly cpu: number;
  readonly record: PhysAddr;
  free: number;
  dirty: number;
  dirtyMin: number;
  dirtyMax: number;
}

/**
 * Computes how many pages a block has.
 *
 * @param bitsPerLong - width of an address.
 * @param nrCpus - CPUs that the kernel is built for.
 * @param pageSize - page size in bytes.
 * @returns pages, a power of two.
 */
export function mapRamBlockPages(bitsPerLong: 32 | 64, nrCpus: number, pageSize: number): number {
  const share = SPACE_BYTES[bitsPerLong] / pageSize / 2 ** Math.ceil(Math.log2(nrCpus)) / BLOCKS_A_CPU;
  return Math.min(MOST_PAGES, Math.max(2 * bitsPerLong, share));
}

/** The blocks of all CPUs. */
export class MapRamBlocks {
  /** Pages of a block. */
  readonly blockPages: number;
  readonly #parts: VmallocParts;
  readonly #blockBytes: number;
  /** By CPU: blocks with something free, the oldest first. */
  readonly #lists: MapRamBlock[][];
  /** By first address divided by the size. */
  readonly #byNumber = new Map<number, MapRamBlock>();

  /**
   * @param parts - the parts.
   * @param blockPages - pages of a block.
   */
  constructor(parts: VmallocParts, blockPages: number) {
    this.#parts = parts;
    this.blockPages = blockPages;
    this.#blockBytes = blockPages * parts.pageSize;
    this.#lists = Array.from({ length: parts.cpus.nrCpus }, () => []);
  }

  /**
   * Takes addresses from a block of the current CPU.
   *
   * @param order - log2 of the pages.
   * @returns the address, or `NULL`.
   */
  take(order: number): KAddr {
    const count = 2 ** order;
    const list = this.#lists[this.#parts.cpus.cpu];
    let block = list.find(({ free }) => free >= count);
    if (block === undefined) {
      const made = this.#makeBlock();
      if (made === null) return NULL;
      list.push(made);
      block = made;
    }
    const addr = block.addr + (this.blockPages - block.free) * this.#parts.pageSize;
    block.free -= count;
    if (block.free === 0) list.splice(list.indexOf(block), 1);
    return addr;
  }

  /**
   * Gives addresses back. They are not used again before the whole block is.
   *
   * @param addr - what {@link MapRamBlocks.take} returned.
   * @param order - log2 of the pages.
   * @returns false when no block has them.
   */
  give(addr: KAddr, order: number): boolean {
    const block = this.#byNumber.get(Math.floor(addr / this.#blockBytes));
    if (block === undefined) return false;
    const first = (addr - block.addr) / this.#parts.pageSize;
    const past = first + 2 ** order;
    if (past > this.blockPages - block.free) return false;
    this.#parts.mmu.unmapRange(addr, this.#parts.pageSize * 2 ** order);
    block.dirtyMin = Math.min(block.dirtyMin, first);
    block.dirtyMax = Math.max(block.dirtyMax, past);
    block.dirty += 2 ** order;
    if (block.dirty === this.blockPages) this.#drop(block);
    return true;
  }

  /** Gives up blocks of which nothing is shown and something is free. */
  dropFragmented(): void {
    for (const list of this.#lists) {
      for (const block of [...list]) {
        if (block.free + block.dirty !== this.blockPages || block.dirty === this.blockPages) continue;
        list.splice(list.indexOf(block), 1);
        this.#drop(block);
      }
    }
  }

  /**
   * Finds what was shown in blocks and is not any more.
   *
   * @returns first address and first past the last; null when there is nothing.
   */
  dirtyRange(): { readonly start: KAddr; readonly end: KAddr } | null {
    let found: { start: KAddr; end: KAddr } | null = null;
    for (const { addr, dirty, dirtyMax, dirtyMin } of this.#lists.flat()) {
      if (dirty === 0 || dirty === this.blockPages) continue;
      const start = addr + dirtyMin * this.#parts.pageSize;
      const end = addr + dirtyMax * this.#parts.pageSize;
      found = found === null ? { start, end } : { start: Math.min(found.start, start), end: Math.max(found.end, end) };
    }
    return found;
  }

  #makeBlock(): MapRamBlock | null {
    const { areas, cpus, kmalloc } = this.#parts;
    const record = kmalloc.kmalloc(VMAP_BLOCK_BYTES, GFP_KERNEL | __GFP_ZERO);
    if (record === NULL) return null;
    const addr = areas.allocVmapArea(this.#blockBytes, this.#blockBytes);
    if (addr === NULL) {
      kmalloc.kfree(record);
      return null;
    }
    const block = { addr, cpu: cpus.cpu, record, free: this.blockPages, dirty: 0, dirtyMin: this.blockPages, dirtyMax: 0 };
    this.#byNumber.set(Math.floor(addr / this.#blockBytes), block);
    return block;
  }

  #drop(block: MapRamBlock): void {
    this.#byNumber.delete(Math.floor(block.addr / this.#blockBytes));
    this.#parts.areas.freeVmapArea(block.addr);
    this.#parts.kmalloc.kfree(block.record);
  }
}
