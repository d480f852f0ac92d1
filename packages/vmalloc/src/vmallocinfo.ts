/**
 * The text of /proc/vmallocinfo (vmalloc spec 10.2).
 *
 * ```
 * 0xffffc90000008000-0xffffc9000000b000   12288 acpi_os_map_iomem+0x1a2/0x1c0 phys=0x000000000ffe0000 ioremap
 *   start              end (with guard)    bytes caller                        where it fits: pages=, phys=, what it is
 * ```
 */
import { VM_ALLOC, VM_DMA_COHERENT, VM_IOREMAP, VM_MAP, VM_USERMAP, type AddressRange, type KAddr, type VmArea } from '@kmem/contracts';

/** What the text depends on beside the areas. */
export interface VmallocinfoMachine {
  /** Width of an address: the number of digits follows from it. */
  readonly bitsPerLong: 32 | 64;
  /** log2 of the page size. @default 12 */
  readonly pageShift?: number;
}

/** Words of the flags, in the order in which they stand. */
const FLAG_WORDS: readonly (readonly [flag: number, word: string])[] = [
  [VM_IOREMAP, 'ioremap'],
  [VM_ALLOC, 'vmalloc'],
  [VM_MAP, 'vmap'],
  [VM_USERMAP, 'user'],
  [VM_DMA_COHERENT, 'dma-coherent'],
];

/**
 * Prints the text as root sees it with addresses that are not hidden.
 *
 * @param areas - areas in use, by ascending address.
 * @param lazy - ranges freed and not purged, by ascending address. They are shown after the last area, and not without one.
 * @param machine - how wide addresses are.
 * @returns the whole text.
 * @context any.
 */
export function formatVmallocinfo(areas: readonly Readonly<VmArea>[], lazy: readonly AddressRange[], machine: VmallocinfoMachine): string {
  const { bitsPerLong, pageShift = 12 } = machine;
  const pageSize = 2 ** pageShift;
  const hex = (addr: number): string => `0x${BigInt.asUintN(bitsPerLong, BigInt(addr)).toString(16).padStart(bitsPerLong / 4, '0')}`;
  const start = (addr: KAddr, size: number): string => `${hex(addr)}-${hex(addr + size)} ${String(size).padStart(7)}`;
  const rows = areas.map(({ addr, caller, flags, nrPages, physAddr, size }) => {
    if (flags === 0) return `${start(addr, size)} vm_map_ram\n`;
    const words = [start(addr, size)];
    if (caller !== '') words.push(caller);
    if (nrPages > 0) words.push(`pages=${nrPages}`);
    if (physAddr !== 0) words.push(`phys=${hex(physAddr)}`);
    words.push(...FLAG_WORDS.filter(([flag]) => (flags & flag) !== 0).map(([, word]) => word));
    // The list of its pages takes more than a page, and so is an area itself.
    if ((nrPages * bitsPerLong) / 8 > pageSize) words.push('vpages');
    return `${words.join(' ')}\n`;
  });
  const unpurged = areas.length === 0 ? [] : lazy.map(({ addr, sizeBytes }) => `${start(addr, sizeBytes)} unpurged vm_area\n`);
  return [...rows, ...unpurged].join('');
}
