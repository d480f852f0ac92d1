/**
 * Address and object number of one cache, by arithmetic:
 *
 * ```
 *  address = first frame * page size + redLeftPad + index * size
 * ```
 * The way back goes through the slab of the address's frame: what the slab does not account for is the index.
 */
import type { PhysAddr } from '@kmem/contracts';
import { divideExactly, exactDivisor } from './exact-division.js';
import type { SlabPlan } from './slab-pages.js';
import type { SlubMachine } from './slub-machine.js';
import { NO_OBJECT, S_CACHE, S_OBJECTS, SLAB_WORDS, type SlubState } from './slub-state.js';

/** Both ways. */
export interface ObjectAddresses {
  /** Computes the first byte of an object. */
  readonly addressOf: (object: number) => PhysAddr;
  /** Finds the object that begins at an address; `NO_OBJECT` when none of this cache does. */
  readonly objectAt: (addr: PhysAddr) => number;
}

/**
 * Makes the functions that go from numbers to addresses and back.
 *
 * @param s - the cache.
 * @param machine - the way to the slab of an address.
 * @param plan - number and geometry of the cache.
 * @returns both ways.
 */
export function createObjectAddresses(s: SlubState, machine: SlubMachine, plan: SlabPlan): ObjectAddresses {
  const { slabAt } = machine;
  const { number } = plan;
  const { size } = plan.geometry;
  const { inverse, evenBits } = exactDivisor(size);

  function addressOf(object: number): PhysAddr {
    const slab = s.slabOf(object);
    return s.firstObject(slab) + (object - slab - SLAB_WORDS) * size;
  }

  function objectAt(addr: PhysAddr): number {
    const slab = slabAt(addr);
    if (slab === 0 || s.words[slab + S_CACHE] !== number) return NO_OBJECT;
    const offset = addr - s.firstObject(slab);
    const index = divideExactly(offset, inverse, evenBits) >>> 0;
    if ((offset | 0) !== offset || index >= s.words[slab + S_OBJECTS]) return NO_OBJECT;
    return slab + SLAB_WORDS + index;
  }

  return { addressOf, objectAt };
}

/**
 * Makes the function that finds the slab that an address lies in.
 *
 * @param slabOf - by frame, the slab.
 * @param pageShift - log2 of a page's bytes.
 * @returns takes any number; gives the slab, 0 for what is no address or in no slab.
 */
export function createSlabAt(slabOf: Int32Array, pageShift: number): (addr: PhysAddr) => number {
  const { length } = slabOf;
  const perPage = 2 ** -pageShift;

  /** The frame of an address beyond 32 bits, or of none. */
  function frameBeyond(addr: PhysAddr): number {
    return Number.isInteger(addr) && addr >= 0 ? Math.floor(addr * perPage) : length;
  }

  return function slabAt(addr) {
    const pfn = addr >>> 0 === addr ? addr >>> pageShift : frameBeyond(addr);
    return pfn < length ? slabOf[pfn] : 0;
  };
}
