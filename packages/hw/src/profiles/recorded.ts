/**
 * The machines that were recorded: QEMU PCs with Linux 6.1.192 in a small configuration, one CPU.
 *
 * RAM is what their /proc/iomem shows. Reservations are what those kernels never handed to the page allocator: the
 * frames that are on no free list in any recorded state. For the 64-bit PCs recorded-pc.ts has the rules; on i386 the
 * image is certain to the frame, and the sizes of the rest are.
 */
import type { MachineProfile } from '../machine-profile.js';
import { kernelSections, pcMemory } from './pc-memory.js';
import { FIRST_MIB, recordedPc } from './recorded-pc.js';

/** 160 MiB: small enough to exhaust in a test. */
export const PC_160M: MachineProfile = recordedPc({ ramMib: 160 });

/** 512 MiB: just too little managed memory for huge pages to be on after boot. */
export const PC_512M: MachineProfile = recordedPc({ ramMib: 512 });

/** 3600 MiB: all three zones, and the hole below 4 GiB. */
export const PC_3600M: MachineProfile = recordedPc({ ramMib: 3600 });

const I386_LOWMEM_BYTES = 0x36ff_e000;
const I386_PAGE_OFFSET = 0xc000_0000;
const I386_DESCRIPTORS = 0x3658_4000;

const I386_MEMORY = pcMemory({ arch: 'i386', ramMib: 1200 });

/** 1200 MiB with a 32-bit kernel (HIGHMEM4G, no PAE): lowmem ends a little under 896 MiB. */
export const I386_1200M: MachineProfile = {
  name: 'i386-1200m',
  title: '32-bit PC with 1200 MiB and HighMem (recorded)',
  arch: 'i386',
  nrCpus: 1,
  bitsPerLong: 32,
  pageShift: 12,
  pageStructBytes: 32,
  maxOrder: 11,
  pageblockOrder: 10,
  nrMigratetypes: 4,
  hugePages: true,
  hz: 250,
  backing: 'dense',
  nodes: [{ node: 0, nrCpus: 1, ram: I386_MEMORY.ram }],
  resources: [
    ...I386_MEMORY.resources,
    ...kernelSections([
      ['code', 0x100_0000, 0x137_d5f8],
      ['rodata', 0x137_e000, 0x14d_3000],
      ['data', 0x14d_3000, 0x159_08a0],
      ['bss', 0x160_1000, 0x164_d000],
    ]),
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
  late: [
    { name: 'initrd', start: 0x36ee_4000, end: I386_LOWMEM_BYTES },
    { name: 'init sections', start: 0x159_b000, end: 0x160_1000 },
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
