/**
 * VmArea: what lies at a stretch of kernel virtual addresses, and the state of the whole address space.
 *
 * ```
 *   addr                                       addr + size
 *     |  usable pages                | guard page |
 * ```
 * (vmalloc spec 2)
 */
import type { AddressSpaceState } from './address-range.js';
import type { KAddr, PhysAddr } from './units.js';

/** Memory of a device. */
export const VM_IOREMAP = 0x1;
/** Made by vmalloc. */
export const VM_ALLOC = 0x2;
/** Made by vmap: pages of the caller. */
export const VM_MAP = 0x4;
/** May be mapped to user space. */
export const VM_USERMAP = 0x8;
/** Made for DMA that is coherent. */
export const VM_DMA_COHERENT = 0x10;
/** Is reserved and not mapped yet. */
export const VM_UNINITIALIZED = 0x20;
/** Has no guard page behind it. */
export const VM_NO_GUARD = 0x40;
/** Freed at once, with its addresses: what may have been code. */
export const VM_FLUSH_RESET_PERMS = 0x100;
/** Made by vmap, and frees the pages and the list of them that it was given. */
export const VM_MAP_PUT_PAGES = 0x200;
/** May be mapped in leaves of more than a page. */
export const VM_ALLOW_HUGE_VMAP = 0x400;

/** One area: the kernel's `struct vm_struct`. */
export interface VmArea {
  /** First address. */
  readonly addr: KAddr;
  /** Bytes, the guard page included. */
  readonly size: number;
  /** `VM_*` bits; 0 for addresses that vm_map_ram took, which are nobody's area. */
  flags: number;
  /** Pages that the area holds itself; 0 for pages of others. */
  nrPages: number;
  /** Where a device's memory lies; 0 elsewhere. */
  physAddr: PhysAddr;
  /** Who asked for it, as a symbol. */
  readonly caller: string;
}

/** The address space of vmalloc, each list by ascending address. */
export interface VmAreasState extends Pick<AddressSpaceState, 'free' | 'root' | 'lazy'> {
  /** Areas in use. */
  readonly areas: readonly Readonly<VmArea>[];
}
