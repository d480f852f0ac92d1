/** Chapter of the PageAllocator suite: bulk, exact and split. */
import { __GFP_COMP, NO_PAGE } from '@kmem/contracts';
import type { PageAllocator, Pfn } from '@kmem/contracts';
import { PageLedger, SUITE_GFP, usedPages } from './page-ledger.js';
import type { PageAllocatorRule } from './page-allocator-suite.js';
import { check, checkBug, checkEqual } from './register.js';

/** Any frame number that the allocator never sees: bulk calls must leave it alone. */
const FOREIGN = 0x7ffffff0;

function emptySlots(count: number): Int32Array {
  return new Int32Array(count).fill(NO_PAGE);
}

/** Takes `nrPages` pages by one exact call that must succeed. */
function mustTakeExact(a: PageAllocator, nrPages: number): Pfn {
  const pfn = a.allocPagesExact(nrPages * 2 ** a.pageShift, SUITE_GFP);
  check(pfn !== NO_PAGE, `no room for ${nrPages} pages`);
  return pfn;
}

/**
 * Registers the chapter.
 *
 * @param rule - takes the rules.
 */
export function registerPortionRules(rule: PageAllocatorRule): void {
  rule('bulk: fills the empty slots it was asked for and no others', (a) => {
    const ledger = new PageLedger(a);
    const pages = emptySlots(8);
    checkEqual(a.allocPagesBulk(SUITE_GFP, 5, pages), 5, 'filled slots');
    for (const pfn of pages.subarray(0, 5)) ledger.add({ pfn, order: 0 });
    for (const pfn of pages.subarray(5)) checkEqual(pfn, NO_PAGE, 'slot that was not asked for');
    ledger.balance();
    ledger.freeAll();
  });

  rule('bulk: slots that are filled already count and stay as they are', (a) => {
    const ledger = new PageLedger(a);
    const pages = Int32Array.of(FOREIGN, NO_PAGE, NO_PAGE);
    checkEqual(a.allocPagesBulk(SUITE_GFP, 3, pages), 3, 'filled slots');
    checkEqual(pages[0], FOREIGN, 'slot that was filled before');
    for (const pfn of pages.subarray(1)) ledger.add({ pfn, order: 0 });
    ledger.balance();
    ledger.freeAll();
  });

  rule('bulk: a filled slot in the middle is skipped', (a) => {
    const ledger = new PageLedger(a);
    const pages = Int32Array.of(NO_PAGE, FOREIGN, NO_PAGE, NO_PAGE);
    checkEqual(a.allocPagesBulk(SUITE_GFP, 4, pages), 4, 'filled slots');
    checkEqual(pages[1], FOREIGN, 'slot that was filled before');
    for (const index of [0, 2, 3]) ledger.add({ pfn: pages[index], order: 0 });
    ledger.balance();
    ledger.freeAll();
  });

  rule('bulk: an array without empty slots takes nothing', (a) => {
    const pages = Int32Array.of(FOREIGN, FOREIGN);
    checkEqual(a.allocPagesBulk(SUITE_GFP, 2, pages), 2, 'filled slots');
    checkEqual(a.allocPagesBulk(SUITE_GFP, 0, pages), 0, 'filled slots of none');
    checkEqual(a.allocPagesBulk(SUITE_GFP, -1, Int32Array.of(NO_PAGE)), 0, 'filled slots of less than none');
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('bulk: shortage gives a smaller count, and the slots tell the same', (a) => {
    const ledger = new PageLedger(a);
    const pages = emptySlots(a.managedPages + 1);
    const got = a.allocPagesBulk(SUITE_GFP, pages.length, pages);
    check(got >= 0 && got < pages.length, `${got} of ${pages.length} slots filled with ${a.managedPages} pages there`);
    pages.forEach((pfn, slot) => {
      if (slot < got) ledger.add({ pfn, order: 0 });
      else checkEqual(pfn, NO_PAGE, `slot ${slot} of ${got} filled ones`);
    });
    ledger.balance();
    ledger.freeAll();
  });

  rule('bulk: an array shorter than the request is an error that takes nothing', (a) => {
    checkBug(['BAD_SIZE'], () => a.allocPagesBulk(SUITE_GFP, 3, emptySlots(2)));
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('exact: the pages beyond the size come back at once', (a) => {
    for (const nrPages of [1, 2, 3, 4, 5, 7]) {
      const pfn = mustTakeExact(a, nrPages);
      checkEqual(usedPages(a), nrPages, `pages in use for ${nrPages} pages`);
      checkEqual(pfn % 2 ** Math.ceil(Math.log2(nrPages)), 0, `remainder of frame ${pfn} for ${nrPages} pages`);
      a.freePagesExact(pfn, nrPages * 2 ** a.pageShift);
      checkEqual(usedPages(a), 0, 'pages in use');
    }
  });

  rule('exact: a size is rounded up to whole pages', (a) => {
    const pageSize = 2 ** a.pageShift;
    const one = a.allocPagesExact(1, SUITE_GFP);
    const two = a.allocPagesExact(pageSize + 1, SUITE_GFP);
    checkEqual(usedPages(a), 3, 'pages in use');
    a.freePagesExact(two, pageSize + 1);
    a.freePagesExact(one, 1);
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('exact: each page is freed on its own, compound or not', (a) => {
    const pfn = a.allocPagesExact(3 * 2 ** a.pageShift, SUITE_GFP | __GFP_COMP);
    check(pfn !== NO_PAGE, 'no room for 3 pages');
    for (let i = 0; i < 3; i++) {
      a.freePages(pfn + i, 0);
      checkEqual(usedPages(a), 2 - i, 'pages in use');
    }
  });

  rule('exact: more than the largest block holds is a shortage', (a) => {
    const largest = 2 ** (a.maxOrder - 1 + a.pageShift);
    for (const size of [largest + 1, 2 * largest, 2 ** 32 + 1, 2 ** 53 - 1]) {
      checkEqual(a.allocPagesExact(size, SUITE_GFP), NO_PAGE, `${size} bytes`);
    }
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule('split: each page of the block is freed on its own', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 2);
    a.splitPage(pfn, 2);
    checkEqual(usedPages(a), 4, 'pages in use');
    for (const [nrFreed, offset] of [2, 0, 3, 1].entries()) {
      a.freePages(pfn + offset, 0);
      checkEqual(usedPages(a), 3 - nrFreed, 'pages in use');
    }
    a.drainAllPages();
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule('split: a single page is a block already', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 0);
    a.splitPage(pfn, 0);
    a.freePages(pfn, 0);
    checkEqual(usedPages(a), 0, 'pages in use');
  });
}
