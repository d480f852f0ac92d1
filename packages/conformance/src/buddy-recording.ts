/**
 * Reads a recording of the page allocator, operation by operation.
 *
 * ```
 * {"recording":"buddy-exact", ...}         machine
 * {"dump":"t0", ...}                       state to start from
 * ["a", ...]  ["f", ...]  {"cp":250, ...}  operations, and check points after every so many of them
 * {"dump":"t1", ...}                       after the scenario
 * ["note",100]  ["f", ...]  {"cp", ...}    what was still held is freed
 * {"dump":"t2", ...}                       the last line
 * ```
 * The whole file is read before anything is replayed. A file that was cut off is refused: the last dump, a
 * check point of a zone, or a whole check point in the row would be missing.
 */
import type { PageState } from '@kmem/contracts';
import { EVENTS, isEventLetter, isOperationLetter, OPERATIONS } from './buddy-operations.js';
import type { BuddyOperation, OperationCall, OperationField, RecordedEvent } from './buddy-operations.js';
import type { RecordedMachine, RecordingInput } from './implementations.js';
import { JsonLine } from './json-line.js';
import { readDump } from './page-state-reader.js';
import { readMachine } from './recorded-machine.js';
import { RecordingError } from './recording-error.js';
import { readBuddyMeta, splitLines } from './recording-meta.js';
import type { BuddyMeta } from './recording-meta.js';

/** Names of the numbers of a check point, with the smallest value. */
const CHECK_POINT_COUNTS = [
  ['nr_free_pages', 0],
  ['cpu_diff', -128],
  ['pcp_count', 0],
  ['free_factor', 0],
  ['watermark_boost', 0],
  ['nr_reserved_highatomic', 0],
  ['flags', 0],
] as const;

/** Numbers of one zone between two operations. */
export interface CheckPointValues {
  /** The counter that watermark checks read. */
  readonly nr_free_pages: number;
  /** Part of it that CPU 0 has not folded in yet. */
  readonly cpu_diff: number;
  /** Pages on the per-CPU lists. */
  readonly pcp_count: number;
  /** How often in a row pages were given back. */
  readonly free_factor: number;
  /** Added to every watermark. */
  readonly watermark_boost: number;
  /** Pages in pageblocks kept for high-order atomic requests. */
  readonly nr_reserved_highatomic: number;
  /** Bit 0: boosted. Bit 1: reclaim active. */
  readonly flags: number;
  /** Free blocks of each order. */
  readonly nr_free: readonly number[];
}

/** One zone's check point. */
export interface CheckPoint {
  /** Tells the steps apart. */
  readonly kind: 'check point';
  /** Its line in the file, from 1. */
  readonly line: number;
  /** Index of the zone. */
  readonly zone: number;
  /** The recorded numbers. */
  readonly values: CheckPointValues;
}

/** The full state at some moment. */
export interface Dump {
  /** Tells the steps apart. */
  readonly kind: 'dump';
  /** Its line in the file, from 1. */
  readonly line: number;
  /** `t0`, `t1` or `t2`. */
  readonly label: string;
  /** The recorded state. */
  readonly state: PageState;
}

/** A mark that the scenario set between two phases. */
export interface PhaseNote {
  /** Tells the steps apart. */
  readonly kind: 'note';
  /** Its line in the file, from 1. */
  readonly line: number;
  /** The scenario's number for what follows. */
  readonly phase: number;
}

/** One line of a recording after the first. */
export type BuddyStep = BuddyOperation | CheckPoint | Dump | PhaseNote;

/** A recording of the page allocator. */
export interface BuddyRecording {
  /** Name of the file. */
  readonly name: string;
  /** What line 1 says. */
  readonly meta: BuddyMeta;
  /** The machine at `t0`. */
  readonly machine: RecordedMachine;
  /** Every line after the first, in order; the first step is dump `t0`, the last `t2`. */
  readonly steps: readonly BuddyStep[];
  /** Operations among them. */
  readonly operations: number;
  /** Steps that are compared: operations, check points and dumps. */
  readonly total: number;
}

/**
 * Reads a recording of the page allocator.
 *
 * @param input - the file.
 * @returns the recording; nothing of it has been replayed.
 * @throws RecordingError at the first place that is not as it should be.
 */
export function readBuddyRecording(input: RecordingInput): BuddyRecording {
  const { name, text } = input;
  const lines = splitLines(text);
  const meta = readBuddyMeta(new JsonLine(name, 1, lines[0] ?? ''));
  const machine = readMachine(name, lines, meta, meta.zoneNames);
  const steps = new StepReader(meta, machine);
  for (let i = 2; i < lines.length; i++) steps.read(new JsonLine(name, i + 1, lines[i]));
  if (steps.missing !== null) throw new RecordingError(name, lines.length + 1, 1, 'the end of the file', steps.missing);
  return {
    name,
    meta,
    machine,
    steps: steps.steps,
    operations: steps.operations,
    total: steps.steps.filter((step) => step.kind !== 'note').length,
  };
}

/** Reads the lines from the third on, and knows what must come next. */
class StepReader {
  readonly steps: BuddyStep[];
  operations = 0;
  readonly #meta: BuddyMeta;
  /** Zones that have check points: those with memory, in index order. */
  readonly #zones: readonly number[];
  /** Operations from one check point to the next; known from the first one on. */
  #interval = Infinity;
  /** Zones whose check point comes next. */
  #due: readonly number[] = [];
  #dump: 't1' | 't2' | null = 't1';

  constructor(meta: BuddyMeta, machine: RecordedMachine) {
    this.#meta = meta;
    this.#zones = machine.state.zones.filter((zone) => zone.managed > 0).map((zone) => zone.index);
    this.steps = [{ kind: 'dump', line: 2, label: 't0', state: machine.state }];
  }

  /** What the file may not end before; null when it may. */
  get missing(): string | null {
    if (this.#due.length > 0) return this.#dueText();
    return this.#dump === null ? null : `a dump "${this.#dump}"`;
  }

  read(line: JsonLine): void {
    if (this.#dump === null) line.fail([], 'the end of the file: dump "t2" is the last line');
    if (Array.isArray(line.value)) this.#readArray(line, line.value);
    else if ('cp' in line.object(line.value, [])) this.#readCheckPoint(line);
    else this.#readDump(line, this.#dump);
  }

  #readArray(line: JsonLine, fields: readonly unknown[]): void {
    if (this.#due.length > 0) line.fail([], this.#dueText());
    if (fields[0] === 'note') {
      if (fields.length !== 2) line.fail([], 'a note: ["note", number]');
      this.steps.push({ kind: 'note', line: line.number, phase: line.integer(fields[1], [1]) });
      return;
    }
    this.operations++;
    this.steps.push(readOperation(line, fields, this.operations));
    if (this.operations % this.#interval === 0) this.#due = this.#zones;
  }

  #readCheckPoint(line: JsonLine): void {
    const value = line.object(line.value, []);
    line.members(value, [], ['cp', 'zone', ...CHECK_POINT_COUNTS.map(([name]) => name), 'nr_free']);
    line.integer(value['cp'], ['cp'], this.operations, this.operations);
    if (this.#interval === Infinity && this.operations > 0) {
      this.#interval = this.operations;
      this.#due = this.#zones;
    }
    if (this.#due.length === 0) line.fail([], `no check point after operation ${this.operations}`);
    const [zone, ...rest] = this.#due;
    line.integer(value['zone'], ['zone'], zone, zone);
    this.#due = rest;
    const counts = CHECK_POINT_COUNTS.map(([name, min]) => [name, line.integer(value[name], [name], min)]);
    const nrFree = line.integers(value['nr_free'], ['nr_free']);
    if (nrFree.length !== this.#meta.maxOrder) line.fail(['nr_free'], `${this.#meta.maxOrder} counts, one for each order`);
    this.steps.push({
      kind: 'check point',
      line: line.number,
      zone,
      // The keys are exactly the names of CHECK_POINT_COUNTS; TypeScript cannot see that through fromEntries.
      values: { ...Object.fromEntries(counts), nr_free: nrFree } as unknown as CheckPointValues,
    });
  }

  #readDump(line: JsonLine, label: 't1' | 't2'): void {
    if (this.#due.length > 0) line.fail([], this.#dueText());
    this.steps.push({ kind: 'dump', line: line.number, label, state: readDump(line, label, this.#meta) });
    this.#dump = label === 't1' ? 't2' : null;
  }

  #dueText(): string {
    return `the check point of zone ${this.#due[0]} after operation ${this.operations}`;
  }
}

function readOperation(line: JsonLine, values: readonly unknown[], number: number): BuddyOperation {
  const letter = values[0];
  if (!isOperationLetter(letter)) return line.fail([0], `an operation: ${Object.keys(OPERATIONS).join(' ')} or note`);
  const fields: readonly OperationField[] = OPERATIONS[letter].fields;
  if (values.length !== fields.length + 2) {
    const names = fields.map((field) => field.name);
    const expected = `${fields.length + 2} items: ${[`"${letter}"`, ...names, 'events'].join(', ')}`;
    return line.fail([], expected, `${values.length} items`);
  }
  const read = fields.map((field, i) => {
    const value = values[i + 1];
    const { min, max } = field;
    return [field.name, field.list ? line.integers(value, [i + 1], min, max) : line.integer(value, [i + 1], min, max)];
  });
  const at = fields.length + 1;
  const events = line.array(values[at], [at]).map((event, i) => readEvent(line, event, [at, i]));
  // The members are those that OPERATIONS names for this letter; TypeScript cannot see that through fromEntries.
  const call = { op: letter, ...Object.fromEntries(read) } as OperationCall;
  return { kind: 'operation', line: line.number, number, ...call, events };
}

function readEvent(line: JsonLine, value: unknown, where: readonly number[]): RecordedEvent {
  const [letter, ...fields] = line.array(value, where);
  if (!isEventLetter(letter)) return line.fail([...where, 0], `an event: ${Object.keys(EVENTS).join(' ')}`);
  const names = EVENTS[letter].fields;
  if (fields.length !== names.length) {
    return line.fail(where, `${names.length + 1} items: ${[`"${letter}"`, ...names].join(', ')}`);
  }
  return [letter, ...fields.map((field, i) => line.integer(field, [...where, i + 1], -1))];
}
