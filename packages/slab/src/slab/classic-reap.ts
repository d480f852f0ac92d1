/** How CPUs lose what they keep: by reaping, by shrinking, by other tunables (slab spec 9.2, 9.6). */
import { A_AVAIL, A_BATCH, A_ENTRIES, A_LIMIT, A_TOUCHED, N_FREE_TOUCHED, type ClassicState } from './classic-state.js';
import type { ClassicTunables } from './classic-tunables.js';
import { drainFree, freeOldest } from './node-lists.js';

/** Of an array that nobody took from, and of the free slabs beyond the limit, one part in so many goes at a time. */
const PORTION = 5;

/**
 * Gives back all objects that CPUs keep, CPU after CPU, then those they share.
 *
 * @param s - the cache.
 * @kernelName drain_cpu_caches
 */
export function drainAll(s: ClassicState): void {
  for (const array of allArrays(s)) freeOldest(s, array, s.shared.words[array + A_AVAIL]);
}

/**
 * Takes some of the oldest objects out of a CPU's array, unless something was taken from it since last time.
 *
 * @param s - the cache.
 * @param cpu - the CPU.
 */
export function reapCpu(s: ClassicState, cpu: number): void {
  reapArray(s, s.arrays[cpu]);
}

/**
 * Does the same with the shared array, and gives some free slabs back, unless one was taken since last time.
 *
 * @param s - the cache.
 */
export function reapNode(s: ClassicState): void {
  const { words } = s.shared;
  if (s.sharedArray !== 0) reapArray(s, s.sharedArray);
  if (words[s.node + N_FREE_TOUCHED] !== 0) words[s.node + N_FREE_TOUCHED] = 0;
  else drainFree(s, Math.ceil(s.freeLimit / (PORTION * s.num)));
}

/**
 * Gives a cache other tunables: all arrays are emptied into their slabs and made anew.
 *
 * @param s - the cache.
 * @param tunables - integers that can be.
 */
export function retune(s: ClassicState, tunables: ClassicTunables): void {
  const { batchcount, limit, sharedfactor } = tunables;
  const old = allArrays(s);
  const bits = s.tunables;
  s.freeLimit = (1 + s.nrCpus) * batchcount + s.num;
  drainAll(s);
  for (const array of old) s.shared.put(bitsFor(array === s.sharedArray ? bits.sharedfactor * bits.batchcount : bits.limit), array);
  s.tunables = tunables;
  s.arrays.length = 0;
  for (let cpu = 0; cpu < s.nrCpus; cpu++) s.arrays.push(makeArray(s, limit));
  s.sharedArray = sharedfactor === 0 ? 0 : makeArray(s, sharedfactor * batchcount);
}

/** The array is not touched: a fifth of its limit goes, half of what is in it where that is less. */
function reapArray(s: ClassicState, array: number): void {
  const { words } = s.shared;
  const avail = words[array + A_AVAIL];
  if (avail === 0) return;
  if (words[array + A_TOUCHED] !== 0) {
    words[array + A_TOUCHED] = 0;
    return;
  }
  const portion = Math.floor((words[array + A_LIMIT] + PORTION - 1) / PORTION);
  freeOldest(s, array, portion > avail ? Math.floor((avail + 1) / 2) : portion);
}

function makeArray(s: ClassicState, limit: number): number {
  const array = s.shared.take(bitsFor(limit));
  s.shared.words[array + A_LIMIT] = limit;
  s.shared.words[array + A_BATCH] = s.tunables.batchcount;
  return array;
}

function allArrays(s: ClassicState): number[] {
  return s.sharedArray === 0 ? [...s.arrays] : [...s.arrays, s.sharedArray];
}

function bitsFor(limit: number): number {
  return Math.ceil(Math.log2(A_ENTRIES + limit));
}
