/** The ways of an object of SLAB: out of the CPU's array, filled again from the shared one, from slabs, from new pages, and back (slab spec 9.3 to 9.5). */
import type { Gfp } from '@kmem/contracts';
import {
  A_AVAIL, A_BATCH, A_ENTRIES, A_LIMIT, A_TOUCHED, CACHED, FREE_LIST, LIVE, N_COLOUR, N_FREE_OBJECTS, N_FREE_SLABS, N_FREE_TOUCHED, N_SLABS, NO_OBJECT, PARTIAL,
  S_ACTIVE, S_COLOUR, SLAB_WORDS, type ClassicState,
} from './classic-state.js';
import { freeOldest, link, placeTaken, removeOldest, unlink } from './node-lists.js';

/** Objects that an array gets which nobody took from lately. */
const UNTOUCHED_BATCH = 16;

/**
 * Takes an object.
 *
 * @param s - the cache.
 * @param cpu - who asks.
 * @param gfp - what may be done to get pages.
 * @returns the object; `NO_OBJECT` without memory.
 * @kernelName ____cache_alloc
 */
export function takeObject(s: ClassicState, cpu: number, gfp: Gfp): number {
  const array = s.arrays[cpu];
  if (s.shared.words[array + A_AVAIL] === 0 && !refill(s, array, gfp)) return NO_OBJECT;
  const { words } = s.shared;
  words[array + A_TOUCHED] = 1;
  const object = words[array + A_ENTRIES + --words[array + A_AVAIL]];
  words[object] = LIVE;
  return object;
}

/**
 * Gives an object back.
 *
 * @param s - the cache.
 * @param cpu - who does.
 * @param object - is in use.
 * @kernelName ___cache_free
 */
export function giveObject(s: ClassicState, cpu: number, object: number): void {
  const array = s.arrays[cpu];
  if (s.shared.words[array + A_AVAIL] >= s.shared.words[array + A_LIMIT]) flush(s, array);
  const { words } = s.shared;
  words[object] = CACHED;
  words[array + A_ENTRIES + words[array + A_AVAIL]++] = object;
}

/** The array is empty: false when it stays so. */
function refill(s: ClassicState, array: number, gfp: Gfp): boolean {
  const { words } = s.shared;
  let batch = words[array + A_BATCH];
  if (words[array + A_TOUCHED] === 0 && batch > UNTOUCHED_BATCH) batch = UNTOUCHED_BATCH;
  if (takeShared(s, array, batch)) return true;
  for (let wanted = batch; wanted > 0 && (wanted < batch || words[s.node + N_FREE_OBJECTS] > 0); ) {
    const slab = firstSlab(s);
    if (slab === 0) break;
    unlink(s, slab);
    const taken = takeFromSlab(s, array, slab, wanted);
    wanted -= taken;
    words[s.node + N_FREE_OBJECTS] -= taken;
    placeTaken(s, slab);
  }
  return words[array + A_AVAIL] > 0 || growFor(s, array, batch, gfp);
}

function takeShared(s: ClassicState, array: number, batch: number): boolean {
  const { words } = s.shared;
  const from = s.sharedArray;
  if (from === 0 || words[from + A_AVAIL] === 0) return false;
  const count = Math.min(words[from + A_AVAIL], batch, words[array + A_LIMIT]);
  const start = words[from + A_AVAIL] - count;
  words.copyWithin(array + A_ENTRIES, from + A_ENTRIES + start, from + A_ENTRIES + start + count);
  words[from + A_AVAIL] = start;
  words[from + A_TOUCHED] = 1;
  words[array + A_AVAIL] = count;
  return true;
}

/** The slab to take from: a partial one, then a free one; 0 for none. */
function firstSlab(s: ClassicState): number {
  const { words } = s.shared;
  const partial = words[s.node + PARTIAL];
  if (partial !== 0) return partial;
  words[s.node + N_FREE_TOUCHED] = 1;
  const free = words[s.node + FREE_LIST];
  if (free !== 0) words[s.node + N_FREE_SLABS]--;
  return free;
}

/** Takes objects by the order of the indices; returns how many. */
function takeFromSlab(s: ClassicState, array: number, slab: number, wanted: number): number {
  const { words } = s.shared;
  const first = slab + SLAB_WORDS + s.num;
  const active = words[slab + S_ACTIVE];
  const count = Math.min(wanted, s.num - active);
  let end = array + A_ENTRIES + words[array + A_AVAIL];
  for (let i = active; i < active + count; i++) {
    const object = first + words[slab + SLAB_WORDS + i];
    words[object] = CACHED;
    words[end++] = object;
  }
  words[slab + S_ACTIVE] = active + count;
  words[array + A_AVAIL] += count;
  return count;
}

/** Makes a slab. What that does to get pages may have filled the array meanwhile; then the slab stays free. */
function growFor(s: ClassicState, array: number, batch: number, gfp: Gfp): boolean {
  const slab = growSlab(s, gfp);
  const { words } = s.shared;
  if (slab === 0) return words[array + A_AVAIL] > 0;
  if (words[array + A_AVAIL] === 0) takeFromSlab(s, array, slab, batch);
  words[s.node + N_SLABS]++;
  words[s.node + N_FREE_OBJECTS] += s.num - words[slab + S_ACTIVE];
  if (words[slab + S_ACTIVE] > 0) {
    placeTaken(s, slab);
    return true;
  }
  link(s, FREE_LIST, slab, true);
  words[s.node + N_FREE_SLABS]++;
  return true;
}

/** A slab on no list, all objects free in ascending order; 0 without memory. */
function growSlab(s: ClassicState, gfp: Gfp): number {
  const slab = s.shared.take(s.slabBits);
  if (slab === 0) return 0;
  let isMade = false;
  try {
    if (s.source.takePages(slab, gfp)) {
      s.shared.words[slab + S_COLOUR] = nextColour(s) * s.colourStep;
      s.source.construct(slab);
      isMade = true;
    }
  } finally {
    // A constructor that throws must not cost a block.
    if (!isMade) s.shared.put(s.slabBits, slab);
  }
  if (!isMade) return 0;
  const { words } = s.shared;
  words[slab + S_ACTIVE] = 0;
  for (let i = 0; i < s.num; i++) words[slab + SLAB_WORDS + i] = i;
  return slab;
}

/** Colours are taken in turn, the second one first. */
function nextColour(s: ClassicState): number {
  const { words } = s.shared;
  const next = words[s.node + N_COLOUR] + 1;
  words[s.node + N_COLOUR] = next >= s.colours ? 0 : next;
  return words[s.node + N_COLOUR];
}

/** The array is full: its oldest objects go to the shared array while there is room, otherwise to their slabs. */
function flush(s: ClassicState, array: number): void {
  const { words } = s.shared;
  const batch = words[array + A_BATCH];
  const to = s.sharedArray;
  const room = to === 0 ? 0 : words[to + A_LIMIT] - words[to + A_AVAIL];
  if (room === 0) {
    freeOldest(s, array, batch);
    return;
  }
  const count = Math.min(batch, room);
  words.copyWithin(to + A_ENTRIES + words[to + A_AVAIL], array + A_ENTRIES, array + A_ENTRIES + count);
  words[to + A_AVAIL] += count;
  removeOldest(s, array, count);
}
