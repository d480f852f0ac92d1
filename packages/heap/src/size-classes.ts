/**
 * Size classes: the sizes that small blocks are rounded up to, and how many of them a slab has.
 *
 * ```
 *   set     sizes                                    granule   blocks above go alone, rounded up to granules
 *   linux   8 16 32 64 96 128 192 256 512 1K .. 8K   256       8192      the kernel's kmalloc sizes
 *   fine    8 16 24 .. 128, then 8 a doubling .. 1K   64       1024      least memory
 *
 *   a slab is a run of whole granules with 1 to 32 blocks of one size; less than one block is left over at its end, nothing with 32
 * ```
 */

import { MOST_ROOM } from './heap-state.js';

/** Names of the sets of sizes. */
export type SizeSet = 'linux' | 'fine';

/** Blocks of one size. */
export interface SizeClass {
  /** Bytes of a block, a multiple of 8. */
  readonly sizeBytes: number;
  /** Granules of a slab. */
  readonly granules: number;
  /** Blocks of a slab, 1 to 32. */
  readonly blocks: number;
  /** Free blocks that are kept ready, 1 to 20. */
  readonly magazine: number;
}

/** A set of sizes, worked out. */
export interface SizeTable {
  /** log2 of the bytes of a granule. */
  readonly granuleShift: number;
  /** The classes, smallest first. */
  readonly classes: readonly SizeClass[];
  /** Fewest granules of a run in use. */
  readonly leastGranules: number;
  /** Bytes of free blocks that are kept ready, about. */
  readonly magazineBytes: number;
  /** Bytes of a slab that has room for several blocks, about. */
  readonly slabBytes: number;
}

/** Most blocks of a slab: its free blocks are the bits of one word. */
const MOST_BLOCKS = 32;

const LINUX_SIZES = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];

/**
 * Works out a set.
 *
 * @param set - its name.
 * @returns granule and classes.
 */
export function sizeTable(set: SizeSet): SizeTable {
  const { sizes, ...table } =
    set === 'linux' ? { granuleShift: 8, leastGranules: 1, slabBytes: 8192, magazineBytes: 16384, sizes: LINUX_SIZES } : { granuleShift: 6, leastGranules: 4, slabBytes: 256, magazineBytes: 512, sizes: fineSizes() };
  return { ...table, classes: sizes.map((size) => sizeClass(size, table)) };
}

/**
 * Chooses the slab of a size: the smallest from `slabBytes` on that wastes a sixteenth at most, or else the one that wastes least.
 *
 * @param sizeBytes - of a block, a multiple of 8.
 * @param table - granules, and the bytes aimed at.
 * @returns the class.
 */
export function sizeClass(sizeBytes: number, { granuleShift, leastGranules, slabBytes, magazineBytes }: Omit<SizeTable, 'classes'>): SizeClass {
  const granule = 2 ** granuleShift;
  const least = Math.max(leastGranules, Math.floor(Math.min(slabBytes, MOST_BLOCKS * sizeBytes) / granule), Math.ceil(sizeBytes / granule));
  let best = least;
  let bestWaste = 1;
  for (let granules = least; granules <= 2 * least; granules++) {
    const bytes = granules * granule;
    const waste = 1 - (blocksOf(bytes, sizeBytes) * sizeBytes) / bytes;
    if (waste < bestWaste) {
      best = granules;
      bestWaste = waste;
    }
    if (waste <= 1 / 16) break;
  }
  return { sizeBytes, granules: best, blocks: blocksOf(best * granule, sizeBytes), magazine: Math.max(1, Math.min(MOST_ROOM, Math.floor(magazineBytes / sizeBytes))) };
}

const blocksOf = (bytes: number, sizeBytes: number): number => Math.min(MOST_BLOCKS, Math.floor(bytes / sizeBytes));

/** Every 8 bytes to 128, then eight steps to each doubling. */
function fineSizes(): number[] {
  const sizes = [];
  for (let size = 8; size < 128; size += 8) sizes.push(size);
  for (let size = 128; size < 1024; size *= 2) {
    for (let step = 0; step < 8; step++) sizes.push(size + (step * size) / 8);
  }
  return [...sizes, 1024];
}
