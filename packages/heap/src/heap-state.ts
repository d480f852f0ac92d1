/**
 * State of the heap's own allocator: one Int32Array.
 *
 * ```
 *   none      the row of no run, all 0                                     8 words
 *   header    start, end, top, ...                                       16 words
 *   binMap    which bins have runs                                        8 words
 *   bins      first run of each                                         256 words
 *   classes   one row for each size: 8 words and the magazine            4608 words
 *   runs      one row of 8 words for each run
 *   owner     for each granule of the address space a row, or 0
 *
 *   granule: |  0  | start                                              end |
 *            | none|  run  |   run   | run |           run                  |     the runs tile start .. end, no two free ones touch
 *
 *   owner[first granule of a run] = its row
 *   owner[last granule of a free run] = owner[every granule of a slab] = its row
 *   owner[any other granule] = 0
 * ```
 * Rows are offsets into `words`, so that a field is `words[row + FIELD]`. A copy of the words is a copy of the state.
 */
import type { SizeClass, SizeTable } from './size-classes.js';

// Fields of the header.
/** First granule that is managed, at least 1. */
export const START = 8;
/** Granule behind the last one. */
export const END = 9;
/** Granule behind the last one that was ever part of a run in use. */
export const TOP = 10;
/** Row behind the last one that was ever used. */
export const NEXT_ROW = 11;
/** First of the rows that are free again, linked by NEXT; 0 for none. */
const FREE_ROWS = 12;
/** Number of classes. */
export const CLASSES = 13;
/** Tells one layout from another. */
export const GRANULE_SHIFT = 14;
/** Tells one layout from another. */
export const CAPACITY = 15;
/** Granules of all free runs. */
export const FREE_GRANULES = 16;

// Fields of a run.
/** What it is: FREE, SINGLE (one block), GAP (somebody else's), or the row of its class when it is a slab. */
export const KIND = 0;
/** First granule. */
export const FIRST = 1;
/** Granules. */
export const LENGTH = 2;
/** Address of the first byte, as a signed word. */
export const BYTE = 3;
/** Blocks of a slab that are not in use: bit i stands for block i. The bits behind the last block are set. */
export const IDLE = 4;
/** Those of them that are not in the magazine. */
export const SPARE = 5;
/** The next one in a list: of free runs in their bin, of slabs with SPARE blocks in their class, of rows that are free. */
export const NEXT = 6;
/** The one before it in the first two. */
export const PREV = 7;

/** A free run. */
export const FREE = -1;
/** A run with one block. */
export const SINGLE = -2;
/** Memory of somebody else. */
export const GAP = -3;

// Fields of a class.
/** Blocks in the magazine. */
export const COUNT = 0;
/** Blocks that it has room for. */
export const ROOM = 1;
/** Bytes of a block. */
export const SIZE = 2;
/** 2^18 / SIZE, rounded up: (offset * MAGIC) >>> 18 is the number of the block at an offset, as there are 32 at most. */
export const MAGIC = 3;
/** Blocks of a slab. */
export const BLOCKS = 4;
/** SPARE of a slab all of whose blocks are free. */
export const EMPTY = 5;
/** Granules of a slab. */
export const GRANULES = 6;
/** First of the slabs with SPARE blocks. */
export const PARTIAL = 7;
/** The magazine: addresses as signed words ... */
export const ADDRESSES = 8;
/** Most blocks of a magazine. */
export const MOST_ROOM = 20;
/** ... and the same blocks as (row of the slab << 2 | number). */
export const CODES = ADDRESSES + MOST_ROOM;

const ROW_WORDS = 8;
/** Words from one class to the next. */
export const CLASS_WORDS = CODES + MOST_ROOM;
/** One bit for each bin, set where it has runs. */
export const BIN_MAP = 24;
/** Words of that. */
export const BIN_MAP_WORDS = 8;
/** First run of each bin. */
export const BINS = BIN_MAP + BIN_MAP_WORDS;
const FIRST_CLASS = BINS + 32 * BIN_MAP_WORDS;
/** Most sizes, those of structures included. */
const MOST_CLASSES = 96;
const FIRST_ROW = FIRST_CLASS + MOST_CLASSES * CLASS_WORDS;

/** The arrays of a heap. */
export interface HeapState {
  /** All of it. */
  readonly words: Int32Array;
  /** The last part of the words: rows by granule, up to the capacity and one more. */
  readonly owner: Int32Array;
  /** log2 of the bytes of a granule. */
  readonly granuleShift: number;
  /** Granule behind the last one there can ever be. */
  readonly capacity: number;
  /** Fewest granules of a run in use: the fewer runs, the less state. */
  readonly leastGranules: number;
}

/**
 * Lays out the state of a heap without any granules.
 *
 * @param table - says how large granules are, and how many of them the smallest run in use has.
 * @param start - first granule to manage, at least 1.
 * @param capacity - granule behind the last one there can ever be.
 * @returns the arrays.
 */
export function createHeapState({ granuleShift, leastGranules }: SizeTable, start: number, capacity: number): HeapState {
  // The most runs there can be: the smallest ones in use, each followed by a free granule.
  const rows = 2 + Math.ceil((2 * capacity) / (leastGranules + 1));
  const ownerAt = FIRST_ROW + ROW_WORDS * rows;
  const words = new Int32Array(ownerAt + capacity + 1);
  words[START] = words[END] = words[TOP] = start;
  words[NEXT_ROW] = FIRST_ROW;
  words[GRANULE_SHIFT] = granuleShift;
  words[CAPACITY] = capacity;
  return { words, owner: words.subarray(ownerAt), granuleShift, capacity, leastGranules };
}

/**
 * Adds a class.
 *
 * @param state - of the heap.
 * @param sizeClass - its sizes.
 * @returns its row; 0 when there is no room for another one.
 */
export function addClass({ words }: HeapState, { sizeBytes, granules, blocks, magazine }: SizeClass): number {
  const number = words[CLASSES];
  if (number === MOST_CLASSES) return 0;
  words[CLASSES] = number + 1;
  const row = classRow(number);
  words[row + ROOM] = magazine;
  words[row + SIZE] = sizeBytes;
  words[row + MAGIC] = Math.ceil(2 ** 18 / sizeBytes);
  words[row + BLOCKS] = blocks;
  words[row + EMPTY] = blocks === 32 ? -1 : 2 ** blocks - 1;
  words[row + GRANULES] = granules;
  return row;
}

/** Row of a class by number. */
export const classRow = (number: number): number => FIRST_CLASS + number * CLASS_WORDS;

/**
 * Takes a row for a run.
 *
 * @param words - of the state.
 * @returns the row, its fields as its last user left them.
 */
export function takeRow(words: Int32Array): number {
  const row = words[FREE_ROWS];
  if (row !== 0) {
    words[FREE_ROWS] = words[row + NEXT];
    return row;
  }
  const fresh = words[NEXT_ROW];
  words[NEXT_ROW] = fresh + ROW_WORDS;
  return fresh;
}

/**
 * Gives a row back.
 *
 * @param words - of the state.
 * @param row - of a run that is no more.
 */
export function giveRow(words: Int32Array, row: number): void {
  words[row + NEXT] = words[FREE_ROWS];
  words[FREE_ROWS] = row;
}
