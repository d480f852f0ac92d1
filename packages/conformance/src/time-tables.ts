/**
 * Tables of conversions between units of time: one call of a pure function a row.
 *
 * ```
 * {"fn":NAME,"in":["..",..],"out":["..",..]}     arguments and results, 64-bit ones as decimal strings
 * {"fn":NAME,"in":{..},"out":{..}}               the same by name
 * {"fn":"const","out":{..}}                      constants
 * ```
 *
 * Rows are independent. (time spec 1.3, 3, 5.4)
 */
import type { TimeMath, Timespec64 } from '@kmem/contracts';
import { compareValues, quoteError, type ValueDifference } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { Implementations, RecordingInput } from './implementations.js';
import { JsonLine, type JsonObject } from './json-line.js';
import { splitLines } from './recording-meta.js';
import { INITIAL_JIFFIES, recordedAt } from './scenario-run.js';

/** Calls a function with the arguments of a row; returns what `out` shows. */
type RowCall = (math: TimeMath, input: readonly bigint[]) => unknown;

const one = (call: (math: TimeMath, a: bigint, b: bigint) => bigint | number): RowCall => (math, [a, b]) => [String(call(math, a, b))];
const timespec = (call: (math: TimeMath, a: bigint, b: bigint) => Timespec64): RowCall => (math, [a, b]) => {
  const { sec, nsec } = call(math, a, b);
  return [String(sec), String(nsec)];
};
const flag = (holds: boolean): number => (holds ? 1 : 0);

const CALLS: Readonly<Record<string, RowCall>> = {
  msecs_to_jiffies: one((math, a) => math.msecsToJiffies(a)),
  usecs_to_jiffies: one((math, a) => math.usecsToJiffies(a)),
  nsecs_to_jiffies: one((math, a) => math.nsecsToJiffies(a)),
  nsecs_to_jiffies64: one((math, a) => math.nsecsToJiffies64(a)),
  jiffies_to_msecs: one((math, a) => math.jiffiesToMsecs(a)),
  jiffies_to_usecs: one((math, a) => math.jiffiesToUsecs(a)),
  jiffies_to_nsecs: one((math, a) => math.jiffiesToNsecs(a)),
  jiffies64_to_nsecs: one((math, a) => math.jiffies64ToNsecs(a)),
  jiffies64_to_msecs: one((math, a) => math.jiffies64ToMsecs(a)),
  jiffies_to_clock_t: one((math, a) => math.jiffiesToClockT(a)),
  jiffies_64_to_clock_t: one((math, a) => math.jiffies64ToClockT(a)),
  clock_t_to_jiffies: one((math, a) => math.clockTToJiffies(a)),
  nsec_to_clock_t: one((math, a) => math.nsecToClockT(a)),
  ktime_to_ms: one((math, a) => math.ktimeToMs(a)),
  ktime_to_us: one((math, a) => math.ktimeToUs(a)),
  ms_to_ktime: one((math, a) => math.msToKtime(a)),
  ns_to_timespec64: timespec((math, a) => math.nsToTimespec64(a)),
  jiffies_to_timespec64: timespec((math, a) => math.jiffiesToTimespec64(a)),
  set_normalized_timespec64: timespec((math, a, b) => math.setNormalizedTimespec64(a, b)),
  timespec64_to_jiffies: one((math, sec, nsec) => math.timespec64ToJiffies({ sec, nsec })),
  timespec64_to_ns: one((math, sec, nsec) => math.timespec64ToNs({ sec, nsec })),
  ktime_set: one((math, a, b) => math.ktimeSet(a, b)),
  ktime_compare: one((math, a, b) => math.ktimeCompare(a, b)),
  ktime_divns: one((math, a, b) => math.ktimeDivns(a, b)),
  ktime_add_safe: one((math, a, b) => math.ktimeAddSafe(a, b)),
  time_cmp: (math, [a, b, c]) => {
    // A long of these machines has 64 bits.
    const [after, before] = [flag(math.timeAfter(a, b)), flag(math.timeBefore(a, b))];
    const [afterEq, beforeEq, inRange] = [flag(math.timeAfterEq(a, b)), flag(math.timeBeforeEq(a, b)), flag(math.timeInRange(a, b, c))];
    return {
      ...{ after, before, after_eq: afterEq, before_eq: beforeEq, in_range: inRange, in_range_open: flag(math.timeInRangeOpen(a, b, c)) },
      ...{ after64: after, before64: before, after_eq64: afterEq, before_eq64: beforeEq, in_range64: inRange },
    };
  },
  time64_to_tm: (math, [seconds, offset]) => math.time64ToTm(seconds, Number(offset)),
  mktime64: (math, [year, mon, day, hour, min, sec]) => [
    String(math.mktime64(Number(year), Number(mon), Number(day), Number(hour), Number(min), Number(sec))),
  ],
};

/**
 * Tells whether a text is such a table.
 *
 * @param text - the text.
 * @returns true when it begins like one.
 */
export function isTimeTable(text: string): boolean {
  return text.startsWith('{"fn":');
}

/**
 * Calls the functions of a table.
 *
 * @param input - the table.
 * @param implementations - has the functions.
 * @returns one result, counted in rows, and one for each function that is not known.
 * @throws RecordingError when the table itself is wrong.
 */
export function conformTimeTable(input: RecordingInput, implementations: Implementations): Conformance[] {
  const { timeMath, bootKernel } = implementations;
  if (timeMath === undefined || bootKernel === undefined) return [unsupportedResult(input.name, 'conversions', 'there is nothing that converts')];
  const calls = callsOf(timeMath, bootKernel);
  const unknown = new Map<string, number>();
  let exact = 0;
  let total = 0;
  let difference: Difference | null = null;
  splitLines(input.text).forEach((content, index) => {
    const line = new JsonLine(input.name, index + 1, content);
    const row = line.object(line.value, []);
    const fn = line.string(row['fn'], ['fn']);
    const call = calls[fn];
    if (call === undefined) {
      unknown.set(fn, (unknown.get(fn) ?? 0) + 1);
      return;
    }
    total++;
    const found = compareRow(call, row);
    if (found === null) exact++;
    else difference ??= { operation: total, line: line.number, ...found, what: `${fn}: ${found.what}`, state: `row ${content}` };
  });
  const results: Conformance[] = [];
  if (total > 0) results.push({ name: input.name, kind: 'conversions', exact, total, stated: [], difference, unsupported: null });
  for (const [fn, rows] of unknown) results.push(unsupportedResult(input.name, 'conversions', `${rows} rows of ${fn}, which is not known`));
  return results;
}

function compareRow(call: (input: unknown) => unknown, row: JsonObject): ValueDifference | null {
  try {
    return compareValues(row['out'], call(row['in']), 'out');
  } catch (error) {
    return { what: 'calling it', expected: 'no error', got: quoteError(error) };
  }
}

function callsOf(
  timeMath: NonNullable<Implementations['timeMath']>,
  bootKernel: NonNullable<Implementations['bootKernel']>,
): Readonly<Record<string, (input: unknown) => unknown>> {
  const math = timeMath(64);
  const math32 = timeMath(32);
  const kernel = bootKernel(recordedAt(INITIAL_JIFFIES));
  const calls: Record<string, (input: unknown) => unknown> = {};
  for (const [fn, call] of Object.entries(CALLS)) calls[fn] = (input) => call(math, Array.isArray(input) ? input.map(BigInt) : []);
  return {
    ...calls,
    const: () => Object.fromEntries(Object.entries(math.constants).map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value])),
    time_cmp32: (input) => {
      const [a, b] = Array.isArray(input) ? input.map(BigInt) : [];
      return { after32: flag(math32.timeAfter(a, b)), before32: flag(math32.timeBefore(a, b)) };
    },
    round_jiffies: (input) => {
      const { jiffies, j, delta, cpu } = bigintsOf(input);
      return {
        round: String(math.roundJiffies(jiffies, j, Number(cpu), false)),
        round_up: String(math.roundJiffies(jiffies, j, Number(cpu), true)),
        relative: String(math.roundJiffiesRelative(jiffies, delta, Number(cpu), false)),
        up_relative: String(math.roundJiffiesRelative(jiffies, delta, Number(cpu), true)),
      };
    },
    hrtimer_forward: (input) => {
      const { expires, now, interval } = bigintsOf(input);
      const { hrtimers } = kernel;
      const timer = hrtimers.create(() => false);
      // It keeps its expiry when it is cancelled, and only one that is not queued can be moved.
      hrtimers.hrtimerStart(timer, Number(expires));
      hrtimers.hrtimerTryToCancel(timer);
      const overruns = hrtimers.hrtimerForward(timer, Number(now), Number(interval));
      const moved = hrtimers.hrtimerGetExpires(timer);
      hrtimers.destroy(timer);
      return { overruns: String(overruns), expires: String(moved) };
    },
  };
}

/** The arguments of a row by name; those that are absent are 0. */
function bigintsOf(input: unknown): Record<'jiffies' | 'j' | 'delta' | 'cpu' | 'expires' | 'now' | 'interval', bigint> {
  const all = { jiffies: 0n, j: 0n, delta: 0n, cpu: 0n, expires: 0n, now: 0n, interval: 0n };
  // What is not an object has no arguments.
  const given = (input ?? {}) as JsonObject;
  for (const name of ['jiffies', 'j', 'delta', 'cpu', 'expires', 'now', 'interval'] as const) {
    if (name in given) all[name] = BigInt(String(given[name]));
  }
  return all;
}
