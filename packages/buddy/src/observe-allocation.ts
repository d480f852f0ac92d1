/**
 * Ways to take pages that tell somebody of each block taken.
 *
 * Counters that a machine may do without are kept like this: who does not count them calls the plain functions and pays nothing.
 */
import { NO_PAGE, type Gfp } from '@kmem/contracts';
import type { Allocation } from './alloc.js';

/** Hears of a block: how it was asked for, and its first frame. */
export type AllocationObserver = (node: number, gfp: Gfp, order: number, nodemask: ReadonlySet<number> | null, pfn: number) => void;

/**
 * Makes ways to take pages that are observed. Each page of a bulk request is a block of order 0.
 *
 * @param allocation - the ways to take pages.
 * @param observe - hears of each block.
 * @returns the same ways, observed.
 */
export function observeAllocation(allocation: Allocation, observe: AllocationObserver): Allocation {
  const allocPagesNodemask: Allocation['allocPagesNodemask'] = (node, gfp, order, nodemask) => {
    const pfn = allocation.allocPagesNodemask(node, gfp, order, nodemask);
    if (pfn !== NO_PAGE) observe(node, gfp, order, nodemask, pfn);
    return pfn;
  };
  return {
    allocPages: (node, gfp, order) => allocPagesNodemask(node, gfp, order, null),
    allocPagesNodemask,
    allocPagesBulk: (node, gfp, nrPages, pages) => {
      const before = pages.slice();
      const filled = allocation.allocPagesBulk(node, gfp, nrPages, pages);
      for (let i = 0; i < filled; i++) if (before[i] === NO_PAGE) observe(node, gfp, 0, null, pages[i]);
      return filled;
    },
  };
}
