/**
 * Reads a recording of vmalloc areas.
 *
 * ```
 * {"recording":"vmalloc","vmalloc_start":"ffffc90000000000","cpus":1, ...}    machine
 * {"dump":"t0","used":[...],"free":[...],"free_tree":[...],"lazy":[...], ...}    every area and range; the tree in t0 only
 * {"op":"vmalloc","id":1,"pages":50,"addr":..,"size":..,"flags":..,"nr_pages":..,"lazy":..}
 * {"op":"vfree","id":4,"lazy":3}
 * ```
 * Addresses count from vmalloc_start. Those beyond the vmalloc range may stand as hexadecimal strings, counted from 0; free space below the
 * range reaches down to address 1, which no safe integer is: it is cut at SPACE_START, and nothing is ever placed there.
 */
import type { AddressRange, FreeAddressRange, VmArea, VmAreasState } from '@kmem/contracts';
import type { RecordingInput, VmallocMachine } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import type { JsonPath } from './json-position.js';
import { RecordingError } from './recording-error.js';
import { splitLines } from './recording-meta.js';

/** Below every address that counts. */
const SPACE_START = -(2 ** 52);
const WORD = 2n ** 64n;

/** Calls that make an area. */
const VMALLOC_CALLS = ['vmalloc', 'vzalloc', 'vmalloc_user', 'vmalloc_32', 'vmalloc_big', 'vmap', 'ioremap'] as const;
/** Calls that are refused. */
const REFUSED_CALLS = ['vmalloc_zero', 'vmalloc_1<<50'] as const;
/** Calls that remove an area. */
const FREEING_CALLS = ['vfree', 'vunmap', 'iounmap'] as const;
/** Calls about no area. */
const OTHER_CALLS = ['vm_unmap_aliases', 'sleep'] as const;
/** Dumps in the order in which they stand. */
const DUMPS = ['t0', 'periodic', 't1', 'all freed', 'purged', 'after overflow'] as const;

/** What a call made. */
export interface MadeArea {
  /** First address. */
  readonly addr: number;
  /** Bytes, with guard page. */
  readonly size: number;
  /** `VM_*` bits. */
  readonly flags: number;
  /** Pages of its own. */
  readonly nr_pages: number;
}

/** A call that made an area. */
export interface MakingCall {
  /** Which call. */
  readonly op: (typeof VMALLOC_CALLS)[number];
  /** What the area is called. */
  readonly id: number;
  /** Pages asked for. */
  readonly pages: number;
  /** What came of it. */
  readonly made: MadeArea;
}

/** One call. */
export type VmallocCall =
  | MakingCall
  | { readonly op: (typeof REFUSED_CALLS)[number] }
  | { readonly op: (typeof FREEING_CALLS)[number]; readonly id: number }
  | { readonly op: (typeof OTHER_CALLS)[number] };

/** A line that is compared. */
export type VmallocStep =
  | { readonly kind: 'operation'; readonly line: number; readonly call: VmallocCall; readonly lazy: number }
  | { readonly kind: 'dump'; readonly line: number; readonly name: string; readonly lazyPages: number; readonly state: VmallocDump };

/** Everything in a dump. */
export type VmallocDump = Omit<VmAreasState, 'free' | 'root'> & {
  /** Free ranges; with their places in the tree in the first dump. */
  readonly free: readonly (AddressRange | FreeAddressRange)[];
};

/** A recording. */
export interface VmallocRecording {
  /** Name of the file. */
  readonly name: string;
  /** Where it starts. */
  readonly machine: VmallocMachine;
  /** Pages that may be lazy. */
  readonly lazyMaxPages: number;
  /** What is compared, in order. */
  readonly steps: readonly VmallocStep[];
}

/** What line 1 says. */
interface Meta {
  readonly start: bigint;
  readonly end: number;
  readonly pageSize: number;
  readonly nrCpus: number;
  readonly lazyMaxPages: number;
}

/**
 * Reads a recording.
 *
 * @param input - the file.
 * @returns it.
 * @throws RecordingError naming line and column of what is wrong.
 */
export function readVmallocRecording(input: RecordingInput): VmallocRecording {
  const { name } = input;
  const lines = splitLines(input.text).map((text, i) => new JsonLine(name, i + 1, text));
  const meta = readMeta(lines[0]);
  if (lines.length < 2) throw new RecordingError(name, 2, 1, 'the end of the file', 'a dump "t0"');
  const live = new Set<number>();
  let place = 0;
  const steps = lines.slice(1).map((line, i): VmallocStep => {
    const object = line.object(line.value, []);
    if (i > 0 && !('dump' in object)) return readOperation(line, object, live, meta.pageSize);
    const dump = line.string(object['dump'], ['dump']);
    const isNext = dump === DUMPS[place] || (dump === 'periodic' && DUMPS[place] === 't1');
    if (!isNext) line.fail(['dump'], `"${DUMPS[place] ?? 'no more dumps'}"`);
    if (dump === DUMPS[place]) place++;
    return { kind: 'dump', line: line.number, name: dump, lazyPages: line.integer(object['lazy_pages'], ['lazy_pages']), state: readDump(line, object, meta, i === 0) };
  });
  if (place < DUMPS.length) throw new RecordingError(name, lines.length + 1, 1, 'the end of the file', `a dump "${DUMPS[place]}"`);
  // The first line after the meta line was read as a dump.
  const first = (steps[0] as VmallocStep & { readonly kind: 'dump' }).state;
  return { name, machine: machineAt(lines[1], meta, first), lazyMaxPages: meta.lazyMaxPages, steps };
}

function readMeta(line: JsonLine): Meta {
  const meta = line.object(line.value, []);
  line.members(meta, [], ['recording', 'vmalloc_start', 'vmalloc_end', 'page_size', 'cpus', 'lazy_max_pages', 'seed', 'note', 'kernel']);
  const start = readHex(line, meta['vmalloc_start'], ['vmalloc_start']);
  const end = readHex(line, meta['vmalloc_end'], ['vmalloc_end']);
  if (end <= start || end - start > BigInt(2 ** 52)) line.fail(['vmalloc_end'], 'an address above vmalloc_start, by at most 2^52');
  const pageSize = line.integer(meta['page_size'], ['page_size'], 1, 2 ** 22);
  if (!Number.isInteger(Math.log2(pageSize))) line.fail(['page_size'], 'a power of two');
  return {
    start,
    end: Number(end - start),
    pageSize,
    nrCpus: line.integer(meta['cpus'], ['cpus'], 1, 8192),
    lazyMaxPages: line.integer(meta['lazy_max_pages'], ['lazy_max_pages']),
  };
}

function readOperation(line: JsonLine, object: JsonObject, live: Set<number>, pageSize: number): VmallocStep {
  const op = line.string(object['op'], ['op']);
  const number = (member: string, min = 0, max?: number): number => line.integer(object[member], [member], min, max);
  const step = (call: VmallocCall): VmallocStep => ({ kind: 'operation', line: line.number, call, lazy: number('lazy') });
  const making = VMALLOC_CALLS.find((known) => known === op);
  if (making !== undefined) {
    line.members(object, [], ['op', 'id', 'pages', 'addr', 'size', 'flags', 'nr_pages', 'lazy']);
    const id = number('id', 1);
    if (live.has(id)) line.fail(['id'], 'an id that is not in use');
    live.add(id);
    // How large the big ones were asked for is told by their result only.
    const pages = making === 'vmalloc_big' ? number('nr_pages', 1) : number('pages', 1);
    if (making === 'vmalloc_big') number('pages', 0, 0);
    return step({ op: making, id, pages, made: { addr: number('addr'), size: number('size', pageSize), flags: number('flags'), nr_pages: number('nr_pages') } });
  }
  const freeing = FREEING_CALLS.find((known) => known === op);
  if (freeing !== undefined) {
    line.members(object, [], ['op', 'id', 'lazy']);
    const id = number('id', 1);
    if (!live.delete(id)) line.fail(['id'], 'an id that is in use');
    return step({ op: freeing, id });
  }
  const other = [...REFUSED_CALLS, ...OTHER_CALLS].find((known) => known === op);
  if (other === undefined) return line.fail(['op'], `one of ${[...VMALLOC_CALLS, ...FREEING_CALLS, ...REFUSED_CALLS, ...OTHER_CALLS].join(' ')}`);
  line.members(object, [], ['op', 'id', 'pages', 'addr', 'lazy']);
  number('id');
  number('pages', 0, 0);
  number('addr', -1, -1);
  return step({ op: other });
}

function readDump(line: JsonLine, object: JsonObject, meta: Meta, isFirst: boolean): VmallocDump {
  const lists = ['used', 'used_outside', 'free', 'free_outside', 'lazy'];
  line.members(object, [], ['dump', 'lazy_pages', ...lists, ...(isFirst ? ['free_tree'] : [])]);
  const entries = <T>(member: string, length: number, read: (entry: readonly unknown[], at: JsonPath) => T): T[] =>
    line.array(object[member], [member]).map((value, i) => {
      const entry = line.array(value, [member, i]);
      if (entry.length !== length) line.fail([member, i], `an array of ${length} values`);
      return read(entry, [member, i]);
    });
  const area = (entry: readonly unknown[], at: JsonPath): VmArea => {
    const number = (i: number): number => line.integer(entry[i], [...at, i]);
    const size = number(2);
    if (number(1) !== size) line.fail([...at, 1], `${size}, the size of the area`);
    return { addr: readAddress(line, entry[0], [...at, 0], meta), size, nrPages: number(3), flags: number(4), physAddr: 0, caller: line.string(entry[5], [...at, 5]) };
  };
  const range = (entry: readonly unknown[], at: JsonPath): AddressRange => readRange(line, entry, at, meta);
  const byAddr = <T extends { readonly addr: number }>(inside: readonly T[], outside: readonly T[], member: string): T[] => {
    const isInside = ({ addr }: T): boolean => addr >= 0 && addr <= meta.end;
    inside.forEach((entry, i) => isInside(entry) || line.fail([member, i], 'an address in the vmalloc range'));
    outside.forEach((entry, i) => isInside(entry) && line.fail([`${member}_outside`, i], 'an address beyond the vmalloc range'));
    for (const [list, name] of [[inside, member], [outside, `${member}_outside`]] as const) {
      if (list.some(({ addr }, i) => i > 0 && list[i - 1].addr >= addr)) line.fail([name], 'ascending addresses');
    }
    return [...outside.filter(({ addr }) => addr < 0), ...inside, ...outside.filter(({ addr }) => addr > meta.end)];
  };
  const free = byAddr(entries('free', 2, range), entries('free_outside', 2, range), 'free');
  return {
    areas: byAddr(entries('used', 6, area), entries('used_outside', 6, area), 'used'),
    free: isFirst ? withTree(line, free, entries('free_tree', 5, (entry, at) => readTreeNode(line, entry, at, meta))) : free,
    lazy: byAddr(entries('lazy', 2, range), [], 'lazy'),
  };
}

/** A node of the tree as recorded. */
interface TreeNode {
  readonly addr: number;
  readonly left: number | null;
  readonly right: number | null;
  readonly black: boolean;
  readonly isRoot: boolean;
}

function readTreeNode(line: JsonLine, entry: readonly unknown[], at: JsonPath, meta: Meta): TreeNode {
  const child = (i: number): number | null => (entry[i] === -1 ? null : readAddress(line, entry[i], [...at, i], meta));
  const bit = (i: number): boolean => line.integer(entry[i], [...at, i], 0, 1) === 1;
  return { addr: readAddress(line, entry[0], [...at, 0], meta), left: child(1), right: child(2), black: bit(3), isRoot: bit(4) };
}

function withTree(line: JsonLine, free: readonly AddressRange[], tree: readonly TreeNode[]): FreeAddressRange[] {
  if (tree.length !== free.length) line.fail(['free_tree'], `a node for each of ${free.length} free ranges`);
  const roots = tree.flatMap(({ isRoot }, i) => (isRoot ? [i] : []));
  if (roots.length !== 1) line.fail(['free_tree'], 'one root');
  const parents = tree.flatMap(({ left, right }) => [left, right]);
  return free.map((range, i) => {
    const { addr, left, right, black, isRoot } = tree[i];
    if (addr !== range.addr) line.fail(['free_tree', i, 0], 'the address of a free range, ascending');
    if (parents.filter((child) => child === addr).length !== (isRoot ? 0 : 1)) line.fail(['free_tree', i], 'the root, or the child of one other node');
    return { ...range, left, right, black };
  });
}

function machineAt(line: JsonLine, meta: Meta, { areas, free, lazy }: VmallocDump): VmallocMachine {
  // The first dump was read with its tree.
  const tree = free as readonly FreeAddressRange[];
  const children = new Set(tree.flatMap(({ left, right }) => [left, right]));
  const root = tree.find(({ addr }) => !children.has(addr))?.addr ?? null;
  const ranges = [...areas.map(({ addr, size }) => ({ addr, sizeBytes: size })), ...free, ...lazy].sort((a, b) => a.addr - b.addr);
  ranges.forEach(({ addr }, i) => {
    const before = ranges[i - 1];
    if (i > 0 && before.addr + before.sizeBytes !== addr) line.fail([], `a range that starts at ${before.addr + before.sizeBytes}`, `the next one at ${addr}`);
  });
  const last = ranges[ranges.length - 1];
  const space = { start: ranges[0].addr, end: last.addr + last.sizeBytes };
  const { nrCpus, pageSize } = meta;
  return { vmallocStart: 0, vmallocEnd: meta.end, space, pageShift: Math.log2(pageSize), nrCpus, state: { areas, free: tree, root, lazy } };
}

function readHex(line: JsonLine, value: unknown, at: JsonPath): bigint {
  const text = line.string(value, at);
  return /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : line.fail(at, 'a hexadecimal address');
}

function readAddress(line: JsonLine, value: unknown, at: JsonPath, meta: Meta): number {
  if (typeof value === 'number') return line.integer(value, at);
  return Math.max(Number(readHex(line, value, at) - meta.start), SPACE_START);
}

/** A range; the end counts, so that one that is cut off at its start is compared all the same. */
function readRange(line: JsonLine, entry: readonly unknown[], at: JsonPath, meta: Meta): AddressRange {
  const addr = readAddress(line, entry[0], [...at, 0], meta);
  const size = entry[1];
  if (typeof size === 'number') return { addr, sizeBytes: line.integer(size, [...at, 1], 1) };
  if (typeof size !== 'string' || !/^[1-9][0-9]{0,19}$/.test(size)) return line.fail([...at, 1], 'a number of bytes');
  const start = typeof entry[0] === 'number' ? BigInt(addr) + meta.start : readHex(line, entry[0], [...at, 0]);
  if (start + BigInt(size) >= WORD) line.fail([...at, 1], 'a range that ends within 64 bits');
  const end = Number(start + BigInt(size) - meta.start);
  return end > addr ? { addr, sizeBytes: end - addr } : line.fail([...at, 1], 'a range that reaches vmalloc_start');
}
