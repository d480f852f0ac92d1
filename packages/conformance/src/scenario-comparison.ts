/**
 * ScenarioComparison: which members of a line count, and how near measured times must be.
 *
 * ```
 * all CPUs          every member but those that the scenario ignores
 * CPU 1 and later   also not what the request found the CPU doing: context, preempt_count, task
 * a                 prose is left out, and a bit of istate; in places the low byte of pc
 * ```
 */
import { compareValues, type ValueDifference } from './compare-values.js';
import type { JsonObject } from './json-line.js';
import type { Scenario } from './scenario-recording.js';

/** How far a measured time may be off, in ns: the recorded one contains the cost of the code that measured it. */
const WITHIN_NS = 100_000;
/** Names of times that are measured, in ns. */
const MEASURED = /^t$|^(.*_)?ns$/;
/** Events written from inside a kernel function: the low byte of pc counts the locks held there. */
const WRITTEN_INSIDE = /^(func|waking|softirq_.*|chip\..*)$/;
const INSIDE_MASK = 0x1fff00;
/** In `istate` this bit only says that the line has an entry in sysfs. */
const IRQS_SYSFS = 0x4000;
/** What other CPUs than the driver's were doing when they were asked for something. */
const WHOEVER_RAN = ['ctx', 'pc', 'task'];

/** Compares the lines of one scenario. */
export class ScenarioComparison {
  readonly #ignored: ReadonlySet<string>;
  readonly #ignoredElsewhere: ReadonlySet<string>;
  /** The end of a scenario says the jiffy once more. */
  readonly #ignoredAtEnd: ReadonlySet<string>;

  /**
   * @param scenario - whose lines.
   */
  constructor({ ignored }: Scenario) {
    this.#ignored = new Set([...ignored, 'a']);
    this.#ignoredElsewhere = new Set([...this.#ignored, ...WHOEVER_RAN]);
    this.#ignoredAtEnd = new Set(ignored.includes('j') ? ['jiffies'] : []);
  }

  /**
   * Finds what differs in a line of the right event.
   *
   * @param recorded - the recorded line.
   * @param got - the line written.
   * @returns the first difference; null when there is none that counts.
   */
  compare(recorded: JsonObject, got: JsonObject): ValueDifference | null {
    const ev = String(got['ev']);
    const left = Number(got['cpu']) > 0 ? this.#ignoredElsewhere : this.#ignored;
    const leftInside = ev === 'end' ? this.#ignoredAtEnd : NONE;
    // Both come from a recording or from a replay, where `a` is an object.
    return compareMembers(recorded, got, left, ev, ev) ?? compareMembers(recorded['a'] as JsonObject, got['a'] as JsonObject, leftInside, ev, `${ev}.a`);
  }
}

const NONE: ReadonlySet<string> = new Set();

function compareMembers(recorded: JsonObject, got: JsonObject, left: ReadonlySet<string>, ev: string, what: string): ValueDifference | null {
  for (const name in recorded) {
    const expected = recorded[name];
    const value = got[name];
    if (expected === value || left.has(name) || isEqual(name, expected, value, ev)) continue;
    const found = compareValues(expected, value, `${what}.${name}`);
    if (found !== null) return found;
  }
  for (const name in got) {
    if (got[name] !== undefined && !left.has(name) && !(name in recorded)) return compareValues(undefined, got[name], `${what}.${name}`);
  }
  return null;
}

/** Tells whether two values that are not the same count as equal. */
function isEqual(name: string, expected: unknown, value: unknown, ev: string): boolean {
  if (name === 'doc') return ev === 'begin';
  if (typeof expected !== 'number' || typeof value !== 'number') return false;
  if (name === 'pc') return WRITTEN_INSIDE.test(ev) && ((expected ^ value) & INSIDE_MASK) === 0;
  if (name === 'istate') return ((expected ^ value) & ~IRQS_SYSFS) === 0;
  return MEASURED.test(name) && Math.abs(expected - value) <= WITHIN_NS;
}
