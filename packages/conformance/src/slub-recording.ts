/**
 * Reads a recording of one object cache, operation by operation.
 *
 * ```
 * {"recording":"slub-exact","cpus":3, ...}      machine
 * {"cache":"o64","req_size":64, ...}            what was asked for, and what the kernel made of it
 * ["a",id,slab,index,cpu]                       an object taken      slab: ordinal of its making, index: inside the slab
 * ["f",id,slab,index,cpu]                       an object given back
 * ["A",wanted,got,[[id,slab,index],...],cpu]    several taken
 * ["F",count,[[id,slab,index],...],cpu]         several given back
 * ["shrink",{"cpu_flush_order":[0,2,1]}]        the order only with several CPUs
 * ["destroy"]                                   the last operation
 * ["+",slab]  ["-",slab]                        inside the operation above: a slab was made, given back
 * {"cp":97,"why":"periodic", ...}               the lists, after so many operations
 * ["phase","random"]                            a mark
 * ```
 * Inputs are the first line, what was asked for, and of each operation kind, id, count, CPU and flush order. Everything
 * else is an output; where an object lies that is given back is one too.
 *
 * The whole file is read before anything is replayed. Marks and check points have one order only, so that a missing one
 * is noticed, and so is a file that was cut off.
 */
import type { SlabCacheState, SlabCpuState, SlabState } from '@kmem/contracts';
import type { RecordingInput } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import type { JsonPath } from './json-position.js';
import { splitLines } from './recording-meta.js';
import { RecordingError } from './recording-error.js';
import { nextMilestone } from './slub-scenario.js';

/** Where an object lies: ordinal of the slab, index in it. */
export type RecordedPlace = readonly [slab: number, index: number];

/** A slab that was made (`+`) or given back (`-`). */
export interface SlabEvent {
  /** Which of both. */
  readonly sign: '+' | '-';
  /** Ordinal of the slab. */
  readonly slab: number;
  /** Its line in the file, from 1. */
  readonly line: number;
}

/** What was asked of the cache. */
export type SlubCall =
  | { readonly op: 'a' | 'f' | 'A' | 'F'; readonly cpu: number; readonly ids: readonly number[]; readonly places: readonly RecordedPlace[] }
  | { readonly op: 'shrink'; readonly flushOrder: readonly number[] | null }
  | { readonly op: 'destroy' };

/** One operation. */
export type SlubOperation = SlubCall & {
  /** Tells the steps apart. */
  readonly kind: 'operation';
  /** Its line in the file, from 1. */
  readonly line: number;
  /** Its number, from 1; shrink and destroy have that of the operation before. */
  readonly number: number;
  /** Slabs made and given back by it. */
  readonly events: SlabEvent[];
};

/** The cache as it is made, or its lists at some moment. */
export type SlubCheckPoint =
  | { readonly kind: 'attributes'; readonly line: number; readonly attributes: SlubAttributes }
  | { readonly kind: 'check point'; readonly line: number; readonly state: SlabCacheState };

/** What is compared, in order. */
export type SlubStep = SlubOperation | SlubCheckPoint;

/** What the kernel made of a cache, under the kernel's names. */
export type SlubAttributes = Readonly<Record<(typeof ATTRIBUTES)[number], number>>;

/** A recording of one cache. */
export interface SlubRecording {
  /** Name of the file. */
  readonly name: string;
  /** CPUs of the machine. */
  readonly nrCpus: number;
  /** What was asked for. */
  readonly request: SlubRequest;
  /** What the kernel made of it. */
  readonly attributes: SlubAttributes;
  /** True when the recording ends before its last operation. */
  readonly isCut: boolean;
  /** The lines that are compared. */
  readonly steps: readonly SlubStep[];
}

/** A cache that was asked for. */
export interface SlubRequest {
  /** Its name. */
  readonly name: string;
  /** Bytes of an object. */
  readonly sizeBytes: number;
  /** Alignment asked for. */
  readonly align: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Whether there is a constructor. */
  readonly hasConstructor: boolean;
}

const META = ['recording', 'seed', 'cpus', 'smp_calls', 'kernel'];
const REQUEST = ['cache', 'req_size', 'req_align', 'req_flags', 'ctor'];
/** What the kernel made of a request: sizes in bytes, orders, counts, flags. */
export const ATTRIBUTES = [
  'object_size', 'size', 'inuse', 'offset', 'align', 'red_left_pad', 'order', 'objects', 'min_order', 'min_objects',
  'min_partial', 'cpu_partial', 'cpu_partial_slabs', 'flags', 'allocflags', 'refcount', 'usersize',
] as const;
const CHECK_POINT = ['nr_slabs', 'nr_partial', 'total_objects', 'cpus', 'partial', 'full'];
const CPU = ['cpu', 'slab', 'freelist', 'partial_slabs_field', 'partial'];
const MOST_CPUS = 64;

/**
 * Reads a recording of one cache.
 *
 * @param input - the file.
 * @returns the recording; nothing of it has been replayed.
 * @throws RecordingError at the first place that is not as it should be.
 */
export function readSlubRecording(input: RecordingInput): SlubRecording {
  const { name } = input;
  const lines = splitLines(input.text);
  const meta = new JsonLine(name, 1, lines[0] ?? '');
  const first = meta.object(meta.value, []);
  meta.members(first, [], META, ['cut_before_shrink']);
  const nrCpus = meta.integer(first['cpus'], ['cpus'], 1, MOST_CPUS);
  const isCut = 'cut_before_shrink' in first;
  if (isCut && first['cut_before_shrink'] !== true) meta.fail(['cut_before_shrink'], 'true');
  if (lines.length < 2) throw new RecordingError(name, 2, 1, 'the end of the file', 'the cache');
  const head = new JsonLine(name, 2, lines[1]);
  const { request, attributes } = readCache(head);
  const reader = new StepReader(nrCpus);
  for (let i = 2; i < lines.length; i++) reader.read(new JsonLine(name, i + 1, lines[i]));
  const missing = reader.missing(isCut);
  if (missing !== null) throw new RecordingError(name, lines.length + 1, 1, 'the end of the file', missing);
  return { name, nrCpus, request, attributes, isCut, steps: [{ kind: 'attributes', line: 2, attributes }, ...reader.steps] };
}

function readCache(line: JsonLine): { request: SlubRequest; attributes: SlubAttributes } {
  const cache = line.object(line.value, []);
  line.members(cache, [], [...REQUEST, ...ATTRIBUTES]);
  const request = {
    name: line.string(cache['cache'], ['cache']),
    sizeBytes: line.integer(cache['req_size'], ['req_size'], 1),
    align: line.integer(cache['req_align'], ['req_align']),
    flags: line.integer(cache['req_flags'], ['req_flags']),
    hasConstructor: line.integer(cache['ctor'], ['ctor'], 0, 1) === 1,
  };
  const numbers = ATTRIBUTES.map((attribute) => [attribute, line.integer(cache[attribute], [attribute])]);
  // The keys are exactly the names of ATTRIBUTES; TypeScript cannot see that through fromEntries.
  return { request, attributes: Object.fromEntries(numbers) as SlubAttributes };
}

/** Reads the lines from the third on, and knows what must come next. */
class StepReader {
  readonly steps: SlubStep[] = [];
  readonly #nrCpus: number;
  readonly #live = new Set<number>();
  #operations = 0;
  #nextId = 0;
  #last: SlubOperation | null = null;
  /** Marks and check points that were read. */
  #milestones = 0;
  /** Operations from one periodic check point to the next; known from the first one on. */
  #interval = Infinity;
  #isPeriodicDue = false;

  constructor(nrCpus: number) {
    this.#nrCpus = nrCpus;
  }

  read(line: JsonLine): void {
    if (!Array.isArray(line.value)) {
      this.#readCheckPoint(line, line.object(line.value, []));
      return;
    }
    const values: readonly unknown[] = line.value;
    const op = values[0];
    if (op === '+' || op === '-') {
      this.#readEvent(line, op, values);
      return;
    }
    if (this.#isPeriodicDue) line.fail([], this.#dueText());
    if (op === 'phase') this.#pass(line, `phase ${line.string(values[1], [1])}`, values.length === 2);
    else this.#add(line, this.#readCall(line, op, values));
  }

  /** What the file may not end before; null when it may. */
  missing(isCut: boolean): string | null {
    if (this.#isPeriodicDue) return this.#dueText();
    const next = nextMilestone(this.#milestones);
    if (next === null || (isCut && next === 'shrink')) return null;
    return next;
  }

  #add(line: JsonLine, call: SlubCall): void {
    if (call.op === 'shrink' || call.op === 'destroy') this.#pass(line, call.op, true);
    else if (++this.#operations % this.#interval === 0) this.#isPeriodicDue = true;
    this.#last = { kind: 'operation', line: line.number, number: this.#operations, ...call, events: [] };
    this.steps.push(this.#last);
  }

  #pass(line: JsonLine, milestone: string, isWhole: boolean): void {
    const next = nextMilestone(this.#milestones);
    if (!isWhole || milestone !== next) line.fail([], next ?? 'the end of the file');
    this.#milestones++;
  }

  #readCall(line: JsonLine, op: unknown, values: readonly unknown[]): SlubCall {
    const length = (expected: number, text: string): void => {
      if (values.length !== expected) line.fail([], text, `${values.length} items`);
    };
    const cpu = (at: number): number => line.integer(values[at], [at], 0, this.#nrCpus - 1);
    switch (op) {
      case 'a':
      case 'f': {
        length(5, `["${op}",id,slab,index,cpu]`);
        const { id, place } = this.#readObject(line, values.slice(1, 4), [], 1, op === 'a');
        return { op, cpu: cpu(4), ids: [id], places: [place] };
      }
      case 'A':
        length(5, '["A",wanted,got,[[id,slab,index],...],cpu]');
        return { op, cpu: cpu(4), ...this.#readObjects(line, values, [1, 2], 3, true) };
      case 'F':
        length(4, '["F",count,[[id,slab,index],...],cpu]');
        return { op, cpu: cpu(3), ...this.#readObjects(line, values, [1], 2, false) };
      case 'shrink':
        return { op, flushOrder: this.#readFlushOrder(line, values) };
      case 'destroy':
        length(1, '["destroy"]');
        return { op };
      default:
        return line.fail([0], 'an operation: a f A F shrink destroy phase + -');
    }
  }

  /** Bulk requests always got all that they wanted, so every count is the length of the list. */
  #readObjects(line: JsonLine, values: readonly unknown[], counts: readonly number[], at: number, taken: boolean): Pick<SlubCall & { op: 'A' }, 'ids' | 'places'> {
    const list = line.array(values[at], [at]);
    for (const count of counts) line.integer(values[count], [count], list.length, list.length);
    const objects = list.map((entry, i) => {
      const object = line.array(entry, [at, i]);
      if (object.length !== 3) line.fail([at, i], '[id,slab,index]');
      return this.#readObject(line, object, [at, i], 0, taken);
    });
    return { ids: objects.map(({ id }) => id), places: objects.map(({ place }) => place) };
  }

  #readObject(line: JsonLine, values: readonly unknown[], where: JsonPath, from: number, taken: boolean): { id: number; place: RecordedPlace } {
    const at = (i: number): JsonPath => [...where, from + i];
    const id = taken ? line.integer(values[0], at(0), this.#nextId, this.#nextId) : line.integer(values[0], at(0));
    if (taken) {
      this.#live.add(id);
      this.#nextId++;
    } else if (!this.#live.delete(id)) {
      line.fail(at(0), 'the id of an object in use');
    }
    return { id, place: [line.integer(values[1], at(1)), line.integer(values[2], at(2))] };
  }

  #readFlushOrder(line: JsonLine, values: readonly unknown[]): readonly number[] | null {
    if (this.#nrCpus === 1) {
      if (values.length !== 1) line.fail([], '["shrink"]');
      return null;
    }
    if (values.length !== 2) line.fail([], '["shrink",{"cpu_flush_order":[...]}]');
    const member = line.object(values[1], [1]);
    line.members(member, [1], ['cpu_flush_order']);
    const path = [1, 'cpu_flush_order'];
    const order = line.integers(member['cpu_flush_order'], path, 0, this.#nrCpus - 1);
    if (order.length !== this.#nrCpus || new Set(order).size !== this.#nrCpus) line.fail(path, 'every CPU once');
    return order;
  }

  #readEvent(line: JsonLine, sign: '+' | '-', values: readonly unknown[]): void {
    if (values.length !== 2) line.fail([], `["${sign}",slab]`);
    if (this.#last === null) line.fail([], 'an operation: no slab is made or given back before the first one');
    this.#last?.events.push({ sign, slab: line.integer(values[1], [1]), line: line.number });
  }

  #readCheckPoint(line: JsonLine, value: JsonObject): void {
    line.members(value, [], ['cp', 'why', ...CHECK_POINT]);
    line.integer(value['cp'], ['cp'], this.#operations, this.#operations);
    const why = line.string(value['why'], ['why']);
    if (why === 'periodic' && this.#interval === Infinity && this.#operations > 0) {
      this.#interval = this.#operations;
      this.#isPeriodicDue = true;
    }
    if (this.#isPeriodicDue && why !== 'periodic') line.fail(['why'], this.#dueText());
    if (!this.#isPeriodicDue) this.#pass(line, `check point ${why}`, true);
    this.#isPeriodicDue = false;
    const cpus = line.array(value['cpus'], ['cpus']);
    if (cpus.length !== this.#nrCpus) line.fail(['cpus'], `an entry for each of ${this.#nrCpus} CPUs`);
    const state: SlabCacheState = {
      nr_slabs: line.integer(value['nr_slabs'], ['nr_slabs']),
      nr_partial: line.integer(value['nr_partial'], ['nr_partial']),
      total_objects: line.integer(value['total_objects'], ['total_objects']),
      cpus: cpus.map((entry, i) => readCpu(line, entry, ['cpus', i])),
      partial: line.array(value['partial'], ['partial']).map((entry, i) => readSlab(line, entry, ['partial', i])),
      full: line.integers(value['full'], ['full']),
    };
    this.steps.push({ kind: 'check point', line: line.number, state });
  }

  #dueText(): string {
    return `the periodic check point after operation ${this.#operations}`;
  }
}

function readCpu(line: JsonLine, entry: unknown, where: JsonPath): SlabCpuState {
  const cpu = line.object(entry, where);
  line.members(cpu, where, CPU);
  const slab = cpu['slab'];
  return {
    cpu: line.integer(cpu['cpu'], [...where, 'cpu']),
    slab: slab === null ? null : readSlab(line, slab, [...where, 'slab']),
    freelist: line.integers(cpu['freelist'], [...where, 'freelist']),
    partial_slabs_field: line.integer(cpu['partial_slabs_field'], [...where, 'partial_slabs_field']),
    partial: line.array(cpu['partial'], [...where, 'partial']).map((slabs, i) => readSlab(line, slabs, [...where, 'partial', i])),
  };
}

function readSlab(line: JsonLine, entry: unknown, where: JsonPath): SlabState {
  const fields = line.array(entry, where);
  if (fields.length !== 5) line.fail(where, '[slab,inuse,objects,frozen,[free list]]', `${fields.length} items`);
  const [slab, inuse, objects, frozen] = [0, 1, 2, 3].map((i) => line.integer(fields[i], [...where, i], 0, i === 3 ? 1 : undefined));
  return [slab, inuse, objects, frozen, line.integers(fields[4], [...where, 4])];
}
