/** The recordings of a real kernel in tooling/recordings, and the allocator as the replayer takes it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Implementations, RecordingInput } from '@kmem/conformance';
import { createFrameTable } from '@kmem/hw';
import { BuddyAllocator, meminfoRows, vmstatRows, zoneinfoRows } from '../src/index.js';

const folder = fileURLToPath(new URL('../../../tooling/recordings/memory/', import.meta.url));

/** The buddy allocator over a frame table of the recorded machine's size. */
export const implementations: Implementations = {
  loadPages: ({ state, maxOrder, nrMigratetypes, pageblockOrder, nrFrames, trace }) =>
    new BuddyAllocator({ frames: createFrameTable({ nrFrames, pageblockOrder, maxOrder }), state, nrMigratetypes, maxOrder, trace }),
  procRows: {
    zoneinfo: (pages, inputs) => zoneinfoRows([pages.exportState()], inputs),
    vmstat: (pages, inputs) => vmstatRows(pages.exportState(), inputs),
    meminfo: (pages, inputs) => meminfoRows(pages.exportState(), pages.pageShift, inputs),
  },
};

/** Names of the page allocator recordings. */
export const buddyRecordings = readdirSync(`${folder}buddy`)
  .filter((file) => file.endsWith('.jsonl.gz'))
  .map((file) => `buddy/${file}`);

/** Names of the lists of the /proc snapshots. */
export const procSnapshots = readdirSync(`${folder}proc`).map((name) => `proc/${name}/lists.jsonl.gz`);

/** Names of the tables of booted machines. */
export const ramTables = readdirSync(`${folder}ram`).map((name) => `ram/${name}/zones.json`);

/** Reads a recording; the texts beside it are found by its name. */
export function readRecording(name: string): RecordingInput {
  const beside = folder + name.slice(0, name.lastIndexOf('/') + 1);
  return {
    name,
    text: name.endsWith('.gz') ? gunzipSync(readFileSync(folder + name)).toString() : readFileSync(folder + name, 'utf8'),
    companion: (file) => (existsSync(beside + file) ? readFileSync(beside + file, 'utf8') : undefined),
  };
}
