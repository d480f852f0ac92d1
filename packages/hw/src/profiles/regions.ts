/** Address regions of the architectures, as 6.1 has them (vmalloc spec 1). */
import type { AddressRegions } from '../machine-profile.js';

/** x86_64 with 4-level page tables, built without KASLR support: the recorded kernels. */
export const X86_64_REGIONS: AddressRegions = {
  pageOffset: -0x7780_0000_0000, // ffff888000000000
  lowmemBytes: 2 ** 46, // 64 TiB of direct map
  vmallocStart: -0x3700_0000_0000, // ffffc90000000000
  vmallocEnd: -0x1700_0000_0001, // ffffe8ffffffffff
  vmemmap: -0x1600_0000_0000, // ffffea0000000000
  modulesStart: -0x6000_0000, // ffffffffa0000000
  modulesEnd: -0x100_0000, // ffffffffff000000
  userStart: 0,
  userEnd: 0x7fff_ffff_f000,
};

/** x86_64 as distributions build it: with KASLR support the kernel image may take 1 GiB, and modules start later. */
export const X86_64_KASLR_REGIONS: AddressRegions = {
  ...X86_64_REGIONS,
  modulesStart: -0x4000_0000, // ffffffffc0000000
};
