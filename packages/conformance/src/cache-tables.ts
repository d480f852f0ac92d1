/**
 * Holds an implementation against tables of caches: what a real kernel made of requests, one row a request.
 *
 * ```
 * geometry     ["variant","req_size", ...]                 sizes and places for every size and kind of cache
 * geom2        {"cache":...,"req_size":..., ...}           up to the largest; "error" where the kernel refused
 * boot         the same, of all caches of a booted kernel, the newest first
 * merge        {"create":...,"merged_into":..., ...}       which cache of the booted kernel a request joins
 * ```
 * Inputs are size, alignment, flags and constructor. Of boot caches only the outcome is known, so there object size,
 * alignment, the flags without the kernel's own bits, the window and the number of uses count as the request. Of several
 * users only the largest wish is known; the first is taken to have wished for the most that puts the link of a free object
 * where it stands. The allocator's own caches, with -1 uses, are made apart. Everything else is an output.
 */
import type { PageAllocator, SlabCacheOptions } from '@kmem/contracts';
import * as flagValues from '@kmem/contracts';
import { compareValues, quoteError, quoteValue, type ValueDifference } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { Implementations, RecordingInput, SlabCacheUnderTest } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import { splitLines } from './recording-meta.js';
import { RecordingError } from './recording-error.js';
import { ATTRIBUTES } from './slub-recording.js';

/** Bits of `flags` that the kernel adds by itself. */
const KERNEL_FLAGS = 0xc0000000;
/** Frames of the machine; tables take no object. */
const NR_FRAMES = 1024;
/** The text beside a merge table that says which caches there were. */
const BOOT_CACHES = 'boot-caches-merge.jsonl';
const META = ['recording', 'seed', 'cpus', 'smp_calls'];
const REQUEST = ['cache', 'req_size', 'req_align', 'req_flags', 'ctor'];
const MERGE = ['create', 'req_size', 'req_align', 'req_flags', 'ctor', 'merged_into', 'refcount'];
const ROOT = ['object_size', 'size', 'inuse', 'align', 'flags'] as const;

type Numbers = Readonly<Record<string, unknown>>;
type Slabs = ReturnType<NonNullable<Implementations['makeSlabs']>>;

/** One row: what is asked for, and what came of it. */
interface Row {
  readonly line: number;
  /** How many ask; -1 for a cache of the allocator itself. */
  readonly uses: number;
  /** Bytes that the first of them wants. */
  readonly firstBytes: number;
  readonly request: SlabCacheOptions;
  /** Null where the kernel refused. */
  readonly outputs: Numbers | null;
}

/** A table that was read: rows, and how a row is tried. */
interface Table {
  readonly rows: readonly Row[];
  readonly compare: (row: Row) => ValueDifference | null;
}

/**
 * Says which table a file is.
 *
 * @param text - the file.
 * @param kind - member "recording" of its first line, or null.
 * @returns the kind of table; null when it is none.
 */
export function cacheTableKind(text: string, kind: string | null): 'geometry' | 'geom2' | 'boot' | 'merge' | null {
  if (kind === null) return text.startsWith('{"columns":') ? 'geometry' : null;
  return kind === 'geom2' || kind === 'boot' || kind === 'merge' ? kind : null;
}

/**
 * Makes the caches of a table and compares what they are.
 *
 * @param input - the table.
 * @param kind - which one.
 * @param implementations - what makes caches.
 * @returns one result, which counts rows.
 * @throws RecordingError when the table is not as it should be.
 */
export function conformCacheTable(
  input: RecordingInput,
  kind: NonNullable<ReturnType<typeof cacheTableKind>>,
  implementations: Implementations,
): Conformance {
  const { name } = input;
  if (implementations.makeSlabs === undefined) return unsupportedResult(name, kind, 'no implementation makes caches');
  const boot = kind === 'merge' ? input.companion?.(BOOT_CACHES) : undefined;
  if (kind === 'merge' && boot === undefined) return unsupportedResult(name, kind, `no ${BOOT_CACHES} beside it`);
  const table = readTable(input, kind, (merge) => makeSlabs(implementations, merge), boot);
  const result = { name, kind, total: table.rows.length, stated: [], unsupported: null };
  for (const [exact, row] of table.rows.entries()) {
    let found: ValueDifference | null;
    try {
      found = table.compare(row);
    } catch (error) {
      found = { what: 'createCache', expected: 'no error', got: quoteError(error) };
    }
    if (found === null) continue;
    const difference: Difference = { operation: exact + 1, line: row.line, ...found, state: `request: ${JSON.stringify(row.request)}` };
    return { ...result, exact, difference };
  }
  return { ...result, exact: table.rows.length, difference: null };
}

function makeSlabs({ makeSlabs: make }: Implementations, merge: boolean): Slabs {
  const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const observe = (pages: PageAllocator): PageAllocator => pages;
  // The caller has looked that there is one.
  return (make as NonNullable<typeof make>)({ cpus: { nrCpus: 1, cpu: 0, ...nobody }, nrFrames: NR_FRAMES, merge, observe });
}

function readTable(input: RecordingInput, kind: string, make: (merge: boolean) => Slabs, boot: string | undefined): Table {
  const lines = splitLines(input.text).map((text, i) => new JsonLine(input.name, i + 1, text));
  switch (kind) {
    case 'geometry':
      return aloneTable(readGeometry(input.name, lines), make(false));
    case 'geom2':
      readMeta(lines[0]);
      return aloneTable(lines.slice(1).map(readCacheRow), make(false));
    case 'boot': {
      readMeta(lines[0]);
      const rows = lines.slice(1).map(readBootRow);
      const made = makeAll(make, rows);
      return { rows, compare: (row) => compareMade(made.get(row) ?? null, row.outputs) };
    }
    default: {
      readMeta(lines[0]);
      const bootLines = splitLines(boot ?? '').map((text, i) => new JsonLine(BOOT_CACHES, i + 1, text));
      readMeta(bootLines[0]);
      const slabs = make(true);
      for (const row of bootLines.slice(1).map(readBootRow).reverse()) makeRow(slabs, row);
      return { rows: lines.slice(1).map(readMergeRow), compare: (row) => compareMerged(slabs, row) };
    }
  }
}

/** A table of caches none of which meets another. */
function aloneTable(rows: readonly Row[], slabs: Slabs): Table {
  return { rows, compare: (row) => compareAlone(slabs, row) };
}

/** Makes a cache that stands alone, compares it, and destroys it. */
function compareAlone(slabs: Slabs, row: Row): ValueDifference | null {
  const cache = slabs.createCache(row.request);
  const found = compareMade(cache, row.outputs);
  if (found !== null || cache === null) return found;
  return compareValues(true, cache.destroy(), 'destroyed');
}

function compareMade(cache: SlabCacheUnderTest | null, outputs: Numbers | null): ValueDifference | null {
  if (cache === null || outputs === null) return compareValues(outputs === null, cache === null, 'refused');
  const got: Numbers = { ...cache.exportAttributes() };
  return compareValues(outputs, Object.fromEntries(Object.keys(outputs).map((name) => [name, got[name]])), 'cache');
}

/** Asks for a cache among those of a booted kernel, compares what it joins, and drops it again. */
function compareMerged(slabs: Slabs, row: Row): ValueDifference | null {
  const cache = slabs.createCache(row.request);
  if (cache === null) return { what: 'createCache', expected: 'a cache', got: quoteValue(null) };
  const attributes: Numbers = { ...cache.exportAttributes() };
  const got = {
    merged_into: cache.name === row.request.name ? '' : cache.name,
    refcount: attributes['refcount'],
    ...Object.fromEntries(ROOT.map((name) => [`root_${name}`, attributes[name]])),
  };
  return compareValues(row.outputs, got, 'cache') ?? compareValues(true, cache.destroy(), 'destroyed');
}

/** Makes all caches, the oldest first. When none has a second user the kernel joined none. */
function makeAll(make: (merge: boolean) => Slabs, rows: readonly Row[]): Map<Row, SlabCacheUnderTest | null> {
  const own = make(false);
  const others = make(rows.some(({ uses }) => uses > 1));
  const made = new Map<Row, SlabCacheUnderTest | null>();
  for (const row of [...rows].reverse()) made.set(row, row.uses < 0 ? own.createCache(row.request) : makeRow(others, row));
  return made;
}

/** Makes a cache for all its users; null when they do not share one. */
function makeRow(slabs: Slabs, { firstBytes, request, uses }: Row): SlabCacheUnderTest | null {
  const caches = Array.from({ length: uses }, (_, i) => slabs.createCache(i === 0 ? { ...request, sizeBytes: firstBytes } : request));
  return caches.every((cache) => cache === caches[0]) ? (caches[0] ?? null) : null;
}

function readMeta(line: JsonLine | undefined): void {
  // A file of such a kind has a first line.
  const first = line as JsonLine;
  const meta = first.object(first.value, []);
  first.members(meta, [], META);
  first.integer(meta['cpus'], ['cpus'], 1, 1);
}

function readRequest(line: JsonLine, row: JsonObject, name: string): SlabCacheOptions {
  const hasConstructor = line.integer(row['ctor'], ['ctor'], 0, 1) === 1;
  return {
    name: line.string(row[name], [name]),
    sizeBytes: line.integer(row['req_size'], ['req_size'], 1),
    align: line.integer(row['req_align'], ['req_align']),
    flags: line.integer(row['req_flags'], ['req_flags']),
    ...(hasConstructor && { ctor: () => undefined }),
  };
}

/** A row with one user. */
function alone(line: JsonLine, request: SlabCacheOptions, outputs: Numbers | null): Row {
  return { line: line.number, uses: 1, firstBytes: request.sizeBytes, request, outputs };
}

function readCacheRow(line: JsonLine): Row {
  const row = line.object(line.value, []);
  if ('error' in row) {
    line.members(row, [], ['cache', 'req_size', 'error']);
    line.integer(row['error'], ['error'], 1, 1);
    const request = { name: line.string(row['cache'], ['cache']), sizeBytes: line.integer(row['req_size'], ['req_size'], 1) };
    return alone(line, request, null);
  }
  line.members(row, [], [...REQUEST, ...ATTRIBUTES]);
  return alone(line, readRequest(line, row, 'cache'), readNumbers(line, row, ATTRIBUTES));
}

function readBootRow(line: JsonLine): Row {
  const row = line.object(line.value, []);
  line.members(row, [], [...REQUEST, ...ATTRIBUTES]);
  for (const member of ['req_size', 'req_align', 'req_flags']) line.integer(row[member], [member], 0, 0);
  const uses = line.integer(row['refcount'], ['refcount'], -1);
  const outputs = readNumbers(line, row, ATTRIBUTES.filter((name) => name !== 'refcount' || uses > 0));
  const { align, flags, object_size: sizeBytes, usersize } = outputs;
  const asked = { ...row, req_size: sizeBytes, req_align: align, req_flags: (flags & ~KERNEL_FLAGS) >>> 0 };
  const request = { ...readRequest(line, asked, 'cache'), userSize: usersize };
  // The link stands at half of the first wish, rounded down to a word.
  const firstBytes = uses > 1 ? Math.min(sizeBytes, 2 * outputs['offset'] + 15) : sizeBytes;
  return { line: line.number, uses, firstBytes, request, outputs };
}

function readMergeRow(line: JsonLine): Row {
  const row = line.object(line.value, []);
  const root = ROOT.map((name) => `root_${name}`);
  line.members(row, [], [...MERGE, ...root]);
  const outputs = { merged_into: line.string(row['merged_into'], ['merged_into']), ...readNumbers(line, row, ['refcount', ...root]) };
  return alone(line, readRequest(line, row, 'create'), outputs);
}

function readNumbers(line: JsonLine, row: JsonObject, names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, line.integer(row[name], [name])]));
}

function readGeometry(name: string, lines: readonly JsonLine[]): readonly Row[] {
  const [head, ...rest] = lines;
  const meta = head.object(head.value, []);
  head.members(meta, [], ['columns', 'variants', 'rows', 'kernel', 'cpus']);
  head.integer(meta['cpus'], ['cpus'], 1, 1);
  const columns = head.strings(meta['columns'], ['columns']);
  const variants = head.strings(meta['variants'], ['variants']).map((text, i) => readVariant(head, text, i));
  const known: readonly string[] = ATTRIBUTES;
  columns.forEach((column, i) => {
    const expected = ['variant', 'req_size'][i];
    if (expected === undefined ? !known.includes(column) : column !== expected) head.fail(['columns', i], expected ?? 'an attribute of a cache');
  });
  const count = head.integer(meta['rows'], ['rows']);
  if (rest.length !== count) throw new RecordingError(name, lines.length + 1, 1, `${rest.length} rows`, `${count} rows`);
  return rest.map((line) => {
    const values = line.integers(line.value, []);
    if (values.length !== columns.length) line.fail([], `${columns.length} numbers`, `${values.length} numbers`);
    const [variant, sizeBytes, ...numbers] = values;
    line.integer(variant, [0], 0, variants.length - 1);
    line.integer(sizeBytes, [1], 1);
    const outputs = Object.fromEntries(numbers.map((value, i) => [columns[i + 2], value]));
    return alone(line, { name: 'geometry', sizeBytes, ...variants[variant] }, outputs);
  });
}

/** A kind of cache in words: flags by their names, an alignment, a constructor, or nothing special. */
function readVariant(head: JsonLine, text: string, i: number): Omit<SlabCacheOptions, 'name' | 'sizeBytes'> {
  if (text === 'none') return {};
  if (text === 'ctor') return { ctor: () => undefined };
  const align = /^align (\d+)$/.exec(text)?.[1];
  if (align !== undefined) return { align: Number(align) };
  const values: Readonly<Record<string, unknown>> = flagValues;
  const flags = text.split('|').reduce((sum, name) => {
    const value = name.startsWith('SLAB_') ? values[name] : undefined;
    return typeof value === 'number' ? sum | value : head.fail(['variants', i], 'none, ctor, "align N", or flags');
  }, 0);
  return { flags };
}
