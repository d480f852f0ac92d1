import { isKernelBug } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { NO_RANGE, VirtualRangeAllocator } from '../src/index.js';

const PAGE = 4096;
const KIB = 1024;

/** The vmalloc region of x86_64, addresses counted from VMALLOC_START; free space starts far below it, as in the kernel. */
function vmallocSpace(): VirtualRangeAllocator {
  return new VirtualRangeAllocator({ start: -(2 ** 52), end: 2 ** 45, granule: PAGE, lazyMax: Infinity });
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

test('the worked table of the specification', () => {
  const space = vmallocSpace();
  const lazy = (): string[] => space.exportState().lazy.map(({ addr, sizeBytes }) => `${addr.toString(16)}..${(addr + sizeBytes).toString(16)}`);
  const free = (from: number): string[] =>
    space.exportState().free.filter(({ addr }) => addr >= from && addr < 0x14000).map(({ addr, sizeBytes }) => `${addr.toString(16)}..${(addr + sizeBytes).toString(16)}`);
  const vmalloc = (pages: number, align = PAGE): number => space.allocRange((pages + 1) * PAGE, align, 0);
  expect(vmalloc(1)).toBe(0); // a
  const b = vmalloc(2);
  expect(b).toBe(0x2000);
  const c = vmalloc(1);
  expect(c).toBe(0x5000);
  const d = vmalloc(2, 8 * KIB); // ioremap of 8 KiB
  expect(d).toBe(0x8000);
  const e = vmalloc(1); // the hole below is too small
  expect(e).toBe(0xb000);
  space.freeRange(b);
  expect(space.lazyBytes).toBe(3 * PAGE);
  expect(vmalloc(1)).toBe(0xd000); // lazy space is not used again
  expect(space.purge()).toBe(3 * PAGE);
  expect(free(0)).toContain('2000..5000');
  expect(vmalloc(1)).toBe(0x2000); // g
  expect(vmalloc(1)).toBe(0xf000); // both holes are one page
  expect(vmalloc(4, 16 * KIB)).toBe(0x14000); // a stack
  expect(vmalloc(2)).toBe(0x11000); // fits exactly
  space.freeRange(c);
  space.freeRange(d);
  expect(lazy()).toEqual(['5000..7000', '8000..b000']);
  space.freeRange(e);
  expect(lazy()).toEqual(['5000..7000', '8000..d000']);
  space.purge();
  expect(free(0)).toEqual(['4000..d000']);
  expect(vmalloc(7)).toBe(0x4000);
  space.assertValid();
});

describe('a space without a kernel around it', () => {
  test('hands out the lowest range that fits, and all of it', () => {
    const space = new VirtualRangeAllocator({ end: 10 });
    expect([space.allocRange(3), space.allocRange(4), space.allocRange(3), space.allocRange(1)]).toEqual([0, 3, 7, NO_RANGE]);
    space.freeRange(3);
    space.freeRange(0);
    expect([space.allocRange(5), space.allocRange(3), space.allocRange(2)]).toEqual([0, NO_RANGE, 5]);
    expect([space.usedBytes, space.freeBytes, space.lazyBytes]).toEqual([10, 0, 0]);
    space.assertValid();
  });

  test('may lie anywhere, also on both sides of 0', () => {
    const space = new VirtualRangeAllocator({ start: -20, end: 20, granule: 4 });
    expect(space.allocRange(8, 16)).toBe(-16);
    expect(Object.is(space.allocRange(16, 16), 0)).toBe(true);
    expect(space.allocRange(4)).toBe(-20);
    const all = new VirtualRangeAllocator({ start: 0, end: Number.MAX_SAFE_INTEGER });
    expect(all.allocRange(Number.MAX_SAFE_INTEGER - 1, 2 ** 52)).toBe(0);
    expect(all.allocRange(1, 2)).toBe(2 ** 53 - 2);
  });

  test('bounds of a request are kept', () => {
    const space = new VirtualRangeAllocator({ end: 100 });
    expect(space.allocRange(10, 1, 40, 60)).toBe(40);
    expect(space.allocRange(10, 1, 35, 55)).toBe(NO_RANGE);
    expect(space.allocRange(10, 1, 35)).toBe(50);
    expect(space.allocRange(5, 1, 35, 40)).toBe(35);
  });

  test('edge case 43: a bound that leaves no choice needs no room for aligning', () => {
    const space = new VirtualRangeAllocator({ end: 64 });
    space.allocRange(16);
    space.allocRange(16, 1, 32);
    expect(space.allocRange(16, 16, 16, 32)).toBe(16);
  });

  test('finds the range that holds an address', () => {
    const space = new VirtualRangeAllocator({ start: 100, end: 200 });
    space.allocRange(10);
    space.allocRange(5);
    expect([99, 100, 109, 110, 114, 115, 1000].map((addr) => space.findRange(addr))).toEqual([NO_RANGE, 100, 100, 110, 110, NO_RANGE, NO_RANGE]);
  });
});

describe('freed ranges', () => {
  test('are purged when more wait than allowed: exactly as much still waits', () => {
    const space = new VirtualRangeAllocator({ end: 1000, lazyMax: 20 });
    const [a, b, c] = [space.allocRange(10), space.allocRange(10), space.allocRange(1)];
    space.freeRange(a);
    space.freeRange(b);
    expect(space.lazyBytes).toBe(20);
    expect(space.allocRange(1)).toBe(21);
    space.freeRange(c);
    expect(space.lazyBytes).toBe(0);
    expect(space.allocRange(1)).toBe(0);
  });

  test('are purged when nothing else fits, and only then', () => {
    const space = new VirtualRangeAllocator({ end: 30, lazyMax: Infinity });
    const [a, b, c] = [space.allocRange(10), space.allocRange(10), space.allocRange(10)];
    space.freeRange(b);
    space.freeRange(a);
    expect(space.allocRange(25)).toBe(NO_RANGE);
    expect(space.lazyBytes).toBe(0); // it was tried
    expect(space.allocRange(20)).toBe(0);
    space.freeRange(c);
    expect(space.allocRange(10)).toBe(20);
    space.assertValid();
  });

  test('merge with a neighbour on either side, and on both', () => {
    const space = new VirtualRangeAllocator({ end: 40 });
    const starts = Array.from({ length: 4 }, () => space.allocRange(10));
    const freed = (): number[][] => space.exportState().free.map(({ addr, sizeBytes }) => [addr, sizeBytes]);
    space.freeRange(starts[0]);
    space.freeRange(starts[1]);
    expect(freed()).toEqual([[0, 20]]);
    space.freeRange(starts[3]);
    expect(freed()).toEqual([[0, 20], [30, 10]]);
    space.freeRange(starts[2]);
    expect(freed()).toEqual([[0, 40]]);
  });
});

test('edge case 42: above one granule the shape of the tree decides: what fits by chance is taken only on the way', () => {
  // Holes of 16 at 0, 32, 64, ...; each holds an aligned 16, none 16 + 15.
  const holes = (count: number): VirtualRangeAllocator => {
    const space = new VirtualRangeAllocator({ end: 1024 });
    for (let i = 0; i < 2 * count; i++) space.allocRange(16);
    for (let i = 0; i < count; i++) space.freeRange(32 * i);
    return space;
  };
  // One hole and the rest: the hole is the root's lower child, too small to be entered, and the root fits.
  expect(holes(1).allocRange(16, 16)).toBe(32);
  expect(holes(1).allocRange(16, 1)).toBe(0);
  // Of seven holes and the rest the search starts at the root, whose upper side has room: it fits itself, by chance.
  const root = holes(7).exportState().root;
  expect(root).not.toBeNull();
  expect(holes(7).allocRange(16, 16)).toBe(root);
});

describe('misuse leaves the state as it was', () => {
  const space = new VirtualRangeAllocator({ end: 64 * PAGE, granule: PAGE });
  const used = space.allocRange(2 * PAGE);
  const before = JSON.stringify(space.exportState());

  test.each([0, -PAGE, 1, PAGE + 1, 0.5, NaN, Infinity, 2 ** 53])('size %d', (size) => {
    expect(codeOf(() => space.allocRange(size))).toBe('BAD_SIZE');
    expect(JSON.stringify(space.exportState())).toBe(before);
  });

  test.each([0, -1, 3, 1.5, NaN, Infinity, 2 ** 31 + 1])('alignment %d', (align) => {
    expect(codeOf(() => space.allocRange(PAGE, align))).toBe('BAD_RANGE');
    expect(JSON.stringify(space.exportState())).toBe(before);
  });

  test.each([[-1, PAGE], [0, 65 * PAGE], [NaN, PAGE], [0, NaN], [0.5, PAGE], [-Infinity, Infinity]])('bounds %d..%d', (from, to) => {
    expect(codeOf(() => space.allocRange(PAGE, PAGE, from, to))).toBe('BAD_RANGE');
  });

  test.each([used + PAGE, used + 1, -1, 40 * PAGE, NaN, 2 ** 60])('freeing %d', (addr) => {
    expect(codeOf(() => space.freeRange(addr))).toBe('BAD_RANGE');
    expect(JSON.stringify(space.exportState())).toBe(before);
  });

  test('freeing twice', () => {
    const twice = new VirtualRangeAllocator({ end: 10, lazyMax: Infinity });
    const addr = twice.allocRange(5);
    twice.freeRange(addr);
    expect(codeOf(() => twice.freeRange(addr))).toBe('BAD_RANGE');
  });

  test.each([
    [{ end: 0 }, 'end: expected an integer from 1 to 9007199254740991, got 0'],
    [{ start: 0.5, end: 10 }, 'start: expected an integer from -9007199254740991'],
    [{ start: -1, end: Number.MAX_SAFE_INTEGER }, 'end: expected an integer from 0 to 9007199254740990'],
    [{ end: 10, granule: 3 }, 'granule: expected a power of two, got 3'],
    [{ end: 10, lazyMax: -1 }, 'lazyMax: expected an integer from 0'],
  ])('options %j', (options, message) => {
    expect(() => new VirtualRangeAllocator(options)).toThrow(message);
  });
});

describe('a state', () => {
  const made = new VirtualRangeAllocator({ end: 4096, lazyMax: Infinity });
  for (let i = 0; i < 200; i++) made.allocRange((i % 7) + 1);
  for (const [i, { addr }] of made.exportState().used.entries()) if (i % 3 === 0) made.freeRange(addr);
  made.purge();
  for (const [i, { addr }] of made.exportState().used.entries()) if (i % 4 === 0) made.freeRange(addr);
  const state = made.exportState();

  test('goes out and in again, shape and all, and both go on alike', () => {
    const again = new VirtualRangeAllocator({ end: 4096, lazyMax: Infinity, state });
    expect(again.exportState()).toEqual(state);
    expect([again.usedBytes, again.lazyBytes]).toEqual([made.usedBytes, made.lazyBytes]);
    const twin = new VirtualRangeAllocator({ end: 4096, lazyMax: Infinity, state });
    for (let i = 1; i < 60; i++) expect(again.allocRange(i % 9 + 1, 2 ** (i % 5))).toBe(twin.allocRange(i % 9 + 1, 2 ** (i % 5)));
    again.assertValid();
  });

  test.each([
    ['a range too few', { ...state, used: state.used.slice(1) }],
    ['a range twice', { ...state, lazy: [...state.lazy, state.used[0]] }],
    ['no root', { ...state, root: null }],
    ['another root', { ...state, root: state.free[0].addr }],
    ['a colour changed', { ...state, free: state.free.map((range, i) => (i === 3 ? { ...range, black: !range.black } : range)) }],
    ['a ring', { ...state, free: state.free.map((range) => (range.addr === state.root ? { ...range, left: state.root } : range)) }],
    ['a child elsewhere', { ...state, free: state.free.map((range) => (range.left === null ? { ...range, left: state.free[1].addr } : range)) }],
  ])('with %s is refused', (_, broken) => {
    expect(codeOf(() => new VirtualRangeAllocator({ end: 4096, lazyMax: Infinity, state: broken }))).toBe('CORRUPT_STATE');
  });
});
