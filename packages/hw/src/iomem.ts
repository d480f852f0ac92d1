/**
 * The text of /proc/iomem: physical addresses as a tree, a row for each resource, two blanks deeper inside another.
 *
 * ```
 * resources   RAM, what the profile lists besides, and RAM buffers
 * RAM buffer  from the end of RAM to the next round address, as far as nothing else is there: split around what is
 * round       64 KiB below 1 MiB, 1 MiB below 16 MiB, 64 MiB above
 * order       by start; of two that start together the longer first, of two equal ones the one listed first
 * ```
 */
import type { ProcRow } from '@kmem/contracts';
import type { MachineProfile, MemoryResource } from './machine-profile.js';
import { normalizeRanges, subtractRanges } from './memory-map.js';
import type { ByteRange } from './memory-map.js';

const MIB = 2 ** 20;

/**
 * Prints the rows of /proc/iomem as root sees them; others see zeros in place of addresses.
 *
 * @param machine - a profile, or RAM and resources alone.
 * @returns the rows. Those of resources that boot finds are stated: the kind of machine does not decide them.
 * @throws RangeError naming both when a resource partly overlaps another or RAM.
 * @example
 * ```ts
 * import { getProfile, iomemRows } from '@kmem/hw';
 * iomemRows(getProfile('raspberry-pi')).map((row) => row.text); // -> [ '00000000-3bffffff : System RAM' ]
 * ```
 */
export function iomemRows(machine: Pick<MachineProfile, 'nodes' | 'resources'>): ProcRow[] {
  const ram = normalizeRanges(machine.nodes.flatMap((node) => node.ram));
  const known = [...ram.map((range) => resource('System RAM', range)), ...machine.resources];
  const buffers = subtractRanges(ram.map(bufferAfter), known).map((range) => resource('RAM buffer', range));
  // The sort keeps the order of equal resources.
  const sorted = [...known, ...buffers].sort((a, b) => a.start - b.start || b.end - a.end);
  const outer: MemoryResource[] = [];
  return sorted.map((inner) => {
    while (outer.length > 0 && outer[outer.length - 1].end <= inner.start) outer.pop();
    const parent = outer.at(-1);
    if (parent !== undefined && parent.end < inner.end) {
      throw new RangeError(`resources: must not overlap in part, got ${rangeText(inner)} and ${rangeText(parent)}`);
    }
    const text = '  '.repeat(outer.length) + rangeText(inner);
    outer.push(inner);
    return { text, stated: inner.found ? inner.name : null };
  });
}

function resource(name: string, { start, end }: ByteRange): MemoryResource {
  return { name, start, end, found: false };
}

function bufferAfter({ end }: ByteRange): ByteRange {
  const unit = end < MIB ? 64 * 1024 : end < 16 * MIB ? MIB : 64 * MIB;
  return { start: end, end: Math.ceil(end / unit) * unit };
}

function rangeText({ start, end, name }: MemoryResource): string {
  return `${hex(start)}-${hex(end - 1)} : ${name}`;
}

function hex(address: number): string {
  return address.toString(16).padStart(8, '0');
}
