import { __GFP_COMP, __GFP_DMA, __GFP_HIGHMEM, __GFP_ZERO, GFP_KERNEL, GFP_NOWAIT, NO_PAGE, NULL } from '@kmem/contracts';
import { AddressMap, createFrameTable, createMemory, describeMachine, getProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { AddressCalls, BuddyAllocator, PageCalls } from './index.js';

const addresses = new AddressMap(getProfile('pc-160m'));

function smallMachine() {
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 2048 }) });
  return { pages, calls: new AddressCalls(pages, addresses) };
}

/** Pages in use, by the allocator's own counters. */
function used(pages: BuddyAllocator): number {
  return pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
}

describe('addresses of pages', () => {
  test('a block has the address of its first frame, and is freed by it', () => {
    const { pages, calls } = smallMachine();
    const buffer = calls.getFreePages(GFP_KERNEL, 2);
    expect(addresses.pageAddress(addresses.kaddrToPfn(buffer))).toBe(buffer);
    expect(used(pages)).toBe(4);
    calls.freePages(buffer, 2);
    const page = calls.getFreePage(GFP_KERNEL);
    // Any byte of the page names it.
    calls.freePage(page + 4095);
    expect(used(pages)).toBe(0);
  });

  test('19.41: NULL is no memory, and freeing NULL does nothing', () => {
    const { pages, calls } = smallMachine();
    expect(calls.getFreePages(GFP_NOWAIT, 11)).toBe(NULL);
    calls.freePages(NULL, 3);
    calls.freePage(NULL);
    calls.freePagesExact(NULL, 4096);
    expect(used(pages)).toBe(0);
  });

  test('exact sizes take as many pages as they need', () => {
    const { pages, calls } = smallMachine();
    const buffer = calls.allocPagesExact(5 * 4096 - 1, GFP_KERNEL | __GFP_COMP);
    expect(used(pages)).toBe(5);
    calls.freePagesExact(buffer, 5 * 4096 - 1);
    expect(used(pages)).toBe(0);
  });

  test('a zeroed page is all zeroes, another one may not be', () => {
    const memory = createMemory({ sizeBytes: 2048 * 4096, backing: 'dense' });
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 2048 }), memory });
    const calls = new AddressCalls(pages, addresses);
    const byte = (kaddr: number) => memory.view(addresses.kaddrToPhys(kaddr), 1);
    const page = calls.getFreePage(GFP_KERNEL);
    byte(page)[0] = 0x5a;
    calls.freePage(page);
    expect(calls.getFreePage(GFP_KERNEL)).toBe(page);
    expect(byte(page)[0]).toBe(0x5a);
    calls.freePage(page);
    expect(calls.getZeroedPage(GFP_KERNEL)).toBe(page);
    expect(byte(page)[0]).toBe(0);
  });

  test('what has no address is neither handed out nor freed', () => {
    const { frames, ...machine } = i386();
    const pages = new BuddyAllocator({ frames, ...machine });
    const map = new AddressMap(getProfile('i386-1200m'));
    const calls = new AddressCalls(pages, map);
    const highmem = pages.allocPages(GFP_KERNEL | __GFP_HIGHMEM, 0);
    expect(map.pageAddress(highmem)).toBe(NULL);
    expect(map.pageAddress(map.kaddrToPfn(calls.getFreePages(GFP_KERNEL | __GFP_HIGHMEM, 0)))).not.toBe(NULL);
    expect(map.kaddrToPfn(calls.getDmaPages(GFP_KERNEL, 1))).toBeLessThan(4096);
  });

  test.each([NaN, 0.5, -1, 1, 4096, 2 ** 31, 2 ** 32, 2 ** 53, Infinity, addresses.regions.vmallocStart, addresses.regions.pageOffset + 0.5])(
    'the address %d is refused, and nothing changes',
    (kaddr) => {
      const { pages, calls } = smallMachine();
      const held = calls.getFreePages(GFP_KERNEL, 1);
      const before = pages.exportState();
      expect(() => calls.freePages(kaddr, 1)).toThrow('BAD_FRAME');
      expect(() => calls.freePage(kaddr)).toThrow('BAD_FRAME');
      expect(() => calls.freePagesExact(kaddr, 4096)).toThrow('BAD_FRAME');
      expect(pages.exportState()).toEqual(before);
      calls.freePages(held, 1);
    },
  );
});

describe('single pages and lists', () => {
  test('a page is a block of order 0, hot or cold', () => {
    const { pages } = smallMachine();
    const calls = new PageCalls(pages);
    const [a, b, c] = [0, 0, 0].map(() => calls.allocPage(GFP_KERNEL));
    calls.freePage(a);
    calls.freeHotPage(b);
    calls.freeColdPage(c);
    // All three are at the head of the same list now, the last one first (edge case 8).
    expect([0, 0, 0].map(() => calls.allocPage(GFP_KERNEL))).toEqual([c, b, a]);
  });

  test('a list gets each page at its head, and is given back from there', () => {
    const { pages } = smallMachine();
    const calls = new PageCalls(pages);
    const list = [calls.allocPage(GFP_KERNEL)];
    const [first] = list;
    expect(calls.allocPagesBulkList(GFP_KERNEL, 3, list)).toBe(3);
    expect(list).toEqual([first + 3, first + 2, first + 1, first]);
    calls.freePageList(list);
    expect(list).toEqual([]);
    expect(used(pages)).toBe(0);
  });

  test('a list takes what there is', () => {
    const { pages } = smallMachine();
    const calls = new PageCalls(pages);
    const list: number[] = [];
    expect(calls.allocPagesBulkList(GFP_NOWAIT, 0, list)).toBe(0);
    expect(calls.allocPagesBulkList(GFP_NOWAIT, -5, list)).toBe(0);
    let got = 0;
    for (let more = -1; more !== 0; got += more) more = calls.allocPagesBulkList(GFP_NOWAIT, 2 ** 40, list);
    expect(got).toBe(pages.managedPages);
    for (const foolish of [NaN, 1.5, Infinity, 2 ** 53]) expect(() => calls.allocPagesBulkList(GFP_NOWAIT, foolish, list)).toThrow('BAD_SIZE');
    expect(list.length).toBe(got);
  });

  test('a list keeps what was refused', () => {
    const { pages } = smallMachine();
    const calls = new PageCalls(pages);
    const [a, b] = [calls.allocPage(GFP_KERNEL), calls.allocPage(GFP_KERNEL)];
    const list = [a, NO_PAGE, b];
    expect(() => calls.freePageList(list)).toThrow('REFCOUNT');
    expect(list).toEqual([NO_PAGE, b]);
  });
});

test('flags are those of the call', () => {
  const seen: number[] = [];
  const calls = new AddressCalls(
    // Only what is called.
    { allocPages: (gfp: number) => (seen.push(gfp), NO_PAGE) } as unknown as BuddyAllocator,
    addresses,
  );
  calls.getFreePage(GFP_KERNEL | __GFP_HIGHMEM);
  calls.getZeroedPage(GFP_KERNEL);
  calls.getDmaPages(GFP_KERNEL, 2);
  expect(seen).toEqual([GFP_KERNEL, GFP_KERNEL | __GFP_ZERO, GFP_KERNEL | __GFP_DMA]);
});

function i386() {
  const profile = getProfile('i386-1200m');
  const { zones, free, nrFrames } = describeMachine(profile);
  const { maxOrder, pageblockOrder, nrMigratetypes } = profile;
  return { zones, free, maxOrder, nrMigratetypes, frames: createFrameTable({ nrFrames, maxOrder, pageblockOrder }) };
}
