/**
 * NUMA counters: how often memory came from the node that was wanted (buddy spec 14).
 *
 * ```
 *   hit      the page is from the node the request preferred        miss     it is not: counted where it comes from,
 *   local    the page is from the node of the CPU that asks         foreign  and where it should have come from
 *   other    it is not                                              interleave   needs a memory policy: always 0 here
 * ```
 * A machine with one node counts nothing and pays nothing.
 */
import { __GFP_THISNODE, BLOCK_ZONE_SHIFT, GFP_ZONEMASK } from '@kmem/contracts';
import { scopedGfp } from './gfp.js';
import type { AllocationObserver } from './observe-allocation.js';
import { Z_NODE, zoneWords, type BuddyState } from './state.js';
import { maskedRow, zonelistRow } from './zonelist.js';

/** Counters of one zone, with the names of /proc/zoneinfo. */
export interface NumaCounters {
  /** Pages that were wanted here and came from here. */
  numa_hit: number;
  /** Pages that came from here although another node was preferred. */
  numa_miss: number;
  /** Pages that were wanted here and came from elsewhere. */
  numa_foreign: number;
  /** Pages placed by an interleaving policy. */
  readonly numa_interleave: number;
  /** Pages for a CPU of this node. */
  numa_local: number;
  /** Pages for a CPU of another node. */
  numa_other: number;
}

/**
 * Makes an observer of a machine's allocation that counts.
 *
 * @param s - the state.
 * @param counters - by zone id, written.
 * @returns the observer.
 */
export function numaObserver(s: BuddyState, counters: readonly NumaCounters[]): AllocationObserver {
  const nodeOf = (zone: number): number => s.words[zoneWords(zone) + Z_NODE];
  return (node, gfp, _order, nodemask, pfn) => {
    const local = s.nodeOfCpu[s.cpus.cpu];
    const flags = scopedGfp(gfp, s.cpus.taskFlags);
    const row = zonelistRow(s, node < 0 ? local : node, s.gfpZone[flags & GFP_ZONEMASK], flags & __GFP_THISNODE);
    const preferred = s.zonelists[nodemask === null ? row : maskedRow(s, row, nodemask)];
    const zone = s.block[pfn] >>> BLOCK_ZONE_SHIFT;
    if (nodeOf(zone) === nodeOf(preferred)) {
      counters[zone].numa_hit++;
    } else {
      counters[zone].numa_miss++;
      counters[preferred].numa_foreign++;
    }
    if (nodeOf(zone) === local) counters[zone].numa_local++;
    else counters[zone].numa_other++;
  };
}
