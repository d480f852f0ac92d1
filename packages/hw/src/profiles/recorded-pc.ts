/**
 * The recorded PC with any amount of RAM: a QEMU machine that runs Linux 6.1.192 in a small configuration.
 *
 * What the kernel takes before the page allocator starts follows from few rules, which give the recorded number of
 * managed pages for 64, 96, 160, 256, 512, 2048 and 3600 MiB and for 1 and 4 CPUs:
 * ```
 * image            fixed frames from 16 MiB on
 * initrd           276 pages below the end of RAM, not above 2 GiB     given back after boot, like the init sections
 * boot data        12 pages; with memory above 4 GiB also SWIOTLB, 64 MiB below the hole, and its slots
 * page descriptors 2 MiB for each 128 MiB that has memory
 * per-CPU data     51 pages for each CPU, spread over 2 MiB
 * hash tables      by memory: 4 bytes a page for dentries, rounded up to a power of two, half of it for inodes
 * ```
 * All but the image is taken from the top down, each piece at the highest place where it fits.
 */
import type { MachineProfile, MemoryResource, ReservedRange } from '../machine-profile.js';
import type { ByteRange } from '../memory-map.js';
import { intersectRanges, subtractRanges } from '../memory-map.js';
import { requireInteger } from '../option-checks.js';
import { kernelSections, pcMemory } from './pc-memory.js';
import { X86_64_REGIONS } from './regions.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const SECTION = 128 * MIB;
const DESCRIPTOR_PIECE = 2 * MIB;

const INITRD_BYTES = 276 * PAGE;
/** The loader puts the initrd below this. */
const INITRD_LIMIT = 2 * GIB;
const BOOT_DATA_BYTES = 12 * PAGE;
/** Slots of the SWIOTLB, and what else the kernel takes when there is memory above 4 GiB. */
const SWIOTLB_SLOT_BYTES = 194 * PAGE;
const PER_CPU_BYTES = 51 * PAGE;
/** A page of page tables, where there is memory from here on. */
const EARLY_TABLE_END = 128 * MIB;
/** Pages below 1 MiB that the hash tables are not reckoned for. */
const FIRST_MIB_PAGES = 158;

/** In which the first MiB is BIOS data, page 0, and the trampoline. */
export const FIRST_MIB: ReservedRange = { name: 'first MiB', start: 0, end: 0x10_0000 };

/** The image without its init sections and gaps. */
const IMAGE: readonly ReservedRange[] = [
  { name: 'kernel code', start: 0x100_0000, end: 0x180_1000 },
  { name: 'kernel rodata', start: 0x1a0_0000, end: 0x1bb_c000 },
  { name: 'kernel data', start: 0x1c0_0000, end: 0x1d1_f000 },
  { name: 'kernel bss and brk', start: 0x1e1_1000, end: 0x200_6000 },
];

/** As /proc/iomem of that kernel had them. */
const SECTIONS: readonly MemoryResource[] = kernelSections([
  ['code', 0x100_0000, 0x180_0cc8],
  ['rodata', 0x1a0_0000, 0x1bb_c000],
  ['data', 0x1c0_0000, 0x1d1_1c80],
  ['bss', 0x1e1_1000, 0x200_0000],
]);

/** In the order in which the kernel gives them back. The lock tables behind the init sections go earlier. */
const INIT_SECTIONS: readonly ReservedRange[] = [
  { name: 'init sections', start: 0x1d1_f000, end: 0x1e0_c000 },
  { name: 'gap between code and rodata', start: 0x180_1000, end: 0x1a0_0000 },
  { name: 'gap between rodata and data', start: 0x1bb_c000, end: 0x1c0_0000 },
];

/** What {@link recordedPc} goes by. */
export interface RecordedPcOptions {
  /** RAM in MiB as QEMU is told, from 64 to 65536. */
  readonly ramMib: number;
  /** CPUs, from 1 to 8. @default 1 */
  readonly nrCpus?: number;
}

/**
 * Describes the recorded PC with the given amount of RAM.
 *
 * @param options - RAM and CPUs.
 * @returns the profile.
 * @throws TypeError or RangeError when an option is out of range.
 * @example
 * ```ts
 * import { describeMachine, recordedPc } from '@kmem/hw';
 * describeMachine(recordedPc({ ramMib: 256 })).managedByZone; // -> [ 3840, 56943, 0, 0, 0 ]
 * ```
 */
export function recordedPc(options: RecordedPcOptions): MachineProfile {
  const { ramMib, nrCpus = 1 } = options;
  requireInteger('nrCpus', nrCpus, 1, 8);
  const { ram, resources } = pcMemory({ arch: 'x86_64', ramMib });
  const { reserved, late } = takeAtBoot(ram, nrCpus);
  return {
    name: nrCpus === 1 ? `pc-${ramMib}m` : `pc-${ramMib}m-smp${nrCpus}`,
    title: `PC with ${ramMib} MiB (recorded)`,
    arch: 'x86_64',
    nrCpus,
    nodes: [{ node: 0, nrCpus, ram }],
    reserved,
    late,
    resources: [...resources, ...SECTIONS],
    regions: X86_64_REGIONS,
    bitsPerLong: 64,
    pageShift: 12,
    pageStructBytes: 64,
    maxOrder: 11,
    pageblockOrder: 9,
    nrMigratetypes: 5,
    hugePages: true,
    hz: 250,
    backing: ramMib > 1024 ? 'sparse' : 'dense',
  };
}

/** Lays out what is in use before the page allocator starts: for good, and until the end of boot. */
function takeAtBoot(ram: readonly ByteRange[], nrCpus: number): { reserved: ReservedRange[]; late: ReservedRange[] } {
  const pages = ram.reduce((sum, { start, end }) => sum + Math.floor(end / PAGE) - Math.ceil(start / PAGE), 0);
  const top = ram[ram.length - 1].end;
  const mainEnd = ram[1].end;
  const reserved: ReservedRange[] = [FIRST_MIB, ...IMAGE];
  if (top >= EARLY_TABLE_END) reserved.push({ name: 'early page table', start: EARLY_TABLE_END - PAGE, end: EARLY_TABLE_END });
  const initrdEnd = Math.min(mainEnd, INITRD_LIMIT);
  const initrd = { name: 'initrd', start: initrdEnd - INITRD_BYTES, end: initrdEnd };
  let free = subtractRanges(ram, [...reserved, ...INIT_SECTIONS, initrd]);

  const take = (name: string, bytes: number, align = PAGE, below = Infinity): ReservedRange => {
    const start = highestFit(intersectRanges(free, [{ start: 0, end: Math.min(below, 2 ** 52) }]), bytes, align);
    const piece = { name, start, end: start + bytes };
    free = subtractRanges(free, [piece]);
    return piece;
  };
  const isLarge = top > 4 * GIB;
  if (isLarge) reserved.push(take('SWIOTLB', 64 * MIB, PAGE, 4 * GIB));
  reserved.push(take(isLarge ? 'SWIOTLB slots and boot data' : 'boot data', BOOT_DATA_BYTES + (isLarge ? SWIOTLB_SLOT_BYTES : 0)));
  reserved.push(take('page descriptors', sectionsOf(ram) * DESCRIPTOR_PIECE, DESCRIPTOR_PIECE));
  const perCpu = take('per-CPU data', DESCRIPTOR_PIECE, DESCRIPTOR_PIECE);
  const units = 2 ** Math.ceil(Math.log2(nrCpus));
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    const start = perCpu.start + (cpu * DESCRIPTOR_PIECE) / units;
    reserved.push({ name: nrCpus === 1 ? 'per-CPU data' : `per-CPU data of CPU ${cpu}`, start, end: start + PER_CPU_BYTES });
  }
  const dentries = hashTableBytes(pages);
  reserved.push(take('dentry hash table', dentries), take('inode hash table', dentries / 2));
  return { reserved, late: [initrd, ...INIT_SECTIONS] };
}

/** Finds the highest place for a piece; the callers' machines always have one. */
function highestFit(free: readonly ByteRange[], bytes: number, align: number): number {
  for (const { start, end } of [...free].reverse()) {
    const at = Math.floor((end - bytes) / align) * align;
    if (at >= start) return at;
  }
  throw new RangeError(`ramMib: no room for ${bytes} bytes of boot data`);
}

/** Counts the stretches of 128 MiB that have memory. The first MiB lies in the same one as what follows it. */
function sectionsOf(ram: readonly ByteRange[]): number {
  return ram.slice(1).reduce((sum, { start, end }) => sum + Math.ceil(end / SECTION) - Math.floor(start / SECTION), 0);
}

/** Bytes of the dentry hash table: one entry of 8 bytes for two pages, both rounded up. */
function hashTableBytes(pages: number): number {
  const usable = pages - Math.ceil(pages / 64) - FIRST_MIB_PAGES;
  const whole = Math.ceil(usable / 256) * 256;
  return 8 * 2 ** Math.ceil(Math.log2(whole / 2));
}
