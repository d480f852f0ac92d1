/**
 * The first line of a recording: what was recorded, and on what machine.
 *
 * A recording of the page allocator begins
 * ```
 * {"recording":"buddy-exact", ..., "max_order":11, "pageblock_order":9, "migrate_types":5, ...}
 * {"dump":"t0","zones":[...]}
 * ```
 * and a snapshot of /proc in the same way, with "proc-snapshot".
 */
import { MIGRATE_HIGHATOMIC, MIGRATE_ISOLATE } from '@kmem/contracts';
import { JsonLine } from './json-line.js';
import type { JsonObject } from './json-line.js';
import { RecordingError } from './recording-error.js';

/** Per-CPU lists of a 6.1 kernel with huge pages: 3 types of orders 0 to 3, and 2 for huge blocks. */
export const PCP_LISTS = 14;
/** Largest number of orders. */
const ORDERS_LIMIT = 16;

const SHAPE_MEMBERS = ['recording', 'pageblock_order', 'max_order', 'migrate_types', 'pcp_lists', 'nr_zones', 'mem_mb', 'kernel'];
/** How a recording was taken. */
const ORIGIN_MEMBERS = ['scenario', 'seed', 'nops_param'];
const BUDDY_MEMBERS = ['scenario_name', 'has_dma32', 'zone_names', 'migratetype_names'];

/** The machine's shape, as far as reading its dumps needs it. */
export interface MachineShape {
  /** Number of orders. */
  readonly maxOrder: number;
  /** log2 of the frames in a pageblock. */
  readonly pageblockOrder: number;
  /** Number of migratetypes. */
  readonly nrMigratetypes: number;
  /** Zones of a node, those that are not listed in dumps included. */
  readonly nrZones: number;
}

/** First line of a page allocator recording. */
export interface BuddyMeta extends MachineShape {
  /** Which kernel: version, architecture, configuration. */
  readonly kernel: string;
  /** RAM in MiB. */
  readonly memMb: number;
  /** Name of the scenario. */
  readonly scenario: string;
  /** Seed of the scenario's random choices. */
  readonly seed: number;
  /** Names of the zones of a node. */
  readonly zoneNames: readonly string[];
  /** Names of the migratetypes. */
  readonly migratetypeNames: readonly string[];
}

/** First line of a snapshot of /proc. */
export interface SnapshotMeta extends MachineShape {
  /** Which kernel: version, architecture, configuration. */
  readonly kernel: string;
  /** RAM in MiB. */
  readonly ramMib: number;
  /** True when the state was the same before and after the texts were read. */
  readonly stable: boolean;
}

/**
 * Cuts a recording into lines.
 *
 * @param text - the file.
 * @returns the lines; the end of the last one is not a line.
 */
export function splitLines(text: string): readonly string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * Reads what kind of recording a file is.
 *
 * @param name - name of the file for errors.
 * @param text - the file.
 * @returns the member "recording" of the first line; null when the file is no recording: its first line is
 * no object, or has no such member.
 * @throws RecordingError when the file is empty, or its first line begins like an object and is none.
 */
export function recordingKind(name: string, text: string): string | null {
  if (text === '') throw new RecordingError(name, 1, 1, 'the end of the file', 'the first line of a recording');
  const end = text.indexOf('\n');
  const first = end < 0 ? text : text.slice(0, end);
  if (!first.startsWith('{')) return null;
  const line = new JsonLine(name, 1, first);
  const meta = line.object(line.value, []);
  return 'recording' in meta ? line.string(meta['recording'], ['recording']) : null;
}

/**
 * Reads the first line of a page allocator recording.
 *
 * @param line - the line.
 * @returns what it says.
 * @throws RecordingError when a member is missing, unknown or out of range.
 */
export function readBuddyMeta(line: JsonLine): BuddyMeta {
  const meta = line.object(line.value, []);
  line.members(meta, [], [...SHAPE_MEMBERS, ...ORIGIN_MEMBERS, ...BUDDY_MEMBERS]);
  const shape = readShape(line, meta);
  const zoneNames = line.strings(meta['zone_names'], ['zone_names']);
  if (zoneNames.length > shape.nrZones) line.fail(['zone_names'], `at most ${shape.nrZones} names`);
  const migratetypeNames = line.strings(meta['migratetype_names'], ['migratetype_names']);
  if (migratetypeNames.length < shape.nrMigratetypes) {
    line.fail(['migratetype_names'], `at least ${shape.nrMigratetypes} names`);
  }
  return {
    ...shape,
    kernel: line.string(meta['kernel'], ['kernel']),
    memMb: line.integer(meta['mem_mb'], ['mem_mb'], 1),
    scenario: line.string(meta['scenario_name'], ['scenario_name']),
    seed: line.integer(meta['seed'], ['seed']),
    zoneNames,
    migratetypeNames,
  };
}

/**
 * Reads the first line of a snapshot of /proc.
 *
 * @param line - the line.
 * @returns what it says.
 * @throws RecordingError when a member is missing, unknown or out of range.
 */
export function readSnapshotMeta(line: JsonLine): SnapshotMeta {
  const meta = line.object(line.value, []);
  // A state that somebody wrote down has no origin.
  line.members(meta, [], [...SHAPE_MEMBERS, 'dumps_before_and_after_equal'], ORIGIN_MEMBERS);
  const stable = meta['dumps_before_and_after_equal'];
  if (typeof stable !== 'boolean') line.fail(['dumps_before_and_after_equal'], 'true or false');
  return {
    ...readShape(line, meta),
    kernel: line.string(meta['kernel'], ['kernel']),
    ramMib: line.integer(meta['mem_mb'], ['mem_mb'], 1),
    stable,
  };
}

function readShape(line: JsonLine, meta: JsonObject): MachineShape {
  const maxOrder = line.integer(meta['max_order'], ['max_order'], 1, ORDERS_LIMIT);
  line.integer(meta['pcp_lists'], ['pcp_lists'], PCP_LISTS, PCP_LISTS);
  return {
    maxOrder,
    pageblockOrder: line.integer(meta['pageblock_order'], ['pageblock_order'], 1, maxOrder - 1),
    nrMigratetypes: line.integer(meta['migrate_types'], ['migrate_types'], MIGRATE_HIGHATOMIC + 1, MIGRATE_ISOLATE + 1),
    nrZones: line.integer(meta['nr_zones'], ['nr_zones'], 1, 6),
  };
}
