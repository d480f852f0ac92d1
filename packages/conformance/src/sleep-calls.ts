/**
 * Recordings of calls that let time pass: `sleep` lines, each with everything that was asked and what came of it.
 *
 * ```
 * {"ev":"kick", ...}     what an interrupt did to the sleeper meanwhile; belongs to the line after it
 * {"ev":"sleep", ...}    one call: fn, argv, the time of the call, the kick, the result
 * ```
 *
 * The calls are independent, so each is made on a kernel of its own. (time spec 5.6, 6)
 */
import type { Sleepable } from '@kmem/contracts';
import {
  MAX_SCHEDULE_TIMEOUT,
  SIGKILL,
  SIGUSR1,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_UNINTERRUPTIBLE,
} from '@kmem/contracts';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { Implementations, RecordingInput } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import type { KernelUnderTest } from './kernel-under-test.js';
import { splitLines } from './recording-meta.js';
import { readJiffies, type Scenario, type ScenarioLine } from './scenario-recording.js';
import { replayLines, ScenarioRun } from './scenario-run.js';
import { numberOf } from './step-kinds.js';

/** Members that count from the start of a longer run of calls, which is not kept. */
const IGNORED = ['j', 't'];
/** What writing one line took on the recorded machine, as far as it shows in a measured time, in ns. */
const LINE_NS = 40_000;
/** What printing an error with its stack took there, in ns: a timeout below 0 is answered so. */
const ERROR_NS = 1_200_000;
/** LONG_MAX as the number nearest to it. */
const LONG_MAX = 2 ** 63;
/** How the lines name kicks, by number. */
const KICKS = ['', 'wake_up_process', 'send_sig SIGUSR1', 'send_sig SIGKILL'];

/** Makes one call with what its line says; returns what `ret` shows. */
type SleepCall = (kernel: KernelUnderTest, argument: number) => Sleepable<number>;

const CALLS: Readonly<Record<string, SleepCall>> = {
  msleep: silent(({ delays }, ms) => delays.msleep(ms)),
  msleep_interruptible: ({ delays }, ms) => delays.msleepInterruptible(ms),
  ssleep: silent(({ delays }, seconds) => delays.ssleep(seconds)),
  udelay: silent(({ delays }, us) => delays.udelay(us)),
  ndelay: silent(({ delays }, ns) => delays.ndelay(ns)),
  mdelay: silent(({ delays }, ms) => delays.mdelay(ms)),
  fsleep: silent(({ delays }, us) => delays.fsleep(us)),
  usleep_range: silent(({ delays }, us) => delays.usleepRange(us, us)),
  'usleep_range(us,us)': silent(({ delays }, us) => delays.usleepRange(us, us)),
  'usleep_range(us,2*us)': silent(({ delays }, us) => delays.usleepRange(us, us * 2)),
  'usleep_range_state INTERRUPTIBLE': silent(({ delays }, us) => delays.usleepRange(us, us, TASK_INTERRUPTIBLE)),
  usleep_idle_range: silent(({ delays }, us) => delays.usleepRange(us, us * 1.5, TASK_IDLE)),
  schedule_timeout_interruptible: ({ delays }, jiffies) => delays.scheduleTimeoutState(jiffies, TASK_INTERRUPTIBLE),
  schedule_timeout_uninterruptible: ({ delays }, jiffies) => delays.scheduleTimeoutState(jiffies, TASK_UNINTERRUPTIBLE),
  schedule_timeout_killable: ({ delays }, jiffies) => delays.scheduleTimeoutState(jiffies, TASK_KILLABLE),
  schedule_timeout_idle: ({ delays }, jiffies) => delays.scheduleTimeoutState(jiffies, TASK_IDLE),
  io_schedule_timeout: ({ delays }, jiffies) => delays.scheduleTimeoutState(jiffies, TASK_UNINTERRUPTIBLE),
  'schedule_timeout in TASK_RUNNING': ({ timers }, jiffies) => timers.scheduleTimeout(jiffies),
  schedule_hrtimeout: ({ sched, clock, delays }, ns) => {
    sched.setCurrentState(TASK_INTERRUPTIBLE);
    return delays.scheduleHrtimeoutRange(clock.now() + ns);
  },
  'schedule_hrtimeout(NULL)': ({ sched, delays }) => {
    sched.setCurrentState(TASK_INTERRUPTIBLE);
    return delays.scheduleHrtimeoutRange(Infinity);
  },
};

/**
 * Tells whether a text is such a recording.
 *
 * @param text - the text.
 * @returns true when it begins like one.
 */
export function isSleepRecording(text: string): boolean {
  return /^\{"sc":"[^"]*","ev":"(sleep|kick)"/.test(text);
}

/**
 * Makes the calls of a recording anew.
 *
 * @param input - the recording.
 * @param implementations - has the kernel to make them on.
 * @returns one result for the calls that can be made, counted in lines, and one for each function that is not known.
 * @throws RecordingError when the recording itself is wrong.
 */
export function conformSleeps(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { bootKernel } = implementations;
  if (bootKernel === undefined) return [unsupportedResult(input.name, 'sleeps', 'there is no kernel to sleep on')];
  const unknown = new Map<string, number>();
  let exact = 0;
  let total = 0;
  let difference: Difference | null = null;
  for (const scenario of readSleepCalls(input.name, input.text)) {
    const { fn } = scenario.script;
    if (!(String(fn) in CALLS)) {
      unknown.set(String(fn), (unknown.get(String(fn)) ?? 0) + 1);
      continue;
    }
    const { written, found } = replayLines(scenario, bootKernel, sleep);
    exact += written;
    total += scenario.lines.length;
    difference ??= found;
  }
  const results: Conformance[] = [];
  if (total > 0) results.push({ name: input.name, kind: 'sleeps', exact, total, stated: [], difference, unsupported: null });
  for (const [fn, calls] of unknown) results.push(unsupportedResult(input.name, 'sleeps', `${calls} calls of ${fn}, which is not known`));
  return results;
}

/** Reads the calls, each as a scenario whose script is its own `sleep` line. */
function readSleepCalls(name: string, text: string): Scenario[] {
  const calls: Scenario[] = [];
  let lines: ScenarioLine[] = [];
  splitLines(text).forEach((content, index) => {
    const line = new JsonLine(name, index + 1, content);
    const members = line.object(line.value, []);
    const ev = line.string(members['ev'], ['ev']);
    const a = line.object(members['a'], ['a']);
    lines.push({ line: line.number, ev, members, a });
    if (ev !== 'sleep') return;
    const sc = line.string(members['sc'], ['sc']);
    calls.push({ name: sc, jiffies0: readJiffies(line, a['call_jiffies'], 'call_jiffies'), script: a, lines, nrCpus: 1, ignored: IGNORED });
    lines = [];
  });
  return calls;
}

/** What the sleeping task does: waits for the phase, arms the kick, makes the call, and writes what came of it. */
function* sleep(run: ScenarioRun): Sleepable<number> {
  const { script } = run.scenario;
  const { kernel } = run;
  const { cpus, clock, sched, timers, hrtimers } = kernel;
  const self = sched.current;
  sched.allowSignal(SIGUSR1);
  sched.allowSignal(SIGKILL);
  yield* cpus.busyUntil(clock.now() + numberOf(script, 'phase_ns'));
  if (numberOf(script, 'sigpending_before') !== 0) sched.sendSig(SIGUSR1, self);
  const kick = numberOf(script, 'kick');
  const kicker = hrtimers.create(() => {
    const ret = kick === 1 ? sched.wakeUpProcess(self) : sched.sendSig(kick === 2 ? SIGUSR1 : SIGKILL, self);
    run.write('kick', { how: KICKS[kick], state: sched.taskState(self), ret });
    return false;
  });
  const [beginNs, beginJiffies] = [clock.now(), timers.jiffies];
  if (kick !== 0) hrtimers.hrtimerStart(kicker, beginNs + numberOf(script, 'kick_ns'));
  // Whoever calls this has looked the function up.
  const ret = yield* CALLS[String(script['fn'])](kernel, argumentOf(script));
  hrtimers.destroy(kicker);
  run.write('sleep', {
    ...inputsOf(script),
    ret: ret === MAX_SCHEDULE_TIMEOUT ? LONG_MAX : ret,
    jiffies: timers.jiffies - beginJiffies,
    ns: clock.now() - beginNs + LINE_NS + (argumentOf(script) < 0 ? ERROR_NS : 0),
    state_after: sched.taskState(self),
    signal_pending: sched.signalPending(self) ? 1 : 0,
    fatal_pending: sched.signalPendingState(TASK_KILLABLE, self) ? 1 : 0,
  });
  return 0;
}

function argumentOf(script: JsonObject): number {
  return script['arg'] === 'MAX_SCHEDULE_TIMEOUT' ? MAX_SCHEDULE_TIMEOUT : numberOf(script, 'argv');
}

function inputsOf(script: JsonObject): JsonObject {
  const { fn, arg, argv, phase_ns, kick, kick_ns, sigpending_before, call_jiffies } = script;
  return { fn, arg, argv, phase_ns, kick, kick_ns, sigpending_before, call_jiffies };
}

/** A call that returns nothing shows 0. */
function silent(call: (kernel: KernelUnderTest, argument: number) => Sleepable<void>): SleepCall {
  return function* (kernel, argument) {
    yield* call(kernel, argument);
    return 0;
  };
}
