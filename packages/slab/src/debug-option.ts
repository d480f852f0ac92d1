/**
 * The boot option slub_debug: which caches are debugged, and how (slab spec 8.1).
 *
 * ```
 *  option   block [; block]...
 *  block    letters [, name]...       without a name: all caches that no block names
 *  letters  F checks   Z red zones   P poison   U users   T trace   A can be made to fail   - nothing   none: FZPU
 *           O, in any block: a cache whose smallest slab grows through Z, P, U goes without them
 *  name     of a cache, or its beginning and *
 * ```
 */
import {
  SLAB_CONSISTENCY_CHECKS, SLAB_FAILSLAB, SLAB_NO_USER_FLAGS, SLAB_NOLEAKTRACE, SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER, SLAB_TRACE,
} from '@kmem/contracts';

const LETTERS: Readonly<Record<string, number>> = {
  F: SLAB_CONSISTENCY_CHECKS,
  Z: SLAB_RED_ZONE,
  P: SLAB_POISON,
  U: SLAB_STORE_USER,
  T: SLAB_TRACE,
  A: SLAB_FAILSLAB,
  O: 0,
  '-': 0,
};
const DEFAULT_LETTERS = 'FZPU';

/** The option, read. */
export interface DebugOption {
  /** Computes the flags of a cache out of its name and the flags asked for. */
  readonly flagsOf: (name: string, flags: number) => number;
  /** Whether slabs must not grow for the sake of debugging. */
  readonly keepsOrder: boolean;
}

interface Block {
  readonly flags: number;
  readonly names: readonly string[];
}

/**
 * Reads the option.
 *
 * @param text - what stands behind `slub_debug=`, or null for no option.
 * @returns the option.
 * @throws RangeError for a letter that is none of them, TypeError for what is no text.
 */
export function readDebugOption(text: string | null): DebugOption {
  if (text !== null && typeof text !== 'string') throw new TypeError(`debug: expected a string, got ${typeof text}`);
  const blocks = text === null ? [] : text.split(';').map(readBlock);
  const forAll = blocks.findLast(({ names }) => names.length === 0)?.flags ?? 0;

  function flagsOf(name: string, flags: number): number {
    if ((flags & SLAB_NO_USER_FLAGS) !== 0) return flags;
    const named = blocks.find(({ names }) => names.some((pattern) => matches(pattern, name)));
    if (named !== undefined) return flags | named.flags;
    // The leak checker allocates while it follows allocations.
    return flags | ((flags & SLAB_NOLEAKTRACE) !== 0 ? forAll & ~SLAB_STORE_USER : forAll);
  }

  return { flagsOf, keepsOrder: blocks.some(({ keepsOrder }) => keepsOrder) };
}

function readBlock(text: string): Block & { readonly keepsOrder: boolean } {
  const [letters, ...names] = text.split(',');
  let flags = 0;
  for (const letter of (letters === '' ? DEFAULT_LETTERS : letters).toUpperCase()) {
    if (!(letter in LETTERS)) throw new RangeError(`debug: expected letters out of ${Object.keys(LETTERS).join(' ')}, got ${letter} in "${text}"`);
    flags = letter === '-' ? 0 : flags | LETTERS[letter];
  }
  return { flags, names, keepsOrder: letters.toUpperCase().includes('O') };
}

function matches(pattern: string, name: string): boolean {
  const star = pattern.indexOf('*');
  return star < 0 ? pattern === name : name.startsWith(pattern.slice(0, star));
}
