/** A page allocator's state in a few lines, to stand beside a difference. */
import { MIGRATETYPE_NAMES } from '@kmem/contracts';
import type { PageState, ZoneState } from '@kmem/contracts';

/** Blocks of a list that are shown. */
const SHOWN = 6;

/**
 * Describes the zones that have memory.
 *
 * @param state - the state.
 * @param orders - orders whose free lists are shown block by block, heads first.
 * @returns lines without a final line end.
 */
export function describePageState(state: PageState, orders: ReadonlySet<number>): string {
  return state.zones
    .filter((zone) => zone.managed > 0)
    .flatMap((zone) => describeZone(zone, orders))
    .join('\n');
}

function describeZone(zone: ZoneState, orders: ReadonlySet<number>): string[] {
  const { pcp } = zone;
  const lines = [
    `zone ${zone.zone}: nr_free_pages ${zone.nr_free_pages} (+${zone.nr_free_pages_cpu_diff} not folded), ` +
      `min ${zone.min} low ${zone.low} high ${zone.high}, boost ${zone.watermark_boost}, ` +
      `high-atomic ${zone.nr_reserved_highatomic}, flags ${zone.flags}`,
    `  per-CPU lists: count ${pcp.count}, high ${pcp.high}, batch ${pcp.batch}, free_factor ${pcp.free_factor}`,
    `  free blocks by order: ${blockCounts(zone).join(' ')}`,
  ];
  for (const order of [...orders].sort((a, b) => a - b)) {
    for (const [type, pfns] of Object.entries(zone.free[order] ?? {})) {
      const name = MIGRATETYPE_NAMES[Number(type)] ?? `type ${type}`;
      lines.push(`  free, order ${order}, ${name}: ${listText(pfns)}`);
    }
  }
  for (const [index, { pfns }] of Object.entries(pcp.lists)) lines.push(`  per-CPU list ${index}: ${listText(pfns)}`);
  return lines;
}

function blockCounts(zone: ZoneState): number[] {
  const orders = Object.keys(zone.free).map(Number);
  return Array.from({ length: Math.max(-1, ...orders) + 1 }, (_, order) =>
    Object.values(zone.free[order] ?? {}).reduce((sum, pfns) => sum + pfns.length, 0),
  );
}

function listText(pfns: readonly number[]): string {
  return pfns.slice(0, SHOWN).join(' ') + (pfns.length > SHOWN ? ` ... (${pfns.length} blocks)` : '');
}
