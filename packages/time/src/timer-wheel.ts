/**
 * TimerWheel: timeouts by the million, without a kernel. The buckets are those of the kernel's wheel.
 *
 * ```
 * timer                generation << 22 | number; a number has a record, and in it the caller's value
 * generation[number]   how often it was given back, modulo 256, so that an old timer is not taken for a new one
 * young -> .. oldest   timers added since time moved last, linked through NEXT; SLOT = ~timer; PREV = -1 for the first
 * all others           lie in buckets, into which the young ones go, the oldest first, before time moves
 * ```
 *
 * The buckets fire at the first of their beginnings after `expires`, a tick. So it is the last one before the deadline:
 *
 * ```
 * expires = ceil(deadline / tickMs) - 1
 * deadline <= time at which it fires < deadline + tickMs * 8 ** level
 * level = 0, or 8 ** level <= distance * 8 / 63       distance in ticks from when it was added
 * ```
 *
 * So up to 63 ticks ahead it fires in its tick, above that late by an eighth of the distance at most. (time spec 4.1, 4.2)
 *
 * Most timers are cancelled, many of them soon: one that is while it is young never needed a bucket.
 */
import type { TimerId } from '@kmem/contracts';
import { NUMBER_BITS, NUMBER_MASK } from './timer-id.js';
import { DATA, NEXT, PREV, SLOT, TimerRecords, WORDS } from './timer-records.js';
import { WheelBuckets } from './wheel-buckets.js';

/** Timers that can be pending at once; number 0 is none. */
const MAX_TIMERS = NUMBER_MASK;
const MAX_TICK_MS = 2 ** 31 - 1;

/** Options of {@link TimerWheel}. */
export interface TimerWheelOptions {
  /** Milliseconds in a tick, a whole number from 1 to 2147483647. Timers fire on whole ticks. @default 1 */
  readonly tickMs?: number;
  /** The time to begin with, in milliseconds on the caller's clock; 0 or more. @default 0 */
  readonly now?: number;
  /** Timers to make room for at first, 1 to 4194303. Room grows by half when it is used up. @default 64 */
  readonly capacity?: number;
}

/** Called for a timer that fires: with the value it was added with. */
export type ExpireFunction = (value: number, timer: TimerId) => void;

/**
 * Timeouts on a clock that the caller moves.
 *
 * @remarks
 * A timer belongs to its caller until it fires or is cancelled. After that it is refused, until its number has been used 256
 * times again.
 *
 * @example
 * ```ts
 * import { TimerWheel } from '@kmem/time';
 *
 * const wheel = new TimerWheel({ tickMs: 10 });
 * const timer = wheel.add(30_000, 7);
 * wheel.add(45, 8);
 * const fired: number[] = [];
 * wheel.advance(49, (value) => fired.push(value)); // -> 0
 * wheel.advance(50, (value) => fired.push(value)); // -> 1
 * fired; // -> [8]
 * wheel.cancel(timer); // -> true
 * wheel.nrPending; // -> 0
 * ```
 */
export class TimerWheel {
  /** Milliseconds in a tick. */
  readonly tickMs: number;
  readonly #records: TimerRecords;
  readonly #buckets: WheelBuckets;
  #generation: Uint8Array;
  #tick: number;
  #young = 0;
  #oldest = 0;
  /** How many were added, and fired or were cancelled, modulo 2 ** 32. Two counts, so that one need not wait for the other. */
  #nrAdded = 0;
  #nrGone = 0;

  /**
   * Makes an empty wheel.
   *
   * @param options - all of them have defaults.
   * @throws RangeError for an option out of range.
   */
  constructor(options: TimerWheelOptions = {}) {
    const { tickMs = 1, now = 0, capacity = 64 } = options;
    checkWhole('tickMs', tickMs, MAX_TICK_MS);
    checkWhole('capacity', capacity, MAX_TIMERS);
    if (!(now >= 0 && now <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`now: expected 0 to ${Number.MAX_SAFE_INTEGER}, got ${now}`);
    this.tickMs = tickMs;
    this.#tick = Math.floor(now / tickMs);
    this.#records = new TimerRecords({ capacity, maxCapacity: MAX_TIMERS });
    this.#buckets = new WheelBuckets(1, this.#tick, this.#records);
    this.#generation = new Uint8Array(capacity + 1);
  }

  /** Timers that are pending. */
  get nrPending(): number {
    return (this.#nrAdded - this.#nrGone) | 0;
  }

  /** Bytes of the arrays: 25 for each timer that there is room for, and 2.4 KB. */
  get sizeBytes(): number {
    return this.#records.words.byteLength + this.#buckets.sizeBytes + this.#generation.byteLength;
  }

  /**
   * Says when the next timer is due, as far as cancelled ones let it be known: no timer fires before.
   *
   * @returns milliseconds on the caller's clock, a whole tick; Infinity when no timer is pending.
   */
  nextDue(): number {
    if (this.nrPending === 0) return Infinity;
    const buckets = this.#buckets;
    this.#settle();
    return (buckets.hasDue(0) ? buckets.clk[0] - 1 : buckets.nextDue(0)) * this.tickMs;
  }

  /**
   * Adds a timer.
   *
   * @param deadline - earliest time to fire, in milliseconds on the caller's clock. One that is past fires at the next tick.
   * @param value - passed on when it fires: 32 bits with sign.
   * @returns the timer; 0 when 4194303 of them are pending.
   * @throws RangeError when the deadline is no number, or its tick is not below 2 ** 53.
   */
  add(deadline: number, value: number): TimerId {
    const expires = this.#expiresAt(deadline);
    const records = this.#records;
    const number = records.create();
    if (number === 0) return 0;
    if (number >= this.#generation.length) this.#grow();
    const timer = (this.#generation[number] << NUMBER_BITS) | number;
    records.words[number * WORDS + DATA] = value;
    this.#addYoung(timer, number, expires);
    this.#nrAdded = (this.#nrAdded + 1) | 0;
    return timer;
  }

  /**
   * Gives a timer another deadline.
   *
   * @param timer - which one.
   * @param deadline - as for `add`.
   * @returns false when it is not pending: nothing happens.
   * @throws RangeError as `add` does.
   */
  modify(timer: TimerId, deadline: number): boolean {
    const expires = this.#expiresAt(deadline);
    const number = timer & NUMBER_MASK;
    if (!this.#takeOut(timer, number)) return false;
    this.#addYoung(timer, number, expires);
    return true;
  }

  /**
   * Cancels a timer.
   *
   * @param timer - which one.
   * @returns false when it is not pending: nothing happens.
   */
  cancel(timer: TimerId): boolean {
    const number = timer & NUMBER_MASK;
    if (!this.#takeOut(timer, number)) return false;
    this.#release(number);
    return true;
  }

  /**
   * Tells whether a timer is pending.
   *
   * @param timer - any number.
   * @returns false when it fired, was cancelled, or never was.
   */
  isPending(timer: TimerId): boolean {
    const number = timer & NUMBER_MASK;
    return this.#generation[number] === timer >> NUMBER_BITS && this.#buckets.isPending(number);
  }

  /**
   * Moves time on and fires what is due, the earliest tick first.
   *
   * @remarks
   * `expire` may add, modify and cancel timers, also such as are due now. If it throws, the rest fires in the next call.
   *
   * @param now - the time in milliseconds; one before that of the last call moves nothing.
   * @param expire - called for each timer, which is no longer pending then.
   * @returns how many timers fired.
   */
  advance(now: number, expire: ExpireFunction): number {
    const tick = Math.floor(now / this.tickMs);
    const records = this.#records;
    const buckets = this.#buckets;
    let nrFired = 0;
    this.#settle();
    if (tick > this.#tick) this.#tick = tick;
    for (let number = buckets.takeDue(0, this.#tick); number !== 0; number = buckets.takeDue(0, this.#tick)) {
      const expires = records.expires(number);
      if (expires >= this.#tick) {
        // Its deadline was further away than the wheel reaches.
        buckets.forward(0, this.#tick);
        buckets.add(0, number, expires);
        continue;
      }
      const timer = (this.#generation[number] << NUMBER_BITS) | number;
      const value = records.words[number * WORDS + DATA];
      this.#release(number);
      nrFired++;
      expire(value, timer);
      // What was added meanwhile may be due as well.
      if (this.#young !== 0) this.#settle();
    }
    return nrFired;
  }

  #expiresAt(deadline: number): number {
    const expires = Math.ceil(deadline / this.tickMs) - 1;
    if (expires < Number.MAX_SAFE_INTEGER) return expires;
    throw new RangeError(`deadline: expected a time below ${Number.MAX_SAFE_INTEGER * this.tickMs}, got ${deadline}`);
  }

  #addYoung(timer: TimerId, number: number, expires: number): void {
    const { words } = this.#records;
    const at = number * WORDS;
    const next = this.#young;
    this.#records.setExpires(number, expires);
    words[at + SLOT] = ~timer;
    words[at + NEXT] = next;
    words[at + PREV] = -1;
    if (next === 0) this.#oldest = number;
    else words[next * WORDS + PREV] = number;
    this.#young = number;
  }

  /** Takes a timer out of its list, if it is pending. */
  #takeOut(timer: TimerId, number: number): boolean {
    const { words } = this.#records;
    const at = number * WORDS;
    // For a young one this is all: its number and generation are those of the timer.
    if (words[at + SLOT] !== ~timer) {
      if (!this.isPending(timer)) return false;
      this.#buckets.remove(number);
      return true;
    }
    const next = words[at + NEXT];
    const prev = words[at + PREV];
    words[at + NEXT] = 0;
    words[at + PREV] = 0;
    words[at + SLOT] = 0;
    if (next === 0) this.#oldest = prev;
    else words[next * WORDS + PREV] = prev;
    if (prev > 0) words[prev * WORDS + NEXT] = next;
    else this.#young = next;
    return true;
  }

  /** Puts the young timers into buckets, as if each had been put there when it was added. */
  #settle(): void {
    if (this.#young === 0) return;
    const { words } = this.#records;
    this.#buckets.forward(0, this.#tick);
    this.#young = 0;
    for (let number = this.#oldest; number > 0; ) {
      const later = words[number * WORDS + PREV];
      this.#buckets.add(0, number, this.#records.expires(number));
      number = later;
    }
  }

  #release(number: number): void {
    this.#generation[number]++;
    this.#records.destroy(number);
    this.#nrGone = (this.#nrGone + 1) | 0;
  }

  #grow(): void {
    const generation = new Uint8Array(this.#records.capacity + 1);
    generation.set(this.#generation);
    this.#generation = generation;
  }
}

function checkWhole(name: string, value: number, most: number): void {
  if (!(Number.isInteger(value) && value >= 1 && value <= most)) throw new RangeError(`${name}: expected a whole number from 1 to ${most}, got ${value}`);
}
