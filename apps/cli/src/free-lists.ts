/**
 * Picture of the free lists: how many free blocks of which order and migratetype each zone has.
 *
 * ```
 *     order         0     1     2     3  ...
 *   DMA32  26732 of 32367 pages free
 *     Unmovable     ·     4     2     1          number of blocks, a dot for none
 *     Movable      12     7     1     ·
 *     share         ▁     ▁     ▁     █          of the free pages, in blocks of this order
 * ```
 */
import { MIGRATETYPE_NAMES, type PageState, type ZoneState } from '@kmem/contracts';
import type { Colors } from './terminal.js';

/** Free blocks of one zone. */
export interface FreeLists {
  /** Name of the zone. */
  readonly zone: string;
  /** Pages in free blocks. */
  readonly freePages: number;
  /** Pages on per-CPU lists, which are not free blocks. */
  readonly pcpPages: number;
  /** Pages under management. */
  readonly managedPages: number;
  /** Number of free blocks: by migratetype, by order. */
  readonly nrBlocks: readonly (readonly number[])[];
}

/**
 * Counts the free blocks of a state.
 *
 * @param state - the state.
 * @param maxOrder - number of orders.
 * @param nrMigratetypes - number of migratetypes.
 * @returns the populated zones.
 */
export function countFreeLists(state: PageState, maxOrder: number, nrMigratetypes: number): FreeLists[] {
  return state.zones.filter((zone) => zone.managed > 0).map((zone) => countZone(zone, maxOrder, nrMigratetypes));
}

function countZone(zone: ZoneState, maxOrder: number, nrMigratetypes: number): FreeLists {
  const length = (order: number, type: number): number => zone.free[order]?.[type]?.length ?? 0;
  const nrBlocks = upTo(nrMigratetypes).map((type) => upTo(maxOrder).map((order) => length(order, type)));
  const freePages = nrBlocks.flatMap((row) => row.map((n, order) => n * 2 ** order)).reduce((sum, n) => sum + n, 0);
  return { zone: zone.zone, freePages, pcpPages: zone.pcp.count, managedPages: zone.managed, nrBlocks };
}

/**
 * Finds the largest free block.
 *
 * @param lists - a zone.
 * @returns its order, or -1 when nothing is free.
 */
export function largestFreeOrder(lists: FreeLists): number {
  return Math.max(...lists.nrBlocks.map((row) => row.findLastIndex((n) => n > 0)));
}

const CELL = 6;
const LABEL = 14;
const BARS = '▁▂▃▄▅▆▇█';

/**
 * Draws the free lists of zones. Migratetypes without a free block are left out.
 *
 * @param zones - the zones.
 * @param colors - colours.
 * @param before - an earlier state of the same zones: a zone that has not changed since is not drawn again.
 * @returns lines of at most 80 characters for 11 orders.
 */
export function drawFreeLists(zones: readonly FreeLists[], colors: Colors, before: readonly FreeLists[] = []): string[] {
  const orders = upTo(Math.max(...zones.map((zone) => zone.nrBlocks[0]?.length ?? 0), 0));
  const body = zones.flatMap((zone, i) => drawZone(zone, colors, sameLists(zone, before[i])));
  return body.length === zones.length ? body : [colors.dim(label('order') + cells(orders.map(String))), ...body];
}

function sameLists(zone: FreeLists, before: FreeLists | undefined): boolean {
  return before !== undefined && JSON.stringify(zone) === JSON.stringify(before);
}

function drawZone(zone: FreeLists, colors: Colors, unchanged: boolean): string[] {
  const paints = [colors.red, colors.green, colors.yellow, colors.magenta, colors.cyan];
  const pcp = zone.pcpPages === 0 ? '' : `, ${zone.pcpPages} on per-CPU lists`;
  const head = `${colors.bold(zone.zone)}  ${zone.freePages} of ${zone.managedPages} pages free${pcp}`;
  if (unchanged) return [`${head}, as before`];
  if (zone.freePages === 0) return [head];
  const rows = zone.nrBlocks.flatMap((row, type) => {
    if (row.every((n) => n === 0)) return [];
    const paint = paints[type] ?? colors.white;
    const painted = row.map((n) => (n === 0 ? colors.dim('·'.padStart(CELL)) : paint(String(n).padStart(CELL))));
    return [paint(label(MIGRATETYPE_NAMES[type] ?? `type ${type}`)) + painted.join('')];
  });
  const pages = zone.nrBlocks[0].map((_, order) => 2 ** order * zone.nrBlocks.reduce((sum, row) => sum + row[order], 0));
  return [head, ...rows, colors.dim((label('share') + cells(pages.map((n) => bar(n, zone.freePages)))).trimEnd())];
}

function label(text: string): string {
  return `  ${text}`.padEnd(LABEL);
}

function cells(texts: readonly string[]): string {
  return texts.map((text) => text.padStart(CELL)).join('');
}

/** A bar for a share: blank for nothing, one of eight heights otherwise. */
function bar(part: number, whole: number): string {
  return part === 0 ? '' : BARS[Math.min(Math.floor((part * BARS.length) / whole), BARS.length - 1)];
}

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}
