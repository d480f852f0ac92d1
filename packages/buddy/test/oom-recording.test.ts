/** What a real kernel did while a machine of 96 MiB ran out of memory, against the decisions of MemoryPressure. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, type KernelBug } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator, MemoryPressure, ShrinkerList, type OomDecision, type OomTask } from '../src/index.js';
import { load, lowMachine } from './fixtures.js';

const folder = fileURLToPath(new URL('../../../tooling/recordings/memory/oom/', import.meta.url));
const log = readFileSync(`${folder}kernel-log.txt`, 'utf8').replace(/^\[ *[\d.]+\] /gm, '');
const trace = gunzipSync(readFileSync(`${folder}reclaim.trace.gz`)).toString().split('\n');

describe('shrinkers: what each call asks of a cache, and what it leaves for the next', () => {
  test.each(['kswapd0', 'tail'])('%s', (task) => {
    const starts = trace.filter((line) => line.includes(`${task}-`) && line.includes('mm_shrink_slab_start'));
    const ends = trace.filter((line) => line.includes(`${task}-`) && line.includes('mm_shrink_slab_end'));
    const recorded = starts.map((line) => /objects to shrink (\d+) .* cache items (\d+) delta (\d+) total_scan (\d+) priority (\d+)/.exec(line)?.slice(1).map(Number) ?? []);
    const list = new ShrinkerList();
    let items = 0;
    list.register({ name: 'super_cache_scan', seeks: 0, batch: 1024, count: () => items, scan: (nr) => nr });
    const got: number[][] = [];
    const left: number[] = [];
    for (const row of recorded) {
      items = row[1];
      list.shrink(row[4], (r) => {
        got.push([r.deferred, r.freeable, r.delta, r.total, r.priority]);
        left.push(r.nextDeferred);
      });
    }
    expect(got).toEqual(recorded);
    const remembered = ends.map((line) => Number(/new scan count (\d+)/.exec(line)?.[1]));
    // kswapd's last call ended while the task's 3 were remembered for the same cache: 15 of its own and these.
    expect(left).toEqual(task === 'tail' ? remembered : [...remembered.slice(0, -1), remembered[remembered.length - 1] - 3]);
    expect(recorded.length).toBeGreaterThan(10);
  });
});

test('kswapd gives up after 16 rounds without a page', () => {
  const wakes = trace.filter((line) => line.includes('mm_vmscan_kswapd_wake'));
  expect(wakes.length).toBe(16);
  const reclaim = new MemoryPressure();
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 4096 }), reclaim, tunables: { minFreeKbytes: 512, watermarkBoostFactor: 0 } });
  while (pages.allocPages(0, 0) > 0);
  reclaim.kswapd(0).wake(0, 0, 0);
  expect(reclaim.runBackground()).toBe(16);
});

test('the task that ends, its badness and the report are those of the log', () => {
  const at = log.indexOf('Tasks state');
  const expected = log.slice(at).split('\n').slice(0, 6);
  const task = (pid: number, name: string, totalVm: number, anonRss: number, fileRss: number, shmemRss: number, pgtablesBytes: number): OomTask => ({
    ...{ pid, name, totalVm, anonRss, fileRss, shmemRss, pgtablesBytes },
    oomScoreAdj: 1000,
    kill: () => false,
  });
  const tasks = [task(34, 'sh', 564, 399, 0, 0, 28672), task(44, 'tail', 12921, 49524 / 4, 1, 1344 / 4, 139264)];
  const decisions: OomDecision[] = [];
  const bugs: KernelBug[] = [];
  const reclaim = new MemoryPressure({ oom: { tasks: () => tasks, current: () => tasks[1] }, onOom: (d) => decisions.push(d) });
  const state = lowMachine({ start_pfn: 1, spanned: 4095, managed: 3840 }, { start_pfn: 4096, spanned: 20448, managed: 16544 });
  const { pages } = load(state, { reclaim, reports: { report: (bug) => bugs.push(bug) } });
  pages.allocPages(GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_ZERO, 0);
  const { lines, victim, badness } = decisions[0];
  expect(victim?.name).toBe('tail');
  expect(badness).toBe(12718 + 34 + 1000 * 20);
  expect(lines[0]).toBe(log.split('\n').find((line) => line.includes('invoked oom-killer')));
  expect(lines.slice(lines.indexOf('Tasks state (memory values in pages):'))).toEqual(expected);
  expect(bugs.map(({ code }) => code)).toContain('OOM_KILL');
});

test('the state of memory is described as in the log', () => {
  const lru: Record<string, readonly number[]> = {
    // Three pages are counted for the node and not yet for a zone.
    ...{ nr_zone_active_anon: [0, 447], nr_zone_inactive_anon: [3702, 12000], nr_active_anon: [0, 447], nr_inactive_anon: [3702, 12003] },
    node_unreclaimable: [1, 1],
    ...{ nr_mapped: [0, 414], nr_shmem: [0, 3735], nr_kernel_stack: [0, 416], nr_page_table_pages: [0, 42] },
  };
  const isDescribed = (line: string): boolean => /^Node 0 active|^DMA(32)?( free)?:|^lowmem_reserve/.test(line);
  const wanted = log.split('\n').filter(isDescribed).slice(-7);
  const singles = (start: number, step: number, n: number) => Array.from({ length: n }, (_, i) => start + i * step);
  // The counts of blocks are the log's; which frames they are it does not tell.
  const dma = { 0: { 0: [257], 1: [259] }, 1: { 1: [514] }, 2: { 1: [520] }, 3: { 0: [528], 1: [1040] }, 4: { 0: [1056], 1: [1088] }, 5: { 0: [1152], 1: [1216] } };
  const dma32 = { 0: { 1: [5001] }, 1: { 1: [5010] }, 3: { 1: [5040] }, 4: { 1: [5088] }, 6: { 1: [5248] }, 7: { 1: [6272] } };
  const state = lowMachine(
    { start_pfn: 1, spanned: 4095, present: 3998, managed: 3840, min: 55, low: 68, high: 81, watermark_boost: 512, lowmem_reserve: [0, 60, 60, 60, 60], free: dma },
    { start_pfn: 4096, spanned: 20448, managed: 16544, min: 221, low: 276, high: 331, free: dma32, pcp: { high: 276, batch: 3, count: 23, lists: { 1: { pfns: singles(8192, 2, 23) } } } },
  );
  const bugs: KernelBug[] = [];
  const reclaim = { wakeKswapd: () => undefined, reclaim: () => 0, reclaimablePages: () => 0, compact: () => 1, outOfMemory: () => false };
  const { pages } = load(state, { reclaim: { ...reclaim, counter: (name, zone) => lru[name]?.[zone] ?? 0 }, reports: { report: (bug) => bugs.push(bug) } });
  pages.allocPages(GFP_HIGHUSER_MOVABLE, 6 + 4);
  const lines = bugs[0].message.split('\n');
  // The state of this test has four zones in a node, the recorded one five.
  expect(lines.filter(isDescribed)).toEqual(wanted.map((line) => (line.startsWith('lowmem') ? line.replace(/ \d+$/, '') : line)));
});
