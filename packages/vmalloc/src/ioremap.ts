/** Showing memory of devices (vmalloc spec 9). */
import { GFP_KERNEL, NULL, VM_IOREMAP, type KAddr, type PfnRange, type PhysAddr } from '@kmem/contracts';
import { dropArea, reserveArea } from './area-pages.js';
import type { VmallocParts } from './vmalloc-parts.js';

/** What is to be shown, and on which machine. */
export interface DeviceRequest {
  /** First byte. */
  readonly phys: PhysAddr;
  /** Bytes. */
  readonly sizeBytes: number;
  /** Protection and memory type. */
  readonly prot: number;
  /** Who asks. */
  readonly caller: string;
  /** Bits of a physical address. */
  readonly physBits: number;
  /** Frames that are RAM. */
  readonly ram: readonly PfnRange[];
}

/**
 * Shows whole pages of a device's memory, aligned to their size rounded up to a power of two, in the largest leaves that fit.
 *
 * @param parts - the parts.
 * @param request - what is to be shown.
 * @returns the address of the first byte; `NULL` for no bytes, beyond the physical addresses, for RAM, and without memory or addresses.
 */
export function showDevice(parts: VmallocParts, request: DeviceRequest): KAddr {
  const { complain, mmu, pageSize } = parts;
  const { caller, phys, physBits, prot, ram, sizeBytes } = request;
  const last = phys + sizeBytes - 1;
  if (!(sizeBytes > 0) || !Number.isSafeInteger(last) || phys < 0) return NULL;
  if (last >= 2 ** physBits) {
    complain('BAD_MAPPING', `ioremap: ${phys} to ${last} is beyond the physical addresses of ${physBits} bits`, { phys, sizeBytes }, 'warn');
    return NULL;
  }
  const start = Math.floor(phys / pageSize) * pageSize;
  const size = Math.ceil((last + 1) / pageSize) * pageSize - start;
  if (ram.some((range) => start / pageSize < range.end && (start + size) / pageSize > range.start)) {
    complain('BAD_MAPPING', `ioremap on RAM at ${phys} to ${last}`, { phys, sizeBytes }, 'warn');
    return NULL;
  }
  const found = reserveArea(parts, { sizeBytes: size, align: 1, flags: VM_IOREMAP, gfp: GFP_KERNEL, shift: mmu.pageShift, caller });
  if (found === null) return NULL;
  found.area.physAddr = start;
  if (mmu.mapRange(found.area.addr, start, size, prot, GFP_KERNEL, mmu.leafShifts[mmu.leafShifts.length - 1]) < 0) {
    dropArea(parts, found, false);
    return NULL;
  }
  return found.area.addr + (phys - start);
}
