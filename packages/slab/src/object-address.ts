/**
 * Address and object number of one cache, by arithmetic:
 *
 * ```
 *  address = first frame * page size + redLeftPad + index * size
 * ```
 * The way back goes through the frame table: the frame's head says slab and cache, the rest is the index.
 */
import { BLOCK_TAIL, PG_slab } from '@kmem/contracts';
import type { PhysAddr, Pfn, FrameTable } from '@kmem/contracts';
import type { SlabPlan } from './slab-pages.js';
import { SLAB_NUMBER_MASK, type SlubMachine } from './slub-machine.js';
import { NO_OBJECT, S_OBJECTS, S_PFN, SLAB_NUMBER_BITS, type SlubState } from './slub-state.js';

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
  const { frames, headFrame } = machine;
  const { indexBits } = s;
  const { redLeftPad, size } = plan.geometry;
  const { number } = plan;
  const indexMask = (1 << indexBits) - 1;
  const pageSize = 2 ** frames.pageShift;
  const perSize = 1 / size;
  const { flags, owner } = frames;

  function addressOf(object: number): PhysAddr {
    const slab = object >>> indexBits;
    return s.words[s.slab(slab) + S_PFN] * pageSize + redLeftPad + (object & indexMask) * size;
  }

  function objectAt(addr: PhysAddr): number {
    const pfn = headFrame(addr);
    if ((flags[pfn] & (1 << PG_slab)) === 0) return NO_OBJECT;
    const word = owner[pfn];
    if (word >>> SLAB_NUMBER_BITS !== number) return NO_OBJECT;
    const slab = word & SLAB_NUMBER_MASK;
    const offset = addr - pfn * pageSize - redLeftPad;
    // Half a byte more, so that the product never falls short of a whole number.
    const index = ((offset + 0.5) * perSize) | 0;
    if (index * size !== offset || index >= s.words[s.slab(slab) + S_OBJECTS]) return NO_OBJECT;
    return (slab << indexBits) | index;
  }

  return { addressOf, objectAt };
}

/**
 * Makes the function that finds the first frame of the block that an address lies in.
 *
 * @param frames - the frame table.
 * @returns takes any number; gives 0, which is never anybody's frame, for an address outside the table.
 */
export function createHeadFrame(frames: FrameTable): (addr: PhysAddr) => Pfn {
  const { block, nrFrames, owner } = frames;
  const perPage = 2 ** -frames.pageShift;

  return function headFrame(addr) {
    const pfn = Math.floor(addr * perPage);
    if (!(pfn >= 0 && pfn < nrFrames)) return 0;
    return (block[pfn] & BLOCK_TAIL) !== 0 ? owner[pfn] : pfn;
  };
}
