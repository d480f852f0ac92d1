/** A heap that finds what programs do wrong with their blocks. */
import { checkedAllocator, type LiveBlock } from './checked-allocator.js';
import { composeHeap, heapParts, type Heap } from './heap.js';
import type { HeapOptions } from './heap-options.js';

/** A heap that checks, and tells who has what. */
export interface CheckedHeap extends Heap {
  /**
   * Lists the blocks in use: at the end of a program, its leaks.
   *
   * @returns the blocks, the oldest first.
   * @context any.
   */
  live: () => readonly LiveBlock[];
}

/**
 * Makes a heap that throws a KernelBug at the first misuse it sees: `CORRUPT_OBJECT` for bytes written before, behind or
 * after a block, when it is freed, moved or {@link Heap.assertValid} is called; `DOUBLE_FREE`; `BAD_OBJECT`.
 * It takes more memory and time, moves blocks at every `realloc`, and cannot be copied.
 *
 * @param options - as for `createHeap`.
 * @returns the heap.
 * @throws TypeError or RangeError naming the option that is wrong.
 * @context any.
 * @example
 * ```ts
 * import { isKernelBug } from '@kmem/contracts';
 * import { createCheckedHeap } from '@kmem/heap';
 * const heap = createCheckedHeap({ bytes: 2 ** 16 });
 * const block = heap.malloc(10);
 * heap.views.u8[block + 10] = 1;
 * try {
 *   heap.free(block);
 * } catch (error) {
 *   isKernelBug(error) && error.code; // -> 'CORRUPT_OBJECT'
 * }
 * ```
 */
export function createCheckedHeap(options: HeapOptions): CheckedHeap {
  const parts = heapParts(options);
  const allocator = checkedAllocator(parts.allocator, parts.memory);
  return Object.assign(composeHeap({ ...parts, allocator }), { live: allocator.live });
}
