/** Chapter of the PageAllocator suite: blocks, shortage, and what freeing brings back. */
import { NO_PAGE, NUMA_NO_NODE } from '@kmem/contracts';
import { capacity, PageLedger, SUITE_GFP, usedPages } from './page-ledger.js';
import type { PageAllocatorFixture, PageAllocatorRule } from './page-allocator-suite.js';
import { Random } from './random.js';
import { check, checkEqual } from './register.js';

/**
 * Registers the chapter.
 *
 * @param rule - takes the rules.
 * @param fixture - the implementation, for rules that need two allocators.
 */
export function registerBlockRules(rule: PageAllocatorRule, fixture: PageAllocatorFixture): void {
  const topOrder = fixture.maxOrder - 1;

  rule('every frame of a fresh allocator is free', (a) => {
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
    checkEqual(a.nrPcpPages, 0, 'pages on per-CPU lists');
  });

  // Twice the largest block, so that one of that order fits whatever reserve the allocator keeps.
  rule(
    'a block starts at a multiple of its size',
    (a) => {
      for (let order = 0; order < a.maxOrder; order++) {
        const ledger = new PageLedger(a);
        ledger.mustTake(order);
        ledger.freeAll();
      }
    },
    2 ** (topOrder + 1),
  );

  rule('blocks in use never overlap, and frame 0 is in none of them', (a) => {
    const ledger = new PageLedger(a);
    for (let round = 0; ledger.take(round % 4) !== NO_PAGE; round++);
    while (ledger.take(0) !== NO_PAGE);
    ledger.freeAll();
  });

  rule('shortage is a value, and changes nothing', (a) => {
    const ledger = new PageLedger(a);
    while (ledger.take(0) !== NO_PAGE);
    const used = usedPages(a);
    for (let order = 0; order < a.maxOrder; order++) {
      checkEqual(a.allocPages(SUITE_GFP, order), NO_PAGE, `block of order ${order} from an exhausted allocator`);
    }
    checkEqual(usedPages(a), used, 'pages in use');
    check(used > 0, 'not one page could be taken');
    ledger.freeAll();
  });

  rule('only the nodes that are named serve a request', (a) => {
    checkEqual(a.allocPagesNodemask(SUITE_GFP, 0, NUMA_NO_NODE, new Set([5])), NO_PAGE, 'page of a node that does not exist');
    checkEqual(a.allocPagesNodemask(SUITE_GFP, a.maxOrder, 0, null), NO_PAGE, 'block of too large an order');
    for (const nodemask of [null, new Set([0]), new Set([0, 5])]) {
      const pfn = a.allocPagesNodemask(SUITE_GFP, 1, 0, nodemask);
      check(pfn !== NO_PAGE && pfn % 2 === 0, 'no block from node 0');
      a.freePages(pfn, 1);
    }
  });

  rule('one frame cannot serve order 1', (a) => {
    checkEqual(a.allocPages(SUITE_GFP, 1), NO_PAGE, 'block of order 1');
  }, 1);

  rule('an order beyond the largest block fails like any shortage', (a) => {
    for (const order of [a.maxOrder, a.maxOrder + 1, 31, 32, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53]) {
      checkEqual(a.allocPages(SUITE_GFP, order), NO_PAGE, `block of order ${order}`);
    }
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule('freeing everything and draining restores every frame', (a) => {
    const ledger = new PageLedger(a);
    for (const order of [2, 0, 1, 0, 3, 0]) ledger.mustTake(order);
    ledger.freeAll();
    checkEqual(a.nrFreePages, a.managedPages, 'free pages');
  });

  rule(
    'freed neighbours join until the blocks are as large as they were',
    (a) => {
      const before = capacity(a);
      const ledger = new PageLedger(a);
      while (ledger.take(0) !== NO_PAGE);
      // Every second page first: no two of them are neighbours, so nothing can join before the second round.
      for (let index = ledger.blocks.length - 1; index >= 0; index -= 2) ledger.free(index);
      a.assertValid();
      ledger.freeAll();
      const after = capacity(a);
      for (let order = 0; order < a.maxOrder; order++) {
        checkEqual(after[order], before[order], `blocks of order ${order} after everything came back`);
      }
    },
    2 ** topOrder,
  );

  rule('the order in which blocks are freed does not matter', (a) => {
    const before = capacity(a);
    const random = new Random(1);
    const ledger = new PageLedger(a);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 40; i++) ledger.take(random.below(4));
      while (ledger.blocks.length > 10) ledger.free(random.below(ledger.blocks.length));
    }
    while (ledger.blocks.length > 0) ledger.free(random.below(ledger.blocks.length));
    ledger.freeAll();
    const after = capacity(a);
    for (let order = 0; order < a.maxOrder; order++) {
      checkEqual(after[order], before[order], `blocks of order ${order} after everything came back`);
    }
  });

  rule('draining one CPU or all of them leaves nothing on per-CPU lists', (a) => {
    const ledger = new PageLedger(a);
    ledger.mustTake(0);
    a.drainLocalPages();
    checkEqual(a.nrPcpPages, 0, 'pages on per-CPU lists of a machine with one CPU');
    ledger.mustTake(1);
    ledger.free(0);
    a.drainAllPages();
    checkEqual(a.nrPcpPages, 0, 'pages on per-CPU lists');
    ledger.freeAll();
  });

  rule('two allocators share nothing', (a) => {
    const other = fixture.create(a.managedPages);
    const pfn = a.allocPages(SUITE_GFP, 0);
    checkEqual(usedPages(other), 0, 'pages in use in the other allocator');
    checkEqual(other.allocPages(SUITE_GFP, 0), pfn, 'first page of the other allocator');
    a.freePages(pfn, 0);
    checkEqual(usedPages(other), 1, 'pages in use in the other allocator');
  });
}
