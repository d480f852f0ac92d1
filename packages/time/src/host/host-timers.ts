/**
 * HostTimers: a timer wheel that the host's clock drives, behind one timer of the host.
 *
 * ```
 * armedFor <= nextDue()      while timers are pending: the host's timer comes no later than the first of ours
 * ```
 *
 * Times are those of `performance.now()`, which does not jump when the clock on the wall is set.
 */
import type { TimerId } from '@kmem/contracts';
import { TimerWheel, type ExpireFunction, type TimerWheelOptions } from '../timer-wheel.js';

/** Longest delay that timers of hosts keep. */
const LONGEST_MS = 2 ** 31 - 1;

type HostTimer = ReturnType<typeof setTimeout>;

/** Options of {@link HostTimers}. */
export interface HostTimersOptions extends Omit<TimerWheelOptions, 'now'> {
  /** Called for each timer that fires. What it throws is not caught; the timers behind it fire all the same. */
  readonly expire: ExpireFunction;
}

/**
 * Timeouts in real time: one timer of the host for all of them.
 *
 * @remarks
 * While timers are pending they keep a Node process alive, as those of `setTimeout` do; after the last one nothing does.
 *
 * @example
 * ```ts
 * import { HostTimers } from '@kmem/time/host';
 *
 * const closed: number[] = [];
 * const timeouts = new HostTimers({ expire: (connection) => void closed.push(connection) });
 * timeouts.add(5, 17);
 * const idle = timeouts.add(30_000, 18);
 * await new Promise((resolve) => void setTimeout(resolve, 100));
 * closed; // -> [17]
 * timeouts.cancel(idle); // -> true
 * ```
 */
export class HostTimers {
  readonly #wheel: TimerWheel;
  readonly #expire: ExpireFunction;
  readonly #onHost = (): void => this.#run();
  #hostTimer: HostTimer | undefined;
  #armedFor = Infinity;

  /**
   * @param options - whom to call, and what the wheel is made with.
   * @throws RangeError for an option out of range.
   */
  constructor(options: HostTimersOptions) {
    this.#wheel = new TimerWheel({ ...options, now: performance.now() });
    this.#expire = options.expire;
  }

  /** Timers that are pending. */
  get nrPending(): number {
    return this.#wheel.nrPending;
  }

  /**
   * Adds a timer.
   *
   * @param delayMs - shortest time until it fires, from now.
   * @param value - passed on when it fires: 32 bits with sign.
   * @returns the timer; 0 when 4194303 of them are pending.
   * @throws RangeError when the delay is no number or infinite.
   */
  add(delayMs: number, value: number): TimerId {
    const timer = this.#wheel.add(performance.now() + delayMs, value);
    this.#arm();
    return timer;
  }

  /**
   * Lets a timer begin again with another delay.
   *
   * @param timer - which one.
   * @param delayMs - as for `add`.
   * @returns false when it is not pending: nothing happens.
   * @throws RangeError as `add` does.
   */
  modify(timer: TimerId, delayMs: number): boolean {
    const isPending = this.#wheel.modify(timer, performance.now() + delayMs);
    this.#arm();
    return isPending;
  }

  /**
   * Cancels a timer.
   *
   * @param timer - which one.
   * @returns false when it is not pending: nothing happens.
   */
  cancel(timer: TimerId): boolean {
    const isPending = this.#wheel.cancel(timer);
    // Left armed, as the next timer will most likely be of use to it; but it must not hold the process.
    if (isPending && this.#wheel.nrPending === 0) keepAlive(this.#hostTimer, false);
    return isPending;
  }

  #arm(): void {
    const due = this.#wheel.nextDue();
    if (due === Infinity) return;
    if (this.#wheel.nrPending === 1) keepAlive(this.#hostTimer, true);
    if (due >= this.#armedFor) return;
    clearTimeout(this.#hostTimer);
    this.#armedFor = due;
    this.#hostTimer = setTimeout(this.#onHost, Math.min(Math.max(1, Math.ceil(due - performance.now())), LONGEST_MS));
  }

  #run(): void {
    this.#armedFor = Infinity;
    try {
      this.#wheel.advance(performance.now(), this.#expire);
    } finally {
      this.#arm();
    }
  }
}

/** Lets a timer of Node hold the process or not; those of browsers are numbers and hold nothing. */
function keepAlive(timer: HostTimer | number | undefined, keep: boolean): void {
  if (typeof timer !== 'object') return;
  if (keep) timer.ref();
  else timer.unref();
}
