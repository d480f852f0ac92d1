/** Tracing of a cache with `SLAB_TRACE`: a text for every object that is handed out or comes back (slab spec 8.1). */
import type { ObjectAddresses } from './object-address.js';
import type { SlabReports } from './slub-report.js';
import { S_FREE, S_INUSE, type ObjectWriter, type SlubState } from './slub-state.js';

/**
 * Puts tracing before a writer of bytes.
 *
 * @param s - the cache.
 * @param addresses - where objects are.
 * @param reports - how the texts read.
 * @param onTrace - receives them.
 * @param writer - writes bytes, or null where there are none.
 * @returns a writer that does both.
 */
export function createTracing(
  s: SlubState,
  addresses: ObjectAddresses,
  reports: SlabReports,
  onTrace: (text: string) => void,
  writer: ObjectWriter | null,
): ObjectWriter {
  function say(object: number, free: number, isTaken: boolean): void {
    const slab = s.slabOf(object);
    const moment = { slab, used: s.words[slab + S_INUSE], free };
    onTrace(reports.trace(moment, addresses.addressOf(object), isTaken).join('\n'));
  }

  return {
    prepare: (first, objects, slabBytes) => writer?.prepare(first, objects, slabBytes),
    link: (object) => writer?.link(object),
    take: (object) => {
      say(object, s.words[s.slabOf(object) + S_FREE], true);
      writer?.take(object);
    },
    give: (object) => {
      // Its link is the list as it was before.
      say(object, s.words[object], false);
      writer?.give(object);
    },
  };
}
