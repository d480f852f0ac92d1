/**
 * Addresses of a machine: arithmetic between frame numbers, physical addresses, kernel addresses and the
 * addresses of `struct page`.
 *
 * ```
 *   pfn  --pfnToPhys-->  physical  --physToKAddr-->  direct map    (nothing above lowmem)
 *   pfn  --pfnToPage-->  vmemmap + pfn * pageStructBytes
 * ```
 * A kernel address is a {@link KAddr}: signed on a 64-bit machine, unsigned on a 32-bit one. `NULL` is the answer
 * where there is no address.
 */
import { NO_PAGE, NULL } from '@kmem/contracts';
import type { KAddr, PageAddresses, Pfn, PhysAddr } from '@kmem/contracts';
import type { AddressRegions, MachineProfile } from './machine-profile.js';

/** Error numbers that fit in a pointer: 1 to 4095. */
const MAX_ERRNO = 4095;
const WRAP_32 = 2 ** 32;

/** What of a profile decides addresses. */
export type AddressProfile = Pick<MachineProfile, 'regions' | 'bitsPerLong' | 'pageShift' | 'pageStructBytes'>;

/**
 * The arithmetic of one machine. Arguments are not checked unless a method says so.
 *
 * @example
 * ```ts
 * import { AddressMap, getProfile } from '@kmem/hw';
 * const addresses = new AddressMap(getProfile('pc-160m'));
 * addresses.formatKAddr(addresses.pageAddress(0x1000)); // -> 'ffff888001000000'
 * addresses.formatKAddr(addresses.pfnToPage(0x1000)); // -> 'ffffea0000040000'
 * ```
 */
export class AddressMap implements PageAddresses {
  /** The regions of the machine. */
  readonly regions: AddressRegions;
  /** Page size in bytes. */
  readonly pageSize: number;
  /** Width of an address in bits. */
  readonly bitsPerLong: 32 | 64;
  // Copies of what the arithmetic needs, one load away.
  readonly #pageOffset: number;
  readonly #lowmemBytes: number;
  readonly #vmemmap: number;
  readonly #pageStructBytes: number;
  /** Errors are the addresses from -4095 to -1: added to this on a machine whose addresses are unsigned. */
  readonly #errorBase: number;

  /**
   * @param profile - the machine, or the four members that matter here.
   */
  constructor(profile: AddressProfile) {
    this.regions = profile.regions;
    this.pageSize = 2 ** profile.pageShift;
    this.bitsPerLong = profile.bitsPerLong;
    this.#pageOffset = profile.regions.pageOffset;
    this.#lowmemBytes = profile.regions.lowmemBytes;
    this.#vmemmap = profile.regions.vmemmap;
    this.#pageStructBytes = profile.pageStructBytes;
    this.#errorBase = profile.bitsPerLong === 32 ? WRAP_32 : 0;
  }

  /**
   * Computes where a frame starts in physical memory.
   *
   * @param pfn - the frame.
   * @returns its first byte.
   * @context any.
   * @kernelName PFN_PHYS
   */
  pfnToPhys(pfn: Pfn): PhysAddr {
    return pfn * this.pageSize;
  }

  /**
   * Computes in which frame a physical address lies.
   *
   * @param phys - a byte.
   * @returns its frame.
   * @context any.
   * @kernelName PHYS_PFN
   */
  physToPfn(phys: PhysAddr): Pfn {
    return Math.floor(phys / this.pageSize);
  }

  /**
   * Finds the kernel address of physical memory in the direct map.
   *
   * @param phys - a byte.
   * @returns its address; `NULL` for a byte beyond the direct map (HighMem).
   * @context any.
   * @kernelName phys_to_virt
   */
  physToKAddr(phys: PhysAddr): KAddr {
    return phys >= 0 && phys < this.#lowmemBytes ? this.#pageOffset + phys : NULL;
  }

  /**
   * Finds the physical memory behind an address of the direct map.
   *
   * @param kaddr - a kernel address.
   * @returns the byte; `NULL` for an address outside the direct map (vmalloc, modules, user), and for the first
   *   byte of frame 0, which is never handed out.
   * @context any.
   * @kernelName virt_to_phys
   */
  kaddrToPhys(kaddr: KAddr): PhysAddr {
    const phys = kaddr - this.#pageOffset;
    return phys >= 0 && phys < this.#lowmemBytes ? phys : NULL;
  }

  /**
   * Finds the kernel address of a frame's first byte.
   *
   * @param pfn - the frame.
   * @returns its address in the direct map; `NULL` for a HighMem frame, which has none until it is mapped.
   * @context any.
   * @kernelName page_address
   */
  pageAddress(pfn: Pfn): KAddr {
    return this.physToKAddr(pfn * this.pageSize);
  }

  /**
   * Finds the frame in which an address of the direct map lies.
   *
   * @param kaddr - an address of any byte of the frame.
   * @returns the frame; `NO_PAGE` for what is no integer, or no address of the direct map.
   * @context any.
   * @kernelName virt_to_pfn
   */
  kaddrToPfn(kaddr: KAddr): Pfn {
    const phys = kaddr - this.#pageOffset;
    return Number.isSafeInteger(kaddr) && phys >= 0 && phys < this.#lowmemBytes ? this.physToPfn(phys) : NO_PAGE;
  }

  /**
   * Computes the address of a frame's `struct page`. There is no object behind it.
   *
   * @param pfn - the frame.
   * @returns the address.
   * @context any.
   * @kernelName pfn_to_page
   */
  pfnToPage(pfn: Pfn): KAddr {
    return this.#vmemmap + pfn * this.#pageStructBytes;
  }

  /**
   * Computes which frame a `struct page` describes.
   *
   * @param page - an address that {@link AddressMap.pfnToPage} gave out.
   * @returns the frame; `NO_PAGE` when the address is below the array or not the start of an element.
   * @context any.
   * @kernelName page_to_pfn
   */
  pageToPfn(page: KAddr): Pfn {
    const pfn = (page - this.#vmemmap) / this.#pageStructBytes;
    return pfn >= 0 && Number.isInteger(pfn) ? pfn : NO_PAGE;
  }

  /**
   * Puts an error into a pointer.
   *
   * @param error - a negative errno, from -4095 to -1: `-ENOMEM`.
   * @returns the pointer: the number itself on a 64-bit machine, wrapped around on a 32-bit one.
   * @throws RangeError when `error` is out of range.
   * @context any.
   * @kernelName ERR_PTR
   */
  errPtr(error: number): KAddr {
    if (!Number.isInteger(error) || error > -1 || error < -MAX_ERRNO) {
      throw new RangeError(`error: expected a negative errno from -${MAX_ERRNO} to -1, got ${error}`);
    }
    return error + this.#errorBase;
  }

  /**
   * Tells whether a pointer is an error.
   *
   * @param kaddr - what a call returned.
   * @returns true for the 4095 values that {@link AddressMap.errPtr} makes; false for `NULL`.
   * @context any.
   * @kernelName IS_ERR
   */
  isErrPtr(kaddr: KAddr): boolean {
    const error = kaddr - this.#errorBase;
    return error < 0 && error >= -MAX_ERRNO;
  }

  /**
   * Takes the error out of a pointer.
   *
   * @param kaddr - a pointer for which {@link AddressMap.isErrPtr} is true.
   * @returns the negative errno.
   * @context any.
   * @kernelName PTR_ERR
   */
  ptrErr(kaddr: KAddr): number {
    return kaddr - this.#errorBase;
  }

  /**
   * Writes an address as the kernel does: 16 hex digits on a 64-bit machine, 8 on a 32-bit one.
   *
   * @param kaddr - an address.
   * @returns lower-case digits without `0x`.
   * @throws RangeError when the number is no address of this machine: fractional, beyond 2^53, or wider than 32 bits there.
   * @context any.
   * @kernelName %px
   */
  formatKAddr(kaddr: KAddr): string {
    const is32 = this.bitsPerLong === 32;
    if (!Number.isSafeInteger(kaddr) || (is32 && (kaddr < 0 || kaddr >= WRAP_32))) {
      throw new RangeError(`kaddr: expected an address of ${this.bitsPerLong} bits, got ${kaddr}`);
    }
    // Both halves come out as two's complement: floor rounds towards the sign, and >>> 0 works modulo 2^32.
    const low = hex8(kaddr >>> 0);
    return is32 ? low : hex8(Math.floor(kaddr / WRAP_32) >>> 0) + low;
  }
}

function hex8(word: number): string {
  return word.toString(16).padStart(8, '0');
}
