/**
 * Foolish arguments and callbacks that misbehave, on the reclaiming side: a KernelBug or the documented value, and not one byte of the
 * state is different afterwards.
 */
import { COMPACT_PRIO_SYNC_LIGHT, GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_NOWAIT, isKernelBug, NO_PAGE, type Pfn } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator, MemoryPressure, PagePool, SHRINK_EMPTY, SHRINK_STOP, ShrinkerList, type PageOwner, type Shrinker } from '../src/index.js';
import { load, oneZone, zoneOf } from './fixtures.js';

/** Numbers that are no frame, order, node or zone beyond the first; -0 is 0. */
const FOOLISH = [NaN, -1, -(2 ** 31), 0.5, -0.5, 1.5, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53, Infinity, -Infinity];

/** One node with one zone, ten pages in the pool and one beside it; `image` has every byte and number there is. */
function machine(owner: PageOwner = {}) {
  const frames = createFrameTable({ nrFrames: 4096 });
  const reclaim = new MemoryPressure({ pool: new PagePool(owner), oom: { tasks: () => [] } });
  const pages = new BuddyAllocator({ frames, reclaim });
  const pooled = Array.from({ length: 10 }, () => pages.allocPages(GFP_HIGHUSER_MOVABLE, 0));
  for (const pfn of pooled) reclaim.pool.add(pfn);
  for (const pfn of pooled.slice(0, 2)) for (let i = 0; i < 2; i++) reclaim.pool.touch(pfn);
  const other = pages.allocPages(GFP_KERNEL, 0);
  const image = (): string => {
    const { state, failures } = reclaim.kswapd(0);
    const sizes = [true, false].map((active) => [reclaim.pool.pagesOfNode(0, active), reclaim.pool.pagesOfZone(0, active)]);
    return Buffer.from(frames.buffer).toString('latin1') + JSON.stringify([pages.exportState(), reclaim.events, state, failures, sizes]);
  };
  return { pages, reclaim, pool: reclaim.pool, pooled, other, image };
}

/** The code of the report; what came back instead when there is none. */
function outcome(call: () => unknown): string {
  try {
    return `no report, but ${String(call())}`;
  } catch (error) {
    return isKernelBug(error) ? error.code : String(error);
  }
}

type Machine = ReturnType<typeof machine>;

test.each<[string, string, readonly number[], (m: Machine, n: number) => unknown]>([
  ['pool.add', 'BAD_FRAME', [0, 4096, ...FOOLISH], ({ pool }, n) => { pool.add(n); }],
  ['pool.remove', 'BAD_FRAME', [0, 4096, ...FOOLISH], ({ pool }, n) => { pool.remove(n); }],
  ['pool.touch', 'BAD_FRAME', [0, 4096, ...FOOLISH], ({ pool }, n) => { pool.touch(n); }],
  ['pool.setDirty', 'BAD_FRAME', [0, 4096, ...FOOLISH], ({ pool }, n) => { pool.setDirty(n); }],
  ['pool.move from', 'BAD_FRAME', FOOLISH, ({ pool, other }, n) => { pool.move(n, other); }],
  ['pool.move to', 'BAD_FRAME', FOOLISH, ({ pool, pooled }, n) => { pool.move(pooled[0], n); }],
  ['pool.pagesOfZone', 'BAD_ZONE', [1, ...FOOLISH], ({ pool }, n) => pool.pagesOfZone(n, false)],
  ['pool.pagesOfNode', 'BAD_NODE', [1, ...FOOLISH], ({ pool }, n) => pool.pagesOfNode(n, true)],
  ['pool.shrink', 'BAD_NODE', [1, ...FOOLISH], ({ pool }, n) => pool.shrink(n, 0, 10, true, () => undefined)],
  ['pool.age', 'BAD_NODE', [1, ...FOOLISH], ({ pool }, n) => { pool.age(n, 10); }],
  ['kswapd', 'BAD_NODE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.kswapd(n)],
  ['kswapd.wake: order', 'BAD_ORDER', [11, ...FOOLISH.filter((n) => n !== 1)], ({ reclaim }, n) => { reclaim.kswapd(0).wake(n, 0, GFP_NOWAIT); }],
  ['kswapd.wake: zone', 'BAD_ZONE', [1, ...FOOLISH], ({ reclaim }, n) => { reclaim.kswapd(0).wake(0, n, GFP_NOWAIT); }],
  ['kswapd.isBalanced: order', 'BAD_ORDER', [11, ...FOOLISH], ({ reclaim }, n) => reclaim.kswapd(0).isBalanced(n, 0)],
  ['kswapd.isBalanced: zone', 'BAD_ZONE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.kswapd(0).isBalanced(0, n)],
  ['runKcompactd', 'BAD_NODE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.runKcompactd(n)],
  ['wakeKswapd: node', 'BAD_NODE', [1, ...FOOLISH], ({ reclaim }, n) => { reclaim.wakeKswapd(n, 0, 0, GFP_NOWAIT); }],
  ['wakeKswapd: order', 'BAD_ORDER', [11, ...FOOLISH], ({ reclaim }, n) => { reclaim.wakeKswapd(0, n, 0, GFP_NOWAIT); }],
  ['reclaim: order', 'BAD_ORDER', [11, ...FOOLISH], ({ reclaim }, n) => reclaim.reclaim(n, GFP_KERNEL, 0, 0)],
  ['reclaim: zone', 'BAD_ZONE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.reclaim(0, GFP_KERNEL, n, 0)],
  ['reclaim: node', 'BAD_NODE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.reclaim(0, GFP_KERNEL, 0, n)],
  ['compact: order', 'BAD_ORDER', [11, ...FOOLISH], ({ reclaim }, n) => reclaim.compact(n, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)],
  ['compact: zone', 'BAD_ZONE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.compact(3, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, n, 0)],
  ['compact: node', 'BAD_NODE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.compact(3, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, n)],
  ['reclaimablePages', 'BAD_ZONE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.reclaimablePages(n)],
  ['counter', 'BAD_ZONE', [1, ...FOOLISH], ({ reclaim }, n) => reclaim.counter('nr_inactive_file', n)],
  ['outOfMemory: order', 'BAD_ORDER', [11, ...FOOLISH], ({ reclaim }, n) => reclaim.outOfMemory(n, GFP_KERNEL)],
])('%s: %s', (_, code, numbers, call) => {
  const m = machine();
  const before = m.image();
  for (const n of numbers) {
    expect(outcome(() => call(m, n)), String(n)).toBe(code);
    expect(m.image() === before, String(n)).toBe(true);
  }
  m.pages.assertValid();
});

test('what is asked of the pool in the wrong state is refused: twice in, twice out, moved onto a page that is not free to take', () => {
  const { pool, pages, pooled, other, image } = machine();
  const before = image();
  expect(outcome(() => { pool.add(pooled[0]); })).toBe('BAD_FRAME');
  expect(outcome(() => { pool.remove(other); })).toBe('BAD_FRAME');
  expect(outcome(() => { pool.move(other, pooled[0]); })).toBe('BAD_FRAME');
  expect(outcome(() => { pool.move(pooled[0], pooled[1]); })).toBe('BAD_FRAME');
  expect(outcome(() => { pages.freePages(pooled[0], 1); })).toBe('BAD_ORDER');
  expect(image() === before).toBe(true);
  for (const n of FOOLISH) expect([pool.has(n), image() === before]).toEqual([false, true]);
});

test('a scan of no pages, or of what is no number of them, does nothing', () => {
  const { pool, image } = machine();
  const before = image();
  for (const n of [0, -0, -1, NaN, -Infinity]) {
    expect(pool.shrink(0, 0, n, true, () => undefined)).toEqual({ scanned: 0, reclaimed: 0 });
    pool.age(0, n);
    expect(image() === before, String(n)).toBe(true);
  }
});

test('a pool or a MemoryPressure that serves one allocator is not given to another, and goes on serving the first', () => {
  const { reclaim, image } = machine();
  const before = image();
  const second = (): BuddyAllocator => new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), reclaim });
  expect(second).toThrow('a PagePool serves one allocator');
  expect(image() === before).toBe(true);
  // All pages but the two active ones.
  expect(reclaim.reclaim(0, GFP_KERNEL, 0, 0)).toBe(8);
});

describe('shrinkers', () => {
  const cache = (more: Partial<Shrinker> = {}): Shrinker => ({ name: 'cache', count: () => 1000, scan: (nr) => nr, ...more });

  test('one that is registered is refused a second time; one that is not can be taken away', () => {
    const list = new ShrinkerList();
    const first = cache();
    list.register(first);
    expect(outcome(() => { list.register(first); })).toBe('BAD_SHRINKER');
    list.unregister(cache());
    expect(list.freeable).toBe(1000);
    list.unregister(first);
    list.unregister(first);
    expect(list.freeable).toBe(0);
    list.register(first);
    expect(list.freeable).toBe(1000);
  });

  test.each([NaN, -1, 0.5, Infinity])('seeks and batch %d are refused, and nothing is registered', (n) => {
    const list = new ShrinkerList();
    expect(() => { list.register(cache({ seeks: n })); }).toThrow(RangeError);
    expect(() => { list.register(cache({ batch: n })); }).toThrow(RangeError);
    expect(list.freeable).toBe(0);
  });

  test.each([NaN, -1, -3, 0.5, 2 ** 31, 2 ** 32, 2 ** 53, Infinity])('a count of %d is refused, and the next call is as if it had not been', (n) => {
    let count = n;
    const list = new ShrinkerList();
    list.register(cache({ count: () => count, scan: () => SHRINK_STOP }));
    expect(outcome(() => list.freeable)).toBe('BAD_SHRINKER');
    expect(outcome(() => list.shrink(0))).toBe('BAD_SHRINKER');
    count = 1000;
    const deferred: number[] = [];
    list.shrink(0, (record) => deferred.push(record.deferred));
    expect(deferred).toEqual([0]);
    count = SHRINK_EMPTY;
    expect([list.freeable, list.shrink(0)]).toEqual([0, 0]);
  });

  test.each([NaN, -2, 0.5, 2 ** 31, 2 ** 53, Infinity])('a scan that returns %d is refused', (n) => {
    const list = new ShrinkerList();
    list.register(cache({ scan: () => n }));
    expect(outcome(() => list.shrink(0))).toBe('BAD_SHRINKER');
  });

  test('one that leaves while it is asked does not keep the next from being asked', () => {
    const list = new ShrinkerList();
    const asked: string[] = [];
    const leaving = cache({ name: 'leaving', scan: (nr) => (list.unregister(leaving), nr) });
    list.register(leaving);
    list.register(cache({ name: 'staying' }));
    for (let i = 0; i < 2; i++) list.shrink(0, ({ name }) => asked.push(name));
    expect(asked).toEqual(['leaving', 'staying', 'staying']);
  });
});

describe('callbacks', () => {
  const fail = (): never => {
    throw new Error('no');
  };

  test('a shrinker that throws ends the round of kswapd, which leaves nothing half done', () => {
    const reclaim = new MemoryPressure();
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, min: 40, low: 50, high: 60 }), { reclaim });
    const broken = { name: 'broken', count: () => 10, scan: fail };
    reclaim.shrinkers.register(broken);
    reclaim.kswapd(0).wake(0, 0, GFP_NOWAIT);
    expect(() => reclaim.runBackground()).toThrow('no');
    expect([zoneOf(pages, 'Normal').flags, reclaim.kswapd(0).state]).toEqual([0, 'awake']);
    expect(() => pages.allocPages(GFP_KERNEL, 0)).toThrow('no');
    reclaim.shrinkers.unregister(broken);
    reclaim.runBackground();
    expect(reclaim.kswapd(0).isHopeless).toBe(true);
    pages.assertValid();
  });

  test('an owner that throws when a page was moved: the page has moved, and no frame is lost', () => {
    const singles = Array.from({ length: 2000 }, (_, i) => 4096 + 2 * i);
    const reclaim = new MemoryPressure({ pool: new PagePool({ moved: fail }) });
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, free: { 0: { 1: singles } }, pcp: { high: 0, batch: 1 } }), { reclaim });
    for (let pfn = 1; pfn <= 100; pfn++) reclaim.pool.add(pfn);
    expect(() => reclaim.compact(3, GFP_KERNEL, COMPACT_PRIO_SYNC_LIGHT, 0, 0)).toThrow('no');
    pages.drainAllPages();
    expect([pages.nrFreePages, reclaim.reclaimablePages(0)]).toEqual([2000, 100]);
    pages.assertValid();
  });

  test('an owner may take pages out of the pool while it writes one', () => {
    const taken: Pfn[] = [];
    const { pool, pooled, pages } = machine({
      write: () => {
        for (const pfn of pooled.filter((page) => pool.has(page))) {
          pool.remove(pfn);
          taken.push(pfn);
        }
      },
    });
    for (const pfn of pooled) pool.setDirty(pfn);
    pool.shrink(0, 0, 10, true, () => undefined);
    expect([taken.length, pool.pagesOfNode(0, true), pool.pagesOfNode(0, false)]).toEqual([10, 0, 0]);
    for (const pfn of taken) pages.freePages(pfn, 0);
    pages.assertValid();
  });

  test.each(['direct reclaim', 'kswapd'])('what a shrinker asks for during %s comes from the reserves, or fails, and begins no reclaim', (by) => {
    const reclaim = new MemoryPressure();
    const singles = Array.from({ length: 3 }, (_, i) => 4096 + 2 * i);
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, min: 40, low: 50, high: 60, free: { 0: { 1: singles } }, pcp: { high: 0, batch: 1 } }), { reclaim });
    const got: Pfn[] = [];
    let depth = 0;
    let deepest = 0;
    reclaim.shrinkers.register({
      name: 'hungry',
      count: () => 10,
      scan: () => {
        deepest = Math.max(deepest, ++depth);
        for (let pfn = pages.allocPages(GFP_KERNEL, 0); pfn !== NO_PAGE; pfn = pages.allocPages(GFP_KERNEL, 0)) got.push(pfn);
        depth--;
        return 0;
      },
    });
    if (by === 'kswapd') {
      reclaim.kswapd(0).wake(0, 0, GFP_NOWAIT);
      reclaim.kswapd(0).run();
    } else {
      expect(pages.allocPages(GFP_KERNEL, 0)).toBe(NO_PAGE);
      // Outside, the reserves are closed again.
      pages.freePages(got[0], 0);
      expect(pages.allocPages(GFP_NOWAIT, 0)).toBe(NO_PAGE);
    }
    expect(deepest).toBe(1);
    expect(got).toEqual(singles);
    pages.assertValid();
  });
});
