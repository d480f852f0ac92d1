/**
 * Taking an object (slab spec 5): from the CPU's own list, else from its slab, its stack, the node list, new pages.
 */
import type { CpuId, Gfp } from '@kmem/contracts';
import { deactivateSlab, setCpuSlab, stackSlab } from './cpu-slabs.js';
import { growSlab } from './slab-life.js';
import { linkFull, linkPartial, unlinkPartial } from './slab-list.js';
import {
  C_FREE, C_PARTIAL, C_SLAB, LIVE, N_HEAD, NO_OBJECT, S_FREE, S_FROZEN, S_INUSE, S_NEXT, S_OBJECTS,
  type SlubState,
} from './slub-state.js';

/**
 * Takes an object.
 *
 * @param s - the cache.
 * @param cpu - on which CPU.
 * @param gfp - what may be done to get pages.
 * @returns its number, or `NO_OBJECT`.
 */
export function takeObject(s: SlubState, cpu: CpuId, gfp: Gfp): number {
  if (s.limits.isDebug) return allocFromNode(s, gfp);
  const { words } = s;
  const c = s.cpu(cpu);
  const object = words[c + C_FREE];
  if (object === 0) return refill(s, c, gfp);
  words[c + C_FREE] = words[object];
  words[object] = LIVE;
  return object;
}

/**
 * Takes an object when the CPU's own list is empty: steps A2 to A6.
 *
 * @param s - the cache; not a debugged one.
 * @param c - words of the CPU.
 * @param gfp - what may be done to get pages.
 * @returns its number, or `NO_OBJECT`.
 */
export function refill(s: SlubState, c: number, gfp: Gfp): number {
  const { words } = s;
  const mine = words[c + C_SLAB];
  if (mine !== 0) {
    // Others may have freed objects of the slab meanwhile.
    if (words[mine + S_FREE] !== 0) return useCpuSlab(s, c);
    words[mine + S_FROZEN] = 0;
    setCpuSlab(s, c, 0);
  }
  const top = words[c + C_PARTIAL];
  if (top !== 0) {
    words[c + C_PARTIAL] = words[top + S_NEXT];
    setCpuSlab(s, c, top);
    return useCpuSlab(s, c);
  }
  const slab = takePartial(s, c) || growForCpu(s, c, gfp);
  if (slab === 0) return NO_OBJECT;
  setCpuSlab(s, c, slab);
  return useCpuSlab(s, c);
}

/** Hands the CPU slab's whole list to the CPU and takes its first object. */
function useCpuSlab(s: SlubState, c: number): number {
  const { words } = s;
  const slab = words[c + C_SLAB];
  const object = words[slab + S_FREE];
  words[slab + S_FREE] = 0;
  words[slab + S_INUSE] = words[slab + S_OBJECTS];
  words[c + C_FREE] = words[object];
  words[object] = LIVE;
  return object;
}

/** Takes the first slab of the node list, and moves some more to the CPU's stack. 0: the list is empty. */
function takePartial(s: SlubState, c: number): number {
  const { words } = s;
  const first = words[s.node + N_HEAD];
  if (first === 0) return 0;
  unlinkPartial(s, first);
  words[first + S_FROZEN] = 1;
  const enough = s.limits.cpuPartialSlabs >> 1;
  for (let moved = 0; moved <= enough && words[s.node + N_HEAD] !== 0; moved++) {
    const slab = words[s.node + N_HEAD];
    unlinkPartial(s, slab);
    words[slab + S_FROZEN] = 1;
    stackSlab(s, c, slab, false);
  }
  return first;
}

function growForCpu(s: SlubState, c: number, gfp: Gfp): number {
  const slab = growSlab(s, gfp);
  if (slab === 0) return 0;
  s.words[slab + S_FROZEN] = 1;
  // Getting pages may have made others use this cache on this CPU.
  if (s.words[c + C_SLAB] !== 0) deactivateSlab(s, c);
  return slab;
}

/** A debugged cache: one object from the first slab of the node list (slab spec 8.3). */
function allocFromNode(s: SlubState, gfp: Gfp): number {
  let slab: number;
  let object: number;
  do {
    slab = s.words[s.node + N_HEAD];
    if (slab === 0) {
      slab = growSlab(s, gfp);
      if (slab === 0) return NO_OBJECT;
      linkPartial(s, slab, false);
    }
    object = s.words[slab + S_FREE];
    // A slab with damage is on no list any more: on to the next one.
  } while (s.checks !== null && !s.checks.mayTake(slab, object));
  const { words } = s;
  words[slab + S_FREE] = words[object];
  words[object] = LIVE;
  words[slab + S_INUSE]++;
  s.writer?.take(object);
  if (words[slab + S_INUSE] === words[slab + S_OBJECTS]) {
    unlinkPartial(s, slab);
    linkFull(s, slab);
  }
  return object;
}
