/** Machines that the tests of slub() run on. */
import { BuddyAllocator } from '@kmem/buddy';
import { GFP_KERNEL, NULL } from '@kmem/contracts';
import type { CpuContext, Gfp, Order, PhysicalMemory, SlabCacheOptions } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { slub } from '../src/index.js';
import type { Slub, SlubCache, SlubOptions } from '../src/index.js';

/** The parts of a machine. */
export interface TestMachine {
  readonly pages: BuddyAllocator;
  readonly slab: Slub;
  readonly memory: PhysicalMemory | undefined;
  /** The current CPU is to be set here. */
  readonly cpus: { cpu: number };
}

/** What a machine is to have; the rest goes to slub(). */
export interface TestMachineOptions extends Omit<Partial<SlubOptions>, 'pages' | 'frames' | 'memory' | 'cpus'> {
  readonly nrFrames?: number;
  readonly nrCpus?: number;
  readonly withMemory?: boolean;
  /** Is told of every request for pages. */
  readonly onPages?: (gfp: Gfp, order: Order) => void;
}

/**
 * Makes a machine.
 *
 * @param options - what differs from one CPU, 1024 frames, no bytes.
 * @returns its parts.
 */
export function testMachine(options: TestMachineOptions = {}): TestMachine {
  const { nrFrames = 1024, nrCpus = 1, withMemory = false, onPages, ...others } = options;
  const frames = createFrameTable({ nrFrames });
  const pages = new BuddyAllocator({ frames });
  if (onPages !== undefined) {
    const allocPages = pages.allocPages.bind(pages);
    pages.allocPages = (gfp, order) => {
      onPages(gfp, order);
      return allocPages(gfp, order);
    };
  }
  const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const cpus: CpuContext & { cpu: number } = { nrCpus, cpu: 0, ...nobody };
  const memory = withMemory ? createMemory({ sizeBytes: frames.nrFrames * 4096, backing: 'dense' }) : undefined;
  return { pages, cpus, memory, slab: slub({ pages, frames, cpus, ...(memory && { memory }), ...others }) };
}

/**
 * Makes a cache that must be there.
 *
 * @param slab - the allocator.
 * @param options - size, and what differs.
 * @returns the cache.
 */
export function madeCache(slab: Slub, options: Partial<SlabCacheOptions> & { sizeBytes: number }): SlubCache {
  const cache = slab.createCache({ name: `test-${String(options.sizeBytes)}`, ...options });
  if (cache === null) throw new Error('no cache');
  return cache;
}

/**
 * Takes objects one by one.
 *
 * @param cache - from where.
 * @param count - how many.
 * @returns their addresses.
 */
export function takeObjects(cache: SlubCache, count: number): number[] {
  return Array.from({ length: count }, () => {
    const addr = cache.alloc(GFP_KERNEL);
    if (addr === NULL) throw new Error('no memory');
    return addr;
  });
}
