/**
 * /proc/vmstat from a state (formats spec 5.12): sums of the zones' counters, of the nodes' counters, then events since boot.
 *
 * Only the free pages follow from the state. Events have no place in it, so they are inputs, in the order of the inputs.
 */
import type { PageState, ProcInputs, ProcRow } from '@kmem/contracts';
import { computedRow, isNuma, NO_INPUTS, NODE_COUNTERS, NUMA_COUNTERS, statedRow, sumCounter, sumZones, ZONE_COUNTERS } from './rows.js';

/**
 * Prints /proc/vmstat.
 *
 * @param state - the state.
 * @param inputs - counters that others keep; its values are printed below them.
 * @returns the lines.
 */
export function vmstatRows(state: PageState, inputs: ProcInputs = NO_INPUTS): ProcRow[] {
  const counted = (name: string): ProcRow => statedRow(name, row(name, sumCounter(state, inputs, name)));
  return [
    computedRow(row('nr_free_pages', sumZones(state, (zone) => zone.nr_free_pages))),
    ...ZONE_COUNTERS.map(counted),
    // There is no CMA here.
    computedRow(row('nr_free_cma', 0)),
    ...(isNuma(state) ? NUMA_COUNTERS : []).map(counted),
    ...NODE_COUNTERS.map(counted),
    ...Array.from(inputs.values, ([name, value]) => statedRow(name, row(name, value))),
  ];
}

function row(name: string, value: number): string {
  return `${name} ${String(value)}`;
}
