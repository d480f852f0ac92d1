/** Giving empty slabs back: shrink (slab spec 7.3), and the end of a cache (slab spec 2.2). */
import type { CpuId } from '@kmem/contracts';
import { flushCpu } from './cpu-slabs.js';
import { releaseSlab } from './slab-life.js';
import { linkPartial, unlinkPartial } from './slab-list.js';
import { N_HEAD, N_SLABS, S_INUSE, S_NEXT, S_OBJECTS, type SlubState } from './slub-state.js';

/** Slabs with more free objects than this are left where they are. */
const SORTED_FREE = 32;

/**
 * Takes everything away from all CPUs.
 *
 * @param s - the cache.
 * @param order - CPUs in the order in which they are flushed.
 * @kernelName flush_all
 */
export function flushCpus(s: SlubState, order: readonly CpuId[]): void {
  for (const cpu of order) flushCpu(s, s.cpu(cpu));
}

/**
 * Gives the empty slabs of the node list back and sorts the others, the fullest first. CPUs have been flushed.
 *
 * @param s - the cache.
 * @returns true when no slab is left.
 * @kernelName __kmem_cache_do_shrink
 */
export function shrinkNode(s: SlubState): boolean {
  const { words } = s;
  /** By the number of free objects; those without a used one in item 0. */
  const slabs: number[][] = Array.from({ length: SORTED_FREE + 1 }, () => []);
  for (let slab = words[s.node + N_HEAD]; slab !== 0; ) {
    const next = words[slab + S_NEXT];
    const free = words[slab + S_INUSE] === 0 ? 0 : words[slab + S_OBJECTS] - words[slab + S_INUSE];
    if (free <= SORTED_FREE) {
      slabs[free].push(slab);
      unlinkPartial(s, slab);
    }
    slab = next;
  }
  for (let free = SORTED_FREE; free > 0; free--) {
    for (const slab of slabs[free]) linkPartial(s, slab, false);
  }
  for (const slab of slabs[0].reverse()) releaseSlab(s, slab);
  return words[s.node + N_SLABS] === 0;
}

/**
 * Gives the empty slabs of the node list back, the last one first. CPUs have been flushed.
 *
 * @param s - the cache.
 * @returns true when no slab is left.
 * @kernelName free_partial
 */
export function releaseEmptySlabs(s: SlubState): boolean {
  const { words } = s;
  const empty: number[] = [];
  for (let slab = words[s.node + N_HEAD]; slab !== 0; slab = words[slab + S_NEXT]) {
    if (words[slab + S_INUSE] === 0) empty.push(slab);
  }
  for (const slab of empty.reverse()) {
    unlinkPartial(s, slab);
    releaseSlab(s, slab);
  }
  return words[s.node + N_SLABS] === 0;
}
