/**
 * Zones: how an architecture cuts memory into zones (buddy spec 1).
 *
 * ```
 *            0        16 MiB               lowmem end       4 GiB
 * x86_64     |  DMA   |        DMA32                        |  Normal ...          Movable  Device
 * i386       |  DMA   |  Normal            |  HighMem ...                          Movable
 * arm        |  Normal ...                                                       Movable
 * identity, x86_64-linear:  Normal only
 * ```
 * Movable and Device have no range of their own and stay empty. The span of a zone is what the zone's limits
 * and the span of the node have in common, holes included - also a hole at its end, as long as the node has
 * memory further up.
 */
import type { NodeId, PfnRange, ZoneKind, ZoneSpec } from '@kmem/contracts';
import { countPages, intersectRanges } from './memory-map.js';
import { requireInteger, shown } from './option-checks.js';

/**
 * What decides zones and addresses: three real architectures, `identity` (virtual equals physical, for library use) and
 * `x86_64-linear` (x86_64 addresses whose low 32 bits are the offset in one linear memory).
 */
export type Arch = 'x86_64' | 'i386' | 'arm' | 'identity' | 'x86_64-linear';

/** Memory of one node, in frames. */
export interface NodeMemory {
  /** Number of the node. */
  readonly node: NodeId;
  /** Frames that exist, in any order. */
  readonly ram: readonly PfnRange[];
}

/** What {@link layoutZones} goes by. */
export interface ZoneLayoutOptions {
  /** The architecture. */
  readonly arch: Arch;
  /** The nodes; their zones are listed in this order. */
  readonly nodes: readonly NodeMemory[];
  /** log2 of the page size, from 0 to 22. @default 12 */
  readonly pageShift?: number;
  /** Physical address at which lowmem ends, in bytes. Counts on i386 only. @default 896 MiB */
  readonly lowmemBytes?: number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** The lowmem of the textbooks: 1 GiB of kernel addresses without 128 MiB for vmalloc. */
const I386_TEXTBOOK_LOWMEM = 896 * MIB;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** A zone kind, and the physical address in bytes at which its memory ends. It starts where the one before ends. */
type ZoneLimit = readonly [kind: ZoneKind, endBytes: number];

/**
 * Cuts the memory of a machine into zones, as Linux does at boot.
 *
 * @param options - architecture and memory.
 * @returns zones node by node, each node's in index order, unpopulated ones included. On x86 frame 0 is in
 *   no zone.
 * @throws TypeError when `arch` is unknown.
 * @throws RangeError when there is no memory at all, two nodes overlap, or an option is out of range.
 * @kernelName free_area_init
 * @example
 * ```ts
 * import { layoutZones } from '@kmem/hw';
 * const zones = layoutZones({ arch: 'i386', nodes: [{ node: 0, ram: [{ start: 1, end: 262144 }] }] });
 * zones.map((z) => `${z.kind} ${z.spannedPages}`); // -> [ 'DMA 4095', 'Normal 225280', 'HighMem 32768', 'Movable 0' ]
 * ```
 */
export function layoutZones(options: ZoneLayoutOptions): ZoneSpec[] {
  const { arch, pageShift = 12, lowmemBytes = I386_TEXTBOOK_LOWMEM } = options;
  requireInteger('pageShift', pageShift, 0, 22);
  requireInteger('lowmemBytes', lowmemBytes, 1, NO_LIMIT);
  const pageSize = 2 ** pageShift;
  const firstFrame = arch === 'x86_64' || arch === 'i386' ? 1 : 0;
  const everything = [{ start: firstFrame, end: NO_LIMIT }];
  const nodes = options.nodes.map(({ node, ram }) => ({ node, ram: intersectRanges(ram, everything) }));
  requireDisjoint(nodes);

  const limits = zoneLimits(arch, lowmemBytes);
  return nodes.flatMap(({ node, ram }) => zonesOfNode(node, ram, limits, pageSize));
}

function zoneLimits(arch: Arch, lowmemBytes: number): readonly ZoneLimit[] {
  switch (arch) {
    case 'x86_64':
      return [
        ['DMA', 16 * MIB],
        ['DMA32', 4 * GIB],
        ['Normal', NO_LIMIT],
        ['Movable', NO_LIMIT],
        ['Device', NO_LIMIT],
      ];
    case 'i386':
      return [
        ['DMA', Math.min(16 * MIB, lowmemBytes)],
        ['Normal', lowmemBytes],
        ['HighMem', NO_LIMIT],
        ['Movable', NO_LIMIT],
      ];
    case 'arm':
      return [
        ['Normal', NO_LIMIT],
        ['Movable', NO_LIMIT],
      ];
    case 'identity':
    case 'x86_64-linear':
      return [['Normal', NO_LIMIT]];
    default:
      throw new TypeError(`arch: expected x86_64, i386, arm, identity or x86_64-linear, got ${shown(arch)}`);
  }
}

function zonesOfNode(node: NodeId, ram: readonly PfnRange[], limits: readonly ZoneLimit[], pageSize: number): ZoneSpec[] {
  const nodeStart = ram.at(0)?.start ?? 0;
  const nodeEnd = ram.at(-1)?.end ?? 0;
  let low = 0;
  return limits.map(([kind, endBytes]) => {
    const high = Math.floor(endBytes / pageSize);
    const start = Math.max(low, nodeStart);
    const end = Math.min(high, nodeEnd);
    low = high;
    const present = intersectRanges(ram, [{ start, end }]);
    if (present.length === 0) return { kind, node, startPfn: 0, spannedPages: 0, present };
    return { kind, node, startPfn: start, spannedPages: end - start, present };
  });
}

function requireDisjoint(nodes: readonly NodeMemory[]): void {
  const all = nodes.flatMap(({ ram }) => ram);
  if (all.length === 0) throw new RangeError('nodes: no memory in any node, expected at least one frame');
  const sum = all.reduce((n, { start, end }) => n + end - start, 0);
  if (sum !== countPages(all)) throw new RangeError('nodes: two nodes have a frame in common');
}
