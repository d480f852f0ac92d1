/** TaskDelays: busy-waiting, and sleeping on the timers of either kind. (time spec 5.6, 6) */
import type { Atomic, Clock, Cpus, Delays, HrTimerId, HrTimers, Scheduler, Sleepable, Timers } from '@kmem/contracts';
import { EINTR, TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '@kmem/contracts';
import { jiffiesToMsecs, msecsToJiffies } from './conversions.js';

/** Up to here fsleep keeps the CPU busy, in us. */
const FSLEEP_BUSY_US = 10;
/** Up to here it sleeps on a high-resolution timer. */
const FSLEEP_EXACT_US = 20_000;

/** Options of {@link TaskDelays}. */
export interface TaskDelaysOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they read the time from. */
  readonly clock: Clock;
  /** Who sleeps. */
  readonly sched: Scheduler;
  /** Jiffies, and sleeping for them. */
  readonly timers: Timers;
  /** Sleeping for less. */
  readonly hrtimers: HrTimers;
  /** What the delay loop takes for each ns asked, in ns: how well the machine calibrated it. @default 1 */
  readonly delayLoop?: number;
}

/** Delays of tasks; those that keep the CPU busy may be used everywhere. */
export class TaskDelays implements Delays {
  readonly #options: TaskDelaysOptions;

  /**
   * @param options - what they work with.
   */
  constructor(options: TaskDelaysOptions) {
    this.#options = options;
  }

  // Busy

  *ndelay(ns: number): Atomic<void> {
    const { cpus, clock, delayLoop = 1 } = this.#options;
    yield* cpus.busyUntil(clock.now() + Math.round(ns * delayLoop));
  }

  udelay(us: number): Atomic<void> {
    return this.ndelay(us * 1000);
  }

  mdelay(ms: number): Atomic<void> {
    return this.ndelay(ms * 1_000_000);
  }

  // Jiffies

  *msleep(ms: number): Sleepable<void> {
    const { timers } = this.#options;
    let left = msecsToJiffies(ms, timers.hz) + 1;
    while (left > 0) left = yield* this.scheduleTimeoutState(left, TASK_UNINTERRUPTIBLE);
  }

  *msleepInterruptible(ms: number): Sleepable<number> {
    const { sched, timers } = this.#options;
    let left = msecsToJiffies(ms, timers.hz) + 1;
    while (left > 0 && !sched.signalPending(sched.current)) {
      left = yield* this.scheduleTimeoutState(left, TASK_INTERRUPTIBLE);
    }
    return jiffiesToMsecs(left, timers.hz);
  }

  ssleep(seconds: number): Sleepable<void> {
    return this.msleep(seconds * 1000);
  }

  scheduleTimeoutState(timeout: number, state: number): Sleepable<number> {
    const { sched, timers } = this.#options;
    sched.setCurrentState(state);
    return timers.scheduleTimeout(timeout);
  }

  // Nanoseconds

  *scheduleHrtimeoutRange(expires: number, slack = 0): Sleepable<number> {
    const { sched, hrtimers } = this.#options;
    if (expires === 0) {
      sched.setCurrentState(TASK_RUNNING);
      return 0;
    }
    const timer = this.#startWaker(expires, slack);
    yield* sched.schedule();
    const isEarly = hrtimers.hrtimerIsQueued(timer);
    hrtimers.destroy(timer);
    sched.setCurrentState(TASK_RUNNING);
    return isEarly ? -EINTR : 0;
  }

  *usleepRange(min: number, max: number, state = TASK_UNINTERRUPTIBLE): Sleepable<void> {
    const { cpus, sched, clock, hrtimers } = this.#options;
    const timer = this.#startWaker(clock.now() + min * 1000, (max - min) * 1000);
    while (hrtimers.hrtimerIsQueued(timer)) {
      const before = clock.now();
      sched.setCurrentState(state);
      yield* sched.schedule();
      // With a signal that the state heeds it does not sleep but asks again and again.
      if (clock.now() === before) yield* cpus.cpuRelax();
    }
    hrtimers.destroy(timer);
    sched.setCurrentState(TASK_RUNNING);
  }

  *fsleep(us: number): Sleepable<void> {
    if (us <= FSLEEP_BUSY_US) yield* this.udelay(us);
    else if (us <= FSLEEP_EXACT_US) yield* this.usleepRange(us, us * 2);
    else yield* this.msleep(Math.ceil(us / 1000));
  }

  /** Starts a timer that wakes the current task. It is queued until it has done that. */
  #startWaker(expires: number, slack: number): HrTimerId {
    const { sched, hrtimers } = this.#options;
    const sleeper = sched.current;
    const timer = hrtimers.create(() => {
      sched.wakeUpProcess(sleeper);
      return false;
    });
    hrtimers.hrtimerStart(timer, expires, slack);
    return timer;
  }
}
