/** From a profile to what a page allocator is given: zones, free memory, and the size of the frame table. */
import type { NodeId, PfnRange, ZoneSpec } from '@kmem/contracts';
import type { MachineProfile } from './machine-profile.js';
import { countPages, innerPages, intersectRanges, outerPages, subtractRanges } from './memory-map.js';
import { layoutZones } from './zones.js';

/** The memory of a machine at the moment the page allocator takes over. Counts are pages. */
export interface MachineDescription {
  /** Zones node by node, each node's in index order. */
  readonly zones: readonly ZoneSpec[];
  /**
   * Memory minus reservations: ascending, each range inside one zone. Frame 0 is never free. In which order the
   * zones are populated is the page allocator's business (buddy spec 12: HighMem first, page by page).
   */
  readonly free: readonly PfnRange[];
  /** Memory that is given to the page allocator at the end of boot, in this order. Each range is inside one zone; none is in `free`. */
  readonly late: readonly PfnRange[];
  /** Node of each CPU. */
  readonly cpuNodes: readonly NodeId[];
  /** One past the highest frame: what a frame table needs. */
  readonly nrFrames: number;
  /** Frames that exist and are in a zone. */
  readonly presentPages: number;
  /** Frames in `free` and `late`: what the page allocator manages after boot. */
  readonly managedPages: number;
  /** Those frames by position in `zones`. */
  readonly managedByZone: readonly number[];
}

/**
 * Describes the memory of a machine at boot.
 *
 * @param profile - the machine.
 * @returns zones, free ranges and counts. Takes time by the number of ranges, not by the size of memory.
 * @throws TypeError or RangeError as {@link layoutZones}, for a profile made by hand.
 * @example
 * ```ts
 * import { describeMachine, getProfile } from '@kmem/hw';
 * const { zones, managedByZone } = describeMachine(getProfile('pc-512m'));
 * zones.map((z) => z.kind); // -> [ 'DMA', 'DMA32', 'Normal', 'Movable', 'Device' ]
 * managedByZone; // -> [ 3840, 121359, 0, 0, 0 ]
 * ```
 */
export function describeMachine(profile: MachineProfile): MachineDescription {
  const { arch, pageShift, regions } = profile;
  const nodes = profile.nodes.map(({ node, ram }) => ({ node, ram: innerPages(ram, pageShift) }));
  const zones = layoutZones({ arch, nodes, pageShift, lowmemBytes: regions.lowmemBytes });

  const present = zones.flatMap((zone) => zone.present);
  // Link 0 of a frame table means "none", so frame 0 cannot be on a list, whatever the profile says.
  const taken = [...outerPages(profile.reserved, pageShift), { start: 0, end: 1 }];
  const available = subtractRanges(present, taken);
  const managedByZone = zones.map((zone) => countPages(intersectRanges(available, zone.present)));
  const late = profile.late.flatMap((range) => {
    const frames = intersectRanges(innerPages([range], pageShift), available);
    return zones.flatMap((zone) => intersectRanges(frames, zone.present));
  });
  const atBoot = subtractRanges(available, late);
  const freeByZone = zones.map((zone) => intersectRanges(atBoot, zone.present));
  return {
    zones,
    free: freeByZone.flat().sort((a, b) => a.start - b.start),
    late,
    cpuNodes: profile.nodes.flatMap(({ node, nrCpus }) => new Array<NodeId>(nrCpus).fill(node)),
    nrFrames: Math.max(...present.map((range) => range.end)),
    presentPages: countPages(present),
    managedPages: managedByZone.reduce((sum, n) => sum + n, 0),
    managedByZone,
  };
}
