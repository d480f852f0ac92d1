/**
 * Time arithmetic of the kernel, at any number of ticks a second and width of a long.
 *
 * ```
 * tick                 TICK_NSEC = 10 ** 9 / HZ, rounded to the nearest ns
 * timespec to jiffies  (sec * 2 ** SEC_SC / tick + nsec * 2 ** NSEC_SC / tick) without a division: both factors are kept,
 *                      rounded up, so that every ns beyond a tick counts as one more
 * ```
 *
 * Not for hot paths: what counts jiffies as numbers is in conversions.ts. (time spec 1.1, 1.3, 3)
 */
import type { BrokenDownTime, TimeConstants, TimeMath, Timespec64 } from '@kmem/contracts';

const NSEC_PER_SEC = 1_000_000_000n;
const USER_HZ = 100n;
const S64_MAX = 2n ** 63n - 1n;
const KTIME_SEC_MAX = S64_MAX / NSEC_PER_SEC;
const SECONDS_A_DAY = 86_400;
/** Jiffies by which the rounding of one CPU is later than that of the one before. */
const CPU_SKEW = 3n;
const MAX_UDELAY_MS = 5;

const s64 = (value: bigint): bigint => BigInt.asIntN(64, value);
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
const ceilDiv = (a: bigint, b: bigint): bigint => (a + b - 1n) / b;

/** Options of {@link createTimeMath}. */
export interface TimeMathOptions {
  /** Ticks a second, from 12 to 1000. @default 250 */
  readonly hz?: number;
  /** Bits of a long. @default 64 */
  readonly bitsPerLong?: 32 | 64;
}

/**
 * Makes the conversions of a machine.
 *
 * @param options - its ticks a second and width of a long.
 * @returns the conversions.
 * @throws RangeError for an `hz` that is out of range.
 */
export function createTimeMath(options: TimeMathOptions = {}): TimeMath {
  const { hz = 250, bitsPerLong = 64 } = options;
  if (!(Number.isInteger(hz) && hz >= 12 && hz <= 1000)) throw new RangeError(`hz: expected 12 to 1000, got ${hz}`);
  const constants = constantsOf(hz, bitsPerLong);
  return { constants, ...comparisons(bitsPerLong), ...jiffyConversions(constants), ...timespecConversions(constants), ...KTIME, ...CALENDAR };
}

function constantsOf(hz: number, bitsPerLong: number): TimeConstants {
  const longMax = 2n ** BigInt(bitsPerLong - 1) - 1n;
  const offset = longMax / 2n - 1n;
  const tick = Math.floor((1e9 + hz / 2) / hz);
  const secShift = 32 - (32 - Math.clz32(hz - 1));
  // What is left of a long after the shift, as seconds; twice that, rounded, less one, where a long has 64 bits.
  const shifted = 2n * (offset >> BigInt(secShift)) * BigInt(tick);
  const maxSec = bitsPerLong === 64 ? (shifted + NSEC_PER_SEC / 2n) / NSEC_PER_SEC - 1n : (offset * BigInt(tick)) / NSEC_PER_SEC;
  return {
    HZ: hz,
    USER_HZ: Number(USER_HZ),
    BITS_PER_LONG: bitsPerLong,
    TICK_NSEC: tick,
    LOW_RES_NSEC: tick,
    NSEC_PER_SEC: Number(NSEC_PER_SEC),
    SEC_JIFFIE_SC: secShift,
    NSEC_JIFFIE_SC: secShift + 29,
    MAX_UDELAY_MS,
    INITIAL_JIFFIES: u32(BigInt(-300 * hz)),
    MAX_JIFFY_OFFSET: offset,
    MAX_SCHEDULE_TIMEOUT: longMax,
    LONG_MAX: longMax,
    KTIME_MAX: S64_MAX,
    KTIME_SEC_MAX,
    KTIME_SEC_MIN: -KTIME_SEC_MAX,
    MAX_SEC_IN_JIFFIES: maxSec,
    TIME64_MAX: S64_MAX,
  };
}

type Comparisons = Pick<TimeMath, 'timeAfter' | 'timeBefore' | 'timeAfterEq' | 'timeBeforeEq' | 'timeInRange' | 'timeInRangeOpen'>;

/** The sign of the difference decides, in the width of a long. */
function comparisons(bitsPerLong: number): Comparisons {
  const difference = (a: bigint, b: bigint): bigint => BigInt.asIntN(bitsPerLong, a - b);
  const timeAfter = (a: bigint, b: bigint): boolean => difference(b, a) < 0n;
  const timeAfterEq = (a: bigint, b: bigint): boolean => difference(a, b) >= 0n;
  return {
    timeAfter,
    timeAfterEq,
    timeBefore: (a, b) => timeAfter(b, a),
    timeBeforeEq: (a, b) => timeAfterEq(b, a),
    timeInRange: (a, b, c) => timeAfterEq(a, b) && timeAfterEq(c, a),
    timeInRangeOpen: (a, b, c) => timeAfterEq(a, b) && timeAfter(c, a),
  };
}

type JiffyConversions = Pick<
  TimeMath,
  | 'msecsToJiffies' | 'usecsToJiffies' | 'nsecsToJiffies' | 'nsecsToJiffies64'
  | 'jiffiesToMsecs' | 'jiffiesToUsecs' | 'jiffiesToNsecs' | 'jiffies64ToNsecs' | 'jiffies64ToMsecs'
  | 'jiffiesToClockT' | 'jiffies64ToClockT' | 'clockTToJiffies' | 'nsecToClockT' | 'roundJiffies' | 'roundJiffiesRelative'
>;

function jiffyConversions(constants: TimeConstants): JiffyConversions {
  const { BITS_PER_LONG, MAX_JIFFY_OFFSET } = constants;
  const hz = BigInt(constants.HZ);
  const tick = BigInt(constants.TICK_NSEC);
  const ulong = (value: bigint): bigint => BigInt.asUintN(BITS_PER_LONG, value);
  const slong = (value: bigint): bigint => BigInt.asIntN(BITS_PER_LONG, value);
  const jiffiesToUsecs = (jiffies: bigint): bigint => u32((ulong(jiffies) * 1_000_000n) / hz);
  const mostUsecs = jiffiesToUsecs(MAX_JIFFY_OFFSET);
  const isMultiple = hz % USER_HZ === 0n;
  const toUserTicks = (jiffies: bigint): bigint => (isMultiple ? jiffies / (hz / USER_HZ) : u64(jiffies * tick) / (NSEC_PER_SEC / USER_HZ));
  const mostUserTicks = isMultiple ? ulong(-1n) / (hz / USER_HZ) : (ulong(-1n) / hz) * USER_HZ;
  const after = comparisons(BITS_PER_LONG).timeAfter;

  function roundJiffies(jiffies: bigint, j: bigint, cpu: number, up: boolean): bigint {
    const skew = BigInt(cpu) * CPU_SKEW;
    const skewed = ulong(j + skew);
    const rem = skewed % hz;
    const second = skewed - rem + (rem < hz / 4n && !up ? 0n : hz);
    const rounded = ulong(second - skew);
    return after(rounded, jiffies) ? rounded : ulong(j);
  }

  return {
    msecsToJiffies: (msecs) => (BigInt.asIntN(32, msecs) < 0n ? MAX_JIFFY_OFFSET : ceilDiv(u32(msecs) * hz, 1000n)),
    usecsToJiffies: (usecs) => (u32(usecs) > mostUsecs ? MAX_JIFFY_OFFSET : ceilDiv(u32(usecs) * hz, 1_000_000n)),
    nsecsToJiffies64: (nsecs) => (u64(nsecs) * hz) / NSEC_PER_SEC,
    nsecsToJiffies: (nsecs) => ulong((u64(nsecs) * hz) / NSEC_PER_SEC),
    jiffiesToMsecs: (jiffies) => u32((ulong(jiffies) * 1000n) / hz),
    jiffiesToUsecs,
    jiffiesToNsecs: (jiffies) => jiffiesToUsecs(jiffies) * 1000n,
    jiffies64ToNsecs: (jiffies) => u64(u64(jiffies) * tick),
    jiffies64ToMsecs: (jiffies) => u64((u64(jiffies) * 1000n) / hz),
    jiffiesToClockT: (jiffies) => slong(toUserTicks(ulong(jiffies))),
    jiffies64ToClockT: (jiffies) => toUserTicks(u64(jiffies)),
    clockTToJiffies: (ticks) => (ulong(ticks) >= mostUserTicks ? ulong(-1n) : u64(ulong(ticks) * hz) / USER_HZ),
    nsecToClockT: (nsecs) => u64(nsecs) / (NSEC_PER_SEC / USER_HZ),
    roundJiffies,
    roundJiffiesRelative: (jiffies, delta, cpu, up) => ulong(roundJiffies(jiffies, ulong(jiffies + delta), cpu, up) - jiffies),
  };
}

type TimespecConversions = Pick<TimeMath, 'jiffiesToTimespec64' | 'timespec64ToJiffies'>;

function timespecConversions(constants: TimeConstants): TimespecConversions {
  const { BITS_PER_LONG, MAX_SEC_IN_JIFFIES } = constants;
  const tick = BigInt(constants.TICK_NSEC);
  const secShift = BigInt(constants.SEC_JIFFIE_SC);
  const nsecShift = BigInt(constants.NSEC_JIFFIE_SC);
  const perSec = ceilDiv(NSEC_PER_SEC << secShift, tick);
  const perNsec = ceilDiv(1n << nsecShift, tick);
  return {
    jiffiesToTimespec64: (jiffies) => {
      const nsecs = u64(BigInt.asUintN(BITS_PER_LONG, jiffies) * tick);
      return { sec: nsecs / NSEC_PER_SEC, nsec: nsecs % NSEC_PER_SEC };
    },
    timespec64ToJiffies: ({ sec, nsec }) => {
      const isTooLong = u64(sec) >= MAX_SEC_IN_JIFFIES;
      const secs = isTooLong ? MAX_SEC_IN_JIFFIES : u64(sec);
      const nsecs = isTooLong ? 0n : u64(nsec + tick - 1n);
      const scaled = u64(secs * perSec) + (u64(nsecs * perNsec) >> (nsecShift - secShift));
      return BigInt.asUintN(BITS_PER_LONG, u64(scaled) >> secShift);
    },
  };
}

function setNormalizedTimespec64(sec: bigint, nsec: bigint): Timespec64 {
  const below = ((nsec % NSEC_PER_SEC) + NSEC_PER_SEC) % NSEC_PER_SEC;
  return { sec: s64(sec + (nsec - below) / NSEC_PER_SEC), nsec: below };
}

function ktimeSet(secs: bigint, nsecs: bigint): bigint {
  return secs >= KTIME_SEC_MAX ? S64_MAX : s64(secs * NSEC_PER_SEC + nsecs);
}

/** Nothing here depends on the machine. */
const KTIME = {
  setNormalizedTimespec64,
  nsToTimespec64: (nsecs: bigint): Timespec64 => setNormalizedTimespec64(0n, s64(nsecs)),
  timespec64ToNs: ({ sec, nsec }: Timespec64): bigint => {
    if (sec >= KTIME_SEC_MAX) return S64_MAX;
    return sec <= -KTIME_SEC_MAX ? -S64_MAX - 1n : s64(sec * NSEC_PER_SEC + nsec);
  },
  ktimeSet,
  ktimeCompare: (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0),
  ktimeAddSafe: (a: bigint, b: bigint): bigint => {
    const sum = s64(a + b);
    return sum < 0n || sum < a || sum < b ? ktimeSet(KTIME_SEC_MAX, 0n) : sum;
  },
  ktimeDivns: (time: bigint, divisor: bigint): bigint => s64(time) / divisor,
  ktimeToUs: (time: bigint): bigint => s64(time) / 1000n,
  ktimeToMs: (time: bigint): bigint => s64(time) / 1_000_000n,
  msToKtime: (msecs: bigint): bigint => s64(s64(msecs) * 1_000_000n),
};

/** Days from 1970-01-01 to a date; months count from 1. */
function daysTo(year: bigint, mon: number, day: number): bigint {
  // A year that begins in March ends with the day that leap years add.
  const march = mon > 2 ? mon - 3 : mon + 9;
  const years = mon > 2 ? year : year - 1n;
  const era = (years >= 0n ? years : years - 399n) / 400n;
  const ofEra = years - era * 400n;
  const ofYear = BigInt(Math.floor((153 * march + 2) / 5) + day - 1);
  return era * DAYS_AN_ERA + ofEra * 365n + ofEra / 4n - ofEra / 100n + ofYear - DAYS_TO_1970;
}

/** Days in 400 years, and from March of the year 0 to 1970. */
const DAYS_AN_ERA = 146_097n;
const DAYS_TO_1970 = 719_468n;

function time64ToTm(seconds: bigint, offset: number): BrokenDownTime {
  const ofDay = Number(((seconds % BigInt(SECONDS_A_DAY)) + BigInt(SECONDS_A_DAY)) % BigInt(SECONDS_A_DAY));
  const shift = Math.floor((ofDay + offset) / SECONDS_A_DAY);
  const rest = ofDay + offset - shift * SECONDS_A_DAY;
  const days = (seconds - BigInt(ofDay)) / BigInt(SECONDS_A_DAY) + BigInt(shift);
  // Never too late: no year has fewer days than these.
  let year = 1970n + (days >= 0n ? days / 366n : days / 365n - 1n);
  while (daysTo(year + 1n, 1, 1) <= days) year++;
  let mon = 1;
  while (mon < 12 && daysTo(year, mon + 1, 1) <= days) mon++;
  return {
    year: Number(year) - 1900,
    mon: mon - 1,
    mday: Number(days - daysTo(year, mon, 1)) + 1,
    hour: Math.floor(rest / 3600),
    min: Math.floor(rest / 60) % 60,
    sec: rest % 60,
    wday: Number((((days + 4n) % 7n) + 7n) % 7n),
    yday: Number(days - daysTo(year, 1, 1)),
  };
}

const CALENDAR = {
  time64ToTm,
  mktime64: (year: number, mon: number, day: number, hour: number, min: number, sec: number): bigint =>
    daysTo(BigInt(year), mon, day) * BigInt(SECONDS_A_DAY) + BigInt(hour * 3600 + min * 60 + sec),
};
