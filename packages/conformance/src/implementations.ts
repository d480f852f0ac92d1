/**
 * What the replayer takes: a recording as text, and the implementation to hold against it.
 *
 * Users: `conform`, the replayers, whoever tests an allocator of their own. Nothing here touches the host:
 * reading and unpacking files is the caller's part.
 */
import type { AddressRange, CpuContext, CpuId, Gfp, PageAllocator, PageState, PhysAddr, PhysicalMemory, ProcInputs, ProcRow, SlabCache, SlabCacheAttributes, SlabCacheOptions, SlabCacheState, SlabTrack, SlobState, TimeMath, TraceSink, VmArea, VmAreasState, ZoneKind } from '@kmem/contracts';
import type { AllocatorName } from './alternative-recording.js';
import type { KernelRequest, KernelUnderTest } from './kernel-under-test.js';

/** A machine as a recording describes it, at the moment its first dump was taken. */
export interface RecordedMachine {
  /** Zones, free lists and per-CPU lists. */
  readonly state: PageState;
  /** Number of orders; the largest block has `2 ** (maxOrder - 1)` frames. */
  readonly maxOrder: number;
  /** Number of migratetypes: 5, or 4 without memory isolation. */
  readonly nrMigratetypes: number;
  /** log2 of the frames in a pageblock. */
  readonly pageblockOrder: number;
  /** Frames that a frame table needs to hold every zone: a multiple of the largest block and of a pageblock. */
  readonly nrFrames: number;
}

/** A page allocator that can show its state, as the replayer needs it. */
export interface PageAllocatorUnderTest extends PageAllocator {
  /**
   * Writes the state down.
   *
   * @returns a copy. `free` and `pcp.lists` have entries for lists that are not empty only, `pageblocks` is
   * there for zones that span frames, `lru_or_movable_ranges` is not looked at.
   */
  exportState(): PageState;
  /**
   * Prints the counts of free blocks.
   *
   * @returns the text of /proc/buddyinfo.
   */
  buddyinfo(): string;
  /**
   * Prints the counts of free blocks by migratetype, and of pageblocks.
   *
   * @returns the text of /proc/pagetypeinfo.
   */
  pagetypeinfo(): string;
}

/** A text of /proc that is printed row by row. */
export type RowText = 'zoneinfo' | 'vmstat' | 'meminfo';

/** A machine to boot: the recorded kind of PC with some amount of RAM. */
export interface BootRequest {
  /** RAM in MiB. */
  readonly ramMib: number;
  /** CPUs. */
  readonly nrCpus: number;
  /** The values in /proc/sys/vm that limits are computed from. */
  readonly tunables: {
    /** watermark_boost_factor. */
    readonly watermarkBoostFactor: number;
    /** watermark_scale_factor. */
    readonly watermarkScaleFactor: number;
    /** percpu_pagelist_high_fraction. */
    readonly percpuPagelistHighFraction: number;
    /** lowmem_reserve_ratio by zone. */
    readonly lowmemReserveRatio: Readonly<Partial<Record<ZoneKind, number>>>;
  };
}

/** A stretch of physical addresses that the kernel found at boot. */
export interface FoundRange {
  /** Its name in /proc/iomem. */
  readonly name: string;
  /** First byte. */
  readonly start: number;
  /** First byte past it. */
  readonly end: number;
}

/** A machine whose physical addresses are to be shown: the recorded kind of PC with some amount of RAM. */
export interface IomemRequest {
  /** The kernel's architecture. */
  readonly arch: 'x86_64' | 'i386';
  /** RAM in MiB. */
  readonly ramMib: number;
  /** What it found, in the order of the rows. */
  readonly found: readonly FoundRange[];
}

/** A page allocator just booted. */
export interface BootedPages {
  /** KiB kept free in all. */
  readonly minFreeKbytes: number;
  /**
   * Writes the state down.
   *
   * @param cpu - the CPU whose lists are written.
   * @returns a copy; its limits are looked at.
   */
  exportState(cpu: CpuId): PageState;
}

/** What a kernel counted of one object cache. */
export interface RecordedCacheCounts {
  /** Name of the cache. */
  readonly name: string;
  /** Bytes from one object to the next. */
  readonly size: number;
  /** Objects in a slab of the usual order. */
  readonly objects: number;
  /** log2 of the pages of such a slab. */
  readonly order: number;
  /** Slabs there are. */
  readonly nrSlabs: number;
  /** Objects in them. */
  readonly totalObjects: number;
  /** Free objects in slabs of the node's list. */
  readonly freeInPartial: number;
  /** What SLAB counts besides. */
  readonly arrays?: {
    /** Places in the array of a CPU. */
    readonly limit: number;
    /** Objects that are moved at once. */
    readonly batchcount: number;
    /** Batches in the array that all CPUs share. */
    readonly sharedfactor: number;
    /** Slabs all of whose objects are free. */
    readonly freeSlabs: number;
    /** Objects in the shared array. */
    readonly sharedavail: number;
  };
}

/** A kvmalloc family. Addresses are kernel addresses. */
export interface KvmallocUnderTest {
  /** kvmalloc. */
  readonly kvmalloc: (sizeBytes: number, gfp: Gfp) => number;
  /** kvmalloc_array with GFP_KERNEL. */
  readonly kvmallocArray: (count: number, sizeBytes: number) => number;
  /** kvcalloc with GFP_KERNEL. */
  readonly kvcalloc: (count: number, sizeBytes: number) => number;
  /** kvfree; and the worker that purges lazy addresses gets its turn. */
  readonly kvfree: (addr: number) => void;
  /** is_vmalloc_addr. */
  readonly isVmallocAddr: (addr: number) => boolean;
}

/** A kmalloc family with what it stands on, just booted. */
export interface KmallocUnderTest {
  /** The page allocator below. */
  readonly pages: PageAllocator;
  /** RAM, with bytes behind it. */
  readonly memory: PhysicalMemory;
  /** The caches there are, those of the family among them. */
  readonly allCaches: readonly DescribedCache[];
  /** kmalloc. */
  readonly kmalloc: (sizeBytes: number, gfp: Gfp) => PhysAddr;
  /** kmalloc_array. */
  readonly kmallocArray: (count: number, sizeBytes: number, gfp: Gfp) => PhysAddr;
  /** kcalloc. */
  readonly kcalloc: (count: number, sizeBytes: number, gfp: Gfp) => PhysAddr;
  /** krealloc. */
  readonly krealloc: (addr: PhysAddr, sizeBytes: number, gfp: Gfp) => PhysAddr;
  /** kfree. */
  readonly kfree: (addr: PhysAddr) => void;
  /** kfree_sensitive. */
  readonly kfreeSensitive: (addr: PhysAddr) => void;
  /** ksize. */
  readonly ksize: (addr: PhysAddr) => number;
  /** kmalloc_size_roundup. */
  readonly sizeRoundup: (sizeBytes: number) => number;
  /** Names the cache of an address; `(slob)` for memory of SLOB's heap, null for a block of pages. */
  readonly cacheNameOf: (addr: PhysAddr) => string | null;
  /** Tells the order of the pages of an address. */
  readonly orderOf: (addr: PhysAddr) => number;
  /** The kvmalloc family beside it. Without it its lines are not compared. */
  readonly kv?: KvmallocUnderTest;
  /** Counts the reports that the machine has made so far, warnings included. */
  readonly reported: () => number;
  /** The smallest and largest class, and the largest request, in bytes. */
  readonly limits: () => {
    /** Bytes. */
    readonly KMALLOC_MIN_SIZE: number;
    /** Bytes. */
    readonly KMALLOC_MAX_CACHE_SIZE: number;
    /** Bytes. */
    readonly KMALLOC_MAX_SIZE: number;
  };
}

/** An object cache that can show its state, as the replayer needs it. */
export interface SlabCacheUnderTest extends SlabCache {
  /**
   * Writes down what the cache is.
   *
   * @returns the kernel's values under the kernel's names.
   */
  exportAttributes(): SlabCacheAttributes;
  /**
   * Writes the lists down.
   *
   * @returns a copy.
   */
  exportState(): SlabCacheState;
  /**
   * Shrinks the cache.
   *
   * @param order - CPUs in the order in which they are flushed.
   * @returns true when the cache has no pages left.
   */
  shrinkInOrder(order: readonly CpuId[]): boolean;
  /**
   * Destroys the cache.
   *
   * @param order - CPUs in the order in which they are flushed.
   * @returns false when objects are in use.
   */
  destroyInOrder(order: readonly CpuId[]): boolean;
}

/** A machine for object caches. */
export interface SlabMachine {
  /** The current CPU; the replayer changes it between calls. */
  readonly cpus: CpuContext;
  /** Whether a new cache may be joined with an old one of the same size. */
  readonly merge: boolean;
  /** Frames that it is to have; all of them may be free. */
  readonly nrFrames: number;
  /**
   * Puts an observer before the page allocator.
   *
   * @param pages - where slabs are to come from.
   * @returns the allocator that the caches must use in its place.
   */
  readonly observe: (pages: PageAllocator) => PageAllocator;
}

/** A machine for one of the three object allocators. */
export interface AlternativeMachine extends SlabMachine {
  /**
   * The pages that SLOB is to go on from: takes them from the observed allocator. Null for the others, and for none.
   *
   * @param pages - the observed allocator.
   * @returns them, all in use there.
   */
  readonly state: ((pages: PageAllocator) => SlobState) | null;
}

/** A cache that can say what it is. */
export interface DescribedCache extends SlabCache {
  /**
   * Writes down what the cache is.
   *
   * @returns the kernel's values under the kernel's names, the kernel's own flags included.
   */
  exportAttributes(): Readonly<object>;
}

/** One of the three object allocators, as the replayer needs it. */
export interface AlternativeUnderTest {
  /** Makes a cache, as `SlabAllocator.createCache`. */
  readonly createCache: (options: SlabCacheOptions) => DescribedCache | null;
  /** Writes the state down under the names of the recording: of SLAB that of the cache, of SLOB that of all; SLUB has none here. */
  readonly exportState?: (cache: SlabCache | null) => object;
  /** The kmalloc that goes with it. SLOB must have it: there kmalloc and caches share pages. */
  readonly kmalloc?: Pick<KmallocUnderTest, 'kmalloc' | 'kfree'>;
  /** Finds the cache of memory; null for none. With it a part of SLAB's mix of kmalloc requests is decided. */
  readonly cacheOf?: (addr: PhysAddr) => DescribedCache | null;
}

/** The space that is replayed, at the first dump. Addresses count from vmalloc_start. */
export interface VmallocMachine {
  /** Start of the vmalloc range. */
  readonly vmallocStart: number;
  /** Its last address. */
  readonly vmallocEnd: number;
  /** First and first past the last address that ranges cover. */
  readonly space: { readonly start: number; readonly end: number };
  /** log2 of the page size. */
  readonly pageShift: number;
  /** CPUs. */
  readonly nrCpus: number;
  /** The first dump. */
  readonly state: VmAreasState;
}

/** The areas of a recorded vmalloc space. Addresses count from its start. */
export interface VmAreasUnderTest {
  /** Pages that may be lazy before the worker purges. */
  readonly lazyMaxPages: number;
  /** Pages that are. */
  readonly lazyPages: number;
  /**
   * Reserves an area.
   *
   * @param sizeBytes - bytes that are to be usable.
   * @param flags - `VM_*` bits.
   * @param caller - who asks.
   * @returns the area; null for a size of 0, and when no addresses are left.
   */
  getVmArea(sizeBytes: number, flags: number, caller: string): VmArea | null;
  /**
   * Removes an area.
   *
   * @param addr - its address.
   * @returns what it was; null when there is none.
   */
  removeVmArea(addr: number): VmArea | null;
  /**
   * Makes lazy addresses free.
   *
   * @returns true when there were any.
   */
  purge(): boolean;
  /** Purges when too many pages are lazy. */
  drainVmapAreaWork(): void;
  /**
   * Writes the state down.
   *
   * @returns a copy.
   */
  exportState(): VmAreasState;
}

/** Areas of a /proc snapshot, and what their text depends on besides. */
export interface RecordedVmAreas {
  /** Width of an address. */
  readonly bitsPerLong: 32 | 64;
  /** Areas by ascending address; those of a 64-bit machine are signed. */
  readonly areas: readonly VmArea[];
}

/** The implementations that recordings are replayed through. */
export interface Implementations {
  /**
   * Makes a page allocator that goes on from a recorded state.
   *
   * @param machine - the machine, and the sink that must receive every trace event from then on.
   * @returns an allocator that shares nothing with earlier ones.
   */
  readonly loadPages: (machine: RecordedMachine & { readonly trace: TraceSink }) => PageAllocatorUnderTest;
  /** Boots a machine. Without it tables of booted machines are not compared. */
  readonly bootPages?: (machine: BootRequest) => BootedPages;
  /** Boots a kernel. Without it scenarios are not replayed. */
  readonly bootKernel?: (request: KernelRequest) => KernelUnderTest;
  /**
   * Makes an object allocator without caches. Without it recordings of caches are not compared.
   *
   * @param machine - CPUs, and what its pages must be observed by.
   * @returns an allocator that shares nothing with earlier ones.
   */
  readonly makeSlabs?: (machine: SlabMachine) => { createCache(options: SlabCacheOptions): SlabCacheUnderTest | null };
  /** Makes the three object allocators. Recordings of one that is not there are not compared. */
  readonly alternatives?: Readonly<Partial<Record<AllocatorName, (machine: AlternativeMachine) => AlternativeUnderTest>>>;
  /**
   * Makes an object allocator without caches over a memory with bytes, which writes into free objects what the kernel writes.
   * Without it recordings of bytes are not compared.
   *
   * @param machine - as for `makeSlabs`; `tracks` tells who takes and gives back objects.
   * @returns the allocator, and the memory.
   */
  readonly makeSlabBytes?: (machine: SlabMachine & { readonly tracks: () => SlabTrack }) => {
    createCache(options: SlabCacheOptions): SlabCacheUnderTest | null;
    readonly memory: PhysicalMemory;
  };
  /**
   * Prints the texts of /proc that show values of others too, from an allocator's state and those values. Without it they are
   * not compared.
   */
  readonly procRows?: Readonly<Record<RowText, (pages: PageAllocatorUnderTest, inputs: ProcInputs) => readonly ProcRow[]>>;
  /** Prints /proc/slabinfo, the newest cache first. Without it the text is not compared. */
  readonly slabinfo?: (caches: readonly RecordedCacheCounts[]) => string;
  /**
   * Makes the areas of a vmalloc space that go on from a recorded state. Without it recordings of vmalloc are not compared.
   *
   * @returns areas that share nothing with earlier ones.
   */
  readonly loadVmAreas?: (machine: VmallocMachine) => VmAreasUnderTest;
  /** Prints /proc/vmallocinfo from areas and ranges not purged. Without it the text is not compared. */
  readonly vmallocinfo?: (areas: RecordedVmAreas, lazy: readonly AddressRange[]) => string;
  /** Makes the conversions between units of time of the recorded machines, with longs of some width. Without them tables of conversions are not compared. */
  readonly timeMath?: (bitsPerLong: 32 | 64) => TimeMath;
  /** Prints the rows of /proc/iomem. Without it those texts are not compared. */
  readonly iomemRows?: (machine: IomemRequest) => readonly ProcRow[];
  /**
   * Boots a machine with a kmalloc family: x86_64 with one CPU and enough memory. Without it tables of kmalloc are not compared.
   *
   * @param allocator - what the family is to stand on.
   * @returns a family that shares nothing with earlier ones.
   */
  readonly bootKmalloc?: (allocator: AllocatorName) => KmallocUnderTest;
}

/** A recording, read and unpacked. */
export interface RecordingInput {
  /** What results and errors call it. */
  readonly name: string;
  /** The file, one JSON value a line. */
  readonly text: string;
  /**
   * Finds a text that was taken together with the recording and lies beside it.
   *
   * @param fileName - such as `buddyinfo`.
   * @returns the text, or undefined when there is none.
   */
  readonly companion?: (fileName: string) => string | undefined;
}
