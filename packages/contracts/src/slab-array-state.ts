/** SlabArrayState: one cache of SLAB as data. Member names are those in which a real kernel was recorded. */
import type { Pfn } from './units.js';

/** A slab: its first frame, objects not free in it, bytes before its first object. */
export type ClassicSlabState = readonly [pfn: Pfn, active: number, colour: number];

/** The lists of a cache, and the array of one CPU. */
export interface SlabArrayState {
  /** The array. */
  readonly cpu: {
    /** Objects in it. */
    readonly avail: number;
    /** Places. */
    readonly limit: number;
    /** Objects that are moved at once. */
    readonly batchcount: number;
    /** 1 when something was taken since the last reaping. */
    readonly touched: number;
    /** First frame of its slab and offset in bytes of each object, the newest at the end. */
    readonly entries: readonly (readonly [pfn: Pfn, offset: number])[];
  };
  /** Free objects in all slabs. */
  readonly free_objects: number;
  /** How many may be there before a free slab goes. */
  readonly free_limit: number;
  /** Slabs. */
  readonly total_slabs: number;
  /** Those without an object in use or in an array. */
  readonly free_slabs: number;
  /** Colour of the slab made last. */
  readonly colour_next: number;
  /** Slabs with some objects free, first one first. */
  readonly partial: readonly ClassicSlabState[];
  /** With none. */
  readonly full: readonly ClassicSlabState[];
  /** With all. */
  readonly free: readonly ClassicSlabState[];
}
