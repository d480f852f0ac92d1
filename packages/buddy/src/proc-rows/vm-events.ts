/**
 * Events of /proc/vmstat, in the kernel's order (formats spec 5.12): those that this package counts.
 *
 * ```
 *   pgscan_file, pgsteal_file = by kswapd and by tasks together: pages of a pool are pages of files
 * ```
 */
import type { ZoneKind } from '@kmem/contracts';
import type { PageEvents } from '../page-events.js';
import type { PressureEvents } from '../reclaim/events.js';

/** Events of memory pressure, after those of the zones and pgfree. */
const PRESSURE = [
  ...(['pgsteal_kswapd', 'pgsteal_direct', 'pgscan_kswapd', 'pgscan_direct', 'pgscan_direct_throttle', 'pgscan_file', 'pgsteal_file'] as const),
  ...(['slabs_scanned', 'kswapd_low_wmark_hit_quickly', 'kswapd_high_wmark_hit_quickly', 'pageoutrun', 'oom_kill', 'pgmigrate_success'] as const),
  ...(['compact_migrate_scanned', 'compact_free_scanned', 'compact_stall', 'compact_fail', 'compact_success', 'compact_daemon_wake'] as const),
];

/**
 * Collects events.
 *
 * @param pages - an allocator; without the option `countEvents` it has none, and events of its zones are left out.
 * @param reclaim - its `MemoryPressure`, where it has one.
 * @returns counts by name, to be given to `vmstatRows` as `values`. What is not counted is left out.
 * @example
 * ```ts
 * import { BuddyAllocator, vmEvents } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 *
 * const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), countEvents: true });
 * pages.freePages(pages.allocPages(GFP_KERNEL, 3), 3);
 * vmEvents(pages).get('pgalloc_normal'); // -> 8
 * vmEvents(pages).get('pgfree'); // -> 1031
 * ```
 */
export function vmEvents(pages: { pageEvents(): PageEvents | null }, reclaim?: { readonly events: PressureEvents }): Map<string, number> {
  const counted = pages.pageEvents();
  const events = reclaim?.events;
  const values = new Map<string, number>();
  if (counted !== null) for (const [i, kind] of counted.kinds.entries()) values.set(`pgalloc_${zoneSuffix(kind)}`, counted.pgalloc[i]);
  if (counted !== null && events !== undefined) for (const [i, kind] of counted.kinds.entries()) values.set(`allocstall_${zoneSuffix(kind)}`, events.allocstall[i]);
  if (counted !== null) values.set('pgfree', counted.pgfree);
  if (events !== undefined) for (const name of PRESSURE) values.set(name, pressureEvent(events, name));
  return values;
}

function pressureEvent(events: PressureEvents, name: (typeof PRESSURE)[number]): number {
  if (name === 'pgscan_file') return events.pgscan_kswapd + events.pgscan_direct;
  if (name === 'pgsteal_file') return events.pgsteal_kswapd + events.pgsteal_direct;
  return events[name];
}

/** A zone's name in an event's. */
function zoneSuffix(kind: ZoneKind): string {
  return kind === 'HighMem' ? 'high' : kind.toLowerCase();
}
