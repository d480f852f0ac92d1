import {
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  COMPACT_COMPLETE,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  GFP_DMA,
  GFP_KERNEL,
  GFP_NOWAIT,
  NO_PAGE,
  PF_MEMALLOC,
  type KernelBug,
  type Reclaim,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone, lowMachine, zoneOf, type FreeLists, type ZoneFixture } from '../test/fixtures.js';
import type { BuddyAllocator } from './index.js';

/** Writes down what it is asked, and answers as told. */
class Log implements Reclaim {
  readonly calls: string[] = [];
  pages: BuddyAllocator | null = null;
  constructor(private readonly answers: { readonly frees?: readonly number[]; readonly reclaimable?: number; readonly compacts?: number; readonly kills?: readonly number[] }) {}

  wakeKswapd(node: number, order: number, highestZone: number): void {
    this.calls.push(`kswapd ${node} ${order} ${highestZone}`);
  }
  reclaim(): number {
    this.calls.push('reclaim');
    return this.#free(this.answers.frees ?? []);
  }
  reclaimablePages(): number {
    return this.answers.reclaimable ?? 0;
  }
  compact(_order: number, _gfp: number, priority: number): number {
    this.calls.push(`compact ${priority}`);
    return this.answers.compacts ?? COMPACT_SKIPPED;
  }
  outOfMemory(): boolean {
    this.calls.push('oom');
    return this.#free(this.answers.kills ?? []) > 0;
  }
  count(name: string): number {
    return this.calls.filter((call) => call.startsWith(name)).length;
  }
  /** Frees pages that the state says are in use, the first time it is asked. */
  #free(pfns: readonly number[]): number {
    if (this.#done) return 0;
    this.#done = pfns.length > 0;
    for (const pfn of pfns) this.pages?.freePages(pfn, 0);
    return pfns.length;
  }
  #done = false;
}

const machine = (free: FreeLists, answers: ConstructorParameters<typeof Log>[0], zone: Partial<ZoneFixture> = {}) => {
  const reclaim = new Log(answers);
  const state = oneZone({ start_pfn: 0, spanned: 8192, free, types: new Array<number>(16).fill(0), pcp: { high: 0, batch: 1 }, ...zone });
  const { pages } = load(state, { reclaim });
  reclaim.pages = pages;
  return { pages, reclaim };
};

describe('background reclaim', () => {
  test('is woken when the low watermark is not met, not by requests that forbid it', () => {
    const zone = { min: 0, low: 100, high: 100 };
    const { pages, reclaim } = machine({ 4: { 0: [512] } }, {}, zone);
    expect(pages.allocPages(GFP_NOWAIT, 0)).toBe(512);
    expect(reclaim.calls).toEqual(['kswapd 0 0 0']);
    const silent = machine({ 4: { 0: [512] } }, {}, zone);
    expect(silent.pages.allocPages(0, 0)).toBe(512);
    expect(silent.reclaim.calls).toEqual([]);
  });

  test('is told once about a boost', () => {
    const { pages, reclaim } = machine({ 4: { 0: [512] } }, {}, { flags: 1 });
    pages.allocPages(GFP_KERNEL, 0);
    pages.allocPages(GFP_KERNEL, 0);
    expect(reclaim.calls).toEqual(['kswapd 0 0 0']);
    expect(zoneOf(pages, 'Normal').flags).toBe(0);
  });
});

describe('direct reclaim', () => {
  test('serves the request from what it freed', () => {
    const { pages, reclaim } = machine({}, { frees: [100] });
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(100);
    expect(reclaim.count('reclaim')).toBe(1);
  });

  test('never happens for requests that cannot wait', () => {
    const { pages, reclaim } = machine({}, { frees: [100] });
    expect(pages.allocPages(GFP_NOWAIT, 0)).toBe(NO_PAGE);
    expect(reclaim.count('reclaim') + reclaim.count('oom')).toBe(0);
  });

  test('progress that is not enough drains the per-CPU lists once more', () => {
    // Two buddies wait on the lists; reclaim frees an unrelated page.
    const { pages } = machine({}, { frees: [300] }, { pcp: { high: 1000, batch: 4, count: 2, lists: { 0: { pfns: [512, 513] } } } });
    expect(pages.allocPages(GFP_KERNEL, 1)).toBe(512);
  });

  test('without progress it is tried 16 times while there is something to reclaim', () => {
    const { pages, reclaim } = machine({ 0: { 0: [100] } }, { reclaimable: 1000 }, { min: 10, low: 10, high: 10 });
    expect(pages.allocPages(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0)).toBe(NO_PAGE);
    expect(reclaim.count('reclaim')).toBe(17);
    expect(reclaim.count('oom')).toBe(0);
  });

  test('NORETRY: once', () => {
    const { pages, reclaim } = machine({}, { reclaimable: 1000 });
    expect(pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 0)).toBe(NO_PAGE);
    expect(reclaim.count('reclaim')).toBe(1);
    expect(reclaim.count('oom')).toBe(0);
  });
});

describe('compaction', () => {
  test('19.36: NORETRY of a costly order gives up when compaction is skipped, without reclaim', () => {
    const { pages, reclaim } = machine({}, { compacts: COMPACT_SKIPPED });
    expect(pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 4)).toBe(NO_PAGE);
    expect(reclaim.calls.filter((call) => !call.startsWith('kswapd'))).toEqual(['compact 2']);
  });

  test('19.37: a costly order gets one round', () => {
    const { pages, reclaim } = machine({}, { compacts: COMPACT_COMPLETE });
    expect(pages.allocPages(GFP_KERNEL, 4)).toBe(NO_PAGE);
    expect(reclaim.count('reclaim')).toBe(1);
    expect(reclaim.count('oom')).toBe(0);
  });

  test('an order up to 3 raises its priority before it gives up', () => {
    const { pages, reclaim } = machine({ 0: { 0: [100] } }, { compacts: COMPACT_COMPLETE, frees: [300] });
    expect(pages.allocPages(GFP_KERNEL | __GFP_RETRY_MAYFAIL, 2)).toBe(NO_PAGE);
    expect(reclaim.calls.filter((call) => call.startsWith('compact'))).toEqual(['compact 2', 'compact 1', 'compact 0']);
  });

  test.each([
    // Free pages, order, and how often reclaim runs while it claims to get on: compaction needs min and twice the block.
    [18, 3, 1],
    [27, 3, 6],
    [10 + 2 * 16, 4, 1],
    [20 + 2 * 16 + 1, 4, 6],
  ])('%i free, order %i: where it is skipped, it is worth waiting for only if it could have room (%i)', (free, order, rounds) => {
    const singles = Array.from({ length: free }, (_, i) => 4096 + 2 * i);
    const { pages, reclaim } = machine({ 0: { 0: singles } }, {}, { min: 10, low: 20, high: 30 });
    let left = 5;
    reclaim.reclaim = () => (reclaim.calls.push('reclaim'), left-- > 0 ? 1 : 0);
    expect(pages.allocPages(GFP_KERNEL | __GFP_RETRY_MAYFAIL, order)).toBe(NO_PAGE);
    expect(reclaim.count('reclaim')).toBe(rounds);
  });

  test('order 0 never compacts', () => {
    const { pages, reclaim } = machine({}, { compacts: COMPACT_SUCCESS });
    pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 0);
    expect(reclaim.count('compact')).toBe(0);
  });
});

describe('out of memory', () => {
  test('the request is served from what the victim had', () => {
    const { pages, reclaim } = machine({}, { kills: [100] });
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(100);
    expect(reclaim.count('oom')).toBe(1);
  });

  test.each([
    ['RETRY_MAYFAIL', GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0],
    ['a costly order', GFP_KERNEL, 4],
  ])('%s ends no task', (_, gfp, order) => {
    const { pages, reclaim } = machine({}, { kills: [100] });
    expect(pages.allocPages(gfp, order)).toBe(NO_PAGE);
    expect(reclaim.count('oom')).toBe(0);
  });

  test('19.27: a request for DMA ends no task', () => {
    const reclaim = new Log({ kills: [5000] });
    const { pages } = load(lowMachine({ start_pfn: 1, spanned: 4095 }, { start_pfn: 4096, spanned: 4096 }), { reclaim });
    reclaim.pages = pages;
    expect(pages.allocPages(GFP_DMA | GFP_KERNEL, 0)).toBe(NO_PAGE);
    expect(reclaim.count('oom')).toBe(0);
  });
});

describe('NOFAIL', () => {
  test('may go down to half of the min watermark', () => {
    const singles = { 0: { 0: Array.from({ length: 12 }, (_, i) => 512 + 2 * i) } };
    const { pages } = machine(singles, {}, { min: 22, low: 27, high: 32 });
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOWARN | __GFP_RETRY_MAYFAIL, 0)).toBe(NO_PAGE);
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOFAIL, 0)).toBe(512);
  });

  test('goes on as long as reclaim makes progress, also for costly orders', () => {
    const pfns = Array.from({ length: 16 }, (_, i) => 512 + i);
    let calls = 0;
    const reclaim = new Log({});
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, types: new Array<number>(16).fill(0), pcp: { high: 0, batch: 1 } }), { reclaim });
    reclaim.reclaim = () => {
      if (calls >= pfns.length) return 0;
      pages.freePages(pfns[calls++], 0);
      return 1;
    };
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOFAIL, 4)).toBe(512);
    expect(calls).toBe(16);
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOFAIL, 4)).toBe(NO_PAGE);
  });

  test('wins over NORETRY', () => {
    const { pages } = machine({ 4: { 0: [512, 544] } }, { compacts: COMPACT_SKIPPED }, { min: 22, low: 27, high: 32 });
    expect(pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 4)).toBe(NO_PAGE);
    expect(pages.allocPages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOFAIL, 4)).toBe(512);
  });

  test.each<[string, number, number, readonly string[]]>([
    ['an order up to 3', 1, 0, []],
    ['a costly order', 4, 0, ['of order 4']],
    ['a task with PF_MEMALLOC', 0, PF_MEMALLOC, ['of order 0']],
  ])('%s: warns of it once when there is nothing', (_, order, taskFlags, found) => {
    const bugs: KernelBug[] = [];
    const cpus = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags, realtime: false, oomVictim: false };
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 1024, pcp: { high: 0, batch: 1 } }), { cpus, reports: { report: (bug) => bugs.push(bug) } });
    for (let i = 0; i < 2; i++) expect(pages.allocPages(GFP_KERNEL | __GFP_NOFAIL | __GFP_NOWARN, order)).toBe(NO_PAGE);
    expect(bugs.filter(({ fields }) => fields['argument'] === '__GFP_NOFAIL request').map(({ fields }) => fields['found'])).toEqual(found);
  });

  test('without being allowed to wait it may fail', () => {
    expect(machine({}, {}).pages.allocPages(GFP_NOWAIT | __GFP_NOFAIL, 0)).toBe(NO_PAGE);
  });
});

test('with nothing to ask, a request ends after the per-CPU lists were drained', () => {
  const { pages } = load(
    oneZone({ start_pfn: 0, spanned: 1024, pcp: { high: 1000, batch: 4, count: 2, lists: { 0: { pfns: [512, 513] } } } }),
  );
  expect(pages.allocPages(GFP_KERNEL, 1)).toBe(512);
  expect(pages.allocPages(GFP_KERNEL, 0)).toBe(NO_PAGE);
  expect(pages.allocPages(GFP_KERNEL | __GFP_NOFAIL, 0)).toBe(NO_PAGE);
});
