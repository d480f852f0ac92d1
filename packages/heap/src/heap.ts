/**
 * A heap over one buffer: memory, an allocator for its addresses, and what needs both.
 *
 * ```
 *   createHeap = HeapMemory + HeapAllocator
 *   malloc, free, ...        the allocator's
 *   realloc, calloc          the allocator's, and bytes moved or cleared
 *   growth                   memory first, then the allocator is told
 * ```
 */
import { createBlockAllocator } from './block-allocator.js';
import type { HeapAllocator, HeapUse } from './heap-allocator.js';
import type { HeapMemory, HeapViews } from './heap-memory.js';
import { checkOptions, requireInteger, type HeapOptions, type HeapSpace } from './heap-options.js';
import { restoreHeap, takeSnapshot, type HeapSnapshot } from './heap-snapshot.js';
import { createHeapState } from './heap-state.js';
import { sizeTable, type SizeSet } from './size-classes.js';
import { createStructCache, type StructCache, type StructFields } from './struct-cache.js';

/** What a heap's memory is used for. */
export interface HeapStats extends HeapUse {
  /** Largest block that there is room for in one piece, in bytes. */
  readonly longestFreeBytes: number;
  /** Bytes beside the memory in which the allocator keeps what it knows; 0 when it does not tell. */
  readonly stateBytes: number;
}

/** Typed arrays that can lie in a heap. */
export interface ViewConstructor<T> {
  /** Bytes of an element. */
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
}

/** Blocks of memory by address. Address 0 is no block. */
export interface Heap {
  /**
   * Takes a block. Its bytes are as their last user left them.
   *
   * @param bytes - at least so many; an integer from 0.
   * @returns its address, a multiple of 8; 0 when there is no room.
   * @throws KernelBug `BAD_SIZE` for what is no size.
   * @context any.
   */
  malloc: (bytes: number) => number;

  /**
   * Takes a block full of zeroes.
   *
   * @param bytes - as for {@link Heap.malloc}.
   * @returns as {@link Heap.malloc}.
   * @throws KernelBug `BAD_SIZE`; `NO_BACKING` for a heap of addresses alone.
   * @context any.
   */
  calloc: (bytes: number) => number;

  /**
   * Takes a block at a multiple of `align`.
   *
   * @param align - a power of two up to 2^30.
   * @param bytes - as for {@link Heap.malloc}.
   * @returns as {@link Heap.malloc}.
   * @throws RangeError when the alignment is no power of two.
   * @throws KernelBug `BAD_SIZE`.
   * @context any.
   */
  alignedAlloc: (align: number, bytes: number) => number;

  /**
   * Gives a block back.
   *
   * @param addr - of a block; 0 does nothing.
   * @throws KernelBug `BAD_OBJECT` when no block starts there, `DOUBLE_FREE` when it is free already. Nothing has changed then.
   * @context any.
   */
  free: (addr: number) => void;

  /**
   * Makes a block larger or smaller, where it is or elsewhere. What fits is kept; in a heap of addresses alone the caller moves it.
   *
   * @param addr - of a block; 0 takes a new one.
   * @param bytes - as for {@link Heap.malloc}.
   * @returns where the block is now; 0 when there is no room: it is where it was, unchanged.
   * @throws KernelBug as {@link Heap.free} and {@link Heap.malloc}.
   * @context any.
   */
  realloc: (addr: number, bytes: number) => number;

  /**
   * Says how many bytes of a block may be used.
   *
   * @param addr - of a block.
   * @returns bytes, no fewer than were asked for.
   * @throws KernelBug as {@link Heap.free}.
   * @context any.
   */
  usableSize: (addr: number) => number;

  /**
   * Looks at a block as an array. The view is good until the heap grows, unless the buffer keeps its bytes in place.
   *
   * @param type - of the array, for example `Float32Array`.
   * @param addr - of its first element: a multiple of the element's size.
   * @param length - elements.
   * @returns a view of the heap's bytes.
   * @throws RangeError when it does not lie in the memory; KernelBug `NO_BACKING`.
   * @context any.
   */
  view<T>(type: ViewConstructor<T>, addr: number, length: number): T;

  /** Views of all bytes: `heap.views.f32[addr >> 2]`. To be asked for anew after the heap has grown. */
  readonly views: HeapViews;

  /**
   * Makes a cache of structures: blocks of exactly their size, and records that read and write their fields.
   *
   * @param fields - types by name, in the order in which they lie.
   * @returns the cache.
   * @throws TypeError for an unknown type; RangeError without fields.
   * @context any.
   */
  structCache<F extends StructFields>(fields: F): StructCache<F>;

  /**
   * Makes memory that is held for blocks to come free for blocks of any size.
   *
   * @returns bytes that became free.
   * @context any.
   */
  trim: () => number;

  /**
   * Adds memory at once, as a shortage does when it must.
   *
   * @param bytes - how many at least, from 1.
   * @returns false when there is no more.
   * @context any.
   */
  grow: (bytes: number) => boolean;

  /**
   * Adds up what the memory is used for. Takes time in proportion to the number of blocks.
   *
   * @returns the sums.
   * @context any.
   */
  stats: () => HeapStats;

  /**
   * Copies the heap: what is in use, and its bytes.
   *
   * @returns a copy that `structuredClone` and `postMessage` can handle.
   * @throws TypeError when the allocator cannot be copied.
   * @context any.
   */
  snapshot: () => HeapSnapshot;

  /**
   * Makes the heap what it was.
   *
   * @param snapshot - of this heap, or of one made with the same options.
   * @throws RangeError when it does not fit this heap: nothing has changed.
   * @context any.
   */
  restore: (snapshot: HeapSnapshot) => void;

  /**
   * Checks every invariant of the allocator.
   *
   * @throws KernelBug `CORRUPT_STATE`.
   * @context any.
   */
  assertValid: () => void;
}

/**
 * Makes a heap.
 *
 * @param options - what it lies in.
 * @returns the heap, empty.
 * @throws TypeError or RangeError naming the option that is wrong.
 * @example
 * ```ts
 * import { createHeap } from '@kmem/heap';
 * const heap = createHeap({ bytes: 2 ** 20 });
 * const block = heap.malloc(100);
 * heap.usableSize(block); // -> 128
 * heap.free(block);
 * heap.stats().blocks; // -> 0
 * ```
 */
export function createHeap(options: HeapOptions): Heap {
  return composeHeap(heapParts(options));
}

/** Memory is added in multiples of it: whole granules, whole pages. */
const GROWTH_BYTES = 4096;

/** What a heap is put together from. */
interface HeapParts {
  readonly memory: HeapMemory;
  readonly allocator: HeapAllocator;
  readonly limit: number;
  readonly grow: (bytes: number) => boolean;
}

/**
 * Makes the parts of a heap.
 *
 * @param options - of the heap.
 * @returns memory, allocator, and how both grow.
 * @throws TypeError or RangeError naming the option that is wrong.
 */
export function heapParts(options: HeapOptions): HeapParts {
  const { memory, start, limit, sizes, allocator: make } = checkOptions(options);
  const grow = (bytes: number): boolean => {
    const before = memory.sizeBytes;
    const left = limit - before;
    const whole = (more: number): number => Math.min(left, Math.ceil(more / GROWTH_BYTES) * GROWTH_BYTES);
    // A quarter more at once, where there is so much: few steps to any size.
    if (left <= 0 || !(memory.grow(whole(Math.max(bytes, before >>> 2))) || memory.grow(whole(bytes)))) return false;
    return allocator.extend(before, Math.min(limit, memory.sizeBytes));
  };
  const space: HeapSpace = { start, end: Math.min(limit, memory.sizeBytes), limit, onShortage: grow };
  const allocator = make === null ? ownAllocator(space, sizes) : make(space);
  return { memory, allocator, limit, grow };
}

function ownAllocator({ start, end, limit, onShortage }: HeapSpace, sizes: SizeSet): HeapAllocator {
  const table = sizeTable(sizes);
  const granule = 2 ** table.granuleShift;
  const first = Math.max(1, Math.ceil(start / granule));
  const allocator = createBlockAllocator(createHeapState(table, first, Math.floor(limit / granule)), table, onShortage);
  allocator.extend(first * granule, end);
  return allocator;
}

/**
 * Puts a heap together.
 *
 * @param parts - its bytes, the allocator of their addresses, and how both grow.
 * @returns the heap.
 */
export function composeHeap({ memory, allocator, limit, grow }: HeapParts): Heap {
  const { malloc, free, usableSize } = allocator;
  return {
    malloc,
    free,
    usableSize,
    trim: allocator.trim,
    assertValid: allocator.assertValid,

    calloc(bytes) {
      // Asked for first: where there are no bytes nothing shall be taken.
      const { u8 } = memory.views;
      const addr = malloc(bytes);
      if (addr + bytes <= u8.length) u8.fill(0, addr, addr + bytes);
      else if (addr !== 0) memory.views.u8.fill(0, addr, addr + bytes);
      return addr;
    },

    alignedAlloc(align, bytes) {
      if (!Number.isSafeInteger(align) || align < 1 || align > 2 ** 30 || (align & (align - 1)) !== 0) {
        throw new RangeError(`align: expected a power of two up to 2^30, got ${align}`);
      }
      return allocator.alignedAlloc(align, bytes);
    },

    realloc(addr, bytes) {
      if (addr === 0) return malloc(bytes);
      if (allocator.resize(addr, bytes)) return addr;
      const moved = malloc(bytes);
      if (moved === 0) return 0;
      if (memory.hasBytes) memory.views.u8.copyWithin(moved, addr, addr + Math.min(bytes, usableSize(addr)));
      free(addr);
      return moved;
    },

    view(type, addr, length) {
      return new type(memory.views.u8.buffer, addr, length);
    },

    get views() {
      return memory.views;
    },

    structCache: (fields) => createStructCache(memory, allocator, fields),

    grow(bytes) {
      requireInteger('bytes', bytes, 1, 2 ** 32);
      return memory.sizeBytes + bytes <= limit && grow(bytes);
    },

    stats: () => ({ ...allocator.use(), longestFreeBytes: allocator.longestFree(), stateBytes: allocator.state?.words.byteLength ?? 0 }),
    snapshot: () => takeSnapshot(memory, allocator),
    restore: (snapshot) => restoreHeap(memory, allocator, snapshot),
  };
}
