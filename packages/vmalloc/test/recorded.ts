/** The recordings of a real kernel in tooling/recordings, and the areas as the replayer takes them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { Implementations, RecordingInput } from '@kmem/conformance';
import { formatVmallocinfo, VmAreas } from '../src/index.js';

const folder = fileURLToPath(new URL('../../../tooling/recordings/memory/', import.meta.url));

/** Areas, and the text that is printed from them. */
export const implementations: Implementations = {
  loadPages: () => {
    throw new Error('no page allocator here');
  },
  loadVmAreas: (machine) => new VmAreas(machine),
  vmallocinfo: ({ areas, bitsPerLong }, lazy) => formatVmallocinfo(areas, lazy, { bitsPerLong }),
};

/** Names of the recordings of areas. */
export const vmallocRecordings = readdirSync(`${folder}vmalloc`).map((file) => `vmalloc/${file}`);

/** Names of the lists of the /proc snapshots. */
export const procSnapshots = readdirSync(`${folder}proc`).map((name) => `proc/${name}/lists.jsonl.gz`);

/** Reads a recording; the texts beside it are found by its name. */
export function readRecording(name: string): RecordingInput {
  const beside = folder + name.slice(0, name.lastIndexOf('/') + 1);
  return {
    name,
    text: gunzipSync(readFileSync(folder + name)).toString(),
    companion: (file) => (existsSync(beside + file) ? readFileSync(beside + file, 'utf8') : undefined),
  };
}
