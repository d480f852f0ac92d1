/**
 * A machine from a text of /proc/buddyinfo: as many free blocks of each order, laid out so that none could have merged.
 *
 * The text says how many blocks there are and nothing else. What it leaves open is chosen:
 * ```
 * zone     | largest blocks | next order: block, used | block, used | ... | single pages: free, used | ...
 *            side by side     the half beside each block is in use, so that the two are no free buddies
 *
 * zone Normal without memory where the text has none: it leaves such zones out
 * all blocks movable, in ascending order; managed = present = spanned; no watermarks; nothing on per-CPU lists
 * ```
 * Counts, and what follows from them such as the indices of fragmentation, are those of the text; frame numbers are not.
 */
import { MIGRATE_MOVABLE, MIGRATETYPE_NAMES, type PageState, type ZoneState } from '@kmem/contracts';
import type { RecordedMachine } from './implementations.js';
import { RecordingError } from './recording-error.js';
import { splitLines } from './recording-meta.js';

const ZONE_NAMES = ['DMA', 'DMA32', 'Normal', 'HighMem', 'Movable', 'Device'];
const ROW = /^(Node +(\d+), zone +)(\S+) +((?:\d+ *)+)$/;
/** Largest number of orders. */
const ORDERS_LIMIT = 16;
/** Order of a pageblock on x86_64 with huge pages. */
const HUGE_ORDER = 9;
/** Most frames: numbers of frames have 30 bits. */
const MAX_FRAMES = 2 ** 30;

/**
 * Tells whether a text is one of /proc/buddyinfo.
 *
 * @param text - the text.
 * @returns true when it begins like one.
 */
export function isBuddyinfo(text: string): boolean {
  return /^Node +\d+, zone /.test(text);
}

/**
 * Makes a machine that has the free blocks of a text.
 *
 * @param name - name of the text for errors.
 * @param text - the text: one node, zones in ascending order.
 * @returns the machine.
 * @throws RecordingError when a line is not as it should be, with line and column.
 */
export function readBuddyinfoMachine(name: string, text: string): RecordedMachine {
  const rows = splitLines(text).map((line, i) => readRow(name, line, i + 1));
  if (rows.length === 0) throw new RecordingError(name, 1, 1, 'the end of the file', 'a line for each zone');
  const maxOrder = rows[0].counts.length;
  const pageblockOrder = Math.min(HUGE_ORDER, maxOrder - 1);
  const unit = 2 ** Math.max(maxOrder - 1, pageblockOrder);
  const zones: ZoneState[] = [];
  // The first unit stays outside every zone: frame 0 is never handed out.
  let start = unit;
  let lastKind = -1;
  for (const [i, { zone, column, counts }] of rows.entries()) {
    const fail = (found: string, expected: string, at = column): never => {
      throw new RecordingError(name, i + 1, at, found, expected);
    };
    if (ZONE_NAMES.indexOf(zone) <= lastKind) fail(`zone ${zone}`, `one of ${ZONE_NAMES.slice(lastKind + 1).join(', ')}`);
    if (counts.length !== maxOrder) fail(`${counts.length} counts`, `${maxOrder} as in line 1`);
    lastKind = ZONE_NAMES.indexOf(zone);
    const { free, end } = layOut(counts, start, unit, () => fail('more memory', `at most ${MAX_FRAMES} frames`));
    zones.push(zoneState(zone, start, end, free, pageblockOrder));
    start = end;
  }
  const state: PageState = { zones: numbered(zones) };
  return { state, maxOrder, nrMigratetypes: MIGRATETYPE_NAMES.length, pageblockOrder, nrFrames: start };
}

function readRow(name: string, line: string, number: number): { zone: string; column: number; counts: number[] } {
  const [, head, node, zone, numbers] = ROW.exec(line) ?? [];
  if (head === undefined) throw new RecordingError(name, number, 1, 'another line', 'a line such as "Node 0, zone   Normal      1      0 "');
  if (Number(node) !== 0) throw new RecordingError(name, number, 6, `node ${node}`, 'node 0: a state has one node');
  const counts = numbers.trim().split(/ +/).map(Number);
  const column = head.length + 1;
  if (counts.length < 2 || counts.length > ORDERS_LIMIT) throw new RecordingError(name, number, column, `${counts.length} counts`, `2 to ${ORDERS_LIMIT}`);
  if (!ZONE_NAMES.includes(zone)) throw new RecordingError(name, number, column, `zone ${zone}`, `one of ${ZONE_NAMES.join(', ')}`);
  return { zone, column, counts };
}

/** Places the blocks from a frame on, largest first; `end` is rounded up to the unit. */
function layOut(counts: readonly number[], start: number, unit: number, tooMuch: () => never): { free: ZoneState['free']; end: number } {
  const free: Record<string, Record<string, number[]>> = {};
  const largest = counts.length - 1;
  let at = start;
  for (let order = largest; order >= 0; order--) {
    // Beside each block that is not of the largest order its buddy is in use.
    const step = order === largest ? 2 ** order : 2 ** (order + 1);
    if (at + counts[order] * step > MAX_FRAMES) tooMuch();
    if (counts[order] > 0) free[order] = { [MIGRATE_MOVABLE]: Array.from({ length: counts[order] }, (_, i) => at + i * step) };
    at += counts[order] * step;
  }
  return { free, end: Math.max(Math.ceil(at / unit) * unit, start + unit) };
}

/** Adds zone Normal where it is missing, and gives each zone its index. */
function numbered(zones: readonly ZoneState[]): ZoneState[] {
  const normal = ZONE_NAMES.indexOf('Normal');
  const below = zones.filter(({ zone }) => ZONE_NAMES.indexOf(zone) < normal);
  const above = zones.slice(below.length);
  const empty = zoneState('Normal', 0, 0, {}, 0);
  const all = above.at(0)?.zone === 'Normal' ? zones : [...below, empty, ...above];
  return all.map((zone, index) => ({ ...zone, index, lowmem_reserve: all.map(() => 0) }));
}

function zoneState(zone: string, start: number, end: number, free: ZoneState['free'], pageblockOrder: number): ZoneState {
  const span = end - start;
  const pages = Object.entries(free).reduce((sum, [order, types]) => sum + Object.values(types).flat().length * 2 ** Number(order), 0);
  return {
    ...{ zone, index: 0, start_pfn: start, spanned: span, present: span, managed: span },
    ...{ min: 0, low: 0, high: 0, promo: 0, watermark_boost: 0, nr_reserved_highatomic: 0, flags: 0 },
    ...{ nr_free_pages: pages, nr_free_pages_cpu_diff: 0, stat_threshold: 0, percpu_drift_mark: 0 },
    lowmem_reserve: [],
    pcp: { cpu: 0, count: 0, high: 0, batch: 1, free_factor: 0, lists: {} },
    free,
    ...(span > 0 && {
      pageblocks: {
        first_pfn: start,
        pages_per_block: 2 ** pageblockOrder,
        types: new Array<number>(span / 2 ** pageblockOrder).fill(MIGRATE_MOVABLE),
      },
    }),
    lru_or_movable_ranges: [],
  };
}
