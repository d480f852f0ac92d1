/**
 * Compares the text of /proc/vmallocinfo with one printed from the areas of the same moment.
 *
 * Rows of areas are compared. Ranges that were freed and not purged are in no list of areas: their rows are read from the text, printed
 * again, and count as stated.
 */
import type { AddressRange, VmArea } from '@kmem/contracts';
import { compareText, withLineEnds } from './compare-text.js';
import type { Conformance } from './conformance-result.js';
import type { RecordedVmAreas, RecordingInput } from './implementations.js';
import { JsonLine } from './json-line.js';
import type { JsonPath } from './json-position.js';
import { splitLines } from './recording-meta.js';

/** The areas that vmallocinfo is printed from. */
export const VMAP_AREAS = 'vmap-areas.jsonl';
const UNPURGED = /^0x([0-9a-f]+)-0x([0-9a-f]+) +\d+ unpurged vm_area$/;

/**
 * Reads areas, one a line.
 *
 * @param input - the file.
 * @returns the areas by ascending address. Addresses of a 64-bit machine are read as signed.
 * @throws RecordingError when a line is not what it should be.
 */
export function readVmapAreas(input: RecordingInput): RecordedVmAreas {
  const lines = splitLines(input.text).map((text, i) => new JsonLine(input.name, i + 1, text));
  const areas = lines.map(readArea);
  lines.forEach((line, i) => {
    if (i === 0) return;
    if (areas[i].digits !== areas[0].digits) line.fail(['start'], `${areas[0].digits} hexadecimal digits as in line 1`);
    const before = areas[i - 1].area;
    if (before.addr + before.size > areas[i].area.addr) line.fail(['start'], 'an address past the area in the line before');
  });
  return { bitsPerLong: areas.length === 0 || areas[0].digits === 16 ? 64 : 32, areas: areas.map(({ area }) => area) };
}

function readArea(line: JsonLine): { readonly area: VmArea; readonly digits: number } {
  const row = line.object(line.value, []);
  line.members(row, [], ['start', 'end', 'size', 'nr_pages', 'flags', 'phys', 'caller']);
  const start = line.string(row['start'], ['start']);
  if (!/^([0-9a-f]{8}|[0-9a-f]{16})$/.test(start)) line.fail(['start'], '8 or 16 hexadecimal digits');
  const size = line.integer(row['size'], ['size'], 1);
  const addr = readAddress(start);
  if (hexNumber(line, row['end'], ['end']) !== BigInt(`0x${start}`) + BigInt(size)) line.fail(['end'], 'start and size, added up');
  const area: VmArea = {
    addr,
    size,
    flags: line.integer(row['flags'], ['flags']),
    nrPages: line.integer(row['nr_pages'], ['nr_pages']),
    physAddr: Number(hexNumber(line, row['phys'], ['phys'])),
    caller: line.string(row['caller'], ['caller']),
  };
  return { area, digits: start.length };
}

function hexNumber(line: JsonLine, value: unknown, at: JsonPath): bigint {
  const text = line.string(value, at);
  return /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : line.fail(at, 'a hexadecimal number');
}

function readAddress(digits: string): number {
  const value = BigInt(`0x${digits}`);
  return Number(digits.length === 16 ? BigInt.asIntN(64, value) : value);
}

/**
 * Compares one text.
 *
 * @param name - name of the text.
 * @param text - the recorded text.
 * @param state - the areas beside it.
 * @param print - prints the text from areas and unpurged ranges.
 * @returns the result.
 * @throws RecordingError when the areas are not what they should be.
 */
export function conformVmallocinfo(name: string, text: string, state: RecordingInput, print: (areas: RecordedVmAreas, lazy: readonly AddressRange[]) => string): Conformance {
  const areas = readVmapAreas(state);
  const lazy = text.split('\n').flatMap((line): AddressRange[] => {
    const [, start, end] = UNPURGED.exec(line) ?? [];
    return start === undefined ? [] : [{ addr: readAddress(start), sizeBytes: readAddress(end) - readAddress(start) }];
  });
  const rows = () =>
    withLineEnds(print(areas, lazy)).map((row) => ({ text: row, stated: UNPURGED.test(row.trimEnd()) ? 'unpurged vm_area' : null }));
  return compareText(name, 'proc vmallocinfo', text, rows, `${areas.areas.length} areas in ${VMAP_AREAS}`);
}
