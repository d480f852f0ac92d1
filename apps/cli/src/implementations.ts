/** The implementations that recordings are replayed through: the packages of this repository. */
import { BuddyAllocator, meminfoRows, vmstatRows, zoneinfoRows } from '@kmem/buddy';
import type { Implementations, IomemRequest, KmallocUnderTest, RecordedMachine } from '@kmem/conformance';
import { BLOCK_ORDER_MASK, BLOCK_TAIL, type ProcRow, type ReportSink, type TraceSink } from '@kmem/contracts';
import { createFrameTable, createMemory, describeMachine, getProfile, iomemRows, pcMemory, recordedPc, type MachineProfile } from '@kmem/hw';
import { boot } from '@kmem/kernel';
import { createKmalloc, formatSlabinfo, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes, slub, type Slub } from '@kmem/slab';
import { createTimeMath } from '@kmem/time';
import { formatVmallocinfo, VmAreas } from '@kmem/vmalloc';
import { bootProfile } from './machine.js';

/**
 * Makes a page allocator that goes on from a recorded state.
 *
 * @param machine - the recorded machine, and a receiver of trace events where one is needed.
 * @returns the allocator.
 */
export function loadPages(machine: RecordedMachine & { readonly trace?: TraceSink }): BuddyAllocator {
  const { maxOrder, nrFrames, nrMigratetypes, pageblockOrder, state, trace } = machine;
  const frames = createFrameTable({ nrFrames, pageblockOrder, maxOrder });
  return new BuddyAllocator({ frames, state, nrMigratetypes, maxOrder, ...(trace && { trace }) });
}

/** RAM of the machine on which tables of kmalloc were taken, in MiB. */
const KMALLOC_MIB = 512;

/** A kmalloc family and the allocator of its caches. */
export interface BootedKmalloc extends KmallocUnderTest {
  /** The allocator of the caches. */
  readonly slabs: Slub;
}

/**
 * Boots a machine with a kmalloc family.
 *
 * @param profile - the machine.
 * @returns the family and what it stands on.
 */
export function bootKmalloc(profile: MachineProfile): BootedKmalloc {
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
  const slabs = slub({ pages, frames, memory, reports });
  const sizes = kmallocSizes({ pageShift });
  return {
    ...createKmalloc({ slabs, pages, frames, memory, reports }),
    reported: () => reported,
    pages,
    slabs,
    memory,
    sizeRoundup: kmallocSizeRoundup,
    cacheNameOf: (addr) => slabs.cacheOf(addr)?.name ?? null,
    orderOf: (addr) => {
      const pfn = Math.floor(addr / 2 ** pageShift);
      return frames.block[(frames.block[pfn] & BLOCK_TAIL) !== 0 ? frames.owner[pfn] : pfn] & BLOCK_ORDER_MASK;
    },
    limits: () => ({
      KMALLOC_MIN_SIZE: sizes[0],
      KMALLOC_MAX_CACHE_SIZE: sizes[sizes.length - 1],
      KMALLOC_MAX_SIZE: kmallocMaxSize({ pageShift, maxOrder }),
    }),
  };
}

/**
 * Prints the physical addresses of a machine of the recorded kind. What boot finds there is as on that machine, but where the request
 * says so.
 */
function recordedIomem({ arch, ramMib, found }: IomemRequest): ProcRow[] {
  const { ram, resources } = pcMemory({ arch, ramMib });
  const rest = [...found];
  const own = getProfile(arch === 'i386' ? 'i386-1200m' : 'pc-160m').resources.filter((resource) => resource.found);
  const placed = own.map((resource) => {
    const i = rest.findIndex(({ name }) => name === resource.name);
    return i < 0 ? resource : { ...rest.splice(i, 1)[0], found: true };
  });
  const ofTheMachine = resources.filter((resource) => !resource.found);
  const others = rest.map((range) => ({ ...range, found: true }));
  return iomemRows({ nodes: [{ node: 0, nrCpus: 1, ram }], resources: [...ofTheMachine, ...placed, ...others] });
}

/** What `conform` and the replay demo hold against the recorded kernel. */
export const IMPLEMENTATIONS: Implementations = {
  loadPages,
  bootKmalloc: () => bootKmalloc(recordedPc({ ramMib: KMALLOC_MIB, nrCpus: 1 })),
  slabinfo: formatSlabinfo,
  iomemRows: recordedIomem,
  bootKernel: boot,
  timeMath: (bitsPerLong) => createTimeMath({ bitsPerLong }),
  loadVmAreas: (machine) => new VmAreas(machine),
  vmallocinfo: ({ areas, bitsPerLong }, lazy) => formatVmallocinfo(areas, lazy, { bitsPerLong }),
  bootPages: ({ ramMib, nrCpus, tunables }) => bootProfile(recordedPc({ ramMib, nrCpus }), tunables),
  makeSlabs: ({ cpus, merge, nrFrames, observe }) => {
    const frames = createFrameTable({ nrFrames });
    return slub({ frames, cpus, merge, pages: observe(new BuddyAllocator({ frames, cpus })) });
  },
  makeSlabBytes: ({ cpus, merge, nrFrames, observe, tracks }) => {
    const frames = createFrameTable({ nrFrames });
    const memory = createMemory({ sizeBytes: nrFrames * 2 ** frames.pageShift, backing: 'dense' });
    const pages = observe(new BuddyAllocator({ frames, cpus }));
    return { ...slub({ frames, cpus, merge, memory, tracks, freePointers: true, pages }), memory };
  },
  procRows: {
    zoneinfo: (pages, inputs) => zoneinfoRows([pages.exportState()], inputs),
    vmstat: (pages, inputs) => vmstatRows(pages.exportState(), inputs),
    meminfo: (pages, inputs) => meminfoRows(pages.exportState(), pages.pageShift, inputs),
  },
};
