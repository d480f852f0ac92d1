import { __GFP_HIGH, __GFP_MEMALLOC, __GFP_NOMEMALLOC, __GFP_NORETRY, GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, NO_PAGE, PF_MEMALLOC } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone, type FreeLists, type ZoneFixture } from '../test/fixtures.js';

/** Free order-0 blocks that are not buddies of each other. */
const singles = (n: number, type = 0): FreeLists => ({ 0: { [type]: Array.from({ length: n }, (_, i) => 512 + 2 * i) } });

const machine = (free: FreeLists, zone: Partial<ZoneFixture>, cpus: object = {}) => {
  const idle = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const state = oneZone({ start_pfn: 0, spanned: 4096, free, types: [0, 0, 0, 0, 0, 0, 0, 0], pcp: { high: 0, batch: 1 }, ...zone });
  return load(state, { cpus: { ...idle, ...cpus } }).pages;
};
const gets = (pages: ReturnType<typeof machine>, gfp: number, order = 0) => pages.allocPages(gfp, order) !== NO_PAGE;

const MARKS = { min: 22, low: 27, high: 32 };

describe('how far down a request may go', () => {
  test.each([
    // GFP_NOWAIT needs more than min: 22.
    ['GFP_NOWAIT', GFP_NOWAIT, 23, 22],
    // GFP_ATOMIC: min - min/2 = 11, less a quarter of that: 9.
    ['GFP_ATOMIC', GFP_ATOMIC, 10, 9],
    // __GFP_HIGH without blocking but with NOMEMALLOC: half of min, no more.
    ['HIGH and NOMEMALLOC', __GFP_HIGH | __GFP_NOMEMALLOC, 12, 11],
    ['MEMALLOC', GFP_NOWAIT | __GFP_MEMALLOC, 1, 0],
    ['MEMALLOC and NOMEMALLOC', GFP_NOWAIT | __GFP_MEMALLOC | __GFP_NOMEMALLOC, 23, 22],
  ])('%s', (_, gfp, enough, tooFew) => {
    expect(gets(machine(singles(enough), MARKS), gfp)).toBe(true);
    expect(gets(machine(singles(tooFew), MARKS), gfp)).toBe(false);
  });

  test.each([
    ['a task with PF_MEMALLOC', { taskFlags: PF_MEMALLOC }, 1],
    ['the same in an interrupt, where it does not count', { taskFlags: PF_MEMALLOC, inInterrupt: true }, 23],
    ['the same in a softirq', { taskFlags: PF_MEMALLOC, inInterrupt: true, inSoftirq: true }, 1],
    ['a victim of the OOM killer: half of min', { oomVictim: true }, 12],
  ])('%s', (_, cpus, enough) => {
    expect(gets(machine(singles(enough), MARKS, cpus), GFP_NOWAIT)).toBe(true);
    expect(gets(machine(singles(enough - 1), MARKS, cpus), GFP_NOWAIT)).toBe(false);
  });
});

describe('what counts', () => {
  test('the reserve for higher zones is added to the mark', () => {
    const zone = { ...MARKS, lowmem_reserve: [10] };
    expect(gets(machine(singles(33), zone), GFP_NOWAIT)).toBe(true);
    expect(gets(machine(singles(32), zone), GFP_NOWAIT)).toBe(false);
  });

  test('the boost is added to the mark, but an atomic request does not fail for it', () => {
    const zone = { ...MARKS, watermark_boost: 10 };
    expect(gets(machine(singles(33), zone), GFP_NOWAIT)).toBe(true);
    expect(gets(machine(singles(32), zone), GFP_NOWAIT)).toBe(false);
    expect(gets(machine(singles(10), zone), GFP_ATOMIC)).toBe(true);
    // Order 1 has no such exception: min 32 - 16 - 4 = 12, one page for the order.
    const pairs = (n: number): FreeLists => ({ 1: { 0: Array.from({ length: n }, (_, i) => 512 + 4 * i) } });
    expect(gets(machine(pairs(7), zone), GFP_ATOMIC, 1)).toBe(true);
    expect(gets(machine(pairs(6), zone), GFP_ATOMIC, 1)).toBe(false);
  });

  test('19.34: pages in high-atomic pageblocks count only for those who may have them', () => {
    const zone = { ...MARKS, nr_reserved_highatomic: 512 };
    expect(gets(machine(singles(400), zone), GFP_KERNEL | __GFP_NORETRY)).toBe(false);
    expect(gets(machine(singles(540), zone), GFP_KERNEL | __GFP_NORETRY)).toBe(true);
    expect(gets(machine(singles(400), zone), GFP_ATOMIC)).toBe(true);
  });

  test('the counter counts, not what a CPU has not folded in yet', () => {
    expect(gets(machine(singles(40), { ...MARKS, nr_free_pages: 22, nr_free_pages_cpu_diff: 18, stat_threshold: 20 }), GFP_NOWAIT)).toBe(false);
    expect(gets(machine(singles(22), { ...MARKS, nr_free_pages: 40, nr_free_pages_cpu_diff: -18, stat_threshold: 20 }), GFP_NOWAIT)).toBe(true);
  });

  test('a higher order needs a block of that order, of an ordinary type', () => {
    expect(gets(machine(singles(200), MARKS), GFP_NOWAIT, 1)).toBe(false);
    const block = (type: number): FreeLists => ({ ...singles(200), 1: { [type]: [2048] } });
    expect(gets(machine(block(2), MARKS), GFP_NOWAIT, 1)).toBe(true);
    expect(gets(machine(block(3), MARKS), GFP_NOWAIT, 1)).toBe(false);
    expect(gets(machine(block(3), MARKS), GFP_ATOMIC, 1)).toBe(true);
  });
});
