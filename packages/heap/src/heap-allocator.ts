/**
 * HeapAllocator: what a heap asks of the allocator behind it. Two implementations: the heap's own (`block-allocator.ts`)
 * and the kernel's object caches (`kernel-allocator.ts`).
 */
import type { HeapState } from './heap-state.js';

/** What a heap's memory is used for, in bytes. `used + slack + free = size`. */
export interface HeapUse {
  /** Address range under management. */
  readonly sizeBytes: number;
  /** Blocks in use, each counted with its usable size. */
  readonly usedBytes: number;
  /** Held for blocks to come, or lost between blocks. */
  readonly slackBytes: number;
  /** Free for blocks of any size. */
  readonly freeBytes: number;
  /** Number of blocks in use. */
  readonly blocks: number;
}

/** Hands out blocks of an address range. Address 0 is no block. */
export interface HeapAllocator {
  /**
   * Takes a block.
   *
   * @param bytes - at least so many; an integer from 0.
   * @returns its address, a multiple of 8; 0 when there is no room.
   * @throws KernelBug `BAD_SIZE`.
   * @context any.
   */
  malloc: (bytes: number) => number;

  /**
   * Takes a block at a multiple of `align`.
   *
   * @param align - a power of two.
   * @param bytes - at least so many; an integer from 0.
   * @returns its address; 0 when there is no room.
   * @throws KernelBug `BAD_SIZE`.
   * @context any.
   */
  alignedAlloc: (align: number, bytes: number) => number;

  /**
   * Gives a block back.
   *
   * @param addr - of a block; 0 does nothing.
   * @throws KernelBug `BAD_OBJECT` or `DOUBLE_FREE`; nothing has changed.
   * @context any.
   */
  free: (addr: number) => void;

  /**
   * Says how many bytes of a block may be used.
   *
   * @param addr - of a block.
   * @returns bytes, no fewer than were asked for.
   * @throws KernelBug `BAD_OBJECT` or `DOUBLE_FREE`.
   * @context any.
   */
  usableSize: (addr: number) => number;

  /**
   * Makes a block larger or smaller where it is.
   *
   * @param addr - of a block.
   * @param bytes - that it is to have at least.
   * @returns false when it cannot stay: nothing has changed.
   * @throws KernelBug as {@link HeapAllocator.usableSize}.
   * @context any.
   */
  resize: (addr: number, bytes: number) => boolean;

  /**
   * Prepares for many blocks of one size.
   *
   * @param bytes - of a block, from 1.
   * @returns takes one, as {@link HeapAllocator.malloc}.
   * @context any.
   */
  fixedSize: (bytes: number) => () => number;

  /**
   * Makes what is held for blocks to come free for any size.
   *
   * @returns bytes that became free.
   * @context any.
   */
  trim: () => number;

  /**
   * Adds an address range behind what is managed.
   *
   * @param start - first byte.
   * @param end - byte behind the last one.
   * @returns false when nothing could be added.
   * @context any.
   */
  extend: (start: number, end: number) => boolean;

  /**
   * Adds up what the memory is used for. Takes time in proportion to the number of blocks.
   *
   * @returns the sums.
   * @context any.
   */
  use: () => HeapUse;

  /**
   * Says how large a block there could be.
   *
   * @returns bytes of the longest free range.
   * @context any.
   */
  longestFree: () => number;

  /**
   * Checks every invariant.
   *
   * @throws KernelBug `CORRUPT_STATE` naming the first one that does not hold.
   * @context any.
   */
  assertValid: () => void;

  /** The state, for those that can be copied; null for others. */
  readonly state: HeapState | null;
}
