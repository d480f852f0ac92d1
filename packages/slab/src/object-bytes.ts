/**
 * The bytes that an allocator itself writes into a slot (slab spec 3, 8.2).
 *
 * ```
 *                        free                        in use
 *  red zones             0xbb                        0xcc
 *  body, poisoned        0x6b ... 0x6b 0xa5          the same when it is handed out
 *  link                  address of the next free    as it was
 *  tracks                who took, who gave back
 *  all else, poisoned    0x5a                        0x5a
 *
 *  track:  | caller 8 | stack 4 | cpu 4 | pid 4 | - 4 | time 8 |
 * ```
 * The allocator itself never reads a link: those it goes by are in slub-state.ts, out of reach of whoever writes past an
 * object.
 */
import { SLAB_KMALLOC, SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER, SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import type { PhysAddr, PhysicalMemory, SlabTrack } from '@kmem/contracts';
import { REQUEST_BYTES, TRACK_BYTES } from './geometry.js';
import type { ObjectAddresses } from './object-address.js';
import type { SlubMachine } from './slub-machine.js';
import type { ObjectWriter, SlubState } from './slub-state.js';
import type { SlubCachePlan } from './slub-cache.js';

/** Red zones of a free object. */
export const RED_INACTIVE = 0xbb;
/** Red zones of an object in use. */
export const RED_ACTIVE = 0xcc;
/** Body of a free object. */
export const POISON_FREE = 0x6b;
/** Its last byte. */
export const POISON_END = 0xa5;
/** Bytes that are never anybody's. */
export const POISON_INUSE = 0x5a;
/** Low half of an address. */
const HALF = 2 ** 32;
const NOBODY: SlabTrack = Object.freeze({ caller: 0n, stack: 0, pid: 0, time: 0 });

/**
 * Makes the writer of a cache.
 *
 * @param s - the cache.
 * @param machine - whose tracks are written, and the current CPU.
 * @param memory - the bytes.
 * @param plan - flags and geometry.
 * @param addresses - where objects are.
 * @returns the writer.
 */
export function createObjectBytes(
  s: SlubState,
  machine: SlubMachine,
  memory: PhysicalMemory,
  plan: SlubCachePlan,
  addresses: ObjectAddresses,
): ObjectWriter {
  const { flags, geometry } = plan;
  const { freePointer, redLeftPad, size } = geometry;
  const redZone = (flags & SLAB_RED_ZONE) !== 0;
  const poison = (flags & SLAB_POISON) !== 0;
  const poisonsBody = poison && (flags & SLAB_TYPESAFE_BY_RCU) === 0 && plan.ctor === null;
  const hasTracks = (flags & SLAB_STORE_USER) !== 0;
  const { tracks: tracksAt } = placesBehind(plan);

  function dress(addr: PhysAddr, redByte: number): void {
    const { objectSize } = plan;
    if (redZone) memory.fill(addr - redLeftPad, redLeftPad, redByte);
    if (poisonsBody) {
      memory.fill(addr, objectSize - 1, POISON_FREE);
      memory.fill(addr + objectSize - 1, 1, POISON_END);
    }
    if (redZone) memory.fill(addr + objectSize, plan.inuse - objectSize, redByte);
  }

  function writeTrack(addr: PhysAddr): void {
    const { caller, pid, stack, time } = machine.tracks?.() ?? NOBODY;
    const words = dataView(memory, addr, TRACK_BYTES);
    words.setBigUint64(0, caller, true);
    words.setUint32(8, stack, true);
    words.setUint32(12, machine.cpus.cpu, true);
    words.setUint32(16, pid, true);
    words.setBigUint64(24, BigInt(time), true);
  }

  /** A slab is new: its bytes are what the last owner of the pages left. Constructors come after this, links after them. */
  function prepare(first: PhysAddr, objects: number, slabBytes: number): void {
    if (poison) memory.fill(first - redLeftPad, slabBytes, POISON_INUSE);
    for (let i = 0; i < objects; i++) {
      const addr = first + i * size;
      dress(addr, RED_INACTIVE);
      if (hasTracks) memory.fill(addr + tracksAt, 2 * TRACK_BYTES, 0);
    }
  }

  function link(object: number): void {
    const next = s.words[object];
    const target = next > 0 ? addresses.addressOf(next) : 0;
    const words = dataView(memory, addresses.addressOf(object) + freePointer, 8);
    words.setUint32(0, target % HALF, true);
    words.setUint32(4, Math.floor(target / HALF), true);
  }

  function take(object: number): void {
    const addr = addresses.addressOf(object);
    if (hasTracks) writeTrack(addr + tracksAt);
    dress(addr, RED_ACTIVE);
  }

  function give(object: number): void {
    const addr = addresses.addressOf(object);
    if (hasTracks) writeTrack(addr + tracksAt + TRACK_BYTES);
    dress(addr, RED_INACTIVE);
    link(object);
  }

  return { prepare, link, take, give };
}

/**
 * Places what stands behind an object and its right red zone, counted from the object.
 *
 * @param plan - flags and geometry.
 * @returns where the tracks begin, and where nothing but padding follows.
 */
export function placesBehind({ flags, geometry }: Pick<SlubCachePlan, 'flags' | 'geometry'>): { readonly tracks: number; readonly end: number } {
  const { freePointer, inuse } = geometry;
  const tracks = freePointer >= inuse ? freePointer + 8 : inuse;
  if ((flags & SLAB_STORE_USER) === 0) return { tracks, end: tracks };
  return { tracks, end: tracks + 2 * TRACK_BYTES + ((flags & SLAB_KMALLOC) !== 0 ? REQUEST_BYTES : 0) };
}

function dataView(memory: PhysicalMemory, addr: PhysAddr, sizeBytes: number): DataView {
  const bytes = memory.view(addr, sizeBytes);
  return new DataView(bytes.buffer, bytes.byteOffset, sizeBytes);
}
