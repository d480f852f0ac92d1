/**
 * Timers: jiffies, and functions that are called at a jiffy.
 *
 * A timer is a number. `create` makes one; `at` makes the one that belongs to an address, on first use, for code that
 * has its timers in memory of its own and initialises them without a call. (time spec 1, 4, 6)
 */
import type { Atomic, AtomicResult, Sleepable } from './execution.js';
import type { CpuId, TimerId } from './units.js';

/** Timer flag: does not wake an idle CPU. */
export const TIMER_DEFERRABLE = 0x80000;
/** Timer flag: stays on the CPU that arms it. */
export const TIMER_PINNED = 0x100000;
/** Timer flag: its function runs with interrupts off. */
export const TIMER_IRQSAFE = 0x200000;

/** Is called when a timer is due, as part of TIMER_SOFTIRQ. */
export type TimerFunction = (timer: TimerId) => AtomicResult;

/** Sleeping for a time: the part of the timers that wait queues need. */
export interface SleepTimeout {
  /**
   * Sleeps for some jiffies, or until the task is woken. The state must have been set.
   *
   * @kernelName schedule_timeout
   * @param timeout - jiffies, at least 0; MAX_SCHEDULE_TIMEOUT to be woken only.
   * @returns what is left; 0 when the time is over.
   */
  scheduleTimeout(timeout: number): Sleepable<number>;
}

/** Jiffies and the timer wheels. Jiffies are absolute, and exact as numbers. */
export interface Timers extends SleepTimeout {
  /** The present jiffy. */
  readonly jiffies: number;
  /** Ticks a second. */
  readonly hz: number;
  /**
   * Makes a timer.
   *
   * @returns the timer, not set up and not pending.
   */
  create(): TimerId;
  /**
   * Finds the timer that belongs to an address; makes it on first use.
   *
   * @param address - any number that stands for one timer.
   * @returns the timer.
   */
  at(address: number): TimerId;
  /**
   * Gives a timer back. One that is pending is deleted.
   *
   * @param timer - which one.
   */
  destroy(timer: TimerId): void;
  /**
   * Says what a timer does.
   *
   * @kernelName timer_setup
   * @param timer - which one.
   * @param fn - its function; null for a timer that shall do nothing and ignore being armed.
   * @param flags - `TIMER_*` bits.
   */
  timerSetup(timer: TimerId, fn: TimerFunction | null, flags: number): void;
  /**
   * Tells whether a timer is armed.
   *
   * @kernelName timer_pending
   * @param timer - which one.
   * @returns false inside its own function.
   */
  timerPending(timer: TimerId): boolean;
  /**
   * Reads when a timer is or was due.
   *
   * @param timer - which one.
   * @returns the jiffy it was last armed for; 0 before that.
   */
  expires(timer: TimerId): number;
  /**
   * Arms a timer that is not pending.
   *
   * @kernelName add_timer
   * @param timer - which one.
   * @param expires - the jiffy.
   */
  addTimer(timer: TimerId, expires: number): void;
  /**
   * Arms a timer that is not pending on a CPU.
   *
   * @kernelName add_timer_on
   * @param timer - which one.
   * @param expires - the jiffy.
   * @param cpu - where it fires.
   */
  addTimerOn(timer: TimerId, expires: number, cpu: CpuId): void;
  /**
   * Arms a timer, pending or not.
   *
   * @kernelName mod_timer
   * @param timer - which one.
   * @param expires - the jiffy.
   * @returns 1 when it was pending.
   */
  modTimer(timer: TimerId, expires: number): number;
  /**
   * Arms a timer anew if it is pending.
   *
   * @kernelName mod_timer_pending
   * @param timer - which one.
   * @param expires - the jiffy.
   * @returns 1 when it was pending; with 0 nothing was done.
   */
  modTimerPending(timer: TimerId, expires: number): number;
  /**
   * Arms a timer unless it is pending for an earlier jiffy.
   *
   * @kernelName timer_reduce
   * @param timer - which one.
   * @param expires - the jiffy.
   * @returns 1 when it was pending.
   */
  timerReduce(timer: TimerId, expires: number): number;
  /**
   * Disarms a timer. Its function may still be running.
   *
   * @kernelName del_timer
   * @param timer - which one.
   * @returns 1 when it was pending.
   */
  delTimer(timer: TimerId): number;
  /**
   * Disarms a timer unless its function is running.
   *
   * @kernelName try_to_del_timer_sync
   * @param timer - which one.
   * @returns 1 when it was pending, 0 when not, -1 while its function is running: try again later.
   */
  tryToDelTimerSync(timer: TimerId): number;
  /**
   * Disarms a timer and waits until its function is not running.
   *
   * @kernelName del_timer_sync
   * @param timer - which one.
   * @returns 1 when it was pending.
   * @context not from its own function: SELF_DEADLOCK.
   */
  delTimerSync(timer: TimerId): Atomic<number>;
  /**
   * Disarms a timer and makes it ignore being armed until it is set up anew.
   *
   * @kernelName timer_shutdown
   * @param timer - which one.
   * @returns 1 when it was pending.
   */
  timerShutdown(timer: TimerId): number;
  /**
   * Adds a function that is called at every tick of a CPU, in hard interrupt context, after jiffies were counted on.
   *
   * @param observer - plain code.
   * @param needsTick - whether a CPU that becomes idle shall still get its next tick. @default never
   */
  addTickObserver(observer: (cpu: CpuId) => void, needsTick?: (cpu: CpuId) => boolean): void;
}
