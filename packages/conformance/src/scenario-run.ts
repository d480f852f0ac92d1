/**
 * ScenarioRun: one scenario on one booted kernel, up to the first line that differs.
 *
 * ```
 * next   the recorded line that the present CPU must write next
 * zero   jiffy from which j counts
 * ```
 *
 * What the recording leaves open is taken from it, as the rules of the recordings say: how long busy code takes (j of
 * the next line), and which of several runnable tasks goes on (its task). Everything else is compared.
 */
import type { Atomic, Sleepable, TaskId } from '@kmem/contracts';
import { HARDIRQ_MASK, IDLE_TASK, SOFTIRQ_OFFSET, TASK_DEAD } from '@kmem/contracts';
import { compareValues, quoteError, quoteValue, type ValueDifference } from './compare-values.js';
import type { Difference } from './conformance-result.js';
import type { JsonObject } from './json-line.js';
import type { KernelRequest, KernelUnderTest } from './kernel-under-test.js';
import { ScenarioComparison } from './scenario-comparison.js';
import { ScenarioLines } from './scenario-lines.js';
import { ScenarioTasks } from './scenario-tasks.js';
import type { Scenario, ScenarioLine } from './scenario-recording.js';

/** One step of a script. */
export type Step = JsonObject & { readonly do: string };

/** Ticks a second of the recorded machines. */
const RECORDED_HZ = 250;
/** ns a tick. */
export const TICK_NS = 1e9 / RECORDED_HZ;

/** What the delay loop of the recorded machine takes for each ns asked: it is calibrated 0.8 % short. */
const RECORDED_DELAY_LOOP = 0.992;
/** Jiffy with which a recorded machine boots. */
export const INITIAL_JIFFIES = 2 ** 32 - 300 * RECORDED_HZ;
/** Task that does the steps, if the recording does not begin with a line of it. */
const DRIVER = 'orc-main';
/** A line that is not as recorded; ends the replay. */
class LineDifference extends Error {
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

/** How far a replay came. */
export interface Replayed {
  /** Lines that were written, all as recorded. */
  readonly written: number;
  /** The first line that was not; null when there is none. */
  readonly found: Difference | null;
}

/**
 * Replays one scenario on a kernel of its own.
 *
 * @param scenario - what was recorded.
 * @param bootKernel - boots a kernel.
 * @param code - what the task `orc-main` does on it.
 * @returns how far it came.
 */
export function replayLines(
  scenario: Scenario,
  bootKernel: (request: KernelRequest) => KernelUnderTest,
  code: (run: ScenarioRun) => Sleepable<number>,
): Replayed {
  const run = new ScenarioRun(scenario);
  const failure = (line: number, what: string, expected: string, got: string): Replayed => ({
    written: run.written,
    found: {
      operation: run.written,
      line,
      what: `scenario ${scenario.name}: ${what}`,
      expected,
      got,
      state: `${run.written} of ${scenario.lines.length} lines of the scenario were as recorded`,
    },
  });
  try {
    runOn(run, bootKernel, code);
  } catch (error) {
    if (error instanceof LineDifference) return failure(error.line, error.found.what, error.found.expected, error.found.got);
    return failure(run.next?.line ?? 0, 'running it', 'no error', quoteError(error));
  }
  const left = run.firstLeft();
  if (left === undefined) return { written: run.written, found: null };
  return failure(left.line, 'event', `event ${left.ev}`, 'nothing: nobody runs any more');
}

/**
 * Describes a kernel like the recorded ones, on which nothing is followed.
 *
 * @param jiffies - the jiffy at the beginning of which it boots.
 * @returns what to boot.
 */
export function recordedAt(jiffies: number): KernelRequest {
  const startNs = (jiffies - INITIAL_JIFFIES) * TICK_NS;
  const ignore = (): void => undefined;
  const trace = { schedWaking: ignore, softirqRaise: ignore, softirqEntry: ignore, softirqExit: ignore };
  return { nrCpus: 1, startNs, hz: RECORDED_HZ, delayLoop: RECORDED_DELAY_LOOP, trace, chooseTask: (_cpu, [first]) => first };
}

function runOn(
  run: ScenarioRun,
  bootKernel: (request: KernelRequest) => KernelUnderTest,
  code: (run: ScenarioRun) => Sleepable<number>,
): void {
  const { scenario } = run;
  const kernel = bootKernel({
    ...recordedAt(scenario.jiffies0),
    nrCpus: scenario.nrCpus,
    trace: {
      schedWaking: (task) => run.onWaking(task),
      softirqRaise: (nr) => run.onSoftirq('softirq_raise', nr),
      softirqEntry: (nr) => run.onSoftirq('softirq_entry', nr),
      softirqExit: (nr) => run.onSoftirq('softirq_exit', nr),
    },
    chooseTask: (_cpu, runnable) => run.tasks.chooseTask(runnable),
    chooseWorker: (idle) => run.tasks.chooseWorker(idle),
  });
  run.boot(kernel);
  const [first] = scenario.lines;
  const main = kernel.sched.kthreadCreate(() => code(run), first.ev === 'begin' ? String(first.members['task']) : DRIVER, 0);
  // Before anybody looks for a task: what the kernel itself started goes to sleep first.
  kernel.run(kernel.clock.now());
  kernel.sched.wakeUpProcess(main);
  // Timers that re-arm themselves go on for ever; where the driver does not write the last line, nothing does.
  while (kernel.sched.taskState(main) !== TASK_DEAD && kernel.step());
  if (scenario.lines[scenario.lines.length - 1].ev !== 'end') kernel.run();
}

/** A scenario while it runs. */
export class ScenarioRun {
  /** What was recorded. */
  readonly scenario: Scenario;
  /** Which task goes on, and which worker is which. */
  readonly tasks: ScenarioTasks;
  /** Jiffy from which `j` counts. */
  zero: number;
  /** Time from which `t` counts, in ns. */
  zeroNs = 0;
  /** Is told of every wake-up, while the task still sleeps. */
  onWaking: (task: TaskId) => void = () => undefined;
  /** Is told of every softirq that is raised and run, under the name that lines give that. */
  onSoftirq: (ev: string, nr: number) => void = () => undefined;
  /** Is told when another line comes next. */
  onWritten: () => void = () => undefined;
  #kernel: KernelUnderTest | null = null;
  readonly #lines: ScenarioLines;
  readonly #comparison: ScenarioComparison;

  /**
   * @param scenario - what was recorded.
   */
  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.zero = scenario.jiffies0;
    this.#lines = new ScenarioLines(scenario, scenario.nrCpus);
    this.#comparison = new ScenarioComparison(scenario);
    this.tasks = new ScenarioTasks(this);
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
    this.zeroNs = kernel.clock.now();
    // A task whose next line is written with interrupts off lets the time up to it pass before they are.
    kernel.sched.addSwitchHooks({
      switchIn: (task) => {
        const ns = this.#untilNext();
        const line = this.next?.members;
        if (ns > 0 && line?.['irqoff'] === 1 && this.tasks.isWriter(task) && line['ctx'] !== 'hardirq') kernel.cpus.charge(ns);
      },
    });
  }

  /** Lines written so far; all were as recorded. */
  get written(): number {
    return this.#lines.written;
  }

  /** The line that this CPU must write next; undefined after the last one. */
  get next(): ScenarioLine | undefined {
    return this.#lines.next(this.#kernel?.cpus.cpu ?? 0);
  }

  /** Line in the file of what this CPU has written last. */
  get lastLine(): number {
    return this.#lines.last(this.kernel.cpus.cpu);
  }

  /**
   * Finds a line that was not written.
   *
   * @returns the first one; undefined when all were.
   */
  firstLeft(): ScenarioLine | undefined {
    return this.#lines.firstLeft();
  }

  /**
   * Ends the replay at the next line of this CPU.
   *
   * @param what - what differs.
   * @param expected - what was recorded.
   * @param got - what is so here.
   * @throws LineDifference always.
   */
  fail(what: string, expected: string, got: string): never {
    throw new LineDifference(this.next?.line ?? 0, { what, expected, got });
  }

  /**
   * Demands that the next line of this CPU stands behind one of another CPU.
   *
   * @param line - line in the file.
   */
  mustFollow(line: number): void {
    this.#lines.mustFollow(this.kernel.cpus.cpu, line);
  }

  /**
   * Lets as much time pass as the recorded kernel needed up to its next line. Code takes no time of its own here.
   */
  *catchUp(): Atomic<void> {
    const { cpus, clock, sched } = this.kernel;
    const ns = this.#untilNext();
    // Another task's line is its own matter, or comes out of idleness.
    if (!this.tasks.isWriter(sched.current)) return;
    if (ns > 0 && !cpus.irqsDisabled()) yield* cpus.busyUntil(clock.now() + ns);
  }

  /**
   * Lets the same time pass inside an interrupt.
   */
  passTime(): void {
    const ns = this.#untilNext();
    if (ns > 0) this.kernel.cpus.charge(ns);
  }

  /**
   * Lets a part of that time pass.
   *
   * @param parts - how many parts there are.
   */
  *catchUpPart(parts: number): Atomic<void> {
    const { cpus, clock } = this.kernel;
    const ns = this.#untilNext();
    if (ns > 0) yield* cpus.busyUntil(clock.now() + Math.floor(ns / parts));
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
    const { cpus, timers } = kernel;
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
      ...('t' in (next?.members ?? {}) && { t: this.kernel.clock.now() - this.zeroNs }),
      task: this.tasks.name(),
      a,
    };
    if (next === undefined) {
      const { lines } = this.scenario;
      throw new LineDifference(lines[lines.length - 1].line, { what: 'another line', expected: 'the end', got: quoteValue(got) });
    }
    const found = next.ev === ev ? this.#comparison.compare(next.members, got) : null;
    if (found !== null) throw new LineDifference(next.line, found);
    if (next.ev !== ev) throw new LineDifference(next.line, { what: 'event', expected: quoteValue(next.members), got: quoteValue(got) });
    this.#goOn(next);
    // The line that ends an interrupt: what comes next is up to the task.
    if (ev !== 'raised') this.#passInside();
    this.onWritten();
  }

  /**
   * Writes a line that does not say where it was written, and compares it with the recorded one.
   *
   * @param ev - what happened.
   * @param members - the values that go with it.
   * @throws LineDifference when the recorded kernel did something else.
   */
  writeRow(ev: string, members: JsonObject): void {
    const { next } = this;
    const got = { sc: this.scenario.name, ev, ...members };
    const found = compareValues(next?.members, got, ev);
    if (found !== null) throw new LineDifference(next?.line ?? 0, found);
    if (next !== undefined) this.#goOn(next);
  }

  #goOn({ line }: ScenarioLine): void {
    const before = this.#lines.goOn(this.kernel.cpus.cpu);
    if (before !== null) throw new LineDifference(line, { what: 'order', expected: `after line ${before}`, got: `line ${line}` });
  }

  /**
   * Lets the time up to the next line pass inside a kernel function that has interrupts off: the ticks arrive as soon as
   * they are on, which is the last moment before that line at which they can.
   */
  #passInside(): void {
    const { cpus, sched } = this.kernel;
    const ns = this.#untilNext();
    // Where the time is recorded, what comes next has its own.
    if (typeof this.next?.members['t'] === 'number') return;
    // An idle CPU waits for its next event, not for a line.
    if (sched.current === IDLE_TASK || !this.tasks.isWriter(sched.current)) return;
    if (ns > 0 && cpus.irqsDisabled() && cpus.preemptCount() !== 0) cpus.charge(ns);
  }

  /** Time to the beginning of the next line's jiffy in ns; 0 or less when that has begun. */
  #untilNext(): number {
    const { clock, timers } = this.kernel;
    const j = this.next?.members['j'];
    const t = this.next?.members['t'];
    if (typeof t === 'number' && !this.scenario.ignored.includes('t')) return this.zeroNs + t - clock.now();
    if (this.scenario.ignored.includes('j')) return 0;
    return typeof j === 'number' ? (j - (timers.jiffies - this.zero)) * TICK_NS - (clock.now() % TICK_NS) : 0;
  }
}
