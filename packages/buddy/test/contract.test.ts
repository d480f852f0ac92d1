/** The rules of the PageAllocator contract, through every way of setting the allocator up. */
import type { CpuContext } from '@kmem/contracts';
import { pageAllocatorSuite, runPageAllocatorModel } from '@kmem/conformance';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator, type BuddyOptions } from '../src/index.js';

/** An allocator of exactly so many pages, the first of them a multiple of the largest block. */
function create(pages: number, maxOrder: number, options: Partial<BuddyOptions> = {}, shared = false): BuddyAllocator {
  const start = 2 ** (maxOrder - 1);
  const pageblockOrder = Math.min(9, maxOrder - 1);
  return new BuddyAllocator({
    frames: createFrameTable({ nrFrames: start + pages, maxOrder, pageblockOrder, shared }),
    maxOrder,
    free: [{ start, end: start + pages }],
    ...options,
  });
}

const twoCpus: CpuContext = {
  nrCpus: 2,
  cpu: 1,
  inInterrupt: false,
  inSoftirq: false,
  taskFlags: 0,
  realtime: false,
  oomVictim: false,
};

pageAllocatorSuite(test, { name: 'buddy', maxOrder: 11, create: (pages) => create(pages, 11) });
pageAllocatorSuite(test, { name: 'buddy with 5 orders', maxOrder: 5, create: (pages) => create(pages, 5) });
pageAllocatorSuite(test, { name: 'buddy in shared memory', maxOrder: 11, create: (pages) => create(pages, 11, {}, true) });
pageAllocatorSuite(test, { name: 'buddy on the second CPU', maxOrder: 11, create: (pages) => create(pages, 11, { cpus: twoCpus }) });
pageAllocatorSuite(test, { name: 'buddy without huge pages', maxOrder: 11, create: (pages) => create(pages, 11, { hugePages: false }) });

describe('random calls against an owner map', () => {
  /** Free blocks by order, whatever list they are on. */
  const blocks = (pages: BuddyAllocator) =>
    pages
      .exportState()
      .zones.map(({ free }) => Object.entries(free).map(([order, types]) => [order, Object.values(types).flat().sort((a, b) => a - b)]));

  test('a million calls: no overlap, every count right, and at the end the blocks of the beginning', { timeout: 120_000 }, () => {
    const allocator = create(20_000, 11);
    const fresh = blocks(allocator);
    const report = runPageAllocatorModel({ allocator, endPfn: 1024 + 20_000, seed: 1, operations: 1_000_000, validateEvery: 50_000 });
    expect(report.operations).toBe(1_000_000);
    expect(report.validations).toBeGreaterThanOrEqual(20);
    // The run meant something: memory ran out, and was turned over many times.
    expect(report.shortages).toBeGreaterThan(1000);
    expect(report.peakPages).toBeGreaterThan(19_000);
    expect(report.pagesTaken).toBeGreaterThan(1_000_000);
    expect(blocks(allocator)).toEqual(fresh);
  });

  test.each([2, 3, 4, 5])('small machines, checked often (seed %i)', (seed) => {
    const allocator = create(700 + seed, 6);
    const fresh = blocks(allocator);
    runPageAllocatorModel({ allocator, endPfn: 32 + 700 + seed, seed, operations: 20_000, validateEvery: 64 });
    expect(blocks(allocator)).toEqual(fresh);
  });

  test('the same calls leave the same bytes', () => {
    const run = () => {
      const frames = createFrameTable({ nrFrames: 4096 });
      const allocator = new BuddyAllocator({ frames });
      runPageAllocatorModel({ allocator, endPfn: 4096, seed: 9, operations: 20_000 });
      return [new Uint8Array(frames.buffer), allocator.exportState()] as const;
    };
    expect(run()).toEqual(run());
  });
});
