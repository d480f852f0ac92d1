/**
 * The state of memory as the kernel prints it when an allocation fails or a task is ended (buddy spec 9.5).
 *
 * What is counted outside the page allocator - pages on reclaim lists, slab, page tables - is asked of the Reclaim's `counter`; what
 * it does not count is 0.
 */
import { P_COUNT, P_DIFF, pcpWords, Z_BOOST, Z_HIGHATOMIC, Z_MANAGED, Z_NODE, Z_NR_BLOCKS, Z_NONEMPTY, Z_NR_FREE, Z_PRESENT, Z_RESERVE, Z_WMARK, zoneWords, type BuddyState } from './state.js';
import { isLow } from './zone-limits.js';

/** Letters of the migratetypes, by value. */
const TYPE_LETTERS = ['U', 'M', 'E', 'H', 'I'];

/** Counters in the head of the text: a line each, in the kernel's order. */
const TOTALS = [
  ['active_anon', 'inactive_anon', 'isolated_anon'],
  ['active_file', 'inactive_file', 'isolated_file'],
  ['unevictable', 'dirty', 'writeback'],
  ['slab_reclaimable', 'slab_unreclaimable'],
  ['mapped', 'shmem', 'pagetables'],
  ['sec_pagetables', 'bounce'],
  ['kernel_misc_reclaimable'],
] as const;

/** Counters under another name in /proc/vmstat. */
const VMSTAT_NAMES: Readonly<Record<string, string>> = { pagetables: 'nr_page_table_pages', sec_pagetables: 'nr_sec_page_table_pages' };

/** The one counter that is in KiB. */
const KERNEL_STACK = 'nr_kernel_stack';

/** Counters in the middle and near the end of a zone's line, as those of a node. A zone's own may lag behind them. */
const ZONE_LRU: readonly (readonly [label: string, name: string])[] = [
  ['active_anon:', 'nr_zone_active_anon'],
  ['inactive_anon:', 'nr_zone_inactive_anon'],
  ['active_file:', 'nr_zone_active_file'],
  ['inactive_file:', 'nr_zone_inactive_file'],
  ['unevictable:', 'nr_zone_unevictable'],
  ['writepending:', 'nr_zone_write_pending'],
];
const ZONE_HELD: readonly (readonly [label: string, name: string])[] = [
  ['mlocked:', 'nr_mlock'],
  ['bounce:', 'nr_bounce'],
];

/** Counters in the line of a node: what it calls them, and their names in /proc/vmstat. In pages, but for the stacks. */
const NODE_COUNTERS: readonly (readonly [label: string, name: string])[] = [
  ['active_anon:', 'nr_active_anon'],
  ['inactive_anon:', 'nr_inactive_anon'],
  ['active_file:', 'nr_active_file'],
  ['inactive_file:', 'nr_inactive_file'],
  ['unevictable:', 'nr_unevictable'],
  ['isolated(anon):', 'nr_isolated_anon'],
  ['isolated(file):', 'nr_isolated_file'],
  ['mapped:', 'nr_mapped'],
  ['dirty:', 'nr_dirty'],
  ['writeback:', 'nr_writeback'],
  ['shmem:', 'nr_shmem'],
  ['shmem_thp: ', 'nr_shmem_hugepages'],
  ['shmem_pmdmapped: ', 'nr_shmem_pmdmapped'],
  ['anon_thp: ', 'nr_anon_transparent_hugepages'],
  ['writeback_tmp:', 'nr_writeback_temp'],
  ['kernel_stack:', KERNEL_STACK],
  ['pagetables:', 'nr_page_table_pages'],
  ['sec_pagetables:', 'nr_sec_page_table_pages'],
];

/**
 * Describes memory.
 *
 * @param s - the state.
 * @returns lines without line ends, "Mem-Info:" first.
 */
export function memInfo(s: BuddyState): string[] {
  const zones = populated(s);
  const count = (name: string): number => zones.reduce((sum, zone) => sum + counter(s, VMSTAT_NAMES[name] ?? `nr_${name}`, zone), 0);
  const words = (word: number): number => zones.reduce((sum, zone) => sum + s.words[zoneWords(zone) + word], 0);
  const totals = TOTALS.map((names) => names.map((name) => `${name}:${String(count(name))}`).join(' '));
  const free = zones.reduce((sum, zone) => sum + freePages(s, zone), 0);
  const pcp = zones.reduce((sum, zone) => sum + pcpPages(s, zone), 0);
  totals.push(`free:${String(free)} free_pcp:${String(pcp)} free_cma:0`);
  const high = zones.filter((zone) => !isLow(s, zone));
  return [
    'Mem-Info:',
    ...totals.map((line, i) => (i === 0 ? line : ` ${line}`)),
    ...Array.from({ length: s.nrNodes }, (_, node) => nodeLine(s, node, zones.filter((zone) => s.words[zoneWords(zone) + Z_NODE] === node))),
    ...zones.flatMap((zone) => [zoneLine(s, zone), reserveLine(s, zone)]),
    ...zones.map((zone) => blocksLine(s, zone)),
    `${String(count('file_pages'))} total pagecache pages`,
    `${String(words(Z_PRESENT))} pages RAM`,
    `${String(high.reduce((sum, zone) => sum + s.words[zoneWords(zone) + Z_PRESENT], 0))} pages HighMem/MovableOnly`,
    `${String(words(Z_PRESENT) - words(Z_MANAGED))} pages reserved`,
  ];
}

function populated(s: BuddyState): number[] {
  return Array.from({ length: s.nrZones }, (_, zone) => zone).filter((zone) => s.words[zoneWords(zone) + Z_PRESENT] > 0);
}

function counter(s: BuddyState, name: string, zone: number): number {
  return s.reclaim?.counter?.(name, zone) ?? 0;
}

/** Names a zone; the node only where there are several. */
function nameOf(s: BuddyState, zone: number): string {
  const kind = s.kinds[zone % s.kinds.length];
  return s.nrNodes === 1 ? kind : `Node ${String(Math.floor(zone / s.kinds.length))} ${kind}`;
}

function nodeLine(s: BuddyState, node: number, zones: readonly number[]): string {
  const sum = (name: string): number => zones.reduce((total, zone) => total + counter(s, name, zone), 0);
  const kbOfPage = 2 ** (s.frames.pageShift - 10);
  const counters = NODE_COUNTERS.map(([label, name]) => `${label}${String(sum(name) * (name === KERNEL_STACK ? 1 : kbOfPage))}kB`);
  return `Node ${String(node)} ${counters.join(' ')} all_unreclaimable? ${sum('node_unreclaimable') > 0 ? 'yes' : 'no'}`;
}

function zoneLine(s: BuddyState, zone: number): string {
  const z = zoneWords(zone);
  const kb = (pages: number): string => `${String(pages * 2 ** (s.frames.pageShift - 10))}kB`;
  const boost = s.words[z + Z_BOOST];
  const marks = ['min', 'low', 'high'].map((name, i) => `${name}:${kb(s.words[z + Z_WMARK + i] + boost)}`);
  const counted = ([label, name]: readonly [string, string]): string => `${label}${kb(counter(s, name, zone))}`;
  return [
    `${nameOf(s, zone)} free:${kb(freePages(s, zone))} boost:${kb(boost)}`,
    ...marks,
    `reserved_highatomic:${kb(s.words[z + Z_HIGHATOMIC]).replace('k', 'K')}`,
    ...ZONE_LRU.map(counted),
    `present:${kb(s.words[z + Z_PRESENT])} managed:${kb(s.words[z + Z_MANAGED])}`,
    ...ZONE_HELD.map(counted),
    `free_pcp:${kb(pcpPages(s, zone))} local_pcp:${kb(s.words[pcpWords(s, s.cpus.cpu, zone) + P_COUNT])} free_cma:0kB`,
  ].join(' ');
}

function reserveLine(s: BuddyState, zone: number): string {
  const at = zoneWords(zone) + Z_RESERVE;
  return `lowmem_reserve[]: ${Array.from(s.words.subarray(at, at + s.kinds.length)).join(' ')}`;
}

/** Free blocks by order, with the letters of the types whose lists have some. */
function blocksLine(s: BuddyState, zone: number): string {
  const z = zoneWords(zone);
  const kbOfPage = 2 ** (s.frames.pageShift - 10);
  const columns: string[] = [];
  let total = 0;
  for (let order = 0; order < s.maxOrder; order++) {
    const blocks = s.words[z + Z_NR_BLOCKS + order];
    const size = kbOfPage * 2 ** order;
    const letters = TYPE_LETTERS.slice(0, s.nrMigratetypes).filter((_, type) => ((s.words[z + Z_NONEMPTY + type] >> order) & 1) === 1);
    total += blocks * size;
    columns.push(`${String(blocks)}*${String(size)}kB${blocks === 0 ? '' : ` (${letters.join('')})`}`);
  }
  return `${nameOf(s, zone)}: ${columns.join(' ')} = ${String(total)}kB`;
}

function freePages(s: BuddyState, zone: number): number {
  let pages = s.words[zoneWords(zone) + Z_NR_FREE];
  for (let cpu = 0; cpu < s.nrCpus; cpu++) pages += s.words[pcpWords(s, cpu, zone) + P_DIFF];
  return pages;
}

function pcpPages(s: BuddyState, zone: number): number {
  let pages = 0;
  for (let cpu = 0; cpu < s.nrCpus; cpu++) pages += s.words[pcpWords(s, cpu, zone) + P_COUNT];
  return pages;
}
