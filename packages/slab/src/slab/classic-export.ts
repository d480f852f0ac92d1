/** Writes the lists of a SLAB cache down as data. */
import type { SlabArrayState } from '@kmem/contracts';
import {
  A_AVAIL, A_BATCH, A_ENTRIES, A_LIMIT, A_TOUCHED, FREE_LIST, FULL, N_COLOUR, N_FREE_OBJECTS, N_FREE_SLABS, N_SLABS, PARTIAL, S_ACTIVE, S_COLOUR, S_PFN, SLAB_WORDS,
  slabOf, slabsOn, type ClassicState,
} from './classic-state.js';

/**
 * Writes the state down.
 *
 * @param s - the cache.
 * @param size - bytes from one object to the next.
 * @param cpu - whose array.
 * @returns a copy.
 */
export function exportClassicState(s: ClassicState, size: number, cpu: number): SlabArrayState {
  const { words } = s.shared;
  const array = s.arrays[cpu];
  const entries = Array.from(words.subarray(array + A_ENTRIES, array + A_ENTRIES + words[array + A_AVAIL]), (object): [number, number] => {
    const slab = slabOf(s, object);
    return [words[slab + S_PFN], words[slab + S_COLOUR] + (object - slab - SLAB_WORDS - s.num) * size];
  });
  const [partial, full, free] = [PARTIAL, FULL, FREE_LIST].map((list) =>
    slabsOn(s, list).map((slab): [number, number, number] => [words[slab + S_PFN], words[slab + S_ACTIVE], words[slab + S_COLOUR]]),
  );
  return {
    cpu: { avail: entries.length, limit: words[array + A_LIMIT], batchcount: words[array + A_BATCH], touched: words[array + A_TOUCHED], entries },
    free_objects: words[s.node + N_FREE_OBJECTS],
    free_limit: s.freeLimit,
    total_slabs: words[s.node + N_SLABS],
    free_slabs: words[s.node + N_FREE_SLABS],
    colour_next: words[s.node + N_COLOUR],
    partial,
    full,
    free,
  };
}
