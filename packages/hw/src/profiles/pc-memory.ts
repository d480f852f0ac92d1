/**
 * Physical addresses of a PC: where RAM lies, and what else has addresses.
 *
 * The recorded PCs are QEMU's (i440FX) with 64 to 3600 MiB. RAM and the rows that move with it:
 * ```
 * 0   4 KiB        639 KiB   1 MiB                low end    3 or 4 GiB     high end   next GiB
 * | R | RAM        | R | ... | RAM            | R | PCI window | controllers | RAM     |     | PCI window, 2 GiB |
 *                                      128 KiB ^ ACPI tables
 * low end = RAM, or 3 GiB when there are 3584 MiB or more; what is left lies from 4 GiB on
 * ```
 */
import type { MemoryResource } from '../machine-profile.js';
import type { ByteRange } from '../memory-map.js';
import { requireInteger } from '../option-checks.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** RAM from here on lies above 4 GiB, but for the first 3 GiB. */
const SPLIT_FROM = 3584 * MIB;
/** The end of RAM below 4 GiB that ACPI tables occupy. */
const ACPI_BYTES = 0x2_0000;
/** The window of PCI below 4 GiB ends where the controllers begin. */
const CONTROLLERS = 0xfec0_0000;
const HIGH_WINDOW_BYTES = 2 * GIB;

/** What {@link pcMemory} goes by. */
export interface PcMemoryOptions {
  /** The kernel's: one for i386 without PAE sees nothing above 4 GiB. */
  readonly arch: 'x86_64' | 'i386';
  /** RAM in MiB as QEMU is told, from 64 to 65536. */
  readonly ramMib: number;
}

/** Where RAM lies in a PC, and what else has physical addresses. */
export interface PcMemory {
  /** RAM in bytes, as the firmware reports it. */
  readonly ram: readonly ByteRange[];
  /** Everything else but the kernel's image, outer resources before inner ones. */
  readonly resources: readonly MemoryResource[];
}

/**
 * Lays out the physical addresses of a PC.
 *
 * @param options - RAM, and for which kernel.
 * @returns RAM and resources.
 * @throws TypeError or RangeError when an option is out of range.
 * @example
 * ```ts
 * import { pcMemory } from '@kmem/hw';
 * pcMemory({ arch: 'x86_64', ramMib: 256 }).ram[1]; // -> { start: 1048576, end: 268304384 }
 * ```
 */
export function pcMemory(options: PcMemoryOptions): PcMemory {
  const { arch, ramMib } = options;
  requireInteger('ramMib', ramMib, 64, 65536);
  const bytes = ramMib * MIB;
  const lowEnd = bytes >= SPLIT_FROM ? 3 * GIB : bytes;
  const highEnd = 4 * GIB + bytes - lowEnd;
  const low: readonly ByteRange[] = [
    { start: 0x1000, end: 0x9_fc00 },
    { start: MIB, end: lowEnd - ACPI_BYTES },
  ];
  const resources = [...lowResources(arch), ...resourcesFrom(lowEnd)];
  if (arch === 'i386') return { ram: low, resources };
  const high = highEnd > 4 * GIB ? [{ start: 4 * GIB, end: highEnd }] : [];
  const window = Math.ceil(highEnd / GIB) * GIB;
  const above = [
    machine('PCI Bus 0000:00', window, window + HIGH_WINDOW_BYTES),
    machine('Reserved', 0xfd_0000_0000, 0x100_0000_0000),
  ];
  return { ram: [...low, ...high], resources: [...resources, ...above] };
}

/**
 * Makes the resources of a kernel image.
 *
 * @param sections - name, first byte, and first byte past each section.
 * @returns the resources.
 */
export function kernelSections(sections: readonly (readonly [name: string, start: number, end: number])[]): MemoryResource[] {
  return sections.map(([name, start, end]) => found(`Kernel ${name}`, start, end));
}

function lowResources(arch: PcMemoryOptions['arch']): MemoryResource[] {
  return [
    machine('Reserved', 0, 0x1000),
    machine('Reserved', 0x9_fc00, 0xa_0000),
    machine('PCI Bus 0000:00', 0xa_0000, 0xc_0000),
    // Only kernels for i386 name it.
    ...(arch === 'i386' ? [machine('Video RAM area', 0xa_0000, 0xc_0000)] : []),
    found('Video ROM', 0xc_0000, 0xc_9c00),
    found('Adapter ROM', 0xc_a000, 0xc_a600),
    machine('Reserved', 0xf_0000, MIB),
    machine('System ROM', 0xf_0000, MIB),
  ];
}

/** What lies from the end of RAM to 4 GiB. */
function resourcesFrom(lowEnd: number): MemoryResource[] {
  return [
    machine('Reserved', lowEnd - ACPI_BYTES, lowEnd),
    machine('PCI Bus 0000:00', lowEnd, CONTROLLERS),
    found('0000:00:02.0', 0xfd00_0000, 0xfe00_0000),
    found('0000:00:02.0', 0xfebf_0000, 0xfebf_1000),
    machine('IOAPIC 0', CONTROLLERS, 0xfec0_0400),
    machine('HPET 0', 0xfed0_0000, 0xfed0_0400),
    machine('PNP0103:00', 0xfed0_0000, 0xfed0_0400),
    machine('Local APIC', 0xfee0_0000, 0xfee0_1000),
    machine('Reserved', 0xfffc_0000, 4 * GIB),
  ];
}

function machine(name: string, start: number, end: number): MemoryResource {
  return { name, start, end, found: false };
}

function found(name: string, start: number, end: number): MemoryResource {
  return { name, start, end, found: true };
}
