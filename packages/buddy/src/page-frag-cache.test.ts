import { __GFP_COMP, GFP_ATOMIC, GFP_NOWAIT, NO_PAGE, NULL } from '@kmem/contracts';
import { AddressMap, createFrameTable, getProfile } from '@kmem/hw';
import { expect, test } from 'vitest';
import { BuddyAllocator, PageFragCache } from './index.js';

const addresses = new AddressMap(getProfile('pc-160m'));

function machine() {
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
  return { pages, frags: new PageFragCache(pages, addresses) };
}

function used(pages: BuddyAllocator): number {
  return pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
}

test('fragments are handed out from the end of a compound block of 32 KiB downwards', () => {
  const { pages, frags } = machine();
  const first = frags.alloc(1000, GFP_ATOMIC);
  const second = frags.alloc(24, GFP_ATOMIC);
  expect(used(pages)).toBe(8);
  expect(first - second).toBe(24);
  expect((first + 1000) % 32768).toBe(addresses.pageAddress(0) % 32768);
  expect(pages.pageCount(addresses.kaddrToPfn(first))).toBe(32769);
  frags.free(first);
  expect(pages.pageCount(addresses.kaddrToPfn(second))).toBe(32768);
  frags.drain();
  expect(pages.pageCount(addresses.kaddrToPfn(second))).toBe(1);
});

test('alignment is applied below the size', () => {
  const { frags } = machine();
  const end = frags.alloc(1, GFP_ATOMIC) + 1;
  const aligned = frags.alloc(100, GFP_ATOMIC, 64);
  expect(aligned % 64 === 0 && end - aligned).toBe(128);
});

test('a block goes back with its last fragment once the cache has left it', () => {
  const { pages, frags } = machine();
  const held = [frags.alloc(20_000, GFP_ATOMIC), frags.alloc(20_000, GFP_ATOMIC)];
  expect(used(pages)).toBe(16);
  frags.free(held[0]);
  expect(used(pages)).toBe(8);
  frags.drain();
  frags.drain();
  expect(used(pages)).toBe(8);
  frags.free(held[1]);
  expect(used(pages)).toBe(0);
});

test('a block whose fragments are all freed is used again', () => {
  const { pages, frags } = machine();
  const first = frags.alloc(20_000, GFP_ATOMIC);
  frags.free(first);
  expect(frags.alloc(20_000, GFP_ATOMIC)).toBe(first);
  expect([used(pages), pages.pageCount(addresses.kaddrToPfn(first))]).toEqual([8, 32769]);
});

test('without a block of 32 KiB a page must do, and then larger fragments fail', () => {
  const { pages, frags } = machine();
  const held: number[] = [];
  for (let pfn = pages.allocPages(GFP_NOWAIT, 0); pfn !== NO_PAGE; pfn = pages.allocPages(GFP_NOWAIT, 0)) held.push(pfn);
  expect(frags.alloc(100, GFP_NOWAIT)).toBe(NULL);
  pages.freePages(held[500], 0);
  pages.drainAllPages();
  const fragment = frags.alloc(100, GFP_NOWAIT);
  expect(addresses.kaddrToPfn(fragment)).toBe(held[500]);
  frags.free(fragment);
  frags.drain();
  pages.drainAllPages();
  expect(frags.alloc(4097, GFP_NOWAIT)).toBe(NULL);
  expect(frags.alloc(4096, GFP_NOWAIT)).toBe(addresses.pageAddress(held[500]));
});

test('a fragment larger than a block fails and costs nothing', () => {
  const { frags } = machine();
  expect(frags.alloc(32769, GFP_ATOMIC | __GFP_COMP)).toBe(NULL);
  expect(frags.alloc(32768, GFP_ATOMIC)).not.toBe(NULL);
});

test.each([NaN, 0, -0, -1, 0.5, 2 ** 53, Infinity])('the size %d is refused', (size) => {
  const { pages, frags } = machine();
  expect(() => frags.alloc(size, GFP_ATOMIC)).toThrow('BAD_SIZE');
  expect(used(pages)).toBe(0);
});

test.each([NaN, 0, -2, 3, 0.5, 2 ** 16, 2 ** 32, 2 ** 53])('the alignment %d is refused', (align) => {
  const { pages, frags } = machine();
  expect(() => frags.alloc(8, GFP_ATOMIC, align)).toThrow('BAD_SIZE');
  expect(used(pages)).toBe(0);
});

test('freeing what is no fragment is refused', () => {
  const { frags } = machine();
  const fragment = frags.alloc(8, GFP_ATOMIC);
  expect(() => frags.free(NULL)).toThrow('BAD_FRAME');
  expect(() => frags.free(fragment + 2 ** 20)).toThrow('REFCOUNT');
});
