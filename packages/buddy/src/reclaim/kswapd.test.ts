import { GFP_KERNEL, GFP_NOWAIT } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone, zoneOf, type ZoneFixture } from '../../test/fixtures.js';
import { MemoryPressure } from '../index.js';

/** One zone with `free` single pages; the first `pool` frames are in the pool. */
function machine(free: number, pool: number, zone: Partial<ZoneFixture> = {}) {
  const reclaim = new MemoryPressure();
  const singles = Array.from({ length: free }, (_, i) => 4096 + 2 * i);
  const state = oneZone({ start_pfn: 0, spanned: 8192, min: 40, low: 50, high: 60, free: { 0: { 0: singles } }, types: new Array<number>(16).fill(0), pcp: { high: 0, batch: 1 }, ...zone });
  const { pages } = load(state, { reclaim });
  for (let pfn = 1; pfn <= pool; pfn++) reclaim.pool.add(pfn);
  return { pages, reclaim, kswapd: reclaim.kswapd(0) };
}

describe('waking', () => {
  test('a request that finds less than the low watermark wakes it', () => {
    const { pages, kswapd } = machine(50, 0);
    expect(kswapd.state).toBe('asleep');
    expect(pages.allocPages(GFP_KERNEL, 0)).toBeGreaterThan(0);
    expect(kswapd.state).toBe('awake');
  });

  test('above the high watermark it stays asleep', () => {
    const { kswapd } = machine(61, 0);
    kswapd.wake(0, 0, GFP_KERNEL);
    expect(kswapd.state).toBe('asleep');
  });

  test('a boost wakes it though there is enough', () => {
    const { kswapd } = machine(700, 0, { watermark_boost: 10 });
    kswapd.wake(0, 0, GFP_KERNEL);
    expect(kswapd.state).toBe('awake');
  });

  test('a boost counts as needed memory', () => {
    const { kswapd } = machine(70, 0, { watermark_boost: 10 });
    expect(kswapd.isBalanced(0, 0)).toBe(false);
  });

  test('enough pages but no block of the order: not balanced', () => {
    const { kswapd } = machine(100, 0);
    expect([kswapd.isBalanced(0, 0), kswapd.isBalanced(1, 0)]).toEqual([true, false]);
  });

  test('a hopeless node wakes only kcompactd, and only for requests that do not reclaim', () => {
    const { kswapd, reclaim } = machine(50, 0);
    kswapd.wake(0, 0, GFP_KERNEL);
    reclaim.runBackground();
    expect([kswapd.isHopeless, kswapd.failures, kswapd.state]).toEqual([true, 16, 'asleep']);
    const { compact_daemon_wake: before } = reclaim.events;
    kswapd.wake(3, 0, GFP_KERNEL);
    expect([kswapd.state, reclaim.events.compact_daemon_wake]).toEqual(['asleep', before]);
    kswapd.wake(3, 0, GFP_NOWAIT);
    expect([kswapd.state, reclaim.events.compact_daemon_wake]).toEqual(['asleep', before + 1]);
  });

  test('a page that somebody reclaims brings hope back', () => {
    const { kswapd, reclaim } = machine(50, 0);
    kswapd.wake(0, 0, GFP_KERNEL);
    reclaim.runBackground();
    reclaim.pool.add(100);
    expect(reclaim.reclaim(0, GFP_KERNEL, 0, 0)).toBe(1);
    expect(kswapd.failures).toBe(0);
  });
});

describe('working', () => {
  test('it reclaims up to the high watermark and sleeps', () => {
    const { pages, kswapd, reclaim } = machine(45, 4000);
    kswapd.wake(0, 0, GFP_KERNEL);
    expect(kswapd.run()?.reclaimed).toBeGreaterThan(15);
    expect(pages.nrFreePages).toBeGreaterThan(60);
    expect(kswapd.state).toBe('napping');
    kswapd.endNap();
    expect(kswapd.state).toBe('asleep');
    expect(zoneOf(pages, 'Normal').flags).toBe(0);
    expect(reclaim.events.pgsteal_kswapd).toBe(4000 - reclaim.reclaimablePages(0));
    pages.assertValid();
  });

  test('meanwhile the per-CPU lists are short', () => {
    const flags: number[] = [];
    const { pages, kswapd, reclaim } = machine(45, 0);
    reclaim.shrinkers.register({
      name: 'probe',
      count: () => 4096,
      batch: 1,
      scan: () => {
        flags.push(zoneOf(pages, 'Normal').flags);
        return 0;
      },
    });
    kswapd.wake(0, 0, GFP_KERNEL);
    kswapd.run();
    expect(new Set(flags)).toEqual(new Set([2]));
  });

  test('of a boost it takes back what it saw at the start, and wakes kcompactd', () => {
    const { pages, kswapd, reclaim } = machine(1200, 2000, { watermark_boost: 512, flags: 0 });
    kswapd.wake(0, 0, GFP_KERNEL);
    expect(kswapd.run()).toMatchObject({ boostTaken: 512 });
    expect(zoneOf(pages, 'Normal').watermark_boost).toBe(0);
    expect(reclaim.events.compact_daemon_wake).toBe(1);
    pages.assertValid();
  });

  test('reclaiming for a boost writes nothing', () => {
    const { kswapd, reclaim } = machine(1200, 50, { watermark_boost: 10 });
    for (let pfn = 1; pfn <= 50; pfn++) reclaim.pool.setDirty(pfn);
    kswapd.wake(0, 0, GFP_KERNEL);
    expect(kswapd.run()).toMatchObject({ reclaimed: 0, priority: 12 });
  });

  test('caches that free pages count', () => {
    const { pages, kswapd, reclaim } = machine(45, 0);
    let next = 2000;
    reclaim.shrinkers.register({
      name: 'inodes',
      count: () => 1000,
      scan: (nr) => {
        for (let i = 0; i < nr; i++) pages.freePages(next++, 0);
        return nr;
      },
    });
    kswapd.wake(0, 0, GFP_KERNEL);
    expect(kswapd.run()?.reclaimed).toBeGreaterThan(15);
    expect(kswapd.isBalanced(0, 0)).toBe(true);
  });
});

describe('blocks', () => {
  /** A machine whose pool has every other page, so that what is freed never merges. */
  function fragmented() {
    const reclaim = new MemoryPressure();
    const state = oneZone({ start_pfn: 0, spanned: 16384, min: 40, low: 50, high: 60, pcp: { high: 0, batch: 1 } });
    const { pages } = load(state, { reclaim });
    for (let pfn = 1; pfn < 16384; pfn += 2) reclaim.pool.add(pfn);
    return { pages, reclaim, kswapd: reclaim.kswapd(0) };
  }

  test('for a block twice its pages are freed; then it is left to kcompactd', () => {
    const { pages, reclaim, kswapd } = fragmented();
    kswapd.wake(6, 0, GFP_KERNEL);
    const round = kswapd.run();
    expect(round?.reclaimed).toBeGreaterThanOrEqual(128);
    expect(round?.reclaimed).toBeLessThan(256);
    expect([kswapd.state, kswapd.isBalanced(6, 0), kswapd.isBalanced(0, 0)]).toEqual(['napping', false, true]);
    kswapd.endNap();
    expect([kswapd.state, reclaim.events.compact_daemon_wake]).toEqual(['asleep', 1]);
    pages.assertValid();
  });

  test('the next request for a block starts anew', () => {
    const { kswapd } = fragmented();
    for (let i = 1; i <= 2; i++) {
      kswapd.wake(3, 0, GFP_KERNEL);
      expect(kswapd.state).toBe('awake');
      kswapd.run();
      kswapd.endNap();
      expect(kswapd.state).toBe('asleep');
    }
  });
});

test.each([
  // Free are 61, one more than the high watermark, of which this CPU has taken 5 that the counter does not show.
  [0, true],
  [61, true],
  [62, false],
])('drift mark %i: balanced is %s', (percpu_drift_mark, isBalanced) => {
  const { kswapd } = machine(56, 0, { nr_free_pages: 61, nr_free_pages_cpu_diff: -5, stat_threshold: 12, percpu_drift_mark });
  expect(kswapd.isBalanced(0, 0)).toBe(isBalanced);
});

describe('sleeping', () => {
  test('a nap that ends below the high watermark is no sleep', () => {
    const { pages, kswapd, reclaim } = machine(45, 4000);
    kswapd.wake(0, 0, GFP_KERNEL);
    kswapd.run();
    while (pages.nrFreePages > 55) pages.allocPages(GFP_NOWAIT, 0);
    kswapd.endNap();
    expect([kswapd.state, reclaim.events.kswapd_high_wmark_hit_quickly]).toEqual(['awake', 1]);
  });

  test('a request that wakes it from a nap finds it at work', () => {
    const { pages, kswapd, reclaim } = machine(45, 4000);
    kswapd.wake(0, 0, GFP_KERNEL);
    kswapd.run();
    while (kswapd.state === 'napping') pages.allocPages(GFP_KERNEL, 0);
    expect([kswapd.state, reclaim.events.kswapd_low_wmark_hit_quickly]).toEqual(['awake', 1]);
  });
});
