/** Writes the lists of a cache down as data. */
import type { SlabCacheState, SlabCpuState, SlabState } from '@kmem/contracts';
import {
  C_FREE, C_PARTIAL, C_SLAB, N_FULL_HEAD, N_HEAD, N_OBJECTS, N_PARTIAL, N_SLABS, S_FREE, S_FROZEN, S_INUSE, S_NEXT,
  S_OBJECTS, S_PFN, S_STACKED, SLAB_WORDS, type SlubState,
} from './slub-state.js';

/**
 * Writes the state down.
 *
 * @param s - the cache.
 * @returns a copy.
 */
export function exportCacheState(s: SlubState): SlabCacheState {
  const { words } = s;
  return {
    nr_slabs: words[s.node + N_SLABS],
    nr_partial: words[s.node + N_PARTIAL],
    total_objects: words[s.node + N_OBJECTS],
    cpus: Array.from({ length: s.limits.nrCpus }, (_, cpu) => exportCpu(s, cpu)),
    partial: slabsFrom(s, words[s.node + N_HEAD]).map((slab) => exportSlab(s, slab)),
    full: slabsFrom(s, words[s.node + N_FULL_HEAD]).map((slab) => words[slab + S_PFN]),
  };
}

/**
 * Lists the slabs of a list or a stack.
 *
 * @param s - the cache.
 * @param first - its first slab, 0 for none.
 * @returns their numbers.
 */
export function slabsFrom(s: SlubState, first: number): number[] {
  const slabs: number[] = [];
  for (let slab = first; slab !== 0; slab = s.words[slab + S_NEXT]) slabs.push(slab);
  return slabs;
}

/**
 * Lists free objects of a slab.
 *
 * @param s - the cache.
 * @param slab - its number.
 * @param first - the first one; 0 for none.
 * @returns their indices.
 */
export function freeIndices(s: SlubState, slab: number, first: number): number[] {
  const indices: number[] = [];
  for (let object = first; object > 0; object = s.words[object]) indices.push(object - slab - SLAB_WORDS);
  return indices;
}

function exportCpu(s: SlubState, cpu: number): SlabCpuState {
  const { words } = s;
  const c = s.cpu(cpu);
  const slab = words[c + C_SLAB];
  const top = words[c + C_PARTIAL];
  return {
    cpu,
    slab: slab === 0 ? null : exportSlab(s, slab),
    freelist: freeIndices(s, slab, words[c + C_FREE]),
    partial_slabs_field: top === 0 ? 0 : words[top + S_STACKED],
    partial: slabsFrom(s, top).map((stacked) => exportSlab(s, stacked)),
  };
}

function exportSlab(s: SlubState, slab: number): SlabState {
  const { words } = s;
  const free = freeIndices(s, slab, words[slab + S_FREE]);
  return [words[slab + S_PFN], words[slab + S_INUSE], words[slab + S_OBJECTS], words[slab + S_FROZEN], free];
}
