/**
 * The texts about all caches: /proc/slabinfo, and slabtop's screen (slab spec 17).
 *
 * ```
 *  active objects = all objects - free objects in slabs of the node's list
 * ```
 * Objects that are free in a CPU's own slab or on its stack count as active, and those in arrays: the kernel does not look there.
 */

/** What the kernel counts of one cache. */
export interface CacheCounts {
  /** Name of the cache. */
  readonly name: string;
  /** Bytes from one object to the next. */
  readonly size: number;
  /** Objects in a slab of the usual order. */
  readonly objects: number;
  /** log2 of the pages of such a slab. */
  readonly order: number;
  /** Slabs there are. */
  readonly nrSlabs: number;
  /** Objects in them; less than `nrSlabs * objects` where memory was short. */
  readonly totalObjects: number;
  /** Free objects in slabs of the node's lists. */
  readonly freeInPartial: number;
  /** What a cache with arrays of objects has besides; SLUB has none of it. */
  readonly arrays?: ArrayCounts;
}

/** What SLAB shows of the arrays of a cache. */
export interface ArrayCounts {
  /** Places in the array of a CPU. */
  readonly limit: number;
  /** Objects that are moved at once. */
  readonly batchcount: number;
  /** Batches in the array that all CPUs share. */
  readonly sharedfactor: number;
  /** Slabs all of whose objects are free. */
  readonly freeSlabs: number;
  /** Objects in the shared array. */
  readonly sharedavail: number;
}

/** What slabtop prints of one cache. */
interface SlabtopRow {
  readonly counts: CacheCounts;
  readonly active: number;
  readonly percent: number;
  readonly kib: number;
}

const HEADER =
  '# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>' +
  ' : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>';
/** SLUB has no tunables. */
const NO_ARRAYS: ArrayCounts = Object.freeze({ limit: 0, batchcount: 0, sharedfactor: 0, freeSlabs: 0, sharedavail: 0 });

/**
 * Prints /proc/slabinfo.
 *
 * @param caches - the newest first.
 * @returns the whole text.
 * @context any.
 */
export function formatSlabinfo(caches: readonly CacheCounts[]): string {
  const rows = caches.map((cache) => {
    const { name, size, objects, order, nrSlabs, totalObjects, arrays = NO_ARRAYS } = cache;
    const { limit, batchcount, sharedfactor, freeSlabs, sharedavail } = arrays;
    const numbers = [pad(activeObjects(cache), 6), pad(totalObjects, 6), pad(size, 6), pad(objects, 4), pad(2 ** order, 4)];
    const tunables = [pad(limit, 4), pad(batchcount, 4), pad(sharedfactor, 4)];
    const slabs = [pad(nrSlabs - freeSlabs, 6), pad(nrSlabs, 6), pad(sharedavail, 6)];
    return `${name.padEnd(17)} ${numbers.join(' ')} : tunables ${tunables.join(' ')} : slabdata ${slabs.join(' ')}`;
  });
  return ['slabinfo - version: 2.1', HEADER, ...rows, ''].join('\n');
}

/**
 * Prints what `slabtop --once` shows: sums, then the caches with the most objects first.
 *
 * @param caches - in any order; those with equally many objects keep it.
 * @param pageShift - log2 of the page size in bytes.
 * @returns the whole text.
 * @context any.
 */
export function formatSlabtop(caches: readonly CacheCounts[], pageShift = 12): string {
  const rows = caches.map((counts) => slabtopRow(counts, pageShift)).sort((a, b) => b.counts.totalObjects - a.counts.totalObjects);
  const used = rows.filter(({ counts }) => counts.nrSlabs > 0);
  const sum = (of: (row: SlabtopRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const objects = sum(({ counts }) => counts.totalObjects);
  const active = sum((row) => row.active);
  const slabs = sum(({ counts }) => counts.nrSlabs);
  const bytes = sum(({ counts }) => counts.totalObjects * counts.size);
  const activeBytes = sum((row) => row.active * row.counts.size);
  const sizes = caches.map(({ size }) => size);
  return [
    ` Active / Total Objects (% used)    : ${share(active, objects)}`,
    ` Active / Total Slabs (% used)      : ${share(slabs, slabs)}`,
    ` Active / Total Caches (% used)     : ${share(used.length, rows.length)}`,
    ` Active / Total Size (% used)       : ${kib(activeBytes)} / ${kib(bytes)} (${percent(activeBytes, bytes)}%)`,
    ` Minimum / Average / Maximum Object : ${kib(least(sizes))} / ${kib(objects === 0 ? 0 : bytes / objects)} / ${kib(most(sizes))}`,
    '',
    `  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME                   `,
    ...rows.map(formatSlabtopRow),
    '',
  ].join('\n');
}

function slabtopRow(counts: CacheCounts, pageShift: number): SlabtopRow {
  const active = activeObjects(counts);
  const used = counts.totalObjects === 0 ? 0 : Math.floor((active * 100) / counts.totalObjects);
  return { counts, active, percent: used, kib: (counts.nrSlabs * 2 ** (counts.order + pageShift)) / 1024 };
}

function formatSlabtopRow({ counts, active, percent: used, kib: cacheKib }: SlabtopRow): string {
  const { name, size, objects, nrSlabs, totalObjects } = counts;
  const start = `${pad(totalObjects, 6)} ${pad(active, 6)} ${pad(used, 3)}% ${(size / 1024).toFixed(2).padStart(7)}K`;
  return `${start} ${pad(nrSlabs, 6)} ${pad(objects, 8)} ${pad(cacheKib, 9)}K ${name.padEnd(23)}`;
}

function activeObjects({ totalObjects, freeInPartial }: CacheCounts): number {
  return totalObjects - freeInPartial;
}

function share(part: number, whole: number): string {
  return `${String(part)} / ${String(whole)} (${percent(part, whole)}%)`;
}

function percent(part: number, whole: number): string {
  return (whole === 0 ? 0 : (part * 100) / whole).toFixed(1);
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(2)}K`;
}

function least(values: readonly number[]): number {
  return values.reduce((smallest, value) => Math.min(smallest, value), values.length === 0 ? 0 : Infinity);
}

function most(values: readonly number[]): number {
  return values.reduce((largest, value) => Math.max(largest, value), 0);
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}
