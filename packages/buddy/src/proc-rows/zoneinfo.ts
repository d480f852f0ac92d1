/**
 * /proc/zoneinfo from a state, to the byte (buddy spec 15; formats spec 5.3).
 *
 * ```
 * Node 0, zone      DMA            for every zone
 *   per-node stats                 below the first zone of a node that has memory
 *   pages free     3840            watermarks include the boost
 *         protection: (0, 218)     a zone without memory ends here
 *       nr_free_pages 3840
 *   pagesets                       for every CPU
 *   node_unreclaimable:  0
 *   start_pfn:           1
 * ```
 */
import type { PageState, ProcInputs, ProcRow, ZoneState } from '@kmem/contracts';
import { computedRow, isNuma, NO_INPUTS, NODE_COUNTERS, NUMA_COUNTERS, statedRow, ZONE_COUNTERS } from './rows.js';

/** A zone with its place on the machine. */
interface PlacedZone {
  readonly id: number;
  readonly node: number;
  readonly zone: ZoneState;
}

/**
 * Prints /proc/zoneinfo.
 *
 * @param states - the state as each CPU has its lists, CPU 0 first; see `exportState`.
 * @param inputs - counters that others keep, `node_unreclaimable` among them.
 * @returns the lines.
 * @throws RangeError when there is no state.
 */
export function zoneinfoRows(states: readonly PageState[], inputs: ProcInputs = NO_INPUTS): ProcRow[] {
  if (states.length === 0) throw new RangeError('states is empty, expected the state of at least one CPU');
  const [state] = states;
  const withStats = new Set<number>();
  return placedZones(state).flatMap((placed) => {
    const { id, node, zone } = placed;
    const rows = [computedRow(`Node ${String(node)}, zone ${zone.zone.padStart(8)}`)];
    if (zone.present > 0 && !withStats.has(node)) {
      withStats.add(node);
      rows.push(...nodeRows(state, node, inputs));
    }
    rows.push(...limitRows(zone));
    if (zone.present === 0) return rows;
    const numa = isNuma(state) ? NUMA_COUNTERS : [];
    rows.push(computedRow(counter('nr_free_pages', zone.nr_free_pages)));
    rows.push(...ZONE_COUNTERS.map((name) => statedRow(name, counter(name, inputs.counter(name, id)))));
    // There is no CMA here.
    rows.push(computedRow(counter('nr_free_cma', 0)));
    rows.push(...numa.map((name) => statedRow(name, counter(name, inputs.counter(name, id)))));
    rows.push(computedRow('  pagesets'));
    rows.push(...states.flatMap(({ zones }, cpu) => pagesetRows(zones[id], cpu)));
    rows.push(statedRow('node_unreclaimable', `  node_unreclaimable:  ${String(inputs.counter('node_unreclaimable', id))}`));
    rows.push(computedRow(`  start_pfn:           ${String(zone.start_pfn)}`));
    return rows;
  });
}

/** All zones with their nodes. A recorded state may leave out zone Device, the last of a node; its place shows in the lowmem reserves. */
function placedZones({ zones }: PageState): PlacedZone[] {
  const placed: PlacedZone[] = [];
  let node = -1;
  zones.forEach((zone, id) => {
    if (zone.index === 0) node++;
    placed.push({ id, node, zone });
    const isLast = id + 1 === zones.length || zones[id + 1].index === 0;
    const nrKinds = zone.lowmem_reserve.length;
    if (isLast && zone.index + 1 < nrKinds) placed.push({ id: -1, node, zone: emptyDevice(zone, nrKinds) });
  });
  return placed;
}

/** Zone Device without memory: it has no watermarks and is not on any list. */
function emptyDevice(last: ZoneState, nrKinds: number): ZoneState {
  const limits = { min: 0, low: 0, high: 0, promo: 0, watermark_boost: 0, spanned: 0, present: 0, managed: 0, nr_free_pages: 0 };
  return { ...last, ...limits, zone: 'Device', index: nrKinds - 1, lowmem_reserve: new Array<number>(nrKinds).fill(0) };
}

function nodeRows(state: PageState, node: number, inputs: ProcInputs): ProcRow[] {
  const ids = placedZones(state).filter((placed) => placed.node === node && placed.id >= 0).map(({ id }) => id);
  return [
    computedRow('  per-node stats'),
    ...NODE_COUNTERS.map((name) => {
      const value = ids.reduce((sum, id) => sum + inputs.counter(name, id), 0);
      return statedRow(name, counter(name, value));
    }),
  ];
}

function limitRows(zone: ZoneState): ProcRow[] {
  const boost = zone.watermark_boost;
  const numbers: readonly (readonly [label: string, pages: number])[] = [
    ['boost', boost],
    ['min', zone.min + boost],
    ['low', zone.low + boost],
    ['high', zone.high + boost],
    ['spanned', zone.spanned],
    ['present', zone.present],
    ['managed', zone.managed],
    ['cma', 0],
  ];
  return [
    `  pages free     ${String(zone.nr_free_pages)}`,
    ...numbers.map(([label, pages]) => `        ${label.padEnd(8)} ${String(pages)}`),
    `        protection: (${zone.lowmem_reserve.join(', ')})`,
  ].map(computedRow);
}

function pagesetRows({ pcp, stat_threshold }: ZoneState, cpu: number): ProcRow[] {
  return [
    `    cpu: ${String(cpu)}`,
    `              count: ${String(pcp.count)}`,
    `              high:  ${String(pcp.high)}`,
    `              batch: ${String(pcp.batch)}`,
    `  vm stats threshold: ${String(stat_threshold)}`,
  ].map(computedRow);
}

function counter(name: string, value: number): string {
  return `      ${name.padEnd(12)} ${String(value)}`;
}
