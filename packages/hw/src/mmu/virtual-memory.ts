/**
 * VirtualMemory: RAM as code sees it, through addresses (vmalloc spec 5, 12).
 *
 * ```
 *   address -> page -> entry (remembered by the CPU, or read from the tables) -> frame -> bytes of RAM
 *   an access may cross pages, whose frames may lie anywhere: it is done page by page, lowest first
 *   a page that does not allow it   ends it there with a fault; what was before is done
 * ```
 */
import {
  _PAGE_NX,
  _PAGE_RW,
  KernelBug,
  PTE_FRAME,
  type AddressOwner,
  type CpuContext,
  type KAddr,
  type Mmu,
  type PhysicalMemory,
  type ReportSink,
} from '@kmem/contracts';
import { AddressMap, type AddressProfile } from '../address.js';
import { formatOops, pageFault, pageFaultReport, type AccessKind, type FaultPlace, type PageFault } from './page-fault.js';
import type { Tlb } from './tlb.js';

/** Options of {@link VirtualMemory}. */
export interface VirtualMemoryOptions {
  /** The machine. */
  readonly profile: AddressProfile;
  /** What is mapped. */
  readonly mmu: Mmu & { readonly walk?: (addr: KAddr) => bigint[] };
  /** RAM. */
  readonly memory: PhysicalMemory;
  /** Whose addresses are, for reports. @default nobody knows */
  readonly owner?: AddressOwner;
  /** What CPUs remember: with it, a page that was unmapped can be used until it is flushed. @default nothing is remembered */
  readonly tlb?: Tlb;
  /** Which CPU accesses. @default CPU 0 */
  readonly cpus?: Pick<CpuContext, 'cpu'>;
  /** Receives faults. @default a fault is thrown */
  readonly reports?: ReportSink;
}

/** Widths of numbers in memory, in bytes. */
export type WordBytes = 1 | 2 | 4;

/** Memory behind kernel addresses. */
export class VirtualMemory {
  /** The last fault; null when there was none. */
  lastFault: PageFault | null = null;
  readonly #mmu: VirtualMemoryOptions['mmu'];
  readonly #memory: PhysicalMemory;
  readonly #tlb: Tlb | null;
  readonly #cpus: Pick<CpuContext, 'cpu'>;
  readonly #reports: ReportSink | null;
  readonly #addresses: AddressMap;
  readonly #place: FaultPlace;
  readonly #pageSize: number;
  readonly #word = new Uint8Array(4);

  /**
   * @param options - tables, memory, and who is told of faults.
   */
  constructor(options: VirtualMemoryOptions) {
    const { cpus = { cpu: 0 }, memory, mmu, owner = null, profile, reports = null, tlb = null } = options;
    this.#mmu = mmu;
    this.#memory = memory;
    this.#tlb = tlb;
    this.#cpus = cpus;
    this.#reports = reports;
    this.#addresses = new AddressMap(profile);
    this.#pageSize = 2 ** mmu.pageShift;
    this.#place = { regions: profile.regions, bitsPerLong: profile.bitsPerLong, pageSize: this.#pageSize, owner };
  }

  /**
   * Reads bytes.
   *
   * @param addr - first address.
   * @param into - receives them.
   * @returns how many were read: fewer when a fault ended it.
   * @throws KernelBug `PAGE_FAULT` or `GENERAL_PROTECTION` when nobody receives reports.
   * @context any.
   */
  read(addr: KAddr, into: Uint8Array): number {
    return this.#forEachPage(addr, into.length, 'read', (bytes, done) => into.set(bytes, done));
  }

  /**
   * Writes bytes.
   *
   * @param addr - first address.
   * @param bytes - what to write.
   * @returns how many were written: fewer when a fault ended it.
   * @throws KernelBug as {@link VirtualMemory.read}.
   * @context any.
   */
  write(addr: KAddr, bytes: Uint8Array): number {
    return this.#forEachPage(addr, bytes.length, 'write', (target, done) => target.set(bytes.subarray(done, done + target.length)));
  }

  /**
   * Sets bytes.
   *
   * @param addr - first address.
   * @param value - byte to write.
   * @param sizeBytes - how many.
   * @returns how many were set: fewer when a fault ended it.
   * @throws KernelBug as {@link VirtualMemory.read}.
   * @context any.
   * @kernelName memset
   */
  fill(addr: KAddr, value: number, sizeBytes: number): number {
    return this.#forEachPage(addr, sizeBytes, 'write', (target) => target.fill(value));
  }

  /**
   * Reads an unsigned number, lowest byte first.
   *
   * @param addr - first address; need not be aligned.
   * @param width - bytes.
   * @returns the number; 0 after a fault that somebody received.
   * @throws KernelBug as {@link VirtualMemory.read}.
   * @context any.
   */
  load(addr: KAddr, width: WordBytes): number {
    const word = this.#word.subarray(0, width);
    if (this.read(addr, word) < width) return 0;
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + word[i];
    return value;
  }

  /**
   * Writes an unsigned number, lowest byte first.
   *
   * @param addr - first address; need not be aligned.
   * @param width - bytes.
   * @param value - the number; bits above the width are dropped.
   * @throws KernelBug as {@link VirtualMemory.read}.
   * @context any.
   */
  store(addr: KAddr, width: WordBytes, value: number): void {
    const word = this.#word.subarray(0, width);
    for (let i = 0; i < width; i++) word[i] = (value >>> (8 * i)) & 0xff;
    this.write(addr, word);
  }

  /**
   * Checks that code at an address may be executed.
   *
   * @param addr - the address.
   * @returns true when it may; false after a fault that somebody received.
   * @throws KernelBug as {@link VirtualMemory.read}.
   * @context any.
   */
  fetch(addr: KAddr): boolean {
    return this.#entry(addr, 'execute') !== 0;
  }

  /**
   * Prints the last fault as the kernel's Oops begins.
   *
   * @returns the lines; empty when there was no fault.
   */
  oopsText(): string {
    return this.lastFault === null ? '' : formatOops(this.lastFault, (addr) => this.#addresses.formatKAddr(addr));
  }

  #forEachPage(addr: KAddr, sizeBytes: number, access: AccessKind, use: (bytes: Uint8Array, done: number) => void): number {
    if (!(Number.isSafeInteger(addr) && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)) {
      throw new KernelBug('BAD_SIZE', `${sizeBytes} bytes at ${addr} are no access`, { addr, sizeBytes });
    }
    for (let done = 0; done < sizeBytes; ) {
      const at = addr + done;
      const entry = this.#entry(at, access);
      if (entry === 0) return done;
      const offset = at - Math.floor(at / this.#pageSize) * this.#pageSize;
      const count = Math.min(sizeBytes - done, this.#pageSize - offset);
      use(this.#memory.view(Math.floor(entry / PTE_FRAME) * this.#pageSize + offset, count), done);
      done += count;
    }
    return sizeBytes;
  }

  /** The entry of an address that may be accessed; 0 after a fault. */
  #entry(addr: KAddr, access: AccessKind): number {
    const look = (): number => this.#mmu.pte(addr);
    const entry = this.#tlb === null ? look() : this.#tlb.translate(this.#cpus.cpu, Math.floor(addr / this.#pageSize), look);
    if (entry !== 0) {
      const prot = entry % PTE_FRAME;
      if (access === 'read' || (access === 'write' ? (prot & _PAGE_RW) !== 0 : (prot & _PAGE_NX) === 0)) return entry;
    }
    this.lastFault = pageFault(addr, access, entry !== 0, this.#mmu.walk?.(addr) ?? [], this.#place);
    const report = pageFaultReport(this.lastFault, (at) => this.#addresses.formatKAddr(at));
    if (this.#reports === null) throw report;
    this.#reports.report(report);
    return 0;
  }
}
