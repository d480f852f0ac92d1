/**
 * Reads a recording of bytes: one slot of each of many caches, after each of five steps.
 *
 * ```
 * {"recording":"layout", ...}
 * {"layout":"o64","req_size":64, ...}                             what was asked for, and what the kernel made of it
 * {"slot_index":0,"slot_address_minus_slab":0, ...}               where the object lies
 * {"bytes":"slot after first alloc","n":64,"hex":"..."}           64 bytes in "hex", the next in "hex2", and so on, at most 256
 * ...                                                             four more of these
 * ```
 */
import type { RecordingInput } from './implementations.js';
import { JsonLine } from './json-line.js';
import { splitLines } from './recording-meta.js';
import { RecordingError } from './recording-error.js';
import { ATTRIBUTES, type SlubAttributes, type SlubRequest } from './slub-recording.js';

/** The steps after which the slot was written down, in order. */
export const LAYOUT_STEPS = ['first alloc', 'user filled 0xee', 'free', 're-alloc', 'zeroed alloc'] as const;
/** Bytes of a slot that are written down. */
const MOST_BYTES = 256;
const PER_MEMBER = 64;
const REQUEST = ['layout', 'req_size', 'req_align', 'req_flags', 'ctor'];
const PLACES = ['slot_index', 'slot_address_minus_slab', 'object_address_minus_slab'] as const;

/** The slot of one cache. */
export interface RecordedSlot {
  /** Line of the cache, from 1. */
  readonly line: number;
  /** What was asked for. */
  readonly request: SlubRequest;
  /** What the kernel made of it. */
  readonly attributes: SlubAttributes;
  /** Number of the object, and where slot and object lie in the slab. */
  readonly places: Readonly<Record<(typeof PLACES)[number], number>>;
  /** The slot after each step. */
  readonly bytes: readonly Uint8Array[];
}

/**
 * Reads a recording of bytes.
 *
 * @param input - the file.
 * @returns the slots in order.
 * @throws RecordingError at the first place that is not as it should be.
 */
export function readLayoutRecording(input: RecordingInput): readonly RecordedSlot[] {
  const lines = splitLines(input.text).map((text, i) => new JsonLine(input.name, i + 1, text));
  const [meta, ...rest] = lines;
  const first = meta.object(meta.value, []);
  meta.members(first, [], ['recording', 'seed', 'cpus', 'smp_calls']);
  meta.integer(first['cpus'], ['cpus'], 1, 1);
  const perSlot = 2 + LAYOUT_STEPS.length;
  if (rest.length % perSlot !== 0 || rest.length === 0) {
    throw new RecordingError(input.name, lines.length + 1, 1, 'the end of the file', `${perSlot} lines of each cache`);
  }
  return Array.from({ length: rest.length / perSlot }, (_, i) => readSlot(rest.slice(i * perSlot, (i + 1) * perSlot)));
}

function readSlot([head, where, ...dumps]: readonly JsonLine[]): RecordedSlot {
  const row = head.object(head.value, []);
  head.members(row, [], [...REQUEST, ...ATTRIBUTES]);
  const number = (name: string): number => head.integer(row[name], [name]);
  // One entry for each name.
  const attributes = Object.fromEntries(ATTRIBUTES.map((name) => [name, number(name)])) as SlubAttributes;
  const request = {
    name: head.string(row['layout'], ['layout']),
    sizeBytes: head.integer(row['req_size'], ['req_size'], 1),
    align: number('req_align'),
    flags: number('req_flags'),
    hasConstructor: head.integer(row['ctor'], ['ctor'], 0, 1) === 1,
  };
  const at = where.object(where.value, []);
  where.members(at, [], PLACES);
  // As above.
  const places = Object.fromEntries(PLACES.map((name) => [name, where.integer(at[name], [name])])) as RecordedSlot['places'];
  const length = Math.min(attributes.size, MOST_BYTES);
  return { line: head.number, request, attributes, places, bytes: dumps.map((line, i) => readBytes(line, LAYOUT_STEPS[i], length)) };
}

function readBytes(line: JsonLine, step: string, length: number): Uint8Array {
  const row = line.object(line.value, []);
  const pieces = Array.from({ length: Math.ceil(length / PER_MEMBER) }, (_, i) => (i === 0 ? 'hex' : `hex${i + 1}`));
  line.members(row, [], ['bytes', 'n', ...pieces]);
  if (row['bytes'] !== `slot after ${step}`) line.fail(['bytes'], `"slot after ${step}"`);
  line.integer(row['n'], ['n'], length, length);
  const bytes = new Uint8Array(length);
  pieces.forEach((name, i) => {
    const text = line.string(row[name], [name]);
    const wanted = Math.min(PER_MEMBER, length - i * PER_MEMBER);
    if (text.length !== 2 * wanted || !/^[0-9a-f]*$/.test(text)) line.fail([name], `${wanted} bytes in hexadecimal`);
    for (let k = 0; k < wanted; k++) bytes[i * PER_MEMBER + k] = parseInt(text.slice(2 * k, 2 * k + 2), 16);
  });
  return bytes;
}
