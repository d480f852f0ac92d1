/**
 * The ways that most objects go: off and onto the CPU's own list, and back to another slab that stays where it is.
 *
 * ```
 *  alloc   from the CPU's list, filled again when it is empty; nothing to zero        else the slow way
 *  free    an object of the CPU's slab: onto the CPU's list
 *          an object of another slab of the usual order: onto the slab's list        else the slow way
 * ```
 * Blocks of pages are aligned to their size, so an address alone says where a slab of the usual order begins.
 * Whatever is unusual, or wrong, is left as it was. Caches that are debugged have no fast path.
 */
import { __GFP_ZERO, NULL } from '@kmem/contracts';
import type { Gfp, PhysAddr } from '@kmem/contracts';
import { divideExactly, exactDivisor } from './exact-division.js';
import type { SlabPlan } from './slab-pages.js';
import { refill } from './slub-alloc.js';
import { settle } from './slub-free.js';
import { SLAB_NUMBER_MASK, type SlubMachine } from './slub-machine.js';
import { C_FREE, C_SLAB, CPU_WORDS, LIVE, NO_OBJECT, S_FREE, S_FROZEN, S_INUSE, S_PFN, SLAB_NUMBER_BITS, SLAB_WORDS, type SlubState } from './slub-state.js';

/**
 * Makes the function that takes objects.
 *
 * @param s - the cache.
 * @param machine - who is asking.
 * @param plan - sizes of the cache.
 * @param slowly - does all that can happen.
 * @returns takes one object: its address, or `NULL`.
 */
export function createAlloc(s: SlubState, machine: SlubMachine, plan: SlabPlan, slowly: (gfp: Gfp) => PhysAddr): (gfp: Gfp) => PhysAddr {
  const { bases, indexBits } = s;
  const { cpus } = machine;
  const { size } = plan.geometry;
  const indexMask = (1 << indexBits) - 1;
  const firstCpu = s.cpu(0);

  function refilled(c: number, gfp: Gfp): PhysAddr {
    const object = refill(s, c, gfp);
    return object === NO_OBJECT ? NULL : bases[c] + (object & indexMask) * size;
  }

  return function alloc(gfp) {
    const { links, words } = s;
    const c = firstCpu + cpus.cpu * CPU_WORDS;
    const first = words[c + C_FREE];
    if ((gfp & __GFP_ZERO) !== 0) return slowly(gfp);
    if (first === 0) return refilled(c, gfp);
    const object = (words[c + C_SLAB] << indexBits) + first - 1;
    words[c + C_FREE] = links[object];
    links[object] = LIVE;
    return bases[c] + (first - 1) * size;
  };
}

/**
 * Makes the function that gives objects back.
 *
 * @param s - the cache.
 * @param machine - frame table, and who is asking.
 * @param plan - number and sizes of the cache.
 * @param slowly - does all that can happen.
 * @returns gives one object back.
 */
export function createFree(s: SlubState, machine: SlubMachine, plan: SlabPlan, slowly: (addr: PhysAddr) => void): (addr: PhysAddr) => void {
  const { bases, indexBits } = s;
  const { cpus, frames } = machine;
  const { nrFrames, owner, pageShift } = frames;
  const { order, redLeftPad, size } = plan.geometry;
  const { number } = plan;
  const { inverse, evenBits } = exactDivisor(size);
  const firstCpu = s.cpu(0);
  const firstSlab = s.slab(0);
  const headMask = -(1 << order);
  const offsetMask = (2 ** (order + pageShift) - 1) | 0;

  function freeElsewhere(addr: PhysAddr): void {
    const { links, words } = s;
    const head = (addr >>> pageShift) & headMask;
    if (addr >>> 0 === addr && head < nrFrames) {
      const word = owner[head];
      const slab = word & SLAB_NUMBER_MASK;
      const at = firstSlab + slab * SLAB_WORDS;
      const index = divideExactly((addr & offsetMask) - redLeftPad, inverse, evenBits);
      // That the slab says it begins there makes sure that the word does not mean something else.
      if (word >>> SLAB_NUMBER_BITS === number && index >>> indexBits === 0 && at + S_PFN < words.length && words[at + S_PFN] === head) {
        const object = (slab << indexBits) | index;
        if (links[object] === LIVE) {
          const prior = words[at + S_FREE];
          const inuse = words[at + S_INUSE] - 1;
          links[object] = prior;
          words[at + S_FREE] = index + 1;
          words[at + S_INUSE] = inuse;
          if (words[at + S_FROZEN] === 0 && (prior === 0 || inuse === 0)) settle(s, firstCpu + cpus.cpu * CPU_WORDS, slab, prior !== 0);
          return;
        }
      }
    }
    slowly(addr);
  }

  return function free(addr) {
    const { links, words } = s;
    const c = firstCpu + cpus.cpu * CPU_WORDS;
    const offset = addr - bases[c];
    const index = divideExactly(offset, inverse, evenBits);
    if (index >>> indexBits === 0 && (offset | 0) === offset) {
      const object = (words[c + C_SLAB] << indexBits) | index;
      if (links[object] === LIVE) {
        links[object] = words[c + C_FREE];
        words[c + C_FREE] = index + 1;
        return;
      }
    }
    freeElsewhere(addr);
  };
}
