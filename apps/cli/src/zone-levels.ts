/**
 * How full the zones are: free pages beside the watermarks.
 *
 * ```
 *   DMA32     1210  ███████████████████m·····l····h·······························
 *             free  up to here         min   low  high                 twice high
 * ```
 */
import type { PageState } from '@kmem/contracts';
import type { Colors } from './terminal.js';

/** Free pages of a zone and its limits, in pages. */
export interface ZoneLevel {
  /** Name of the zone. */
  readonly zone: string;
  /** Pages under management. */
  readonly managed: number;
  /** Pages on the free lists. */
  readonly free: number;
  /** The min watermark. */
  readonly min: number;
  /** The low watermark. */
  readonly low: number;
  /** The high watermark. */
  readonly high: number;
  /** Kept from requests that could use a higher zone. */
  readonly protection: number;
}

/** Index of zone Normal on a PC: the highest zone that a GFP_KERNEL request may use. */
export const NORMAL = 2;
const CELLS = 58;

/**
 * Reads the levels off a state.
 *
 * @param state - the state, of a PC with one node.
 * @returns the populated zones.
 */
export function zoneLevels(state: PageState): ZoneLevel[] {
  return state.zones
    .filter(({ managed }) => managed > 0)
    .map(({ zone, managed, nr_free_pages, nr_free_pages_cpu_diff, min, low, high, lowmem_reserve }) => ({
      ...{ zone, managed, free: nr_free_pages + nr_free_pages_cpu_diff, min, low, high },
      protection: lowmem_reserve[NORMAL],
    }));
}

/**
 * Draws the levels.
 *
 * @param levels - the zones.
 * @param colors - colours.
 * @returns a line each.
 */
export function drawLevels(levels: readonly ZoneLevel[], colors: Colors): string[] {
  return levels.map((level) => `${level.zone.padEnd(7)}${String(level.free).padStart(7)}  ${bar(level, colors)}`);
}

function bar({ free, min, low, high }: ZoneLevel, colors: Colors): string {
  const cell = (pages: number): number => Math.round((pages * CELLS) / (2 * high));
  const full = Math.min(cell(free), CELLS);
  const marks = new Map([[cell(min), 'm'], [cell(low), 'l'], [cell(high), 'h']]);
  const signs = Array.from({ length: CELLS }, (_, i) => {
    const mark = marks.get(i);
    if (mark !== undefined) return colors.bold(mark);
    return i < full ? (free > low ? colors.green('█') : colors.red('█')) : '·';
  });
  return signs.join('') + (free > 2 * high ? '+' : '');
}
