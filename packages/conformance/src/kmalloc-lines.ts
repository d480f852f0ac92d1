/** What a line of the table of kmalloc is, and how its arguments are read. */
import {
  __GFP_ACCOUNT,
  __GFP_DMA,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  __GFP_RETRY_MAYFAIL,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA32,
  GFP_KERNEL,
  GFP_NOIO,
  GFP_NOWAIT,
  type Gfp,
} from '@kmem/contracts';
import type { KmallocUnderTest } from './implementations.js';
import type { JsonLine, JsonObject } from './json-line.js';

/** What a line came to: its outputs, or why they are not decided. */
export type Outcome = { readonly outputs: Readonly<Record<string, unknown>> } | { readonly undecided: string };

/** A kind of line. */
export interface LineKind {
  /** Members that are arguments, the one that names the kind first. */
  readonly inputs: readonly string[];
  /** Members that come out. Which of them a line has, the outcome decides. */
  readonly outputs: readonly string[];
  /** True when it is asked of {@link KmallocUnderTest.kv}. */
  readonly needsVmalloc?: true;
  /** Does what the line says. */
  readonly run: (k: KmallocUnderTest, row: JsonObject, line: JsonLine) => Outcome;
}

/** Factors of arrays that the recording writes as words. */
const WORDS: Readonly<Record<string, number>> = { SIZE_MAX: 2 ** 64, 'SIZE_MAX/2': 2 ** 63, 'SIZE_MAX/4': 2 ** 62, '1<<40': 2 ** 40, '1<<30': 2 ** 30 };

const FLAGS: Readonly<Record<string, Gfp>> = {
  GFP_KERNEL,
  GFP_ATOMIC,
  GFP_NOIO,
  GFP_NOWAIT,
  GFP_DMA32,
  GFP_KERNEL_ACCOUNT: GFP_KERNEL | __GFP_ACCOUNT,
  __GFP_RECLAIMABLE,
  __GFP_DMA,
  __GFP_ZERO,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
};

/**
 * Reads flags.
 *
 * @param text - names, with `|` between.
 * @returns the flags; null when a name is none.
 */
export function parseFlags(text: string): Gfp | null {
  const names = text.split('|');
  return names.every((name) => name in FLAGS) ? names.reduce((sum, name) => sum | FLAGS[name], 0) : null;
}

/**
 * Reads the flags of a request.
 *
 * @param line - the line.
 * @param row - its members, `flags` among them.
 * @returns the flags.
 * @throws RecordingError for a name that is none.
 */
export function readFlags(line: JsonLine, row: JsonObject): Gfp {
  return parseFlags(line.string(row['flags'], ['flags'])) ?? line.fail(['flags'], `flags out of ${Object.keys(FLAGS).join(' ')}`);
}

/**
 * Reads the size of an array: how many elements, and how large one is.
 *
 * @param line - the line.
 * @param row - its members.
 * @param name - the member with the two factors.
 * @returns both.
 * @throws RecordingError for a factor that is neither a number nor a known word.
 */
export function readFactors(line: JsonLine, row: JsonObject, name: string): readonly number[] {
  return line.array(row[name], [name]).map((value, i) => {
    if (typeof value === 'string' && value in WORDS) return WORDS[value];
    return line.integer(value, [name, i]);
  });
}

/**
 * Computes the alignment of an address.
 *
 * @param addr - an address, of either sign; not 0.
 * @returns log2 of the largest power of two that divides it.
 */
export function trailingZeros(addr: number): number {
  let bits = 0;
  while (addr % 2 ** (bits + 1) === 0) bits++;
  return bits;
}
