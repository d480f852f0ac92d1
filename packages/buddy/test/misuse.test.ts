/**
 * Foolish arguments to every call: a KernelBug or the documented value, and not one byte of the state is different afterwards.
 *
 * The suite of the contract has such rules too, by the counts; here the whole frame table and the exported state are compared.
 */
import { __GFP_COMP, GFP_NOWAIT, isKernelBug, NO_PAGE, NUMA_NO_NODE, type KernelBugCode, type PageAllocator } from '@kmem/contracts';
import { AddressMap, createFrameTable, getProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { AddressCalls, bitmapAllocator, BuddyAllocator, PageCalls, PageFragCache } from '../src/index.js';

/** Numbers that are no frame, order, size or count; -0 is 0. */
const FOOLISH = [NaN, -0, -1, -(2 ** 31), 0.5, -0.5, 1.5, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53, Infinity, -Infinity];
const NOT_ZERO = FOOLISH.filter((n) => n !== 0);
/** Of those, what is no integer or below 0. */
const NO_COUNT = NOT_ZERO.filter((n) => !Number.isInteger(n) || n < 0);

/** A machine of which frames 512 to 1023 are reserved, with a plain block, a compound one, and a freed page. */
function buddy() {
  const frames = createFrameTable({ nrFrames: 4096 });
  const pages = new BuddyAllocator({ frames, free: [{ start: 1, end: 512 }, { start: 1024, end: 4096 }] });
  const image = () => Buffer.from(frames.buffer).toString('latin1') + JSON.stringify(pages.exportState());
  return { pages, image, foreign: [0, 4096, 5000], reserved: [512, 700, 1023] };
}

function bitmap() {
  const pages = bitmapAllocator({ nrPages: 3000, startPfn: 1024 });
  // It has no state to export: the counts stand for it.
  const image = () => [pages.nrFreePages, ...Array.from({ length: 3000 }, (_, i) => pages.pageCount(1024 + i))].join();
  return { pages, image, foreign: [0, 512, 1023, 4024, 5000], reserved: [] };
}

/** Numbers of a held plain block of order 2, a held compound block of order 2, and a free page. */
interface Frames {
  readonly plain: number;
  readonly compound: number;
  readonly free: number;
  readonly foreign: readonly number[];
  readonly reserved: readonly number[];
}

/** What is done wrong, with the codes that may report it. */
type Mistake = readonly [text: string, codes: readonly KernelBugCode[], calls: (pages: PageAllocator, frames: Frames) => readonly (() => unknown)[]];

const MISTAKES: readonly Mistake[] = [
  ['allocPages: order', ['BAD_ORDER'], (a) => NO_COUNT.map((order) => () => a.allocPages(GFP_NOWAIT, order))],
  ['allocPagesNode: node', ['BAD_NODE'], (a) => NOT_ZERO.filter((node) => node !== NUMA_NO_NODE).map((node) => () => a.allocPagesNode(node, GFP_NOWAIT, 0))],
  ['allocPagesNode: order', ['BAD_ORDER'], (a) => NO_COUNT.map((order) => () => a.allocPagesNode(0, GFP_NOWAIT, order))],
  ['freePages: frame', ['BAD_FRAME'], (a) => FOOLISH.map((pfn) => () => a.freePages(pfn, 0))],
  ['freePages: order', ['BAD_ORDER'], (a, { plain }) => NOT_ZERO.map((order) => () => a.freePages(plain, order))],
  ['freePages: an order above that of the block', ['BAD_ORDER'], (a, { plain, compound }) => [3, 10].flatMap((order) => [() => a.freePages(plain, order), () => a.freePages(compound, order)])],
  ['freePages: an order below that of a compound block', ['BAD_ORDER'], (a, { compound }) => [0, 1].map((order) => () => a.freePages(compound, order))],
  ['freePages: inside a block', ['BAD_FREE'], (a, { plain, compound }) => [1, 2, 3].flatMap((i) => [() => a.freePages(plain + i, 0), () => a.freePages(compound + i, 0)])],
  ['freePages: twice', ['DOUBLE_FREE'], (a, { free }) => [0, 1, 5].map((order) => () => a.freePages(free, order))],
  ['freePages: a foreign frame', ['BAD_FRAME', 'BAD_FREE'], (a, { foreign }) => foreign.map((pfn) => () => a.freePages(pfn, 0))],
  // Reserved frames are in use: by the kernel.
  ['freePages, putPage: a reserved frame', ['BAD_PAGE'], (a, { reserved }) => reserved.flatMap((pfn) => [() => a.freePages(pfn, 0), () => a.putPage(pfn), () => a.freePagesExact(pfn, 4096)])],
  ['freePages: a reserved frame with an order', ['BAD_ORDER'], (a, { reserved }) => reserved.map((pfn) => () => a.freePages(pfn, 1))],
  ['freePages: a frame and 2^32', ['BAD_FRAME'], (a, { plain }) => [plain + 2 ** 32, plain - 2 ** 32, plain + 0.5].map((pfn) => () => a.freePages(pfn, 2))],
  ['allocPagesBulk: count', ['BAD_SIZE'], (a) => NOT_ZERO.filter((n) => !Number.isSafeInteger(n) || n > 0).map((n) => () => a.allocPagesBulk(GFP_NOWAIT, n, new Int32Array(4).fill(NO_PAGE)))],
  ['allocPagesExact: size', ['BAD_SIZE'], (a) => FOOLISH.filter((n) => !Number.isSafeInteger(n) || n <= 0).map((size) => () => a.allocPagesExact(size, GFP_NOWAIT))],
  ['freePagesExact: size', ['BAD_SIZE'], (a, { plain }) => FOOLISH.filter((n) => !Number.isSafeInteger(n) || n <= 0).map((size) => () => a.freePagesExact(plain, size))],
  ['freePagesExact: frame', ['BAD_FRAME'], (a) => FOOLISH.map((pfn) => () => a.freePagesExact(pfn, 4096))],
  ['freePagesExact: a foreign frame', ['BAD_FRAME', 'BAD_FREE'], (a, { foreign }) => foreign.map((pfn) => () => a.freePagesExact(pfn, 8192))],
  ['splitPage: order', ['BAD_SPLIT', 'BAD_ORDER'], (a, { plain, compound, free }) => [...FOOLISH, 1, 3].flatMap((order) => [plain, compound, free].map((pfn) => () => a.splitPage(pfn, order)))],
  ['splitPage: frame', ['BAD_SPLIT', 'BAD_FRAME'], (a, { foreign }) => [...FOOLISH, ...foreign].map((pfn) => () => a.splitPage(pfn, 0))],
  ['getPage, putPage: frame', ['REFCOUNT', 'BAD_FRAME'], (a, { free, foreign, plain }) => [...FOOLISH, ...foreign, free, plain + 1, plain + 2 ** 32].flatMap((pfn) => [() => a.getPage(pfn), () => a.putPage(pfn)])],
  ['pageCount: frame', ['BAD_FRAME'], (a) => NOT_ZERO.map((pfn) => () => a.pageCount(pfn))],
];

/** The code of the report; what came back instead when there is none. */
function outcome(call: () => unknown): string {
  try {
    return `no report, but ${String(call())}`;
  } catch (error) {
    return isKernelBug(error) ? error.code : String(error);
  }
}

describe.each([
  ['BuddyAllocator', buddy],
  ['bitmapAllocator', bitmap],
])('%s', (_, create: () => { pages: PageAllocator; image: () => string; foreign: readonly number[]; reserved: readonly number[] }) => {
  test.each(MISTAKES)('%s', (__, codes, calls) => {
    const { pages, image, foreign, reserved } = create();
    const plain = pages.allocPages(GFP_NOWAIT, 2);
    const compound = pages.allocPages(GFP_NOWAIT | __GFP_COMP, 2);
    const free = pages.allocPages(GFP_NOWAIT, 0);
    pages.freePages(free, 0);
    const before = image();
    for (const call of calls(pages, { plain, compound, free, foreign, reserved })) {
      expect(codes, call.toString()).toContain(outcome(call));
      expect(image() === before).toBe(true);
    }
    pages.assertValid();
    pages.freePages(plain, 2);
    pages.freePages(compound, 2);
    pages.drainAllPages();
    expect(pages.nrFreePages).toBe(pages.managedPages);
  });

  test('an order above the largest is no mistake but cannot be served', () => {
    const { pages, image } = create();
    const before = image();
    for (const order of [11, 12, 31, 32, 2 ** 31, 2 ** 32, 2 ** 53]) expect(pages.allocPages(GFP_NOWAIT, order)).toBe(NO_PAGE);
    expect(image() === before).toBe(true);
  });

  test('a count below 1 asks for nothing', () => {
    const { pages, image } = create();
    const before = image();
    for (const count of [0, -0, -1, -(2 ** 31)]) expect(pages.allocPagesBulk(GFP_NOWAIT, count, new Int32Array(4).fill(NO_PAGE))).toBe(0);
    expect(image() === before).toBe(true);
  });
});

test('the calls over the contract pass foolishness on, and nothing changes', () => {
  const { pages, image } = buddy();
  const addresses = new AddressMap(getProfile('pc-160m'));
  const [calls, byAddress, frags] = [new PageCalls(pages), new AddressCalls(pages, addresses), new PageFragCache(pages, addresses)];
  const before = image();
  for (const n of FOOLISH) {
    expect(outcome(() => { calls.freePage(n); })).toBe('BAD_FRAME');
    expect(outcome(() => { calls.freeHotPage(n); })).toBe('BAD_FRAME');
    expect(outcome(() => { calls.freeColdPage(n); })).toBe('BAD_FRAME');
    expect(outcome(() => { calls.freePageList([n]); })).toMatch(/^(REFCOUNT|BAD_FRAME)$/);
    // NULL is ignored, as in the kernel.
    expect(outcome(() => { byAddress.freePages(n, 0); })).toBe(n === 0 ? 'no report, but undefined' : 'BAD_FRAME');
    expect(outcome(() => { frags.free(n); })).toBe('BAD_FRAME');
  }
  for (const n of NO_COUNT) expect(outcome(() => byAddress.getFreePages(GFP_NOWAIT, n))).toBe('BAD_ORDER');
  for (const n of NO_COUNT.filter((count) => !Number.isInteger(count))) expect(outcome(() => calls.allocPagesBulkList(GFP_NOWAIT, n, []))).toBe('BAD_SIZE');
  expect(image() === before).toBe(true);
});

test.each([NaN, 0.5, 2 ** 32, 2 ** 53, Infinity])('flags %d are no flags: only the low 32 bits of an integer count', (gfp) => {
  const { pages } = buddy();
  const plain = buddy();
  expect(pages.allocPages(gfp, 0)).toBe(plain.pages.allocPages(0, 0));
  expect(pages.exportState()).toEqual(plain.pages.exportState());
});

test('flags that exclude each other are refused', () => {
  const { pages, image } = buddy();
  const before = image();
  expect(outcome(() => pages.allocPages(-1, 0))).toBe('BAD_GFP');
  expect(image() === before).toBe(true);
});

describe('states and options of other CPUs and sizes', () => {
  test.each(NOT_ZERO)('exportState(%d) is refused', (cpu) => {
    const { pages } = buddy();
    expect(() => pages.exportState(cpu)).toThrow(RangeError);
  });

  const noSize = FOOLISH.filter((n) => !Number.isInteger(n) || n < 0 || n > 2 ** 52);
  test.each(noSize)('setTunables({ minFreeKbytes: %d }) is refused, and nothing changes', (minFreeKbytes) => {
    const { pages, image } = buddy();
    const before = image();
    expect(() => {
      pages.setTunables({ minFreeKbytes });
    }).toThrow(RangeError);
    expect(image() === before).toBe(true);
  });
});
