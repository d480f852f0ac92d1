/**
 * WheelBuckets: when timers are due, in buckets of nine levels.
 *
 * Level n has 64 buckets of 8 ** n jiffies. A timer lies in the first bucket that begins after its expiry and stays
 * there until it fires, so it is late by up to one bucket and never early.
 *
 * ```
 * base                              one wheel; buckets base * 576 ... base * 576 + 575
 * head[slot] -> NEXT -> NEXT ..     timers of a bucket, last armed first, 0 ends it; slot = base * 576 + bucket
 * PREV of a timer                   the one before it; ~slot for the first one of head[slot]; 0: in no list
 * SLOT of a timer                   where it was last put
 * bits[base * 18 + (i >> 5)]        bit i & 31: bucket i of the base is not empty
 * head[due + base * 9 + n]          bucket of level n that is being worked off
 * clk[base]                         jiffy that is worked off next
 * nextExpiry[base]                  no bucket is due before it; stale[base] = 1: maybe not at it either
 * ```
 *
 * Jiffies are whole numbers below 2 ** 53, kept as doubles. (time spec 4)
 */
import type { TimerId } from '@kmem/contracts';
import { NEXT, PREV, SLOT, WORDS, type TimerRecords } from './timer-records.js';

const LEVELS = 9;
const BUCKETS = LEVELS * 64;
const BIT_WORDS = BUCKETS / 32;
/** Jiffies in a bucket, by level, and the inverse, which is exact as well. */
const GRANULARITY = Float64Array.from({ length: LEVELS }, (_, level) => 8 ** level);
const PER_JIFFY = Float64Array.from({ length: LEVELS }, (_, level) => 8 ** -level);
/** First distance that a level cannot hold. */
const LIMIT = Int32Array.from({ length: LEVELS }, (_, level) => 63 * 8 ** level);
const CUTOFF = 64 * 8 ** (LEVELS - 1) - 8 ** (LEVELS - 1);
const LONGEST = CUTOFF - 8 ** (LEVELS - 1);
const NO_EXPIRY = 2 ** 30 - 1;

/** Buckets of one wheel or several. */
export class WheelBuckets {
  /** By wheel: the jiffy that is worked off next. */
  readonly clk: Float64Array;
  /** By wheel: no bucket is due before this jiffy. */
  readonly nextExpiry: Float64Array;
  readonly #head: Int32Array;
  readonly #bits: Int32Array;
  readonly #levelsDue: Int32Array;
  readonly #firstDue: number;
  readonly #stale: Uint8Array;
  readonly #timers: TimerRecords;
  /** Jiffy at which the bucket is due that `bucketFor` found. */
  #effective = 0;

  /**
   * @param bases - number of wheels.
   * @param jiffies - the present jiffy.
   * @param timers - what they hold.
   */
  constructor(bases: number, jiffies: number, timers: TimerRecords) {
    this.#timers = timers;
    this.clk = new Float64Array(bases).fill(jiffies);
    this.nextExpiry = new Float64Array(bases).fill(jiffies + NO_EXPIRY);
    this.#firstDue = bases * BUCKETS;
    this.#head = new Int32Array(bases * (BUCKETS + LEVELS));
    this.#bits = new Int32Array(bases * BIT_WORDS);
    this.#levelsDue = new Int32Array(bases);
    this.#stale = new Uint8Array(bases);
  }

  /** Bytes of the buckets. */
  get sizeBytes(): number {
    return this.#head.byteLength + this.#bits.byteLength;
  }

  /**
   * Reads into which wheel a timer was last put.
   *
   * @param timer - which one.
   * @returns the wheel.
   */
  base(timer: TimerId): number {
    return baseOf(this.#timers.words[timer * WORDS + SLOT]);
  }

  /**
   * Reads into which bucket a timer was last put.
   *
   * @param timer - which one.
   * @returns the bucket, from 0 to 575.
   */
  bucket(timer: TimerId): number {
    return this.#timers.words[timer * WORDS + SLOT] % BUCKETS;
  }

  /**
   * Tells whether a timer is in a list.
   *
   * @param timer - which one.
   * @returns true when it is.
   */
  isPending(timer: TimerId): boolean {
    return this.#timers.words[timer * WORDS + PREV] !== 0;
  }

  /**
   * Lets the clock of a wheel that was not worked off catch up, as far as no bucket is skipped.
   *
   * @param base - which wheel.
   * @param jiffies - the present jiffy.
   */
  forward(base: number, jiffies: number): void {
    if (jiffies - this.clk[base] < 1) return;
    const next = this.nextExpiry[base];
    this.clk[base] = next > jiffies ? jiffies : Math.max(next, this.clk[base]);
  }

  /**
   * Finds the bucket for an expiry.
   *
   * @param base - which wheel.
   * @param expires - the jiffy.
   * @returns the bucket, from 0 to 575.
   */
  bucketFor(base: number, expires: number): number {
    const clk = this.clk[base];
    let delta = expires - clk;
    if (delta < 0) {
      this.#effective = clk;
      return clk & 63;
    }
    let jiffy = expires;
    if (delta >= CUTOFF) {
      delta = LONGEST;
      jiffy = clk + LONGEST;
    }
    // Three bits of the distance make a level; the last bucket before a power of 8 is the next level's already.
    let level = delta < 64 ? 0 : ((28 - Math.clz32(delta)) / 3) | 0;
    if (level < LEVELS - 1 && delta >= LIMIT[level]) level++;
    const slot = Math.floor(jiffy * PER_JIFFY[level]) + 1;
    this.#effective = slot * GRANULARITY[level];
    return level * 64 + (slot & 63);
  }

  /**
   * Puts a timer into its bucket, in front of those already there.
   *
   * @param base - which wheel.
   * @param timer - one that is in no list.
   * @param expires - the jiffy.
   * @returns true when it is now the first one due.
   */
  add(base: number, timer: TimerId, expires: number): boolean {
    const index = this.bucketFor(base, expires);
    const slot = base * BUCKETS + index;
    this.#timers.setExpires(timer, expires);
    this.#timers.words[timer * WORDS + SLOT] = slot;
    this.#link(slot, timer);
    this.#bits[slot >> 5] |= 1 << (slot & 31);
    if (this.#effective >= this.nextExpiry[base]) return false;
    this.nextExpiry[base] = this.#effective;
    this.#stale[base] = 0;
    return true;
  }

  /**
   * Takes a timer out.
   *
   * @param timer - one that is pending.
   */
  remove(timer: TimerId): void {
    if (this.#unlink(timer)) this.#emptied(this.#timers.words[timer * WORDS + SLOT]);
  }

  /**
   * Says when the next bucket is due.
   *
   * @param base - which wheel.
   * @returns the jiffy; far away when the wheel is empty.
   */
  nextDue(base: number): number {
    if (this.#stale[base] === 1) this.#findNext(base);
    return this.nextExpiry[base];
  }

  /**
   * Tells whether buckets are being worked off, which `nextDue` leaves out.
   *
   * @param base - which wheel.
   * @returns true from the first timer that `takeDue` returned until it returns 0.
   */
  hasDue(base: number): boolean {
    return this.#levelsDue[base] > 0;
  }

  /**
   * Tells whether a wheel has timers.
   *
   * @param base - which wheel.
   * @returns true when it has none.
   */
  isEmpty(base: number): boolean {
    for (let word = 0; word < BIT_WORDS; word++) if (this.#bits[base * BIT_WORDS + word] !== 0) return false;
    return true;
  }

  /**
   * Takes out the next timer that is due: those of one jiffy by level, the coarsest first.
   *
   * @param base - which wheel.
   * @param jiffies - the present jiffy.
   * @returns the timer, or 0 when none is due.
   */
  takeDue(base: number, jiffies: number): TimerId {
    for (;;) {
      while (this.#levelsDue[base] > 0) {
        const slot = this.#firstDue + base * LEVELS + this.#levelsDue[base] - 1;
        const timer = this.#head[slot];
        if (timer !== 0) {
          this.#unlink(timer);
          return timer;
        }
        this.#levelsDue[base]--;
      }
      if (jiffies < this.clk[base] || jiffies < this.nextExpiry[base]) return 0;
      this.#collect(base);
    }
  }

  /** Moves the buckets of the next jiffy that has some to where they are worked off. */
  #collect(base: number): void {
    this.clk[base] = this.nextExpiry[base];
    let clock = this.clk[base];
    let found = 0;
    for (let level = 0; level < LEVELS; level++) {
      const bucket = base * BUCKETS + level * 64 + (clock & 63);
      if (this.#isSet(bucket)) {
        const due = this.#firstDue + base * LEVELS + found++;
        this.#head[due] = this.#head[bucket];
        this.#head[bucket] = 0;
        this.#timers.words[this.#head[due] * WORDS + PREV] = ~due;
        this.#clear(bucket);
      }
      if ((clock & 7) !== 0) break;
      clock = Math.floor(clock / 8);
    }
    this.#levelsDue[base] = found;
    this.clk[base]++;
    this.#findNext(base);
  }

  #findNext(base: number): void {
    let clock = this.clk[base];
    let next = clock + NO_EXPIRY;
    for (let level = 0; level < LEVELS; level++) {
      const distance = this.#distance(base, level, clock & 63);
      const low = clock & 7;
      if (distance >= 0) {
        next = Math.min(next, (clock + distance) * GRANULARITY[level]);
        // Whatever lies in coarser levels begins after the boundary that this one reaches.
        if (distance <= (8 - low) % 8) break;
      }
      clock = Math.floor(clock / 8) + (low === 0 ? 0 : 1);
    }
    this.nextExpiry[base] = next;
    this.#stale[base] = 0;
  }

  /** Buckets of a level from one to the next that is not empty, going round; -1 when all are empty. */
  #distance(base: number, level: number, from: number): number {
    const word = base * BIT_WORDS + level * 2;
    const low = this.#bits[word];
    const high = this.#bits[word + 1];
    if ((low | high) === 0) return -1;
    const bit = from & 31;
    const ahead = from < 32 ? low : high;
    const other = from < 32 ? high : low;
    // From `from` to the end of its word, the other word, and the beginning of the first one.
    if (ahead >>> bit !== 0) return lowestBit(ahead >>> bit);
    return other !== 0 ? 32 - bit + lowestBit(other) : 64 - bit + lowestBit(ahead);
  }

  #isSet(slot: number): boolean {
    return (this.#bits[slot >> 5] & (1 << (slot & 31))) !== 0;
  }

  #clear(slot: number): void {
    this.#bits[slot >> 5] &= ~(1 << (slot & 31));
  }

  #link(slot: number, timer: TimerId): void {
    const { words } = this.#timers;
    const first = this.#head[slot];
    words[timer * WORDS + NEXT] = first;
    if (first !== 0) words[first * WORDS + PREV] = timer;
    words[timer * WORDS + PREV] = ~slot;
    this.#head[slot] = timer;
  }

  /** Takes a timer out of its list; true when it was the only one there. */
  #unlink(timer: TimerId): boolean {
    const { words } = this.#timers;
    const at = timer * WORDS;
    const next = words[at + NEXT];
    const prev = words[at + PREV];
    words[at + NEXT] = 0;
    words[at + PREV] = 0;
    if (next !== 0) words[next * WORDS + PREV] = prev;
    if (prev > 0) {
      words[prev * WORDS + NEXT] = next;
      return false;
    }
    this.#head[~prev] = next;
    return next === 0;
  }

  /** Notes that nothing is left in the bucket of a timer. It may have been worked off long ago, and filled again. */
  #emptied(slot: number): void {
    if (this.#head[slot] !== 0 || !this.#isSet(slot)) return;
    this.#clear(slot);
    this.#stale[baseOf(slot)] = 1;
  }
}

/** Wheel that has a bucket. The bit of the bucket is found without it, as 576 is a multiple of 32. */
function baseOf(slot: number): number {
  return Math.floor(slot / BUCKETS);
}

/** Number of the lowest bit of a word that is not 0. */
function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
