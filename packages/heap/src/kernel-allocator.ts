/**
 * The kernel's allocators behind a heap: pages by the buddy system, blocks by kmalloc, over whatever object caches are given.
 *
 * It hands out what Linux would, size by size. The heap's own allocator is faster and smaller.
 */
import { BuddyAllocator } from '@kmem/buddy';
import { GFP_KERNEL, KernelBug, NO_PAGE, __GFP_NORETRY, __GFP_NOWARN, type FrameTable, type PageAllocator, type SlabAllocator } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { createKmalloc } from '@kmem/slab';
import { requireBytes } from './block-size.js';
import type { HeapAllocator } from './heap-allocator.js';
import type { HeapAllocatorFactory } from './heap-options.js';

/** Makes object caches over pages: `slub` of `@kmem/slab` is one. */
export type SlabFactory = (parts: { pages: PageAllocator; frames: FrameTable }) => SlabAllocator;

const PAGE_BYTES = 4096;
// Shortage is a value here; nobody waits and nobody is told.
const GFP = GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY;

/**
 * Makes heaps run on the kernel's allocators. Such a heap does not grow and cannot be copied.
 *
 * @param slab - makes the object caches.
 * @returns what `createHeap` takes as `allocator`.
 * @throws RangeError, from `createHeap`, when there is not a whole page.
 * @context any.
 * @example
 * ```ts
 * import { createHeap, kernelAllocator } from '@kmem/heap';
 * import { slub } from '@kmem/slab';
 * const heap = createHeap({ bytes: 2 ** 22, allocator: kernelAllocator(slub) });
 * heap.usableSize(heap.malloc(100)); // -> 128
 * ```
 */
export function kernelAllocator(slab: SlabFactory): HeapAllocatorFactory {
  return ({ start, end }) => {
    const first = Math.max(1, Math.ceil(start / PAGE_BYTES));
    const last = Math.floor(end / PAGE_BYTES);
    if (last <= first) throw new RangeError(`bytes: expected a whole page of ${PAGE_BYTES} bytes behind the first one, got ${end - start} bytes`);
    const frames = createFrameTable({ nrFrames: last });
    const pages = new BuddyAllocator({ frames, free: [{ start: first, end: last }] });
    return overPages(pages, frames, slab({ pages, frames }), last - first);
  };
}

function overPages(pages: PageAllocator, frames: FrameTable, slabs: SlabAllocator, nrPages: number): HeapAllocator {
  const { kmalloc, kfree, ksize } = createKmalloc({ slabs, pages, frames });
  let blocks = 0;
  let usedBytes = 0;

  const counted = (addr: number): number => {
    if (addr === 0) return 0;
    blocks++;
    usedBytes += usableSize(addr);
    return addr;
  };
  const malloc = (bytes: number): number => {
    requireBytes(bytes);
    return counted(kmalloc(Math.max(1, bytes), GFP));
  };
  const usableSize = (addr: number): number => {
    const object = slabs.find(addr);
    if (object === null) return ksize(addr);
    if (object.start !== addr) throw new KernelBug('BAD_OBJECT', `no block starts at ${addr}: it is ${addr - object.start} bytes into one`, { addr });
    if (!object.live) throw new KernelBug('DOUBLE_FREE', `the block at ${addr} is free`, { addr });
    return object.cache.objectSize;
  };
  const free = (addr: number): void => {
    if (addr === 0) return;
    const bytes = usableSize(addr);
    kfree(addr);
    blocks--;
    usedBytes -= bytes;
  };

  return {
    malloc,
    free,
    usableSize,
    // kmalloc aligns a power of two to itself.
    alignedAlloc(align, bytes) {
      requireBytes(bytes);
      return malloc(Math.max(align, 2 ** Math.ceil(Math.log2(Math.max(1, bytes)))));
    },

    resize(addr, bytes) {
      requireBytes(bytes);
      return bytes <= usableSize(addr);
    },

    fixedSize(sizeBytes) {
      const cache = slabs.createCache({ name: `heap-${sizeBytes}`, sizeBytes });
      return cache === null ? () => malloc(sizeBytes) : () => counted(cache.alloc(GFP));
    },
    trim() {
      const before = pages.nrFreePages + pages.nrPcpPages;
      for (const cache of slabs.caches()) cache.shrink();
      return (pages.nrFreePages + pages.nrPcpPages - before) * PAGE_BYTES;
    },
    extend: () => false,
    use() {
      const sizeBytes = nrPages * PAGE_BYTES;
      const freeBytes = (pages.nrFreePages + pages.nrPcpPages) * PAGE_BYTES;
      return { sizeBytes, usedBytes, slackBytes: sizeBytes - usedBytes - freeBytes, freeBytes, blocks };
    },
    longestFree() {
      pages.drainAllPages();
      for (let order = pages.maxOrder - 1; order >= 0; order--) {
        const pfn = pages.allocPages(GFP, order);
        if (pfn === NO_PAGE) continue;
        pages.freePages(pfn, order);
        return 2 ** order * PAGE_BYTES;
      }
      return 0;
    },
    assertValid() {
      pages.assertValid();
      slabs.assertValid();
    },
    state: null,
  };
}
