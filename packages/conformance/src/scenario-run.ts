/**
 * ScenarioRun: one scenario on one booted kernel, up to the first line that differs.
 *
 * ```
 * lines[next]   the recorded line that must be written next
 * zero          jiffy from which j counts
 * ```
 *
 * What the recording leaves open is taken from it, as the rules of the recordings say: how long busy code takes (j of
 * the next line), and which of several runnable tasks goes on (its task). Everything else is compared.
 */
import type { Atomic, CpuId, TaskId } from '@kmem/contracts';
import { HARDIRQ_MASK, SOFTIRQ_OFFSET } from '@kmem/contracts';
import { compareValues, quoteValue, type ValueDifference } from './compare-values.js';
import type { JsonObject } from './json-line.js';
import type { KernelUnderTest } from './kernel-under-test.js';
import type { Scenario, ScenarioLine } from './scenario-recording.js';

/** One step of a script. */
export type Step = JsonObject & { readonly do: string };

/** Ticks a second of the recorded machines. */
export const RECORDED_HZ = 250;
/** ns a tick. */
export const TICK_NS = 1e9 / RECORDED_HZ;

/** Events written from inside a kernel function: the low byte of pc counts the locks held there. */
const WRITTEN_INSIDE = ['func'];
const INSIDE_MASK = 0x1fff00;

/** A line that is not as recorded; ends the replay. */
export class LineDifference extends Error {
  /** Which line. */
  readonly line: number;
  /** What differs in it. */
  readonly found: ValueDifference;

  /**
   * @param line - line in the file, from 1.
   * @param found - what differs.
   */
  constructor(line: number, found: ValueDifference) {
    super(`line ${line}: ${found.what}`);
    this.line = line;
    this.found = found;
  }
}

/** A scenario while it runs. */
export class ScenarioRun {
  /** What was recorded. */
  readonly scenario: Scenario;
  /** Lines written so far; all were as recorded. */
  written = 0;
  /** Jiffy from which `j` counts. */
  zero: number;
  #kernel: KernelUnderTest | null = null;
  readonly #writers: ReadonlySet<unknown>;

  /**
   * @param scenario - what was recorded.
   */
  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.zero = scenario.jiffies0;
    this.#writers = new Set(scenario.lines.map(({ members }) => members['task']));
  }

  /**
   * The kernel it runs on.
   *
   * @returns the kernel.
   * @throws TypeError before `boot`.
   */
  get kernel(): KernelUnderTest {
    if (this.#kernel === null) throw new TypeError('the scenario has no kernel yet');
    return this.#kernel;
  }

  /**
   * Says on which kernel it runs.
   *
   * @param kernel - just booted.
   */
  boot(kernel: KernelUnderTest): void {
    this.#kernel = kernel;
    this.zero = kernel.timers.jiffies;
  }

  /** The line that must come next; undefined after the last one. */
  get next(): ScenarioLine | undefined {
    return this.scenario.lines[this.written];
  }

  /**
   * Lets as much time pass as the recorded kernel needed up to its next line. Code takes no time of its own here.
   */
  *catchUp(): Atomic<void> {
    const { cpus, clock } = this.kernel;
    const ns = this.#untilNext();
    if (ns > 0 && !cpus.irqsDisabled()) yield* cpus.busyUntil(clock.now() + ns);
  }

  /**
   * Writes a line and compares it with the recorded one.
   *
   * @param ev - what happened.
   * @param a - the values that go with it.
   * @throws LineDifference when the recorded kernel did something else.
   */
  write(ev: string, a: JsonObject): void {
    const { kernel, next } = this;
    const { cpus, sched, timers } = kernel;
    const count = cpus.preemptCount();
    const context = (count & HARDIRQ_MASK) !== 0 ? 'hardirq' : (count & SOFTIRQ_OFFSET) !== 0 ? 'softirq' : 'task';
    const got: JsonObject = {
      sc: this.scenario.name,
      ev,
      ctx: context,
      pc: count,
      irqoff: cpus.irqsDisabled() ? 1 : 0,
      cpu: cpus.cpu,
      j: timers.jiffies - this.zero,
      task: sched.comm(sched.current),
      a,
    };
    if (next === undefined) {
      const { lines } = this.scenario;
      throw new LineDifference(lines[lines.length - 1].line, { what: 'another line', expected: 'the end', got: quoteValue(got) });
    }
    const found = next.ev === ev ? compareValues(comparable(next.members, ev), comparable(got, ev), ev) : null;
    if (found !== null) throw new LineDifference(next.line, found);
    if (next.ev !== ev) throw new LineDifference(next.line, { what: 'event', expected: quoteValue(next.members), got: quoteValue(got) });
    this.written++;
    this.#passInside();
  }

  /**
   * Lets the time up to the next line pass inside a kernel function that has interrupts off: the ticks arrive as soon as
   * they are on, which is the last moment before that line at which they can.
   */
  #passInside(): void {
    const { cpus } = this.kernel;
    const ns = this.#untilNext();
    if (ns > 0 && cpus.irqsDisabled() && cpus.preemptCount() !== 0) cpus.charge(ns);
  }

  /** Time to the beginning of the next line's jiffy in ns; 0 or less when that has begun. */
  #untilNext(): number {
    const { clock, timers } = this.kernel;
    const j = this.next?.members['j'];
    return typeof j === 'number' ? (j - (timers.jiffies - this.zero)) * TICK_NS - (clock.now() % TICK_NS) : 0;
  }

  /**
   * Chooses the task that writes the next line.
   *
   * @param _cpu - the CPU that looks for a task.
   * @param runnable - the tasks there are.
   * @returns one that writes no line at all: it is done before others write theirs; otherwise the task of the next line.
   */
  chooseTask(_cpu: CpuId, runnable: readonly TaskId[]): TaskId {
    const { sched } = this.kernel;
    const name = this.next?.members['task'];
    const silent = runnable.find((task) => !this.#writers.has(sched.comm(task)));
    return silent ?? runnable.find((task) => sched.comm(task) === name) ?? runnable[0];
  }
}

/** A line without what is not compared: prose, and in places the low byte of pc. */
function comparable(line: JsonObject, ev: string): JsonObject {
  const { pc, a, ...rest } = line;
  const inside = WRITTEN_INSIDE.includes(ev) && typeof pc === 'number';
  // Both come from readScenarios or write, where `a` is an object.
  const { doc, ...values } = a as JsonObject;
  return { ...rest, pc: inside ? pc & INSIDE_MASK : pc, a: ev === 'begin' ? values : { ...values, ...(doc !== undefined && { doc }) } };
}
