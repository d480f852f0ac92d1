/**
 * LinearMmu: addresses without page tables, for machines whose memory is one piece seen at one place.
 *
 * ```
 *   offset of an address    the address itself (identity), or its low 32 bits (x86_64-linear)
 *   direct map              every byte of RAM lies at its offset; always there
 *   window                  bytes of the same memory behind the RAM: what is mapped there has its bytes there
 *
 *   frames[page of the window]   frame that was mapped, NO_PAGE for none
 * ```
 * A frame that is mapped moves: its bytes are copied into the window, and back when it is unmapped. So nobody else may use it meanwhile.
 */
import {
  _PAGE_ACCESSED,
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
  type Pfn,
  type PhysAddr,
  type PhysicalMemory,
  type ReportSink,
} from '@kmem/contracts';
import { requireInteger } from '../option-checks.js';

const WORD = 2 ** 32;

/** Options of {@link LinearMmu}. */
export interface LinearMmuOptions {
  /** True when the offset is the address's low 32 bits, false when it is the address. */
  readonly lowBits: boolean;
  /** First address of the direct map; its offset is 0. */
  readonly pageOffset: KAddr;
  /** Bytes of RAM. */
  readonly ramBytes: number;
  /** First address of the window. */
  readonly windowStart: KAddr;
  /** First address past it; equal to the start where there is none. */
  readonly windowEnd: KAddr;
  /** log2 of the page size. @default 12 */
  readonly pageShift?: number;
  /** The memory, window included. @default none: numbers alone */
  readonly memory?: PhysicalMemory;
  /** Receives warnings about mappings that are refused. @default they are dropped */
  readonly reports?: ReportSink;
}

/** Addresses of a machine without page tables. */
export class LinearMmu implements Mmu {
  readonly pageShift: number;
  readonly leafShifts: readonly number[];
  readonly aliases = false;
  readonly #options: LinearMmuOptions;
  readonly #memory: PhysicalMemory | null;
  readonly #pageSize: number;
  readonly #frames: Int32Array;
  readonly #prots: Uint16Array;
  /** Bit of a page of the window whose frame is RAM and moved there. */
  readonly #moved: Uint8Array;

  /**
   * @param options - where things are.
   * @throws TypeError or RangeError when an option is out of range.
   */
  constructor(options: LinearMmuOptions) {
    const { memory = null, pageShift = 12, windowEnd, windowStart } = options;
    requireInteger('pageShift', pageShift, 0, 22);
    requireInteger('windowEnd', windowEnd, windowStart, windowStart + WORD);
    this.#options = options;
    this.#memory = memory === null || memory.backing === 'none' ? null : memory;
    this.pageShift = pageShift;
    this.leafShifts = [pageShift];
    this.#pageSize = 2 ** pageShift;
    const nrPages = Math.floor((windowEnd - windowStart) / this.#pageSize);
    this.#frames = new Int32Array(nrPages).fill(NO_PAGE);
    this.#prots = new Uint16Array(nrPages);
    this.#moved = new Uint8Array(nrPages);
  }

  mapPages(addr: KAddr, pages: ArrayLike<Pfn>, prot: number, _gfp: Gfp): number {
    for (let i = 0; i < pages.length; i++) {
      const error = this.#put(addr + i * this.#pageSize, pages[i], prot, true);
      if (error !== 0) return error;
    }
    return 0;
  }

  mapRange(addr: KAddr, phys: PhysAddr, sizeBytes: number, prot: number, _gfp: Gfp, _maxShift: number): number {
    for (let done = 0; done < sizeBytes; done += this.#pageSize) {
      const error = this.#put(addr + done, (phys + done) / this.#pageSize, prot, false);
      if (error !== 0) return error;
    }
    return 0;
  }

  unmapRange(addr: KAddr, sizeBytes: number): void {
    for (let at = addr; at < addr + sizeBytes; at += this.#pageSize) {
      const page = this.#pageOf(at);
      if (page === NO_PAGE || this.#frames[page] === NO_PAGE) continue;
      if (this.#moved[page] !== 0) this.#copy(this.#offset(at), this.#frames[page] * this.#pageSize);
      this.#frames[page] = NO_PAGE;
    }
  }

  flushTlbKernelRange(_start: KAddr, _end: KAddr): void {
    // Nothing is remembered where nothing is translated.
  }

  addrToPfn(addr: KAddr): Pfn {
    const page = this.#pageOf(addr);
    if (page !== NO_PAGE) return this.#frames[page];
    return this.#isDirect(addr) ? Math.floor((addr - this.#options.pageOffset) / this.#pageSize) : NO_PAGE;
  }

  pte(addr: KAddr): number {
    const frame = Math.floor(this.#offset(addr) / this.#pageSize);
    const page = this.#pageOf(addr);
    if (page !== NO_PAGE) return this.#frames[page] === NO_PAGE ? 0 : frame * PTE_FRAME + this.#prots[page];
    return this.#isDirect(addr) ? frame * PTE_FRAME + PAGE_KERNEL : 0;
  }

  /** Number of a page of the window; NO_PAGE outside. */
  #pageOf(addr: KAddr): number {
    const page = Math.floor((addr - this.#options.windowStart) / this.#pageSize);
    return page >= 0 && page < this.#frames.length ? page : NO_PAGE;
  }

  #isDirect(addr: KAddr): boolean {
    const phys = addr - this.#options.pageOffset;
    return phys >= 0 && phys < this.#options.ramBytes;
  }

  #offset(addr: KAddr): number {
    return this.#options.lowBits ? addr >>> 0 : addr;
  }

  #put(addr: KAddr, pfn: Pfn, prot: number, isRam: boolean): number {
    const page = this.#pageOf(addr);
    if (page === NO_PAGE) return this.#refuse(EINVAL, addr, 'it is not in the window');
    if (pfn === NO_PAGE) return this.#refuse(ENOMEM, addr, 'there is no page to be mapped');
    if (isRam && !(pfn >= 0 && pfn < this.#options.ramBytes / this.#pageSize)) return this.#refuse(EINVAL, addr, `${pfn} is no frame of the memory`);
    if (this.#frames[page] !== NO_PAGE) return this.#refuse(EBUSY, addr, 'it is mapped already');
    this.#frames[page] = pfn;
    this.#prots[page] = prot | _PAGE_ACCESSED;
    this.#moved[page] = isRam ? 1 : 0;
    if (isRam) this.#copy(pfn * this.#pageSize, this.#offset(addr));
    else this.#memory?.fill(this.#offset(addr), this.#pageSize, 0);
    return 0;
  }

  #copy(from: PhysAddr, to: PhysAddr): void {
    if (this.#memory !== null) this.#memory.view(to, this.#pageSize).set(this.#memory.view(from, this.#pageSize));
  }

  #refuse(error: number, addr: KAddr, why: string): number {
    this.#options.reports?.report(new KernelBug('BAD_MAPPING', `the page at ${addr} cannot be mapped: ${why}`, { addr, error }, 'warn'));
    return -error;
  }
}
