/**
 * Address and object number of one cache, by arithmetic:
 *
 * ```
 *  address = first frame * page size + redLeftPad + index * size
 * ```
 * The way back goes through the frame table: the frame's head says slab and cache, the rest is the index.
 */
import { BLOCK_TAIL, PG_slab } from '@kmem/contracts';
import type { PhysAddr, FrameTable } from '@kmem/contracts';
import { divideExactly, exactDivisor } from './exact-division.js';
import type { SlabPlan } from './slab-pages.js';
import { SLAB_NUMBER_MASK, type SlubMachine } from './slub-machine.js';
import { NO_OBJECT, S_OBJECTS, SLAB_NUMBER_BITS, type SlubState } from './slub-state.js';

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
 * @param machine - frame table, and the way into it.
 * @param plan - number and geometry of the cache.
 * @returns both ways.
 */
export function createObjectAddresses(s: SlubState, machine: SlubMachine, plan: SlabPlan): ObjectAddresses {
  const { slabAt } = machine;
  const { indexBits } = s;
  const { size } = plan.geometry;
  const { number } = plan;
  const indexMask = (1 << indexBits) - 1;
  const { inverse, evenBits } = exactDivisor(size);

  function addressOf(object: number): PhysAddr {
    return s.firstObject(object >>> indexBits) + (object & indexMask) * size;
  }

  function objectAt(addr: PhysAddr): number {
    const word = slabAt(addr);
    if (word === 0 || word >>> SLAB_NUMBER_BITS !== number) return NO_OBJECT;
    const slab = word & SLAB_NUMBER_MASK;
    const offset = addr - s.firstObject(slab);
    const index = divideExactly(offset, inverse, evenBits) >>> 0;
    if ((offset | 0) !== offset || index >= s.words[s.slab(slab) + S_OBJECTS]) return NO_OBJECT;
    return (slab << indexBits) | index;
  }

  return { addressOf, objectAt };
}

/**
 * Makes the function that finds the slab that an address lies in.
 *
 * @param frames - the frame table.
 * @returns takes any number; gives numbers of cache and slab as slab-pages.ts writes them down, 0 for an address in no slab.
 */
export function createSlabAt(frames: FrameTable): (addr: PhysAddr) => number {
  const { block, flags, nrFrames, owner, pageShift } = frames;
  const perPage = 2 ** -pageShift;

  return function slabAt(addr) {
    const pfn = addr >>> 0 === addr ? addr >>> pageShift : Math.floor(addr * perPage);
    if (!(pfn >= 0 && pfn < nrFrames)) return 0;
    if ((flags[pfn] & (1 << PG_slab)) !== 0) return owner[pfn];
    if ((block[pfn] & BLOCK_TAIL) === 0) return 0;
    const head = owner[pfn];
    return (flags[head] & (1 << PG_slab)) !== 0 ? owner[head] : 0;
  };
}
