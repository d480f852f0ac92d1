/**
 * Exact sizes: as many pages as a size needs, not the next power of two (buddy spec 10.2).
 *
 * A block is split into pages and the rest of it goes back at once; the pages are freed one by one.
 */
import { __GFP_COMP, __GFP_HIGHMEM, BLOCK_ZONE_SHIFT, NO_PAGE, type Gfp } from '@kmem/contracts';
import type { Allocation } from './alloc.js';
import { mayFree, splitPage, type Freeing } from './free.js';
import { formatGfp } from './gfp.js';
import { pageblockType } from './pageblock.js';
import { badArgument, report, runAll } from './report.js';
import type { BuddyState } from './state.js';

/**
 * Takes as many contiguous pages as the size needs; the rest of the block goes back at once.
 *
 * @param s - the state.
 * @param allocation - takes the block.
 * @param node - node to start from.
 * @param sizeBytes - size in bytes.
 * @param gfp - flags.
 * @returns first frame or `NO_PAGE`.
 */
export function allocPagesExact(s: BuddyState, allocation: Allocation, node: number, sizeBytes: number, gfp: Gfp): number {
  const pages = pagesOf(s, sizeBytes);
  if (pages === 0) return NO_PAGE;
  const order = pages > 2 ** (s.maxOrder - 1) ? s.maxOrder : Math.ceil(Math.log2(pages));
  const pfn = allocation.allocPages(node, exactGfp(s, gfp), order);
  if (pfn === NO_PAGE) return NO_PAGE;
  splitPage(s, pfn, order);
  for (let at = pfn + pages; at < pfn + (1 << order); at++) {
    s.refcount[at] = 0;
    if (s.trace !== null) s.trace.mmPageFree(at, 0);
    // Straight to the free areas and to the tails: the rest of this block should stay in one piece.
    const zone = s.block[at] >>> BLOCK_ZONE_SHIFT;
    s.areas.freeBlock(zone, at, 0, pageblockType(s, zone, at), true);
  }
  return pfn;
}

/**
 * Frees pages taken with {@link allocPagesExact}: all of them, or none when one must not be freed.
 *
 * @param s - the state.
 * @param freeing - frees each page.
 * @param pfn - first frame.
 * @param sizeBytes - size in bytes.
 */
export function freePagesExact(s: BuddyState, freeing: Freeing, pfn: number, sizeBytes: number): void {
  const pages = pagesOf(s, sizeBytes);
  for (let i = 0; i < pages; i++) {
    if (!mayFree(s, pfn + i, 0)) return;
  }
  runAll(pages, (i) => freeing.freePages(pfn + i, 0));
}

function pagesOf(s: BuddyState, sizeBytes: number): number {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
    report(s, badArgument('BAD_SIZE', 'sizeBytes', sizeBytes, 'a positive safe integer'));
    return 0;
  }
  return Math.ceil(sizeBytes / 2 ** s.frames.pageShift);
}

/** Drops the flags that an exact allocation cannot honour. */
function exactGfp(s: BuddyState, gfp: Gfp): Gfp {
  const refused = gfp & (__GFP_COMP | __GFP_HIGHMEM);
  if (refused === 0) return gfp;
  report(s, badArgument('BAD_GFP', 'gfp of an exact allocation', formatGfp(gfp), `without ${formatGfp(refused)}`, 'warn'));
  return gfp & ~refused;
}
