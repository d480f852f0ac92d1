/**
 * The words of all caches of one allocator, in one array: whichever cache an object is of, its way leads through the same
 * memory, and the compiler knows which.
 *
 * ```
 *  words:  | nobody | block | block | ...        a block has 2 ** bits words and begins at a multiple of that
 * ```
 * Blocks are handed out from the array's front and never join; one that came back serves the next request of its size.
 */

/**
 * Words to begin with: as many for a frame as the kernel has in its table of pages, up to 4 MiB. The system gives memory for
 * what is touched, and as long as the array was never replaced the compiler takes it for a constant.
 */
const FIRST_WORDS_PER_FRAME = 16;
const MOST_FIRST_WORDS = 2 ** 20;
/** The largest position is a small integer. */
const MOST_WORDS = 2 ** 30;
/** Words before the first block: position 0 is nobody's. */
const NOBODY = 16;

/** The array and its blocks. */
export interface WordBlocks {
  /** All words. Replaced when blocks are added that do not fit. */
  words: Int32Array;
  /** Takes a block of 2 ** bits words, all of them 0: position of the first one, or 0 when there is no room. */
  readonly take: (bits: number) => number;
  /** Takes a block back, bits as it was taken. */
  readonly put: (bits: number, start: number) => void;
}

/**
 * Makes the array.
 *
 * @param nrFrames - frames of the machine.
 * @returns the array without blocks.
 */
export function createWordBlocks(nrFrames: number): WordBlocks {
  /** By bits: a block that came back; its first word leads to the next one. */
  const spares = new Int32Array(32);
  let end = NOBODY;
  const shared: WordBlocks = { words: new Int32Array(Math.min(FIRST_WORDS_PER_FRAME * nrFrames + NOBODY, MOST_FIRST_WORDS)), take, put };

  function take(bits: number): number {
    const size = 2 ** bits;
    const spare = spares[bits];
    if (spare !== 0) {
      spares[bits] = shared.words[spare];
      shared.words.fill(0, spare, spare + size);
      return spare;
    }
    const start = Math.ceil(end / size) * size;
    if (start + size > MOST_WORDS) return 0;
    if (start + size > shared.words.length) enlarge(start + size);
    end = start + size;
    return start;
  }

  function put(bits: number, start: number): void {
    shared.words[start] = spares[bits];
    spares[bits] = start;
  }

  function enlarge(needed: number): void {
    const words = new Int32Array(2 ** Math.ceil(Math.log2(needed)));
    words.set(shared.words);
    shared.words = words;
  }

  return shared;
}
