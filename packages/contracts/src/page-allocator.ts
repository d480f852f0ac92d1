/**
 * PageAllocator: hands out naturally aligned blocks of `2 ** order` frames.
 *
 * What every implementation promises:
 * ```
 *   a block of order o starts at a multiple of 2 ** o
 *   blocks in use never overlap, and frame 0 is in none of them
 *   managedPages = nrFreePages + nrPcpPages + pages in use
 *   freeing every block and draining every CPU brings nrFreePages back to managedPages
 * ```
 * Shortage is a value (`NO_PAGE`, a smaller count). Misuse is a KernelBug; the state stays as it was.
 * No call sleeps: what waiting would achieve is asked of the Reclaim contract.
 */
import type { Gfp, NodeId, Order, Pfn } from './units.js';

/** Hands out blocks of page frames. */
export interface PageAllocator {
  /** Number of orders; the largest block has order `maxOrder - 1`. */
  readonly maxOrder: number;
  /** log2 of the page size in bytes. */
  readonly pageShift: number;
  /** Frames under management: free ones, those on per-CPU lists and those in use. */
  readonly managedPages: number;
  /** Frames on the free lists. Frames on per-CPU lists are not free in this sense. */
  readonly nrFreePages: number;
  /** Frames waiting on per-CPU lists. */
  readonly nrPcpPages: number;

  /**
   * Takes a block.
   *
   * @param gfp - where the block may come from and what may be done to get it.
   * @param order - log2 of the number of frames. An order of `maxOrder` or more fails.
   * @returns first frame, a multiple of the block size, or `NO_PAGE`.
   * @throws KernelBug `BAD_ORDER` when the order is not a non-negative integer.
   * @context any; the flags must not allow direct reclaim where sleeping is forbidden.
   * @kernelName alloc_pages
   */
  allocPages(gfp: Gfp, order: Order): Pfn;

  /**
   * Takes a block, from the given node if it can.
   *
   * @param node - node to start from; `NUMA_NO_NODE` for the one of the CPU that asks. A machine without nodes has node 0.
   * @param gfp - as for {@link PageAllocator.allocPages}; `__GFP_THISNODE` rules the other nodes out.
   * @param order - as for {@link PageAllocator.allocPages}.
   * @returns first frame, a multiple of the block size, or `NO_PAGE`.
   * @throws KernelBug `BAD_NODE` for a node that does not exist, `BAD_ORDER`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName alloc_pages_node
   */
  allocPagesNode(node: NodeId, gfp: Gfp, order: Order): Pfn;

  /**
   * Takes a block from one of the given nodes: the form in which the caller chooses the zonelist.
   *
   * @param gfp - as for {@link PageAllocator.allocPages}.
   * @param order - as for {@link PageAllocator.allocPages}.
   * @param node - node to start from, as for {@link PageAllocator.allocPagesNode}; it need not be among the others.
   * @param nodemask - the nodes that may serve; `null` for all. Nodes that do not exist are passed over. When memory of these nodes
   *   runs out, a request that may not wait and has `__GFP_HIGH`, or one that may have the reserves, is served from the others.
   * @returns first frame, a multiple of the block size, or `NO_PAGE`.
   * @throws KernelBug `BAD_NODE` for a node to start from that does not exist, `BAD_ORDER`.
   * @context as {@link PageAllocator.allocPages}.
   * @kernelName __alloc_pages
   */
  allocPagesNodemask(gfp: Gfp, order: Order, node: NodeId, nodemask: ReadonlySet<NodeId> | null): Pfn;

  /**
   * Drops a reference to a block and frees it when it was the last one.
   *
   * @param pfn - first frame of a block that was taken.
   * @param order - the order it was taken with.
   * @throws KernelBug `BAD_FRAME`, `BAD_ORDER`, `DOUBLE_FREE`, `BAD_FREE` or `BAD_PAGE`.
   * @context any.
   * @kernelName __free_pages
   */
  freePages(pfn: Pfn, order: Order): void;

  /**
   * Takes single pages into the empty slots of an array.
   *
   * @param gfp - as for {@link PageAllocator.allocPages}.
   * @param nrPages - how many slots to fill, counted from the first; 0 or less asks for nothing.
   * @param pages - slots; `NO_PAGE` marks an empty one, other values are left alone.
   * @returns number of filled slots, those filled before included; may be less than asked for.
   * @throws KernelBug `BAD_SIZE` when `nrPages` is not an integer or the array is shorter.
   * @context any.
   * @kernelName alloc_pages_bulk_array
   */
  allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number;

  /**
   * Takes as many contiguous pages as the size needs and gives the rest of the block back.
   *
   * @param sizeBytes - from 1 to the size of the largest block.
   * @param gfp - as for {@link PageAllocator.allocPages}; compound and highmem are dropped.
   * @returns first frame or `NO_PAGE`.
   * @throws KernelBug `BAD_SIZE` when the size is not a positive safe integer.
   * @context any.
   * @kernelName alloc_pages_exact
   */
  allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn;

  /**
   * Frees pages taken with {@link PageAllocator.allocPagesExact}, one by one.
   *
   * @param pfn - first frame.
   * @param sizeBytes - the size they were taken with.
   * @throws KernelBug as {@link PageAllocator.freePages}.
   * @context any.
   * @kernelName free_pages_exact
   */
  freePagesExact(pfn: Pfn, sizeBytes: number): void;

  /**
   * Makes independent pages of a block: each has its own reference and is freed on its own.
   *
   * @param pfn - first frame of a block in use that is not compound.
   * @param order - its order.
   * @throws KernelBug `BAD_SPLIT` for a compound or unused page.
   * @context any.
   * @kernelName split_page
   */
  splitPage(pfn: Pfn, order: Order): void;

  /**
   * Takes another reference, or several at once. On a tail of a compound page it counts for the head.
   *
   * @param pfn - a frame in use.
   * @param references - how many, 1 unless stated. A page has 2147483647 at most.
   * @throws KernelBug `REFCOUNT` when the frame is free, or there would be too many.
   * @context any.
   * @kernelName get_page, page_ref_add
   */
  getPage(pfn: Pfn, references?: number): void;

  /**
   * Drops a reference, or several at once; the last one frees a compound page whole and any other page alone.
   *
   * @param pfn - a frame in use.
   * @param references - how many, 1 unless stated.
   * @throws KernelBug `REFCOUNT` when the frame has not so many.
   * @context any.
   * @kernelName put_page, folio_put_refs
   */
  putPage(pfn: Pfn, references?: number): void;

  /**
   * Reads how many references a page has.
   *
   * @param pfn - a frame; a tail of a compound page answers for the head.
   * @returns references; 0 for a free page, and for all but the first page of a plain block.
   * @throws KernelBug `BAD_FRAME` for what is no frame of the memory.
   * @context any.
   * @kernelName page_count
   */
  pageCount(pfn: Pfn): number;

  /**
   * Gives the pages on the current CPU's lists back to the free lists.
   *
   * @context task, bound to its CPU.
   * @kernelName drain_local_pages
   */
  drainLocalPages(): void;

  /**
   * Gives the pages on every CPU's lists back to the free lists.
   *
   * @context task.
   * @kernelName drain_all_pages
   */
  drainAllPages(): void;

  /**
   * Checks every invariant of the implementation. Costs time proportional to the memory.
   *
   * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
   * @context any.
   */
  assertValid(): void;
}
