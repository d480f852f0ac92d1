/** Machines that object allocators and their kmalloc run on: SLUB, SLAB, SLOB. */
import { BuddyAllocator } from '@kmem/buddy';
import type { AllocatorName, AlternativeMachine, Implementations, KmallocUnderTest } from '@kmem/conformance';
import { BLOCK_ORDER_MASK, BLOCK_TAIL, GFP_KERNEL, type FrameTable, type PageAllocator, type PhysAddr, type ReportSink } from '@kmem/contracts';
import { createFrameTable, createMemory, describeMachine, recordedPc, type MachineProfile } from '@kmem/hw';
import { createKmalloc, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes, slab, SLAB_CLASSES, slob, slobSizeRoundup, slub, type Slub } from '@kmem/slab';
import { addVmalloc } from './allocators.js';

/** RAM of the machine on which tables of kmalloc were taken, in MiB. */
const KMALLOC_MIB = 512;

/** A kmalloc family and the allocator of its caches. */
export interface BootedKmalloc extends KmallocUnderTest {
  /** The allocator of the caches. */
  readonly slabs: Slub;
  /** Pages. */
  readonly pages: BuddyAllocator;
  /** Counts warnings, throws misuse. */
  readonly reports: ReportSink;
}

/** What every family stands on. */
interface BootedParts extends Pick<KmallocUnderTest, 'memory' | 'orderOf' | 'reported'> {
  readonly pages: BuddyAllocator;
  readonly frames: FrameTable;
  readonly reports: ReportSink;
}

function bootParts(profile: MachineProfile): BootedParts {
  const { zones, free, nrFrames } = describeMachine(profile);
  const { pageShift, pageblockOrder, maxOrder, nrMigratetypes, hugePages } = profile;
  const frames = createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder });
  const memory = createMemory({ sizeBytes: nrFrames * 2 ** pageShift, backing: 'sparse' });
  let reported = 0;
  const reports: ReportSink = {
    report: (bug) => {
      reported++;
      if (bug.severity === 'bug') throw bug;
    },
  };
  const pages = new BuddyAllocator({ frames, zones, free, maxOrder, nrMigratetypes, hugePages, memory, reports });
  const orderOf = (addr: PhysAddr): number => {
    const pfn = Math.floor(addr / 2 ** pageShift);
    return frames.block[(frames.block[pfn] & BLOCK_TAIL) !== 0 ? frames.owner[pfn] : pfn] & BLOCK_ORDER_MASK;
  };
  return { pages, frames, memory, reports, orderOf, reported: () => reported };
}

/**
 * Boots a machine with a kmalloc family over SLUB.
 *
 * @param profile - the machine.
 * @returns the family and what it stands on.
 */
export function bootKmalloc(profile: MachineProfile): BootedKmalloc {
  const parts = bootParts(profile);
  const slabs = slub(parts);
  const family = createKmalloc({ ...parts, slabs });
  const sizes = kmallocSizes(profile);
  return {
    ...parts,
    ...family,
    slabs,
    allCaches: slabs.caches(),
    sizeRoundup: kmallocSizeRoundup,
    cacheNameOf: (addr) => slabs.cacheOf(addr)?.name ?? null,
    limits: () => kmallocLimits(sizes, profile),
  };
}

/** Boots a machine with a kmalloc family over SLAB. */
function bootSlab(profile: MachineProfile): KmallocUnderTest & Pick<BootedParts, 'reports'> {
  const parts = bootParts(profile);
  const slabs = slab(parts);
  const limits = { ...profile, smallest: SLAB_CLASSES.smallest };
  const sizes = kmallocSizes(limits);
  return {
    ...parts,
    ...createKmalloc({ ...parts, slabs, classes: SLAB_CLASSES }),
    allCaches: slabs.caches(),
    sizeRoundup: (sizeBytes) => kmallocSizeRoundup(sizeBytes, limits),
    cacheNameOf: (addr) => slabs.cacheOf(addr)?.name ?? null,
    limits: () => kmallocLimits(sizes, profile),
  };
}

function kmallocLimits(sizes: readonly number[], profile: MachineProfile): ReturnType<KmallocUnderTest['limits']> {
  return { KMALLOC_MIN_SIZE: sizes[0], KMALLOC_MAX_CACHE_SIZE: sizes[sizes.length - 1], KMALLOC_MAX_SIZE: kmallocMaxSize(profile) };
}

/** Boots a machine with the kmalloc of SLOB. */
function bootSlob(profile: MachineProfile): KmallocUnderTest & Pick<BootedParts, 'reports'> {
  const parts = bootParts(profile);
  const slabs = slob(parts);
  return {
    ...parts,
    ...slabs.kmalloc,
    allCaches: [],
    sizeRoundup: slobSizeRoundup,
    cacheNameOf: (addr) => (slabs.isHeap(addr) ? '(slob)' : null),
    limits: () => kmallocLimits([8, 2 ** profile.pageShift], profile),
  };
}

/**
 * Boots the machine that a table of kmalloc was taken on.
 *
 * @param allocator - what its kmalloc stands on.
 * @returns the family and what it stands on, with a kvmalloc family on top.
 */
export function bootAllocator(allocator: AllocatorName): KmallocUnderTest {
  const profile = recordedPc({ ramMib: KMALLOC_MIB, nrCpus: 1 });
  const booted = { SLUB: bootKmalloc, SLAB: bootSlab, SLOB: bootSlob }[allocator](profile);
  const { kv, vmalloc } = addVmalloc(profile, { ...booted, kmalloc: booted });
  return {
    ...booted,
    kv: {
      kvmalloc: kv.kvmalloc,
      kvmallocArray: (count, sizeBytes) => kv.kvmallocArray(count, sizeBytes, GFP_KERNEL),
      kvcalloc: (count, sizeBytes) => kv.kvcalloc(count, sizeBytes, GFP_KERNEL),
      kvfree: (addr) => {
        kv.kvfree(addr);
        vmalloc.runDeferredWork();
      },
      isVmallocAddr: (addr) => vmalloc.isVmallocAddr(addr),
    },
  };
}

function observedPages({ cpus, nrFrames, observe }: AlternativeMachine): { frames: FrameTable; pages: PageAllocator } {
  const frames = createFrameTable({ nrFrames });
  return { frames, pages: observe(new BuddyAllocator({ frames, cpus })) };
}

/** The object allocators that recordings are replayed through. */
export const ALTERNATIVES: NonNullable<Implementations['alternatives']> = {
  SLUB: (machine) => slub({ ...observedPages(machine), cpus: machine.cpus, merge: machine.merge }),
  SLAB: (machine) => {
    const { frames, pages } = observedPages(machine);
    const slabs = slab({ frames, pages, cpus: machine.cpus, merge: machine.merge });
    const kmalloc = createKmalloc({ slabs, pages, frames, classes: SLAB_CLASSES });
    return {
      createCache: (options) => slabs.createCache(options),
      exportState: (cache) => slabs.caches().find((known) => known === cache)?.exportState() ?? {},
      cacheOf: (addr) => slabs.cacheOf(addr),
      kmalloc,
    };
  },
  SLOB: (machine) => {
    const { frames, pages } = observedPages(machine);
    return slob({ frames, pages, ...(machine.state && { state: machine.state(pages) }) });
  },
};
