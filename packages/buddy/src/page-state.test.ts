import { GFP_KERNEL, GFP_NOWAIT, isKernelBug } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { bootPc, load, oneZone, zoneOf, zoneState } from '../test/fixtures.js';
import { BuddyAllocator } from './index.js';

describe('a state that was written down', () => {
  test('loads into an allocator that goes on in the same way', () => {
    const first = bootPc(16384, [{ start: 256, end: 16384 }]);
    const held = Array.from({ length: 700 }, (_, i) => [first.pages.allocPages(GFP_KERNEL, i % 5), i % 5] as const);
    for (const [i, [pfn, order]] of held.entries()) if (i % 3 === 0) first.pages.freePages(pfn, order);
    const state = first.pages.exportState();
    const second = load(state).pages;
    expect(second.exportState()).toEqual(state);
    const next = (pages: BuddyAllocator) => Array.from({ length: 300 }, (_, i) => pages.allocPages(GFP_NOWAIT, i % 4));
    expect(next(second)).toEqual(next(first.pages));
    expect(second.exportState()).toEqual(first.pages.exportState());
  });

  test('shares nothing with the allocator', () => {
    const { pages } = bootPc(8192, [{ start: 4096, end: 8192 }]);
    const before = pages.exportState();
    const copy = structuredClone(before);
    pages.allocPages(GFP_KERNEL, 0);
    expect(before).toEqual(copy);
  });
});

describe('a state that contradicts itself is refused', () => {
  const good = { start_pfn: 0, spanned: 1024 };
  const refused = (fixture: Partial<Parameters<typeof zoneState>[2]>) => () => load(oneZone({ ...good, ...fixture }));

  test('a block on two lists, or outside memory', () => {
    expect(refused({ free: { 0: { 1: [100], 0: [100] } } })).toThrow(/block 100 of order 0 in zone Normal: frame 100 is on another list/);
    expect(refused({ free: { 2: { 1: [100] }, 0: { 1: [101] } } })).toThrow(/frame 101|frame 100/);
    expect(refused({ free: { 0: { 1: [1024] } } })).toThrow(/frame 1024 is on another list or not in the zone's memory/);
    expect(refused({ free: { 0: { 1: [600] } }, types: [1, 255] })).toThrow(/frame 600/);
  });

  test.each([
    ['counted pages that are on no list', { nr_free_pages: 5 }],
    ['per-CPU pages that are on no list', { pcp: { count: 4 } }],
    ['a block that is not aligned', { free: { 2: { 1: [102] } } }],
    ['buddies side by side', { free: { 0: { 1: [100, 101] } } }],
  ])('%s', (_, fixture) => {
    try {
      refused(fixture)();
    } catch (error) {
      if (!isKernelBug(error)) throw error;
      expect(error.code).toBe('CORRUPT_STATE');
      return;
    }
    throw new Error('was loaded');
  });
});

test('zones and free frames cannot be given beside a state', () => {
  const state = oneZone({ start_pfn: 0, spanned: 1024 });
  const frames = createFrameTable({ nrFrames: 1024 });
  expect(() => new BuddyAllocator({ frames, state, zones: [] })).toThrow(/cannot be combined with state/);
  expect(() => new BuddyAllocator({ frames, state, free: [] })).toThrow(/cannot be combined with state/);
  expect(() => new BuddyAllocator({ frames, state, tunables: {} })).toThrow(/cannot be combined with state/);
});

describe('several CPUs', () => {
  const second = { nrCpus: 2, cpu: 1, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };

  test('a loaded state gives every CPU lists of the same size', () => {
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 4096, free: { 10: { 0: [1024] } }, pcp: { high: 100, batch: 4 } }), { cpus: second });
    pages.freePages(pages.allocPages(GFP_KERNEL, 0), 0);
    expect(pages.nrPcpPages).toBe(4);
    pages.drainAllPages();
    expect(pages.nrPcpPages).toBe(0);
    pages.assertValid();
  });

  test('what they have not folded in is written down as folded', () => {
    const { pages } = bootPc(16384, [{ start: 256, end: 16384 }], { cpus: second });
    pages.allocPages(GFP_KERNEL, 0);
    pages.drainAllPages();
    const state = pages.exportState();
    expect(load(state).pages.nrFreePages).toBe(pages.nrFreePages);
  });
});

test('huge pages on per-CPU lists keep their types', () => {
  const state = oneZone({
    start_pfn: 0,
    spanned: 4096,
    pcp: { count: 1024, lists: { 12: { pfns: [512, 1024], migratetypes: [0, 2] } } },
  });
  const { pages } = load(state);
  expect(zoneOf(pages, 'Normal').pcp.lists).toEqual(state.zones[0].pcp.lists);
  pages.drainLocalPages();
  expect(zoneOf(pages, 'Normal').free).toEqual({ 9: { 0: [512], 2: [1024] } });
});
