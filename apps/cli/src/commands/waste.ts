/** kmem waste: what kmalloc takes for a request, how much of that is wasted, and where a cache of one's own would pay. */
import { cacheGeometry, kmallocAlign, kmallocCacheName, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes } from '@kmem/slab';
import { getProfile } from '@kmem/hw';
import { BadInput } from '../exit-code.js';
import { replaceFile } from '../output-file.js';
import type { Terminal } from '../terminal.js';
import { count, wrap } from '../text.js';
import { drawWasteChart } from '../waste-chart.js';
import { DEFAULT_PROFILE } from './proc.js';

/** The books' demonstration: the first size, and the steps of the table and of the chart, in bytes. */
const FIRST = 100;
const TABLE_STEP = 204800;
const CHART_STEP = 20480;
/** Columns of a full bar: all of what was asked for is wasted once more. */
const BAR_COLUMNS = 24;
/** Width of the text around the table. */
const TEXT_WIDTH = 100;

/** A cache of one's own in place of kmalloc. */
export interface OwnCache {
  /** Bytes of memory for each object, the rest of its slab included. */
  readonly bytesPerObject: number;
  /** Bytes less than with kmalloc for each object; 0 or less: it does not pay. */
  readonly saved: number;
}

/** What one request comes to. */
export interface WasteRow {
  /** Bytes asked for. */
  readonly asked: number;
  /** Bytes taken; null when kmalloc fails. */
  readonly takes: number | null;
  /** Bytes taken and not asked for. */
  readonly waste: number;
  /** The same in percent of what was asked for, rounded down. */
  readonly percent: number;
  /** The cache, or the pages, that the memory comes from. */
  readonly from: string;
  /** What a cache of one's own would take; null for sizes that none can hold. */
  readonly ownCache: OwnCache | null;
}

/**
 * Runs the command.
 *
 * @param sizes - sizes asked for, in bytes; without any, those of the books' demonstration.
 * @param plot - file to write the chart to, or undefined.
 * @param json - print a JSON document.
 * @param terminal - where to.
 * @throws BadInput when the chart cannot be written.
 */
export function runWaste(sizes: readonly number[], plot: string | undefined, json: boolean, terminal: Terminal): void {
  const rows = (sizes.length > 0 ? sizes : steps(TABLE_STEP)).map(wasteOf);
  if (plot !== undefined) {
    const charted = sizes.length > 0 ? rows : steps(CHART_STEP).map(wasteOf);
    const drawn = charted.filter(({ takes }) => takes !== null);
    if (drawn.length === 0) throw new BadInput('nothing to draw: kmalloc serves none of these sizes');
    replaceFile(plot, drawWasteChart(drawn));
    terminal.note(`kmem: ${count(drawn.length, 'size')} drawn in ${plot}`);
  }
  if (json) terminal.printJson({ rows });
  else printTable(rows, terminal);
}

/** Sizes up to the first one that kmalloc cannot serve. */
function steps(step: number): number[] {
  const sizes: number[] = [];
  for (let size = FIRST; size - step <= kmallocMaxSize(); size += step) sizes.push(size);
  return sizes;
}

function wasteOf(asked: number): WasteRow {
  const { nrCpus, pageShift, maxOrder } = getProfile(DEFAULT_PROFILE);
  const pages = { pageShift, maxOrder };
  const served = asked <= kmallocMaxSize(pages);
  const takes = served ? kmallocSizeRoundup(asked) : null;
  const isClass = takes !== null && takes > 0 && takes <= (kmallocSizes(pages).at(-1) ?? 0);
  const perObject = isClass ? slabBytesPerObject({ objectSize: takes, align: kmallocAlign(takes) }) : takes;
  const own = asked > 0 ? slabBytesPerObject({ objectSize: asked }) : null;
  return {
    asked,
    takes,
    waste: takes === null ? 0 : takes - asked,
    percent: takes === null || asked === 0 ? 0 : Math.floor(((takes - asked) * 100) / asked),
    from: origin(),
    ownCache: own === null || perObject === null ? null : { bytesPerObject: own, saved: perObject - own },
  };

  function origin(): string {
    if (takes === null) return 'fails: too large';
    if (takes === 0) return 'nothing';
    return isClass ? kmallocCacheName(0, takes) : count(takes / 2 ** pageShift, 'page');
  }

  /** Bytes of a slab divided by its objects: alignment, links and the slab's rest are paid for by all of them. */
  function slabBytesPerObject(shape: { objectSize: number; align?: number }): number | null {
    const geometry = cacheGeometry({ ...shape, nrCpus, ...pages });
    return geometry === null ? null : 2 ** (pageShift + geometry.order) / geometry.objects;
  }
}

function printTable(rows: readonly WasteRow[], terminal: Terminal): void {
  const { colors } = terminal;
  terminal.print(colors.bold('   asked    takes    waste  %  of what was asked for      from           a cache of its own'));
  for (const row of rows) terminal.print(describeRow(row, terminal));
  const advice = adviseOn(rows);
  terminal.print('', ...wrap(advice, TEXT_WIDTH));
}

function describeRow(row: WasteRow, terminal: Terminal): string {
  const { asked, takes, waste, percent, from, ownCache } = row;
  const start = String(asked).padStart(8);
  if (takes === null) return `${start}  ${terminal.colors.red(from)}`;
  const bar = '█'.repeat(Math.min(Math.round((percent * BAR_COLUMNS) / 100), BAR_COLUMNS)).padEnd(BAR_COLUMNS);
  const numbers = `${start} ${String(takes).padStart(8)} ${String(waste).padStart(8)} ${String(percent).padStart(3)} `;
  return `${numbers}${terminal.colors.yellow(bar)}  ${from.padEnd(13)}  ${describeOwn(ownCache)}`.trimEnd();
}

function describeOwn(own: OwnCache | null): string {
  if (own === null) return '';
  if (!pays(own)) return 'does not pay';
  const { bytesPerObject, saved } = own;
  const share = Math.floor((saved * 100) / (bytesPerObject + saved));
  return `${bytesPerObject.toFixed(1)} bytes an object: saves ${saved.toFixed(1)}, ${share} %`;
}

/** Under one byte an object there is nothing to gain. */
function pays(own: OwnCache): boolean {
  return own.saved >= 1;
}

function adviseOn(rows: readonly WasteRow[]): string {
  const best = rows
    .filter(({ ownCache }) => ownCache !== null && pays(ownCache))
    .sort((a, b) => (b.ownCache?.saved ?? 0) - (a.ownCache?.saved ?? 0))
    .at(0);
  const rule =
    'Up to 192 bytes there are classes in between; above, kmalloc takes the next power of two, so a request just over one wastes almost as much as it asked for.';
  if (best?.ownCache === undefined || best.ownCache === null) return `${rule} For none of these sizes would a cache of its own save memory.`;
  const kib = Math.round((best.ownCache.saved * 1000) / 1024);
  return `${rule} A cache of its own pays most for ${best.asked} bytes: 1000 objects would take ${kib} KiB less.`;
}
