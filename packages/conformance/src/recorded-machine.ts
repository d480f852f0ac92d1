/**
 * Turns the first dump of a recording into a machine that can be loaded.
 *
 * An allocator trusts the state it is given: a block on two lists would make it run in circles. So the
 * recording is made to hold
 * ```
 * every block is naturally aligned, and inside its zone's span
 * no frame is in two blocks
 * ```
 */
import { MIGRATE_PCPTYPES } from '@kmem/contracts';
import type { PageState } from '@kmem/contracts';
import type { RecordedMachine, RecordingInput } from './implementations.js';
import { JsonLine } from './json-line.js';
import type { JsonPath } from './json-position.js';
import { readDump } from './page-state-reader.js';
import { RecordingError } from './recording-error.js';
import { readBuddyMeta, readSnapshotMeta, recordingKind, splitLines } from './recording-meta.js';
import type { MachineShape } from './recording-meta.js';

/** First list for huge blocks: the lists before it are three for each order. */
const PCP_HUGE_INDEX = 12;

/** A free block of a dump. */
interface PlacedBlock {
  readonly pfn: number;
  readonly order: number;
  readonly at: JsonPath;
}

/**
 * Reads the machine and the first dump of a recording, and nothing after it.
 *
 * @param input - a page allocator recording or the lists of a /proc snapshot.
 * @returns the machine.
 * @throws RecordingError when the file is neither, or something in its first two lines is wrong.
 */
export function readRecordedMachine(input: RecordingInput): RecordedMachine {
  const kind = recordingKind(input.name, input.text);
  const lines = splitLines(input.text);
  const first = (): JsonLine => new JsonLine(input.name, 1, lines[0]);
  if (kind === 'buddy-exact') return readMachine(input.name, lines, readBuddyMeta(first()));
  if (kind === 'proc-snapshot') return readMachine(input.name, lines, readSnapshotMeta(first()));
  const found = kind === null ? 'no recording' : `a recording "${kind}"`;
  throw new RecordingError(input.name, 1, 1, found, 'a recording "buddy-exact" or "proc-snapshot"');
}

/**
 * Reads the dump in line 2.
 *
 * @param name - name of the file.
 * @param lines - its lines.
 * @param shape - the machine as line 1 describes it.
 * @param zoneNames - names that the zones must have, when line 1 has them.
 * @returns the machine.
 * @throws RecordingError when the dump is missing or wrong.
 */
export function readMachine(
  name: string,
  lines: readonly string[],
  shape: MachineShape,
  zoneNames?: readonly string[],
): RecordedMachine {
  if (lines.length < 2) throw new RecordingError(name, 2, 1, 'the end of the file', 'a dump "t0"');
  const line = new JsonLine(name, 2, lines[1]);
  const state = readDump(line, 't0', shape);
  state.zones.forEach((zone, i) => {
    const wanted = zoneNames?.[i];
    if (wanted !== undefined && zone.zone !== wanted) line.fail(['zones', i, 'zone'], `"${wanted}" as in line 1`);
  });
  checkBlocks(line, state, shape);
  const unit = 2 ** Math.max(shape.maxOrder - 1, shape.pageblockOrder);
  const end = Math.max(...state.zones.map((zone) => zone.start_pfn + zone.spanned), 1);
  return {
    state,
    maxOrder: shape.maxOrder,
    nrMigratetypes: shape.nrMigratetypes,
    pageblockOrder: shape.pageblockOrder,
    nrFrames: Math.ceil(end / unit) * unit,
  };
}

function checkBlocks(line: JsonLine, state: PageState, shape: MachineShape): void {
  const blocks: PlacedBlock[] = [];
  state.zones.forEach((zone, i) => {
    const end = zone.start_pfn + zone.spanned;
    const mine: PlacedBlock[] = [];
    for (const [order, types] of Object.entries(zone.free)) {
      for (const [type, pfns] of Object.entries(types)) {
        pfns.forEach((pfn, k) => mine.push({ pfn, order: Number(order), at: ['zones', i, 'free', order, type, k] }));
      }
    }
    for (const [index, { pfns }] of Object.entries(zone.pcp.lists)) {
      const order = Number(index) < PCP_HUGE_INDEX ? Math.floor(Number(index) / MIGRATE_PCPTYPES) : shape.pageblockOrder;
      pfns.forEach((pfn, k) => mine.push({ pfn, order, at: ['zones', i, 'pcp', 'lists', index, 'pfns', k] }));
    }
    for (const { pfn, order, at } of mine) {
      const size = 2 ** order;
      if (pfn % size !== 0) line.fail(at, `a multiple of ${size}`);
      if (pfn < zone.start_pfn || pfn + size > end) line.fail(at, `a block of ${size} frames in ${zone.start_pfn}..${end - 1}`);
    }
    for (const [k, [pfn, pages]] of (zone.lru_or_movable_ranges ?? []).entries()) {
      const at = ['zones', i, 'lru_or_movable_ranges', k];
      if (pfn < zone.start_pfn || pfn + pages > end) line.fail(at, `frames in ${zone.start_pfn}..${end - 1}`);
    }
    blocks.push(...mine);
  });
  blocks.sort((a, b) => a.pfn - b.pfn);
  blocks.forEach((block, i) => {
    const before = blocks[i - 1];
    if (i > 0 && before.pfn + 2 ** before.order > block.pfn) {
      line.fail(block.at, `a frame past the free block ${before.pfn} of order ${before.order}`);
    }
  });
}
