/**
 * The ways that most objects go: off and onto the CPU's own list, and back to another slab that stays where it is.
 *
 * ```
 *  alloc   from the CPU's list, filled again when it is empty
 *  free    an object of the CPU's slab: onto the CPU's list
 *          an object of another slab: onto the slab's list        else the slow way
 * ```
 * Blocks of pages are aligned to their size, so an address alone says where in a slab of the usual order it lies. Whatever is
 * unusual, or wrong, is left as it was. Caches whose bytes are watched, debugged ones among them, have no fast path.
 *
 * Both functions are made once for all caches, around the words that these share. What differs comes with the cache, so that a
 * call that always has the same one is compiled for it.
 */
import { NULL } from '@kmem/contracts';
import type { Gfp, PhysAddr } from '@kmem/contracts';
import { divideExactly, exactDivisor } from './exact-division.js';
import { refill } from './slub-alloc.js';
import { settle } from './slub-free.js';
import type { SlubCachePlan } from './slub-cache.js';
import type { SlubMachine } from './slub-machine.js';
import {
  C_FREE, C_PFN, C_SLAB, CPU_WORDS, LIVE, NO_OBJECT, S_FREE, S_FROZEN, S_INUSE, S_OBJECTS, SLAB_WORDS, type SlubState,
} from './slub-state.js';

/**
 * What the fast path knows of a cache, in a plain object: the compiler puts the values of fields that never change into the
 * code. Fields that a constructor sets count as changed.
 */
export interface FastCache {
  /** The words. */
  readonly state: SlubState;
  /** Position of the words of CPU 0. */
  readonly firstCpu: number;
  /** Objects in a slab of the usual order. */
  readonly objects: number;
  /** Bytes from one object to the next. */
  readonly size: number;
  /** What divides by that size (exact-division.ts). */
  readonly inverse: number;
  /** The other part of it. */
  readonly evenBits: number;
  /** Bits of an address that say where in a slab of the usual order it lies. */
  readonly offsetMask: number;
}

/** Both ways. */
export interface FastPath {
  /** Takes an object that need not be zeroed: its address, or `NULL`. */
  readonly alloc: (cache: FastCache, gfp: Gfp) => PhysAddr;
  /** Gives an object back whose frame leads to that slab of the cache; false when it must be done slowly. */
  readonly free: (cache: FastCache, addr: PhysAddr, slab: number) => boolean;
}

/**
 * Collects what the fast path must know.
 *
 * @param state - the words.
 * @param plan - geometry.
 * @returns the numbers.
 */
export function fastCache(state: SlubState, { geometry, limits }: Pick<SlubCachePlan, 'geometry' | 'limits'>): FastCache {
  const { objects, order, size } = geometry;
  const { inverse, evenBits } = exactDivisor(size);
  // A number that comes out of a division or a power may be kept as a double, and so would all that is computed from it.
  return {
    state,
    firstCpu: state.firstCpu | 0,
    objects: objects | 0,
    size: size | 0,
    inverse: inverse | 0,
    evenBits: evenBits | 0,
    offsetMask: (limits.pageSize * 2 ** order - 1) | 0,
  };
}

/**
 * Makes the functions.
 *
 * @param machine - the words, and who is asking.
 * @returns both ways, for every cache of the machine.
 */
export function createFastPath({ cpus, frames, shared }: Pick<SlubMachine, 'cpus' | 'frames' | 'shared'>): FastPath {
  const pageSize = 1 << frames.pageShift;

  function alloc(cache: FastCache, gfp: Gfp): PhysAddr {
    const { words } = shared;
    const c = cache.firstCpu + cpus.cpu * CPU_WORDS;
    const object = words[c + C_FREE];
    if (object === 0) return allocFromElsewhere(cache, c, gfp);
    words[c + C_FREE] = words[object];
    words[object] = LIVE;
    return words[c + C_PFN] * pageSize + (object - words[c + C_SLAB] - SLAB_WORDS) * cache.size;
  }

  function allocFromElsewhere(cache: FastCache, c: number, gfp: Gfp): PhysAddr {
    const object = refill(cache.state, c, gfp);
    if (object === NO_OBJECT) return NULL;
    const { words } = shared;
    return words[c + C_PFN] * pageSize + (object - words[c + C_SLAB] - SLAB_WORDS) * cache.size;
  }

  function free(cache: FastCache, addr: PhysAddr, slab: number): boolean {
    const { words } = shared;
    const index = divideExactly(addr & cache.offsetMask, cache.inverse, cache.evenBits);
    // A slab of fewer objects than usual is a smaller block.
    if (index >>> 0 >= cache.objects || words[slab + S_OBJECTS] !== cache.objects) return false;
    const object = slab + SLAB_WORDS + index;
    if (words[object] !== LIVE) return false;
    const c = cache.firstCpu + cpus.cpu * CPU_WORDS;
    if (slab === words[c + C_SLAB]) {
      words[object] = words[c + C_FREE];
      words[c + C_FREE] = object;
      return true;
    }
    const prior = words[slab + S_FREE];
    words[object] = prior;
    words[slab + S_FREE] = object;
    const inuse = --words[slab + S_INUSE];
    if ((prior === 0 || inuse === 0) && words[slab + S_FROZEN] === 0) settle(cache.state, c, slab, prior !== 0);
    return true;
  }

  return { alloc, free };
}
