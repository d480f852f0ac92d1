/** How a slab begins and ends: fresh with its objects in ascending order (slab spec 5.1), given back when empty. */
import type { Gfp } from '@kmem/contracts';
import { N_OBJECTS, N_SLABS, S_FREE, S_FROZEN, S_INUSE, S_OBJECTS, SLAB_WORDS, type SlubState } from './slub-state.js';

/**
 * Makes a slab. What it does to get pages may allocate from this cache and free to it.
 *
 * @param s - the cache.
 * @param gfp - what may be done to get pages.
 * @returns a slab on no list, all objects free; 0 when there is no memory.
 */
export function growSlab(s: SlubState, gfp: Gfp): number {
  const slab = s.takeBlock();
  if (slab === 0) return 0;
  let objects = 0;
  try {
    objects = s.source.grow(s, slab, gfp);
  } finally {
    // A constructor that throws must not cost a block.
    if (objects === 0) s.putBlock(slab);
  }
  if (objects === 0) return 0;
  const { words } = s;
  const first = slab + SLAB_WORDS;
  const end = first + objects;
  for (let object = first; object < end; object++) words[object] = object + 1;
  words[end - 1] = 0;
  if (s.writer !== null) for (let object = first; object < end; object++) s.writer.link(object);
  words[slab + S_FREE] = first;
  words[slab + S_INUSE] = 0;
  words[slab + S_FROZEN] = 0;
  words[slab + S_OBJECTS] = objects;
  words[s.node + N_SLABS]++;
  words[s.node + N_OBJECTS] += objects;
  return slab;
}

/**
 * Gives a slab back.
 *
 * @param s - the cache.
 * @param slab - is empty and on no list.
 * @kernelName discard_slab
 */
export function releaseSlab(s: SlubState, slab: number): void {
  s.words[s.node + N_SLABS]--;
  s.words[s.node + N_OBJECTS] -= s.words[slab + S_OBJECTS];
  s.source.release(s, slab);
}
