/** Reads what a kernel counted of its object caches: the state that /proc/slabinfo is printed from. */
import type { RecordedCacheCounts, RecordingInput } from './implementations.js';
import { JsonLine } from './json-line.js';
import { splitLines } from './recording-meta.js';

/** Members that slabinfo does not show. */
const OTHER_MEMBERS = ['object_size', 'nr_partial', 'cpu_slab', 'cpu_partial_slabs', 'flags', 'refcount'];

/**
 * Reads the counts, a cache a line.
 *
 * @param input - the file.
 * @returns the caches in the order of the file, which is that of slabinfo: the newest first.
 * @throws RecordingError when a line is not what it should be.
 */
export function readSlabCounts(input: RecordingInput): RecordedCacheCounts[] {
  return splitLines(input.text).map((text, i) => {
    const line = new JsonLine(input.name, i + 1, text);
    const row = line.object(line.value, []);
    line.members(row, [], ['cache', 'size', 'objects', 'order', 'nr_slabs', 'total_objects', 'free_in_partial'], OTHER_MEMBERS);
    const number = (member: string, least = 0): number => line.integer(row[member], [member], least);
    const totalObjects = number('total_objects');
    return {
      name: line.string(row['cache'], ['cache']),
      size: number('size', 1),
      objects: number('objects', 1),
      order: line.integer(row['order'], ['order'], 0, 16),
      nrSlabs: number('nr_slabs'),
      totalObjects,
      freeInPartial: line.integer(row['free_in_partial'], ['free_in_partial'], 0, totalObjects),
    };
  });
}
