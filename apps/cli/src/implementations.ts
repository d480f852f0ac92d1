/** The implementations that recordings are replayed through: the packages of this repository. */
import { BuddyAllocator, meminfoRows, vmstatRows, zoneinfoRows } from '@kmem/buddy';
import type { Implementations, IomemRequest, RecordedMachine } from '@kmem/conformance';
import type { ProcRow, TraceSink } from '@kmem/contracts';
import { createFrameTable, createMemory, getProfile, iomemRows, pcMemory, recordedPc } from '@kmem/hw';
import { boot } from '@kmem/kernel';
import { formatSlabinfo, slub } from '@kmem/slab';
import { createTimeMath } from '@kmem/time';
import { formatVmallocinfo, VmAreas } from '@kmem/vmalloc';
import { bootProfile } from './machine.js';
import { ALTERNATIVES, bootAllocator } from './object-allocators.js';

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
  bootKmalloc: bootAllocator,
  alternatives: ALTERNATIVES,
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
