/** The recorded PC with 160 MiB, with a kmalloc family on it. */
import { BuddyAllocator } from '@kmem/buddy';
import type { FrameTable, PhysicalMemory, ReportSink } from '@kmem/contracts';
import { createFrameTable, createMemory, describeMachine, getProfile } from '@kmem/hw';
import { createKmalloc, slub } from '../src/index.js';
import type { Kmalloc, Slub } from '../src/index.js';

/** The parts of a machine. */
export interface KmallocMachine {
  readonly pages: BuddyAllocator;
  readonly frames: FrameTable;
  readonly slabs: Slub;
  readonly memory: PhysicalMemory;
  readonly family: Kmalloc;
}

/**
 * Boots the machine.
 *
 * @param reports - receiver of reports; without it they are thrown.
 * @returns its parts.
 */
export function bootKmalloc(reports?: ReportSink): KmallocMachine {
  const profile = getProfile('pc-160m');
  const { zones, free, nrFrames } = describeMachine(profile);
  const { pageShift, pageblockOrder, maxOrder, nrMigratetypes, hugePages } = profile;
  const frames = createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder });
  const memory = createMemory({ sizeBytes: nrFrames * 4096, backing: 'sparse' });
  const pages = new BuddyAllocator({ frames, zones, free, maxOrder, nrMigratetypes, hugePages, memory, ...(reports && { reports }) });
  const parts = { pages, frames, memory, ...(reports && { reports }) };
  const slabs = slub(parts);
  return { ...parts, slabs, family: createKmalloc({ ...parts, slabs }) };
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
