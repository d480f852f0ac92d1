import {
  BLOCK_TAIL,
  BLOCK_ZONE_SHIFT,
  isKernelBug,
  PAGE_TYPE_BUDDY,
  PAGE_TYPE_OFFLINE,
  PB_TOUCHED,
  PG_dirty,
  PG_head,
  PG_locked,
  PG_mlocked,
  PG_referenced,
  PG_waiters,
  type FrameTable,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { createFrameTable } from './frame-table.js';
import {
  clearPageFlag,
  compoundHead,
  compoundOrder,
  isCompound,
  pageCount,
  pageFlagNames,
  pageTypeWord,
  setPageFlag,
  testPageFlag,
} from './page.js';

/** Pages 8..15 are a compound page of order 3; page 16 is a plain one; zone 2. */
function table(): FrameTable {
  const frames = createFrameTable({ nrFrames: 32, maxOrder: 4, pageblockOrder: 3 });
  frames.block.fill(2 << BLOCK_ZONE_SHIFT);
  frames.flags[8] = 1 << PG_head;
  frames.block[8] |= 3;
  frames.refcount[8] = 2;
  for (let pfn = 9; pfn < 16; pfn++) {
    frames.block[pfn] |= BLOCK_TAIL;
    frames.owner[pfn] = 8;
  }
  frames.refcount[16] = 1;
  return frames;
}

describe('compound pages', () => {
  test('a tail answers for its head', () => {
    const frames = table();
    expect([8, 11, 15].map((pfn) => compoundHead(frames, pfn))).toEqual([8, 8, 8]);
    expect([8, 11, 15].map((pfn) => pageCount(frames, pfn))).toEqual([2, 2, 2]);
    expect([8, 11, 15].map((pfn) => compoundOrder(frames, pfn))).toEqual([3, 3, 3]);
    expect([8, 11, 15].every((pfn) => isCompound(frames, pfn))).toBe(true);
  });

  test('a plain page answers for itself', () => {
    const frames = table();
    frames.owner[16] = 8; // a word of the owner, not a head
    frames.block[16] |= 2;
    expect([compoundHead(frames, 16), pageCount(frames, 16), compoundOrder(frames, 16)]).toEqual([16, 1, 0]);
    expect(isCompound(frames, 16)).toBe(false);
    expect(pageCount(frames, 17)).toBe(0);
  });
});

test('the page-type word is all ones without a type and clears the bit of the type', () => {
  const frames = table();
  expect(pageTypeWord(frames, 16)).toBe(0xffffffff);
  // Seen on a running 6.1 kernel for the head of a free block.
  frames.block[24] |= PAGE_TYPE_BUDDY | 3;
  expect(pageTypeWord(frames, 24)).toBe(0xffffff7f);
  frames.block[25] |= PAGE_TYPE_OFFLINE;
  expect(pageTypeWord(frames, 25)).toBe(0xfffffeff);
});

describe('flags', () => {
  test('are set, tested and cleared one by one', () => {
    const frames = table();
    setPageFlag(frames, 16, PG_dirty);
    setPageFlag(frames, 16, PG_locked);
    expect(frames.flags[16]).toBe(0b1001);
    expect(testPageFlag(frames, 16, PG_dirty)).toBe(true);
    expect(testPageFlag(frames, 16, PG_referenced)).toBe(false);
    clearPageFlag(frames, 16, PG_dirty);
    expect(frames.flags[16]).toBe(1 << PG_locked);
  });

  test('the highest bit works', () => {
    const frames = table();
    setPageFlag(frames, 16, 31);
    expect(frames.flags[16]).toBe(0x80000000);
    expect(testPageFlag(frames, 16, 31)).toBe(true);
    clearPageFlag(frames, 16, 31);
    expect(frames.flags[16]).toBe(0);
  });

  test('of a tail are its own', () => {
    const frames = table();
    setPageFlag(frames, 12, PG_locked);
    expect([testPageFlag(frames, 12, PG_locked), testPageFlag(frames, 8, PG_locked)]).toEqual([true, false]);
  });

  test('of a page that somebody holds leave the pageblock alone', () => {
    const frames = table();
    setPageFlag(frames, 16, PG_dirty);
    clearPageFlag(frames, 8, PG_dirty);
    expect([...frames.pageblocks]).toEqual([0, 0, 0, 0]);
  });

  test('of a page inside a block mark the pageblock, so that freeing looks at every page', () => {
    const frames = table();
    frames.pageblocks.fill(1);
    setPageFlag(frames, 17, PG_dirty);
    clearPageFlag(frames, 9, PG_dirty);
    expect([...frames.pageblocks]).toEqual([1, 1 | PB_TOUCHED, 1 | PB_TOUCHED, 1]);
  });
});

test('flag names come in the order of the kernel, which is not that of the bits', () => {
  expect(pageFlagNames(0)).toBe('');
  expect(pageFlagNames((1 << PG_referenced) | (1 << PG_waiters) | (1 << PG_locked))).toBe('locked|waiters|referenced');
  expect(pageFlagNames((1 << PG_mlocked) | (1 << 30))).toBe('mlocked');
});

test('a frame outside the table is a BAD_FRAME for every question', () => {
  const frames = table();
  const questions: ((pfn: number) => unknown)[] = [
    (pfn) => pageCount(frames, pfn),
    (pfn) => compoundHead(frames, pfn),
    (pfn) => compoundOrder(frames, pfn),
    (pfn) => isCompound(frames, pfn),
    (pfn) => pageTypeWord(frames, pfn),
    (pfn) => testPageFlag(frames, pfn, PG_dirty),
    (pfn) => setPageFlag(frames, pfn, PG_dirty),
    (pfn) => clearPageFlag(frames, pfn, PG_dirty),
  ];
  for (const ask of questions) {
    for (const pfn of [-1, 32, 1.5, NaN, 2 ** 32 + 1]) {
      let caught: unknown;
      try {
        ask(pfn);
      } catch (error) {
        caught = error;
      }
      expect(isKernelBug(caught) && caught.code).toBe('BAD_FRAME');
      expect(isKernelBug(caught) && caught.fields).toEqual({ pfn, nrFrames: 32 });
    }
  }
});

test('a flag outside the word is refused before anything is written', () => {
  const frames = table();
  for (const bit of [-1, 32, 0.5, NaN]) {
    expect(() => setPageFlag(frames, 17, bit)).toThrow('bit: expected an integer from 0 to 31');
    expect(() => clearPageFlag(frames, 17, bit)).toThrow(RangeError);
    expect(() => testPageFlag(frames, 17, bit)).toThrow(RangeError);
  }
  expect([frames.flags[17], frames.pageblocks[2]]).toEqual([0, 0]);
});
