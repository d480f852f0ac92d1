/**
 * Reads a dump of the page allocator: one line, one PageState, every member looked at.
 *
 * Users: the readers of recordings. Unknown members are refused, so nothing in a dump can go uncompared.
 * A dump that is to be loaded is checked further in page-state-blocks.ts.
 */
import type { PageState, PcpState, ZoneState } from '@kmem/contracts';
import type { JsonLine, JsonObject } from './json-line.js';
import type { JsonPath } from './json-position.js';
import { PCP_LISTS } from './recording-meta.js';
import type { MachineShape } from './recording-meta.js';

/** Most frames of a machine: 256 GiB of 4 KiB pages. */
const MAX_FRAMES = 2 ** 26;
/** Type of a pageblock where no memory is present. */
const ABSENT = 255;

/** Members of a zone that are counts, none below zero. */
const ZONE_COUNTS = [
  ...['start_pfn', 'spanned', 'present', 'managed', 'min', 'low', 'high', 'promo', 'watermark_boost'],
  ...['nr_reserved_highatomic', 'flags', 'nr_free_pages', 'stat_threshold', 'percpu_drift_mark'],
] as const;
const ZONE_MEMBERS = ['zone', 'index', ...ZONE_COUNTS, 'nr_free_pages_cpu_diff', 'lowmem_reserve', 'pcp', 'free'];
const PCP_COUNTS = ['count', 'high', 'batch', 'free_factor'] as const;

/**
 * Reads a dump line.
 *
 * @param line - the line.
 * @param label - which dump must stand there, such as `t0`.
 * @param shape - the machine.
 * @returns the dumped state.
 * @throws RecordingError when the line is another one, or a member is missing, unknown or out of range.
 */
export function readDump(line: JsonLine, label: string, shape: MachineShape): PageState {
  const dump = line.object(line.value, []);
  line.members(dump, [], ['dump', 'zones']);
  if (dump['dump'] !== label) line.fail(['dump'], `"${label}"`);
  const zones = line.array(dump['zones'], ['zones']);
  if (zones.length < 1 || zones.length > shape.nrZones) line.fail(['zones'], `1 to ${shape.nrZones} zones`);
  return { zones: zones.map((zone, i) => readZone(line, zone, i, label, shape)) };
}

function readZone(line: JsonLine, value: unknown, index: number, label: string, shape: MachineShape): ZoneState {
  const at = ['zones', index];
  const zone = line.object(value, at);
  // What the pages in use are like is told once, for loading; the later dumps do not repeat it.
  const spanned = line.integer(zone['spanned'], [...at, 'spanned'], 0, MAX_FRAMES);
  const blocks = spanned > 0 ? ['pageblocks'] : [];
  line.members(zone, at, [...ZONE_MEMBERS, ...blocks], label === 't0' ? ['lru_or_movable_ranges'] : []);
  const counts = readCounts(line, zone, at, ZONE_COUNTS);
  if (counts.start_pfn + spanned > MAX_FRAMES) line.fail([...at, 'start_pfn'], `a zone that ends by frame ${MAX_FRAMES}`);
  const reserves = line.integers(zone['lowmem_reserve'], [...at, 'lowmem_reserve'], 0, MAX_FRAMES);
  if (reserves.length !== shape.nrZones) line.fail([...at, 'lowmem_reserve'], `${shape.nrZones} values`);
  return {
    zone: line.string(zone['zone'], [...at, 'zone']),
    index: line.integer(zone['index'], [...at, 'index'], index, index),
    ...counts,
    nr_free_pages_cpu_diff: line.integer(zone['nr_free_pages_cpu_diff'], [...at, 'nr_free_pages_cpu_diff'], -128, 127),
    lowmem_reserve: reserves,
    pcp: readPcp(line, zone['pcp'], [...at, 'pcp'], shape),
    free: readFree(line, zone['free'], [...at, 'free'], shape),
    ...(spanned > 0 ? { pageblocks: readPageblocks(line, zone['pageblocks'], [...at, 'pageblocks'], counts, shape) } : {}),
    ...readRanges(line, zone, at),
  };
}

/** Reads members that are numbers from 0 on. */
function readCounts<Name extends string>(
  line: JsonLine,
  object: JsonObject,
  at: JsonPath,
  names: readonly Name[],
): Record<Name, number> {
  const entries = names.map((name) => [name, line.integer(object[name], [...at, name], 0, 2 ** 31 - 1)]);
  // The keys are exactly the names; TypeScript cannot see that through fromEntries.
  return Object.fromEntries(entries) as Record<Name, number>;
}

function readPcp(line: JsonLine, value: unknown, at: JsonPath, shape: MachineShape): PcpState {
  const pcp = line.object(value, at);
  line.members(pcp, at, ['cpu', ...PCP_COUNTS, 'lists']);
  return {
    cpu: line.integer(pcp['cpu'], [...at, 'cpu'], 0, 0),
    ...readCounts(line, pcp, at, PCP_COUNTS),
    lists: readKeyed(line, pcp['lists'], [...at, 'lists'], PCP_LISTS, (list, where) => readPcpList(line, list, where, shape)),
  };
}

function readPcpList(line: JsonLine, value: unknown, at: JsonPath, shape: MachineShape): PcpState['lists'][string] {
  const list = line.object(value, at);
  line.members(list, at, ['pfns'], ['migratetypes']);
  const pfns = line.integers(list['pfns'], [...at, 'pfns'], 1, MAX_FRAMES);
  if (list['migratetypes'] === undefined) return { pfns };
  const migratetypes = line.integers(list['migratetypes'], [...at, 'migratetypes'], 0, shape.nrMigratetypes - 1);
  if (migratetypes.length !== pfns.length) line.fail([...at, 'migratetypes'], `${pfns.length} values, one for each block`);
  return { pfns, migratetypes };
}

function readFree(line: JsonLine, value: unknown, at: JsonPath, shape: MachineShape): ZoneState['free'] {
  return readKeyed(line, value, at, shape.maxOrder, (types, ofOrder) =>
    readKeyed(line, types, ofOrder, shape.nrMigratetypes, (pfns, where) => line.integers(pfns, where, 1, MAX_FRAMES)),
  );
}

/** Reads an object whose keys are numbers from 0 up to a limit. */
function readKeyed<T>(
  line: JsonLine,
  value: unknown,
  at: JsonPath,
  limit: number,
  read: (value: unknown, at: JsonPath) => T,
): Record<string, T> {
  const known = Array.from({ length: limit }, (_, key) => String(key));
  const object = line.object(value, at);
  line.members(object, at, [], known);
  return Object.fromEntries(Object.entries(object).map(([key, entry]) => [key, read(entry, [...at, key])]));
}

function readPageblocks(
  line: JsonLine,
  value: unknown,
  at: JsonPath,
  zone: { readonly start_pfn: number; readonly spanned: number },
  shape: MachineShape,
): NonNullable<ZoneState['pageblocks']> {
  const blocks = line.object(value, at);
  line.members(blocks, at, ['first_pfn', 'pages_per_block', 'types']);
  const size = 2 ** shape.pageblockOrder;
  const first = Math.floor(zone.start_pfn / size) * size;
  const count = Math.ceil((zone.start_pfn + zone.spanned - first) / size);
  const types = line.integers(blocks['types'], [...at, 'types'], 0, ABSENT);
  types.forEach((type, i) => {
    if (type >= shape.nrMigratetypes && type !== ABSENT) {
      line.fail([...at, 'types', i], `a migratetype below ${shape.nrMigratetypes}, or ${ABSENT}`);
    }
  });
  if (types.length !== count) line.fail([...at, 'types'], `${count} types, one for each pageblock of the zone`);
  return {
    first_pfn: line.integer(blocks['first_pfn'], [...at, 'first_pfn'], first, first),
    pages_per_block: line.integer(blocks['pages_per_block'], [...at, 'pages_per_block'], size, size),
    types,
  };
}

function readRanges(line: JsonLine, zone: JsonObject, at: JsonPath): Pick<ZoneState, 'lru_or_movable_ranges'> {
  if (zone['lru_or_movable_ranges'] === undefined) return {};
  const where = [...at, 'lru_or_movable_ranges'];
  const ranges = line.array(zone['lru_or_movable_ranges'], where).map((entry, i): readonly [number, number] => {
    const pair = line.integers(entry, [...where, i], 1, MAX_FRAMES);
    if (pair.length !== 2) line.fail([...where, i], 'a first frame and a number of pages');
    return [pair[0], pair[1]];
  });
  return { lru_or_movable_ranges: ranges };
}
