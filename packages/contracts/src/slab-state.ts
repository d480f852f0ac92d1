/**
 * SlabCacheState: the lists of one SLUB cache as data.
 *
 * Member names are those in which a real kernel was recorded. A free list is object numbers, head first.
 */
import type { CpuId, Pfn } from './units.js';

/** A slab: first frame, objects in use, objects there are, 1 when it belongs to a CPU, its own free list. */
export type SlabState = readonly [pfn: Pfn, inuse: number, objects: number, frozen: number, free: readonly number[]];

/** What one CPU keeps. */
export interface SlabCpuState {
  /** The CPU. */
  readonly cpu: CpuId;
  /** Its slab. */
  readonly slab: SlabState | null;
  /** Its own free list. */
  readonly freelist: readonly number[];
  /** Slabs that its stack counts. */
  readonly partial_slabs_field: number;
  /** Its stack, top first. */
  readonly partial: readonly SlabState[];
}

/** One cache. */
export interface SlabCacheState {
  /** Slabs. */
  readonly nr_slabs: number;
  /** Slabs on the node's list. */
  readonly nr_partial: number;
  /** Objects in all slabs. */
  readonly total_objects: number;
  /** CPUs in order. */
  readonly cpus: readonly SlabCpuState[];
  /** The node's list, head first. */
  readonly partial: readonly SlabState[];
  /** First frames of the full slabs, where they are listed, head first. */
  readonly full: readonly Pfn[];
}
