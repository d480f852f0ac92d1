/**
 * Memory maps: arithmetic on lists of frame ranges.
 *
 * A range runs from `start` up to but not including `end`. A list is normal when its ranges are not empty,
 * ascending, and neither overlap nor touch. Every function returns a new normal list and changes no argument.
 */
import type { PfnRange } from '@kmem/contracts';

/** Bytes from `start` up to but not including `end`, counted from physical address 0. */
export interface ByteRange {
  /** First byte. */
  readonly start: number;
  /** First byte past the range. */
  readonly end: number;
}

/**
 * Puts ranges in order and joins those that overlap or touch.
 *
 * @param ranges - ranges in any order; empty and reversed ones are dropped.
 * @returns the same frames as a normal list.
 * @throws RangeError when a bound is not a non-negative safe integer.
 * @example
 * ```ts
 * import { normalizeRanges } from '@kmem/hw';
 * normalizeRanges([{ start: 8, end: 12 }, { start: 2, end: 4 }, { start: 4, end: 6 }]);
 * // -> [ { start: 2, end: 6 }, { start: 8, end: 12 } ]
 * ```
 */
export function normalizeRanges(ranges: readonly PfnRange[]): PfnRange[] {
  for (const { start, end } of ranges) {
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < 0) {
      throw new RangeError(`ranges: bounds must be non-negative integers, got ${start}..${end}`);
    }
  }
  const sorted = ranges.filter((r) => r.start < r.end).sort((a, b) => a.start - b.start);
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = joined.at(-1);
    if (last === undefined || start > last.end) joined.push({ start, end });
    else if (end > last.end) last.end = end;
  }
  return joined;
}

/**
 * Takes frames away: what a reservation does to free memory.
 *
 * @param ranges - the frames there are.
 * @param holes - the frames to take away; they may lie anywhere.
 * @returns frames in `ranges` and not in `holes`.
 * @throws RangeError as {@link normalizeRanges}.
 */
export function subtractRanges(ranges: readonly PfnRange[], holes: readonly PfnRange[]): PfnRange[] {
  const cuts = normalizeRanges(holes);
  const left: PfnRange[] = [];
  let cut = 0;
  for (const range of normalizeRanges(ranges)) {
    let start = range.start;
    while (cut < cuts.length && cuts[cut].end <= start) cut++;
    // A cut that reaches past this range is looked at again for the next one, so `cut` itself stays.
    for (let i = cut; i < cuts.length && cuts[i].start < range.end; i++) {
      if (cuts[i].start > start) left.push({ start, end: cuts[i].start });
      start = cuts[i].end;
    }
    if (start < range.end) left.push({ start, end: range.end });
  }
  return left;
}

/**
 * Finds the frames that two lists have in common.
 *
 * @param a - one list.
 * @param b - the other.
 * @returns frames in both.
 * @throws RangeError as {@link normalizeRanges}.
 */
export function intersectRanges(a: readonly PfnRange[], b: readonly PfnRange[]): PfnRange[] {
  const left = normalizeRanges(a);
  const right = normalizeRanges(b);
  const common: PfnRange[] = [];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    const start = Math.max(left[i].start, right[j].start);
    const end = Math.min(left[i].end, right[j].end);
    if (start < end) common.push({ start, end });
    if (left[i].end < right[j].end) i++;
    else j++;
  }
  return common;
}

/**
 * Counts frames.
 *
 * @param ranges - ranges in any order; a frame that is in two of them counts once.
 * @returns number of frames.
 * @throws RangeError as {@link normalizeRanges}.
 */
export function countPages(ranges: readonly PfnRange[]): number {
  return normalizeRanges(ranges).reduce((sum, { start, end }) => sum + end - start, 0);
}

/**
 * Turns memory given in bytes into frames: only frames that lie inside as a whole.
 *
 * @param ranges - memory that exists or is free; each range is rounded inwards on its own, as Linux does
 *   (buddy spec 12).
 * @param pageShift - log2 of the page size.
 * @returns the frames.
 * @throws RangeError as {@link normalizeRanges}.
 */
export function innerPages(ranges: readonly ByteRange[], pageShift: number): PfnRange[] {
  const size = 2 ** pageShift;
  return normalizeRanges(ranges.map((r) => ({ start: Math.ceil(r.start / size), end: Math.floor(r.end / size) })));
}

/**
 * Turns reservations given in bytes into frames: every frame of which a byte is reserved.
 *
 * @param ranges - memory that must not be handed out; each range is rounded outwards.
 * @param pageShift - log2 of the page size.
 * @returns the frames.
 * @throws RangeError as {@link normalizeRanges}.
 */
export function outerPages(ranges: readonly ByteRange[], pageShift: number): PfnRange[] {
  const size = 2 ** pageShift;
  const filled = ranges.filter((r) => r.start < r.end);
  return normalizeRanges(filled.map((r) => ({ start: Math.floor(r.start / size), end: Math.ceil(r.end / size) })));
}
