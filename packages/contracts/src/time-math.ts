/**
 * TimeMath: conversions between units of time, with the kernel's rounding, wrapping and saturation. (time spec 1, 3)
 *
 * Values are bigints, as results exceed what a number holds. Arguments of any size are taken as the kernel's type takes them:
 * `unsigned long` has the width of the machine, `u32` 32 bits, `s64` and `u64` 64.
 */

/** Seconds and nanoseconds; normalised, `nsec` is 0 to 999,999,999. */
export interface Timespec64 {
  /** Seconds, negative before zero. */
  readonly sec: bigint;
  /** Nanoseconds added to them. */
  readonly nsec: bigint;
}

/** A date and time of day, as `struct tm` has it. */
export interface BrokenDownTime {
  /** Years since 1900. */
  readonly year: number;
  /** Month, from 0. */
  readonly mon: number;
  /** Day of the month, from 1. */
  readonly mday: number;
  /** Hour. */
  readonly hour: number;
  /** Minute. */
  readonly min: number;
  /** Second. */
  readonly sec: number;
  /** Day of the week, Sunday is 0. */
  readonly wday: number;
  /** Day of the year, from 0. */
  readonly yday: number;
}

/** Numbers that follow from the ticks a second and the width of a long. */
export interface TimeConstants {
  /** Ticks a second. */
  readonly HZ: number;
  /** Ticks a second that user space sees. */
  readonly USER_HZ: number;
  /** Bits of a long. */
  readonly BITS_PER_LONG: number;
  /** ns a tick. */
  readonly TICK_NSEC: number;
  /** ns a tick where there are no high-resolution timers. */
  readonly LOW_RES_NSEC: number;
  /** ns a second. */
  readonly NSEC_PER_SEC: number;
  /** Shift of the seconds in timespec64_to_jiffies. */
  readonly SEC_JIFFIE_SC: number;
  /** Shift of the nanoseconds there. */
  readonly NSEC_JIFFIE_SC: number;
  /** Longest mdelay made of one udelay, in ms. */
  readonly MAX_UDELAY_MS: number;
  /** The jiffy at boot. */
  readonly INITIAL_JIFFIES: bigint;
  /** The longest distance that conversions return. */
  readonly MAX_JIFFY_OFFSET: bigint;
  /** A timeout that never ends. */
  readonly MAX_SCHEDULE_TIMEOUT: bigint;
  /** Largest long. */
  readonly LONG_MAX: bigint;
  /** Latest time, in ns. */
  readonly KTIME_MAX: bigint;
  /** Its seconds. */
  readonly KTIME_SEC_MAX: bigint;
  /** Seconds of the earliest time. */
  readonly KTIME_SEC_MIN: bigint;
  /** From so many seconds on timespec64_to_jiffies saturates. */
  readonly MAX_SEC_IN_JIFFIES: bigint;
  /** Most seconds of a timespec64. */
  readonly TIME64_MAX: bigint;
}

/** The conversions of one machine. */
export interface TimeMath {
  /** Its constants. */
  readonly constants: TimeConstants;
  /** Tells whether `a` is later than `b`; both directions hold at half the range. @kernelName time_after */
  timeAfter(a: bigint, b: bigint): boolean;
  /** Tells whether `a` is earlier than `b`. @kernelName time_before */
  timeBefore(a: bigint, b: bigint): boolean;
  /** Tells whether `a` is not earlier than `b`. @kernelName time_after_eq */
  timeAfterEq(a: bigint, b: bigint): boolean;
  /** Tells whether `a` is not later than `b`. @kernelName time_before_eq */
  timeBeforeEq(a: bigint, b: bigint): boolean;
  /** Tells whether `a` lies in `b` to `c`, both included. @kernelName time_in_range */
  timeInRange(a: bigint, b: bigint, c: bigint): boolean;
  /** Tells whether `a` lies in `b` to `c`, `c` not included. @kernelName time_in_range_open */
  timeInRangeOpen(a: bigint, b: bigint, c: bigint): boolean;
  /** Rounds up; a negative 32-bit value gives MAX_JIFFY_OFFSET. @kernelName msecs_to_jiffies */
  msecsToJiffies(msecs: bigint): bigint;
  /** Rounds up; what jiffies_to_usecs cannot return gives MAX_JIFFY_OFFSET. @kernelName usecs_to_jiffies */
  usecsToJiffies(usecs: bigint): bigint;
  /** Rounds down. @kernelName nsecs_to_jiffies64 */
  nsecsToJiffies64(nsecs: bigint): bigint;
  /** Rounds down, to a long. @kernelName nsecs_to_jiffies */
  nsecsToJiffies(nsecs: bigint): bigint;
  /** Gives the low 32 bits. @kernelName jiffies_to_msecs */
  jiffiesToMsecs(jiffies: bigint): bigint;
  /** Gives the low 32 bits. @kernelName jiffies_to_usecs */
  jiffiesToUsecs(jiffies: bigint): bigint;
  /** Goes through jiffies_to_usecs and wraps with it. @kernelName jiffies_to_nsecs */
  jiffiesToNsecs(jiffies: bigint): bigint;
  /** Is exact in 64 bits. @kernelName jiffies64_to_nsecs */
  jiffies64ToNsecs(jiffies: bigint): bigint;
  /** Is exact in 64 bits. @kernelName jiffies64_to_msecs */
  jiffies64ToMsecs(jiffies: bigint): bigint;
  /** Rounds down to USER_HZ. @kernelName jiffies_to_clock_t */
  jiffiesToClockT(jiffies: bigint): bigint;
  /** Rounds down to USER_HZ. @kernelName jiffies_64_to_clock_t */
  jiffies64ToClockT(jiffies: bigint): bigint;
  /** Rounds down; saturates to the largest unsigned long. @kernelName clock_t_to_jiffies */
  clockTToJiffies(ticks: bigint): bigint;
  /** Rounds down to USER_HZ. @kernelName nsec_to_clock_t */
  nsecToClockT(nsecs: bigint): bigint;
  /** Splits the time of some jiffies. @kernelName jiffies_to_timespec64 */
  jiffiesToTimespec64(jiffies: bigint): Timespec64;
  /** Rounds up; saturates at MAX_SEC_IN_JIFFIES. @kernelName timespec64_to_jiffies */
  timespec64ToJiffies(time: Timespec64): bigint;
  /** Saturates to KTIME_MAX and its negative. @kernelName timespec64_to_ns */
  timespec64ToNs(time: Timespec64): bigint;
  /** Gives a normalised time. @kernelName ns_to_timespec64 */
  nsToTimespec64(nsecs: bigint): Timespec64;
  /** Carries nanoseconds beyond a second. @kernelName set_normalized_timespec64 */
  setNormalizedTimespec64(sec: bigint, nsec: bigint): Timespec64;
  /** Saturates to KTIME_MAX. @kernelName ktime_set */
  ktimeSet(secs: bigint, nsecs: bigint): bigint;
  /** Compares: below, equal, above give -1, 0, 1. @kernelName ktime_compare */
  ktimeCompare(a: bigint, b: bigint): number;
  /** Saturates to KTIME_MAX when the sum wraps or is negative. @kernelName ktime_add_safe */
  ktimeAddSafe(a: bigint, b: bigint): bigint;
  /** Divides, toward zero. @kernelName ktime_divns */
  ktimeDivns(time: bigint, divisor: bigint): bigint;
  /** Divides by 1000, toward zero. @kernelName ktime_to_us */
  ktimeToUs(time: bigint): bigint;
  /** Divides by 1,000,000, toward zero. @kernelName ktime_to_ms */
  ktimeToMs(time: bigint): bigint;
  /** Multiplies in 64 bits. @kernelName ms_to_ktime */
  msToKtime(msecs: bigint): bigint;
  /**
   * Moves a jiffy to a whole second, or a bit later for higher CPUs, unless that has passed.
   *
   * @kernelName __round_jiffies
   * @param jiffies - the present one.
   * @param j - the one to round.
   * @param cpu - whose skew is added.
   * @param up - never earlier: __round_jiffies_up.
   * @returns the rounded jiffy, or `j`.
   */
  roundJiffies(jiffies: bigint, j: bigint, cpu: number, up: boolean): bigint;
  /** Does what roundJiffies does for a distance from the present. @kernelName __round_jiffies_relative */
  roundJiffiesRelative(jiffies: bigint, delta: bigint, cpu: number, up: boolean): bigint;
  /**
   * Breaks a time down.
   *
   * @kernelName time64_to_tm
   * @param seconds - since 1970.
   * @param offset - seconds east of Greenwich.
   * @returns date and time of day.
   */
  time64ToTm(seconds: bigint, offset: number): BrokenDownTime;
  /**
   * Counts the seconds from 1970 to a date. Takes 24:00:00 and second 60.
   *
   * @kernelName mktime64
   * @param year - of our era.
   * @param mon - from 1.
   * @param day - from 1.
   * @param hour - 0 to 24.
   * @param min - 0 to 59.
   * @param sec - 0 to 60.
   * @returns seconds.
   */
  mktime64(year: number, mon: number, day: number, hour: number, min: number, sec: number): bigint;
}
