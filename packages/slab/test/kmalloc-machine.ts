/** A PC with a kmalloc family on it. */
import { BuddyAllocator } from '@kmem/buddy';
import type { AllocatorName, KmallocUnderTest } from '@kmem/conformance';
import { BLOCK_ORDER_MASK, BLOCK_TAIL, type FrameTable, type PhysAddr, type PhysicalMemory, type ReportSink } from '@kmem/contracts';
import { createFrameTable, createMemory, describeMachine, recordedPc } from '@kmem/hw';
import { createKmalloc, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes, slab, SLAB_CLASSES, slob, slobSizeRoundup, slub } from '../src/index.js';
import type { Kmalloc, Slub } from '../src/index.js';

/** The parts of a machine. */
export interface KmallocMachine extends Kmalloc, KmallocUnderTest {
  readonly pages: BuddyAllocator;
  readonly slabs: Slub;
}

/** What happens without a receiver. */
const THROWING: ReportSink = {
  report: (bug) => {
    if (bug.severity === 'bug') throw bug;
  },
};

/** What the families stand on. */
function bootParts(reports: ReportSink): Pick<KmallocUnderTest, 'memory' | 'orderOf' | 'reported'> & { pages: BuddyAllocator; frames: FrameTable; reports: ReportSink } {
  let reported = 0;
  const counted: ReportSink = {
    report: (bug) => {
      reported++;
      reports.report(bug);
    },
  };
  const profile = recordedPc({ ramMib: 512, nrCpus: 1 });
  const { zones, free, nrFrames } = describeMachine(profile);
  const { pageShift, pageblockOrder, maxOrder, nrMigratetypes, hugePages } = profile;
  const frames = createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder });
  const memory = createMemory({ sizeBytes: nrFrames * 4096, backing: 'sparse' });
  const pages = new BuddyAllocator({ frames, zones, free, maxOrder, nrMigratetypes, hugePages, memory, reports: counted });
  const orderOf = (addr: PhysAddr): number => {
    const pfn = Math.floor(addr / 4096);
    const isTail = (frames.block[pfn] & BLOCK_TAIL) !== 0;
    return frames.block[isTail ? frames.owner[pfn] : pfn] & BLOCK_ORDER_MASK;
  };
  return { pages, frames, memory, reports: counted, orderOf, reported: () => reported };
}

/**
 * Boots the machine.
 *
 * @param reports - receiver of reports; without it they are thrown.
 * @param debug - boot option slub_debug.
 * @returns its parts.
 */
export function bootKmalloc(reports: ReportSink = THROWING, debug?: string): KmallocMachine {
  const parts = bootParts(reports);
  const slabs = slub({ ...parts, ...(debug !== undefined && { debug }) });
  return {
    ...parts,
    ...createKmalloc({ ...parts, slabs }),
    allCaches: slabs.caches(),
    slabs,
    sizeRoundup: kmallocSizeRoundup,
    cacheNameOf: (addr) => slabs.cacheOf(addr)?.name ?? null,
    limits: () => ({ KMALLOC_MIN_SIZE: kmallocSizes()[0], KMALLOC_MAX_CACHE_SIZE: kmallocSizes().at(-1) ?? 0, KMALLOC_MAX_SIZE: kmallocMaxSize() }),
  };
}

function bootSlab(): KmallocUnderTest {
  const parts = bootParts(THROWING);
  const slabs = slab(parts);
  const { smallest } = SLAB_CLASSES;
  return {
    ...parts,
    ...createKmalloc({ ...parts, slabs, classes: SLAB_CLASSES }),
    allCaches: slabs.caches(),
    sizeRoundup: (sizeBytes) => kmallocSizeRoundup(sizeBytes, { smallest }),
    cacheNameOf: (addr) => slabs.cacheOf(addr)?.name ?? null,
    limits: () => ({ KMALLOC_MIN_SIZE: smallest, KMALLOC_MAX_CACHE_SIZE: kmallocSizes().at(-1) ?? 0, KMALLOC_MAX_SIZE: kmallocMaxSize() }),
  };
}

function bootSlob(): KmallocUnderTest {
  const parts = bootParts(THROWING);
  const slabs = slob(parts);
  return {
    ...parts,
    ...slabs.kmalloc,
    allCaches: [],
    sizeRoundup: slobSizeRoundup,
    cacheNameOf: (addr) => (slabs.isHeap(addr) ? '(slob)' : null),
    limits: () => ({ KMALLOC_MIN_SIZE: 8, KMALLOC_MAX_CACHE_SIZE: 4096, KMALLOC_MAX_SIZE: kmallocMaxSize() }),
  };
}

/**
 * Boots the machine that a table of kmalloc was taken on.
 *
 * @param allocator - what its kmalloc stands on.
 * @returns its parts.
 */
export function bootAllocator(allocator: AllocatorName): KmallocUnderTest {
  if (allocator === 'SLUB') return bootKmalloc();
  return allocator === 'SLAB' ? bootSlab() : bootSlob();
}

/**
 * Reads bytes that may cross pieces of memory.
 *
 * @param memory - RAM.
 * @param addr - first byte.
 * @param length - bytes.
 * @returns a copy.
 */
export function readBytes(memory: PhysicalMemory, addr: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1024) {
    const part = Math.min(1024, length - at);
    bytes.set(memory.view(addr + at, part), at);
  }
  return bytes;
}
