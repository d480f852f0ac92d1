/**
 * Holds a booted page allocator against `zones.json`: the limits of every zone that a real kernel had after boot. The text of
 * /proc/iomem may lie beside it.
 *
 * ```
 * inputs    mem (RAM in MiB, "smp4" behind it for four CPUs), kernel, and of sysctl all but min_free_kbytes
 * outputs   sysctl.min_free_kbytes; of every zone span, present and managed pages, watermarks, lowmem reserve; for every
 *           CPU high and batch of its lists and the threshold of its counters
 * left out  pcp.count: pages that the programs run since boot happened to leave on the lists;
 *           sysctl.overcommit_memory: nothing here follows from it
 * ```
 */
import type { PageState, ZoneKind, ZoneState } from '@kmem/contracts';
import { quoteError, quoteValue } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { BootRequest, Implementations, RecordingInput } from './implementations.js';
import { conformIomem, type IomemMachine } from './iomem.js';
import { JsonLine, type JsonObject } from './json-line.js';
import { locateJsonValue, type JsonPath } from './json-position.js';
import { isRecordingError, RecordingError } from './recording-error.js';

const ZONE_NUMBERS = ['min', 'low', 'high', 'spanned', 'present', 'managed'] as const;
const SYSCTLS = ['min_free_kbytes', 'lowmem_reserve_ratio', 'watermark_boost_factor', 'watermark_scale_factor', 'percpu_pagelist_high_fraction', 'overcommit_memory'];

/** One recorded value, and what the booted allocator has in its place. */
interface Cell {
  readonly path: JsonPath;
  readonly expected: unknown;
  readonly got: (booted: Booted) => unknown;
}

/** What the booted allocator says, CPU by CPU. */
interface Booted {
  readonly minFreeKbytes: number;
  readonly states: readonly PageState[];
}

/** A table: the machine, and every value to compare. */
interface RamTable {
  readonly machine: BootRequest & IomemMachine;
  readonly cells: readonly Cell[];
}

/**
 * Tells whether a text is such a table.
 *
 * @param text - the text.
 * @returns true when it begins like one.
 */
export function isRamTable(text: string): boolean {
  return /^\{\s*"mem"\s*:/.test(text);
}

/**
 * Boots a machine with the recorded amount of RAM and compares its limits.
 *
 * @param input - the table.
 * @param implementations - what boots.
 * @returns one result, which counts values, and one for iomem if it is there.
 * @throws RecordingError when the table is not as it should be.
 */
export function conformRamTable(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { name, text, companion } = input;
  const table = readTable(name, text);
  const limits = compareLimits(name, text, table, implementations);
  const iomem = companion?.('iomem');
  if (iomem === undefined) return [limits];
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  return [limits, conformIomem(`${folder}iomem`, iomem, table.machine, implementations)];
}

function compareLimits(name: string, text: string, table: RamTable, { bootPages }: Implementations): Conformance {
  if (bootPages === undefined) return unsupportedResult(name, 'ram', 'no implementation boots a machine');
  const total = table.cells.length;
  const result = { name, kind: 'ram', total, stated: [], unsupported: null };
  const state = `machine: ${JSON.stringify(table.machine)}`;
  let booted: Booted;
  try {
    const pages = bootPages(table.machine);
    const states = Array.from({ length: table.machine.nrCpus }, (_, cpu) => pages.exportState(cpu));
    booted = { minFreeKbytes: pages.minFreeKbytes, states };
  } catch (error) {
    const difference = { operation: 0, line: 1, what: 'booting', expected: 'no error', got: quoteError(error), state };
    return { ...result, exact: 0, difference };
  }
  for (const [exact, { path, expected, got }] of table.cells.entries()) {
    const found = got(booted);
    if (found === expected) continue;
    const line = positionOf(text, locateJsonValue(text, path).start).line;
    const difference: Difference = { operation: 0, line, what: path.join('.'), expected: quoteValue(expected), got: quoteValue(found), state };
    return { ...result, exact, difference };
  }
  return { ...result, exact: total, difference: null };
}

/** Reads the whole table. Errors are given the line they are in: the reader knows lines of their own only. */
function readTable(name: string, text: string): RamTable {
  try {
    return readValues(new JsonLine(name, 1, text));
  } catch (error) {
    if (!isRecordingError(error)) throw error;
    const { line, column } = positionOf(text, error.column - 1);
    throw new RecordingError(name, line, column, error.found, error.expected);
  }
}

function readValues(json: JsonLine): RamTable {
  const root = json.object(json.value, []);
  json.members(root, [], ['mem', 'kernel', 'sysctl', 'zones']);
  const [, ramMib, nrCpus] = /^(\d+)(?:smp(\d+))?$/.exec(json.string(root['mem'], ['mem'])) ?? json.fail(['mem'], 'RAM in MiB such as "512" or "512smp4"');
  const kernel = json.string(root['kernel'], ['kernel']);
  if (!kernel.endsWith(' x86_64')) json.fail(['kernel'], 'a kernel for x86_64');
  const sysctl = json.object(root['sysctl'], ['sysctl']);
  json.members(sysctl, ['sysctl'], SYSCTLS);
  const number = (key: string): number => {
    const value = json.string(sysctl[key], ['sysctl', key]);
    return /^\d+$/.test(value) ? Number(value) : json.fail(['sysctl', key], 'a number as a string');
  };
  const zones = json.array(root['zones'], ['zones']).map((value, i) => json.object(value, ['zones', i]));
  const names = zones.map((zone, i) => json.string(zone['zone'], ['zones', i, 'zone']));
  const ratios = json.string(sysctl['lowmem_reserve_ratio'], ['sysctl', 'lowmem_reserve_ratio']).split(/\s+/).map(Number);
  const machine = {
    kernel,
    ramMib: Number(ramMib),
    nrCpus: Number(nrCpus ?? 1),
    tunables: {
      watermarkBoostFactor: number('watermark_boost_factor'),
      watermarkScaleFactor: number('watermark_scale_factor'),
      percpuPagelistHighFraction: number('percpu_pagelist_high_fraction'),
      // Names that are no zone kinds are found when the zones are compared.
      lowmemReserveRatio: Object.fromEntries(names.map((zone, i) => [zone, ratios[i] ?? 0])) as Partial<Record<ZoneKind, number>>,
    },
  };
  const cells: Cell[] = zones.flatMap((zone, i) => zoneCells(json, zone, i, machine.nrCpus));
  const minFree = number('min_free_kbytes');
  cells.push({ path: ['sysctl', 'min_free_kbytes'], expected: minFree, got: (booted) => booted.minFreeKbytes });
  cells.push({ path: ['zones'], expected: zones.length, got: (booted) => booted.states[0].zones.length });
  return { machine, cells };
}

function zoneCells(json: JsonLine, zone: JsonObject, i: number, nrCpus: number): Cell[] {
  const at = ['zones', i];
  json.members(zone, at, ['zone', ...ZONE_NUMBERS, 'lowmem_reserve', 'start_pfn', 'pcp']);
  const cell = (path: JsonPath, expected: unknown, read: (zone: ZoneState) => unknown, cpu = 0): Cell => ({
    path: [...at, ...path],
    expected,
    // A zone too few is a difference like any other.
    got: ({ states }) => {
      const state = states[cpu].zones.at(i);
      return state === undefined ? undefined : read(state);
    },
  });
  const number = (field: (typeof ZONE_NUMBERS)[number]): Cell => cell([field], json.integer(zone[field], [...at, field]), (state) => state[field]);
  const reserves = json.integers(zone['lowmem_reserve'], [...at, 'lowmem_reserve']);
  const isPopulated = zone['present'] !== 0;
  const start = zone['start_pfn'];
  if (isPopulated) json.integer(start, [...at, 'start_pfn']);
  else if (start !== null) json.fail([...at, 'start_pfn'], 'null, for the zone is empty');
  const sets = json.array(zone['pcp'], [...at, 'pcp']);
  // An empty zone prints no per-CPU lists.
  if (sets.length !== (isPopulated ? nrCpus : 0)) json.fail([...at, 'pcp'], `an entry for each of ${isPopulated ? nrCpus : 0} CPUs`);
  return [
    cell(['zone'], zone['zone'], (state) => state.zone),
    ...ZONE_NUMBERS.map(number),
    cell(['start_pfn'], start ?? 0, (state) => state.start_pfn),
    ...reserves.map((pages, j) => cell(['lowmem_reserve', j], pages, (state) => state.lowmem_reserve[j])),
    cell(['lowmem_reserve'], reserves.length, (state) => state.lowmem_reserve.length),
    ...sets.flatMap((value, cpu) => {
      const path = [...at, 'pcp', cpu];
      const set = json.object(value, path);
      json.members(set, path, ['count', 'high', 'batch', 'vm_stat_threshold']);
      return [
        cell(['pcp', cpu, 'high'], json.integer(set['high'], [...path, 'high']), (state) => state.pcp.high, cpu),
        cell(['pcp', cpu, 'batch'], json.integer(set['batch'], [...path, 'batch']), (state) => state.pcp.batch, cpu),
        cell(['pcp', cpu, 'vm_stat_threshold'], json.integer(set['vm_stat_threshold'], [...path, 'vm_stat_threshold']), (state) => state.stat_threshold, cpu),
      ];
    }),
  ];
}

function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before[before.length - 1].length + 1 };
}
