/** Walks over all runs of a heap: sums, checks, and the run around an address. */
import { KernelBug } from '@kmem/contracts';
import type { HeapUse } from './heap-allocator.js';
import {
  ADDRESSES, BINS, BIN_MAP, BIN_MAP_WORDS, BYTE, CLASSES, CODES, COUNT, EMPTY, END, FIRST, FREE, FREE_GRANULES, GAP, GRANULES, IDLE, KIND, LENGTH, NEXT, PARTIAL, PREV, SINGLE, SIZE, SPARE, START,
  classRow, type HeapState,
} from './heap-state.js';

/**
 * Adds up what the memory is used for.
 *
 * @param state - of the heap.
 * @returns the sums.
 */
export function measure(state: HeapState): HeapUse {
  const { words, granuleShift } = state;
  let sizeBytes = 0;
  let usedBytes = 0;
  let freeBytes = 0;
  let blocks = 0;
  for (const run of allRuns(state)) {
    const kind = words[run + KIND];
    if (kind === GAP) continue;
    const bytes = words[run + LENGTH] * 2 ** granuleShift;
    const taken = kind > 0 ? 32 - countBits(words[run + IDLE]) : kind === SINGLE ? 1 : 0;
    sizeBytes += bytes;
    blocks += taken;
    usedBytes += kind > 0 ? taken * words[kind + SIZE] : taken * bytes;
    if (kind === FREE) freeBytes += bytes;
  }
  return { sizeBytes, usedBytes, slackBytes: sizeBytes - usedBytes - freeBytes, freeBytes, blocks };
}

/**
 * Finds the run around an address.
 *
 * @param state - of the heap.
 * @param addr - an integer from 0.
 * @returns its row; 0 when the address is not managed.
 */
export function runAround({ words, owner, granuleShift }: HeapState, addr: number): number {
  let granule = Math.floor(addr / 2 ** granuleShift);
  if (granule >= words[END]) return 0;
  while (granule >= words[START] && owner[granule] === 0) granule--;
  return granule < words[START] ? 0 : owner[granule];
}

/**
 * Checks every invariant of `heap-state.ts` and `block-allocator.ts`.
 *
 * @param state - of the heap.
 * @throws KernelBug `CORRUPT_STATE`.
 */
export function assertHeapValid(state: HeapState): void {
  const { words, owner } = state;
  const listed = listedRuns(state);
  const held = heldBlocks(state);
  let before = SINGLE;
  let free = 0;
  for (const run of allRuns(state)) {
    const kind = words[run + KIND];
    const first = words[run + FIRST];
    const last = first + words[run + LENGTH] - 1;
    const inside = kind > 0 ? run : 0;
    for (let granule = first + 1; granule < last; granule++) {
      require(owner[granule] === inside, `owner[${granule}]`, inside, owner[granule]);
    }
    const end = kind > 0 || kind === FREE || first === last ? run : 0;
    require(owner[last] === end, `owner[${last}]`, end, owner[last]);
    require(kind !== FREE || before !== FREE, `free runs that touch before granule ${first}`, 0, 1);
    before = kind;
    if (kind === FREE) free += words[run + LENGTH];
    if (kind > 0) checkHeld(words, run, held.get(run) ?? 0);
    const list = listed.get(run) ?? 0;
    const expected = expectedList(words, run, kind);
    require(list === expected, `the list of the run at granule ${first}`, expected, list);
    listed.delete(run);
  }
  require(words[FREE_GRANULES] === free, 'granules of all free runs', free, words[FREE_GRANULES]);
  require(listed.size === 0, 'runs in lists that are nowhere', 0, listed.size);
}

/** Rows of the runs, by address. */
function* allRuns({ words, owner }: HeapState): Generator<number> {
  let granule = words[START];
  while (granule < words[END]) {
    const run = owner[granule];
    require(run > 0 && words[run + FIRST] === granule && words[run + LENGTH] > 0, `a run that starts at granule ${granule}`, 1, 0);
    yield run;
    granule += words[run + LENGTH];
  }
  require(granule === words[END], 'the granule behind the last run', words[END], granule);
}

function checkHeld(words: Int32Array, slab: number, held: number): void {
  const found = words[slab + IDLE] & ~words[slab + SPARE] & words[words[slab + KIND] + EMPTY];
  require(found === held, 'blocks of a slab in the magazine', held, found);
}

// Where a run is listed: -1 in a bin, the class's row in its partial list, 0 nowhere.
const IN_BIN = -1;

function expectedList(words: Int32Array, run: number, kind: number): number {
  if (kind === FREE) return IN_BIN;
  if (kind <= 0) return 0;
  const spare = words[run + SPARE];
  require(words[run + LENGTH] === words[kind + GRANULES], 'granules of a slab', words[kind + GRANULES], words[run + LENGTH]);
  require((spare & ~words[run + IDLE]) === 0, 'spare blocks in use', 0, spare & ~words[run + IDLE]);
  require((words[run + IDLE] | words[kind + EMPTY]) === -1, 'bits behind the last block of a slab', -1, words[run + IDLE] | words[kind + EMPTY]);
  require((spare & ~words[kind + EMPTY]) === 0, 'spare blocks behind the last one', 0, spare & ~words[kind + EMPTY]);
  require(spare !== words[kind + EMPTY], 'a slab without a block in use', 0, 1);
  return spare === 0 ? 0 : kind;
}

/** Blocks in magazines, as bits by slab. */
function heldBlocks({ words, owner, granuleShift }: HeapState): Map<number, number> {
  const held = new Map<number, number>();
  for (let number = 0; number < words[CLASSES]; number++) {
    const row = classRow(number);
    for (let at = row; at < row + words[row + COUNT]; at++) {
      const slab = (words[at + CODES] >>> 5) << 3;
      const block = words[at + CODES] & 31;
      const addr = words[slab + BYTE] + block * words[row + SIZE];
      require(words[slab + KIND] === row && owner[words[at + ADDRESSES] >>> granuleShift] === slab, 'the slab of a block in a magazine', row, words[slab + KIND]);
      require(words[at + ADDRESSES] === (addr | 0), 'the address of a block in a magazine', addr | 0, words[at + ADDRESSES]);
      held.set(slab, (held.get(slab) ?? 0) | (1 << block));
    }
  }
  return held;
}

function listedRuns({ words }: HeapState): Map<number, number> {
  const listed = new Map<number, number>();
  const walk = (head: number, list: number): void => {
    let before = 0;
    for (let run = head; run !== 0; run = words[run + NEXT]) {
      require(words[run + PREV] === before, 'the link back of a run', before, words[run + PREV]);
      require(!listed.has(run), 'lists of a run', 1, 2);
      listed.set(run, list);
      before = run;
    }
  };
  for (let bin = 0; bin < 32 * BIN_MAP_WORDS; bin++) {
    const isMarked = (words[BIN_MAP + (bin >>> 5)] & (1 << (bin & 31))) !== 0;
    require(isMarked === (words[BINS + bin] !== 0), `the mark of bin ${bin}`, Number(!isMarked), Number(isMarked));
    walk(words[BINS + bin], IN_BIN);
  }
  for (let number = 0; number < words[CLASSES]; number++) {
    const row = classRow(number);
    walk(words[row + PARTIAL], row);
  }
  return listed;
}

function require(holds: boolean, what: string, expected: number, found: number): void {
  if (!holds) throw new KernelBug('CORRUPT_STATE', `${what}: expected ${expected}, found ${found}`, { expected, found });
}

function countBits(word: number): number {
  let bits = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) bits++;
  return bits;
}
