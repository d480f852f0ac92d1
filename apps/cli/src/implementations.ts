/** The implementations that recordings are replayed through: the packages of this repository. */
import { BuddyAllocator, meminfoRows, vmstatRows, zoneinfoRows } from '@kmem/buddy';
import type { Implementations, RecordedMachine } from '@kmem/conformance';
import type { TraceSink } from '@kmem/contracts';
import { createFrameTable, recordedPc } from '@kmem/hw';
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

/** What `conform` and the replay demo hold against the recorded kernel. */
export const IMPLEMENTATIONS: Implementations = {
  loadPages,
  bootPages: ({ ramMib, nrCpus, tunables }) => bootProfile(recordedPc({ ramMib, nrCpus }), tunables),
  procRows: {
    zoneinfo: (pages, inputs) => zoneinfoRows([pages.exportState()], inputs),
    vmstat: (pages, inputs) => vmstatRows(pages.exportState(), inputs),
    meminfo: (pages, inputs) => meminfoRows(pages.exportState(), pages.pageShift, inputs),
  },
};
