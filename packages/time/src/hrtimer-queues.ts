/**
 * HrTimerQueues: high-resolution timers, and the clock-event device of each CPU set to the first one.
 *
 * A binary heap for each CPU, over columns that all share:
 *
 * ```
 * heap[cpu][0 .. length[cpu] - 1]   timers, no parent after its children
 * at[heap[cpu][i]] = i              at[timer] = -1: not queued
 * expires[timer]                    hard expiry; soft[timer] <= expires[timer]: from when on it may run
 * order of two timers               hard expiry, then sequence: who was started first
 * device of a CPU                   set to expires[heap[cpu][0]]
 * ```
 *
 * An interrupt runs timers from the front as long as their soft expiry has come: one behind a timer that is not due
 * waits, however early it might run. (time spec 5)
 */
import type { Clock, ClockEvent, CpuId, Cpus, HrTimerFunction, HrTimerId, HrTimers } from '@kmem/contracts';
import { KernelBug, LOCAL_TIMER_VECTOR } from '@kmem/contracts';

const FIRST_CAPACITY = 16;
/** Shortest interval, in ns. */
const RESOLUTION_NS = 1;

/** Options of {@link HrTimerQueues}. */
export interface HrTimerQueuesOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they read the time from. */
  readonly clock: Clock;
  /** What interrupts them at a time. */
  readonly clockEvent: ClockEvent;
}

/** The high-resolution timers of all CPUs. */
export class HrTimerQueues implements HrTimers {
  readonly #options: HrTimerQueuesOptions;
  readonly #heap: Int32Array[];
  readonly #length: Int32Array;
  /** By CPU: the timer whose function runs, 0 for none. */
  readonly #running: Int32Array;
  readonly #functions: (HrTimerFunction | null)[] = [];
  #expires = new Float64Array(FIRST_CAPACITY);
  #soft = new Float64Array(FIRST_CAPACITY);
  #sequence = new Float64Array(FIRST_CAPACITY);
  #at = new Int32Array(FIRST_CAPACITY).fill(-1);
  #cpu = new Int32Array(FIRST_CAPACITY);
  #next = new Int32Array(FIRST_CAPACITY);
  #free = 0;
  #started = 0;

  /**
   * Makes the queues and takes LOCAL_TIMER_VECTOR.
   *
   * @param options - what they work with.
   */
  constructor(options: HrTimerQueuesOptions) {
    const { cpus } = options;
    this.#options = options;
    this.#heap = Array.from({ length: cpus.nrCpus }, () => new Int32Array(FIRST_CAPACITY));
    this.#length = new Int32Array(cpus.nrCpus);
    this.#running = new Int32Array(cpus.nrCpus);
    this.#freeFrom(1);
    cpus.setVectorHandler(LOCAL_TIMER_VECTOR, () => this.#interrupt());
  }

  create(fn: HrTimerFunction): HrTimerId {
    if (this.#free === 0) this.#grow();
    const timer = this.#free;
    this.#free = this.#next[timer];
    this.#functions[timer] = fn;
    this.#expires[timer] = 0;
    this.#soft[timer] = 0;
    return timer;
  }

  destroy(timer: HrTimerId): void {
    this.hrtimerTryToCancel(timer);
    this.#functions[timer] = null;
    this.#next[timer] = this.#free;
    this.#free = timer;
  }

  hrtimerStart(timer: HrTimerId, expires: number, slack = 0): void {
    const { cpu } = this.#options.cpus;
    if (this.hrtimerIsQueued(timer)) this.#remove(timer);
    this.#soft[timer] = expires;
    this.#expires[timer] = expires + slack;
    this.#add(cpu, timer);
    if (this.#at[timer] === 0) this.#program(cpu);
  }

  hrtimerStartRelative(timer: HrTimerId, ns: number, slack = 0): void {
    // The kernel's sum is unsigned, and what is too large for a time is the latest one.
    this.hrtimerStart(timer, ns < 0 ? Infinity : this.#options.clock.now() + ns, slack);
  }

  hrtimerForward(timer: HrTimerId, now: number, interval: number): number {
    const delta = now - this.#expires[timer];
    if (delta < 0 || this.hrtimerIsQueued(timer)) return 0;
    const step = Math.max(interval, RESOLUTION_NS);
    const overruns = Math.floor(delta / step) + 1;
    this.#expires[timer] += overruns * step;
    this.#soft[timer] += overruns * step;
    return overruns;
  }

  hrtimerTryToCancel(timer: HrTimerId): number {
    if (this.#running.includes(timer)) return -1;
    if (!this.hrtimerIsQueued(timer)) return 0;
    const cpu = this.#cpu[timer];
    const wasFirst = this.#at[timer] === 0;
    this.#remove(timer);
    if (wasFirst) this.#program(cpu);
    return 1;
  }

  hrtimerIsQueued(timer: HrTimerId): boolean {
    return this.#at[timer] !== -1;
  }

  hrtimerGetExpires(timer: HrTimerId): number {
    return this.#expires[timer];
  }

  hrtimerGetSoftexpires(timer: HrTimerId): number {
    return this.#soft[timer];
  }

  hrtimerActive(timer: HrTimerId): boolean {
    return this.hrtimerIsQueued(timer) || this.#running.includes(timer);
  }

  // Interrupts

  #interrupt(): void {
    const { cpus, clock } = this.#options;
    const { cpu } = cpus;
    // Read once: what becomes due during this pass interrupts again.
    const now = clock.now();
    while (this.#length[cpu] > 0) {
      const timer = this.#heap[cpu][0];
      if (this.#soft[timer] > now) break;
      this.#remove(timer);
      this.#running[cpu] = timer;
      const again = this.#functions[timer]?.(timer) ?? false;
      this.#running[cpu] = 0;
      if (!again || this.hrtimerIsQueued(timer)) continue;
      if (this.#expires[timer] <= now) {
        throw new KernelBug('HRTIMER_NO_FORWARD_STORM', `hrtimer ${timer} restarts without being moved forward`, { timer, cpu });
      }
      this.#add(cpu, timer);
    }
    this.#program(cpu);
  }

  /** Sets the device of a CPU; inside an interrupt that is done at its end. */
  #program(cpu: CpuId): void {
    if (this.#running[cpu] !== 0) return;
    const first = this.#length[cpu] === 0 ? Infinity : this.#expires[this.#heap[cpu][0]];
    this.#options.clockEvent.program(cpu, first);
  }

  // Heaps

  #add(cpu: CpuId, timer: HrTimerId): void {
    this.#cpu[timer] = cpu;
    this.#sequence[timer] = this.#started++;
    const length = this.#length[cpu]++;
    if (length === this.#heap[cpu].length) this.#heap[cpu] = grown(this.#heap[cpu], new Int32Array(length * 2));
    this.#rise(this.#heap[cpu], length, timer);
  }

  #remove(timer: HrTimerId): void {
    const cpu = this.#cpu[timer];
    const heap = this.#heap[cpu];
    const hole = this.#at[timer];
    this.#at[timer] = -1;
    const last = heap[--this.#length[cpu]];
    if (last === timer) return;
    if (hole > 0 && this.#isBefore(last, heap[(hole - 1) >> 1])) this.#rise(heap, hole, last);
    else this.#sink(heap, this.#length[cpu], hole, last);
  }

  #isBefore(a: HrTimerId, b: HrTimerId): boolean {
    const difference = this.#expires[a] - this.#expires[b];
    return difference === 0 || Number.isNaN(difference) ? this.#sequence[a] < this.#sequence[b] : difference < 0;
  }

  #rise(heap: Int32Array, from: number, timer: HrTimerId): void {
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.#isBefore(timer, heap[parent])) break;
      heap[i] = heap[parent];
      this.#at[heap[i]] = i;
      i = parent;
    }
    heap[i] = timer;
    this.#at[timer] = i;
  }

  #sink(heap: Int32Array, length: number, from: number, timer: HrTimerId): void {
    let i = from;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isBefore(heap[child + 1], heap[child])) child++;
      if (!this.#isBefore(heap[child], timer)) break;
      heap[i] = heap[child];
      this.#at[heap[i]] = i;
      i = child;
    }
    heap[i] = timer;
    this.#at[timer] = i;
  }

  #freeFrom(first: number): void {
    for (let timer = this.#next.length - 1; timer >= first; timer--) {
      this.#next[timer] = this.#free;
      this.#free = timer;
    }
  }

  #grow(): void {
    const first = this.#next.length;
    this.#expires = grown(this.#expires, new Float64Array(first * 2));
    this.#soft = grown(this.#soft, new Float64Array(first * 2));
    this.#sequence = grown(this.#sequence, new Float64Array(first * 2));
    this.#at = grown(this.#at, new Int32Array(first * 2).fill(-1));
    this.#cpu = grown(this.#cpu, new Int32Array(first * 2));
    this.#next = grown(this.#next, new Int32Array(first * 2));
    this.#freeFrom(first);
  }
}

function grown<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
