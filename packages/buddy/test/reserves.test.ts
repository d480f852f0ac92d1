/**
 * How far down each kind of request may go, to the page (buddy spec 3.7, 8.4).
 *
 * The zone has min 1000 and a lowmem reserve of 50. A request of order 0 fails with `fails` free pages and succeeds with
 * one more; each higher order needs `2 ** order - 1` pages on top.
 */
import {
  __GFP_HIGH,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
  NO_PAGE,
  PF_MEMALLOC,
  type CpuContext,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone, type FreeLists } from './fixtures.js';

const MIN = 1000;
const RESERVE = 50;
const KERNEL = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;

/** Exactly `pages` free frames, among them one block of the order; nothing merges. */
function freeLists(pages: number, order: number): FreeLists {
  const block = 2 ** order;
  const singles = Array.from({ length: pages - block }, (_, i) => 4096 + 2 * i);
  return order === 0 ? { 0: { 0: [...singles, 2048] } } : { 0: { 0: singles }, [order]: { 0: [2048] } };
}

function gets(pages: number, gfp: number, order: number, caller: Partial<CpuContext>): boolean {
  const cpus = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false, ...caller };
  const zone = { min: MIN, low: 1250, high: 1500, lowmem_reserve: [RESERVE] };
  const types = new Array<number>(32).fill(0);
  const state = oneZone({ start_pfn: 0, spanned: 16384, types, free: pages < 2 ** order ? {} : freeLists(pages, order), pcp: { high: 0, batch: 1 }, ...zone });
  return load(state, { cpus }).pages.allocPages(gfp, order) !== NO_PAGE;
}

const TABLE: readonly (readonly [request: string, gfp: number, caller: Partial<CpuContext>, fails: number])[] = [
  ['GFP_KERNEL', KERNEL, {}, MIN + RESERVE],
  ['GFP_NOFS', GFP_NOFS | __GFP_NORETRY, {}, MIN + RESERVE],
  ['GFP_NOIO', GFP_NOIO | __GFP_NORETRY, {}, MIN + RESERVE],
  ['GFP_NOWAIT', GFP_NOWAIT, {}, MIN + RESERVE],
  ['no flags at all', 0, {}, MIN + RESERVE],
  ['GFP_ATOMIC: half of min, less a quarter of that', GFP_ATOMIC, {}, 375 + RESERVE],
  ['GFP_ATOMIC in an interrupt: the same', GFP_ATOMIC, { inInterrupt: true }, 375 + RESERVE],
  ['GFP_ATOMIC with NOMEMALLOC: half of min', GFP_ATOMIC | __GFP_NOMEMALLOC, {}, 500 + RESERVE],
  ['GFP_KERNEL with HIGH: half of min', KERNEL | __GFP_HIGH, {}, 500 + RESERVE],
  ['GFP_KERNEL of a realtime task: half of min', KERNEL, { realtime: true }, 500 + RESERVE],
  ['GFP_NOWAIT of a realtime task: nothing special', GFP_NOWAIT, { realtime: true }, MIN + RESERVE],
  ['GFP_KERNEL of an OOM victim: half of min', KERNEL, { oomVictim: true }, 500 + RESERVE],
  ['GFP_KERNEL with HIGH of an OOM victim: the victim\'s rule replaces the other', KERNEL | __GFP_HIGH, { oomVictim: true }, 500 + RESERVE],
  ['OOM victim with NOMEMALLOC: nothing special', KERNEL | __GFP_NOMEMALLOC, { oomVictim: true }, MIN + RESERVE],
  ['GFP_KERNEL with NOFAIL, as a last resort: half of min', GFP_KERNEL | __GFP_NOFAIL, {}, 500 + RESERVE],
  ['MEMALLOC with NOMEMALLOC: nothing special', KERNEL | __GFP_MEMALLOC | __GFP_NOMEMALLOC, {}, MIN + RESERVE],
];

describe.each([0, 1, 3, 4, 9])('order %i', (order) => {
  test.each(TABLE)('%s', (_, gfp, caller, fails) => {
    const last = fails + 2 ** order - 1;
    expect(gets(last, gfp, order, caller)).toBe(false);
    expect(gets(last + 1, gfp, order, caller)).toBe(true);
  });

  test.each<[string, number, Partial<CpuContext>]>([
    ['MEMALLOC', KERNEL | __GFP_MEMALLOC, {}],
    ['MEMALLOC that may not wait', GFP_NOWAIT | __GFP_MEMALLOC, {}],
    ['a task with PF_MEMALLOC', KERNEL, { taskFlags: PF_MEMALLOC }],
    ['a softirq on top of it', GFP_ATOMIC, { taskFlags: PF_MEMALLOC, inInterrupt: true, inSoftirq: true }],
  ])('%s: down to the last block', (_, gfp, caller) => {
    expect(gets(2 ** order, gfp, order, caller)).toBe(true);
    expect(gets(2 ** order - 1, gfp, order, caller)).toBe(false);
  });

  test('a hard interrupt on top of a task with PF_MEMALLOC has no part in its reserves', () => {
    const caller = { taskFlags: PF_MEMALLOC, inInterrupt: true };
    expect(gets(375 + RESERVE + 2 ** order - 1, GFP_ATOMIC, order, caller)).toBe(false);
  });
});
