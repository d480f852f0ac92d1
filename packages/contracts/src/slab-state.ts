/**
 * SlabCacheState, SlabCacheAttributes: one SLUB cache as data.
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

/** What a SLUB cache is, under the kernel's names: sizes and places in bytes. */
export interface SlabCacheAttributes {
  /** Bytes of an object. */
  readonly object_size: number;
  /** Bytes from one object to the next. */
  readonly size: number;
  /** Where the part behind the object begins. */
  readonly inuse: number;
  /** Where the link of a free object stands. */
  readonly offset: number;
  /** Alignment. */
  readonly align: number;
  /** Bytes before the object. */
  readonly red_left_pad: number;
  /** log2 of the pages of a slab. */
  readonly order: number;
  /** Objects in it. */
  readonly objects: number;
  /** log2 of the pages of the smallest slab. */
  readonly min_order: number;
  /** Objects in it. */
  readonly min_objects: number;
  /** Slabs on the node's list below which an empty one is kept. */
  readonly min_partial: number;
  /** Free objects that a CPU may keep aside. */
  readonly cpu_partial: number;
  /** The same in slabs. */
  readonly cpu_partial_slabs: number;
  /** `SLAB_*` bits and the kernel's own. */
  readonly flags: number;
  /** GFP bits of every request for pages. */
  readonly allocflags: number;
  /** Uses of the cache. */
  readonly refcount: number;
  /** Bytes that may be copied to and from user space. */
  readonly usersize: number;
}
