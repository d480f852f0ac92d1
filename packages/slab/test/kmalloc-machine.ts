/** A PC with a kmalloc family on it. */
import { BuddyAllocator } from '@kmem/buddy';
import type { KmallocUnderTest } from '@kmem/conformance';
import { BLOCK_ORDER_MASK, BLOCK_TAIL, type PhysicalMemory, type ReportSink } from '@kmem/contracts';
import { createFrameTable, createMemory, describeMachine, recordedPc } from '@kmem/hw';
import { createKmalloc, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes, slub } from '../src/index.js';
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

/**
 * Boots the machine.
 *
 * @param reports - receiver of reports; without it they are thrown.
 * @param debug - boot option slub_debug.
 * @returns its parts.
 */
export function bootKmalloc(reports: ReportSink = THROWING, debug?: string): KmallocMachine {
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
  const parts = { pages, frames, memory, reports: counted };
  const slabs = slub({ ...parts, ...(debug !== undefined && { debug }) });
  return {
    ...createKmalloc({ ...parts, slabs }),
    reported: () => reported,
    pages,
    slabs,
    memory,
    sizeRoundup: kmallocSizeRoundup,
    cacheNameOf: (addr) => slabs.cacheOf(addr)?.name ?? null,
    orderOf: (addr) => {
      const pfn = Math.floor(addr / 4096);
      const isTail = (frames.block[pfn] & BLOCK_TAIL) !== 0;
      return frames.block[isTail ? frames.owner[pfn] : pfn] & BLOCK_ORDER_MASK;
    },
    limits: () => ({ KMALLOC_MIN_SIZE: kmallocSizes()[0], KMALLOC_MAX_CACHE_SIZE: kmallocSizes().at(-1) ?? 0, KMALLOC_MAX_SIZE: kmallocMaxSize() }),
  };
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
