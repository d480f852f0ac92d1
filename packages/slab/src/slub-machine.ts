/** What the caches of one allocator share: pages, frame table, memory, the caller's CPU, reports. */
import type { CpuContext, FrameTable, PageAllocator, PhysAddr, PhysicalMemory, ReportSink, SlabTrack } from '@kmem/contracts';
import type { FastPath } from './fast-path.js';
import type { SlubCache } from './slub-cache.js';
import type { WordBlocks } from './word-blocks.js';

/** The parts. */
export interface SlubMachine {
  /** Where pages come from. */
  readonly pages: PageAllocator;
  /** The table that allocator keeps. */
  readonly frames: FrameTable;
  /** The words of all caches. */
  readonly shared: WordBlocks;
  /** By frame: the slab it is part of, 0 for none. */
  readonly slabOf: Int32Array;
  /** Finds the slab that an address lies in, 0 for none. */
  readonly slabAt: (addr: PhysAddr) => number;
  /** The shortest ways of objects. */
  readonly fast: FastPath;
  /** The caches by their numbers. */
  readonly caches: readonly (SlubCache | null)[];
  /** Whether a new cache may be joined with an old one. */
  readonly merge: boolean;
  /** RAM, or null for addresses alone. */
  readonly memory: PhysicalMemory | null;
  /** Whether links of free objects are written into them also where nothing is debugged. */
  readonly freePointers: boolean;
  /** Tells who takes or gives back an object, or null. */
  readonly tracks: (() => SlabTrack) | null;
  /** Receives the text about objects of traced caches, or null. */
  readonly onTrace: ((text: string) => void) | null;
  /** Runs functions after a grace period. */
  readonly callRcu: (callback: () => void) => void;
  /** Who is asking. */
  readonly cpus: CpuContext;
  /** Receiver of reports, or null. */
  readonly reports: ReportSink | null;
  /** True once somebody was told that zeroing spoils constructed objects. */
  warnedZero: boolean;
}
