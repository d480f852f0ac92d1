/** Conversions between jiffies and other units, for numbers of ticks a second that divide 1000. (time spec 3) */

/**
 * Says with which jiffy a kernel boots: five minutes before the lower 32 bits wrap.
 *
 * @param hz - ticks a second.
 * @returns INITIAL_JIFFIES.
 */
export function initialJiffies(hz: number): number {
  return 2 ** 32 - 300 * hz;
}

/**
 * Converts milliseconds, rounding up.
 *
 * @kernelName msecs_to_jiffies
 * @param ms - milliseconds, from 0 to 2 ** 31 - 1.
 * @param hz - ticks a second.
 * @returns jiffies.
 */
export function msecsToJiffies(ms: number, hz: number): number {
  return Math.ceil(ms / (1000 / hz));
}

/**
 * Converts jiffies.
 *
 * @kernelName jiffies_to_msecs
 * @param jiffies - jiffies.
 * @param hz - ticks a second.
 * @returns milliseconds, in 32 bits.
 */
export function jiffiesToMsecs(jiffies: number, hz: number): number {
  return (jiffies * (1000 / hz)) % 2 ** 32;
}
