import { __GFP_NORETRY, COMPACT_DEFERRED, COMPACT_NOT_SUITABLE_ZONE, COMPACT_PRIO_SYNC_LIGHT, COMPACT_SKIPPED, COMPACT_SUCCESS, GFP_DMA, GFP_KERNEL, GFP_NOWAIT } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, lowMachine, oneZone, type ZoneFixture } from '../../test/fixtures.js';
import { MemoryPressure, PagePool } from '../index.js';

/** One zone with `free` single pages; the first `pool` frames are in the pool. */
function machine(free: number, pool: number, zone: Partial<ZoneFixture> = {}) {
  const reclaim = new MemoryPressure();
  const singles = Array.from({ length: free }, (_, i) => 4096 + 2 * i);
  const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, min: 40, low: 50, high: 60, free: { 0: { 1: singles } }, pcp: { high: 0, batch: 1 }, ...zone }), { reclaim });
  for (let pfn = 1; pfn <= pool; pfn++) reclaim.pool.add(pfn);
  return { pages, reclaim };
}

test.each<[string, number, number, Partial<ZoneFixture>, number]>([
  ['half of min is free', 20, 100, {}, 1],
  ['a page more', 21, 100, {}, 0],
  ['half of min and boost is free', 25, 100, { watermark_boost: 10 }, 1],
  ['a page more', 26, 100, { watermark_boost: 10 }, 0],
  ['nothing to reclaim: the zone does not count', 0, 0, {}, 0],
])('a task waits for kswapd: %s', (_, free, pool, zone, waits) => {
  const { reclaim } = machine(free, pool, zone);
  reclaim.reclaim(0, GFP_KERNEL, 0, 0);
  expect(reclaim.events.pgscan_direct_throttle).toBe(waits);
  expect(reclaim.events.pgsteal_kswapd > 0).toBe(waits === 1);
});

test('a task reclaims 32 pages and is counted for the highest zone it could use', () => {
  const { reclaim } = machine(45, 4000);
  expect(reclaim.reclaim(0, GFP_KERNEL, 0, 0)).toBeGreaterThanOrEqual(32);
  expect(reclaim.events.pgsteal_direct).toBeLessThan(64);
  expect([...reclaim.events.allocstall]).toEqual([1]);
});

test('how many pages are looked at follows from those in zones that help', () => {
  const reclaim = new MemoryPressure();
  load(lowMachine({ start_pfn: 1, spanned: 4095 }, { start_pfn: 4096, spanned: 8192 }), { reclaim });
  for (let pfn = 1; pfn <= 100; pfn++) reclaim.pool.add(pfn);
  for (let pfn = 4096; pfn < 8192; pfn++) reclaim.pool.add(pfn);
  // Shifted by the priority, 100 and what is left of them: 1, 3, 6, 11, then a quarter of 79.
  expect(reclaim.reclaim(0, GFP_DMA | GFP_KERNEL, 0, 0)).toBe(1 + 3 + 6 + 11 + 19);
  expect(reclaim.reclaimablePages(1)).toBe(4096);
  expect([...reclaim.events.allocstall]).toEqual([1, 0, 0, 0]);
});

test('what counts as a compaction of a task: not where it was skipped or deferred', () => {
  const skipped = machine(5, 100, { min: 0 });
  expect(skipped.reclaim.compact(3, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toBe(COMPACT_SKIPPED);
  expect(skipped.reclaim.events).toMatchObject({ compact_stall: 0, compact_success: 0, compact_fail: 0 });

  const failing = machine(2000, 0, { min: 0 });
  const results = Array.from({ length: 4 }, () => failing.reclaim.compact(3, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0));
  expect(results.filter((result) => result === COMPACT_DEFERRED).length).toBe(2);
  expect(failing.reclaim.events).toMatchObject({ compact_stall: 2, compact_success: 0, compact_fail: 2 });

  const done = machine(2000, 2000, { min: 0 });
  expect(done.reclaim.compact(3, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toBe(COMPACT_SUCCESS);
  expect(done.reclaim.events).toMatchObject({ compact_stall: 1, compact_success: 1, compact_fail: 0 });
});

test('kcompactd compacts every zone, a task stops at the first block', () => {
  const moved = (prepare: (reclaim: MemoryPressure) => void, run: (reclaim: MemoryPressure) => void): boolean[] => {
    const singles = (start: number) => Array.from({ length: 1000 }, (_, i) => start + 2 * i);
    const zone = { pcp: { high: 0, batch: 1 } };
    const zones: boolean[] = [false, false];
    const reclaim = new MemoryPressure({ pool: new PagePool({ moved: (from) => (zones[Number(from >= 4096)] = true) }) });
    load(lowMachine({ start_pfn: 1, spanned: 4095, free: { 0: { 1: singles(1025) } }, ...zone }, { start_pfn: 4096, spanned: 4096, free: { 0: { 1: singles(5121) } }, ...zone }), { reclaim });
    prepare(reclaim);
    for (const start of [1024, 5120]) for (let i = 0; i < 1000; i++) reclaim.pool.add(start + 2 * i);
    run(reclaim);
    return zones;
  };
  // While there is nothing to reclaim kswapd gives up, and leaves the block to kcompactd.
  const giveUp = (reclaim: MemoryPressure): void => {
    const kswapd = reclaim.kswapd(0);
    kswapd.wake(4, 2, GFP_KERNEL);
    while (kswapd.run() !== null);
    kswapd.endNap();
  };
  expect(moved(giveUp, (reclaim) => reclaim.runKcompactd(0))).toEqual([true, true]);
  expect(moved(() => undefined, (reclaim) => reclaim.compact(4, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 2, 0))).toEqual([false, true]);
});

describe('kcompactd', () => {
  /** 2000 single pages free, every other frame in the pool: blocks come only by compaction. */
  const fragmented = (zone: Partial<ZoneFixture> = {}) => machine(2000, 2000, { min: 0, low: 0, high: 0, ...zone });

  test('is woken once however many ask, and works for the largest order', () => {
    const { pages, reclaim } = fragmented();
    const kswapd = reclaim.kswapd(0);
    // Where blocks do not come by freeing pages, kswapd passes on what it was asked for.
    kswapd.wake(9, 0, GFP_KERNEL);
    while (kswapd.run() !== null);
    kswapd.endNap();
    expect(reclaim.events.compact_daemon_wake).toBe(1);
    for (const order of [2, 5, 3]) reclaim.wakeKswapd(0, order, 0, GFP_NOWAIT);
    expect(reclaim.events.compact_daemon_wake).toBe(1);
    reclaim.runKcompactd(0);
    expect(pages.allocPages(GFP_NOWAIT, 5)).toBeGreaterThan(0);
    expect(reclaim.runKcompactd(0)).toBe(COMPACT_NOT_SUITABLE_ZONE);
  });

  test('is not counted as a task that compacts for itself', () => {
    const { reclaim } = fragmented({ watermark_boost: 10 });
    reclaim.kswapd(0).wake(0, 0, GFP_KERNEL);
    reclaim.kswapd(0).run();
    expect(reclaim.events.compact_daemon_wake).toBe(1);
    reclaim.runKcompactd(0);
    expect(reclaim.events.compact_migrate_scanned).toBeGreaterThan(0);
    expect(reclaim.events).toMatchObject({ compact_stall: 0, compact_success: 0, compact_fail: 0 });
  });
});

test.each([
  ['a hopeless kswapd is not waited for', 16, 0],
  ['one that may still succeed is', 15, 1],
])('%s', (_, rounds, waits) => {
  const { reclaim } = machine(5, 0);
  const kswapd = reclaim.kswapd(0);
  kswapd.wake(0, 0, GFP_KERNEL);
  for (let i = 0; i < rounds; i++) kswapd.run();
  expect(kswapd.failures).toBe(rounds);
  reclaim.pool.add(1);
  reclaim.reclaim(0, GFP_KERNEL, 0, 0);
  expect(reclaim.events.pgscan_direct_throttle).toBe(waits);
});

test('only objects in whole batches count as looked at', () => {
  const { reclaim } = machine(45, 0);
  reclaim.shrinkers.register({ name: 'cache', count: () => 1000, batch: 100, scan: () => 0 });
  reclaim.reclaim(0, GFP_KERNEL, 0, 0);
  // Twice what there is, at most: priority 0 alone asks for 20 batches. What the others leave is remembered.
  expect(reclaim.events.slabs_scanned % 100).toBe(0);
  expect(reclaim.events.slabs_scanned).toBeGreaterThan(2000);
});

test('a node is unreclaimable once kswapd has given up', () => {
  const { reclaim, pages } = machine(45, 0);
  expect(reclaim.counter('node_unreclaimable', 0)).toBe(0);
  pages.allocPages(GFP_KERNEL | __GFP_NORETRY, 0);
  reclaim.runBackground();
  expect(reclaim.counter('node_unreclaimable', 0)).toBe(1);
});
