/**
 * The geometry of a SLAB cache: how objects lie in a slab, and where the indices of its free objects stand (slab spec 9.1).
 *
 * ```
 *  in an object   | colour | object 0 | ... | object num-1 |         the last free object holds the indices
 *  off the slab   | colour | object 0 | ... | object num-1 |         memory of kmalloc holds them
 *  on the slab    | colour | object 0 | ... | object num-1 | num indices of a byte each |
 * ```
 * What is left over is spent on colours: slab after slab, objects begin one step further on.
 * ```
 *   size is a multiple of align, and at least 16
 *   num <= 255, since an index is a byte
 *   colour = left over / colourStep
 * ```
 */
import { SLAB_NOLEAKTRACE, SLAB_RECLAIM_ACCOUNT, SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import { objectAlign } from '../cache-request.js';

/** Bytes of a machine word; sizes are multiples of it. */
const WORD = 8;
/** Bytes of a cache line: the least step from colour to colour. */
const CACHE_LINE = 64;
/** The smallest object. */
const LEAST_SIZE = 16;
/** The most objects of a slab. */
const MOST_OBJECTS = 255;
/** The part of a slab that may be left over, as a divisor. */
const WASTE_DIVISOR = 8;
/** The largest order that is tried for the sake of less waste, on machines of more than 32 MiB; smaller ones stay at single pages. */
const HIGH_ORDER = 1;
const LITTLE_MEMORY = 2 ** 25;

/** Where the indices of free objects stand. */
export type IndexPlace = 'object' | 'off slab' | 'on slab';

/** What a cache is asked to hold. */
export interface ClassicShape {
  /** Bytes of an object. */
  readonly objectSize: number;
  /** Alignment asked for in bytes. */
  readonly align: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Whether objects are constructed. */
  readonly hasConstructor: boolean;
  /** Bytes of a page. */
  readonly pageSize: number;
  /** Bytes of the machine's memory. */
  readonly memoryBytes: number;
  /** Number of orders of the page allocator. */
  readonly maxOrder: number;
  /** Bytes that kmalloc takes for so many, for indices off the slab; 0 when it cannot serve them. */
  readonly kmallocSize: (sizeBytes: number) => number;
}

/** The geometry. Sizes and places are bytes. */
export interface ClassicGeometry {
  /** Distance from one object to the next. */
  readonly size: number;
  /** Alignment of every object, from the slab's first one on. */
  readonly align: number;
  /** log2 of the pages of a slab. */
  readonly order: number;
  /** Objects in it. */
  readonly num: number;
  /** Colours there are. */
  readonly colours: number;
  /** From one to the next. */
  readonly colourStep: number;
  /** Where the indices stand. */
  readonly indices: IndexPlace;
}

/** A slab that holds something: its order, objects, bytes left over. */
interface Slab {
  readonly order: number;
  readonly num: number;
  readonly left: number;
}

/**
 * Computes the geometry of a cache.
 *
 * @param shape - what it is to hold.
 * @returns the geometry; null when no block of pages holds one object.
 * @kernelName __kmem_cache_create
 */
export function classicGeometry(shape: ClassicShape): ClassicGeometry | null {
  const { flags, hasConstructor, kmallocSize, objectSize } = shape;
  const align = objectAlign(objectSize, shape.align, flags);
  const rounded = roundUp(roundUp(objectSize, WORD), align);
  const size = rounded < LEAST_SIZE ? roundUp(LEAST_SIZE, align) : rounded;
  const colourStep = Math.max(CACHE_LINE, align);
  const made = (indices: IndexPlace, { left, num, order }: Slab): ClassicGeometry => {
    return { size, align, order, num, colours: Math.floor(left / colourStep), colourStep, indices };
  };
  const isUntouched = !hasConstructor && (flags & SLAB_TYPESAFE_BY_RCU) === 0;
  const inObject = isUntouched ? findOrder(shape, size, 0, always) : null;
  if (inObject !== null && inObject.num <= objectSize) return made('object', inObject);
  const mayBeOff = (flags & SLAB_NOLEAKTRACE) === 0;
  const off = mayBeOff ? findOrder(shape, size, 0, (num) => kmallocSize(num) > 0 && kmallocSize(num) <= size / 2) : null;
  // With as much left over there is room for the indices on the slab.
  if (off !== null && off.left < off.num) return made('off slab', off);
  const on = findOrder(shape, size, 1, always);
  return on === null ? null : made('on slab', on);
}

/** Chooses the pages of a slab. Each object costs some bytes more for its index. */
function findOrder(shape: ClassicShape, size: number, indexBytes: number, accepts: (num: number) => boolean): Slab | null {
  const { flags, maxOrder, memoryBytes, pageSize } = shape;
  const enough = memoryBytes > LITTLE_MEMORY ? HIGH_ORDER : 0;
  let found: Slab | null = null;
  for (let order = 0; order < maxOrder; order++) {
    const bytes = pageSize * 2 ** order;
    const num = Math.floor(bytes / (size + indexBytes));
    if (num === 0) continue;
    if (num > MOST_OBJECTS) break;
    if (!accepts(num)) continue;
    found = { order, num, left: bytes - num * (size + indexBytes) };
    const isEnough = (flags & SLAB_RECLAIM_ACCOUNT) !== 0 || order >= enough || found.left * WASTE_DIVISOR <= bytes;
    if (isEnough) break;
  }
  return found;
}

function always(): boolean {
  return true;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
