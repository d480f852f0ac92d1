/**
 * The geometry of a SLUB cache: how an object lies in its slot, and how slots lie in a slab (slab spec 3).
 *
 * ```
 *  slab of 2 ** order pages
 *  | slot 0 | slot 1 | ... | slot objects-1 | rest |
 *
 *  slot, without debugging                       slot, with every debug flag
 *  | object            | to 8 | to align |       | left red zone | object | right red zone | free ptr | tracks | pad |
 *  0     freePointer   ^inuse     size ^         0   redLeftPad ^         inuse from here ^
 * ```
 * All places inside a slot count from the object, so the left red zone lies before 0.
 * ```
 *   objectSize <= inuse < size  or  inuse = size
 *   size is a multiple of align
 *   objects * size <= pageSize << order
 *   slots with nothing behind the object keep the free pointer in the middle of it: freePointer < objectSize
 * ```
 */
import {
  SLAB_CONSISTENCY_CHECKS,
  SLAB_KMALLOC,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TRACE,
  SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import { objectAlign, requireAlign } from './cache-request.js';
import { requireInteger } from './option-checks.js';

/** Bytes of a machine word; every size is a multiple of it. */
const WORD = 8;
/** One note of who took an object or gave it back. */
export const TRACK_BYTES = 32;
/** Bytes of the two tracks, who allocated and who freed: address 8, stack 4, cpu 4, pid 4, padding 4, time 8 each. */
const TRACKS_BYTES = 2 * TRACK_BYTES;
/** Bytes in which a kmalloc cache notes the size that was asked for. */
export const REQUEST_BYTES = 4;
/** Largest order tried for the sake of more objects in a slab. */
const COSTLY_ORDER = 3;
/** A slab counts its objects in 15 bits. */
const MAX_OBJECTS = 32767;
/** The part of a slab that may be left over, as a divisor: small waste is tried first. */
const WASTE_DIVISORS = [16, 8, 4] as const;
/** Empty slabs kept on a node's list: never fewer, never more than this. */
const MIN_PARTIAL = 5;
const MAX_PARTIAL = 10;
/** Flags with which every allocation goes through the node's list, one object at a time. */
export const DEBUG_FLAGS = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_TRACE;

/** What a cache is asked to hold. */
export interface CacheShape {
  /** Bytes of an object, from 1. */
  readonly objectSize: number;
  /**
   * Alignment asked for in bytes: 0 or a power of two.
   * @defaultValue 0, a machine word
   */
  readonly align?: number;
  /**
   * `SLAB_*` bits.
   * @defaultValue 0
   */
  readonly flags?: number;
  /**
   * Whether objects are constructed once and stay so while free.
   * @defaultValue false
   */
  readonly hasConstructor?: boolean;
  /**
   * CPUs of the machine: more of them want more objects in a slab.
   * @defaultValue 1
   */
  readonly nrCpus?: number;
  /**
   * log2 of the page size in bytes.
   * @defaultValue 12
   */
  readonly pageShift?: number;
  /**
   * Number of orders of the page allocator.
   * @defaultValue 11
   */
  readonly maxOrder?: number;
}

/** The geometry of a cache. Sizes and places are bytes. */
export interface CacheGeometry {
  /** Distance from one object to the next. */
  readonly size: number;
  /** Where the part behind the object and its right red zone begins. */
  readonly inuse: number;
  /** Where the link of a free object stands. */
  readonly freePointer: number;
  /** Alignment of every object. */
  readonly align: number;
  /** Bytes of the red zone before an object. */
  readonly redLeftPad: number;
  /** log2 of the pages of a slab. */
  readonly order: number;
  /** Objects in such a slab. */
  readonly objects: number;
  /** log2 of the pages of the smallest slab, taken when there is no memory for a larger one. */
  readonly minOrder: number;
  /** Objects in that one. */
  readonly minObjects: number;
  /** Slabs of a node's list below which an empty slab is kept. */
  readonly minPartial: number;
  /** Free objects that a CPU may keep in slabs besides its own; 0 for a debugged cache. */
  readonly cpuPartial: number;
  /** The same in slabs that are half full. */
  readonly cpuPartialSlabs: number;
}

/**
 * Computes the geometry of a cache.
 *
 * @param shape - what it is to hold.
 * @returns the geometry; null when not even the largest block of pages holds one object.
 * @throws RangeError when a member is out of range, naming it.
 * @context any.
 * @kernelName calculate_sizes
 */
export function cacheGeometry(shape: CacheShape): CacheGeometry | null {
  const { objectSize, flags = 0, nrCpus = 1, pageShift = 12, maxOrder = 11 } = shape;
  checkShape(shape);
  const align = objectAlign(objectSize, shape.align ?? 0, flags);
  const { size, inuse, freePointer, redLeftPad } = slotLayout(shape, align);
  const pageSize = 2 ** pageShift;
  const order = slabOrder(size, nrCpus, pageSize, maxOrder);
  if (order < 0) return null;
  const minOrder = orderFor(size, pageSize);
  const objects = objectsIn(order, size, pageSize);
  const cpuPartial = (flags & DEBUG_FLAGS) !== 0 ? 0 : cpuPartialObjects(size, pageSize);
  return {
    size,
    inuse,
    freePointer,
    align,
    redLeftPad,
    order,
    objects,
    minOrder,
    minObjects: objectsIn(minOrder, size, pageSize),
    minPartial: Math.min(Math.max(Math.floor(Math.floor(Math.log2(size)) / 2), MIN_PARTIAL), MAX_PARTIAL),
    cpuPartial,
    cpuPartialSlabs: stackedSlabs(cpuPartial, objects),
  };
}

/**
 * Computes how many slabs a CPU may stack: they count as half full.
 *
 * @param cpuPartial - free objects that it may keep.
 * @param objects - objects in a slab.
 * @returns slabs.
 * @kernelName slub_set_cpu_partial
 */
export function stackedSlabs(cpuPartial: number, objects: number): number {
  return Math.ceil((2 * cpuPartial) / objects);
}

/** Places what belongs to one object. */
function slotLayout(
  shape: CacheShape,
  align: number,
): Pick<CacheGeometry, 'size' | 'inuse' | 'freePointer' | 'redLeftPad'> {
  const { objectSize, flags = 0, hasConstructor = false } = shape;
  const redZone = (flags & SLAB_RED_ZONE) !== 0;
  let size = roundUp(objectSize, WORD);
  // Without a gap behind the object the right red zone would be empty.
  if (redZone && size === objectSize) size += WORD;
  const inuse = size;
  let freePointer = Math.floor(objectSize / 2 / WORD) * WORD;
  // The link must not overwrite bytes that mean something in a free object.
  const keepsContents = (flags & (SLAB_TYPESAFE_BY_RCU | SLAB_POISON)) !== 0 || hasConstructor;
  if (keepsContents || (redZone && objectSize < WORD)) {
    freePointer = size;
    size += WORD;
  }
  if ((flags & SLAB_STORE_USER) !== 0) size += TRACKS_BYTES + ((flags & SLAB_KMALLOC) !== 0 ? REQUEST_BYTES : 0);
  const redLeftPad = redZone ? roundUp(WORD, align) : 0;
  if (redZone) size += WORD + redLeftPad;
  return { size: roundUp(size, align), inuse, freePointer, redLeftPad };
}

/** Chooses the pages of a slab: as many objects as CPUs ask for, with little left over (slab spec 3.1). -1: too large. */
function slabOrder(size: number, nrCpus: number, pageSize: number, maxOrder: number): number {
  const top = Math.min(COSTLY_ORDER, maxOrder - 1);
  const wanted = 4 * (Math.floor(Math.log2(nrCpus)) + 2);
  for (let least = Math.min(wanted, objectsIn(top, size, pageSize)); least > 1; least--) {
    for (const divisor of WASTE_DIVISORS) {
      for (let order = orderFor(least * size, pageSize); order <= top; order++) {
        const slab = pageSize * 2 ** order;
        if (slab % size <= Math.floor(slab / divisor)) return order;
      }
    }
  }
  const order = orderFor(size, pageSize);
  return order < maxOrder ? order : -1;
}

/** Free objects a CPU may keep aside: fewer, the larger they are (slab spec 3.2). */
function cpuPartialObjects(size: number, pageSize: number): number {
  if (size >= pageSize) return 6;
  if (size >= 1024) return 24;
  return size >= 256 ? 52 : 120;
}

function objectsIn(order: number, size: number, pageSize: number): number {
  return Math.min(Math.floor((pageSize * 2 ** order) / size), MAX_OBJECTS);
}

/** The smallest order whose block holds a number of bytes. */
function orderFor(bytes: number, pageSize: number): number {
  let order = 0;
  while (pageSize * 2 ** order < bytes) order++;
  return order;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function checkShape(shape: CacheShape): void {
  const { objectSize, align = 0, flags = 0, nrCpus = 1, pageShift = 12, maxOrder = 11 } = shape;
  requireInteger('objectSize', objectSize, 1, 2 ** 31 - 1);
  requireAlign(align);
  requireInteger('flags', flags, 0, 2 ** 32 - 1);
  requireInteger('nrCpus', nrCpus, 1, 8192);
  requireInteger('pageShift', pageShift, 12, 16);
  requireInteger('maxOrder', maxOrder, 1, 16);
}
