import { describe, expect, test } from 'vitest';
import { bootPc, zoneOf } from '../test/fixtures.js';
import { BuddyAllocator, type ZoneTunables } from './index.js';
import { createFrameTable } from '@kmem/hw';
import { defaultMinFreeKbytes, pcpBatch, statThreshold } from './zone-limits.js';

const MIB = 1024;
const GIB = 1024 * MIB;

test.each([
  [16 * MIB, 512],
  [32 * MIB, 724],
  [64 * MIB, 1024],
  [128 * MIB, 1448],
  [256 * MIB, 2048],
  [512 * MIB, 2896],
  [GIB, 4096],
  [2 * GIB, 5792],
  [4 * GIB, 8192],
  [8 * GIB, 11585],
  [16 * GIB, 16384],
  [1, 128],
  [2 ** 40, 262144],
])('%i KiB of memory: %i KiB kept free', (lowmem, kbytes) => {
  expect(defaultMinFreeKbytes(lowmem)).toBe(kbytes);
});

test.each([
  [1, 12, 1],
  [3840, 12, 1],
  [112697, 12, 31],
  [756854, 12, 63],
  [2 ** 30, 12, 63],
  // A quarter of 1 MiB is 32, 16 and 4 of the larger pages; 64 KiB pages: 4 / 4 * 3 / 2.
  [2 ** 30, 13, 31],
  [2 ** 30, 14, 15],
  [2 ** 30, 16, 3],
  [2 ** 30, 21, 1],
])('%i pages of 2 ** %i bytes: batch %i', (managed, pageShift, batch) => {
  expect(pcpBatch(managed, pageShift)).toBe(batch);
});

test('threshold of the counters on a PC of 512 MiB with 2 CPUs', () => {
  expect(statThreshold(3840, 2, 12)).toBe(4);
  expect(statThreshold(112697, 2, 12)).toBe(12);
  expect(statThreshold(2 ** 28, 64, 12)).toBe(125);
});

describe('a machine', () => {
  test('zones share the memory kept free by their sizes', () => {
    // 512 MiB with 3840 pages of DMA; what is not free belongs to the kernel's image.
    const { pages } = bootPc(131072, [{ start: 256, end: 4096 }, { start: 17408, end: 130105 }]);
    const dma = zoneOf(pages, 'DMA');
    const dma32 = zoneOf(pages, 'DMA32');
    expect([dma.managed, dma32.managed]).toEqual([3840, 112697]);
    // 466148 KiB * 16, square root: 2730 KiB = 682 pages.
    expect([dma.min, dma.low, dma.high, dma.promo]).toEqual([22, 27, 32, 37]);
    expect([dma32.min, dma32.low, dma32.high]).toEqual([659, 823, 987]);
    expect(dma.lowmem_reserve.slice(0, 4)).toEqual([0, 440, 440, 440]);
    expect([dma.pcp.batch, dma.pcp.high, dma32.pcp.batch, dma32.pcp.high]).toEqual([1, 27, 31, 823]);
  });

  test('from 512 MiB on, huge pages want more kept free: 45056 KiB for two zones of 3 GiB', () => {
    const free = [{ start: 256, end: 786432 }];
    const sum = (pages: BuddyAllocator) => zoneOf(pages, 'DMA').min + zoneOf(pages, 'DMA32').min;
    expect(sum(bootPc(786432, free).pages)).toBeGreaterThan(11260);
    expect(sum(bootPc(786432, free).pages)).toBeLessThanOrEqual(11264);
    expect(sum(bootPc(786432, free, { hugePages: false }).pages)).toBeLessThan(1800);
  });

  test('a library user has no limits: every page but frame 0 can be taken', () => {
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 2048 }) });
    let taken = 0;
    while (pages.allocPages(0, 0) > 0) taken++;
    expect(taken).toBe(2047);
  });

  test.each<[string, Partial<ZoneTunables>]>([
    ['watermark_boost_factor', { watermarkBoostFactor: 0 }],
    ['lowmem_reserve_ratio', { lowmemReserveRatio: { DMA: 32 } }],
  ])('a write to %s leaves the sizes of per-CPU lists alone', (_, changes) => {
    // More pages than the limits were computed from.
    const { pages } = bootPc(131072, [{ start: 4096, end: 65536 }], { late: [{ start: 65536, end: 131072 }] });
    const { pcp } = zoneOf(pages, 'DMA32');
    pages.setTunables(changes);
    expect(zoneOf(pages, 'DMA32').pcp).toMatchObject({ high: pcp.high, batch: pcp.batch });
    pages.setTunables({ percpuPagelistHighFraction: 8 });
    expect(zoneOf(pages, 'DMA32').pcp.high).toBe(Math.floor(126976 / 8));
  });

  test('percpu_pagelist_high_fraction sets the size of per-CPU lists', () => {
    const tunables = { percpuPagelistHighFraction: 8 };
    const { pages } = bootPc(131072, [{ start: 4096, end: 131072 }], { tunables });
    expect(zoneOf(pages, 'DMA32').pcp.high).toBe(Math.floor(126976 / 8));
  });
});
