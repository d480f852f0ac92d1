/**
 * /proc/meminfo from a state (buddy spec 15; formats spec 5.9), in KiB.
 *
 * The state decides how much memory there is, how much of it is free, and with four counters of others how much could be had
 * without swapping. All other rows follow from the inputs alone.
 */
import type { PageState, ProcInputs, ProcRow, ZoneState } from '@kmem/contracts';
import { computedRow, NO_INPUTS, statedRow, sumCounter, sumZones } from './rows.js';

/** Rows before CommitLimit that follow from inputs: from counters in pages, or with none from the value of that name. */
const STATED: Readonly<Record<string, readonly string[]>> = {
  Buffers: [],
  Cached: ['nr_file_pages'],
  SwapCached: ['nr_swapcached'],
  Active: ['nr_active_anon', 'nr_active_file'],
  Inactive: ['nr_inactive_anon', 'nr_inactive_file'],
  'Active(anon)': ['nr_active_anon'],
  'Inactive(anon)': ['nr_inactive_anon'],
  'Active(file)': ['nr_active_file'],
  'Inactive(file)': ['nr_inactive_file'],
  Unevictable: ['nr_unevictable'],
  Mlocked: ['nr_mlock'],
  SwapTotal: [],
  SwapFree: [],
  Dirty: ['nr_dirty'],
  Writeback: ['nr_writeback'],
  AnonPages: ['nr_anon_pages'],
  Mapped: ['nr_mapped'],
  Shmem: ['nr_shmem'],
  KReclaimable: ['nr_slab_reclaimable', 'nr_kernel_misc_reclaimable'],
  Slab: ['nr_slab_reclaimable', 'nr_slab_unreclaimable'],
  SReclaimable: ['nr_slab_reclaimable'],
  SUnreclaim: ['nr_slab_unreclaimable'],
  KernelStack: ['nr_kernel_stack'],
  PageTables: ['nr_page_table_pages'],
  SecPageTables: ['nr_sec_page_table_pages'],
  NFS_Unstable: [],
  Bounce: ['nr_bounce'],
  WritebackTmp: ['nr_writeback_temp'],
};

/** Counters that are in KiB already. */
const IN_KIB = new Set(['nr_kernel_stack']);

/**
 * Prints /proc/meminfo.
 *
 * @param state - the state.
 * @param pageShift - log2 of the page size in bytes.
 * @param inputs - counters in pages; values in KiB, and page counts for rows whose names begin with `HugePages_`. Values that have
 * no place of their own follow at the end.
 * @returns the lines.
 */
export function meminfoRows(state: PageState, pageShift: number, inputs: ProcInputs = NO_INPUTS): ProcRow[] {
  const kib = (pages: number): number => pages * 2 ** (pageShift - 10);
  const managed = sumZones(state, (zone) => zone.managed);
  const free = sumZones(state, (zone) => zone.nr_free_pages);
  const computed = new Map([
    ['MemTotal', kib(managed)],
    ['MemFree', kib(free)],
    ['MemAvailable', kib(availablePages(state, inputs))],
    ...highMemRows(state).map(([name, pages]): [string, number] => [name, kib(pages)]),
    // Half of all memory may be promised, and all of swap.
    ['CommitLimit', kib(Math.floor(managed / 2)) + (inputs.values.get('SwapTotal') ?? 0)],
  ]);
  const known = knownRows(state);
  const rest = Array.from(inputs.values.keys()).filter((name) => !known.includes(name));
  return [...known, ...rest].map((name) => {
    const value = computed.get(name);
    if (value !== undefined) return computedRow(row(name, value));
    return statedRow(name, row(name, statedKib(state, inputs, name, kib)));
  });
}

/** The rows up to CommitLimit, in the kernel's order. */
function knownRows(state: PageState): string[] {
  const stated = Object.keys(STATED);
  const swap = stated.indexOf('SwapTotal');
  const high = highMemRows(state).map(([name]) => name);
  return ['MemTotal', 'MemFree', 'MemAvailable', ...stated.slice(0, swap), ...high, ...stated.slice(swap), 'CommitLimit'];
}

/** Memory with and without an address in the direct map; only machines with zone HighMem print it. */
function highMemRows(state: PageState): [name: string, pages: number][] {
  if (!state.zones.some(({ zone }) => zone === 'HighMem')) return [];
  const sums = (read: (zone: ZoneState) => number): { high: number; low: number } => {
    const high = sumZones(state, (zone) => (zone.zone === 'HighMem' ? read(zone) : 0));
    return { high, low: sumZones(state, read) - high };
  };
  const total = sums((zone) => zone.managed);
  const free = sums((zone) => zone.nr_free_pages);
  return [
    ['HighTotal', total.high],
    ['HighFree', free.high],
    ['LowTotal', total.low],
    ['LowFree', free.low],
  ];
}

function statedKib(state: PageState, inputs: ProcInputs, name: string, kib: (pages: number) => number): number {
  const counters = STATED[name] ?? [];
  if (counters.length === 0) return inputs.values.get(name) ?? 0;
  const sum = counters.reduce((total, counter) => {
    const value = sumCounter(state, inputs, counter);
    return total + (IN_KIB.has(counter) ? value : kib(value));
  }, 0);
  if (name !== 'Cached') return sum;
  // Pages of files, without those of block devices and of swap.
  return sum - (inputs.values.get('Buffers') ?? 0) - kib(sumCounter(state, inputs, 'nr_swapcached'));
}

/** Estimates how many pages could be had without swapping: what is free beyond the reserves, and half of what can be reclaimed or more. */
function availablePages(state: PageState, inputs: ProcInputs): number {
  const count = (...names: readonly string[]): number => names.reduce((sum, name) => sum + sumCounter(state, inputs, name), 0);
  const low = sumZones(state, (zone) => zone.low + zone.watermark_boost);
  const usable = (pages: number): number => pages - Math.min(Math.floor(pages / 2), low);
  const free = sumZones(state, (zone) => zone.nr_free_pages);
  const reserve = sumZones(state, (zone) => Math.min(zone.managed, Math.max(...zone.lowmem_reserve.slice(zone.index), 0) + zone.high));
  const files = count('nr_active_file', 'nr_inactive_file');
  const reclaimable = count('nr_slab_reclaimable', 'nr_kernel_misc_reclaimable');
  return Math.max(free - reserve + usable(files) + usable(reclaimable), 0);
}

function row(name: string, value: number): string {
  return `${`${name}:`.padEnd(16)}${String(value).padStart(8)}${name.startsWith('HugePages_') ? '' : ' kB'}`;
}
