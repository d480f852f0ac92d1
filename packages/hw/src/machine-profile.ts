/** Machine profiles: everything about a machine that is data - memory, address regions, sizes the kernel was built with. */
import type { KAddr, MemoryBacking, NodeId, Order } from '@kmem/contracts';
import type { ByteRange } from './memory-map.js';
import type { Arch } from './zones.js';

/** One memory node and the CPUs next to it. */
export interface ProfileNode {
  /** Number of the node, from 0. */
  readonly node: NodeId;
  /** CPUs of the node. CPUs are numbered node by node. */
  readonly nrCpus: number;
  /** RAM in bytes, as the firmware reports it: ascending, not rounded to pages. */
  readonly ram: readonly ByteRange[];
}

/** Memory that exists and is never handed to the page allocator. */
export interface ReservedRange extends ByteRange {
  /** What it holds, for people. */
  readonly name: string;
}

/** A named stretch of physical addresses: what /proc/iomem has a row for (`struct resource`). */
export interface MemoryResource extends ByteRange {
  /** Its name in the row. */
  readonly name: string;
  /**
   * True when boot finds it and the kind of machine does not decide it: sections of the kernel's image, ROMs, windows of
   * devices.
   */
  readonly found: boolean;
}

/**
 * Where things lie in the kernel's address space. Addresses are read as {@link KAddr} says: signed on 64-bit
 * machines, unsigned on 32-bit ones. The values are the kernel's constants of the same name.
 */
export interface AddressRegions {
  /** PAGE_OFFSET: address of physical 0 in the direct map. */
  readonly pageOffset: KAddr;
  /** Physical memory below this, in bytes, has an address in the direct map. */
  readonly lowmemBytes: number;
  /** VMALLOC_START. */
  readonly vmallocStart: KAddr;
  /** VMALLOC_END: the last byte on x86_64, the first byte past the region elsewhere, as in the kernel. */
  readonly vmallocEnd: KAddr;
  /** VMEMMAP_START, or the start of mem_map where there is none: address of the `struct page` of frame 0. */
  readonly vmemmap: KAddr;
  /** First byte for modules. Equal to the end where they share the vmalloc region. */
  readonly modulesStart: KAddr;
  /** First byte past the modules. */
  readonly modulesEnd: KAddr;
  /** First byte of the user window. Equal to the end on a machine without user space. */
  readonly userStart: KAddr;
  /** First byte past the user window. */
  readonly userEnd: KAddr;
  /** PKMAP_BASE: first byte of the kmap window. Only with HighMem. */
  readonly pkmapStart?: KAddr;
  /** First byte past the kmap window. Only with HighMem. */
  readonly pkmapEnd?: KAddr;
  /** FIXADDR_TOP: first byte past the fixed mappings, which grow down from it. Only with HighMem. */
  readonly fixmapEnd?: KAddr;
}

/** A machine. */
export interface MachineProfile {
  /** Short name for options and files. */
  readonly name: string;
  /** One line for people. */
  readonly title: string;
  /** The architecture: decides the zones. */
  readonly arch: Arch;
  /** CPUs, at least 1: the sum over the nodes. */
  readonly nrCpus: number;
  /** Memory nodes in order. */
  readonly nodes: readonly ProfileNode[];
  /** What is taken before the page allocator starts. May overlap and may reach into holes. */
  readonly reserved: readonly ReservedRange[];
  /**
   * Memory that is in use while the kernel boots, in the order in which it is given to the page allocator afterwards:
   * initrd and init sections. Watermarks and reserves are computed without it (buddy spec 8.3, 12).
   */
  readonly late: readonly ReservedRange[];
  /**
   * What takes physical addresses besides RAM: firmware, ROMs, controllers, windows of buses, the kernel's image. A resource may lie
   * inside another or inside RAM, or be equal to one that stands before it, but not partly overlap one. Empty where it is not known.
   */
  readonly resources: readonly MemoryResource[];
  /** The address space. */
  readonly regions: AddressRegions;
  /** Width of `long` and of a pointer, in bits. */
  readonly bitsPerLong: 32 | 64;
  /** log2 of the page size in bytes. */
  readonly pageShift: number;
  /** Size of a `struct page` in bytes, a power of two. */
  readonly pageStructBytes: number;
  /** Number of block orders (MAX_ORDER). */
  readonly maxOrder: number;
  /** log2 of the frames in a pageblock. */
  readonly pageblockOrder: Order;
  /** Number of migratetypes: 5, or 4 without memory isolation. */
  readonly nrMigratetypes: number;
  /**
   * True when the kernel is built with transparent huge pages: blocks of pageblock order go through per-CPU lists,
   * and with 512 MiB of managed memory or more min_free_kbytes is raised (buddy spec 6.1, 8.1).
   */
  readonly hugePages: boolean;
  /** Timer interrupts a second (HZ). */
  readonly hz: number;
  /** The kind of memory that suits the size. */
  readonly backing: MemoryBacking;
}
