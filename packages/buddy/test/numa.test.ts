/** Two memory nodes: where requests start, where they go on, and what is counted. */
import { __GFP_NORETRY, __GFP_THISNODE, GFP_ATOMIC, GFP_KERNEL, NO_PAGE, NUMA_NO_NODE, type KernelBug, type ZoneSpec } from '@kmem/contracts';
import { createFrameTable, describeMachine, getProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator } from '../src/index.js';
import { Events } from './fixtures.js';

const zone = (node: number, start: number, end: number): ZoneSpec => ({
  kind: 'Normal',
  node,
  startPfn: start,
  spannedPages: end - start,
  present: [{ start, end }],
});

/** Node 0 has frames below 4096, node 1 those from there on; CPU 0 belongs to node 0, CPU 1 to node 1. */
function machine(cpu: number, cpuNodes = [0, 1]) {
  const cpus = { nrCpus: 2, cpu, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const zones = [zone(0, 0, 4096), zone(1, 4096, 8192)];
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 8192 }), zones, cpus, cpuNodes, tunables: { minFreeKbytes: 128 } });
  return { pages, cpus };
}
const nodeOf = (pfn: number) => (pfn < 4096 ? 0 : 1);

test('a request starts at the node of its CPU', () => {
  expect(nodeOf(machine(0).pages.allocPages(GFP_KERNEL, 0))).toBe(0);
  const { pages, cpus } = machine(1);
  expect(nodeOf(pages.allocPages(GFP_KERNEL, 0))).toBe(1);
  cpus.cpu = 0;
  expect(nodeOf(pages.allocPages(GFP_KERNEL, 0))).toBe(0);
  expect(nodeOf(pages.allocPagesNode(1, GFP_KERNEL, 0))).toBe(1);
  expect(nodeOf(pages.allocPagesExact(3 * 4096, GFP_KERNEL))).toBe(0);
});

test('a bulk request and THISNODE stay on the node', () => {
  const { pages } = machine(1);
  const slots = new Int32Array(8).fill(NO_PAGE);
  expect(pages.allocPagesBulk(GFP_KERNEL, 8, slots)).toBe(8);
  expect([...slots].every((pfn) => nodeOf(pfn) === 1)).toBe(true);
  let pfn = 0;
  while (pfn !== NO_PAGE) pfn = pages.allocPages(GFP_KERNEL | __GFP_THISNODE, 0);
  expect(pages.numaCounters()[0]).toMatchObject({ numa_hit: 0, numa_miss: 0 });
});

test('a bulk request of a CPU whose node has no memory is served from the next node as a whole', () => {
  const cpus = { nrCpus: 2, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const empty: ZoneSpec = { kind: 'Normal', node: 0, startPfn: 0, spannedPages: 0, present: [] };
  const events = new Events();
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 8192 }), zones: [empty, zone(1, 4096, 8192)], cpus, cpuNodes: [0, 1], trace: events });
  expect(pages.allocPagesBulk(GFP_KERNEL, 5, new Int32Array(5).fill(NO_PAGE))).toBe(5);
  expect(events.list.filter(([kind]) => kind === 'A')).toEqual([]);
});

describe('a request that names the nodes', () => {
  test('is served by them alone, from the first of them in the order of the node it starts from', () => {
    const { pages } = machine(0);
    expect(nodeOf(pages.allocPagesNodemask(GFP_KERNEL, 0, 0, new Set([1])))).toBe(1);
    expect(nodeOf(pages.allocPagesNodemask(GFP_KERNEL, 3, NUMA_NO_NODE, new Set([0, 1])))).toBe(0);
    expect(nodeOf(pages.allocPagesNodemask(GFP_KERNEL, 0, 1, null))).toBe(1);
    expect(pages.allocPagesNodemask(GFP_KERNEL, 0, 0, new Set())).toBe(NO_PAGE);
    expect(pages.allocPagesNodemask(GFP_KERNEL | __GFP_THISNODE, 0, 0, new Set([1]))).toBe(NO_PAGE);
    while (pages.allocPagesNodemask(GFP_KERNEL | __GFP_NORETRY, 0, 0, new Set([1])) !== NO_PAGE);
    expect(nodeOf(pages.allocPages(GFP_KERNEL, 0))).toBe(0);
    pages.assertValid();
  });

  test('that may not wait and is urgent is served by others rather than not at all', () => {
    const { pages } = machine(0);
    while (pages.allocPagesNodemask(GFP_KERNEL | __GFP_NORETRY, 0, 0, new Set([1])) !== NO_PAGE);
    let pfn = pages.allocPagesNodemask(GFP_ATOMIC, 0, 0, new Set([1]));
    while (nodeOf(pfn) === 1) pfn = pages.allocPagesNodemask(GFP_ATOMIC, 0, 0, new Set([1]));
    expect(pfn).toBeGreaterThan(0);
  });

  test('counts as a hit where it was sent, and its failure names the nodes', () => {
    const bugs: KernelBug[] = [];
    const zones = [zone(0, 0, 4096), zone(1, 4096, 8192)];
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 8192 }), zones, free: [{ start: 4096, end: 8192 }], reports: { report: (bug) => bugs.push(bug) } });
    pages.allocPagesNodemask(GFP_KERNEL, 0, 0, new Set([1]));
    expect(pages.numaCounters()[1]).toMatchObject({ numa_hit: 1, numa_miss: 0, numa_local: 0, numa_other: 1 });
    expect(pages.allocPagesNodemask(GFP_KERNEL, 0, 0, new Set([3, 0, 2]))).toBe(NO_PAGE);
    expect(bugs[0].message).toContain('nodemask=0,2-3,cpuset=/,mems_allowed=0-1\n');
  });
});

describe('counters', () => {
  test('hit and local while the node has memory; miss, foreign and other when it has none', () => {
    const { pages } = machine(0);
    let got = 0;
    while (nodeOf(pages.allocPages(GFP_KERNEL, 0)) === 0) got++;
    const [here, there] = pages.numaCounters();
    expect(here).toEqual({ numa_hit: got, numa_miss: 0, numa_foreign: 1, numa_interleave: 0, numa_local: got, numa_other: 0 });
    expect(there).toEqual({ numa_hit: 0, numa_miss: 1, numa_foreign: 0, numa_interleave: 0, numa_local: 0, numa_other: 1 });
  });

  test('memory of another node that was asked for is a hit, but not local; bulk pages count one by one', () => {
    const { pages } = machine(0);
    pages.allocPagesNode(1, GFP_KERNEL, 3);
    expect(pages.numaCounters()[1]).toMatchObject({ numa_hit: 1, numa_local: 0, numa_other: 1 });
    pages.allocPagesBulk(GFP_KERNEL, 5, new Int32Array(5).fill(NO_PAGE));
    expect(pages.numaCounters()[0]).toMatchObject({ numa_hit: 5, numa_local: 5 });
  });

  test('a machine with one node counts nothing', () => {
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
    pages.allocPages(GFP_KERNEL, 0);
    expect(pages.numaCounters()[0].numa_hit).toBe(0);
  });
});

test('per-CPU lists share a node among its CPUs; a node without CPUs among all', () => {
  const high = (cpuNodes: number[]) => machine(0, cpuNodes).pages.exportState().zones.map(({ low, pcp }) => Math.floor(low / pcp.high));
  expect(high([0, 1])).toEqual([1, 1]);
  expect(high([0, 0])).toEqual([2, 2]);
});

test('the server profile starts at the node of the CPU', () => {
  const { zones, free, late, cpuNodes, nrFrames } = describeMachine(getProfile('server-64g'));
  const cpus = { nrCpus: 32, cpu: 31, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames }), zones, free, late, cpuNodes, cpus });
  expect(pages.allocPages(GFP_KERNEL, 0)).toBeGreaterThanOrEqual(0x840000);
});
