/** Areas of per-CPU memory: as high as they fit, as far from each other as asked (vmalloc spec 8; its edge case 51). */
import { isKernelBug } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { formatVmallocinfo, SortedRangeList, VirtualRangeAllocator } from '../src/index.js';
import { findCongruent } from '../src/congruent-areas.js';
import { machine } from './machine.js';

const PAGE = 4096;
const MIB = 2 ** 20;
const ONE = { offsets: [0], sizes: [2 * MIB], align: 2 * MIB, caller: 'pcpu_get_vm_areas+0x0/0xe30' };

describe('pcpu_get_vm_areas', () => {
  test('edge case 51: an area lies below VMALLOC_END, aligned, and the next one directly below', () => {
    const { profile, vmalloc } = machine();
    const end = Math.floor(profile.regions.vmallocEnd / (2 * MIB)) * 2 * MIB;
    expect([vmalloc.pcpuGetVmAreas(ONE), vmalloc.pcpuGetVmAreas(ONE)]).toEqual([[end - 2 * MIB], [end - 4 * MIB]]);
    expect(formatVmallocinfo(vmalloc.areas.exportState().areas, [], { bitsPerLong: 64 }).split('\n')[0]).toBe(
      '0xffffe8ffffa00000-0xffffe8ffffc00000 2097152 pcpu_get_vm_areas+0x0/0xe30 vmalloc',
    );
    vmalloc.assertValid();
  });

  test('groups keep their distance, and all of them move when one does not fit', () => {
    const { vmalloc, usedPages } = machine();
    const two = { offsets: [0, 8 * MIB], sizes: [2 * MIB, 4 * MIB], align: 2 * MIB, caller: 'f' };
    const first = vmalloc.pcpuGetVmAreas(two) ?? [];
    expect(first[1] - first[0]).toBe(8 * MIB);
    // Between the two there is room for the lower group of a second pair, and below the first for none of its upper one.
    const second = vmalloc.pcpuGetVmAreas(two) ?? [];
    expect([second[0] - first[0], second[1] - first[0]]).toEqual([-4 * MIB, 4 * MIB]);
    const used = usedPages();
    vmalloc.pcpuFreeVmAreas(first);
    expect([vmalloc.areas.lazyPages, vmalloc.areas.exportState().areas.length, usedPages() <= used]).toEqual([6 * 256, 2, true]);
    vmalloc.vmUnmapAliases();
    expect(vmalloc.pcpuGetVmAreas(two)).toEqual(first);
  });

  test('when there is no room, what is lazy is purged; when that does not help nothing is taken, with a warning', () => {
    const start = -0x3700_0000_0000;
    const made = machine({ vmalloc: { vmallocEnd: start + 5 * MIB } });
    const { kmalloc, pages, reports, vmalloc } = made;
    const [a] = vmalloc.pcpuGetVmAreas(ONE) ?? [];
    const [b] = vmalloc.pcpuGetVmAreas(ONE) ?? [];
    expect([a - start, b - start]).toEqual([2 * MIB, 0]);
    vmalloc.pcpuFreeVmAreas([b]);
    expect(vmalloc.pcpuGetVmAreas(ONE)).toEqual([b]);
    const settle = (): number => {
      for (const cache of kmalloc.caches) cache.shrink();
      pages.drainAllPages();
      return made.usedPages();
    };
    const before = settle();
    expect(vmalloc.pcpuGetVmAreas(ONE)).toBeNull();
    expect([settle(), reports.map(({ code, severity }) => [code, severity])]).toEqual([before, [['ALLOC_FAILURE', 'warn']]]);
  });

  test('misuse: areas that are none, sizes that are no multiples, an interrupt', () => {
    const { cpus, reports, vmalloc } = machine();
    vmalloc.pcpuFreeVmAreas([vmalloc.vmalloc(1)]);
    vmalloc.pcpuFreeVmAreas([]);
    for (const wrong of [{ ...ONE, sizes: [PAGE] }, { ...ONE, offsets: [], sizes: [] }]) {
      expect(() => vmalloc.pcpuGetVmAreas(wrong)).toThrow('must be multiples of 2097152');
    }
    cpus.inInterrupt = true;
    expect(vmalloc.pcpuGetVmAreas(ONE)).toBeNull();
    expect(reports.map(({ code }) => code)).toEqual(['BAD_AREA', 'BAD_AREA', 'SLEEP_IN_ATOMIC']);
    expect(reports.every(isKernelBug)).toBe(true);
  });
});

test('the search finds the highest base there is, by any kind of ranges', () => {
  for (const make of [VirtualRangeAllocator, SortedRangeList]) {
    const ranges = new make({ end: 100 });
    for (const addr of [10, 42, 60, 61, 87]) ranges.allocRange(1, 1, addr, addr + 1);
    const isFree = (addr: number, size: number): boolean => [10, 42, 60, 61, 87].every((taken) => taken < addr || taken >= addr + size);
    for (const [offsets, sizes] of [[[0], [12]], [[0, 20], [8, 10]], [[0, 30, 15], [5, 9, 5]], [[40, 0], [16, 16]], [[0], [26]]] as const) {
      const last = Math.max(...offsets.map((offset, i) => offset + sizes[i]));
      const bases = Array.from({ length: 101 - last }, (_, base) => 100 - last - base);
      const expected = bases.find((base) => offsets.every((offset, i) => isFree(base + offset, sizes[i])));
      expect(findCongruent(ranges, { offsets, sizes, align: 1, start: 0, end: 100 })).toBe(expected ?? -Infinity);
    }
  }
});
