/** Random operations against a sorted list: no two ranges overlap, nothing is lost, the lowest place is taken. */
import { Random } from '@kmem/conformance';
import { expect, test } from 'vitest';
import { NO_RANGE, VirtualRangeAllocator } from '../src/index.js';
import { SortedList } from './sorted-list.js';

const TIMEOUT_MS = 120_000;
const OPERATIONS = 1_000_000;
/** After so many operations the two are compared as a whole. */
const COMPARE_EVERY = 5000;

/** What one run does. */
interface Run {
  readonly seed: number;
  readonly operations: number;
  readonly granule: number;
  /** Granules of the space. */
  readonly granules: number;
  /** Granules of the largest request. */
  readonly largest: number;
  /** log2 of the largest alignment in granules. */
  readonly alignments: number;
  /** Granules that may be lazy. */
  readonly lazy: number;
}

function check({ seed, operations, granule, granules, largest, alignments, lazy }: Run): { failed: number; byChance: number } {
  const random = new Random(seed);
  const start = -granule * Math.floor(granules / 3);
  const end = start + granule * granules;
  const space = new VirtualRangeAllocator({ start, end, granule, lazyMax: lazy * granule });
  const list = new SortedList(start, end);
  const live: number[] = [];
  const seen = { failed: 0, byChance: 0 };
  for (let i = 1; i <= operations; i++) {
    // Phases of growing and shrinking.
    const grows = random.below(100) < (Math.floor(i / 2000) % 2 === 0 ? 60 : 40);
    if (grows || live.length === 0) {
      const size = granule * (1 + random.below(largest));
      const align = granule * 2 ** random.below(alignments + 1);
      const isBounded = random.below(8) === 0;
      const from = isBounded ? start + granule * random.below(granules) : start;
      const to = isBounded ? Math.min(end, from + granule * (1 + random.below(granules))) : end;
      const isPlain = align === granule && !isBounded;
      let expected = list.lowestFit(size, align, from, to);
      const wasLazy = space.lazyBytes > 0;
      const addr = space.allocRange(size, align, from, to);
      if (wasLazy && space.lazyBytes === 0) {
        // Nothing was found at first.
        if (isPlain && expected !== null) expect.fail(`operation ${i}: purged although ${expected} was free`);
        list.purge();
        expected = list.lowestFit(size, align, from, to);
      }
      if (isPlain && addr !== (expected ?? NO_RANGE)) expect.fail(`operation ${i}: got ${addr}, expected ${expected ?? 'nothing'}`);
      if (addr === NO_RANGE) {
        seen.failed++;
        // Room for the size and its alignment is never missed.
        if (!isBounded && list.lowestFit(size + align, granule, from, to) !== null) expect.fail(`operation ${i}: room was missed`);
        continue;
      }
      if (addr !== expected) seen.byChance++;
      if (addr % align !== 0 || addr < from || addr + size > to || !list.isFree(addr, size)) expect.fail(`operation ${i}: bad address ${addr}`);
      list.take(addr, size);
      live.push(addr);
    } else {
      const at = random.below(live.length);
      const addr = live[at];
      live[at] = live[live.length - 1];
      live.pop();
      if (space.findRange(addr) !== addr) expect.fail(`operation ${i}: ${addr} is not found`);
      space.freeRange(addr);
      list.free(addr);
      if (space.lazyBytes === 0) list.purge();
    }
    if (i % COMPARE_EVERY === 0) compare(space, list);
  }
  for (const addr of live) {
    space.freeRange(addr);
    list.free(addr);
  }
  space.purge();
  list.purge();
  compare(space, list);
  expect(space.exportState().free).toEqual([{ addr: start, sizeBytes: end - start, left: null, right: null, black: true }]);
  return seen;
}

function compare(space: VirtualRangeAllocator, list: SortedList): void {
  space.assertValid();
  const { free, used, lazy } = space.exportState();
  expect(free.map(({ addr, sizeBytes }) => ({ addr, sizeBytes }))).toEqual(list.list('free'));
  expect(used).toEqual(list.list('used'));
  expect(lazy).toEqual(list.list('lazy'));
}

test('a million operations with one granule alignment: always the lowest place', { timeout: TIMEOUT_MS }, () => {
  const run = { seed: 1, operations: OPERATIONS / 2, granule: 4096, granules: 4000, largest: 40, alignments: 0, lazy: 300 };
  expect(check(run).byChance).toBe(0);
});

test('with larger alignments too, nothing overlaps and nothing is lost', { timeout: TIMEOUT_MS }, () => {
  const seen = check({ seed: 2, operations: OPERATIONS / 2, granule: 4096, granules: 6000, largest: 40, alignments: 5, lazy: 300 });
  // It is the tree that decides, and it does not always find the lowest.
  expect(seen.byChance).toBeGreaterThan(100);
});

test.each([3, 4, 5, 6])('a space that is nearly full, freed at once: seed %d', { timeout: TIMEOUT_MS }, (seed) => {
  const seen = check({ seed, operations: 50_000, granule: 1, granules: 700, largest: 30, alignments: 3, lazy: seed % 2 === 0 ? 0 : 1_000_000 });
  expect(seen.failed).toBeGreaterThan(10);
});
