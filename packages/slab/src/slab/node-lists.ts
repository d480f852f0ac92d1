/** The three lists of a node, and how objects come back to their slabs (slab spec 9.5). */
import {
  A_AVAIL, A_ENTRIES, FREE, FREE_LIST, FULL, N_FREE_OBJECTS, N_FREE_SLABS, N_SLABS, PARTIAL, S_ACTIVE, S_LIST, S_NEXT, S_PREV, SLAB_WORDS, slabOf,
  type ClassicState,
} from './classic-state.js';

/**
 * Puts a slab on a list.
 *
 * @param s - the cache.
 * @param list - which.
 * @param slab - is on no list.
 * @param toTail - at the end, otherwise at the front.
 */
export function link(s: ClassicState, list: number, slab: number, toTail: boolean): void {
  const { words } = s.shared;
  const ends = s.node + list;
  const near = words[ends + (toTail ? 1 : 0)];
  words[slab + S_LIST] = list;
  words[slab + S_NEXT] = toTail ? 0 : near;
  words[slab + S_PREV] = toTail ? near : 0;
  if (near === 0) {
    words[ends] = slab;
    words[ends + 1] = slab;
  } else if (toTail) {
    words[near + S_NEXT] = slab;
    words[ends + 1] = slab;
  } else {
    words[near + S_PREV] = slab;
    words[ends] = slab;
  }
}

/**
 * Takes a slab off its list.
 *
 * @param s - the cache.
 * @param slab - is on a list.
 */
export function unlink(s: ClassicState, slab: number): void {
  const { words } = s.shared;
  const ends = s.node + words[slab + S_LIST];
  const next = words[slab + S_NEXT];
  const prev = words[slab + S_PREV];
  if (prev === 0) words[ends] = next;
  else words[prev + S_NEXT] = next;
  if (next === 0) words[ends + 1] = prev;
  else words[next + S_PREV] = prev;
}

/**
 * Puts a slab where its number of objects says, after objects were taken from it.
 *
 * @param s - the cache.
 * @param slab - is on no list.
 * @kernelName fixup_slab_list
 */
export function placeTaken(s: ClassicState, slab: number): void {
  link(s, s.shared.words[slab + S_ACTIVE] === s.num ? FULL : PARTIAL, slab, false);
}

/**
 * Gives the oldest objects of an array back to their slabs, and slabs that are free beyond the limit to the page allocator.
 *
 * @param s - the cache.
 * @param array - position of the array.
 * @param count - how many, at most those that are in it.
 * @kernelName free_block
 */
export function freeOldest(s: ClassicState, array: number, count: number): void {
  const { words } = s.shared;
  words[s.node + N_FREE_OBJECTS] += count;
  for (let i = 0; i < count; i++) giveToSlab(s, words[array + A_ENTRIES + i]);
  let spare = 0;
  while (words[s.node + N_FREE_OBJECTS] > s.freeLimit && words[s.node + FREE_LIST + 1] !== 0) {
    const slab = takeLastFree(s);
    words[slab + S_NEXT] = spare;
    spare = slab;
  }
  removeOldest(s, array, count);
  // The one found last goes first.
  while (spare !== 0) {
    const next = s.shared.words[spare + S_NEXT];
    s.source.release(spare);
    spare = next;
  }
}

/**
 * Takes the oldest entries out of an array.
 *
 * @param s - the cache.
 * @param array - position of the array.
 * @param count - how many.
 */
export function removeOldest(s: ClassicState, array: number, count: number): void {
  const { words } = s.shared;
  const avail = words[array + A_AVAIL];
  words.copyWithin(array + A_ENTRIES, array + A_ENTRIES + count, array + A_ENTRIES + avail);
  words[array + A_AVAIL] = avail - count;
}

/**
 * Gives free slabs back, the last of the list first.
 *
 * @param s - the cache.
 * @param most - how many at most.
 * @kernelName drain_freelist
 */
export function drainFree(s: ClassicState, most: number): void {
  for (let i = 0; i < most && s.shared.words[s.node + FREE_LIST + 1] !== 0; i++) s.source.release(takeLastFree(s));
}

/** Takes the last slab off the free list: it counts no more. */
function takeLastFree(s: ClassicState): number {
  const { words } = s.shared;
  const slab = words[s.node + FREE_LIST + 1];
  unlink(s, slab);
  words[s.node + N_FREE_OBJECTS] -= s.num;
  words[s.node + N_FREE_SLABS]--;
  words[s.node + N_SLABS]--;
  return slab;
}

function giveToSlab(s: ClassicState, object: number): void {
  const { words } = s.shared;
  const slab = slabOf(s, object);
  unlink(s, slab);
  const active = --words[slab + S_ACTIVE];
  words[slab + SLAB_WORDS + active] = object - slab - SLAB_WORDS - s.num;
  words[object] = FREE;
  if (active === 0) {
    link(s, FREE_LIST, slab, false);
    words[s.node + N_FREE_SLABS]++;
  } else {
    link(s, PARTIAL, slab, true);
  }
}
