/** Machines that never existed: one Normal zone, for library use, for C modules, and for teaching. */
import type { MachineProfile } from '../machine-profile.js';
import { requireInteger } from '../option-checks.js';
import { X86_64_REGIONS } from './regions.js';

const MIB = 2 ** 20;

const ONE_ZONE = {
  nrCpus: 1,
  late: [],
  resources: [],
  bitsPerLong: 64,
  pageShift: 12,
  pageStructBytes: 64,
  maxOrder: 11,
  pageblockOrder: 9,
  nrMigratetypes: 5,
  hugePages: false,
  hz: 250,
  backing: 'dense',
} as const;

/** What {@link identityProfile} goes by. */
export interface IdentityOptions {
  /** Memory in bytes, from one page to 2^52; a last, incomplete page is not used. @default 64 MiB */
  readonly sizeBytes?: number;
  /** log2 of the page size in bytes, from 0 to 22. @default 12 */
  readonly pageShift?: number;
  /** Number of block orders, from 1 to 16: the largest block has `2 ** (maxOrder - 1)` pages. A pageblock is never larger. @default 11 */
  readonly maxOrder?: number;
  /** Bytes of a window for vmalloc, at the addresses behind the memory; there must be as many bytes there. @default 0 */
  readonly vmallocBytes?: number;
}

/**
 * Describes plain memory without a kernel: virtual address equals physical address.
 *
 * @remarks
 * The first page is reserved: its address is 0, which means "no memory".
 *
 * @param options - size of the memory, of a page and of the largest block.
 * @returns the profile.
 * @throws RangeError when an option is out of range.
 */
export function identityProfile(options: IdentityOptions = {}): MachineProfile {
  const { sizeBytes = 64 * MIB, pageShift = 12, maxOrder = ONE_ZONE.maxOrder, vmallocBytes = 0 } = options;
  requireInteger('pageShift', pageShift, 0, 22);
  requireInteger('sizeBytes', sizeBytes, 2 ** pageShift, 2 ** 52);
  requireInteger('maxOrder', maxOrder, 1, 16);
  requireInteger('vmallocBytes', vmallocBytes, 0, 2 ** 31);
  const windowStart = vmallocBytes === 0 ? 0 : Math.ceil(sizeBytes / 2 ** pageShift) * 2 ** pageShift;
  return {
    ...ONE_ZONE,
    name: 'identity',
    title: 'Plain memory, virtual address equals physical address',
    arch: 'identity',
    pageShift,
    maxOrder,
    pageblockOrder: Math.min(ONE_ZONE.pageblockOrder, maxOrder - 1),
    nodes: [{ node: 0, nrCpus: 1, ram: [{ start: 0, end: sizeBytes }] }],
    reserved: [{ name: 'null page', start: 0, end: 2 ** pageShift }],
    regions: {
      pageOffset: 0,
      lowmemBytes: sizeBytes,
      vmallocStart: windowStart,
      vmallocEnd: windowStart + vmallocBytes,
      vmemmap: X86_64_REGIONS.vmemmap, // negative, so never the address of a byte
      modulesStart: 0,
      modulesEnd: 0,
      userStart: 0,
      userEnd: 0,
    },
  };
}

/**
 * x86_64 addresses in one linear memory of 576 MiB: `kaddr >>> 0` is the offset of every kernel address.
 *
 * ```
 *   offset 0            0x0fc00000          0x10000000        0x20000000      0x24000000
 *     | RAM               page descriptors    | vmalloc window  | modules       |
 *     ffff888000000000    ffffea000fc00000    ffffc90010000000  ffffffff20000000
 * ```
 */
export const X86_64_LINEAR: MachineProfile = {
  ...ONE_ZONE,
  name: 'x86_64-linear',
  title: 'x86_64 addresses in one linear memory, 256 MiB of RAM',
  arch: 'x86_64-linear',
  backing: 'wasm',
  nodes: [{ node: 0, nrCpus: 1, ram: [{ start: 0, end: 256 * MIB }] }],
  reserved: [
    { name: 'first MiB', start: 0, end: MIB },
    { name: 'page descriptors', start: 0xfc0_0000, end: 0x1000_0000 },
  ],
  regions: {
    ...X86_64_REGIONS,
    lowmemBytes: 256 * MIB,
    vmallocStart: -0x3700_0000_0000 + 0x1000_0000,
    vmallocEnd: -0x3700_0000_0000 + 0x2000_0000 - 1, // the last byte, as on x86_64
    vmemmap: -0x1600_0000_0000 + 0xfc0_0000,
    modulesStart: -0xe000_0000, // ffffffff20000000
    modulesEnd: -0xdc00_0000, // ffffffff24000000
  },
};

/** 4096 frames, four of the largest blocks: every list fits on a screen. */
export const TEACHING_16M: MachineProfile = {
  ...ONE_ZONE,
  name: 'teaching-16m',
  title: 'Teaching machine with 16 MiB in one zone',
  arch: 'x86_64-linear',
  nodes: [{ node: 0, nrCpus: 1, ram: [{ start: 0, end: 16 * MIB }] }],
  reserved: [
    { name: 'first MiB', start: 0, end: MIB },
    { name: 'kernel image', start: MIB, end: 3 * MIB },
    { name: 'page descriptors', start: 0xfc_0000, end: 0x100_0000 },
  ],
  regions: {
    ...X86_64_REGIONS,
    lowmemBytes: 16 * MIB,
    vmallocStart: -0x3700_0000_0000 + 0x100_0000,
    vmallocEnd: -0x3700_0000_0000 + 0x200_0000 - 1,
    vmemmap: -0x1600_0000_0000 + 0xfc_0000,
    modulesStart: -0xfe00_0000, // ffffffff02000000
    modulesEnd: -0xfd00_0000, // ffffffff03000000
  },
};
