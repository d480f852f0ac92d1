/** What the caches of one SLAB share: pages, frame table, memory, the caller's CPU, reports. */
import type { CpuContext, FrameTable, PageAllocator, PhysAddr, PhysicalMemory, ReportSink, SlabCache } from '@kmem/contracts';
import type { WordBlocks } from '../word-blocks.js';
import type { ClassicGeometry } from './classic-geometry.js';

/** The parts. */
export interface ClassicMachine {
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
  /** RAM, or null for addresses alone. */
  readonly memory: PhysicalMemory | null;
  /** Runs functions after a grace period. */
  readonly callRcu: (callback: () => void) => void;
  /** Who is asking. */
  readonly cpus: CpuContext;
  /** Receiver of reports, or null. */
  readonly reports: ReportSink | null;
  /** The plain kmalloc cache that holds so many bytes; null where there is none. */
  readonly kmallocCache: (sizeBytes: number) => SlabCache | null;
  /** Whether a new cache may be joined with an old one. */
  readonly merge: boolean;
  /** True once somebody was told that zeroing spoils constructed objects. */
  warnedZero: boolean;
}

/** What a cache was made for. */
export interface ClassicPlan {
  /** Name of the cache. */
  readonly name: string;
  /** Number of the cache. */
  readonly number: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Bytes of the largest object asked for. */
  objectSize: number;
  /** Sizes and places. */
  readonly geometry: ClassicGeometry;
  /** Constructs one object, or null. */
  readonly ctor: ((addr: PhysAddr) => void) | null;
  /** First byte of the part that may be copied. */
  readonly userOffset: number;
  /** Bytes of that part. */
  readonly userSize: number;
  /** Uses of the cache. */
  refcount: number;
  /** True from its end on. */
  destroyed: boolean;
}
