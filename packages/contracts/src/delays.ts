/** Delays: busy-waiting and sleeping for a time. (time spec 5.6, 6) */
import type { Atomic, Sleepable } from './execution.js';

/** Ways to let time pass. */
export interface Delays {
  /**
   * Keeps the CPU busy.
   *
   * @kernelName ndelay
   * @param ns - how long.
   * @context any.
   */
  ndelay(ns: number): Atomic<void>;
  /**
   * Keeps the CPU busy.
   *
   * @kernelName udelay
   * @param us - how long.
   * @context any.
   */
  udelay(us: number): Atomic<void>;
  /**
   * Keeps the CPU busy.
   *
   * @kernelName mdelay
   * @param ms - how long.
   * @context any.
   */
  mdelay(ms: number): Atomic<void>;
  /**
   * Sleeps for at least some milliseconds.
   *
   * @kernelName msleep
   * @param ms - how long.
   */
  msleep(ms: number): Sleepable<void>;
  /**
   * Sleeps for at least some milliseconds, or until a signal is pending.
   *
   * @kernelName msleep_interruptible
   * @param ms - how long.
   * @returns ms that were left; 0 when the time is over.
   */
  msleepInterruptible(ms: number): Sleepable<number>;
  /**
   * Sleeps for at least some seconds.
   *
   * @kernelName ssleep
   * @param seconds - how long.
   */
  ssleep(seconds: number): Sleepable<void>;
  /**
   * Sleeps for a time between two bounds; wake-ups do not shorten it.
   *
   * @kernelName usleep_range_state
   * @param min - us, at least.
   * @param max - us, at most.
   * @param state - of the sleep. @default TASK_UNINTERRUPTIBLE
   */
  usleepRange(min: number, max: number, state?: number): Sleepable<void>;
  /**
   * Waits for some microseconds, in the way that suits their number.
   *
   * @kernelName fsleep
   * @param us - how long.
   */
  fsleep(us: number): Sleepable<void>;
  /**
   * Sets the state of the task, and sleeps for some jiffies or until it is woken.
   *
   * @kernelName schedule_timeout_uninterruptible
   * @param timeout - jiffies, at least 0; MAX_SCHEDULE_TIMEOUT to be woken only.
   * @param state - of the sleep: schedule_timeout_interruptible, _killable and _idle are other values of it.
   * @returns what is left; 0 when the time is over.
   */
  scheduleTimeoutState(timeout: number, state: number): Sleepable<number>;
  /**
   * Sleeps until a time, or until the task is woken. The state must have been set.
   *
   * @kernelName schedule_hrtimeout_range
   * @param expires - ns of CLOCK_MONOTONIC; Infinity to be woken only; 0 returns at once.
   * @param slack - how much later it may be, in ns.
   * @returns 0 when the time has come, -EINTR when the task was woken before.
   */
  scheduleHrtimeoutRange(expires: number, slack?: number): Sleepable<number>;
}
