/** What the rows of zoneinfo, vmstat and meminfo have in common: where a row comes from, sums over zones, order of counters. */
import type { PageState, ProcInputs, ProcRow, ZoneState } from '@kmem/contracts';

/** Counters of a zone that others keep, in the kernel's order; `nr_free_pages` stands before them, `nr_free_cma` after. */
export const ZONE_COUNTERS = [
  'nr_zone_inactive_anon',
  'nr_zone_active_anon',
  'nr_zone_inactive_file',
  'nr_zone_active_file',
  'nr_zone_unevictable',
  'nr_zone_write_pending',
  'nr_mlock',
  'nr_bounce',
] as const;

/** Counters of a zone on machines with several nodes, in the kernel's order. */
export const NUMA_COUNTERS = ['numa_hit', 'numa_miss', 'numa_foreign', 'numa_interleave', 'numa_local', 'numa_other'] as const;

/** Counters of a node, in the kernel's order. */
export const NODE_COUNTERS = [
  ...['nr_inactive_anon', 'nr_active_anon', 'nr_inactive_file', 'nr_active_file', 'nr_unevictable'],
  ...['nr_slab_reclaimable', 'nr_slab_unreclaimable', 'nr_isolated_anon', 'nr_isolated_file', 'workingset_nodes'],
  ...['workingset_refault_anon', 'workingset_refault_file', 'workingset_activate_anon', 'workingset_activate_file'],
  ...['workingset_restore_anon', 'workingset_restore_file', 'workingset_nodereclaim', 'nr_anon_pages', 'nr_mapped'],
  ...['nr_file_pages', 'nr_dirty', 'nr_writeback', 'nr_writeback_temp', 'nr_shmem', 'nr_shmem_hugepages'],
  ...['nr_shmem_pmdmapped', 'nr_file_hugepages', 'nr_file_pmdmapped', 'nr_anon_transparent_hugepages', 'nr_vmscan_write'],
  ...['nr_vmscan_immediate_reclaim', 'nr_dirtied', 'nr_written', 'nr_throttled_written', 'nr_kernel_misc_reclaimable'],
  ...['nr_foll_pin_acquired', 'nr_foll_pin_released', 'nr_kernel_stack', 'nr_page_table_pages', 'nr_sec_page_table_pages'],
] as const;

/** Inputs of a machine on which nothing but the page allocator is at work. */
export const NO_INPUTS: ProcInputs = Object.freeze({ counter: () => 0, values: new Map<string, number>() });

/**
 * Makes a row that the state decides.
 *
 * @param text - the line.
 * @returns the row.
 */
export function computedRow(text: string): ProcRow {
  return { text, stated: null };
}

/**
 * Makes a row that repeats an input.
 *
 * @param name - the input.
 * @param text - the line.
 * @returns the row.
 */
export function statedRow(name: string, text: string): ProcRow {
  return { text, stated: name };
}

/**
 * Joins rows.
 *
 * @param rows - the rows.
 * @returns the text, each line with its end.
 */
export function formatRows(rows: readonly ProcRow[]): string {
  return rows.map(({ text }) => `${text}\n`).join('');
}

/**
 * Sums a counter that others keep over all zones.
 *
 * @param state - the state: its zones count.
 * @param inputs - reads the counter.
 * @param name - name of the counter.
 * @returns the sum.
 */
export function sumCounter({ zones }: PageState, inputs: ProcInputs, name: string): number {
  return zones.reduce((sum, _, id) => sum + inputs.counter(name, id), 0);
}

/**
 * Sums a number over zones.
 *
 * @param state - the state.
 * @param read - the number of one zone.
 * @returns the sum.
 */
export function sumZones({ zones }: PageState, read: (zone: ZoneState) => number): number {
  return zones.reduce((sum, zone) => sum + read(zone), 0);
}

/**
 * Tells whether a state has several nodes: indices of zones begin anew with each.
 *
 * @param state - the state.
 * @returns true for two nodes or more.
 */
export function isNuma({ zones }: PageState): boolean {
  return zones.filter(({ index }) => index === 0).length > 1;
}
