/**
 * The machines that were recorded: QEMU PCs with Linux 6.1.192 in a small configuration, one CPU.
 *
 * RAM is what their /proc/iomem shows. Reservations are what those kernels never handed to the page allocator: the
 * frames that are on no free list in any recorded state, cut down to the recorded number of managed pages. The
 * kernel image, SWIOTLB and i386 ranges are certain to the frame. For the rest the sizes are certain (page
 * descriptors: 2 MiB for each 128 MiB; 51 pages of per-CPU data; hash tables by memory size), the places follow from boot
 * memory being taken top-down, below the initrd, which was given back later.
 */
import type { MachineProfile, ReservedRange } from '../machine-profile.js';
import { X86_64_REGIONS } from './regions.js';

/** In which the first MiB is BIOS data, page 0, and the trampoline. */
const FIRST_MIB: ReservedRange = { name: 'first MiB', start: 0, end: 0x10_0000 };

/** The image without its init sections and gaps, which were given back. */
const KERNEL: readonly ReservedRange[] = [
  FIRST_MIB,
  { name: 'kernel code', start: 0x100_0000, end: 0x180_1000 },
  { name: 'kernel rodata', start: 0x1a0_0000, end: 0x1bb_c000 },
  { name: 'kernel data', start: 0x1c0_0000, end: 0x1d1_f000 },
  { name: 'kernel bss and brk', start: 0x1e1_1000, end: 0x200_6000 },
  { name: 'early page table', start: 0x7ff_f000, end: 0x800_0000 },
];

const RECORDED_PC = {
  arch: 'x86_64',
  nrCpus: 1,
  regions: X86_64_REGIONS,
  bitsPerLong: 64,
  pageShift: 12,
  pageStructBytes: 64,
  maxOrder: 11,
  pageblockOrder: 9,
  nrMigratetypes: 5,
  hugePages: true,
  hz: 250,
  backing: 'dense',
} as const;

/** 160 MiB: small enough to exhaust in a test. */
export const PC_160M: MachineProfile = {
  ...RECORDED_PC,
  name: 'pc-160m',
  title: 'PC with 160 MiB (recorded)',
  nodes: [
    {
      node: 0,
      nrCpus: 1,
      ram: [
        { start: 0x1000, end: 0x9_fc00 },
        { start: 0x10_0000, end: 0x9fe_0000 },
      ],
    },
  ],
  reserved: [
    ...KERNEL,
    { name: 'per-CPU data', start: 0x980_0000, end: 0x983_3000 },
    { name: 'page descriptors', start: 0x9a0_0000, end: 0x9e0_0000 },
    { name: 'hash tables and boot data', start: 0x9e6_0000, end: 0x9ec_c000 },
  ],
};

/** 512 MiB: just too little managed memory for huge pages to be on after boot. */
export const PC_512M: MachineProfile = {
  ...RECORDED_PC,
  name: 'pc-512m',
  title: 'PC with 512 MiB (recorded)',
  nodes: [
    {
      node: 0,
      nrCpus: 1,
      ram: [
        { start: 0x1000, end: 0x9_fc00 },
        { start: 0x10_0000, end: 0x1ffe_0000 },
      ],
    },
  ],
  reserved: [
    ...KERNEL,
    { name: 'per-CPU data', start: 0x1f40_0000, end: 0x1f43_3000 },
    { name: 'page descriptors', start: 0x1f60_0000, end: 0x1fe0_0000 },
    { name: 'hash tables and boot data', start: 0x1fe0_0000, end: 0x1fec_c000 },
  ],
};

/** 3600 MiB: all three zones, and the hole below 4 GiB. */
export const PC_3600M: MachineProfile = {
  ...RECORDED_PC,
  name: 'pc-3600m',
  title: 'PC with 3600 MiB (recorded)',
  backing: 'sparse',
  nodes: [
    {
      node: 0,
      nrCpus: 1,
      ram: [
        { start: 0x1000, end: 0x9_fc00 },
        { start: 0x10_0000, end: 0xbffe_0000 },
        { start: 0x1_0000_0000, end: 0x1_2100_0000 },
      ],
    },
  ],
  reserved: [
    ...KERNEL,
    { name: 'SWIOTLB', start: 0xbbfe_0000, end: 0xbffe_0000 },
    { name: 'inode hash table', start: 0x1_1cc0_0000, end: 0x1_1ce0_0000 },
    { name: 'dentry hash table', start: 0x1_1ce0_0000, end: 0x1_1d20_0000 },
    { name: 'per-CPU data', start: 0x1_1d20_0000, end: 0x1_1d23_3000 },
    { name: 'page descriptors', start: 0x1_1d40_0000, end: 0x1_20e0_0000 },
    { name: 'SWIOTLB slots and boot data', start: 0x1_20f3_2000, end: 0x1_2100_0000 },
  ],
};

const I386_LOWMEM_BYTES = 0x36ff_e000;
const I386_PAGE_OFFSET = 0xc000_0000;
const I386_DESCRIPTORS = 0x3658_4000;

/** 1200 MiB with a 32-bit kernel (HIGHMEM4G, no PAE): lowmem ends a little under 896 MiB. */
export const I386_1200M: MachineProfile = {
  ...RECORDED_PC,
  name: 'i386-1200m',
  title: '32-bit PC with 1200 MiB and HighMem (recorded)',
  arch: 'i386',
  bitsPerLong: 32,
  pageStructBytes: 32,
  pageblockOrder: 10,
  nrMigratetypes: 4,
  nodes: [
    {
      node: 0,
      nrCpus: 1,
      ram: [
        { start: 0x1000, end: 0x9_fc00 },
        { start: 0x10_0000, end: 0x4afe_0000 },
      ],
    },
  ],
  reserved: [
    FIRST_MIB,
    { name: 'kernel code, rodata and data', start: 0x100_0000, end: 0x159_b000 },
    { name: 'kernel bss and brk', start: 0x160_1000, end: 0x165_a000 },
    { name: 'boot data', start: 0x3624_b000, end: 0x3632_9000 },
    // Where the descriptors lie inside this stretch was not recorded; taken to be its upper end.
    { name: 'hash tables and boot data', start: 0x3632_b000, end: I386_DESCRIPTORS },
    { name: 'page descriptors', start: I386_DESCRIPTORS, end: 0x36ee_4000 },
  ],
  regions: {
    pageOffset: I386_PAGE_OFFSET,
    lowmemBytes: I386_LOWMEM_BYTES,
    vmallocStart: 0xf77f_e000, // 8 MiB above lowmem
    vmallocEnd: 0xfeff_e000,
    vmemmap: I386_PAGE_OFFSET + I386_DESCRIPTORS,
    modulesStart: 0xf77f_e000, // modules share the vmalloc region
    modulesEnd: 0xf77f_e000,
    userStart: 0,
    userEnd: I386_PAGE_OFFSET,
    pkmapStart: 0xff00_0000,
    pkmapEnd: 0xff40_0000,
    fixmapEnd: 0xffff_f000,
  },
};
