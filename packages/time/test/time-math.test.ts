import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createTimeMath } from '@kmem/time';

const math = createTimeMath();
const { MAX_JIFFY_OFFSET } = math.constants;

test('constants of each number of ticks a second', () => {
  const rows = [100, 250, 1000].map((hz) => {
    const { TICK_NSEC, INITIAL_JIFFIES, SEC_JIFFIE_SC, NSEC_JIFFIE_SC, MAX_SEC_IN_JIFFIES } = createTimeMath({ hz }).constants;
    return [TICK_NSEC, INITIAL_JIFFIES, SEC_JIFFIE_SC, NSEC_JIFFIE_SC, MAX_SEC_IN_JIFFIES];
  });
  expect(rows).toEqual([
    [10_000_000, 4294937296n, 25, 54, 2748779068n],
    [4_000_000, 4294892296n, 24, 53, 2199023255n],
    [1_000_000, 4294667296n, 22, 51, 2199023255n],
  ]);
  expect(() => createTimeMath({ hz: 0 })).toThrow('hz: expected 12 to 1000, got 0');
});

describe('comparing', () => {
  test('is right across the wrap, in 64 and in 32 bits', () => {
    const math32 = createTimeMath({ bitsPerLong: 32 });
    expect([math32.timeAfter(0n, 0xffff_ffffn), math.timeAfter(0n, 0xffff_ffffn)]).toEqual([true, false]);
    expect([math.timeAfter(5n, 5n), math.timeAfterEq(5n, 5n)]).toEqual([false, true]);
    expect([math.timeInRange(5n, 5n, 5n), math.timeInRangeOpen(5n, 5n, 5n)]).toEqual([true, false]);
  });

  test('at half the range both are after each other', () => {
    const far = 7n + 2n ** 63n;
    expect([math.timeAfter(7n, far), math.timeBefore(7n, far)]).toEqual([true, true]);
  });
});

describe('to jiffies', () => {
  test('milliseconds and microseconds are rounded up, nanoseconds down', () => {
    expect([0n, 1n, 4n, 5n, 1000n, 0x7fff_ffffn].map((n) => math.msecsToJiffies(n))).toEqual([0n, 1n, 1n, 2n, 250n, 536870912n]);
    expect([1n, 4000n, 4001n, 4294959296n].map((n) => math.usecsToJiffies(n))).toEqual([1n, 1n, 2n, 1073740n]);
    expect([3_999_999n, 4_000_000n].map((n) => math.nsecsToJiffies(n))).toEqual([0n, 1n]);
  });

  test('what is negative or too long gives the longest distance', () => {
    expect([math.msecsToJiffies(0x8000_0000n), math.usecsToJiffies(4294959297n)]).toEqual([MAX_JIFFY_OFFSET, MAX_JIFFY_OFFSET]);
    expect(math.timespec64ToJiffies({ sec: 2n ** 62n, nsec: 5n })).toBe(0x7f_ffff_ff76n);
  });

  test('a timespec is rounded up', () => {
    const times = [[0n, 0n], [0n, 1n], [0n, 4_000_000n], [0n, 4_000_001n], [1n, 999_999_999n]] as const;
    expect(times.map(([sec, nsec]) => math.timespec64ToJiffies({ sec, nsec }))).toEqual([0n, 1n, 1n, 2n, 500n]);
  });

  test('at other numbers of ticks a second', () => {
    expect(createTimeMath({ hz: 1000 }).msecsToJiffies(1n)).toBe(1n);
    expect([1n, 11n].map((n) => createTimeMath({ hz: 100 }).msecsToJiffies(n))).toEqual([1n, 2n]);
    expect([10n, 11n].map((n) => createTimeMath({ hz: 300 }).msecsToJiffies(n))).toEqual([3n, 4n]);
  });

  test('and back is never less than it was, and less than a tick more', () => {
    for (const hz of [100, 250, 1000]) {
      const converting = createTimeMath({ hz });
      fc.assert(
        fc.property(fc.bigInt(0n, 2n ** 31n - 1n), (msecs) => {
          const back = converting.jiffies64ToMsecs(converting.msecsToJiffies(msecs));
          return back >= msecs && back - msecs < BigInt(1000 / hz);
        }),
      );
    }
  });
});

describe('from jiffies', () => {
  test('milliseconds and microseconds wrap at 32 bits, and nanoseconds with them', () => {
    expect([math.jiffiesToMsecs(3n), math.jiffiesToUsecs(3n), math.jiffiesToMsecs(0x4000_0000n)]).toEqual([12n, 12000n, 0n]);
    expect([math.jiffiesToNsecs(2_000_000n), math.jiffies64ToNsecs(2_000_000n)]).toEqual([((8_000_000_000n % 2n ** 32n) * 1000n), 8_000_000_000_000n]);
  });

  test('ticks of user space are rounded down', () => {
    expect([math.jiffiesToClockT(5n), math.clockTToJiffies(3n), math.clockTToJiffies(2n ** 64n - 1n)]).toEqual([2n, 7n, 2n ** 64n - 1n]);
    const at1000 = createTimeMath({ hz: 1000 });
    expect([at1000.jiffiesToClockT(19n), at1000.clockTToJiffies(3n)]).toEqual([1n, 30n]);
  });
});

describe('rounding to seconds', () => {
  const now = 4294894250n;
  test('goes down below a quarter of a second and up from there', () => {
    expect(math.roundJiffies(now, now + 250n + 61n, 0, false)).toBe(now + 250n);
    expect(math.roundJiffies(now, now + 250n + 62n, 0, false)).toBe(now + 500n);
    expect(math.roundJiffies(now, now + 250n + 1n, 0, true)).toBe(now + 500n);
  });

  test('gives what it was given when the rounded jiffy has passed', () => {
    expect(math.roundJiffies(now + 5n, now + 10n, 0, false)).toBe(now + 10n);
    expect(math.roundJiffies(4294894337n, 4294894347n, 1, false)).toBe(4294894497n);
  });
});

describe('times', () => {
  test('negative ones have negative seconds', () => {
    expect(math.nsToTimespec64(-1n)).toEqual({ sec: -1n, nsec: 999_999_999n });
    expect(math.setNormalizedTimespec64(1n, -1_500_000_000n)).toEqual({ sec: -1n, nsec: 500_000_000n });
    expect([math.ktimeToUs(-1999n), math.ktimeDivns(-7n, 2n)]).toEqual([-1n, -3n]);
  });

  test('saturate', () => {
    const { KTIME_MAX } = math.constants;
    expect([math.ktimeSet(9223372036n, 0n), math.ktimeAddSafe(KTIME_MAX, 1n), math.ktimeAddSafe(1n, 2n)]).toEqual([KTIME_MAX, KTIME_MAX, 3n]);
    expect(math.timespec64ToNs({ sec: -(2n ** 40n), nsec: 0n })).toBe(-KTIME_MAX - 1n);
  });

  test('dates and seconds are each other\'s inverse', () => {
    expect(math.mktime64(2000, 2, 29, 24, 0, 60)).toBe(951868860n);
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 11n), 10n ** 11n), (seconds) => {
        const { year, mon, mday, hour, min, sec } = math.time64ToTm(seconds, 0);
        return math.mktime64(year + 1900, mon + 1, mday, hour, min, sec) === seconds;
      }),
    );
    expect(math.time64ToTm(-1n, 3600)).toEqual({ year: 70, mon: 0, mday: 1, hour: 0, min: 59, sec: 59, wday: 4, yday: 0 });
  });
});
