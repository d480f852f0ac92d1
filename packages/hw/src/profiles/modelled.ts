/** Machines that were not recorded: built by the same rules, with round numbers. */
import type { MachineProfile, ReservedRange } from '../machine-profile.js';
import { pcMemory } from './pc-memory.js';
import { X86_64_KASLR_REGIONS } from './regions.js';

/** What every PC with a distribution kernel reserves low down (buddy spec 12). */
const DISTRIBUTION_KERNEL: readonly ReservedRange[] = [
  { name: 'first MiB', start: 0, end: 0x10_0000 },
  { name: 'kernel image', start: 0x100_0000, end: 0x440_0000 },
  { name: 'SWIOTLB', start: 0xbbfe_0000, end: 0xbffe_0000 },
];

const DISTRIBUTION_PC = {
  arch: 'x86_64',
  regions: X86_64_KASLR_REGIONS,
  bitsPerLong: 64,
  pageShift: 12,
  late: [],
  pageStructBytes: 64,
  maxOrder: 11,
  pageblockOrder: 9,
  nrMigratetypes: 5,
  hugePages: true,
  hz: 250,
  backing: 'sparse',
} as const;

const PC_4G_MEMORY = pcMemory({ arch: 'x86_64', ramMib: 4096 });

/** 4 GiB, 4 CPUs, a distribution kernel. */
export const PC_4G: MachineProfile = {
  ...DISTRIBUTION_PC,
  name: 'pc-4g',
  title: 'PC with 4 GiB and 4 CPUs',
  nrCpus: 4,
  nodes: [{ node: 0, nrCpus: 4, ram: PC_4G_MEMORY.ram }],
  resources: PC_4G_MEMORY.resources,
  reserved: [
    ...DISTRIBUTION_KERNEL,
    { name: 'inode hash table', start: 0x1_3b60_0000, end: 0x1_3b80_0000 },
    { name: 'dentry hash table', start: 0x1_3b80_0000, end: 0x1_3bc0_0000 },
    { name: 'per-CPU data', start: 0x1_3bc0_0000, end: 0x1_3bcc_c000 },
    { name: 'page descriptors', start: 0x1_3be0_0000, end: 0x1_3fe0_0000 },
    { name: 'boot data', start: 0x1_3ff0_0000, end: 0x1_4000_0000 },
  ],
};

/** Two sockets with 32 GiB each. Every node holds the page descriptors of its own memory. */
export const SERVER_64G: MachineProfile = {
  ...DISTRIBUTION_PC,
  name: 'server-64g',
  title: 'Server with two nodes, 64 GiB and 32 CPUs',
  nrCpus: 32,
  nodes: [
    {
      node: 0,
      nrCpus: 16,
      ram: [
        { start: 0x1000, end: 0x9_fc00 },
        { start: 0x10_0000, end: 0xbffe_0000 },
        { start: 0x1_0000_0000, end: 0x8_4000_0000 },
      ],
    },
    { node: 1, nrCpus: 16, ram: [{ start: 0x8_4000_0000, end: 0x10_4000_0000 }] },
  ],
  resources: pcMemory({ arch: 'x86_64', ramMib: 65_536 }).resources,
  reserved: [
    ...DISTRIBUTION_KERNEL,
    { name: 'per-CPU data of node 0', start: 0x8_1dc0_0000, end: 0x8_1fc0_0000 },
    { name: 'page descriptors of node 0', start: 0x8_1fe0_0000, end: 0x8_3fe0_0000 },
    { name: 'boot data of node 0', start: 0x8_3ff0_0000, end: 0x8_4000_0000 },
    { name: 'per-CPU data of node 1', start: 0x10_1dc0_0000, end: 0x10_1fc0_0000 },
    { name: 'page descriptors of node 1', start: 0x10_1fe0_0000, end: 0x10_3fe0_0000 },
    { name: 'boot data of node 1', start: 0x10_3ff0_0000, end: 0x10_4000_0000 },
  ],
};

const PI_PAGE_OFFSET = 0x8000_0000;
const PI_DESCRIPTORS = 0x3b88_0000;

/** 32-bit kernel with 2 GiB of kernel addresses, so that all memory is lowmem and there is one zone. */
export const RASPBERRY_PI: MachineProfile = {
  name: 'raspberry-pi',
  title: 'Raspberry Pi 2 with 1 GiB, 64 MiB of it taken by the GPU',
  arch: 'arm',
  nrCpus: 4,
  nodes: [{ node: 0, nrCpus: 4, ram: [{ start: 0, end: 0x3c00_0000 }] }],
  reserved: [
    { name: 'firmware', start: 0, end: 0x1000 },
    { name: 'first page table', start: 0x4000, end: 0x8000 },
    { name: 'kernel image', start: 0x8000, end: 0x140_0000 },
    { name: 'page descriptors', start: PI_DESCRIPTORS, end: 0x3c00_0000 },
  ],
  late: [],
  resources: [],
  regions: {
    pageOffset: PI_PAGE_OFFSET,
    lowmemBytes: 0x3c00_0000,
    vmallocStart: 0xbc80_0000, // 8 MiB above lowmem
    vmallocEnd: 0xff80_0000,
    vmemmap: PI_PAGE_OFFSET + PI_DESCRIPTORS,
    modulesStart: 0x7f00_0000,
    modulesEnd: PI_PAGE_OFFSET,
    userStart: 0,
    userEnd: 0x7f00_0000,
  },
  bitsPerLong: 32,
  pageShift: 12,
  pageStructBytes: 32,
  maxOrder: 11,
  pageblockOrder: 10,
  nrMigratetypes: 4,
  hugePages: false,
  hz: 100,
  backing: 'dense',
};
