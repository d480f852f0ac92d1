/**
 * The kvmalloc family: memory from kmalloc if it has some at once, from vmalloc otherwise (slab spec 11).
 *
 * ```
 * up to a page           kmalloc alone
 * above                  kmalloc without trying hard, then vmalloc if the caller may sleep
 * above 2^31 - 1 bytes   nothing
 * ```
 * All addresses are kernel addresses: those of kmalloc in the direct map.
 */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  __GFP_ZERO,
  NULL,
  ZERO_SIZE_PTR,
  type Gfp,
  type KAddr,
  type KmallocCalls,
  type Mmu,
  type PageAddresses,
  type PhysAddr,
  type PhysicalMemory,
  type ReportSink,
  type VirtualAllocator,
} from '@kmem/contracts';
import { copyBytes } from './mapped-bytes.js';
import { complainer } from './vmalloc-parts.js';

const INT_MAX = 2 ** 31 - 1;
/** ZERO_SIZE_PTR, which is a kernel address as well. */
const ZERO_POINTER: number = ZERO_SIZE_PTR;

/** Options of {@link createKvmalloc}. */
export interface KvmallocOptions {
  /** Serves what it can. */
  readonly kmalloc: KmallocCalls;
  /** Serves the rest. */
  readonly vmalloc: VirtualAllocator;
  /** The direct map. */
  readonly addresses: PageAddresses;
  /** What is mapped, for copying. */
  readonly mmu: Mmu;
  /** RAM, for copying. @default addresses alone */
  readonly memory?: PhysicalMemory;
  /** Receives warnings. @default they are dropped */
  readonly reports?: ReportSink;
}

/** The calls. */
export interface Kvmalloc {
  /**
   * Takes memory.
   *
   * @param sizeBytes - bytes; 0 takes nothing.
   * @param gfp - without direct reclaim only kmalloc is asked.
   * @param caller - who asks.
   * @returns the address, `ZERO_SIZE_PTR` for 0 bytes, or `NULL`.
   * @context any that the flags allow.
   * @kernelName kvmalloc
   */
  readonly kvmalloc: (sizeBytes: number, gfp: Gfp, caller?: string) => KAddr;
  /**
   * Takes memory full of zeroes.
   *
   * @param sizeBytes - as for kvmalloc.
   * @param gfp - as for kvmalloc.
   * @param caller - who asks.
   * @returns as kvmalloc.
   * @context as kvmalloc.
   * @kernelName kvzalloc
   */
  readonly kvzalloc: (sizeBytes: number, gfp: Gfp, caller?: string) => KAddr;
  /**
   * Takes memory for an array.
   *
   * @param count - elements.
   * @param sizeBytes - bytes of one.
   * @param gfp - as for kvmalloc.
   * @param caller - who asks.
   * @returns as kvmalloc; `NULL` when the product is no safe integer.
   * @context as kvmalloc.
   * @kernelName kvmalloc_array
   */
  readonly kvmallocArray: (count: number, sizeBytes: number, gfp: Gfp, caller?: string) => KAddr;
  /**
   * Takes memory full of zeroes for an array.
   *
   * @param count - elements.
   * @param sizeBytes - bytes of one.
   * @param gfp - as for kvmalloc.
   * @param caller - who asks.
   * @returns as kvmallocArray.
   * @context as kvmalloc.
   * @kernelName kvcalloc
   */
  readonly kvcalloc: (count: number, sizeBytes: number, gfp: Gfp, caller?: string) => KAddr;
  /**
   * Makes memory larger; it never becomes smaller.
   *
   * @param addr - what one of these calls returned.
   * @param oldBytes - what it was asked for with.
   * @param newBytes - what it shall hold.
   * @param gfp - as for kvmalloc.
   * @param caller - who asks.
   * @returns the address, the same when nothing had to be done; `NULL` without memory, and then the old one stays.
   * @context as kvmalloc.
   * @kernelName kvrealloc
   */
  readonly kvrealloc: (addr: KAddr, oldBytes: number, newBytes: number, gfp: Gfp, caller?: string) => KAddr;
  /**
   * Gives memory back. `NULL` and `ZERO_SIZE_PTR` are nothing.
   *
   * @param addr - what one of these calls, kmalloc or vmalloc returned.
   * @throws KernelBug as kfree and vfree.
   * @context task or interrupt, not NMI.
   * @kernelName kvfree
   */
  readonly kvfree: (addr: KAddr) => void;
}

/**
 * Makes the family.
 *
 * @param options - what it asks.
 * @returns the calls.
 */
export function createKvmalloc(options: KvmallocOptions): Kvmalloc {
  const { addresses, kmalloc, memory = null, mmu, vmalloc } = options;
  const complain = complainer(options.reports ?? null);
  const pageSize = 2 ** mmu.pageShift;

  function toKAddr(phys: PhysAddr): KAddr {
    // Two values are no addresses, and mean the same as physical and as kernel address.
    if (phys <= ZERO_POINTER) return Number(phys);
    return addresses.pageAddress(Math.floor(phys / pageSize)) + (phys % pageSize);
  }

  function kvmalloc(sizeBytes: number, gfp: Gfp, caller = ''): KAddr {
    if (sizeBytes <= pageSize) return toKAddr(kmalloc.kmalloc(sizeBytes, gfp));
    const gentle = (gfp & __GFP_RETRY_MAYFAIL) === 0 ? __GFP_NORETRY : 0;
    const phys = kmalloc.kmalloc(sizeBytes, (gfp & ~__GFP_NOFAIL) | __GFP_NOWARN | gentle);
    if (phys !== NULL) return toKAddr(phys);
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0) return NULL;
    if (sizeBytes > INT_MAX) {
      if ((gfp & __GFP_NOWARN) === 0) complain('ALLOC_FAILURE', `kvmalloc of ${sizeBytes} bytes: more than ${INT_MAX}`, { sizeBytes, caller }, 'warn');
      return NULL;
    }
    return vmalloc.vmallocHuge(sizeBytes, gfp, caller);
  }

  function kvmallocArray(count: number, sizeBytes: number, gfp: Gfp, caller = ''): KAddr {
    return Number.isSafeInteger(count * sizeBytes) ? kvmalloc(count * sizeBytes, gfp, caller) : NULL;
  }

  function kvrealloc(addr: KAddr, oldBytes: number, newBytes: number, gfp: Gfp, caller = ''): KAddr {
    if (oldBytes >= newBytes) return addr;
    const larger = kvmalloc(newBytes, gfp, caller);
    if (larger === NULL) return NULL;
    if (memory !== null) copyBytes(mmu, memory, larger, addr, oldBytes);
    kvfree(addr);
    return larger;
  }

  function kvfree(addr: KAddr): void {
    if (vmalloc.isVmallocAddr(addr)) vmalloc.vfree(addr);
    else if (addr === NULL || addr === ZERO_POINTER) return;
    else kmalloc.kfree(addresses.kaddrToPfn(addr) * pageSize + (addr - Math.floor(addr / pageSize) * pageSize));
  }

  return {
    kvmalloc,
    kvzalloc: (sizeBytes, gfp, caller) => kvmalloc(sizeBytes, gfp | __GFP_ZERO, caller),
    kvmallocArray,
    kvcalloc: (count, sizeBytes, gfp, caller) => kvmallocArray(count, sizeBytes, gfp | __GFP_ZERO, caller),
    kvrealloc,
    kvfree,
  };
}
