/**
 * BlockAllocator: the heap's own allocator. Small blocks come from slabs of one size, others are runs of their own.
 *
 * ```
 *   malloc: size -> class -> magazine -> address
 *   free:   address -> granule -> owner -> slab -> class -> magazine
 *   an empty magazine is filled by half from the slabs, a full one emptied by half into them
 *
 *   a slab   is in the partial list of its class while it has SPARE blocks, given back when SPARE = EMPTY
 *   a block  is in use when IDLE has no bit of it, in the magazine when IDLE has one and SPARE has none
 * ```
 * All that is known about blocks lies beside the memory: writing past a block cannot damage it, and memory is not needed at all.
 */
import { KernelBug } from '@kmem/contracts';
import { requireBytes } from './block-size.js';
import { assertHeapValid, measure, runAround } from './heap-walk.js';
import {
  ADDRESSES, BLOCKS, BYTE, CLASSES, CLASS_WORDS, CODES, COUNT, EMPTY, FIRST, FREE, FREE_GRANULES, GRANULES, IDLE, KIND, LENGTH, MAGIC, NEXT, PARTIAL, PREV, ROOM, SINGLE, SIZE, SPARE,
  addClass, classRow, type HeapState,
} from './heap-state.js';
import { createRuns } from './runs.js';
import { sizeClass, type SizeTable } from './size-classes.js';
import type { HeapAllocator } from './heap-allocator.js';

/**
 * Makes the functions of a state.
 *
 * @param state - of the heap; classes are added.
 * @param table - sizes of small blocks.
 * @param onShortage - is told how many bytes in a row are missing; true when it has added some.
 * @returns the functions, made around the arrays.
 */
export function createBlockAllocator(state: HeapState, table: SizeTable, onShortage: (bytes: number) => boolean): HeapAllocator {
  const { words, owner, granuleShift, capacity } = state;
  const runs = createRuns(state);
  for (const each of table.classes) addClass(state, each);
  const largest = table.classes[table.classes.length - 1].sizeBytes;
  const classOf = classesBySize(words, largest);

  const malloc = (bytes: number): number => {
    if (bytes >>> 0 !== bytes || bytes > largest) return mallocRun(bytes, 1);
    return takeBlock(classOf[(bytes + 7) >>> 3]);
  };

  const takeBlock = (row: number): number => {
    const count = words[row + COUNT];
    if (count === 0) return refill(row);
    const at = row + count - 1;
    const code = words[at + CODES];
    words[row + COUNT] = count - 1;
    words[((code >>> 5) << 3) + IDLE] ^= 1 << code;
    return words[at + ADDRESSES] >>> 0;
  };

  const free = (addr: number): void => {
    if (addr >>> 0 !== addr) refuse(addr);
    const slab = owner[addr >>> granuleShift];
    const row = words[slab + KIND];
    if (!(row > 0)) {
      freeRun(addr, slab);
      return;
    }
    const offset = (addr - words[slab + BYTE]) | 0;
    const block = Math.imul(offset, words[row + MAGIC]) >>> 18;
    // The bits behind the last block are set, so one test tells blocks in use from all others.
    const idle = words[slab + IDLE];
    const bit = 1 << block;
    if ((idle & bit) !== 0 || Math.imul(block, words[row + SIZE]) !== offset) refuse(addr);
    words[slab + IDLE] = idle | bit;
    const count = words[row + COUNT];
    const at = row + count;
    words[at + ADDRESSES] = addr;
    words[at + CODES] = (slab << 2) | block;
    words[row + COUNT] = count + 1;
    if (count + 1 === words[row + ROOM]) unload(row);
  };

  const load = (row: number, addr: number, code: number): void => {
    const at = row + words[row + COUNT]++;
    words[at + ADDRESSES] = addr;
    words[at + CODES] = code;
  };

  /** Fills an empty magazine by half from slabs, and takes a block of it. */
  const refill = (row: number): number => {
    const size = words[row + SIZE];
    let wanted = (words[row + ROOM] + 1) >> 1;
    while (wanted > 0) {
      const slab = words[row + PARTIAL] || (words[row + COUNT] === 0 ? newSlab(row) : 0);
      if (slab === 0) break;
      let bits = words[slab + SPARE];
      for (; wanted > 0 && bits !== 0; wanted--) {
        // From above, as the magazine is emptied from above: blocks go out by address.
        const block = 31 - Math.clz32(bits);
        bits ^= 1 << block;
        load(row, words[slab + BYTE] + block * size, (slab << 2) | block);
      }
      words[slab + SPARE] = bits;
      if (bits === 0) unlink(words, row, slab);
    }
    return words[row + COUNT] === 0 ? 0 : takeBlock(row);
  };

  /** Gives the older half of a full magazine back to the slabs. */
  const unload = (row: number): void => {
    const count = words[row + COUNT];
    const gone = (count + 1) >> 1;
    words[row + COUNT] = count - gone;
    for (let at = row; at < row + gone; at++) setFree(row, words[at + CODES]);
    for (let at = row; at < row + count - gone; at++) {
      words[at + ADDRESSES] = words[at + gone + ADDRESSES];
      words[at + CODES] = words[at + gone + CODES];
    }
  };

  /** Gives a block of a magazine back to its slab, and the slab back when all its blocks are. */
  const setFree = (row: number, code: number): void => {
    const slab = (code >>> 5) << 3;
    const bits = words[slab + SPARE];
    const now = bits | (1 << code);
    words[slab + SPARE] = now;
    if (bits === 0) link(words, row, slab);
    if (now === words[row + EMPTY]) {
      unlink(words, row, slab);
      giveSlab(slab);
    }
  };

  const newSlab = (row: number): number => {
    const slab = takeRun(words[row + GRANULES], 1);
    if (slab === 0) return 0;
    words[slab + KIND] = row;
    words[slab + SPARE] = words[row + EMPTY];
    words[slab + IDLE] = -1;
    owner.fill(slab, words[slab + FIRST], words[slab + FIRST] + words[slab + LENGTH]);
    link(words, row, slab);
    return slab;
  };

  const giveSlab = (slab: number): void => {
    owner.fill(0, words[slab + FIRST], words[slab + FIRST] + words[slab + LENGTH]);
    runs.give(slab);
  };

  const takeRun = (granules: number, align: number): number => {
    const run = runs.take(granules, align);
    if (run !== 0) return run;
    if (trim() > 0) {
      const again = runs.take(granules, align);
      if (again !== 0) return again;
    }
    return onShortage((granules + align - 1) * 2 ** granuleShift) ? runs.take(granules, align) : 0;
  };

  const mallocRun = (bytes: number, align: number): number => {
    const granules = granulesOf(bytes);
    return granules + align > capacity ? 0 : words[takeRun(granules, align) + BYTE] >>> 0;
  };

  const freeRun = (addr: number, run: number): void => {
    if (addr === 0) return;
    if (words[run + KIND] !== SINGLE || words[run + BYTE] >>> 0 !== addr) refuse(addr);
    runs.give(run);
  };

  /** Granules for so many bytes, which are checked here. */
  const granulesOf = (bytes: number): number => {
    requireBytes(bytes);
    return Math.ceil(bytes / 2 ** granuleShift);
  };

  /** Says what is wrong with an address that is not one of a block in use. */
  const refuse = (addr: number): never => {
    const run = Number.isInteger(addr) && addr >= 0 ? runAround(state, addr) : 0;
    const kind = words[run + KIND];
    const start = words[run + BYTE] >>> 0;
    const size = kind > 0 ? words[kind + SIZE] : Infinity;
    const block = Math.floor((addr - start) / size);
    const within = kind > 0 ? addr - start - block * size : addr - start;
    if (kind === FREE || (kind > 0 && block < words[kind + BLOCKS] && (words[run + IDLE] & (1 << block)) !== 0)) {
      throw new KernelBug('DOUBLE_FREE', `no block is in use at ${hex(addr)}: it has been freed`, { addr });
    }
    const where = kind > 0 || kind === SINGLE ? `${within} bytes into the block at ${hex(addr - within)}` : 'not in this heap';
    throw new KernelBug('BAD_OBJECT', `no block starts at ${hex(addr)}: it is ${where}`, { addr });
  };

  /** The class of a block in use, or 0 for a run of its own. */
  const classOfBlock = (addr: number): number => {
    if (addr >>> 0 !== addr) return refuse(addr);
    const run = owner[addr >>> granuleShift];
    const row = words[run + KIND];
    if (row === SINGLE && words[run + BYTE] >>> 0 === addr) return 0;
    if (!(row > 0)) return refuse(addr);
    const offset = (addr - words[run + BYTE]) | 0;
    const block = Math.imul(offset, words[row + MAGIC]) >>> 18;
    return Math.imul(block, words[row + SIZE]) !== offset || (words[run + IDLE] & (1 << block)) !== 0 ? refuse(addr) : row;
  };

  const bytesOfRun = (addr: number): number => words[owner[addr >>> granuleShift] + LENGTH] * 2 ** granuleShift;

  const trim = (): number => {
    const before = words[FREE_GRANULES];
    for (let number = 0; number < words[CLASSES]; number++) {
      const row = classRow(number);
      for (let at = row; at < row + words[row + COUNT]; at++) setFree(row, words[at + CODES]);
      words[row + COUNT] = 0;
    }
    return (words[FREE_GRANULES] - before) * 2 ** granuleShift;
  };

  return {
    malloc,
    free,
    trim,

    alignedAlloc(align, bytes) {
      const granules = granulesOf(bytes);
      if (align <= 2 ** granuleShift && bytes <= largest) {
        // The classes of the set stand one behind the other, the smallest first.
        for (let row = classOf[(bytes + 7) >>> 3]; row <= classOf[largest >>> 3]; row += CLASS_WORDS) {
          if (words[row + SIZE] % align === 0) return takeBlock(row);
        }
      }
      return mallocRun(granules * 2 ** granuleShift, Math.max(1, align >>> granuleShift));
    },

    usableSize(addr) {
      const row = classOfBlock(addr);
      return row > 0 ? words[row + SIZE] : bytesOfRun(addr);
    },

    resize(addr, bytes) {
      const granules = granulesOf(bytes);
      const row = classOfBlock(addr);
      if (row > 0) return bytes <= words[row + SIZE];
      return granules <= capacity && runs.resize(owner[addr >>> granuleShift], granules);
    },

    fixedSize(bytes) {
      const size = Math.ceil(bytes / 8) * 8;
      if (size > largest) return () => malloc(size);
      const row = classOfSize(state, size) || addClass(state, sizeClass(size, table));
      return row === 0 ? () => malloc(size) : () => takeBlock(row);
    },

    extend(start, end) {
      const from = Math.ceil(start / 2 ** granuleShift);
      const to = Math.min(capacity, Math.floor(end / 2 ** granuleShift));
      if (to <= from) return false;
      runs.extend(from, to);
      return true;
    },

    use: () => measure(state),
    longestFree: () => runs.longest() * 2 ** granuleShift,
    assertValid: () => assertHeapValid(state),
    state,
  };
}

/** Rows of the classes by size in units of 8 bytes. */
function classesBySize(words: Int32Array, largest: number): Int32Array {
  const classOf = new Int32Array(largest / 8 + 1);
  let row = classRow(0);
  for (let units = 0; units < classOf.length; units++) {
    while (words[row + SIZE] < units * 8) row += CLASS_WORDS;
    classOf[units] = row;
  }
  return classOf;
}

function classOfSize({ words }: HeapState, sizeBytes: number): number {
  for (let number = 0; number < words[CLASSES]; number++) {
    if (words[classRow(number) + SIZE] === sizeBytes) return classRow(number);
  }
  return 0;
}

/** Puts a slab into the partial list of its class, as the first. */
function link(words: Int32Array, row: number, slab: number): void {
  const next = words[row + PARTIAL];
  words[slab + NEXT] = next;
  words[slab + PREV] = 0;
  if (next !== 0) words[next + PREV] = slab;
  words[row + PARTIAL] = slab;
}

function unlink(words: Int32Array, row: number, slab: number): void {
  const next = words[slab + NEXT];
  const prev = words[slab + PREV];
  if (next !== 0) words[next + PREV] = prev;
  if (prev === 0) words[row + PARTIAL] = next;
  else words[prev + NEXT] = next;
}

const hex = (addr: number): string => `0x${addr.toString(16)}`;
