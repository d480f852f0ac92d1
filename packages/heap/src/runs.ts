/**
 * Runs of granules: good fit in constant time by bins (after Masmano, Ripoll, Crespo, Real, "TLSF", 2004).
 *
 * ```
 *   bin of a free run of n granules:  n                              below 16
 *                                     8 bins for each doubling       above
 *   request: rounded up to a bin, so that the first run of the first bin with any is long enough;
 *            only where there is none, the bin of the request itself is searched
 *   split:   the low end is handed out            merge: at once, with both neighbours
 * ```
 */
import { BINS, BIN_MAP, BIN_MAP_WORDS, BYTE, END, FIRST, FREE, FREE_GRANULES, GAP, KIND, LENGTH, NEXT, PREV, SINGLE, TOP, giveRow, takeRow, type HeapState } from './heap-state.js';

/** What {@link createRuns} makes. */
export interface Runs {
  /**
   * Takes a run; its KIND is SINGLE.
   *
   * @param length - granules.
   * @param align - the first granule is a multiple of it: a power of two.
   * @returns its row, or 0.
   */
  take(length: number, align: number): number;
  /**
   * Gives a run back. No granule but the first has it as owner.
   *
   * @param row - the run.
   */
  give(row: number): void;
  /**
   * Makes a run longer or shorter where it is.
   *
   * @param row - a run with one block.
   * @param length - granules it is to have.
   * @returns false when what follows is in use or too short: nothing has changed.
   */
  resize(row: number, length: number): boolean;
  /**
   * Adds granules behind the last ones; what lies between is a gap.
   *
   * @param first - first of them, not below the end.
   * @param end - granule behind the last one, above the first.
   */
  extend(first: number, end: number): void;
  /** Granules of the longest free run. */
  longest(): number;
}

/**
 * Makes the functions of a state.
 *
 * @param state - of the heap.
 * @returns the functions, made around the arrays.
 */
export function createRuns({ words, owner, granuleShift, leastGranules }: HeapState): Runs {
  const find = (length: number): number => {
    const from = length < 16 ? length : binOf(length + (1 << (28 - Math.clz32(length))) - 1);
    for (let word = from >>> 5; word < BIN_MAP_WORDS; word++) {
      const bins = word === from >>> 5 ? words[BIN_MAP + word] & (-1 << (from & 31)) : words[BIN_MAP + word];
      if (bins !== 0) return words[BINS + word * 32 + lowestBit(bins)];
    }
    let row = words[BINS + binOf(length)];
    while (row !== 0 && words[row + LENGTH] < length) row = words[row + NEXT];
    return row;
  };

  const insert = (row: number, first: number, length: number): void => {
    const bin = binOf(length);
    const next = words[BINS + bin];
    words[row + KIND] = FREE;
    words[row + FIRST] = first;
    words[row + LENGTH] = length;
    words[row + NEXT] = next;
    words[row + PREV] = 0;
    if (next !== 0) words[next + PREV] = row;
    words[BINS + bin] = row;
    words[BIN_MAP + (bin >>> 5)] |= 1 << (bin & 31);
    owner[first] = owner[first + length - 1] = row;
    words[FREE_GRANULES] += length;
  };

  /** Takes a free run out of its bin and off its granules. */
  const remove = (row: number): void => {
    const first = words[row + FIRST];
    const length = words[row + LENGTH];
    const next = words[row + NEXT];
    const prev = words[row + PREV];
    if (next !== 0) words[next + PREV] = prev;
    if (prev !== 0) words[prev + NEXT] = next;
    else {
      const bin = binOf(length);
      words[BINS + bin] = next;
      if (next === 0) words[BIN_MAP + (bin >>> 5)] &= ~(1 << (bin & 31));
    }
    owner[first] = owner[first + length - 1] = 0;
    words[FREE_GRANULES] -= length;
  };

  /** Makes a free run of granules that nobody owns, together with free neighbours. */
  const free = (row: number, first: number, length: number): void => {
    const below = owner[first - 1];
    if (words[below + KIND] === FREE) {
      remove(below);
      first = words[below + FIRST];
      length += words[below + LENGTH];
      giveRow(words, below);
    }
    const above = owner[first + length];
    if (words[above + KIND] === FREE) {
      remove(above);
      length += words[above + LENGTH];
      giveRow(words, above);
    }
    insert(row, first, length);
  };

  const own = (row: number, first: number, length: number): void => {
    words[row + KIND] = SINGLE;
    words[row + FIRST] = first;
    words[row + LENGTH] = length;
    words[row + BYTE] = first << granuleShift;
    owner[first] = row;
    if (first + length > words[TOP]) words[TOP] = first + length;
  };

  return {
    take(length, align) {
      if (length < leastGranules) length = leastGranules;
      const row = find(length + align - 1);
      if (row === 0) return 0;
      remove(row);
      const start = words[row + FIRST];
      const skip = -start & (align - 1);
      const first = start + skip;
      const rest = words[row + LENGTH] - skip - length;
      if (skip > 0) insert(takeRow(words), start, skip);
      if (rest > 0) insert(takeRow(words), first + length, rest);
      own(row, first, length);
      return row;
    },

    give(row) {
      const first = words[row + FIRST];
      owner[first] = 0;
      free(row, first, words[row + LENGTH]);
    },

    resize(row, length) {
      if (length < leastGranules) length = leastGranules;
      const first = words[row + FIRST];
      const have = words[row + LENGTH];
      if (length === have) return true;
      if (length < have) {
        words[row + LENGTH] = length;
        free(takeRow(words), first + length, have - length);
        return true;
      }
      const above = owner[first + have];
      if (words[above + KIND] !== FREE) return false;
      const rest = words[above + LENGTH] - (length - have);
      if (rest < 0) return false;
      remove(above);
      if (rest > 0) insert(above, first + length, rest);
      else giveRow(words, above);
      own(row, first, length);
      return true;
    },

    extend(first, end) {
      const last = words[END];
      if (first > last) {
        const gap = takeRow(words);
        own(gap, last, first - last);
        words[gap + KIND] = GAP;
      }
      words[END] = end;
      free(takeRow(words), first, end - first);
    },

    longest() {
      for (let word = BIN_MAP_WORDS - 1; word >= 0; word--) {
        const bins = words[BIN_MAP + word];
        if (bins === 0) continue;
        let most = 0;
        for (let row = words[BINS + word * 32 + 31 - Math.clz32(bins)]; row !== 0; row = words[row + NEXT]) {
          most = Math.max(most, words[row + LENGTH]);
        }
        return most;
      }
      return 0;
    },
  };
}

/** Bin of a free run. */
function binOf(length: number): number {
  if (length < 16) return length;
  const log = 31 - Math.clz32(length);
  return ((log - 2) << 3) + ((length >>> (log - 3)) & 7);
}

const lowestBit = (bits: number): number => 31 - Math.clz32(bits & -bits);
