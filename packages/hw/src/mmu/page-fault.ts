/**
 * Page faults: an access that the tables do not allow, and the report of it (vmalloc spec 12).
 *
 * ```
 * error code     bit 0  the page is there, its protection forbids the access
 *                bit 1  write        bit 4  execute
 * ```
 */
import { KernelBug, type AddressOwner, type KAddr, type OwnedAddresses } from '@kmem/contracts';
import type { AddressRegions } from '../machine-profile.js';

/** Error code: the page is there. */
const X86_PF_PROT = 0x1;
/** Error code: it was a write. */
const X86_PF_WRITE = 0x2;
/** Error code: it was an instruction. */
const X86_PF_INSTR = 0x10;

/** What was tried. */
export type AccessKind = 'read' | 'write' | 'execute';

/** Where an access went wrong. */
export type PageFaultKind =
  | 'null pointer'
  | 'user address'
  | 'non-canonical'
  | 'guard page'
  | 'freed area'
  | 'vmalloc hole'
  | 'unmapped'
  | 'direct-map hole'
  | 'read-only'
  | 'no-exec';

/** One fault. */
export interface PageFault {
  /** The address. */
  readonly addr: KAddr;
  /** What was tried. */
  readonly access: AccessKind;
  /** The kind. */
  readonly kind: PageFaultKind;
  /** Error code of the exception. */
  readonly errorCode: number;
  /** Whose the address is; null outside the vmalloc range. */
  readonly owner: OwnedAddresses | null;
  /** Bytes from the last one that the area's user may touch to the address: 1 for the first byte behind; null without an area. */
  readonly beyondBytes: number | null;
  /** The entries on the way to the page. */
  readonly entries: readonly bigint[];
}

/** What a fault is told apart by. */
export interface FaultPlace {
  /** The machine's regions. */
  readonly regions: AddressRegions;
  /** Width of an address. */
  readonly bitsPerLong: 32 | 64;
  /** Page size in bytes. */
  readonly pageSize: number;
  /** Who has vmalloc addresses; null when nobody knows. */
  readonly owner: AddressOwner | null;
}

/**
 * Describes a fault.
 *
 * @param addr - the address.
 * @param access - what was tried.
 * @param isPresent - whether the page is there.
 * @param entries - the entries on the way to it.
 * @param place - the machine.
 * @returns the fault.
 */
export function pageFault(addr: KAddr, access: AccessKind, isPresent: boolean, entries: readonly bigint[], place: FaultPlace): PageFault {
  const { vmallocStart, vmallocEnd } = place.regions;
  const owner = addr >= vmallocStart && addr <= vmallocEnd ? (place.owner?.ownerOf(addr) ?? null) : null;
  const errorCode = (isPresent ? X86_PF_PROT : 0) | (access === 'write' ? X86_PF_WRITE : 0) | (access === 'execute' ? X86_PF_INSTR : 0);
  const beyondBytes = owner !== null && owner.addr !== null && owner.kind !== 'freed' ? addr - (owner.addr + owner.sizeBytes) + 1 : null;
  const kind = isPresent ? (access === 'write' ? 'read-only' : 'no-exec') : kindOf(addr, owner, place);
  return { addr, access, kind, errorCode, owner, beyondBytes: beyondBytes !== null && beyondBytes > 0 ? beyondBytes : null, entries };
}

function kindOf(addr: KAddr, owner: OwnedAddresses | null, { bitsPerLong, pageSize, regions }: FaultPlace): PageFaultKind {
  if (addr >= 0 && addr < pageSize) return 'null pointer';
  if (bitsPerLong === 64 && !(addr >= -(2 ** 47) && addr < 2 ** 47)) return 'non-canonical';
  if (addr >= regions.userStart && addr < regions.userEnd) return 'user address';
  if (addr >= regions.vmallocStart && addr <= regions.vmallocEnd) {
    if (owner === null || owner.kind === 'area') return 'unmapped';
    return owner.kind === 'guard' ? 'guard page' : owner.kind === 'freed' ? 'freed area' : 'vmalloc hole';
  }
  const phys = addr - regions.pageOffset;
  return phys >= 0 && phys < regions.lowmemBytes ? 'direct-map hole' : 'unmapped';
}

/**
 * Prints what the kernel prints first in its Oops.
 *
 * @param fault - the fault.
 * @param formatAddr - prints an address without `0x`.
 * @returns lines, each with its line feed; the number of the Oops is left at 1.
 */
export function formatOops(fault: PageFault, formatAddr: (addr: KAddr) => string): string {
  const { access, addr, entries, errorCode, kind } = fault;
  const code = errorCode.toString(16).padStart(4, '0');
  if (kind === 'non-canonical') return `general protection fault, probably for non-canonical address 0x${formatAddr(addr)}: 0000 [#1] PREEMPT SMP\n`;
  const first = kind === 'null pointer' ? `kernel NULL pointer dereference, address: ${formatAddr(addr)}` : `unable to handle page fault for address: ${formatAddr(addr)}`;
  const what = access === 'execute' ? 'instruction fetch' : `${access} access`;
  const names = entries.length > 3 || (entries.length > 0 && formatAddr(addr).length === 16) ? ['PGD', 'P4D', 'PUD', 'PMD', 'PTE'] : ['*pde =', '*pte ='];
  // With four levels the second name stands for the same entry as the first.
  const values = names.length === 5 ? [entries[0], ...entries] : entries;
  const walk = values.map((entry, i) => `${names[i]} ${names.length === 5 ? entry.toString(16) : entry.toString(16).padStart(8, '0')}`).join(' ');
  return [
    `BUG: ${first}`,
    `#PF: supervisor ${what} in kernel mode`,
    `#PF: error_code(0x${code}) - ${(errorCode & X86_PF_PROT) !== 0 ? 'permissions violation' : 'not-present page'}`,
    ...(walk === '' ? [] : [walk]),
    `Oops: ${code} [#1] PREEMPT SMP`,
    '',
  ].join('\n');
}

/**
 * Makes the report of a fault.
 *
 * @param fault - the fault.
 * @param formatAddr - prints an address without `0x`.
 * @returns `PAGE_FAULT`, or `GENERAL_PROTECTION` for an address that is none; its fields are those of the fault and of the area.
 */
export function pageFaultReport(fault: PageFault, formatAddr: (addr: KAddr) => string): KernelBug {
  const { access, addr, beyondBytes, errorCode, kind, owner } = fault;
  const about = owner === null || owner.addr === null ? '' : `; ${ownerText(owner, beyondBytes, formatAddr)}`;
  const fields = {
    addr,
    access,
    kind,
    errorCode,
    ...(owner !== null && owner.addr !== null && { area: owner.addr, areaBytes: owner.sizeBytes, caller: owner.caller }),
    ...(beyondBytes !== null && { beyondBytes }),
  };
  const code = kind === 'non-canonical' ? 'GENERAL_PROTECTION' : 'PAGE_FAULT';
  return new KernelBug(code, `${access} at ${formatAddr(addr)}, error code 0x${errorCode.toString(16).padStart(4, '0')}: ${kind}${about}`, fields);
}

function ownerText(owner: OwnedAddresses, beyondBytes: number | null, formatAddr: (addr: KAddr) => string): string {
  const by = owner.caller === '' ? '' : ` that ${owner.caller} allocated`;
  const area = `the ${owner.sizeBytes} bytes at ${owner.addr === null ? '' : formatAddr(owner.addr)}${by}`;
  if (owner.kind === 'freed') return `it was in ${area}, which is freed`;
  return beyondBytes === null ? `it is in ${area}` : `${beyondBytes} ${beyondBytes === 1 ? 'byte' : 'bytes'} beyond ${area}`;
}
