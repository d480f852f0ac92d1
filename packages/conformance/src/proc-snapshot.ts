/**
 * Compares the texts of /proc that were taken at one moment with those printed from the lists of that moment.
 *
 * ```
 * lists.jsonl   the recording: machine, dump t0     -> loaded, exported again, compared
 * buddyinfo     beside it                           <- printed from the lists, compared line by line
 * pagetypeinfo  beside it                           <- likewise
 * ```
 * Texts that nothing prints yet are reported as unsupported, so that they are not taken for compared.
 */
import { quoteError, quoteValue } from './compare-values.js';
import { unsupportedResult } from './conformance-result.js';
import type { Conformance, Difference } from './conformance-result.js';
import { compareDump } from './buddy-replay.js';
import { EventLog } from './event-log.js';
import type { Implementations, PageAllocatorUnderTest, RecordedMachine, RecordingInput } from './implementations.js';
import { JsonLine } from './json-line.js';
import { describePageState } from './page-state-text.js';
import { readMachine } from './recorded-machine.js';
import { RecordingError } from './recording-error.js';
import { readSnapshotMeta, splitLines } from './recording-meta.js';

const PRINTED = ['buddyinfo', 'pagetypeinfo'] as const;

/** Files that lie beside the lists of a snapshot and are covered by its results. */
export const SNAPSHOT_TEXTS: readonly string[] = Object.freeze([
  ...PRINTED,
  ...['iomem', 'meminfo', 'slab-state.jsonl', 'slabinfo', 'vmallocinfo', 'vmap-areas.jsonl', 'vmstat', 'zoneinfo'],
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
    const kind = `proc ${file.replace('.jsonl', '')}`;
    const printed = PRINTED.find((known) => known === file);
    if (printed === undefined) {
      results.push(unsupportedResult(folder + file, kind, `nothing prints ${file} yet`));
    } else if (!meta.stable) {
      results.push(unsupportedResult(folder + file, kind, 'the lists changed while the text was read'));
    } else {
      const print = (): string => load()[printed]();
      results.push(compareText(folder + file, kind, text, print, () => describePageState(machine.state, new Set())));
    }
  }
  return results;
}

function compareLists(name: string, machine: RecordedMachine, load: () => PageAllocatorUnderTest): Conformance {
  const result = { name, kind: 'proc lists', total: 1, unsupported: null };
  const place = { operation: 0, line: 2, state: describePageState(machine.state, new Set()) };
  try {
    const found = compareDump('t0', machine.state, load().exportState());
    return { ...result, exact: found === null ? 1 : 0, difference: found === null ? null : { ...place, ...found } };
  } catch (error) {
    const failure = { what: 'loading and exporting the lists', expected: 'no error', got: quoteError(error) };
    return { ...result, exact: 0, difference: { ...place, ...failure } };
  }
}

/** Compares line by line, line ends included. */
function compareText(
  name: string,
  kind: string,
  expected: string,
  print: () => string,
  state: () => string,
): Conformance {
  const want = withLineEnds(expected);
  let got: readonly string[];
  try {
    got = withLineEnds(print());
  } catch (error) {
    const found = { what: 'printing', expected: 'no error', got: quoteError(error) };
    const difference: Difference = { operation: 0, line: 1, ...found, state: state() };
    return { name, kind, exact: 0, total: Math.max(want.length, 1), difference, unsupported: null };
  }
  const total = Math.max(want.length, got.length);
  for (let i = 0; i < total; i++) {
    if (want[i] === got[i]) continue;
    const found = { what: `line ${i + 1}`, expected: quoteValue(want[i]), got: quoteValue(got[i]) };
    const difference: Difference = { operation: 0, line: i + 1, ...found, state: state() };
    return { name, kind, exact: i, total, difference, unsupported: null };
  }
  return { name, kind, exact: total, total, difference: null, unsupported: null };
}

function withLineEnds(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
