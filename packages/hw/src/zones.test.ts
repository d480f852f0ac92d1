import type { PfnRange, ZoneSpec } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { countPages } from './memory-map.js';
import { layoutZones } from './zones.js';

const range = (start: number, end: number): PfnRange => ({ start, end });
const row = ({ kind, startPfn, spannedPages, present }: ZoneSpec): (string | number)[] => [
  kind,
  startPfn,
  spannedPages,
  countPages(present),
];

describe('x86_64', () => {
  // Linux 6.1.192 in QEMU: RAM of /proc/iomem, then start_pfn, spanned and present of /proc/zoneinfo.
  test.each([
    [64, 0x3fe0, 12256],
    [256, 0xffe0, 61408],
    [512, 0x1ffe0, 126944],
    [2048, 0x7ffe0, 520160],
  ])('a PC with %i MiB has the zones that Linux shows', (_mib, end, pages) => {
    const zones = layoutZones({ arch: 'x86_64', nodes: [{ node: 0, ram: [range(1, 0x9f), range(0x100, end)] }] });
    expect(zones.map(row)).toEqual([
      ['DMA', 1, 4095, 3998],
      ['DMA32', 4096, pages, pages],
      ['Normal', 0, 0, 0],
      ['Movable', 0, 0, 0],
      ['Device', 0, 0, 0],
    ]);
  });

  test('a zone spans the hole at its end when the node has memory further up', () => {
    const ram = [range(0, 0x9f), range(0x100, 0xbffe0), range(0x100000, 0x100001)];
    const zones = layoutZones({ arch: 'x86_64', nodes: [{ node: 0, ram }] });
    expect(zones.slice(0, 3).map(row)).toEqual([
      ['DMA', 1, 4095, 3998],
      ['DMA32', 4096, 1044480, 782304],
      ['Normal', 1048576, 1, 1],
    ]);
    expect(zones[1].present).toEqual([range(0x1000, 0xbffe0)]);
  });

  test('frame 0 is in no zone', () => {
    expect(layoutZones({ arch: 'x86_64', nodes: [{ node: 0, ram: [range(0, 8)] }] })[0].startPfn).toBe(1);
  });

  test('limits are addresses: with larger pages there are fewer frames below them', () => {
    const zones = layoutZones({ arch: 'x86_64', pageShift: 13, nodes: [{ node: 0, ram: [range(0, 0x100000)] }] });
    expect(zones.slice(0, 3).map(row)).toEqual([
      ['DMA', 1, 2047, 2047],
      ['DMA32', 2048, 522240, 522240],
      ['Normal', 524288, 524288, 524288],
    ]);
  });

  test('every node has every zone, each within the node', () => {
    const zones = layoutZones({
      arch: 'x86_64',
      nodes: [
        { node: 0, ram: [range(0, 0x80000)] },
        { node: 1, ram: [range(0x80000, 0x180000)] },
        { node: 2, ram: [] },
      ],
    });
    expect(zones.map((z) => z.node)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
    expect(zones.filter((z) => z.spannedPages > 0).map((z) => [z.node, ...row(z)])).toEqual([
      [0, 'DMA', 1, 4095, 4095],
      [0, 'DMA32', 4096, 0x7f000, 0x7f000],
      [1, 'DMA32', 0x80000, 0x80000, 0x80000],
      [1, 'Normal', 0x100000, 0x80000, 0x80000],
    ]);
  });
});

describe('i386', () => {
  const ram = [range(0, 0x9f), range(0x100, 0x4afe0)];

  test('lowmem ends at 896 MiB as in the textbooks', () => {
    expect(layoutZones({ arch: 'i386', nodes: [{ node: 0, ram }] }).map(row)).toEqual([
      ['DMA', 1, 4095, 3998],
      ['Normal', 4096, 225280, 225280],
      ['HighMem', 229376, 0x4afe0 - 229376, 0x4afe0 - 229376],
      ['Movable', 0, 0, 0],
    ]);
  });

  test('or where the kernel was configured to end it', () => {
    // Linux 6.1.192 i386 with 1200 MiB: VMALLOC_END 0xfeffe000 - PAGE_OFFSET 0xc0000000 - 128 MiB.
    const zones = layoutZones({ arch: 'i386', lowmemBytes: 0x36ffe000, nodes: [{ node: 0, ram }] });
    expect(zones.map(row)).toEqual([
      ['DMA', 1, 4095, 3998],
      ['Normal', 4096, 221182, 221182],
      ['HighMem', 225278, 81890, 81890],
      ['Movable', 0, 0, 0],
    ]);
  });

  test('zones never overlap, even with hardly any lowmem', () => {
    const zones = layoutZones({ arch: 'i386', lowmemBytes: 8 * 2 ** 20, nodes: [{ node: 0, ram }] });
    expect(zones.slice(0, 3).map((z) => [z.startPfn, z.spannedPages])).toEqual([
      [1, 2047],
      [0, 0],
      [2048, 0x4afe0 - 2048],
    ]);
  });
});

test.each(['arm', 'identity', 'x86_64-linear'] as const)('%s has all memory in Normal, frame 0 included', (arch) => {
  const zones = layoutZones({ arch, nodes: [{ node: 0, ram: [range(0, 0x3c000)] }] });
  expect(row(zones[0])).toEqual(['Normal', 0, 0x3c000, 0x3c000]);
  expect(zones.slice(1).every((z) => z.spannedPages === 0)).toBe(true);
});
