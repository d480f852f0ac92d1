/**
 * The state of one SLUB cache (slab spec 4), and the numbers by which its slabs and objects are called.
 *
 * ```
 *  CPU c:  free -> o -> o -> 0      the CPU's own list; its objects count as in use in the CPU slab
 *          slab                     the CPU slab, frozen
 *          partial -> S -> S        a stack of frozen slabs
 *  node:   head <-> S <-> S         slabs with free objects; full slabs are on no list (with tracks: on the full list)
 *
 *  a cache, one block of words:  | ends of two lists, counters | CPU 0 | CPU 1 | ...
 *  a slab, one block of words:   | what is known of it | object 0 | object 1 | ... | 0
 * ```
 * All blocks are in the words that the allocator's caches share (word-blocks.ts). A slab is called by the position of its block, an
 * object by that of its word; a slab's block begins at a multiple of its size, so the one follows from the other. An object's
 * word is its link: the next free object, 0 at the end of a list, LIVE while somebody has it.
 * ```
 *   a slab is in one place: CPU slab, one CPU's stack, node list, full list, or nowhere (full)
 *   INUSE + objects on the slab's own list = OBJECTS
 *   objects with a link other than LIVE = objects on the slab's own list + on the list of the CPU that has it
 *   FROZEN = 1 for CPU slabs, on stacks, and for debugged slabs out of use for damage; 0 elsewhere
 *   N_PARTIAL = length of the node list;  N_SLABS = slabs with a first frame that are not WAITING;  N_OBJECTS = sum of their OBJECTS
 *   a slab that is WAITING is nowhere, and all its objects are free
 *   PFN of a CPU = PFN of its slab
 *   STACKED of a slab = slabs on the stack from it down, of those pushed one by one
 *   slabOf of every frame of a slab = the slab
 * ```
 */
import type { Gfp, PhysAddr } from '@kmem/contracts';
import type { WordBlocks } from './word-blocks.js';

/** Words of a slab before those of its objects. */
export const SLAB_WORDS = 8;
/** Slab: first free object on its own list. */
export const S_FREE = 0;
/** Slab: objects not on that list. */
export const S_INUSE = 1;
/** Slab: objects there are. */
export const S_OBJECTS = 2;
/** Slab: 1 while it belongs to a CPU; WAITING when it is given back and readers may still look at it. */
export const S_FROZEN = 3;
/** Slab: next one on its list or stack; of an unused block, the next unused one. */
export const S_NEXT = 4;
/** Slab: previous one on its list. */
export const S_PREV = 5;
/** Slab: how many are stacked from here down; a slab is not on a list and on a stack. */
export const S_STACKED = 5;
/** Slab: first frame. */
export const S_PFN = 6;
/** Slab: number of its cache. */
export const S_CACHE = 7;

/** Words of a CPU. */
export const CPU_WORDS = 4;
/** CPU: first object on its own list. */
export const C_FREE = 0;
/** CPU: its slab, 0 for none. */
export const C_SLAB = 1;
/** CPU: top of its stack. */
export const C_PARTIAL = 2;
/** CPU: first frame of its slab, 0 when it has none. */
export const C_PFN = 3;

/** Node: first slab of the node list; the last one in the next word. */
export const N_HEAD = 0;
/** Node: first slab of the full list; the last one in the next word. */
export const N_FULL_HEAD = 2;
/** Node: slabs on the node list. */
export const N_PARTIAL = 4;
/** Node: slabs. */
export const N_SLABS = 5;
/** Node: objects in them. */
export const N_OBJECTS = 6;
const NODE_WORDS = 8;

/** In place of FROZEN: the slab counts no more, its pages are given back later. */
export const WAITING = 2;

/** Link of an object that somebody has. */
export const LIVE = -1;
/** Link of an object that a bulk free has looked at and not freed yet. */
export const LEAVING = -2;
/** In place of an object: there is none. */
export const NO_OBJECT = -1;

/** What decides the way of objects through a cache. */
export interface SlubLimits {
  /** CPUs of the machine. */
  readonly nrCpus: number;
  /** Block for the words of node and CPUs, of `cacheBits` bits. */
  readonly node: number;
  /** Objects in the largest slab. */
  readonly objects: number;
  /** Slabs on the node list from which on an empty one is given back. */
  minPartial: number;
  /** Free objects that a CPU may keep on its stack. */
  cpuPartial: number;
  /** The same in slabs, from which on the stack is emptied. */
  cpuPartialSlabs: number;
  /** True for a debugged cache: CPUs keep nothing, objects come one by one from the node list. */
  readonly isDebug: boolean;
  /** True when full slabs are listed. */
  readonly listsFull: boolean;
  /** Bytes of a page. */
  readonly pageSize: number;
  /** Bytes before the first object of a slab. */
  readonly redLeftPad: number;
}

/** Where slabs come from and go to. */
export interface SlabSource {
  /**
   * Takes pages for a slab, notes their first frame, and prepares the objects in them.
   *
   * @param s - the cache.
   * @param slab - number of the slab.
   * @param gfp - what may be done to get them.
   * @returns number of objects; 0 when there is no memory.
   */
  readonly grow: (s: SlubState, slab: number, gfp: Gfp) => number;
  /**
   * Gives the pages of a slab back, and then its number.
   *
   * @param s - the cache.
   * @param slab - number of the slab.
   */
  readonly release: (s: SlubState, slab: number) => void;
}

/** Writes what an allocator writes into slots. Without it objects are addresses alone. */
export interface ObjectWriter {
  /** Prepares the slots of new pages: address of the first object, objects, bytes of the pages. */
  readonly prepare: (first: PhysAddr, objects: number, slabBytes: number) => void;
  /** Writes the link of a free object. */
  readonly link: (object: number) => void;
  /** Marks an object of a debugged cache as handed out. */
  readonly take: (object: number) => void;
  /** Marks an object as free, and writes its link. */
  readonly give: (object: number) => void;
}

/** Looks at what stands in slots. */
export interface ObjectChecks {
  /** Checks a free object that is to be handed out; when it is damaged its slab is on no list afterwards. */
  readonly mayTake: (slab: number, object: number) => boolean;
  /** Checks an object in use that is to come back. */
  readonly mayGive: (object: number) => boolean;
  /** Checks all objects of a slab: how many reports that made. */
  readonly validate: (slab: number) => number;
}

/**
 * Computes the block that the words of a cache's node and CPUs need.
 *
 * @param nrCpus - CPUs of the machine.
 * @returns it has 2 to this power words.
 */
export function cacheBits(nrCpus: number): number {
  return Math.ceil(Math.log2(NODE_WORDS + nrCpus * CPU_WORDS));
}

/** The words of one cache. */
export class SlubState {
  /** What decides the way of objects. */
  readonly limits: SlubLimits;
  /** Where slabs come from. */
  readonly source: SlabSource;
  /** Position of the node's words. */
  readonly node: number;
  /** Position of the words of CPU 0. */
  readonly firstCpu: number;
  /** Writes into slots, or null. */
  writer: ObjectWriter | null = null;
  /** Looks at slots before an object changes hands, or null. */
  checks: ObjectChecks | null = null;
  readonly #shared: WordBlocks;
  readonly #slabBits: number;
  /** Every block that ever was a slab of the cache. */
  readonly #blocks: number[] = [];
  #spare = 0;

  /**
   * @param limits - what decides the way of objects.
   * @param source - where slabs come from.
   * @param shared - the words of all caches.
   */
  constructor(limits: SlubLimits, source: SlabSource, shared: WordBlocks) {
    this.limits = limits;
    this.source = source;
    this.#shared = shared;
    this.#slabBits = Math.ceil(Math.log2(SLAB_WORDS + limits.objects));
    this.node = limits.node;
    this.firstCpu = this.node + NODE_WORDS;
  }

  /** The words of all caches. Replaced when blocks are added. */
  get words(): Int32Array {
    return this.#shared.words;
  }

  /**
   * Finds a CPU.
   *
   * @param cpu - its number.
   * @returns position of its first word.
   */
  cpu(cpu: number): number {
    return this.firstCpu + cpu * CPU_WORDS;
  }

  /**
   * Finds the slab of an object.
   *
   * @param object - the object.
   * @returns the slab.
   */
  slabOf(object: number): number {
    return object & -(1 << this.#slabBits);
  }

  /**
   * Computes where the objects of a slab begin.
   *
   * @param slab - the slab.
   * @returns address of the first one.
   */
  firstObject(slab: number): PhysAddr {
    return this.words[slab + S_PFN] * this.limits.pageSize + this.limits.redLeftPad;
  }

  /**
   * Lists all slabs, those on no list too.
   *
   * @returns the slabs.
   */
  slabs(): number[] {
    return this.#blocks.filter((slab) => this.words[slab + S_PFN] !== 0);
  }

  /**
   * Sets a block aside for a new slab.
   *
   * @returns the block; 0 when there is no room.
   */
  takeBlock(): number {
    const spare = this.#spare;
    if (spare !== 0) {
      this.#spare = this.words[spare + S_NEXT];
      return spare;
    }
    const block = this.#shared.take(this.#slabBits);
    if (block !== 0) this.#blocks.push(block);
    return block;
  }

  /**
   * Takes a block back.
   *
   * @param block - of a slab that is no more.
   */
  putBlock(block: number): void {
    this.words[block + S_PFN] = 0;
    this.words[block + S_NEXT] = this.#spare;
    this.#spare = block;
  }

  /** Gives the blocks of slabs back, at the end of the cache. The words of node and CPUs stay: whoever calls it still reads them. */
  release(): void {
    for (const block of this.#blocks) this.#shared.put(this.#slabBits, block);
    this.#blocks.length = 0;
  }
}
