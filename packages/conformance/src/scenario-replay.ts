/**
 * Replays scenarios: does the steps of a script on a booted kernel and compares every line it writes.
 *
 * A driver, one task, does the steps in order; callbacks do theirs where the kernel calls them. Each scenario has a kernel
 * of its own, so that a difference in one says nothing about the next.
 */
import type { Atomic, Sleepable } from '@kmem/contracts';
import { TASK_UNINTERRUPTIBLE } from '@kmem/contracts';
import { compareConstants, CONSTANT_ROWS } from './constant-rows.js';
import { CONTROL_FAMILY, controlSteps } from './control-steps.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import { HRTIMER_FAMILY, hrtimerSteps } from './hrtimer-steps.js';
import type { Implementations, RecordingInput } from './implementations.js';
import { IRQ_FAMILY, irqSteps } from './irq-steps.js';
import { IRQ_WORK_FAMILY, irqWorkSteps } from './irq-work-steps.js';
import type { JsonObject } from './json-line.js';
import { readScenarios, type Scenario } from './scenario-recording.js';
import { recordedAt, replayLines, TICK_NS, type ScenarioRun, type Step } from './scenario-run.js';
import { SOFTIRQ_FAMILY, softirqSteps } from './softirq-steps.js';
import { DriverInterrupts, SMP_FAMILY, smpSteps } from './smp-steps.js';
import { logAround, numberOf, objectOf, Program, resourcesOf, type AtomicStep, type SleepableStep, type StepFamily } from './step-kinds.js';
import { TIMER_FAMILY, timerSteps } from './timer-steps.js';
import { KTHREAD_FAMILY, kthreadSteps } from './kthread-steps.js';
import { WAIT1_FAMILY, wait1Steps } from './wait1-steps.js';
import { WAIT_ENTRY_FAMILY, waitEntrySteps } from './wait-entry-steps.js';
import { WAIT_TASK_FAMILY, waitTaskSteps } from './wait-task-steps.js';
import { WHEEL_FAMILY, wheelSteps } from './wheel-steps.js';
import { WORK_FAMILY, workSteps } from './work-steps.js';
import { compareWheelRow, WHEEL_ROWS } from './wheel-tables.js';

/** Rows that say how the machine was before the first scenario, which decides nothing. */
const ABOUT_THE_MACHINE = ['boot', 'smp-const'];

/**
 * Replays all scenarios of a recording.
 *
 * @param input - the recording.
 * @param implementations - has the kernel to replay it through.
 * @returns one result for the scenarios that were replayed, counted in lines, and one for each reason why others were not.
 * @throws RecordingError when the recording itself is wrong.
 */
export function conformScenarios(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { bootKernel } = implementations;
  if (bootKernel === undefined) return [unsupportedResult(input.name, 'scenarios', 'there is no kernel to replay scenarios through')];
  const { scenarios, others } = readScenarios(input.name, input.text);
  const unsupported = new Map<string, string[]>();
  const leaveOut = (reason: string, name: string): void => void unsupported.set(reason, [...(unsupported.get(reason) ?? []), name]);
  let exact = 0;
  let total = 0;
  let difference: Difference | null = null;
  for (const [name, lines] of others) {
    const isConstant = CONSTANT_ROWS.includes(name);
    if (!isConstant && !WHEEL_ROWS.includes(name)) {
      if (!ABOUT_THE_MACHINE.includes(name)) leaveOut('rows without a script', name);
      continue;
    }
    for (const line of lines) {
      total++;
      const found = isConstant ? compareConstants(name, line) : compareWheelRow(line, (jiffies) => bootKernel(recordedAt(jiffies)));
      if (found === null) exact++;
      else difference ??= { operation: total, line: line.number, ...found, what: `${name}: ${found.what}`, state: '' };
    }
  }
  for (const scenario of scenarios) {
    const reason = whatIsMissing(scenario);
    if (reason !== null) {
      leaveOut(reason, scenario.name);
      continue;
    }
    const { written, found } = replayLines(scenario, bootKernel, (run) => new Driver(run).run());
    exact += written;
    total += scenario.lines.length;
    difference ??= found;
  }
  const results: Conformance[] = [];
  if (total > 0) results.push({ name: input.name, kind: 'scenarios', exact, total, stated: [], difference, unsupported: null });
  for (const [reason, names] of unsupported) {
    results.push(unsupportedResult(input.name, 'scenarios', `${names.length} left out, ${reason}: ${names.join(', ')}`));
  }
  return results;
}

/** Does the steps of a script. */
class Driver {
  readonly #run: ScenarioRun;
  #families: readonly StepFamily[];

  constructor(run: ScenarioRun) {
    this.#run = run;
    const { script } = run.scenario;
    const interrupts = new DriverInterrupts(run.kernel.cpus);
    const atomic = (steps: readonly Step[]): Atomic<JsonObject> => this.#program(steps);
    const steps = (list: readonly Step[]): Sleepable<void> => this.#steps(list);
    const make = new Map<Family, () => StepFamily>([
      [IRQ_FAMILY, () => irqSteps(run, interrupts, atomic, steps)],
      [CONTROL_FAMILY, () => controlSteps(run, interrupts, atomic)],
      [SOFTIRQ_FAMILY, () => softirqSteps(run, atomic)],
      [IRQ_WORK_FAMILY, () => irqWorkSteps(run, atomic)],
      [WORK_FAMILY, () => workSteps(run, steps)],
      [SMP_FAMILY, () => smpSteps(run, interrupts, atomic)],
      [WHEEL_FAMILY, () => wheelSteps(run)],
      [HRTIMER_FAMILY, () => hrtimerSteps(run)],
      [WAIT1_FAMILY, () => wait1Steps(run)],
      [KTHREAD_FAMILY, () => kthreadSteps(run)],
      [WAIT_TASK_FAMILY, () => waitTaskSteps(run, steps)],
      [TIMER_FAMILY, () => timerSteps(run, atomic)],
      [WAIT_ENTRY_FAMILY, () => waitEntrySteps(run, atomic)],
    ]);
    this.#families = familiesOf(script).flatMap((family) => make.get(family)?.() ?? []);
  }

  *run(): Sleepable<number> {
    const run = this.#run;
    for (const { prepare } of this.#families) if (prepare !== undefined) yield* prepare();
    run.write('begin', { jiffies0: String(run.zero) });
    for (const { begun } of this.#families) begun?.();
    // Checked by whatIsMissing: every step is one that can be done.
    yield* this.#steps(run.scenario.script['steps'] as readonly Step[]);
    if (this.#families.some(({ hasEnd = true }) => !hasEnd)) return 0;
    yield* run.catchUp();
    run.write('end', { jiffies: String(run.kernel.timers.jiffies) });
    return 0;
  }

  *#steps(steps: readonly Step[]): Sleepable<void> {
    for (const step of steps) yield* this.#step(step);
  }

  *#step(step: Step): Sleepable<unknown> {
    const sleepable = this.#find(step, 'sleepable');
    if (sleepable !== undefined) return yield* sleepable(step);
    switch (step.do) {
      case 'tick':
        return yield* this.#tick(step);
      case 'spin_jiffies':
        return yield* this.#spinJiffies(step);
      case 'schedule_timeout_uninterruptible':
        return yield* this.#sleep(numberOf(step, 'jiffies'));
      case 'msleep':
        return yield* this.#run.kernel.delays.msleep(numberOf(step, 'ms'));
      case 'events':
        return yield* this.#events(step);
      default:
        return yield* this.#atomic(step);
    }
  }

  #find<K extends 'atomic' | 'sleepable'>(step: Step, kind: K): (K extends 'atomic' ? AtomicStep : SleepableStep) | undefined {
    for (const family of this.#families) {
      const found = family[kind][step.do === 'set' ? setName(step) : step.do];
      // The table was chosen by `kind`.
      if (found !== undefined) return found as K extends 'atomic' ? AtomicStep : SleepableStep;
    }
    return undefined;
  }

  *#atomic(step: Step): Atomic<unknown> {
    if (step.do === 'spin_ns') {
      const { cpus, clock } = this.#run.kernel;
      return yield* cpus.busyUntil(clock.now() + numberOf(step, 'ns'));
    }
    const found = this.#find(step, 'atomic');
    if (found !== undefined) return yield* found(step);
    if (step.do === 'log') return yield* this.#log(step);
    if (step.do === 'group') return yield* this.#group(step);
    throw new TypeError(`step ${step.do} is not known`);
  }

  /** One line with constants, and values read at that moment. */
  *#log(step: Step): Atomic<void> {
    yield* this.#run.catchUp();
    const values: Record<string, unknown> = { ...objectOf(step, 'a') };
    for (const [member, what] of Object.entries(objectOf(step, 'read'))) {
      const [of, id, property] = Array.isArray(what) ? Array.from<unknown>(what) : [what];
      const read = this.#families.find(({ reads }) => reads !== undefined && String(of) in reads)?.reads?.[String(of)];
      const value = read?.(id, property);
      values[member] = id === '>' ? Number(Number(value) > Number(property)) : value;
    }
    this.#run.write(String(step['ev']), values);
  }

  *#program(steps: readonly Step[]): Atomic<JsonObject> {
    const results: Record<string, unknown> = {};
    for (const step of steps) {
      const result = yield* this.#atomic(step);
      if (typeof step['as'] === 'string') results[step['as']] = result;
    }
    return results;
  }

  /** Several calls, one line. */
  *#group(step: Step): Atomic<void> {
    if (step['returns'] === 'sum') {
      yield* this.#sum(step);
      return;
    }
    const results = yield* this.#program(new Program(step['steps']).next());
    const read: Record<string, unknown> = {};
    for (const [member, what] of Object.entries(step['read'] ?? {})) {
      read[member] = yield* this.#atomic({ do: `read:${String(what)}` });
    }
    // What is to be spread is an object or absent.
    logAround(this.#run, step, 1, { ...(step['a'] as JsonObject | undefined), ...results, ...read });
  }

  /** Several calls between two lines, the second of which says the sum of their results. */
  *#sum(step: Step): Atomic<void> {
    logAround(this.#run, step, 0, { op: step['as'] });
    let ret = 0;
    for (const inner of new Program(step['steps']).next()) ret += Number(yield* this.#atomic(inner));
    logAround(this.#run, step, 1, { op: step['as'], ret });
  }

  /** Busy until the next jiffy begins. */
  *#tick(step: Step): Atomic<void> {
    const run = this.#run;
    const { cpus, clock, timers } = run.kernel;
    const now = clock.now();
    // The machine was booted at the beginning of the jiffy that shall be zero.
    if (now % TICK_NS !== 0 || numberOf(step, 'zero') === 0) yield* cpus.busyUntil(now - (now % TICK_NS) + TICK_NS);
    if (numberOf(step, 'zero') !== 0) run.zero = timers.jiffies;
  }

  *#spinJiffies(step: Step): Sleepable<void> {
    const { cpus, clock, sched, timers } = this.#run.kernel;
    const end = timers.jiffies + numberOf(step, 'jiffies');
    while (timers.jiffies < end) {
      yield* cpus.busyUntil(clock.now() - (clock.now() % TICK_NS) + TICK_NS);
      if (numberOf(step, 'yield') !== 0) yield* sched.condResched();
    }
  }

  *#sleep(jiffies: number): Sleepable<void> {
    const { sched, timers } = this.#run.kernel;
    sched.setCurrentState(TASK_UNINTERRUPTIBLE);
    yield* timers.scheduleTimeout(jiffies);
  }

  /** The calls are recorded lines: makes each when it is the next one. */
  *#events(step: Step): Sleepable<void> {
    const run = this.#run;
    for (let next = run.next; next !== undefined && next.ev !== 'end'; next = run.next) {
      const before = run.written;
      const recorded = { do: `events:${next.ev}` };
      const make = this.#find(recorded, 'sleepable') ?? this.#find(recorded, 'atomic');
      // A line of somebody else: time has to pass for it.
      yield* run.catchUp();
      if (make !== undefined && run.next === next) yield* make({ do: next.ev, ...next.a, after: step['after'] });
      if (run.written === before) return;
    }
  }
}

function setName(step: Step): string {
  return `set:${Object.keys(step).find((name) => ['timer', 'entry', 'task', 'nonblock', 'dev', 'chip', 'irq_work', 'work'].includes(name)) ?? ''}`;
}

/** Kinds of bottom halves, which scripts about other things have too. */
const BOTTOM_HALF_FAMILIES: readonly Family[] = [SOFTIRQ_FAMILY, IRQ_WORK_FAMILY, WORK_FAMILY];
/** Steps that the driver itself does. */
const DRIVER_STEPS = ['tick', 'spin_jiffies', 'schedule_timeout_uninterruptible', 'msleep', 'events', 'spin_ns', 'group', 'set', 'log'];

/** Says why a scenario cannot be replayed; null when it can. */
function whatIsMissing(scenario: Scenario): string | null {
  const { script } = scenario;
  const known: readonly Family[] = familiesOf(script);
  for (const name of Object.keys(script)) {
    if (name !== 'steps' && !known.some(({ resources }) => resources.includes(name))) return `resource "${name}" is not interpreted yet`;
  }
  for (const step of stepsIn(script)) {
    const name = String(step['do']);
    if (!known.some(({ steps }) => steps.includes(name)) && !DRIVER_STEPS.includes(name)) return `step "${name}" is not interpreted yet`;
  }
  for (const step of [...stepsIn(script), ...resourcesOf(script, 'hrtimers')]) {
    for (const { lacks } of known) {
      const lacking = lacks?.(step) ?? null;
      if (lacking !== null) return `${lacking} is not interpreted yet`;
    }
  }
  return null;
}

/** What the steps about some kind of thing are called. */
interface Family {
  readonly resources: readonly string[];
  readonly steps: readonly string[];
  /** Says what of a step is not known; null when it can be done. */
  readonly lacks?: (step: JsonObject) => string | null;
}

/** Says what a script is about: one main kind of thing, and what bottom halves come with it. */
function familiesOf(script: JsonObject): readonly Family[] {
  const hasBottomHalves = BOTTOM_HALF_FAMILIES.some(({ resources, steps }) => {
    return resources.some((name) => name in script) || [...stepsIn(script)].some((step) => steps.includes(String(step['do'])));
  });
  const families = hasBottomHalves ? BOTTOM_HALF_FAMILIES : [];
  const main = mainFamilyOf(script);
  const several = 'cpus' in script && main !== HRTIMER_FAMILY ? [SMP_FAMILY] : [];
  // Scripts about bottom halves alone have no main family, and wait entries are what is left when there is no other.
  if (families.length > 0 && main === WAIT_ENTRY_FAMILY) return [CONTROL_FAMILY, ...families, ...several];
  return main === IRQ_FAMILY || families.length > 0 ? [main, CONTROL_FAMILY, ...families, ...several] : [main, ...several];
}

function mainFamilyOf(script: JsonObject): Family {
  if ('first_irq' in script) return IRQ_FAMILY;
  for (const step of stepsIn(script)) if (step['do'] === 'wait_fired') return WHEEL_FAMILY;
  if ('timers' in script) return TIMER_FAMILY;
  if ('hrtimers' in script) return HRTIMER_FAMILY;
  if ('device' in script) return WAIT1_FAMILY;
  if ('kthreads' in script) return KTHREAD_FAMILY;
  // Every script that spawns tasks sets them free in the end.
  for (const step of stepsIn(script)) if (step['do'] === 'cleanup') return WAIT_TASK_FAMILY;
  return WAIT_ENTRY_FAMILY;
}

function* stepsIn(value: unknown): Generator<JsonObject, void, undefined> {
  if (typeof value !== 'object' || value === null) return;
  // Arrays and objects alike are looked through by their values.
  const members = value as Readonly<Record<string, unknown>>;
  if (typeof members['do'] === 'string') yield members;
  for (const member of Object.values(members)) yield* stepsIn(member);
}
