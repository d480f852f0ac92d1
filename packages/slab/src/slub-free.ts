/**
 * Giving objects back (slab spec 6 and 7.2): to the CPU's own list where the slab is the CPU's, else to the slab's.
 */
import type { CpuId } from '@kmem/contracts';
import { stackSlab } from './cpu-slabs.js';
import { releaseSlab } from './slab-life.js';
import { linkPartial, unlinkFull, unlinkPartial } from './slab-list.js';
import { C_FREE, C_SLAB, N_PARTIAL, S_FREE, S_FROZEN, S_INUSE, type SlubState } from './slub-state.js';

/** Objects of other slabs that a bulk free looks past before it frees what it has collected. */
const LOOK_AHEAD = 3;

/**
 * Gives an object back.
 *
 * @param s - the cache.
 * @param cpu - on which CPU.
 * @param object - is in use.
 */
export function giveObject(s: SlubState, cpu: CpuId, object: number): void {
  if (s.checks !== null && !s.checks.mayGive(object)) return;
  const { words } = s;
  const c = s.cpu(cpu);
  const slab = s.slabOf(object);
  const own = slab === words[c + C_SLAB];
  const head = own ? c + C_FREE : slab + S_FREE;
  const prior = words[head];
  words[object] = prior;
  words[head] = object;
  s.writer?.give(object);
  if (own) return;
  words[slab + S_INUSE]--;
  settle(s, c, slab, prior !== 0);
}

/**
 * Gives several objects back. Objects of one slab are joined as far as they stand close together, and then go back in
 * one step; so they come out in another order than if they had been freed one by one.
 *
 * @param s - the cache.
 * @param cpu - on which CPU.
 * @param objects - numbers of objects in use; is rearranged.
 * @param count - how many.
 */
export function freeObjects(s: SlubState, cpu: CpuId, objects: Int32Array, count: number): void {
  const c = s.cpu(cpu);
  for (let end = count; end > 0; ) {
    const slab = s.slabOf(objects[end - 1]);
    let start = end - 1;
    let patience = LOOK_AHEAD;
    for (let i = end - 2; i >= 0; i--) {
      if (s.slabOf(objects[i]) === slab) {
        start--;
        const object = objects[i];
        objects[i] = objects[start];
        objects[start] = object;
      } else if (--patience === 0) break;
    }
    freeGroup(s, c, slab, objects.subarray(start, end));
    end = start;
  }
}

/** Frees objects of one slab in one step. */
function freeGroup(s: SlubState, c: number, slab: number, objects: Int32Array): void {
  const { words } = s;
  const own = slab === words[c + C_SLAB];
  const head = own ? c + C_FREE : slab + S_FREE;
  const prior = words[head];
  for (const object of objects) {
    words[object] = words[head];
    words[head] = object;
    s.writer?.give(object);
  }
  if (own) return;
  words[slab + S_INUSE] -= objects.length;
  settle(s, c, slab, prior !== 0);
}

/**
 * Puts a slab where it belongs after objects came back to it.
 *
 * @param s - the cache.
 * @param c - words of the CPU that gave them back.
 * @param slab - is not the CPU's own.
 * @param hadFree - whether it had free objects before.
 */
export function settle(s: SlubState, c: number, slab: number, hadFree: boolean): void {
  const { words } = s;
  if (words[slab + S_FROZEN] !== 0) return;
  if (!hadFree && !s.limits.isDebug) {
    words[slab + S_FROZEN] = 1;
    stackSlab(s, c, slab, true);
    return;
  }
  const discard = words[slab + S_INUSE] === 0 && words[s.node + N_PARTIAL] >= s.limits.minPartial;
  if (hadFree) {
    if (!discard) return;
    unlinkPartial(s, slab);
  } else {
    unlinkFull(s, slab);
    if (!discard) linkPartial(s, slab, true);
  }
  if (discard) releaseSlab(s, slab);
}
