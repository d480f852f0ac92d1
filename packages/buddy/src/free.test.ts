import { __GFP_COMP, GFP_KERNEL, isKernelBug, PB_TOUCHED, PG_dirty, PG_locked, PG_slab, type KernelBug, type ReportSink } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { Events, load, oneZone } from '../test/fixtures.js';
import { BuddyAllocator } from './index.js';

function make(nrFrames = 1024) {
  const frames = createFrameTable({ nrFrames });
  const events = new Events();
  const pages = new BuddyAllocator({ frames, trace: events });
  return { frames, pages, events, frees: () => events.take().filter(([name]) => name === 'F') };
}

function codeOf(call: () => void): string {
  try {
    call();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('references', () => {
  test('19.4: a block held twice: the other pages of a plain block go back now, the first page with its last reference', () => {
    const { pages, frees } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 2);
    pages.getPage(pfn);
    frees();
    pages.freePages(pfn, 2);
    expect(frees()).toEqual([['F', pfn + 2, 1], ['F', pfn + 1, 0]]);
    pages.putPage(pfn);
    expect(frees()).toEqual([['F', pfn, 0]]);
    pages.drainAllPages();
    pages.assertValid();
    expect(pages.nrFreePages).toBe(pages.managedPages);
  });

  test('19.3: a compound block goes back whole with its last reference, through whichever page', () => {
    const { pages, frees } = make();
    const pfn = pages.allocPages(GFP_KERNEL | __GFP_COMP, 2);
    pages.getPage(pfn + 1);
    frees();
    pages.freePages(pfn, 2);
    expect(frees()).toEqual([]);
    pages.putPage(pfn + 3);
    expect(frees()).toEqual([['F', pfn, 2]]);
  });

  test('19.5: putPage on a plain block of two frees one page; the other is lost', () => {
    const { pages } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 1);
    pages.putPage(pfn);
    pages.drainAllPages();
    expect(pages.managedPages - pages.nrFreePages).toBe(1);
    pages.assertValid();
  });

  test('a page inside a block that is not compound has no reference of its own to add to', () => {
    const { pages } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 2);
    expect(codeOf(() => pages.getPage(pfn + 1))).toBe('REFCOUNT');
    pages.freePages(pfn, 2);
    pages.drainAllPages();
    pages.assertValid();
  });

  test('freed with order 0, a block that somebody else holds stays a block', () => {
    const { pages } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 2);
    pages.getPage(pfn);
    pages.freePages(pfn, 0);
    pages.freePages(pfn, 2);
    pages.drainAllPages();
    expect(pages.nrFreePages).toBe(pages.managedPages);
  });

  test('frame 0 cannot be referenced, split or freed, not even where a zone begins with it', () => {
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 1024 }));
    expect(codeOf(() => pages.getPage(0))).toBe('REFCOUNT');
    expect(codeOf(() => pages.splitPage(0, 0))).toBe('BAD_SPLIT');
    expect(codeOf(() => pages.freePages(0, 0))).toBe('BAD_FRAME');
    const booted = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), free: [{ start: 256, end: 1024 }] });
    expect(codeOf(() => booted.freePages(0, 0))).toBe('BAD_FRAME');
    booted.assertValid();
  });

  test('references of pages that nobody has', () => {
    const { pages } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 0);
    pages.freePages(pfn, 0);
    expect(codeOf(() => pages.getPage(pfn))).toBe('REFCOUNT');
    expect(codeOf(() => pages.putPage(pfn))).toBe('REFCOUNT');
    expect(codeOf(() => pages.getPage(999999))).toBe('REFCOUNT');
    expect(codeOf(() => pages.putPage(-1))).toBe('REFCOUNT');
    pages.assertValid();
  });
});

describe('split', () => {
  test('19.55: four pages freed one by one come together again', () => {
    const { pages } = make();
    const before = pages.exportState();
    const pfn = pages.allocPages(GFP_KERNEL, 2);
    pages.splitPage(pfn, 2);
    for (let i = 0; i < 4; i++) pages.freePages(pfn + i, 0);
    pages.drainAllPages();
    pages.assertValid();
    expect(pages.exportState().zones[0].nr_free_pages).toEqual(before.zones[0].nr_free_pages);
    expect(Object.keys(pages.exportState().zones[0].free)).toEqual(Object.keys(before.zones[0].free));
  });

  test('a compound or free page cannot be split, nor a block with another order', () => {
    const { pages } = make();
    const compound = pages.allocPages(GFP_KERNEL | __GFP_COMP, 2);
    const plain = pages.allocPages(GFP_KERNEL, 2);
    expect(codeOf(() => pages.splitPage(compound, 2))).toBe('BAD_SPLIT');
    expect(codeOf(() => pages.splitPage(compound + 1, 0))).toBe('BAD_SPLIT');
    expect(codeOf(() => pages.splitPage(plain, 3))).toBe('BAD_SPLIT');
    expect(codeOf(() => pages.splitPage(plain + 1, 0))).toBe('BAD_SPLIT');
    expect(codeOf(() => pages.splitPage(900, 0))).toBe('BAD_SPLIT');
    pages.splitPage(plain, 2);
    pages.assertValid();
  });
});

describe('misuse is reported and changes nothing', () => {
  test.each([
    ['frame 0', 0, 0, 'BAD_FRAME'],
    ['a negative frame', -1, 0, 'BAD_FRAME'],
    ['a fraction of a frame', 1.5, 0, 'BAD_FRAME'],
    ['a frame beyond memory', 1024, 0, 'BAD_FRAME'],
    ['an order beyond the largest block', 1, 11, 'BAD_ORDER'],
    ['a negative order', 1, -1, 'BAD_ORDER'],
    ['a frame that was never taken', 512, 0, 'DOUBLE_FREE'],
  ])('%s', (_, pfn, order, code) => {
    const { pages, events } = make();
    const before = pages.exportState();
    expect(codeOf(() => pages.freePages(pfn, order))).toBe(code);
    expect(pages.exportState()).toEqual(before);
    expect(events.take()).toEqual([]);
  });

  test('twice the same block, at once and after the first free was merged away', () => {
    const { pages } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 3);
    pages.freePages(pfn, 3);
    expect(codeOf(() => pages.freePages(pfn, 3))).toBe('DOUBLE_FREE');
    expect(codeOf(() => pages.freePages(pfn + 2, 0))).toBe('DOUBLE_FREE');
    pages.drainAllPages();
    expect(codeOf(() => pages.freePages(pfn, 3))).toBe('DOUBLE_FREE');
    pages.assertValid();
  });

  test('another order than the block was taken with', () => {
    const { pages } = make();
    const plain = pages.allocPages(GFP_KERNEL, 1);
    const compound = pages.allocPages(GFP_KERNEL | __GFP_COMP, 2);
    expect(codeOf(() => pages.freePages(plain, 2))).toBe('BAD_ORDER');
    expect(codeOf(() => pages.freePages(compound, 1))).toBe('BAD_ORDER');
    expect(codeOf(() => pages.freePages(compound + 1, 0))).toBe('BAD_FREE');
    expect(codeOf(() => pages.freePages(plain + 1, 0))).toBe('BAD_FREE');
    pages.freePages(plain, 1);
    pages.freePages(compound, 2);
    pages.drainAllPages();
    expect(pages.nrFreePages).toBe(pages.managedPages);
  });

  test('free_pages_exact with a page that is free already frees none', () => {
    const { pages } = make();
    const pfn = pages.allocPagesExact(3 * 4096, GFP_KERNEL);
    pages.freePages(pfn + 2, 0);
    const before = pages.exportState();
    expect(codeOf(() => pages.freePagesExact(pfn, 3 * 4096))).toBe('DOUBLE_FREE');
    expect(pages.exportState()).toEqual(before);
    for (const no of [NaN, Infinity, 2 ** 53, 0.5]) expect(codeOf(() => pages.freePagesExact(no, 4096))).toBe('BAD_FRAME');
  });
});

describe('bad pages', () => {
  test.each([false, true])('the good parts of a block go back, whether reports are thrown or collected (%s)', (collected) => {
    const frames = createFrameTable({ nrFrames: 1024 });
    const options = collected ? { reports: { report: () => undefined } } : {};
    const pages = new BuddyAllocator({ frames, ...options });
    const pfn = pages.allocPages(GFP_KERNEL, 3);
    pages.getPage(pfn);
    frames.flags[pfn + 4] = 1 << PG_slab;
    expect(codeOf(() => pages.freePages(pfn, 3))).toBe(collected ? 'none' : 'BAD_PAGE');
    pages.putPage(pfn);
    pages.drainAllPages();
    // Pages 4 to 7 went back as one block, whose first page was bad.
    expect(pages.managedPages - pages.nrFreePages).toBe(4);
    const exact = pages.allocPagesExact(5 * 4096, GFP_KERNEL);
    frames.flags[exact + 1] = 1 << PG_slab;
    expect(codeOf(() => pages.freePagesExact(exact, 5 * 4096))).toBe(collected ? 'none' : 'BAD_PAGE');
    pages.drainAllPages();
    expect(pages.managedPages - pages.nrFreePages).toBe(5);
  });

  test('a page freed with a forbidden flag is reported and never handed out again', () => {
    const { frames, pages } = make(64 * 16);
    const pfn = pages.allocPages(GFP_KERNEL, 0);
    frames.flags[pfn] |= (1 << PG_locked) | (1 << PG_slab);
    expect(() => pages.freePages(pfn, 0)).toThrow(/locked\|slab/);
    pages.drainAllPages();
    pages.assertValid();
    expect(pages.managedPages - pages.nrFreePages).toBe(1);
  });

  test('other flags are wiped', () => {
    const { frames, pages } = make();
    const pfn = pages.allocPages(GFP_KERNEL, 0);
    frames.flags[pfn] |= 1 << PG_dirty;
    pages.freePages(pfn, 0);
    expect(frames.flags[pfn]).toBe(0);
  });

  test('19.58: a referenced page in the middle of a block: the whole block is lost', () => {
    const bugs: KernelBug[] = [];
    const reports: ReportSink = { report: (bug) => bugs.push(bug) };
    const frames = createFrameTable({ nrFrames: 1024 });
    const pages = new BuddyAllocator({ frames, reports });
    const pfn = pages.allocPages(GFP_KERNEL, 3);
    frames.refcount[pfn + 5] = 2;
    frames.pageblocks[(pfn + 5) >> frames.pageblockOrder] |= PB_TOUCHED;
    pages.freePages(pfn, 3);
    expect(bugs.map(({ code, fields }) => [code, fields.pfn])).toEqual([['BAD_PAGE', pfn + 5]]);
    pages.drainAllPages();
    expect(pages.managedPages - pages.nrFreePages).toBe(8);
    pages.assertValid();
  });
});
