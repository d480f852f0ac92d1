/**
 * The three kinds of code of a simulated kernel, told apart by the type checker.
 *
 * ```
 * plain function   runs to its end at one instant of its CPU
 * Atomic<T>        may busy-wait or spin, other CPUs run meanwhile; cannot sleep
 * Sleepable<T>     may also sleep: its CPU goes on with another task
 * ```
 *
 * Both kinds of generators pass on what they wait for with `yield*`. A `Sleepable` may `yield*` an `Atomic`; the other
 * way round does not type-check, because `SCHEDULE` is not a `BUSY_WAIT`. Nobody but the machine and the scheduler
 * yields these values by hand.
 */

/** Is yielded by code that keeps its CPU busy until an instant it has told the machine before. */
export const BUSY_WAIT = 1;
/** Is yielded by a task that gives its CPU to the scheduler. */
export const SCHEDULE = 2;

/** Code that may busy-wait and spin but not sleep: handlers, softirqs, timer callbacks. */
export type Atomic<T> = Generator<typeof BUSY_WAIT, T, void>;

/** Code that may sleep: tasks, kernel threads, work functions, threaded handlers. */
export type Sleepable<T> = Generator<typeof BUSY_WAIT | typeof SCHEDULE, T, void>;

/**
 * What a callback returns that may not sleep.
 *
 * A plain function returns nothing and is the cheaper form; a generator function returns an `Atomic`.
 */
export type AtomicResult = void | Atomic<void>;
