/** The MMU that a machine profile describes. */
import type { Mmu, PhysicalMemory, ReportSink } from '@kmem/contracts';
import type { MachineProfile } from '../machine-profile.js';
import { intersectRanges } from '../memory-map.js';
import { LinearMmu } from './linear-mmu.js';
import { PageTables, TABLE_SHAPES, type TablePages } from './page-tables.js';
import type { Tlb } from './tlb.js';

/** What an MMU works with. */
export interface MmuParts {
  /** Gives the pages of tables. */
  readonly pages: TablePages;
  /** RAM; where there are no page tables bytes move in it. @default numbers alone */
  readonly memory?: PhysicalMemory;
  /** What CPUs remember. @default nothing */
  readonly tlb?: Tlb;
  /** Receives warnings about mappings that are refused. @default they are dropped */
  readonly reports?: ReportSink;
}

/**
 * Makes the MMU of a machine, with its direct map.
 *
 * @param profile - the machine.
 * @param parts - what it works with.
 * @returns page tables of four levels for x86_64 and of two for i386; none for `identity` and `x86_64-linear`.
 * @throws RangeError for an architecture whose tables are not modelled.
 */
export function createMmu(profile: MachineProfile, parts: MmuParts): Mmu {
  const { arch, nodes, pageShift, regions } = profile;
  const ram = nodes.flatMap((node) => node.ram);
  const top = Math.max(...ram.map(({ end }) => end));
  switch (arch) {
    case 'x86_64':
    case 'i386': {
      const pageSize = 2 ** pageShift;
      const inLowmem = intersectRanges(ram, [{ start: 0, end: regions.lowmemBytes }]);
      const ranges = inLowmem.map(({ start, end }) => ({ start: Math.ceil(start / pageSize) * pageSize, end: Math.floor(end / pageSize) * pageSize }));
      return new PageTables({ ...parts, shape: TABLE_SHAPES[arch], nrFrames: Math.floor(top / pageSize), directMap: { start: regions.pageOffset, ranges } });
    }
    case 'identity':
    case 'x86_64-linear': {
      // On x86_64 the end is the last address of the window.
      const windowEnd = arch === 'identity' ? regions.vmallocEnd : regions.vmallocEnd + 1;
      return new LinearMmu({ ...parts, lowBits: arch === 'x86_64-linear', pageOffset: regions.pageOffset, ramBytes: top, windowStart: regions.vmallocStart, windowEnd, pageShift });
    }
    default:
      throw new RangeError(`profile: expected one of x86_64, i386, identity or x86_64-linear, got ${arch}: its page tables are not modelled`);
  }
}
