/** States of a task, as they stand in its state word, and the signals the kernel itself tells apart. (waitq spec 5.1) */

/** Runs, or waits on a run queue. */
export const TASK_RUNNING = 0;
/** Sleeps; a signal ends that. */
export const TASK_INTERRUPTIBLE = 1;
/** Sleeps; only who was waited for ends that. */
export const TASK_UNINTERRUPTIBLE = 2;
/** Stopped by a signal, until another one lets it go on. */
export const TASK_STOPPED = 0x104;
/** A kernel thread that was parked. */
export const TASK_PARKED = 0x40;
/** Has ended. */
export const TASK_DEAD = 0x80;
/** A fatal signal ends the sleep. */
export const TASK_WAKEKILL = 0x100;
/** Does not count as load. */
export const TASK_NOLOAD = 0x400;
/** Sleeps; only a fatal signal ends that early. */
export const TASK_KILLABLE = 0x102;
/** Sleeps without counting as load. */
export const TASK_IDLE = 0x402;
/** States that wake_up ends. */
export const TASK_NORMAL = 3;

/** Ends the task; no task can refuse it. */
export const SIGKILL = 9;
/** Stops a program; no program can refuse it. */
export const SIGSTOP = 19;
/** First signal that programs may give a meaning. */
export const SIGUSR1 = 10;

/** Wake-up flag: the waker is about to sleep. */
export const WF_SYNC = 0x10;

/** A timeout that never ends: LONG_MAX of the kernel. */
export const MAX_SCHEDULE_TIMEOUT = Infinity;
