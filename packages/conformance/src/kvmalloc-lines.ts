/**
 * Lines of the table of kmalloc that ask the kvmalloc family.
 *
 * ```
 * {"kvmalloc":8388608,"flags":"GFP_NOIO|__GFP_NOWARN","ok":true,"backed_by":"vmalloc","align_log2":23}
 * ```
 * `align_log2` is the alignment of one address. Where the addresses of the recorded machine began is not known, but what follows from it is compared:
 * an object of kmalloc that comes again has the alignment that it had, and areas of vmalloc lie as far from each other as ours do - so there must be a
 * place for the first of them under which every recorded alignment is right.
 */
import { NULL, ZERO_SIZE_PTR } from '@kmem/contracts';
import type { KmallocUnderTest, KvmallocUnderTest } from './implementations.js';
import type { JsonLine, JsonObject } from './json-line.js';
import { readFactors, readFlags, trailingZeros, type LineKind, type Outcome } from './kmalloc-lines.js';

const PAGE = 4096;
/** Places of the first area that are told apart: pages of a stretch. A higher alignment than that of the stretch counts as as high. */
const STRETCH_LOG2 = 27;

/**
 * Makes the kinds of lines. They remember addresses, so each table needs its own.
 *
 * @returns the kinds.
 */
export function kvmallocKinds(): LineKind[] {
  const alignments = new Alignments();
  return [
    {
      inputs: ['kvmalloc', 'flags'],
      outputs: ['ok', 'pointer', 'backed_by', 'align_log2'],
      needsVmalloc: true,
      run: (k, row, line) => runKvmalloc(k, row, line, alignments),
    },
    { inputs: ['kvmalloc_array'], outputs: ['ok', 'pointer'], needsVmalloc: true, run: (k, row, line) => runArray(k, row, line, 'kvmalloc_array') },
    { inputs: ['kvcalloc'], outputs: ['ok', 'pointer'], needsVmalloc: true, run: (k, row, line) => runArray(k, row, line, 'kvcalloc') },
  ];
}

function runKvmalloc(k: KmallocUnderTest, row: JsonObject, line: JsonLine, alignments: Alignments): Outcome {
  const kv = familyOf(k);
  const size = line.integer(row['kvmalloc'], ['kvmalloc']);
  const addr = kv.kvmalloc(size, readFlags(line, row));
  if (addr === NULL) return { outputs: { ok: false } };
  if (isZeroSize(addr)) return { outputs: { ok: true, pointer: addr } };
  const isArea = kv.isVmallocAddr(addr);
  const recorded = line.integer(row['align_log2'], ['align_log2'], 0, 63);
  const least = isArea ? 0 : Math.min(trailingZeros(addr), trailingZeros(k.sizeRoundup(size)));
  const align = isArea ? alignments.ofArea(addr, recorded) : alignments.ofObject(addr, recorded, least);
  kv.kvfree(addr);
  return { outputs: { ok: true, backed_by: isArea ? 'vmalloc' : 'kmalloc', align_log2: align } };
}

function runArray(k: KmallocUnderTest, row: JsonObject, line: JsonLine, name: 'kvmalloc_array' | 'kvcalloc'): Outcome {
  const [count, size] = readFactors(line, row, name);
  const kv = familyOf(k);
  const addr = name === 'kvcalloc' ? kv.kvcalloc(count, size) : kv.kvmallocArray(count, size);
  if (addr === NULL) return { outputs: { ok: false } };
  if (isZeroSize(addr)) return { outputs: { pointer: addr } };
  kv.kvfree(addr);
  return { outputs: { ok: true } };
}

function familyOf({ kv }: KmallocUnderTest): KvmallocUnderTest {
  if (kv === undefined) throw new Error('the machine has no kvmalloc');
  return kv;
}

/** The pointer to nothing has the same value as physical and as kernel address. */
function isZeroSize(addr: number): boolean {
  const zero: number = ZERO_SIZE_PTR;
  return addr === zero;
}

/** Alignments recorded so far, and what they leave possible. */
class Alignments {
  /** Of objects, by our address. */
  readonly #objects = new Map<number, number>();
  /** Our first area. */
  #firstArea: number | null = null;
  /** Where the recorded one may lie. */
  #places = Array.from({ length: 2 ** STRETCH_LOG2 / PAGE }, (_, page) => page * PAGE);

  /** The recorded alignment, if it can be that of an object; what it must be otherwise. */
  ofObject(addr: number, recorded: number, least: number): number {
    const known = this.#objects.get(addr) ?? Math.max(recorded, least);
    this.#objects.set(addr, known);
    return known;
  }

  /** The recorded alignment, if an area can have it; one that it could have otherwise. */
  ofArea(addr: number, recorded: number): number {
    this.#firstArea ??= addr;
    const distance = addr - this.#firstArea;
    const alignAt = (place: number): number => (place + distance === 0 ? STRETCH_LOG2 : Math.min(trailingZeros(place + distance), STRETCH_LOG2));
    const left = this.#places.filter((place) => alignAt(place) === Math.min(recorded, STRETCH_LOG2));
    if (left.length === 0) return alignAt(this.#places[0]);
    this.#places = left;
    return recorded;
  }
}
