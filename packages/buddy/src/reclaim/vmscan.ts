/**
 * Page reclaim: how pages are got back, by whoever needs them (buddy spec 11).
 *
 * A priority says how much is looked at: 12 is a 4096th part of every list, 0 is all of it. Reclaim begins with 12 and goes
 * down while it does not get enough.
 */
import type { ReclaimTarget, ReclaimZone } from '@kmem/contracts';
import type { PressureEvents } from './events.js';
import type { PagePool } from './page-pool.js';
import type { ShrinkerList, ShrinkRecord } from './shrinker.js';

/** The priority that reclaim begins with. */
export const DEF_PRIORITY = 12;
/** Pages that are enough for a task that reclaims for itself, and that are looked at in one go. */
export const SWAP_CLUSTER_MAX = 32;

/** What reclaim works on. */
export interface Vmscan {
  /** The allocator. */
  readonly target: ReclaimTarget;
  /** The reclaimable pages. */
  readonly pool: PagePool;
  /** The caches. */
  readonly shrinkers: ShrinkerList;
  /** What has happened. */
  readonly events: PressureEvents;
  /** Hears of each call of a shrinker, or undefined. */
  readonly onShrink: ((record: ShrinkRecord) => void) | undefined;
}

/** One stretch of reclaim. */
export interface ScanControl {
  /** Priority, from 12 down to 0. */
  readonly priority: number;
  /** Index of the highest zone whose pages help. */
  readonly highestZone: number;
  /** Pages that are enough. */
  readonly nrToReclaim: number;
  /** Whether dirty pages may be written. */
  readonly mayWrite: boolean;
  /** Who reclaims. */
  readonly by: 'kswapd' | 'direct';
}

/** What one stretch came to. */
export interface ScanResult {
  /** Pages looked at. */
  readonly scanned: number;
  /** Pages freed. */
  readonly reclaimed: number;
}

/**
 * Reclaims from one node: pages of the pool first, then the caches.
 *
 * @param v - what to work on.
 * @param node - the node.
 * @param sc - how hard.
 * @returns what it came to. Pages that caches freed count.
 */
export function shrinkNode(v: Vmscan, node: number, sc: ScanControl): ScanResult {
  const { pool, target, shrinkers, events } = v;
  const free = (pfn: number): void => {
    target.freePages(pfn, 0);
  };
  let scanned = 0;
  let stolen = 0;
  const inactive = usableZones(target, node, sc.highestZone).reduce((sum, { id }) => sum + pool.pagesOfZone(id, false), 0);
  for (let left = inactive >> sc.priority; left > 0 && stolen < sc.nrToReclaim; ) {
    const result = pool.shrink(node, sc.highestZone, Math.min(left, SWAP_CLUSTER_MAX), sc.mayWrite, free);
    if (result.scanned === 0) break;
    scanned += result.scanned;
    stolen += result.reclaimed;
    left -= result.scanned;
  }
  ageActive(v, node, sc.priority);
  const before = target.unusedPages();
  shrinkers.shrink(sc.priority, (record) => {
    events.slabs_scanned += record.scanned;
    v.onShrink?.(record);
  });
  events[`pgscan_${sc.by}`] += scanned;
  events[`pgsteal_${sc.by}`] += stolen;
  return { scanned, reclaimed: stolen + Math.max(target.unusedPages() - before, 0) };
}

/** Keeps at least half of a node's pages inactive, so that there is something to choose from. */
export function ageActive({ pool }: Vmscan, node: number, priority: number): void {
  const active = pool.pagesOfNode(node, true);
  if (active <= pool.pagesOfNode(node, false)) return;
  pool.age(node, Math.max(active >> priority, Math.min(active, SWAP_CLUSTER_MAX)));
}

/**
 * Finds the zones of a node that a request may use.
 *
 * @param target - the allocator.
 * @param node - the node.
 * @param highestZone - index of the highest zone.
 * @returns zones with managed pages, in index order.
 */
export function usableZones(target: ReclaimTarget, node: number, highestZone: number): ReclaimZone[] {
  return target.zones.filter((zone) => zone.node === node && zone.index <= highestZone && target.managedPages(zone.id) > 0);
}
