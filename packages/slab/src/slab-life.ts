/** How a slab begins and ends: fresh with its objects in ascending order (slab spec 5.1), given back when empty. */
import type { Gfp } from '@kmem/contracts';
import { N_OBJECTS, N_SLABS, S_FREE, S_FROZEN, S_INUSE, S_OBJECTS, type SlubState } from './slub-state.js';

/**
 * Makes a slab. What it does to get pages may allocate from this cache and free to it.
 *
 * @param s - the cache.
 * @param gfp - what may be done to get pages.
 * @returns a slab on no list, all objects free; 0 when there is no memory.
 */
export function growSlab(s: SlubState, gfp: Gfp): number {
  const slab = s.takeNumber();
  if (slab === 0) return 0;
  let objects = 0;
  try {
    objects = s.source.grow(s, slab, gfp);
  } finally {
    // A constructor that throws must not cost a number.
    if (objects === 0) s.putNumber(slab);
  }
  if (objects === 0) return 0;
  const { links, words } = s;
  const base = slab << s.indexBits;
  for (let i = 0; i < objects; i++) links[base + i] = i + 2;
  links[base + objects - 1] = 0;
  if (s.writer !== null) for (let i = 0; i < objects; i++) s.writer.link(base + i);
  const at = s.slab(slab);
  words[at + S_FREE] = 1;
  words[at + S_INUSE] = 0;
  words[at + S_FROZEN] = 0;
  words[at + S_OBJECTS] = objects;
  words[N_SLABS]++;
  words[N_OBJECTS] += objects;
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
  s.words[N_SLABS]--;
  s.words[N_OBJECTS] -= s.words[s.slab(slab) + S_OBJECTS];
  s.source.release(s, slab);
}
