import { COMPACT_PRIO_SYNC_LIGHT, GFP_HIGHUSER_MOVABLE, GFP_KERNEL, NO_PAGE } from '@kmem/contracts';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';
import { expect, test } from 'vitest';
import { load, oneZone } from '../test/fixtures.js';
import { procSnapshots, readRecording } from '../test/recorded.js';
import { BuddyAllocator, MemoryPressure, vmEvents } from './index.js';

/** The sum of the numbers that a pattern finds in a recorded text. */
const sum = (text: string, pattern: RegExp): number => Array.from(text.matchAll(pattern), ([, n]) => Number(n)).reduce((total, n) => total + n, 0);

test.each(procSnapshots)('%s: pages given back are those handed out and those unused', (name) => {
  const { companion } = readRecording(name);
  const [vmstat, zoneinfo] = ['vmstat', 'zoneinfo'].map((file) => companion?.(file) ?? '');
  const unused = sum(zoneinfo, /pages free +(\d+)/g) + sum(zoneinfo, /count: (\d+)/g);
  expect(sum(vmstat, /^pgfree (\d+)/gm)).toBe(sum(vmstat, /^pgalloc_\w+ (\d+)/gm) + unused);
});

test('boot gives back every managed page; requests count by zone, whatever way they take', () => {
  const { zones, free, late, nrFrames } = describeMachine(getProfile('pc-160m'));
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames }), zones, free, late, countEvents: true });
  expect([...vmEvents(pages)]).toEqual([
    ...['dma', 'dma32', 'normal', 'movable', 'device'].map((kind) => [`pgalloc_${kind}`, 0]),
    ['pgfree', pages.managedPages],
  ]);
  const block = pages.allocPages(GFP_KERNEL, 3);
  pages.allocPagesBulk(GFP_KERNEL, 5, new Int32Array(5).fill(NO_PAGE));
  pages.allocPagesExact(5 * 4096, GFP_KERNEL);
  pages.allocPagesNodemask(GFP_KERNEL, 0, 0, new Set([0]));
  // Of the 8 pages that the exact request takes, 3 go back at once.
  expect(pages.pageEvents()).toMatchObject({ pgalloc: [0, 8 + 5 + 8 + 1, 0, 0, 0], pgfree: pages.managedPages + 3 });
  pages.freePages(block, 3);
  pages.drainAllPages();
  expect(pages.pageEvents()?.pgfree).toBe(pages.managedPages + 3 + 8);
});

test('a loaded state counts from there on; pages that compaction takes and puts back count as given back', () => {
  const reclaim = new MemoryPressure();
  const singles = Array.from({ length: 2000 }, (_, i) => 4096 + 2 * i);
  const { pages } = load(oneZone({ start_pfn: 0, spanned: 8192, free: { 0: { 1: singles } }, pcp: { high: 0, batch: 1 } }), { reclaim, countEvents: true });
  expect([...vmEvents(pages)]).toEqual([['pgalloc_normal', 0], ['pgfree', 0]]);
  for (let i = 0; i < 2000; i++) reclaim.pool.add(4097 + 2 * i);
  reclaim.compact(3, GFP_HIGHUSER_MOVABLE, COMPACT_PRIO_SYNC_LIGHT, 0, 0);
  const events = vmEvents(pages, reclaim);
  const moved = events.get('pgmigrate_success') ?? 0;
  expect(moved).toBeGreaterThan(0);
  expect(events.get('pgfree')).toBeGreaterThanOrEqual(moved);
  expect(pages.nrFreePages).toBe(2000);
  expect([...events.keys()].slice(0, 4)).toEqual(['pgalloc_normal', 'allocstall_normal', 'pgfree', 'pgsteal_kswapd']);
});

test('nobody counts unless asked', () => {
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
  expect([pages.pageEvents(), vmEvents(pages).size]).toEqual([null, 0]);
});
