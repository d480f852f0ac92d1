/**
 * The state of one SLAB cache (slab spec 9.3 to 9.5).
 *
 * ```
 *  CPU c:  array   | avail | limit | batchcount | touched | entry 0 | ... | entry limit-1 |     the newest at the end
 *  all CPUs: shared the same, for whole batches; only with several CPUs
 *  node:   partial, full, free: three lists of slabs, linked both ways
 *
 *  a slab, one block of words:   | what is known of it | index 0 | ... | index num-1 | state 0 | ... | state num-1 |
 *                                  indices before ACTIVE mean nothing; from there on they name the free objects, next one first
 * ```
 * All blocks are in the words that the allocator's caches share (word-blocks.ts). A slab is called by the position of its block, an object
 * by that of its state word; a slab's block begins at a multiple of its size, so the one follows from the other.
 * ```
 *   ACTIVE = objects whose state is not FREE = objects in arrays + objects that somebody has
 *   a slab is on the free list for ACTIVE = 0, on the full list for ACTIVE = num, on the partial list otherwise
 *   N_FREE_OBJECTS = sum of num - ACTIVE;  N_SLABS = slabs on the three lists;  N_FREE_SLABS = those on the free list
 *   the entries of all arrays are the objects whose state is CACHED, each once
 *   a slab that is WAITING is on no list, and all its objects are free
 * ```
 */
import type { Gfp } from '@kmem/contracts';
import type { WordBlocks } from '../word-blocks.js';
import type { ClassicTunables } from './classic-tunables.js';

/** Words of a slab before its indices. */
export const SLAB_WORDS = 8;
/** Slab: next one on its list. */
export const S_NEXT = 0;
/** Slab: previous one. */
export const S_PREV = 1;
/** Slab: objects that are not free in it. */
export const S_ACTIVE = 2;
/** Slab: first frame; 0 for an unused block. */
export const S_PFN = 3;
/** Slab: bytes before its first object. */
export const S_COLOUR = 4;
/** Slab: number of its cache. */
export const S_CACHE = 5;
/** Slab: list it is on, or WAITING. */
export const S_LIST = 6;

/** Lists, as positions in the words of a node: first slab, last slab. */
export const PARTIAL = 0;
/** As above. */
export const FULL = 2;
/** As above. */
export const FREE_LIST = 4;
/** In place of a list: the slab counts no more, its pages are given back later. */
export const WAITING = -1;
/** Node: free objects in all slabs. */
export const N_FREE_OBJECTS = 6;
/** Node: slabs. */
export const N_SLABS = 7;
/** Node: slabs on the free list. */
export const N_FREE_SLABS = 8;
/** Node: colour of the slab made last. */
export const N_COLOUR = 9;
/** Node: 1 when a slab of the free list was taken since the last reaping. */
export const N_FREE_TOUCHED = 10;
/** Words of a node. */
export const NODE_WORDS = 16;

/** Array: objects in it. */
export const A_AVAIL = 0;
/** Array: places. */
export const A_LIMIT = 1;
/** Array: objects that are moved at once. */
export const A_BATCH = 2;
/** Array: 1 when something was taken since the last reaping. */
export const A_TOUCHED = 3;
/** Array: first entry. */
export const A_ENTRIES = 4;

/** State of an object: free in its slab. */
export const FREE = 0;
/** In an array. */
export const CACHED = 1;
/** Somebody has it. */
export const LIVE = 2;
/** A bulk free has looked at it. */
export const LEAVING = 3;
/** No object. */
export const NO_OBJECT = -1;

/** What makes and takes back slabs. */
export interface ClassicSource {
  /** Takes pages for a slab and notes them: false without memory. */
  readonly takePages: (slab: number, gfp: Gfp) => boolean;
  /** Constructs the objects of a slab, once its colour is known. */
  readonly construct: (slab: number) => void;
  /** Gives the pages of a slab back, and then its block. */
  readonly release: (slab: number) => void;
}

/** The words of one cache. */
export interface ClassicState {
  /** The words of all caches. */
  readonly shared: WordBlocks;
  /** Objects of a slab. */
  readonly num: number;
  /** Colours there are. */
  readonly colours: number;
  /** Bytes from one to the next. */
  readonly colourStep: number;
  /** CPUs. */
  readonly nrCpus: number;
  /** log2 of the words of a slab's block. */
  readonly slabBits: number;
  /** Position of the node's words. */
  readonly node: number;
  /** Positions of the arrays, by CPU. */
  readonly arrays: number[];
  /** Position of the shared array; 0 for none. */
  sharedArray: number;
  /** The tunables in force. */
  tunables: ClassicTunables;
  /** Free objects beyond which a free slab goes. */
  freeLimit: number;
  /** Where slabs come from. */
  source: ClassicSource;
}

/**
 * Finds the slab of an object.
 *
 * @param s - the cache.
 * @param object - the object.
 * @returns the slab.
 */
export function slabOf(s: ClassicState, object: number): number {
  return object & -(1 << s.slabBits);
}

/**
 * Lists the slabs of a list.
 *
 * @param s - the cache.
 * @param list - which.
 * @returns the slabs, first one first.
 */
export function slabsOn(s: ClassicState, list: number): number[] {
  const { words } = s.shared;
  const slabs: number[] = [];
  for (let slab = words[s.node + list]; slab !== 0; slab = words[slab + S_NEXT]) slabs.push(slab);
  return slabs;
}
