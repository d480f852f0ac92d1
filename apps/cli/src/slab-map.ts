/**
 * Map of the slabs of a cache, a line a slab.
 *
 * ```
 *   partial  frame 513  colour  64  ##aa····
 *                                   | | free
 *                                   | in the array of the CPU
 *                                   somebody has it
 * ```
 */
import type { SlabArrayState } from '@kmem/contracts';
import type { Colors } from './terminal.js';

/** A slab, as it is drawn. */
export interface SlabLine {
  /** The list it is on. */
  readonly list: 'full' | 'partial' | 'empty';
  /** Its first frame. */
  readonly pfn: number;
  /** Bytes before its first object. */
  readonly colour: number;
  /** A character for each object, in the order of their addresses. */
  readonly objects: string;
}

/** What tells the state of an object from outside. */
interface MappedCache {
  /** The lists. */
  readonly state: SlabArrayState;
  /** Objects in a slab. */
  readonly num: number;
  /** Bytes from one to the next. */
  readonly size: number;
  /** Whether somebody has the object at that offset of a slab. */
  readonly isLive: (pfn: number, offset: number) => boolean;
}

/**
 * Draws the slabs as plain characters: full ones, partial ones, empty ones, each list from its front.
 *
 * @param cache - the lists, and who has what.
 * @returns the slabs.
 */
export function slabLines({ isLive, num, size, state }: MappedCache): SlabLine[] {
  const cached = new Set(state.cpu.entries.map(([pfn, offset]) => `${pfn}:${offset}`));
  const sign = (pfn: number, offset: number): string => {
    if (isLive(pfn, offset)) return '#';
    return cached.has(`${pfn}:${offset}`) ? 'a' : '·';
  };
  const lists = [['full', state.full], ['partial', state.partial], ['empty', state.free]] as const;
  return lists.flatMap(([list, slabs]) =>
    slabs.map(([pfn, , colour]) => ({ list, pfn, colour, objects: Array.from({ length: num }, (_, i) => sign(pfn, colour + i * size)).join('') })),
  );
}

/**
 * Lays the slabs out, a line each.
 *
 * @param lines - from {@link slabLines}.
 * @param colors - colours: lists in the colours of a traffic light.
 * @returns the lines.
 */
export function drawSlabs(lines: readonly SlabLine[], colors: Colors): string[] {
  if (lines.length === 0) return [colors.dim('no slabs')];
  const paint = { full: colors.red, partial: colors.yellow, empty: colors.green };
  return lines.map(({ colour, list, objects, pfn }) => {
    return `${paint[list](list.padEnd(7))}  frame ${String(pfn).padStart(4)}  colour ${String(colour).padStart(3)}  ${objects}`;
  });
}
