/** Several objects at a time: all or none, both ways (slab spec 7). */
import type { CpuId, Gfp } from '@kmem/contracts';
import { takeObject } from './slub-alloc.js';
import { freeObjects } from './slub-free.js';
import { LEAVING, LIVE, NO_OBJECT, type SlubState } from './slub-state.js';

/**
 * Takes objects into an array.
 *
 * @param s - the cache.
 * @param cpu - on which CPU.
 * @param gfp - what may be done to get pages.
 * @param objects - receives their numbers, one for each item.
 * @returns false when there was no memory for all of them: those taken have been given back.
 */
export function allocObjects(s: SlubState, cpu: CpuId, gfp: Gfp, objects: Int32Array): boolean {
  let taken = 0;
  try {
    for (; taken < objects.length; taken++) {
      const object = takeObject(s, cpu, gfp);
      if (object === NO_OBJECT) return false;
      objects[taken] = object;
    }
    return true;
  } finally {
    // Also when a constructor threw.
    if (taken < objects.length) freeObjects(s, cpu, objects, taken);
  }
}

/**
 * Looks for an object that cannot be freed together with the others.
 *
 * @param s - the cache.
 * @param objects - numbers, `NO_OBJECT` for what is none.
 * @returns index of the first that is none, not in use, or there for the second time; -1 when all can be freed.
 */
export function findUnfreeable(s: SlubState, objects: Int32Array): number {
  const { words } = s;
  let end = 0;
  while (end < objects.length && objects[end] !== NO_OBJECT && words[objects[end]] === LIVE) {
    words[objects[end++]] = LEAVING;
  }
  for (let i = 0; i < end; i++) words[objects[i]] = LIVE;
  return end === objects.length ? -1 : end;
}
