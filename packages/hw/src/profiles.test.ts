import type { ZoneSpec } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import type { MachineProfile } from './machine-profile.js';
import { describeMachine } from './machine.js';
import { countPages, intersectRanges, outerPages } from './memory-map.js';
import { recordedPc } from './profiles/recorded-pc.js';
import { identityProfile } from './profiles/synthetic.js';
import { getProfile, profileNames } from './profiles.js';

const profiles = profileNames.map(getProfile);

/** Zones with memory: kind, start_pfn, spanned, present, managed, as in a recorded dump or /proc/zoneinfo. */
function rows(profile: MachineProfile): (string | number)[][] {
  const { zones, managedByZone } = describeMachine(profile);
  const line = ({ kind, startPfn, spannedPages, present }: ZoneSpec, i: number): (string | number)[] => [
    kind,
    startPfn,
    spannedPages,
    countPages(present),
    managedByZone[i],
  ];
  return zones.map(line).filter(([, , spanned]) => spanned !== 0);
}

// What Linux 6.1.192 showed: dumps of the page allocator for 160, 3600 and 1200 MiB, /proc/zoneinfo for 512 MiB.
const RECORDED: Record<string, (string | number)[][]> = {
  'pc-160m': [
    ['DMA', 1, 4095, 3998, 3840],
    ['DMA32', 4096, 36832, 36832, 32367],
  ],
  'pc-512m': [
    ['DMA', 1, 4095, 3998, 3840],
    ['DMA32', 4096, 126944, 126944, 121359],
  ],
  'pc-3600m': [
    ['DMA', 1, 4095, 3998, 3840],
    ['DMA32', 4096, 1044480, 782304, 762638],
    ['Normal', 1048576, 135168, 135168, 118527],
  ],
  'i386-1200m': [
    ['DMA', 1, 4095, 3998, 3840],
    ['Normal', 4096, 221182, 221182, 216435],
    ['HighMem', 225278, 81890, 81890, 81890],
  ],
};

describe.each(Object.entries(RECORDED))('%s', (name, zones) => {
  const profile = getProfile(name);

  test('has the recorded zones, page for page', () => {
    expect(rows(profile)).toEqual(zones);
  });

  test('has the recorded sizes of the kernel', () => {
    const { nrCpus, pageblockOrder, maxOrder, nrMigratetypes, hugePages, hz } = profile;
    const [order, types] = name === 'i386-1200m' ? [10, 4] : [9, 5];
    expect({ nrCpus, pageblockOrder, maxOrder, nrMigratetypes, hugePages, hz }).toEqual({
      nrCpus: 1,
      pageblockOrder: order,
      maxOrder: 11,
      nrMigratetypes: types,
      hugePages: true,
      hz: 250,
    });
  });
});

test('pages kept from requests for a higher zone come out as recorded', () => {
  // Reserves of the upper zones, where no memory is given back after they are computed.
  const managed = (name: string): readonly number[] => describeMachine(getProfile(name)).managedByZone;
  expect(Math.floor(managed('pc-3600m')[2] / 256)).toBe(462); // DMA32 for Normal
  expect(Math.floor(managed('i386-1200m')[2] / 32)).toBe(2559); // Normal for HighMem
});

test('frames that were seen on free lists, next to reserved ones, are free', () => {
  // Around the kernel image of the recorded x86_64 machine; frames in between were never seen free.
  const { free, late } = describeMachine(getProfile('pc-3600m'));
  const isFree = (pfn: number): boolean => [...free, ...late].some(({ start, end }) => start <= pfn && pfn < end);
  const seenFree = [0x100, 0xfff, 0x1801, 0x19ff, 0x1bbc, 0x1bff, 0x1d1f, 0x1e10, 0x2006, 0x7ffe, 0x8000, 0xbbfdf];
  const never = [0x9e, 0xff, 0x1000, 0x1800, 0x1a00, 0x1bbb, 0x1c00, 0x1d1e, 0x1e11, 0x2005, 0x7fff, 0xbbfe0, 0xbffdf];
  expect(seenFree.filter((pfn) => !isFree(pfn))).toEqual([]);
  expect(never.filter(isFree)).toEqual([]);
});

test.each([
  // RAM in MiB, CPUs, managed pages of DMA32 as /proc/zoneinfo of that machine showed them.
  [64, 1, 8376],
  [96, 1, 16544],
  [160, 1, 32367],
  [256, 1, 56943],
  [512, 1, 121359],
  [512, 4, 121206],
  [2048, 1, 507855],
])('recorded PC with %i MiB and %i CPUs manages the recorded pages', (ramMib, nrCpus, managed) => {
  expect(describeMachine(recordedPc({ ramMib, nrCpus })).managedByZone).toEqual([3840, managed, 0, 0, 0]);
});

test('what is given back late is neither free nor reserved, and keeps its order', () => {
  const { free, late } = describeMachine(getProfile('pc-160m'));
  expect(late.map(({ start, end }) => [start, end - start])).toEqual([
    [0x9ecc, 276],
    [0x1d1f, 237],
    [0x1801, 511],
    [0x1bbc, 68],
  ]);
  expect(intersectRanges(free, late)).toEqual([]);
});

describe('machines that were not recorded', () => {
  test('4 GiB PC: zones of a PC, 3 GiB below the hole and 1 GiB above it', () => {
    expect(rows(getProfile('pc-4g')).map((r) => r.slice(0, 4))).toEqual([
      ['DMA', 1, 4095, 3998],
      ['DMA32', 4096, 1044480, 782304],
      ['Normal', 1048576, 262144, 262144],
    ]);
  });

  test('64 GiB server: two nodes with 32 GiB and 16 CPUs each, backed by sparse memory', () => {
    const server = getProfile('server-64g');
    const { zones } = describeMachine(server);
    const normal = zones.filter((z) => z.kind === 'Normal').map((z) => [z.node, z.startPfn, z.spannedPages]);
    expect(normal).toEqual([
      [0, 0x100000, 29 * 2 ** 18],
      [1, 0x840000, 32 * 2 ** 18],
    ]);
    expect(zones.length).toBe(10);
    expect([server.backing, ...server.nodes.map((n) => n.nrCpus)]).toEqual(['sparse', 16, 16]);
  });

  test('teaching machine: 4096 frames in one zone', () => {
    expect(rows(getProfile('teaching-16m'))).toEqual([['Normal', 0, 4096, 4096, 4096 - 768 - 64]]);
  });

  test('Raspberry Pi: 1 GiB without the 64 MiB of the GPU, one zone, all of it with an address', () => {
    const pi = getProfile('raspberry-pi');
    expect(rows(pi).map((r) => r.slice(0, 4))).toEqual([['Normal', 0, 245760, 245760]]);
    expect(pi.regions.lowmemBytes).toBe(960 * 2 ** 20);
  });

  test('identity: as large as asked for', () => {
    expect(rows(identityProfile({ sizeBytes: 2 ** 30, pageShift: 13 }))).toEqual([['Normal', 0, 131072, 131072, 131071]]);
    expect(rows(identityProfile())).toEqual(rows(getProfile('identity')));
    const blocks = (maxOrder: number) => identityProfile({ maxOrder }).pageblockOrder;
    expect([1, 5, 10, 11, 16].map(blocks)).toEqual([0, 4, 9, 9, 9]);
    expect(() => identityProfile({ maxOrder: 17 })).toThrow(/maxOrder/);
  });
});

describe.each(profiles.map((p) => [p.name, p] as const))('every profile: %s', (name, profile) => {
  const { regions } = profile;
  const frames = describeMachine(profile).nrFrames;
  const is64 = profile.bitsPerLong === 64;

  test('is found by its name and cannot be changed', () => {
    expect(getProfile(name)).toBe(profile);
    expect([profile, profile.regions, profile.nodes[0].ram[0], profile.reserved[0]].every(Object.isFrozen)).toBe(true);
  });

  test('has the CPUs of its nodes, and nodes numbered from 0', () => {
    expect(profile.nodes.reduce((sum, node) => sum + node.nrCpus, 0)).toBe(profile.nrCpus);
    expect(profile.nodes.map((node) => node.node)).toEqual(profile.nodes.map((_, i) => i));
  });

  test('reserves RAM that exists, and every range under a name', () => {
    const ram = profile.nodes.flatMap((node) => outerPages(node.ram, profile.pageShift));
    for (const reserved of profile.reserved) {
      expect(intersectRanges(ram, outerPages([reserved], profile.pageShift)), reserved.name).not.toEqual([]);
    }
    expect(new Set(profile.reserved.map((r) => r.name)).size).toBe(profile.reserved.length);
  });

  test('keeps its address regions apart', () => {
    // VMALLOC_END is the last byte on x86_64 and the first byte past the region elsewhere.
    const vmallocEnd = regions.vmallocEnd + (is64 && regions.vmallocEnd !== regions.vmallocStart ? 1 : 0);
    const directEnd = regions.pageOffset + Math.min(regions.lowmemBytes, frames * 2 ** profile.pageShift);
    const used = [
      ['direct map', regions.pageOffset, directEnd],
      ['vmalloc', regions.vmallocStart, vmallocEnd],
      ['modules', regions.modulesStart, regions.modulesEnd],
      ['kmap', regions.pkmapStart ?? 0, regions.pkmapEnd ?? 0],
      ['user', regions.userStart, regions.userEnd],
    ] as const;
    const filled = used.filter(([, start, end]) => start !== end).sort((a, b) => a[1] - b[1]);
    for (const [i, [region, start, end]] of filled.entries()) {
      expect(end, region).toBeGreaterThan(start);
      if (i > 0) expect(start, `${region} after ${filled[i - 1][0]}`).toBeGreaterThanOrEqual(filled[i - 1][2]);
    }
  });
});

describe('page descriptors lie in reserved memory', () => {
  /** First byte and bytes of the reservation, and the bytes that one descriptor a frame takes. */
  const descriptors = (name: string): { at: number; reserved: number; needed: number } => {
    const profile = getProfile(name);
    const found = profile.reserved.filter((r) => r.name.startsWith('page descriptors'));
    return {
      at: found[0].start,
      reserved: found.reduce((sum, r) => sum + r.end - r.start, 0),
      needed: describeMachine(profile).nrFrames * profile.pageStructBytes,
    };
  };

  test.each(['i386-1200m', 'raspberry-pi'])('%s: in the direct map, to the page', (name) => {
    const { at, reserved, needed } = descriptors(name);
    const { vmemmap, pageOffset } = getProfile(name).regions;
    expect(vmemmap - pageOffset).toBe(at);
    expect(reserved).toBe(Math.ceil(needed / 4096) * 4096);
  });

  test.each(['x86_64-linear', 'teaching-16m'])('%s: where the address of the first one points', (name) => {
    const { at, reserved, needed } = descriptors(name);
    expect(getProfile(name).regions.vmemmap >>> 0).toBe(at);
    expect(reserved).toBe(needed);
  });

  // Sections of 128 MiB with memory, 2 MiB of descriptors for each.
  test.each([
    ['pc-160m', 2],
    ['pc-512m', 4],
    ['pc-3600m', 24 + 5],
    ['pc-4g', 24 + 8],
    ['server-64g', 24 + 232 + 256],
  ])('%s: for %i sections', (name, sections) => {
    expect(descriptors(name).reserved).toBe(sections * 2 ** 21);
  });
});

test('modules begin where 6.1 puts them: later with KASLR support, inside vmalloc on 32 bits', () => {
  const start = (name: string): string => BigInt.asUintN(64, BigInt(getProfile(name).regions.modulesStart)).toString(16);
  expect(start('pc-512m')).toBe('ffffffffa0000000');
  expect(start('pc-4g')).toBe('ffffffffc0000000');
  const { modulesStart, modulesEnd } = getProfile('i386-1200m').regions;
  expect(modulesEnd - modulesStart).toBe(0);
});

test('the vmalloc region of the recorded i386 machine has the recorded size', () => {
  // VmallocTotal of /proc/meminfo: 122880 kB. The first area of /proc/vmallocinfo starts at 0xf77fe000.
  const { vmallocStart, vmallocEnd, pkmapStart, pkmapEnd } = getProfile('i386-1200m').regions;
  expect([vmallocStart, (vmallocEnd - vmallocStart) / 1024]).toEqual([0xf77fe000, 122880]);
  expect(((pkmapEnd ?? 0) - (pkmapStart ?? 0)) / 4096).toBe(1024);
});
