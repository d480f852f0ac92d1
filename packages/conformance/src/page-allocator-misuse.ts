/**
 * Chapter of the PageAllocator suite: foolishness.
 *
 * Every mistake is made while a block is held. Afterwards the counts are what they were, the state is valid,
 * and the block can still be freed.
 */
import { __GFP_COMP, NO_PAGE, NUMA_NO_NODE } from '@kmem/contracts';
import type { KernelBugCode, PageAllocator, Pfn } from '@kmem/contracts';
import { SUITE_GFP } from './page-ledger.js';
import type { PageAllocatorRule } from './page-allocator-suite.js';
import { checkBug, checkEqual } from './register.js';

/** Numbers that are no count, order or frame of anything. */
const NOT_A_NUMBER_OF_THINGS = [NaN, Infinity, -Infinity, -1, -(2 ** 31), 0.5, 1.5, -0.5];

/** Integers so large that 32-bit arithmetic would take them for small ones. */
const HUGE = [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53];

const FRAME_CODES: readonly KernelBugCode[] = ['BAD_FRAME'];
const FREE_CODES: readonly KernelBugCode[] = ['BAD_FREE', 'DOUBLE_FREE', 'BAD_PAGE'];

/**
 * Registers the chapter.
 *
 * @param rule - takes the rules.
 */
export function registerMisuseRules(rule: PageAllocatorRule): void {
  /** Registers a mistake that is made while `held`, a block of order 2, is in use. */
  const mistake = (
    text: string,
    codes: readonly KernelBugCode[],
    call: (a: PageAllocator, held: Pfn) => readonly (() => unknown)[],
    gfp = SUITE_GFP,
  ): void => {
    rule(`misuse: ${text}`, (a) => {
      const held = a.allocPages(gfp, 2);
      for (const foolish of call(a, held)) {
        const free = a.nrFreePages;
        const onPcp = a.nrPcpPages;
        checkBug(codes, foolish);
        checkEqual(a.nrFreePages, free, 'free pages after the report');
        checkEqual(a.nrPcpPages, onPcp, 'pages on per-CPU lists after the report');
      }
      a.assertValid();
      a.freePages(held, 2);
      a.drainAllPages();
      checkEqual(a.nrFreePages, a.managedPages, 'free pages at the end');
    });
  };

  mistake('taking a block of an order that is no order', ['BAD_ORDER'], (a) =>
    NOT_A_NUMBER_OF_THINGS.map((order) => () => a.allocPages(SUITE_GFP, order)),
  );

  mistake('taking a block from a node that is none', ['BAD_NODE'], (a) =>
    [...NOT_A_NUMBER_OF_THINGS.filter((node) => node !== NUMA_NO_NODE), ...HUGE].map((node) => () => a.allocPagesNode(node, SUITE_GFP, 0)),
  );

  mistake('taking a block from given nodes, starting from one that is none, or of an order that is none', ['BAD_NODE', 'BAD_ORDER'], (a) =>
    [null, new Set([0]), new Set([7])].flatMap((nodemask) => [
      ...[0.5, -2, NaN, 2 ** 32].map((node) => () => a.allocPagesNodemask(SUITE_GFP, 0, node, nodemask)),
      ...NOT_A_NUMBER_OF_THINGS.map((order) => () => a.allocPagesNodemask(SUITE_GFP, order, 0, nodemask)),
    ]),
  );

  mistake('taking or dropping what is no number of references, or more than there are', ['REFCOUNT'], (a, held) =>
    [0, ...NOT_A_NUMBER_OF_THINGS, ...HUGE].flatMap((n) => [() => { a.getPage(held, n); }, () => { a.putPage(held, n); }]).concat(() => { a.putPage(held, 2); }),
  );

  mistake('counting references of what is no frame', FRAME_CODES, (a, held) =>
    [...NOT_A_NUMBER_OF_THINGS, ...HUGE, held + 0.5, held + 2 ** 32].map((pfn) => () => a.pageCount(pfn)),
  );

  mistake('freeing a block with an order that is no order', ['BAD_ORDER'], (a, held) =>
    [...NOT_A_NUMBER_OF_THINGS, ...HUGE, a.maxOrder].map((order) => () => a.freePages(held, order)),
  );

  mistake('freeing a frame number that is no frame', FRAME_CODES, (a, held) =>
    [...NOT_A_NUMBER_OF_THINGS, NO_PAGE, ...HUGE, held + 0.5, held + 2 ** 32, held - 2 ** 32].map(
      (pfn) => () => a.freePages(pfn, 0),
    ),
  );

  mistake('freeing frame 0', [...FRAME_CODES, ...FREE_CODES], (a) => [() => a.freePages(0, 0)]);

  mistake('freeing a page twice', ['DOUBLE_FREE'], (a) => {
    const pfn = a.allocPages(SUITE_GFP, 0);
    a.freePages(pfn, 0);
    return [() => a.freePages(pfn, 0)];
  });

  mistake('freeing a large block twice', FREE_CODES, (a) => {
    // The largest order but one that the suite may count on being there beside the held block.
    const order = a.maxOrder - 3;
    const pfn = a.allocPages(SUITE_GFP, order);
    a.freePages(pfn, order);
    a.drainAllPages();
    return [() => a.freePages(pfn, order)];
  });

  mistake('freeing a page that was never taken', FREE_CODES, (a, held) => {
    // The other end of the memory: the held block's largest neighbour is still whole.
    const start = held - (held % 2 ** (a.maxOrder - 1));
    const far = held - start < a.managedPages / 2 ? start + a.managedPages - 1 : start;
    return [() => a.freePages(far, 0)];
  });

  mistake('freeing from the middle of a plain block', FREE_CODES, (a, held) => [
    () => a.freePages(held + 1, 0),
    () => a.freePages(held + 2, 1),
  ]);

  mistake(
    'freeing from the middle of a compound block',
    FREE_CODES,
    (a, held) => [() => a.freePages(held + 1, 0), () => a.freePages(held + 2, 1)],
    SUITE_GFP | __GFP_COMP,
  );

  mistake('splitting what is not in use', ['BAD_SPLIT'], (a) => {
    const pfn = a.allocPages(SUITE_GFP, 1);
    a.freePages(pfn, 1);
    return [() => a.splitPage(pfn, 1)];
  });

  mistake(
    'splitting a compound block',
    ['BAD_SPLIT'],
    (a, held) => [() => a.splitPage(held, 2), () => a.splitPage(held + 1, 0)],
    SUITE_GFP | __GFP_COMP,
  );

  mistake('splitting with numbers that are none', ['BAD_SPLIT', 'BAD_ORDER', 'BAD_FRAME'], (a, held) => [
    ...[...NOT_A_NUMBER_OF_THINGS, ...HUGE].map((order) => () => a.splitPage(held, order)),
    ...[...NOT_A_NUMBER_OF_THINGS, ...HUGE, held + 2 ** 32].map((pfn) => () => a.splitPage(pfn, 0)),
  ]);

  mistake('taking or dropping a reference on a free page', ['REFCOUNT'], (a) => {
    const pfn = a.allocPages(SUITE_GFP, 0);
    a.freePages(pfn, 0);
    return [() => a.getPage(pfn), () => a.putPage(pfn)];
  });

  mistake('taking or dropping a reference on what is no frame', ['REFCOUNT', 'BAD_FRAME'], (a, held) =>
    [...NOT_A_NUMBER_OF_THINGS, ...HUGE, held + 0.5, held + 2 ** 32].flatMap((pfn) => [
      () => a.getPage(pfn),
      () => a.putPage(pfn),
    ]),
  );

  mistake('asking for a size that is none', ['BAD_SIZE'], (a) =>
    [...NOT_A_NUMBER_OF_THINGS, 0, 2 ** 53].map((size) => () => a.allocPagesExact(size, SUITE_GFP)),
  );

  mistake('freeing a size that is none', ['BAD_SIZE'], (a, held) =>
    [...NOT_A_NUMBER_OF_THINGS, 0, 2 ** 53].map((size) => () => a.freePagesExact(held, size)),
  );

  mistake('asking for a number of pages that is none', ['BAD_SIZE'], (a) => {
    const slots = new Int32Array(4).fill(NO_PAGE);
    // Integers below 0 are no mistake here: they ask for nothing.
    const fractions = NOT_A_NUMBER_OF_THINGS.filter((count) => !Number.isInteger(count));
    return [...fractions, ...HUGE].map((count) => () => a.allocPagesBulk(SUITE_GFP, count, slots));
  });
}
