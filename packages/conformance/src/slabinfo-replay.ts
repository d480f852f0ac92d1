/**
 * /proc/slabinfo of a kernel with SLAB or SLOB, beside the table of its kmalloc.
 *
 * ```
 *  anon_vma    16    42     96   42    1 : tunables  120   60    0 : slabdata      1      1      0
 *  |           |     |      |    |     |             |     |     |                 |      |      shared objects
 *  name    active  all   size  per slab, pages     limit batch factor       active, all slabs
 * ```
 * How many objects and slabs there were is an input, taken from the text. Everything else is printed from a cache made by the
 * implementation: as large, aligned and flagged as the row of the table about it says. Whether it had a constructor is not
 * recorded: it is taken to have one when the kernel kept the indices of its free objects out of the objects.
 */
import { SLAB_TYPESAFE_BY_RCU, type ProcRow } from '@kmem/contracts';
import type { AllocatorName } from './alternative-recording.js';
import { compareText, withLineEnds } from './compare-text.js';
import { unsupportedResult, type Conformance } from './conformance-result.js';
import type { AlternativeUnderTest, Implementations, RecordedCacheCounts } from './implementations.js';
import type { JsonObject } from './json-line.js';

/** Flag of a cache whose objects hold the indices of free ones, and the other that the kernel adds by itself. */
const INDICES_IN_OBJECT = 0x40000000;
const KERNEL_FLAGS = 0xc0000000;
const NR_FRAMES = 2 ** 15;
const ROW = /^(\S+) +(\d+) +\d+ +\d+ +\d+ +\d+ : tunables +\d+ +\d+ +\d+ : slabdata +(\d+) +(\d+) +(\d+)$/;

/**
 * Compares the text.
 *
 * @param name - what the result calls it.
 * @param text - the text.
 * @param caches - the table's rows about caches.
 * @param allocator - which allocator the kernel had.
 * @param implementations - make the caches, and print them.
 * @returns the result.
 */
export function conformSlabinfo(name: string, text: string, caches: readonly JsonObject[], allocator: AllocatorName, implementations: Implementations): Conformance {
  const { alternatives, slabinfo } = implementations;
  const make = alternatives?.[allocator];
  if (make === undefined || slabinfo === undefined) return unsupportedResult(name, 'slabinfo', `nothing prints the caches of ${allocator}`);
  const print = (): readonly ProcRow[] => {
    // SLOB has no such text.
    if (allocator === 'SLOB') return [];
    const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
    const under = make({ cpus: { nrCpus: 1, cpu: 0, ...nobody }, merge: false, nrFrames: NR_FRAMES, observe: (pages) => pages, state: null });
    const rows = withLineEnds(text).map((line) => ROW.exec(line.trimEnd())).filter((match) => match !== null);
    const printed = slabinfo(rows.map((match) => countsOf(match, caches, under)));
    return withLineEnds(printed).map((line) => ({ text: line, stated: null }));
  };
  return compareText(name, 'slabinfo', text, print, 'printed from caches like those of the table, and the numbers of objects and slabs in the text');
}

function countsOf(match: RegExpExecArray, caches: readonly JsonObject[], under: AlternativeUnderTest): RecordedCacheCounts {
  const [, name] = match;
  const [active, activeSlabs, nrSlabs, sharedavail] = match.slice(2).map(Number);
  const row = caches.find(({ cache }) => cache === name);
  if (row === undefined) throw new Error(`the table says nothing about ${name}`);
  const flags = Number(row['flags']);
  const isConstructed = (flags & INDICES_IN_OBJECT) === 0 && (flags & SLAB_TYPESAFE_BY_RCU) === 0;
  const cache = under.createCache({
    name,
    sizeBytes: Number(row['object_size']),
    align: Number(row['align']),
    flags: (flags & ~KERNEL_FLAGS) >>> 0,
    ...(isConstructed && { ctor: () => undefined }),
  });
  if (cache === null) throw new Error(`no cache ${name}`);
  // SLAB's attributes are numbers.
  const { batchcount, gfporder, limit, num, shared, size } = { ...cache.exportAttributes() } as Readonly<Record<string, number>>;
  const totalObjects = nrSlabs * num;
  const arrays = { limit, batchcount, sharedfactor: shared, freeSlabs: nrSlabs - activeSlabs, sharedavail };
  return { name, size, objects: num, order: gfporder, nrSlabs, totalObjects, freeInPartial: totalObjects - active, arrays };
}
