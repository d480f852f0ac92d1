import { __GFP_NOWARN, GFP_DMA, GFP_DMA32, GFP_KERNEL, GFP_NOWAIT, NO_PAGE, type KernelBug } from '@kmem/contracts';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';
import { expect, test } from 'vitest';
import { load, lowMachine, oneZone } from '../test/fixtures.js';
import { BuddyAllocator, type BuddyOptions } from './index.js';

/** A machine without a free page, and the reports of its failures. */
function exhausted(options: Partial<BuddyOptions> = {}, state = oneZone({ start_pfn: 0, spanned: 1024, pcp: { high: 0, batch: 1 } })) {
  const bugs: KernelBug[] = [];
  const { pages } = load(state, { reports: { report: (bug) => bugs.push(bug) }, ...options });
  return { pages, bugs };
}

test('a failure is reported with order, flags and the state of memory', () => {
  const { pages, bugs } = exhausted();
  expect(pages.allocPages(GFP_KERNEL, 3)).toBe(NO_PAGE);
  expect(bugs.map(({ code, severity }) => [code, severity])).toEqual([['ALLOC_FAILURE', 'warn']]);
  const lines = bugs[0].message.split('\n');
  expect(lines[0]).toContain('page allocation failure: order:3, mode:0xcc0(GFP_KERNEL), nodemask=(null),cpuset=/,mems_allowed=0');
  expect(lines[1]).toBe('Mem-Info:');
  expect(lines.at(-1)).toBe('0 pages reserved');
});

test('NOWARN silences it', () => {
  const { pages, bugs } = exhausted();
  expect(pages.allocPages(GFP_NOWAIT | __GFP_NOWARN, 0)).toBe(NO_PAGE);
  expect(bugs).toEqual([]);
});

test('once in ten seconds at most; without a clock each time', () => {
  let now = 0;
  const { pages, bugs } = exhausted({ now: () => now });
  for (now of [0, 1, 9_999_999_999, 10_000_000_000, 10_000_000_001]) pages.allocPages(GFP_NOWAIT, 0);
  expect(bugs.length).toBe(2);
  const unclocked = exhausted();
  for (let i = 0; i < 5; i++) unclocked.pages.allocPages(GFP_NOWAIT, 0);
  expect(unclocked.bugs.length).toBe(5);
});

test('a request whose zones are all empty is reported like any other, one for DMA on a machine without DMA is not', () => {
  const empty = { start_pfn: 0, spanned: 0 };
  const state = lowMachine(empty, empty);
  const normal = oneZone({ start_pfn: 0, spanned: 1024 }).zones[0];
  const { pages, bugs } = exhausted({}, { zones: state.zones.map((zone, index) => (zone.zone === 'Normal' ? { ...normal, index } : zone)) });
  expect(pages.allocPages(GFP_DMA | GFP_KERNEL, 0)).toBe(NO_PAGE);
  expect(bugs).toEqual([]);
  expect(pages.allocPages(GFP_DMA32 | GFP_KERNEL, 0)).toBe(NO_PAGE);
  expect(bugs.map(({ code }) => code)).toEqual(['ALLOC_FAILURE']);
});

test.each([
  ['i386-1200m', 'HighMem'],
  ['pc-160m', null],
])('%s: pages in all, without an address, and not managed, as they are present', (name, high) => {
  const profile = getProfile(name);
  const { zones, nrFrames, presentPages } = describeMachine(profile);
  const bugs: KernelBug[] = [];
  const frames = createFrameTable({ nrFrames, pageblockOrder: profile.pageblockOrder });
  const pages = new BuddyAllocator({ frames, zones, free: [], reports: { report: (bug) => bugs.push(bug) } });
  pages.allocPages(GFP_KERNEL, 0);
  const highPages = pages.exportState().zones.find(({ zone }) => zone === high)?.present ?? 0;
  expect(highPages > 0).toBe(high !== null);
  expect(bugs[0].message.split('\n').slice(-3)).toEqual([`${presentPages} pages RAM`, `${highPages} pages HighMem/MovableOnly`, `${presentPages} pages reserved`]);
});

test('several nodes: a line each, and their numbers in the header', () => {
  const bugs: KernelBug[] = [];
  const zone = (node: number, start: number) => ({ kind: 'Normal' as const, node, startPfn: start, spannedPages: 1024, present: [{ start, end: start + 1024 }] });
  const frames = createFrameTable({ nrFrames: 2048 });
  const pages = new BuddyAllocator({ frames, zones: [zone(0, 0), zone(1, 1024)], free: [], reports: { report: (bug) => bugs.push(bug) } });
  expect(pages.allocPages(GFP_KERNEL, 0)).toBe(NO_PAGE);
  expect(bugs[0].message).toContain('mems_allowed=0-1\n');
  expect(bugs[0].message.split('\n').filter((line) => /^Node \d active_anon:/.test(line)).length).toBe(2);
});
