/** The invariants of classic-state.ts, checked one by one. */
import { KernelBug } from '@kmem/contracts';
import {
  A_AVAIL, A_ENTRIES, A_LIMIT, CACHED, FREE, FREE_LIST, FULL, N_FREE_OBJECTS, N_FREE_SLABS, N_SLABS, PARTIAL, S_ACTIVE, S_LIST, SLAB_WORDS, slabsOn, type ClassicState,
} from './classic-state.js';

/**
 * Checks every invariant of a cache.
 *
 * @param s - the cache.
 * @param name - its name, for the report.
 * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
 */
export function assertClassicValid(s: ClassicState, name: string): void {
  const { words } = s.shared;
  const equal = (equation: string, found: number, expected: number): void => {
    if (found === expected) return;
    throw new KernelBug('CORRUPT_STATE', `cache ${name}: ${equation}: ${String(found)}, ${String(expected)}`, { cache: name, found, expected });
  };
  const lists = [PARTIAL, FULL, FREE_LIST].map((list) => slabsOn(s, list));
  const slabs = lists.flat();
  equal('N_SLABS = slabs on the three lists', words[s.node + N_SLABS], slabs.length);
  equal('N_FREE_SLABS = slabs on the free list', words[s.node + N_FREE_SLABS], lists[2].length);
  let free = 0;
  let cached = 0;
  for (const slab of slabs) {
    const active = words[slab + S_ACTIVE];
    const states = words.subarray(slab + SLAB_WORDS + s.num, slab + SLAB_WORDS + 2 * s.num);
    const indices = new Set(words.subarray(slab + SLAB_WORDS + active, slab + SLAB_WORDS + s.num));
    const list = active === 0 ? FREE_LIST : active === s.num ? FULL : PARTIAL;
    equal('a slab is on the list of its ACTIVE', words[slab + S_LIST], list);
    equal('ACTIVE = objects whose state is not FREE', active, states.filter((state) => state !== FREE).length);
    equal('indices from ACTIVE on name the free objects', indices.size, s.num - active);
    for (const index of indices) equal('as above', states[index], FREE);
    free += s.num - active;
    cached += states.filter((state) => state === CACHED).length;
  }
  equal('N_FREE_OBJECTS = sum of num - ACTIVE', words[s.node + N_FREE_OBJECTS], free);
  const seen = new Set<number>();
  let entries = 0;
  for (const array of s.sharedArray === 0 ? s.arrays : [...s.arrays, s.sharedArray]) {
    const avail = words[array + A_AVAIL];
    if (avail > words[array + A_LIMIT]) equal('avail <= limit', avail, words[array + A_LIMIT]);
    entries += avail;
    for (const object of words.subarray(array + A_ENTRIES, array + A_ENTRIES + avail)) {
      seen.add(object);
      equal('entries of arrays are CACHED', words[object], CACHED);
    }
  }
  equal('each entry stands there once', seen.size, entries);
  equal('the entries of all arrays are the objects whose state is CACHED', entries, cached);
}
