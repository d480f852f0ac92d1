/** Chapter of the PageAllocator suite: reference counts and compound pages (buddy spec 2.1). */
import { __GFP_COMP } from '@kmem/contracts';
import { PageLedger, SUITE_GFP, usedPages } from './page-ledger.js';
import type { PageAllocatorRule } from './page-allocator-suite.js';
import { checkEqual } from './register.js';

const COMPOUND = SUITE_GFP | __GFP_COMP;

/**
 * Registers the chapter.
 *
 * @param rule - takes the rules.
 */
export function registerReferenceRules(rule: PageAllocatorRule): void {
  rule('a page counts its references', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 0);
    checkEqual(a.pageCount(pfn), 1, 'references of a page just taken');
    a.getPage(pfn);
    checkEqual(a.pageCount(pfn), 2, 'references after one more');
    a.putPage(pfn);
    a.freePages(pfn, 0);
    checkEqual(a.pageCount(pfn), 0, 'references of a free page');
  });

  rule('several references are taken and dropped at once', (a) => {
    const pfn = a.allocPages(COMPOUND, 2);
    a.getPage(pfn + 1, 32768);
    checkEqual(a.pageCount(pfn), 32769, 'references after 32768 more');
    a.putPage(pfn + 2, 32767);
    checkEqual(a.pageCount(pfn), 2, 'references after 32767 less');
    a.putPage(pfn, 2);
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('a plain block counts references on its first page, a compound block on every page, a split one for each', (a) => {
    const plain = a.allocPages(SUITE_GFP, 2);
    const compound = a.allocPages(COMPOUND, 2);
    a.getPage(compound + 3);
    for (let page = 0; page < 4; page++) {
      checkEqual(a.pageCount(plain + page), page === 0 ? 1 : 0, `references of page ${page} of a plain block`);
      checkEqual(a.pageCount(compound + page), 2, `references of page ${page} of a compound block`);
    }
    a.splitPage(plain, 2);
    for (let page = 0; page < 4; page++) checkEqual(a.pageCount(plain + page), 1, `references of page ${page} after the split`);
  });

  rule('a page stays in use until its last reference is dropped', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 0);
    a.getPage(pfn);
    a.getPage(pfn);
    a.freePages(pfn, 0);
    a.putPage(pfn);
    checkEqual(usedPages(a), 1, 'pages in use with one reference left');
    a.putPage(pfn);
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('putting the last reference of a single page frees it', (a) => {
    a.putPage(a.allocPages(SUITE_GFP, 0));
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('a reference on any page of a compound block counts for the block', (a) => {
    for (let tail = 0; tail < 4; tail++) {
      const pfn = a.allocPages(COMPOUND, 2);
      a.getPage(pfn + tail);
      a.freePages(pfn, 2);
      checkEqual(usedPages(a), 4, 'pages in use with one reference left');
      a.putPage(pfn + 3 - tail);
      checkEqual(usedPages(a), 0, 'pages in use');
    }
  });

  rule('putting the last reference of a compound block frees all of it', (a) => {
    a.putPage(a.allocPages(COMPOUND, 3) + 5);
    checkEqual(usedPages(a), 0, 'pages in use');
    a.drainAllPages();
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule('freeing a plain block that is still referenced frees all but its first page', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 2);
    a.getPage(pfn);
    a.freePages(pfn, 2);
    checkEqual(usedPages(a), 1, 'pages in use with one reference left');
    a.putPage(pfn);
    checkEqual(usedPages(a), 0, 'pages in use');
    a.drainAllPages();
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule('a plain block keeps all its pages while a second reference is put back', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 2);
    a.getPage(pfn);
    a.putPage(pfn);
    checkEqual(usedPages(a), 4, 'pages in use with one reference left');
    a.freePages(pfn, 2);
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('putting the last reference of a plain block frees its first page alone', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 1);
    a.putPage(pfn);
    checkEqual(usedPages(a), 1, 'pages in use: the second page is lost');
  });

  rule('a block of one page is never compound', (a) => {
    const pfn = a.allocPages(COMPOUND, 0);
    a.splitPage(pfn, 0);
    a.putPage(pfn);
    checkEqual(usedPages(a), 0, 'pages in use');
  });

  rule('a compound block is freed by its head as one block', (a) => {
    const ledger = new PageLedger(a);
    for (let order = 0; order < 4; order++) ledger.mustTake(order, COMPOUND);
    ledger.freeAll();
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule('pages of a split block are counted one by one', (a) => {
    const pfn = a.allocPages(SUITE_GFP, 1);
    a.splitPage(pfn, 1);
    a.getPage(pfn + 1);
    a.putPage(pfn + 1);
    a.putPage(pfn);
    checkEqual(usedPages(a), 1, 'pages in use');
    a.putPage(pfn + 1);
    checkEqual(usedPages(a), 0, 'pages in use');
  });
}
