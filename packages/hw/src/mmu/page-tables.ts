/**
 * PageTables: the page tables of the kernel's address space (vmalloc spec 5, 12).
 *
 * ```
 *             47       39 38       30 29       21 20       12 11       0
 *   x86_64    | top 9     | 9         | 9         | 9         | offset  |     leaves of 4 KiB, 2 MiB, 1 GiB
 *   i386                   31         22 21        12          offset         leaves of 4 KiB, 4 MiB
 *   i386, PAE       31 30 | 29     21 | 20         12          offset         leaves of 4 KiB, 2 MiB
 *
 *   table t        entries[t * stride] and up; table 0 is the top one
 *   entry          0, a leaf: an entry as the Mmu contract has it, or   table below * PTE_FRAME + TABLE
 *   frame of t     tableFrames[t]: a page of the page allocator; NO_PAGE for the upper tables and those of the direct map, which boot makes
 *   spare tables   have neither a frame nor an entry
 * ```
 * Tables are made when something is mapped, and stay when it is unmapped. On x86_64 an empty one gives way to a larger leaf in its place; elsewhere
 * its pages are mapped one by one. Entries do not lie in the simulated RAM; only the frames of tables are taken.
 */
import {
  __GFP_ZERO,
  _PAGE_ACCESSED,
  _PAGE_DIRTY,
  _PAGE_PRESENT,
  _PAGE_PSE,
  _PAGE_RW,
  EBUSY,
  EINVAL,
  ENOMEM,
  KernelBug,
  NO_PAGE,
  PAGE_KERNEL,
  PTE_FRAME,
  type Gfp,
  type KAddr,
  type Mmu,
  type PageAllocator,
  type Pfn,
  type PhysAddr,
  type ReportSink,
} from '@kmem/contracts';
import type { ByteRange } from '../memory-map.js';
import { requireInteger } from '../option-checks.js';
import type { Tlb } from './tlb.js';

const TABLE = _PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY;
const FIRST_TABLES = 8;

/** The kinds of tables. */
export interface TableShape {
  /** Bits of an address that choose an entry, top level first. */
  readonly levelBits: readonly number[];
  /** log2 of the sizes of the leaves, pages first. */
  readonly leafShifts: readonly number[];
  /** Levels, from the top, whose tables boot makes. */
  readonly bootLevels: number;
  /** True when an empty table is freed for a larger leaf in its place. */
  readonly freesTables: boolean;
  /** Addresses are from here on ... */
  readonly lowest: KAddr;
  /** ... and below this. */
  readonly limit: KAddr;
}

/** Page tables by name. */
export const TABLE_SHAPES: Readonly<Record<'x86_64' | 'i386' | 'i386-pae', TableShape>> = Object.freeze({
  x86_64: { levelBits: [9, 9, 9, 9], leafShifts: [12, 21, 30], bootLevels: 2, freesTables: true, lowest: -(2 ** 47), limit: 2 ** 47 },
  i386: { levelBits: [10, 10], leafShifts: [12, 22], bootLevels: 1, freesTables: false, lowest: 0, limit: 2 ** 32 },
  'i386-pae': { levelBits: [2, 9, 9], leafShifts: [12, 21], bootLevels: 2, freesTables: false, lowest: 0, limit: 2 ** 32 },
});

/** What tables need of the page allocator. */
export type TablePages = Pick<PageAllocator, 'allocPages' | 'freePages'>;

/** Options of {@link PageTables}. */
export interface PageTablesOptions {
  /** Kind of tables. */
  readonly shape: TableShape;
  /** Gives the pages of tables. */
  readonly pages: TablePages;
  /** Frames that may be mapped by {@link Mmu.mapPages}: those below this. */
  readonly nrFrames: number;
  /** What boot maps: physical ranges, whole pages, at `start` plus their address. @default nothing */
  readonly directMap?: { readonly start: KAddr; readonly ranges: readonly ByteRange[] };
  /** What CPUs remember. @default nothing */
  readonly tlb?: Tlb;
  /** Receives warnings about mappings that are refused. @default they are dropped */
  readonly reports?: ReportSink;
}

/** Page tables of one address space. */
export class PageTables implements Mmu {
  readonly pageShift: number;
  readonly leafShifts: readonly number[];
  readonly aliases = true;
  readonly #shape: TableShape;
  readonly #pages: TablePages;
  readonly #nrFrames: number;
  readonly #tlb: Tlb | null;
  readonly #reports: ReportSink | null;
  readonly #pageSize: number;
  readonly #stride: number;
  /** By level: log2 of the bytes that one entry stands for, and the mask of the index. */
  readonly #shifts: readonly number[];
  readonly #masks: readonly number[];
  readonly #tableFrames: Pfn[] = [NO_PAGE];
  /** Numbers of spare tables. */
  readonly #spare: number[] = [];
  #entries: Float64Array;

  /**
   * @param options - kind of tables, and what they work with.
   * @throws TypeError or RangeError when an option is out of range.
   */
  constructor(options: PageTablesOptions) {
    const { shape, pages, nrFrames, directMap, tlb = null, reports = null } = options;
    requireInteger('nrFrames', nrFrames, 1, 2 ** 40);
    this.#shape = shape;
    this.#pages = pages;
    this.#nrFrames = nrFrames;
    this.#tlb = tlb;
    this.#reports = reports;
    this.leafShifts = shape.leafShifts;
    this.pageShift = shape.leafShifts[0];
    this.#pageSize = 2 ** this.pageShift;
    this.#stride = 2 ** Math.max(...shape.levelBits);
    this.#masks = shape.levelBits.map((bits) => 2 ** bits - 1);
    this.#shifts = shape.levelBits.map((_, level) => shape.levelBits.slice(level + 1).reduce((sum, bits) => sum + bits, this.pageShift));
    this.#entries = new Float64Array(FIRST_TABLES * this.#stride);
    const largest = shape.leafShifts[shape.leafShifts.length - 1];
    for (const { start, end } of directMap?.ranges ?? []) this.#map((directMap?.start ?? 0) + start, start, end - start, PAGE_KERNEL, null, largest);
  }

  /**
   * Lists the pages that tables have from the page allocator.
   *
   * @returns their frames, by the number of the table: the order in which they were taken, as long as none was freed.
   */
  get tableFrames(): readonly Pfn[] {
    return this.#tableFrames.filter((pfn) => pfn !== NO_PAGE);
  }

  mapPages(addr: KAddr, pages: ArrayLike<Pfn>, prot: number, gfp: Gfp): number {
    for (let i = 0; i < pages.length; i++) {
      const error = this.#mapPage(addr + i * this.#pageSize, pages[i], prot, gfp);
      if (error !== 0) return error;
    }
    return 0;
  }

  mapRange(addr: KAddr, phys: PhysAddr, sizeBytes: number, prot: number, gfp: Gfp, maxShift: number): number {
    return this.#map(addr, phys, sizeBytes, prot, gfp, maxShift);
  }

  unmapRange(addr: KAddr, sizeBytes: number): void {
    const end = Math.min(addr + sizeBytes, this.#shape.limit);
    for (let at = Math.max(addr, this.#shape.lowest); at < end; ) {
      let table = 0;
      for (let level = 0; ; level++) {
        const slot = this.#slot(table, level, at);
        const entry = this.#entries[slot];
        if (entry === 0 || this.#isLeaf(entry, level)) {
          this.#entries[slot] = 0;
          at = this.#nextEntry(at, level);
          break;
        }
        table = Math.floor(entry / PTE_FRAME);
      }
    }
  }

  flushTlbKernelRange(start: KAddr, end: KAddr): void {
    this.#tlb?.flushRange(Math.floor(start / this.#pageSize), Math.ceil(end / this.#pageSize));
  }

  addrToPfn(addr: KAddr): Pfn {
    const entry = this.pte(addr);
    return entry === 0 ? NO_PAGE : Math.floor(entry / PTE_FRAME);
  }

  pte(addr: KAddr): number {
    if (!this.#isAddress(addr)) return 0;
    let table = 0;
    for (let level = 0; ; level++) {
      const entry = this.#entries[this.#slot(table, level, addr)];
      if (entry === 0) return 0;
      if (this.#isLeaf(entry, level)) {
        const inside = Math.floor(addr / this.#pageSize) - Math.floor(addr / 2 ** this.#shifts[level]) * 2 ** (this.#shifts[level] - this.pageShift);
        return entry + inside * PTE_FRAME;
      }
      table = Math.floor(entry / PTE_FRAME);
    }
  }

  /**
   * Reads the entries on the way to an address, as an Oops prints them.
   *
   * @param addr - any address.
   * @returns one number a level, top level first, ending with the first that is 0 or a leaf: frame times page size, plus protection. A table
   * that boot made has no frame, and counts as frame 0.
   */
  walk(addr: KAddr): bigint[] {
    const found: bigint[] = [];
    if (!this.#isAddress(addr)) return found;
    let table = 0;
    for (let level = 0; ; level++) {
      const entry = this.#entries[this.#slot(table, level, addr)];
      const frame = Math.floor(entry / PTE_FRAME);
      const isLeaf = this.#isLeaf(entry, level);
      const pfn = entry === 0 || isLeaf ? frame : Math.max(this.#tableFrames[frame], 0);
      const prot = entry % PTE_FRAME;
      found.push((BigInt(pfn) << BigInt(this.pageShift)) | BigInt(prot & 0xfff) | (BigInt(prot >> 12) << 63n));
      if (entry === 0 || isLeaf) return found;
      table = frame;
    }
  }

  #isAddress(addr: KAddr): boolean {
    return addr >= this.#shape.lowest && addr < this.#shape.limit;
  }

  #slot(table: number, level: number, addr: KAddr): number {
    // The operator takes the low 32 bits of the page number, of either sign: all levels lie in them but for those it masks away.
    return table * this.#stride + (Math.floor(addr / 2 ** this.#shifts[level]) & this.#masks[level]);
  }

  #isLeaf(entry: number, level: number): boolean {
    return level === this.#shifts.length - 1 || (entry % PTE_FRAME & _PAGE_PSE) !== 0;
  }

  #nextEntry(addr: KAddr, level: number): KAddr {
    const size = 2 ** this.#shifts[level];
    return (Math.floor(addr / size) + 1) * size;
  }

  #mapPage(addr: KAddr, pfn: Pfn, prot: number, gfp: Gfp): number {
    if (pfn === NO_PAGE) return this.#refuse(ENOMEM, addr, 'there is no page to be mapped');
    if (!(Number.isInteger(pfn) && pfn >= 0 && pfn < this.#nrFrames)) return this.#refuse(EINVAL, addr, `${pfn} is no frame of the memory`);
    return this.#putLeaf(addr, pfn, prot, gfp, this.pageShift);
  }

  #map(addr: KAddr, phys: PhysAddr, sizeBytes: number, prot: number, gfp: Gfp | null, maxShift: number): number {
    for (let done = 0; done < sizeBytes; ) {
      const shift = this.#largestLeaf(addr + done, phys + done, sizeBytes - done, maxShift);
      const error = this.#putLeaf(addr + done, (phys + done) / this.#pageSize, prot, gfp, shift);
      if (error !== 0) return error;
      done += 2 ** shift;
    }
    return 0;
  }

  #largestLeaf(addr: KAddr, phys: PhysAddr, sizeBytes: number, maxShift: number): number {
    for (let i = this.leafShifts.length - 1; i > 0; i--) {
      const size = 2 ** this.leafShifts[i];
      const fits = this.leafShifts[i] <= maxShift && sizeBytes >= size && addr % size === 0 && phys % size === 0;
      if (fits && (this.#shape.freesTables || !this.#hasTable(addr, this.leafShifts[i]))) return this.leafShifts[i];
    }
    return this.pageShift;
  }

  /** Tells whether a table lies where a leaf would be. */
  #hasTable(addr: KAddr, shift: number): boolean {
    let table = 0;
    for (let level = 0; ; level++) {
      const entry = this.#entries[this.#slot(table, level, addr)];
      if (entry === 0 || this.#isLeaf(entry, level)) return false;
      if (this.#shifts[level] === shift) return true;
      table = Math.floor(entry / PTE_FRAME);
    }
  }

  /** Writes an entry, and the tables on the way to it; `gfp` is null while booting. */
  #putLeaf(addr: KAddr, pfn: Pfn, prot: number, gfp: Gfp | null, shift: number): number {
    if (!this.#isAddress(addr)) return this.#refuse(EINVAL, addr, 'it is no address');
    let table = 0;
    for (let level = 0; ; level++) {
      const slot = this.#slot(table, level, addr);
      const entry = this.#entries[slot];
      if (this.#shifts[level] === shift) {
        if (!this.#dropTables(slot, level, addr)) return this.#refuse(EBUSY, addr, 'it is mapped already');
        this.#entries[slot] = pfn * PTE_FRAME + (shift === this.pageShift ? prot : prot | _PAGE_PSE);
        return 0;
      }
      if (entry !== 0 && this.#isLeaf(entry, level)) return this.#refuse(EBUSY, addr, 'it is mapped already');
      table = entry === 0 ? this.#addTable(slot, level + 1, gfp) : Math.floor(entry / PTE_FRAME);
      if (table === 0) return -ENOMEM;
    }
  }

  /** Makes a table of a level below an entry; 0 when there is no memory. */
  #addTable(slot: number, level: number, gfp: Gfp | null): number {
    const isCounted = gfp !== null && level >= this.#shape.bootLevels;
    const pfn = isCounted ? this.#pages.allocPages(gfp | __GFP_ZERO, 0) : NO_PAGE;
    if (isCounted && pfn === NO_PAGE) return 0;
    const table = this.#spare.pop() ?? this.#tableFrames.length;
    this.#tableFrames[table] = pfn;
    if ((table + 1) * this.#stride > this.#entries.length) {
      const larger = new Float64Array(this.#entries.length * 2);
      larger.set(this.#entries);
      this.#entries = larger;
    }
    this.#entries[slot] = table * PTE_FRAME + TABLE;
    return table;
  }

  /** Makes room for a leaf where a table may lie; false, and everything stays, when something is mapped there. */
  #dropTables(slot: number, level: number, addr: KAddr): boolean {
    const tables = this.#emptyTables(this.#entries[slot], level);
    if (tables === null) return false;
    if (tables.length === 0) return true;
    this.#entries[slot] = 0;
    // CPUs remember the way through the table as well.
    this.flushTlbKernelRange(addr, addr + this.#pageSize);
    for (const table of tables) {
      const pfn = this.#tableFrames[table];
      this.#tableFrames[table] = NO_PAGE;
      this.#entries.fill(0, table * this.#stride, (table + 1) * this.#stride);
      this.#spare.push(table);
      if (pfn !== NO_PAGE) this.#pages.freePages(pfn, 0);
    }
    return true;
  }

  /** Lists the tables at and below an entry, lowest level first; null when something is mapped in one. */
  #emptyTables(entry: number, level: number): number[] | null {
    if (entry === 0) return [];
    if (this.#isLeaf(entry, level)) return null;
    const table = Math.floor(entry / PTE_FRAME);
    const found: number[] = [];
    for (let slot = table * this.#stride; slot < (table + 1) * this.#stride; slot++) {
      const below = this.#emptyTables(this.#entries[slot], level + 1);
      if (below === null) return null;
      found.push(...below);
    }
    found.push(table);
    return found;
  }

  #refuse(error: number, addr: KAddr, why: string): number {
    this.#reports?.report(new KernelBug('BAD_MAPPING', `the page at ${addr} cannot be mapped: ${why}`, { addr, error }, 'warn'));
    return -error;
  }
}
