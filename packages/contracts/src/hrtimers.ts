/**
 * HrTimers: functions that are called at a time in ns of CLOCK_MONOTONIC, in hard interrupt context. (time spec 5)
 */
import type { HrTimerId } from './units.js';

/**
 * Is called when a high-resolution timer is due, with interrupts off.
 *
 * @returns true to run again at the timer's expiry, which the function has moved forward; false to be done.
 */
export type HrTimerFunction = (timer: HrTimerId) => boolean;

/** High-resolution timers. Each is queued on the CPU that started it. */
export interface HrTimers {
  /**
   * Makes a timer.
   *
   * @kernelName hrtimer_init
   * @param fn - its function.
   * @returns the timer, not queued.
   */
  create(fn: HrTimerFunction): HrTimerId;
  /**
   * Gives a timer back. One that is queued is cancelled.
   *
   * @param timer - which one.
   */
  destroy(timer: HrTimerId): void;
  /**
   * Queues a timer, or queues it anew.
   *
   * @kernelName hrtimer_start_range_ns
   * @param timer - which one.
   * @param expires - the time before which it does not run, in ns; Infinity for never.
   * @param slack - how much later it may run so that interrupts can be shared, in ns.
   */
  hrtimerStart(timer: HrTimerId, expires: number, slack?: number): void;
  /**
   * Queues a timer, or queues it anew, for some time from now.
   *
   * @kernelName hrtimer_start_range_ns
   * @param timer - which one.
   * @param ns - how long; a negative time is never over.
   * @param slack - how much later it may run, in ns.
   */
  hrtimerStartRelative(timer: HrTimerId, ns: number, slack?: number): void;
  /**
   * Moves the expiry of a timer that is not queued past a time, by whole intervals.
   *
   * @kernelName hrtimer_forward
   * @param timer - which one.
   * @param now - the time to pass, in ns.
   * @param interval - ns; less than 1 counts as 1.
   * @returns intervals it was moved by; 0 when its expiry lies after `now` already.
   */
  hrtimerForward(timer: HrTimerId, now: number, interval: number): number;
  /**
   * Takes a timer out of the queue.
   *
   * @kernelName hrtimer_try_to_cancel
   * @param timer - which one.
   * @returns 1 when it was queued, 0 when not, -1 while its function is running.
   */
  hrtimerTryToCancel(timer: HrTimerId): number;
  /**
   * Tells whether a timer is queued.
   *
   * @kernelName hrtimer_is_queued
   * @param timer - which one.
   * @returns false inside its own function.
   */
  hrtimerIsQueued(timer: HrTimerId): boolean;
  /**
   * Reads when a timer is due at the latest.
   *
   * @kernelName hrtimer_get_expires
   * @param timer - which one.
   * @returns ns, the slack included.
   */
  hrtimerGetExpires(timer: HrTimerId): number;
  /**
   * Reads from when on a timer may run.
   *
   * @kernelName hrtimer_get_softexpires
   * @param timer - which one.
   * @returns ns, without the slack.
   */
  hrtimerGetSoftexpires(timer: HrTimerId): number;
  /**
   * Tells whether a timer is queued or its function runs.
   *
   * @kernelName hrtimer_active
   * @param timer - which one.
   * @returns true when it is.
   */
  hrtimerActive(timer: HrTimerId): boolean;
}
