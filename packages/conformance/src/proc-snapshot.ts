/**
 * Compares the texts of /proc that were taken at one moment with those printed from the lists of that moment.
 *
 * ```
 * lists.jsonl   the recording: machine, dump t0     -> loaded, exported again, compared
 * buddyinfo     beside it                           <- printed from the lists, compared line by line
 * pagetypeinfo  beside it                           <- likewise
 * zoneinfo      beside it                           <- printed from the lists and from values in the text itself
 * vmstat        beside it                           <- likewise
 * meminfo       beside it                           <- printed from the lists, counters of vmstat, and values in the text
 * slabinfo      beside it                           <- printed from the counts of caches in slab-state.jsonl
 * vmallocinfo   beside it                           <- printed from the areas in vmap-areas.jsonl
 * iomem         beside it                           <- printed from the machine, and from values in the text
 * ```
 * A line that follows from recorded values alone is compared, but counts as stated and not as exact. Texts that nothing prints yet
 * are reported as unsupported, so that they are not taken for compared.
 */
import type { ProcInputs, ProcRow } from '@kmem/contracts';
import { compareText, withLineEnds } from './compare-text.js';
import { quoteError } from './compare-values.js';
import { unsupportedResult } from './conformance-result.js';
import type { Conformance } from './conformance-result.js';
import { compareDump } from './buddy-replay.js';
import { EventLog } from './event-log.js';
import type { Implementations, PageAllocatorUnderTest, RecordedMachine, RecordingInput, RowText } from './implementations.js';
import { conformIomem } from './iomem.js';
import { JsonLine } from './json-line.js';
import { describePageState } from './page-state-text.js';
import { readMeminfoInputs, readVmstatInputs, readZoneinfoInputs } from './proc-inputs.js';
import { readMachine } from './recorded-machine.js';
import { RecordingError } from './recording-error.js';
import { readSnapshotMeta, splitLines } from './recording-meta.js';
import { readSlabCounts } from './slab-counts.js';
import { conformVmallocinfo, VMAP_AREAS } from './vmallocinfo.js';

const PRINTED = ['buddyinfo', 'pagetypeinfo'] as const;
/** The counts that slabinfo is printed from. */
const SLAB_STATE = 'slab-state.jsonl';

/** How the values of others are read from the recorded texts. */
const INPUTS: Readonly<Record<RowText, (texts: (file: string) => string) => ProcInputs>> = {
  zoneinfo: (texts) => readZoneinfoInputs(texts('zoneinfo')),
  vmstat: (texts) => readVmstatInputs(texts('vmstat')),
  meminfo: (texts) => readMeminfoInputs(texts('meminfo'), texts('vmstat')),
};

/** Texts that show values of others too. */
const ROW_TEXTS: readonly RowText[] = ['zoneinfo', 'vmstat', 'meminfo'];

/** Files that lie beside the lists of a snapshot and are covered by its results. */
export const SNAPSHOT_TEXTS: readonly string[] = Object.freeze([
  ...PRINTED,
  ...['iomem', 'meminfo', SLAB_STATE, 'slabinfo', 'vmallocinfo', VMAP_AREAS, 'vmstat', 'zoneinfo'],
]);

/**
 * Holds an implementation against a snapshot.
 *
 * @param input - the lists; `companion` finds the texts.
 * @param implementations - what to load the lists into.
 * @returns one result for the lists and one for each text that is there.
 * @throws RecordingError when the lists are not as they should be.
 */
export function conformSnapshot(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { name, companion } = input;
  const lines = splitLines(input.text);
  const meta = readSnapshotMeta(new JsonLine(name, 1, lines[0]));
  const machine = readMachine(name, lines, meta);
  if (lines.length > 2) throw new RecordingError(name, 3, 1, 'another line', 'the end of the file');
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  let loaded: PageAllocatorUnderTest | null = null;
  // Printing changes nothing, so one allocator serves all. Where loading fails, each result says so.
  const load = (): PageAllocatorUnderTest =>
    (loaded ??= implementations.loadPages({ ...machine, trace: new EventLog(null) }));
  const results = [compareLists(name, machine, load)];
  for (const file of SNAPSHOT_TEXTS) {
    const text = companion?.(file);
    if (text === undefined) continue;
    // An input of slabinfo, and covered by its result.
    if (file === SLAB_STATE && implementations.slabinfo !== undefined && companion?.('slabinfo') !== undefined) continue;
    const { vmallocinfo } = implementations;
    const areas = companion?.(VMAP_AREAS);
    if (vmallocinfo !== undefined && areas !== undefined && companion?.('vmallocinfo') !== undefined) {
      // The areas are its input, and covered by its result.
      if (file === VMAP_AREAS) continue;
      if (file === 'vmallocinfo') {
        results.push(conformVmallocinfo(folder + file, text, { name: folder + VMAP_AREAS, text: areas }, vmallocinfo));
        continue;
      }
    }
    if (file === 'iomem') {
      results.push(conformIomem(folder + file, text, meta, implementations));
      continue;
    }
    const kind = `proc ${file.replace('.jsonl', '')}`;
    const print = printerOf(file, implementations, (beside) => companion?.(beside) ?? '');
    if (print === null) {
      results.push(unsupportedResult(folder + file, kind, `nothing prints ${file} yet`));
    } else if (file === 'meminfo' && companion?.('vmstat') === undefined) {
      results.push(unsupportedResult(folder + file, kind, 'its counters are those of vmstat, which is not there'));
    } else if (!meta.stable) {
      results.push(unsupportedResult(folder + file, kind, 'the lists changed while the text was read'));
    } else {
      results.push(compareText(folder + file, kind, text, () => print(load()), describePageState(machine.state, new Set())));
    }
  }
  return results;
}

function compareLists(name: string, machine: RecordedMachine, load: () => PageAllocatorUnderTest): Conformance {
  const result = { name, kind: 'proc lists', total: 1, stated: [], unsupported: null };
  const place = { operation: 0, line: 2, state: describePageState(machine.state, new Set()) };
  try {
    const found = compareDump('t0', machine.state, load().exportState());
    return { ...result, exact: found === null ? 1 : 0, difference: found === null ? null : { ...place, ...found } };
  } catch (error) {
    const failure = { what: 'loading and exporting the lists', expected: 'no error', got: quoteError(error) };
    return { ...result, exact: 0, difference: { ...place, ...failure } };
  }
}

/** Finds what prints a text, line ends included; null where nothing does. */
function printerOf(
  file: string,
  { procRows, slabinfo }: Implementations,
  companion: (file: string) => string,
): ((pages: PageAllocatorUnderTest) => readonly ProcRow[]) | null {
  const plain = PRINTED.find((known) => known === file);
  if (plain !== undefined) return (pages) => withLineEnds(pages[plain]()).map((text) => ({ text, stated: null }));
  if (file === 'slabinfo' && slabinfo !== undefined && companion(SLAB_STATE) !== '') {
    return () => withLineEnds(slabinfo(readSlabCounts({ name: SLAB_STATE, text: companion(SLAB_STATE) }))).map((text) => ({ text, stated: null }));
  }
  const rows = ROW_TEXTS.find((known) => known === file);
  if (rows === undefined || procRows === undefined) return null;
  return (pages) => procRows[rows](pages, INPUTS[rows](companion)).map(({ text, stated }) => ({ text: `${text}\n`, stated }));
}
