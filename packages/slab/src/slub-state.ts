/**
 * The words of one SLUB cache (slab spec 4), and the numbers by which its slabs and objects are called.
 *
 * ```
 *  CPU c:  free -> o -> o -> 0      the CPU's own list; its objects count as in use in the CPU slab
 *          slab                     the CPU slab, frozen
 *          partial -> S -> S        a stack of frozen slabs
 *  node:   head <-> S <-> S         slabs with free objects; full slabs are on no list (with tracks: on the full list)
 *
 *  words:  | ends of two lists, counters | CPU 0 | CPU 1 | ... | slab 1 | slab 2 | ...
 *  links:  | slab 0: nobody | slab 1: one entry an object | slab 2 ...
 * ```
 * A slab is a number from 1 on, used again after it was given back. An object is a number too,
 * `slab << indexBits | index`. Its link is the index of the next free object + 1, 0 at the end of a list, LIVE
 * while somebody has it.
 * ```
 *   a slab is in one place: CPU slab, one CPU's stack, node list, full list, or nowhere (full)
 *   INUSE + objects on the slab's own list = OBJECTS
 *   objects with a link other than LIVE = objects on the slab's own list + on the list of the CPU that has it
 *   FROZEN = 1 for CPU slabs, on stacks, and for debugged slabs out of use for damage; 0 elsewhere
 *   N_PARTIAL = length of the node list;  N_SLABS = slabs with a first frame that are not WAITING;  N_OBJECTS = sum of their OBJECTS
 *   a slab that is WAITING is nowhere, and all its objects are free
 *   bases of a CPU = first object of its slab
 *   STACKED of a slab = slabs on the stack from it down, of those pushed one by one
 * ```
 */
import type { Gfp, PhysAddr } from '@kmem/contracts';

/** Words of a slab. */
export const SLAB_WORDS = 8;
/** Slab: first free object on its own list. */
export const S_FREE = 0;
/** Slab: objects not on that list. */
export const S_INUSE = 1;
/** Slab: objects there are. */
export const S_OBJECTS = 2;
/** Slab: 1 while it belongs to a CPU; WAITING when it is given back and readers may still look at it. */
export const S_FROZEN = 3;
/** Slab: next one on its list or stack; of an unused number, the next unused one. */
export const S_NEXT = 4;
/** Slab: previous one on its list. */
export const S_PREV = 5;
/** Slab: how many are stacked from here down. */
export const S_STACKED = 6;
/** Slab: first frame. */
export const S_PFN = 7;

/** Words of a CPU. */
export const CPU_WORDS = 4;
/** CPU: first object on its own list, as a link. */
export const C_FREE = 0;
/** CPU: its slab, 0 for none. */
export const C_SLAB = 1;
/** CPU: top of its stack. */
export const C_PARTIAL = 2;

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

/** A slab's number, with its cache's, fits into a word of the frame table. */
export const SLAB_NUMBER_BITS = 20;
/** An object's number fits into a small integer. */
const OBJECT_NUMBER_BITS = 30;
const FIRST_SLABS = 16;

/** What decides the way of objects through a cache. */
export interface SlubLimits {
  /** CPUs of the machine. */
  readonly nrCpus: number;
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
  /** Addresses are below this one. */
  readonly endOfMemory: PhysAddr;
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

/** The words of one cache. */
export class SlubState {
  /** What decides the way of objects. */
  readonly limits: SlubLimits;
  /** Where slabs come from. */
  readonly source: SlabSource;
  /** Low bits of an object's number, which are its index. */
  readonly indexBits: number;
  /** Node, CPUs, slabs. Replaced when slabs are added. */
  words: Int32Array;
  /** One link an object. Replaced when slabs are added. */
  links: Int32Array;
  /** By words of a CPU: the first object of its slab, 0 when it has none. Small integers where all addresses are. */
  readonly bases: Int32Array | Float64Array;
  /** Writes into slots, or null. */
  writer: ObjectWriter | null = null;
  /** Looks at slots before an object changes hands, or null. */
  checks: ObjectChecks | null = null;
  readonly #slabBase: number;
  readonly #mostSlabs: number;
  #unused = 1;
  #spare = 0;

  /**
   * @param limits - what decides the way of objects.
   * @param source - where slabs come from.
   */
  constructor(limits: SlubLimits, source: SlabSource) {
    this.limits = limits;
    this.source = source;
    this.indexBits = Math.ceil(Math.log2(limits.objects));
    // Slab 0 is nobody and has no words.
    this.#slabBase = NODE_WORDS + limits.nrCpus * CPU_WORDS - SLAB_WORDS;
    this.#mostSlabs = 2 ** Math.min(SLAB_NUMBER_BITS, OBJECT_NUMBER_BITS - this.indexBits) - 1;
    this.words = new Int32Array(this.slab(FIRST_SLABS));
    this.links = new Int32Array(FIRST_SLABS << this.indexBits);
    const nrBases = this.cpu(limits.nrCpus);
    this.bases = limits.endOfMemory <= 2 ** 31 ? new Int32Array(nrBases) : new Float64Array(nrBases);
  }

  /** First slab number that was never used. */
  get unused(): number {
    return this.#unused;
  }

  /**
   * Finds a slab.
   *
   * @param slab - its number.
   * @returns index of its first word.
   */
  slab(slab: number): number {
    return this.#slabBase + slab * SLAB_WORDS;
  }

  /**
   * Computes where the objects of a slab begin.
   *
   * @param slab - its number.
   * @returns address of the first one.
   */
  firstObject(slab: number): PhysAddr {
    return this.words[this.slab(slab) + S_PFN] * this.limits.pageSize + this.limits.redLeftPad;
  }

  /**
   * Finds a CPU.
   *
   * @param cpu - its number.
   * @returns index of its first word.
   */
  cpu(cpu: number): number {
    return NODE_WORDS + cpu * CPU_WORDS;
  }

  /**
   * Sets a number aside for a new slab.
   *
   * @returns the number; 0 when there are as many slabs as have numbers.
   */
  takeNumber(): number {
    const spare = this.#spare;
    if (spare !== 0) {
      this.#spare = this.words[this.slab(spare) + S_NEXT];
      return spare;
    }
    if (this.#unused > this.#mostSlabs) return 0;
    const slab = this.#unused++;
    if (this.slab(slab + 1) > this.words.length) this.#enlarge();
    return slab;
  }

  /**
   * Takes a number back.
   *
   * @param slab - of a slab that is no more.
   */
  putNumber(slab: number): void {
    const at = this.slab(slab);
    this.words[at + S_PFN] = 0;
    this.words[at + S_NEXT] = this.#spare;
    this.#spare = slab;
  }

  #enlarge(): void {
    const slabs = Math.min(2 * this.#unused, this.#mostSlabs + 1);
    const words = new Int32Array(this.slab(slabs));
    words.set(this.words);
    this.words = words;
    const links = new Int32Array(slabs << this.indexBits);
    links.set(this.links);
    this.links = links;
  }
}
