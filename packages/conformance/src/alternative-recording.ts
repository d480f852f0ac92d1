/**
 * Reads a recording of the same operations on one of the three object allocators, cache after cache.
 *
 * ```
 * {"recording":"alternative-allocators","allocator":"SLAB", ...}
 * {"cache":"p24","req_size":24, ...}         a cache: what was asked for, and what the kernel made of it
 * {"cp":0, ...}                              the state after so many operations on it
 * ["a",id,page,offset]                       an object taken          page: ordinal of its block of pages, offset: bytes in it
 * ["k",id,bytes,page,offset]                 memory taken by kmalloc
 * ["f",id]                                   given back
 * ["+",page,order]  ["-",page,order]         inside the operation above: pages taken, given back
 * ["shrink"]  ["destroy"]                    the end of a cache
 * {"geom":8, ...}                            SLAB, at the end: what becomes of a cache of so many bytes
 * ```
 * Inputs are what was asked for, kinds, ids and bytes of operations, and of SLOB the first state of each cache: its lists are those
 * of the whole kernel. The alignment that SLOB and others made of the request is the request's where none was given, so flags and
 * alignment of the cache count as asked for.
 *
 * The whole file is read before anything is replayed. Ids count up, states stand after known numbers of operations, and a cache
 * ends with both its last calls, so that a missing line is noticed.
 */
import type { SlobPageState, SlobState } from '@kmem/contracts';
import type { RecordingInput } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import type { JsonPath } from './json-position.js';
import { splitLines } from './recording-meta.js';
import { RecordingError } from './recording-error.js';

/** The allocators. */
export const ALLOCATORS = ['SLUB', 'SLAB', 'SLOB'] as const;
/** One of them. */
export type AllocatorName = (typeof ALLOCATORS)[number];

/** Pages that an operation took or gave back. */
export interface RecordedPages {
  /** Which of both. */
  readonly sign: '+' | '-';
  /** Ordinal of the block. */
  readonly page: number;
  /** log2 of its pages. */
  readonly order: number;
  /** Line of the file, from 1. */
  readonly line: number;
}

/** Where memory lies: ordinal of its block of pages, bytes from the block's start. */
export type RecordedOffset = readonly [page: number, offset: number];

/** An operation. */
export interface AlternativeOperation {
  /** Taken from the cache, taken by kmalloc, given back, shrink, destroy. */
  readonly op: 'a' | 'k' | 'f' | 'shrink' | 'destroy';
  /** Number of what is taken or given back. */
  readonly id: number;
  /** Bytes, for kmalloc. */
  readonly bytes: number;
  /** Where it lies; null for what takes nothing. */
  readonly place: RecordedOffset | null;
  /** What happened to pages. */
  readonly pages: RecordedPages[];
}

/** A line that is replayed. `number` counts the operations of its cache. */
export type AlternativeStep = { readonly line: number; readonly number: number } & (
  | { readonly kind: 'operation'; readonly call: AlternativeOperation }
  | { readonly kind: 'state'; readonly state: JsonObject }
);

/** One cache, or the mix of kmalloc requests. */
export interface AlternativeCache {
  /** Its name. */
  readonly name: string;
  /** Line of the file, from 1. */
  readonly line: number;
  /** What was asked for; null for kmalloc. */
  readonly request: { readonly sizeBytes: number; readonly align: number; readonly flags: number; readonly hasConstructor: boolean } | null;
  /** What the kernel made of it. */
  readonly attributes: JsonObject;
  /** The lists of SLOB at the beginning, ordinals in place of frames; null for the others. */
  readonly start: SlobState | null;
  /** What follows. */
  readonly steps: readonly AlternativeStep[];
}

/** What becomes of a cache of some size. */
export interface GeometryRow {
  /** Line of the file, from 1. */
  readonly line: number;
  /** Bytes asked for. */
  readonly sizeBytes: number;
  /** What was made of it. */
  readonly attributes: JsonObject;
}

/** A recording, not replayed. */
export interface AlternativeRecording {
  /** Which allocator. */
  readonly allocator: AllocatorName;
  /** The caches in order. */
  readonly caches: readonly AlternativeCache[];
  /** The table at the end. */
  readonly geometry: readonly GeometryRow[];
}

const META = ['recording', 'seed', 'allocator', 'kernel'];
const REQUEST = ['cache', 'req_size', 'req_align', 'ctor'];
const ATTRIBUTES = ['object_size', 'size', 'align', 'flags'];
/** What SLAB has besides. */
const SLAB_ATTRIBUTES = ['num', 'gfporder', 'colour', 'colour_off', 'freelist_size', 'limit', 'batchcount', 'off_slab'];
const SLOB_LISTS = ['small', 'medium', 'large'] as const;
/** Members of a state besides the number of operations. */
const STATE: Readonly<Record<AllocatorName, readonly string[]>> = {
  SLUB: [],
  SLAB: ['cpu', 'free_objects', 'free_limit', 'total_slabs', 'free_slabs', 'colour_next', 'partial', 'full', 'free'],
  SLOB: SLOB_LISTS,
};
/** Bits of `flags` that an allocator adds by itself. */
const KERNEL_FLAGS = 0xc0000000;
/** Operations from one state to the next, but for SLOB. */
const STATE_INTERVAL = 200;
/** Random operations; after them there is a state, and all that is left is given back. */
const RANDOM_OPERATIONS = 2500;
/** Rows of the table: every 8 bytes up to two pages. */
const GEOMETRY_STEP = 8;
const GEOMETRY_END = 8192;

/**
 * Reads a recording.
 *
 * @param input - the file.
 * @returns the recording.
 * @throws RecordingError at the first place that is not as it should be.
 */
export function readAlternativeRecording(input: RecordingInput): AlternativeRecording {
  const lines = splitLines(input.text);
  const head = new JsonLine(input.name, 1, lines[0] ?? '');
  const meta = head.object(head.value, []);
  head.members(meta, [], META);
  const allocator = ALLOCATORS.find((name) => name === meta['allocator']) ?? head.fail(['allocator'], `one of ${ALLOCATORS.join(' ')}`);
  const reader = new Reader(allocator);
  for (let i = 1; i < lines.length; i++) reader.read(new JsonLine(input.name, i + 1, lines[i]));
  const missing = reader.missing();
  if (missing !== null) throw new RecordingError(input.name, lines.length + 1, 1, 'the end of the file', missing);
  return { allocator, caches: reader.caches, geometry: reader.geometry };
}

/** A cache that is being read. */
interface OpenCache extends AlternativeCache {
  start: SlobState | null;
  readonly steps: AlternativeStep[];
}

class Reader {
  readonly caches: OpenCache[] = [];
  readonly geometry: GeometryRow[] = [];
  readonly #allocator: AllocatorName;
  readonly #live = new Set<number>();
  #nextId = 0;
  #operations = 0;
  /** States since the last operation, the one before the first operation included. */
  #states = 0;
  #ended = 2;
  #last: AlternativeOperation | null = null;

  constructor(allocator: AllocatorName) {
    this.#allocator = allocator;
  }

  read(line: JsonLine): void {
    if (Array.isArray(line.value)) {
      this.#readCall(line, line.value);
      return;
    }
    const object = line.object(line.value, []);
    if ('cache' in object) this.#readCache(line, object);
    else if ('cp' in object) this.#readState(line, object);
    else if ('geom' in object) this.#readGeometry(line, object);
    else line.fail([], 'a member "cache", "cp" or "geom"');
  }

  /** What the file may not end before; null when it may. */
  missing(): string | null {
    if (this.caches.length === 0) return 'a cache';
    const due = this.#due();
    if (due !== null) return due;
    if (this.#allocator !== 'SLAB' || this.geometry.at(-1)?.sizeBytes === GEOMETRY_END) return null;
    return 'the rest of the table of sizes';
  }

  /** What the cache must have before another one may begin. */
  #due(): string | null {
    const cache = this.caches.at(-1);
    if (cache === undefined) return null;
    if (this.#states < (this.#isPeriodic() ? 2 : 1)) return `the state after operation ${String(this.#operations)}`;
    if (cache.request === null) return null;
    return this.#ended === 2 ? null : ['["shrink"]', '["destroy"]'][this.#ended];
  }

  #readCache(line: JsonLine, row: JsonObject): void {
    const due = this.#due();
    if (due !== null || this.geometry.length > 0) line.fail([], due ?? 'a row of the table');
    const isMix = !('size' in row);
    const slab = this.#allocator === 'SLAB' ? [...SLAB_ATTRIBUTES, 'shared'] : [];
    const members = isMix ? [] : [...ATTRIBUTES, ...slab];
    line.members(row, [], [...REQUEST, ...members]);
    const integer = (name: string): number => line.integer(row[name], [name]);
    const request = isMix
      ? null
      : { sizeBytes: integer('req_size'), align: integer('req_align'), flags: (integer('flags') & ~KERNEL_FLAGS) >>> 0, hasConstructor: integer('ctor') === 1 };
    const attributes = Object.fromEntries(members.map((name) => [name, integer(name)]));
    this.caches.push({ name: line.string(row['cache'], ['cache']), line: line.number, request, attributes, start: null, steps: [] });
    this.#live.clear();
    this.#nextId = 0;
    this.#operations = 0;
    this.#states = 0;
    this.#ended = 0;
    this.#last = null;
  }

  #readState(line: JsonLine, row: JsonObject): void {
    const cache = this.caches.at(-1) ?? line.fail([], 'a cache');
    const members = cache.request === null && this.#allocator !== 'SLOB' ? [] : STATE[this.#allocator];
    line.members(row, [], ['cp', ...members]);
    line.integer(row['cp'], ['cp'], this.#operations, this.#operations);
    // At the end comes one more, whatever the number of operations.
    if (this.#states === (this.#isPeriodic() ? 2 : 1)) line.fail([], 'an operation');
    const isFirst = this.#states === 0 && this.#operations === 0;
    this.#states++;
    const state = Object.fromEntries(members.map((name) => [name, row[name]]));
    if (isFirst && this.#allocator === 'SLOB') cache.start = readSlobState(line, row);
    else if (members.length > 0) cache.steps.push(this.#step(line, { kind: 'state', state }));
  }

  #readCall(line: JsonLine, values: readonly unknown[]): void {
    const cache = this.caches.at(-1) ?? line.fail([], 'a cache');
    const [op] = values;
    const integer = (at: number, min = 0, max?: number): number => line.integer(values[at], [at], min, max);
    const length = (expected: number, text: string): void => {
      if (values.length !== expected) line.fail([], text, `${String(values.length)} items`);
    };
    if (op === '+' || op === '-') {
      length(3, `["${op}",page,order]`);
      const last = this.#last ?? line.fail([], 'an operation');
      last.pages.push({ sign: op, page: integer(1), order: integer(2, 0, 10), line: line.number });
      return;
    }
    this.#checkTurn(line, op, cache);
    const call = { id: -1, bytes: 0, place: null, pages: [] };
    if (op === 'a' && cache.request !== null) {
      length(4, '["a",id,page,offset]');
      this.#add(line, cache, { ...call, op, id: this.#take(integer(1, this.#nextId, this.#nextId)), place: [integer(2), integer(3)] });
    } else if (op === 'k' && cache.request === null) {
      length(5, '["k",id,bytes,page,offset]');
      this.#add(line, cache, { ...call, op, id: this.#take(integer(1, this.#nextId, this.#nextId)), bytes: integer(2, 1), place: [integer(3), integer(4)] });
    } else if (op === 'f') {
      length(2, '["f",id]');
      if (!this.#live.delete(integer(1))) line.fail([1], 'the id of something in use');
      this.#add(line, cache, { ...call, op, id: integer(1) });
    } else if (op === 'shrink' || op === 'destroy') {
      length(1, `["${op}"]`);
      this.#add(line, cache, { ...call, op });
    } else {
      line.fail([0], 'an operation: a k f shrink destroy + -');
    }
  }

  /** States are due after known numbers of operations, both last calls in their order at the end. */
  #checkTurn(line: JsonLine, op: unknown, cache: OpenCache): void {
    if (op === 'shrink' || op === 'destroy') {
      const due = this.#due();
      if (cache.request === null || due !== `["${op}"]`) line.fail([], due ?? 'another cache');
      this.#ended++;
      return;
    }
    if (this.#ended > 0) line.fail([], this.#due() ?? 'another cache');
    const expected = this.#isPeriodic() || this.#operations === 0 ? 1 : 0;
    if (this.#states !== expected) line.fail([], this.#states < expected ? `the state after operation ${String(this.#operations)}` : '["shrink"]');
    this.#operations++;
    this.#states = 0;
  }

  #isPeriodic(): boolean {
    const number = this.#operations;
    return this.#allocator !== 'SLOB' && number > 0 && (number % STATE_INTERVAL === 0 || number === RANDOM_OPERATIONS);
  }

  #take(id: number): number {
    this.#live.add(id);
    this.#nextId++;
    return id;
  }

  #add(line: JsonLine, cache: OpenCache, call: AlternativeOperation): void {
    this.#last = call;
    cache.steps.push(this.#step(line, { kind: 'operation', call }));
  }

  #step<Rest>(line: JsonLine, rest: Rest): Rest & { line: number; number: number } {
    return { line: line.number, number: this.#operations, ...rest };
  }

  #readGeometry(line: JsonLine, row: JsonObject): void {
    const due = this.#due();
    if (due !== null) line.fail([], due);
    if (this.#allocator !== 'SLAB') line.fail([], 'the end of the file');
    const members = ['size', ...SLAB_ATTRIBUTES];
    line.members(row, [], ['geom', ...members]);
    const next = (this.geometry.at(-1)?.sizeBytes ?? 0) + GEOMETRY_STEP;
    const sizeBytes = line.integer(row['geom'], ['geom'], next, next);
    const attributes = Object.fromEntries(members.map((name) => [name, line.integer(row[name], [name])]));
    this.geometry.push({ line: line.number, sizeBytes, attributes });
  }
}

function readSlobState(line: JsonLine, row: JsonObject): SlobState {
  let ordinal = 0;
  const [small, medium, large] = SLOB_LISTS.map((list) =>
    line.array(row[list], [list]).map((entry, i): SlobPageState => {
      const where: JsonPath = [list, i];
      const [page, free, blocks] = line.array(entry, where);
      line.integer(page, [...where, 0], ordinal, ordinal);
      ordinal++;
      const pairs = line.array(blocks, [...where, 2]).map((pair, at) => line.integers(pair, [...where, 2, at]));
      if (pairs.some(({ length }) => length !== 2)) line.fail([...where, 2], '[[offset,length],...]');
      return [ordinal - 1, line.integer(free, [...where, 1]), pairs.map(([offset, length]) => [offset, length])];
    }),
  );
  return { small, medium, large };
}
