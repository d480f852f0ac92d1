/**
 * The table of kmalloc: what a real kernel answered to requests of every size, asked again of an implementation.
 *
 * ```
 * {"recording":"kmalloc","allocator":"SLUB", ...}        the first line: constants of the kernel, compared
 * {"kmalloc":100,"flags":"GFP_KERNEL","nowarn":1, ...}   one request a line, its arguments and what came of it
 * ```
 * Each line stands alone: what it takes it gives back. Lines whose outcome the arguments do not decide are run and then counted as stated:
 * a request that zone DMA of the recorded machine had no memory for, and caches that are not kmalloc's.
 */
import {
  __GFP_DMA,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_ZERO,
  GFP_KERNEL,
  NO_PAGE,
  NULL,
  ZERO_SIZE_PTR,
  type PhysAddr,
} from '@kmem/contracts';
import { ALLOCATORS, type AllocatorName } from './alternative-recording.js';
import { compareValues, quoteError } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { Implementations, KmallocUnderTest, RecordingInput } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import { readFactors, readFlags, trailingZeros, type LineKind, type Outcome } from './kmalloc-lines.js';
import { conformKmallocLog } from './kmalloc-log.js';
import { kvmallocKinds } from './kvmalloc-lines.js';
import { splitLines } from './recording-meta.js';
import { conformSlabinfo } from './slabinfo-replay.js';

/** Objects over which the lowest alignment of a class was taken. */
const ALIGN_SAMPLE = 6;
/** Requests above this many bytes were made with __GFP_NORETRY. */
const GENTLE_ABOVE = 32768;
/** What memory is filled with before it is resized or freed. */
const FILL = 0xcd;
/** Bytes of a page, and of the links that a free object may hold. */
const PAGE = 4096;
const LINK = 8;
/** What a table has in place of a cache's name for memory of SLOB's heap. */
const SLOB_HEAP = '(slob)';
/** The log beside the table. */
const LOG = 'kernel-log.txt';

const KINDS: readonly LineKind[] = [
  { inputs: ['kmalloc', 'flags', 'nowarn'], outputs: ['ok', 'pointer', 'ksize', 'cache', 'order', 'min_align_log2'], run: runKmalloc },
  {
    inputs: ['krealloc', 'zero_flag'],
    outputs: ['old_ksize', 'new_ksize', 'moved', 'result', 'leading_bytes_kept', 'zeroed_after'],
    run: runKrealloc,
  },
  { inputs: ['kmalloc_size_roundup'], outputs: ['result'], run: (k, row) => ({ outputs: { result: k.sizeRoundup(Number(row['kmalloc_size_roundup'])) } }) },
  { inputs: ['kmalloc_array'], outputs: ['ok', 'pointer', 'ksize'], run: (k, row, line) => runArray(k, row, line, 'kmalloc_array') },
  { inputs: ['kcalloc'], outputs: ['ok', 'pointer', 'ksize'], run: (k, row, line) => runArray(k, row, line, 'kcalloc') },
  { inputs: ['krealloc_null'], outputs: ['ksize'], run: (k, row) => sizeOf(k, k.krealloc(NULL, Number(row['krealloc_null']), GFP_KERNEL)) },
  {
    inputs: ['krealloc_from_zero_size'],
    outputs: ['ksize'],
    run: (k, row) => sizeOf(k, k.krealloc(ZERO_SIZE_PTR, Number(row['krealloc_from_zero_size']), GFP_KERNEL)),
  },
  { inputs: [], outputs: ['krealloc_to_zero'], run: (k) => ({ outputs: { krealloc_to_zero: pointerName(k.krealloc(k.kmalloc(100, GFP_KERNEL), 0, GFP_KERNEL)) } }) },
  { inputs: ['kfree_sensitive'], outputs: ['ksize', 'zero_bytes_after', 'cd_bytes_after'], run: runSensitive },
  { inputs: [], outputs: ['free_of_null_and_zero_size', 'ksize_null', 'ksize_zero_size'], run: runNothing },
  { inputs: ['alloc_pages_exact'], outputs: ['ok', 'get_order', 'pages_kept'], run: runExact },
  { inputs: ['alloc_pages_order'], outputs: ['ok'], run: runOrder },
  { inputs: [], outputs: ['get_zeroed_page_and_free_page'], run: runZeroedPage },
  // How many others share a cache is a matter of the machine's other caches.
  { inputs: ['cache', 'refcount'], outputs: ['object_size', 'size', 'align', 'flags'], run: runCache },
];

/**
 * Asks an implementation what the recorded kernel was asked.
 *
 * @param input - the table.
 * @param implementations - what to ask.
 * @returns one result for the table, one that says that kvmalloc was not asked, where the table has it and the implementation has not, and one for
 * the kernel's log, where it lies beside the table.
 * @throws RecordingError when the table is not as it should be.
 */
export function conformKmalloc(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { name } = input;
  const lines = splitLines(input.text).map((text, i) => new JsonLine(name, i + 1, text));
  const boot = bootFunction(lines[0], implementations);
  const kinds = [...KINDS, ...kvmallocKinds()];
  const rows = lines.slice(1).map((line) => readRow(line, kinds));
  if (boot === null) return [unsupportedResult(name, 'kmalloc', 'no implementation has a kmalloc')];
  const k = boot();
  const known = k.kv === undefined ? rows.filter(({ kind }) => kind.needsVmalloc !== true) : rows;
  const results = [replay(name, lines[0], known, k)];
  if (known.length < rows.length) {
    results.push(unsupportedResult(name, 'kvmalloc', `no implementation has a kvmalloc: ${String(rows.length - known.length)} lines`));
  }
  // The log is about requests that did not ask for silence.
  const log = rows.some(({ row }) => row['nowarn'] === 0) ? input.companion?.(LOG) : undefined;
  if (log !== undefined) results.push(conformKmallocLog(name.slice(0, name.lastIndexOf('/') + 1) + LOG, log, boot()));
  const allocator = allocatorOf(lines[0]);
  const slabinfo = allocator === 'SLUB' ? undefined : input.companion?.(`${allocator.toLowerCase()}.slabinfo.txt`);
  if (slabinfo !== undefined) {
    const caches = rows.filter(({ kind }) => kind.run === runCache).map(({ row }) => row);
    results.push(conformSlabinfo(`${name.slice(0, name.lastIndexOf('/') + 1)}${allocator.toLowerCase()}.slabinfo.txt`, slabinfo, caches, allocator, implementations));
  }
  return results;
}

/**
 * Tells a table of kmalloc from other files.
 *
 * @param text - the file.
 * @param kind - member "recording" of its first line, or null.
 * @returns true for one.
 */
export function isKmallocTable(text: string, kind: string | null): boolean {
  return kind === 'kmalloc' || (kind === null && text.startsWith('{"allocator":'));
}

/** What boots the allocator that the table is of; null when nothing does. */
function bootFunction(meta: JsonLine, { bootKmalloc }: Implementations): (() => KmallocUnderTest) | null {
  const allocator = allocatorOf(meta);
  return bootKmalloc === undefined ? null : () => bootKmalloc(allocator);
}

function allocatorOf(meta: JsonLine): AllocatorName {
  const name = meta.object(meta.value, [])['allocator'];
  return ALLOCATORS.find((known) => known === name) ?? meta.fail(['allocator'], `one of ${ALLOCATORS.join(' ')}`);
}

/** A line that has been looked at. */
interface Row {
  readonly line: JsonLine;
  readonly row: JsonObject;
  readonly kind: LineKind;
}

function readRow(line: JsonLine, kinds: readonly LineKind[]): Row {
  const row = line.object(line.value, []);
  const [first] = Object.keys(row);
  const kind = kinds.find(({ inputs, outputs }) => (inputs[0] ?? outputs[0]) === first);
  if (kind === undefined) return line.fail([first], `one of ${kinds.map(({ inputs, outputs }) => inputs[0] ?? outputs[0]).join(' ')}`, `member "${first}"`);
  line.members(row, [], kind.inputs, kind.outputs);
  return { line, row, kind };
}

function replay(name: string, meta: JsonLine, rows: readonly Row[], k: KmallocUnderTest): Conformance {
  const stated: string[] = [];
  const total = rows.length + 1;
  let exact = 0;
  let difference = compareMeta(meta, k);
  if (difference === null) exact++;
  for (const { line, row, kind } of difference === null ? rows : []) {
    const found = compareRow(k, line, row, kind);
    if (typeof found === 'string') stated.push(found);
    else if (found === null) exact++;
    else {
      difference = found;
      break;
    }
  }
  return { name, kind: 'kmalloc', exact, total: total - stated.length, stated, difference, unsupported: null };
}

/** The constants of the first line; the machine itself is an input. */
function compareMeta(meta: JsonLine, k: KmallocUnderTest): Difference | null {
  const row = meta.object(meta.value, []);
  const { KMALLOC_MIN_SIZE, KMALLOC_MAX_CACHE_SIZE, KMALLOC_MAX_SIZE, ZERO_SIZE_PTR: zero } = row;
  const want = { KMALLOC_MIN_SIZE, KMALLOC_MAX_CACHE_SIZE, KMALLOC_MAX_SIZE, ZERO_SIZE_PTR: zero };
  const got = { ...k.limits(), ZERO_SIZE_PTR: k.kmalloc(0, GFP_KERNEL) };
  const found = compareValues(want, got, '');
  return found === null ? null : { ...found, operation: 0, line: 1, state: meta.text };
}

/** The first difference; null when there is none; why the line is not decided. */
function compareRow(k: KmallocUnderTest, line: JsonLine, row: JsonObject, kind: LineKind): Difference | string | null {
  const place = { operation: line.number - 1, line: line.number, state: line.text };
  let outcome: Outcome;
  try {
    outcome = kind.run(k, row, line);
  } catch (error) {
    return { ...place, what: 'doing it', expected: 'no error', got: quoteError(error) };
  }
  if ('undecided' in outcome) return `line ${String(line.number)}: ${outcome.undecided}`;
  const want = Object.fromEntries(kind.outputs.filter((member) => member in row).map((member) => [member, row[member]]));
  const found = compareValues(want, outcome.outputs, '');
  return found === null ? null : { ...place, ...found };
}

function runKmalloc(k: KmallocUnderTest, row: JsonObject, line: JsonLine): Outcome {
  const size = line.integer(row['kmalloc'], ['kmalloc']);
  const silent = line.integer(row['nowarn'], ['nowarn'], 0, 1) === 1 ? __GFP_NOWARN : 0;
  const gfp = readFlags(line, row) | silent | (size > GENTLE_ABOVE ? __GFP_NORETRY : 0);
  const addr = k.kmalloc(size, gfp);
  if (addr === ZERO_SIZE_PTR) return { outputs: { ok: true, pointer: addr, ksize: k.ksize(addr) } };
  if (row['ok'] === false && !('ksize' in row) && (gfp & __GFP_DMA) !== 0 && size <= k.limits().KMALLOC_MAX_SIZE) {
    k.kfree(addr);
    return { undecided: 'zone DMA of the recorded machine had no memory for this' };
  }
  if (addr === NULL) return { outputs: { ok: false } };
  const cache = k.cacheNameOf(addr);
  const more = cache === null ? [] : Array.from({ length: ALIGN_SAMPLE - 1 }, () => k.kmalloc(size, gfp));
  const outputs = {
    ok: true,
    ksize: k.ksize(addr),
    cache: cache ?? '(pages)',
    order: k.orderOf(addr),
    min_align_log2: alignment(k, row, size, cache, [addr, ...more]),
  };
  for (const taken of [addr, ...more]) k.kfree(taken);
  return { outputs };
}

/**
 * The lowest alignment, as log2. Objects of a class lie alike on every machine. A block of pages is aligned to its size at least, a
 * block of SLOB's heap to 8 bytes or a power of two that was asked for; beyond that it is chance.
 */
function alignment(k: KmallocUnderTest, row: JsonObject, size: number, cache: string | null, addrs: readonly PhysAddr[]): number {
  const found = Math.min(...addrs.map(trailingZeros));
  if (cache !== null && cache !== SLOB_HEAP) return found;
  const least = Math.log2(cache === null ? k.ksize(addrs[0]) : (size & (size - 1)) === 0 ? Math.max(size, 8) : 8);
  const recorded = row['min_align_log2'];
  if (found < least) return found;
  return typeof recorded === 'number' && recorded > least ? recorded : least;
}

function runKrealloc(k: KmallocUnderTest, row: JsonObject, line: JsonLine): Outcome {
  const [from, to] = line.integers(row['krealloc'], ['krealloc']);
  const clears = line.integer(row['zero_flag'], ['zero_flag'], 0, 1) === 1;
  const old = k.kmalloc(from, GFP_KERNEL);
  const oldSize = k.ksize(old);
  k.memory.fill(old, oldSize, FILL);
  const now = k.krealloc(old, to, clears ? GFP_KERNEL | __GFP_ZERO : GFP_KERNEL);
  const newSize = k.ksize(now);
  const kept = countFrom(k, now, 0, newSize, FILL);
  const zeroed = countFrom(k, now, Math.min(oldSize, newSize), newSize, 0);
  // SLOB rounds up to 2 bytes and clears what was asked for: one byte more may be 0 by chance.
  const isOdd = k.cacheNameOf(now) === SLOB_HEAP && newSize === to + 1;
  const isChance = isOdd && zeroed >= newSize - 1 - Math.min(oldSize, newSize) && Math.abs(zeroed - Number(row['zeroed_after'])) === 1;
  // Nothing of this line must be found by the next one.
  k.memory.fill(old, oldSize, 0);
  if (newSize > 0) k.memory.fill(now, newSize, 0);
  k.kfree(now);
  return {
    outputs: {
      old_ksize: oldSize,
      new_ksize: newSize,
      moved: now !== old,
      result: pointerName(now),
      leading_bytes_kept: kept,
      // What lies behind uncleared memory is chance.
      zeroed_after: clears && !isChance ? zeroed : row['zeroed_after'],
    },
  };
}

function runArray(k: KmallocUnderTest, row: JsonObject, line: JsonLine, name: 'kmalloc_array' | 'kcalloc'): Outcome {
  const [count, size] = readFactors(line, row, name);
  const addr = name === 'kcalloc' ? k.kcalloc(count, size, GFP_KERNEL | __GFP_NOWARN) : k.kmallocArray(count, size, GFP_KERNEL | __GFP_NOWARN);
  if (addr === NULL) return { outputs: { ok: false } };
  if (addr === ZERO_SIZE_PTR) return { outputs: { pointer: addr } };
  return sizeOf(k, addr);
}

function runSensitive(k: KmallocUnderTest, row: JsonObject, line: JsonLine): Outcome {
  const addr = k.kmalloc(line.integer(row['kfree_sensitive'], ['kfree_sensitive'], 1), GFP_KERNEL);
  const ksize = k.ksize(addr);
  k.memory.fill(addr, ksize, FILL);
  k.kfreeSensitive(addr);
  const left = Array.from({ length: ksize }, (_, i) => k.memory.view(addr + i, 1)[0]);
  const cleared = left.filter((byte) => byte === 0).length;
  const recorded = line.integer(row['zero_bytes_after'], ['zero_bytes_after'], 0, ksize);
  // A link to the next free object may have come in; how many of its bytes are 0 is chance.
  const sameButLink = Math.abs(cleared - recorded) <= LINK && recorded >= ksize - LINK;
  return { outputs: { ksize, zero_bytes_after: sameButLink ? recorded : cleared, cd_bytes_after: left.filter((byte) => byte === FILL).length } };
}

function runNothing(k: KmallocUnderTest): Outcome {
  k.kfree(NULL);
  k.kfree(ZERO_SIZE_PTR);
  return { outputs: { free_of_null_and_zero_size: 'ok', ksize_null: k.ksize(NULL), ksize_zero_size: k.ksize(ZERO_SIZE_PTR) } };
}

function runExact(k: KmallocUnderTest, row: JsonObject, line: JsonLine): Outcome {
  const bytes = line.integer(row['alloc_pages_exact'], ['alloc_pages_exact']);
  const wanted = Math.ceil(bytes / PAGE);
  const order = bytes === 0 ? -1 : Math.ceil(Math.log2(wanted));
  const before = inUse(k);
  const pfn = bytes === 0 ? NO_PAGE : k.pages.allocPagesExact(bytes, GFP_KERNEL | __GFP_NOWARN);
  const kept = pfn === NO_PAGE ? wanted : inUse(k) - before;
  if (pfn !== NO_PAGE) k.pages.freePagesExact(pfn, bytes);
  return { outputs: { ok: pfn !== NO_PAGE, get_order: order, pages_kept: kept } };
}

function runOrder(k: KmallocUnderTest, row: JsonObject, line: JsonLine): Outcome {
  const order = line.integer(row['alloc_pages_order'], ['alloc_pages_order']);
  const pfn = k.pages.allocPages(GFP_KERNEL | __GFP_NOWARN, order);
  if (pfn !== NO_PAGE) k.pages.freePages(pfn, order);
  return { outputs: { ok: pfn !== NO_PAGE } };
}

function runZeroedPage(k: KmallocUnderTest): Outcome {
  const pfn = k.pages.allocPages(GFP_KERNEL | __GFP_ZERO, 0);
  const isZero = pfn !== NO_PAGE && k.memory.view(pfn * PAGE, PAGE).every((byte) => byte === 0);
  if (pfn !== NO_PAGE) k.pages.freePages(pfn, 0);
  return { outputs: { get_zeroed_page_and_free_page: isZero ? 'ok' : 'not zero' } };
}

function runCache(k: KmallocUnderTest, row: JsonObject, line: JsonLine): Outcome {
  const name = line.string(row['cache'], ['cache']);
  const cache = k.allCaches.find((known) => known.name === name);
  if (cache === undefined) {
    // A kmalloc cache that is missing is a difference; caches of file systems and networks are the recorded machine's own.
    return /kmalloc-/.test(name) ? { outputs: {} } : { undecided: `the recorded kernel's cache ${name}` };
  }
  return { outputs: Object.fromEntries(Object.entries(cache.exportAttributes()).filter(([member]) => member in row && member !== 'refcount')) };
}

function sizeOf(k: KmallocUnderTest, addr: number): Outcome {
  const ksize = k.ksize(addr);
  k.kfree(addr);
  return { outputs: { ksize } };
}

function pointerName(addr: number): string {
  if (addr === NULL) return 'NULL';
  return addr === ZERO_SIZE_PTR ? 'ZERO_SIZE_PTR' : 'pointer';
}

function inUse({ pages }: KmallocUnderTest): number {
  return pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
}

/** Counts bytes of a value from an offset on, until another one comes. */
function countFrom({ memory }: KmallocUnderTest, addr: number, from: number, to: number, value: number): number {
  let at = from;
  while (at < to && memory.view(addr + at, 1)[0] === value) at++;
  return at - from;
}
