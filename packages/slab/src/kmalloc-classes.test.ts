import { __GFP_ACCOUNT, __GFP_DMA, __GFP_RECLAIMABLE, GFP_KERNEL } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { kmallocAlign, kmallocCacheName, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes, kmallocType } from './kmalloc-classes.js';

describe('a request takes its class', () => {
  test.each([
    [0, 0],
    [1, 8],
    [8, 8],
    [9, 16],
    [65, 96],
    [96, 96],
    [97, 128],
    [129, 192],
    [192, 192],
    [193, 256],
    [8192, 8192],
    [8193, 16384],
    [4194304, 4194304],
  ])('%i bytes take %i', (asked, takes) => {
    expect(kmallocSizeRoundup(asked)).toBe(takes);
  });

  test.each([-1, 0.5, NaN, Infinity, 2 ** 53])('%d is refused', (size) => {
    expect(() => kmallocSizeRoundup(size)).toThrow(RangeError);
  });
});

describe('limits follow from pages', () => {
  test('of 4 KiB and 11 orders: classes to 8 KiB, requests to 4 MiB', () => {
    expect(kmallocSizes()).toEqual([8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192]);
    expect(kmallocMaxSize()).toBe(4194304);
  });

  test('of 8 KiB and 6 orders: classes to 16 KiB, requests to 256 KiB', () => {
    expect(kmallocSizes({ pageShift: 13 }).at(-1)).toBe(16384);
    expect(kmallocMaxSize({ pageShift: 13, maxOrder: 6 })).toBe(262144);
  });

  test.each([{ pageShift: 11 }, { pageShift: 17 }, { maxOrder: 0 }, { maxOrder: 2.5 }])('%o is refused', (limits) => {
    expect(() => kmallocMaxSize(limits)).toThrow(RangeError);
  });
});

describe('the row of caches', () => {
  test('DMA wins over reclaimable, reclaimable over accounted', () => {
    expect(kmallocType(GFP_KERNEL)).toBe(0);
    expect(kmallocType(GFP_KERNEL | __GFP_ACCOUNT)).toBe(1);
    expect(kmallocType(GFP_KERNEL | __GFP_ACCOUNT | __GFP_RECLAIMABLE)).toBe(2);
    expect(kmallocType(GFP_KERNEL | __GFP_ACCOUNT | __GFP_RECLAIMABLE | __GFP_DMA)).toBe(3);
  });

  test('names its caches', () => {
    expect([0, 1, 2, 3].map((type) => kmallocCacheName(type, 2048))).toEqual(['kmalloc-2k', 'kmalloc-cg-2k', 'kmalloc-rcl-2k', 'dma-kmalloc-2k']);
    expect(kmallocCacheName(0, 96)).toBe('kmalloc-96');
    expect(() => kmallocCacheName(4, 8)).toThrow(RangeError);
    expect(() => kmallocCacheName(-1, 8)).toThrow(RangeError);
  });

  test('aligns powers of two to themselves, 96 and 192 to a word', () => {
    expect([8, 64, 96, 192, 4096].map(kmallocAlign)).toEqual([8, 64, 8, 8, 4096]);
  });
});
