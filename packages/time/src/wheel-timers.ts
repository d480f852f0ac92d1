/**
 * WheelTimers: timers on the wheels of the CPUs, and sleeping on them.
 *
 * ```
 * base of a timer       2 * cpu, and 1 more for deferrable ones
 * flags, task           columns by timer: TIMER_* bits; who sleeps on it
 * running[base]         timer whose function runs; 0: none
 * ```
 *
 * (time spec 4, 6)
 */
import type {
  Atomic,
  AtomicResult,
  Clock,
  CpuExecution,
  CpuId,
  Cpus,
  HrTimers,
  KernelBugCode,
  ReportSink,
  Scheduler,
  Sleepable,
  Softirqs,
  TimerFunction,
  TimerId,
  Timers,
} from '@kmem/contracts';
import {
  KernelBug,
  MAX_SCHEDULE_TIMEOUT,
  RESCHEDULE_VECTOR,
  TASK_RUNNING,
  TIMER_DEFERRABLE,
  TIMER_IRQSAFE,
  TIMER_PINNED,
  TIMER_SOFTIRQ,
} from '@kmem/contracts';
import { Tick } from './tick.js';
import { TimerRecords } from './timer-records.js';
import { WheelBuckets } from './wheel-buckets.js';

const DEFERRABLE_BASE = 1;

/** Options of {@link WheelTimers}. */
export interface WheelTimersOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they read the time from. */
  readonly clock: Clock;
  /** What interrupts them at a time. */
  readonly hrtimers: HrTimers;
  /** Whose idle time ends with an interrupt. */
  readonly execution: CpuExecution;
  /** Who sleeps, and when CPUs are idle. */
  readonly sched: Scheduler;
  /** Who runs the functions of timers. */
  readonly softirqs: Softirqs;
  /** Ticks a second: a divisor of 1000 above 100. @default 250 */
  readonly hz?: number;
  /** Receives misuse. @default misuse is thrown, what the kernel only warns of is dropped */
  readonly reports?: ReportSink;
}

/** Timers of all CPUs. */
export class WheelTimers implements Timers {
  readonly hz: number;
  readonly #options: WheelTimersOptions;
  readonly #tick: Tick;
  readonly #records = new TimerRecords();
  readonly #wheel: WheelBuckets;
  readonly #running: Int32Array;
  readonly #functions: (TimerFunction | null)[] = [];
  readonly #flags: number[] = [];
  readonly #sleeper: number[] = [];
  readonly #addresses = new Map<number, TimerId>();
  readonly #observers: ((cpu: CpuId) => void)[] = [];
  readonly #needs: ((cpu: CpuId) => boolean)[] = [];
  readonly #wakeSleeper: TimerFunction;

  /**
   * Makes the wheels, takes TIMER_SOFTIRQ.
   *
   * @param options - what they work with.
   * @throws RangeError for an `hz` that cannot be used.
   */
  constructor(options: WheelTimersOptions) {
    const { cpus, sched, softirqs, hz = 250 } = options;
    if (!(hz > 100 && hz <= 1000 && 1000 % hz === 0)) throw new RangeError(`hz: expected 125, 200, 250, 500 or 1000, got ${hz}`);
    this.#options = options;
    this.hz = hz;
    this.#tick = new Tick({ ...options, hz, onTick: (cpu) => this.#onTick(cpu), nextEvent: (cpu) => this.#nextEvent(cpu) });
    this.#wheel = new WheelBuckets(cpus.nrCpus * 2, this.#tick.jiffies, this.#records);
    this.#running = new Int32Array(cpus.nrCpus * 2);
    this.#wakeSleeper = (timer) => void sched.wakeUpProcess(this.#sleeper[timer]);
    softirqs.openSoftirq(TIMER_SOFTIRQ, () => this.#runBase(cpus.cpu * 2));
  }

  get jiffies(): number {
    return this.#tick.jiffies;
  }

  create(): TimerId {
    const timer = this.#records.create();
    this.#records.clear(timer);
    this.#functions[timer] = null;
    this.#flags[timer] = 0;
    return timer;
  }

  at(address: number): TimerId {
    let timer = this.#addresses.get(address);
    if (timer === undefined) {
      timer = this.create();
      this.#addresses.set(address, timer);
    }
    return timer;
  }

  destroy(timer: TimerId): void {
    this.delTimer(timer);
    this.#functions[timer] = null;
    this.#records.destroy(timer);
  }

  timerSetup(timer: TimerId, fn: TimerFunction | null, flags: number): void {
    this.#functions[timer] = fn;
    this.#flags[timer] = flags & (TIMER_DEFERRABLE | TIMER_PINNED | TIMER_IRQSAFE);
  }

  timerPending(timer: TimerId): boolean {
    return this.#wheel.isPending(timer);
  }

  expires(timer: TimerId): number {
    return this.#records.expires(timer);
  }

  /**
   * Reads in which bucket a timer lies or lay.
   *
   * @param timer - which one.
   * @returns 64 times the level, plus the bucket of the level.
   */
  bucket(timer: TimerId): number {
    return this.#wheel.bucket(timer);
  }

  /**
   * Reads on which CPU's wheel a timer lies or lay.
   *
   * @param timer - which one.
   * @returns the CPU.
   */
  timerCpu(timer: TimerId): CpuId {
    return this.#wheel.base(timer) >> 1;
  }

  /**
   * Reads the clock of a CPU's wheel.
   *
   * @param cpu - whose.
   * @returns the jiffy that is worked off next.
   */
  baseClock(cpu: CpuId): number {
    return this.#wheel.clk[cpu * 2];
  }

  /**
   * Sets the clock of a CPU's wheel, for a machine whose other timers have moved it.
   *
   * @param cpu - whose.
   * @param clk - the jiffy that is worked off next; no timer is due before it.
   */
  setBaseClock(cpu: CpuId, clk: number): void {
    this.#wheel.clk[cpu * 2] = clk;
  }

  // Arming

  addTimer(timer: TimerId, expires: number): void {
    if (this.#warnPending(timer)) return;
    // Its expiry is set by the caller, also when it is shut down and ignores the call.
    this.#records.setExpires(timer, expires);
    if (this.#functions[timer] !== null) this.#arm(timer, expires, this.#baseOn(timer, this.#target(timer)));
  }

  addTimerOn(timer: TimerId, expires: number, cpu: CpuId): void {
    if (this.#warnPending(timer) || this.#functions[timer] === null) return;
    this.#arm(timer, expires, this.#baseOn(timer, cpu));
  }

  modTimer(timer: TimerId, expires: number): number {
    return this.#modify(timer, expires, false);
  }

  modTimerPending(timer: TimerId, expires: number): number {
    return this.timerPending(timer) ? this.#modify(timer, expires, false) : 0;
  }

  timerReduce(timer: TimerId, expires: number): number {
    return this.#modify(timer, expires, true);
  }

  delTimer(timer: TimerId): number {
    if (!this.timerPending(timer)) return 0;
    this.#wheel.remove(timer);
    return 1;
  }

  tryToDelTimerSync(timer: TimerId): number {
    return this.#isRunning(timer) ? -1 : this.delTimer(timer);
  }

  *delTimerSync(timer: TimerId): Atomic<number> {
    const { cpus } = this.#options;
    for (;;) {
      const result = this.tryToDelTimerSync(timer);
      if (result >= 0) return result;
      if (this.#running[cpus.cpu * 2] === timer || this.#running[cpus.cpu * 2 + 1] === timer) {
        this.#report('SELF_DEADLOCK', `timer ${timer} waits for its own function to end`, 'bug');
        return this.delTimer(timer);
      }
      yield* cpus.cpuRelax();
    }
  }

  timerShutdown(timer: TimerId): number {
    const wasPending = this.delTimer(timer);
    this.#functions[timer] = null;
    return wasPending;
  }

  // Sleeping

  *scheduleTimeout(timeout: number): Sleepable<number> {
    const { sched } = this.#options;
    if (timeout === MAX_SCHEDULE_TIMEOUT) {
      yield* sched.schedule();
      return timeout;
    }
    if (timeout < 0) {
      this.#report('WRONG_TIMEOUT', `schedule_timeout: wrong timeout value ${timeout}`, 'warn');
      sched.setCurrentState(TASK_RUNNING);
      return 0;
    }
    const begin = this.jiffies;
    const timer = this.create();
    this.#sleeper[timer] = sched.current;
    this.timerSetup(timer, this.#wakeSleeper, 0);
    this.modTimer(timer, begin + timeout);
    yield* sched.schedule();
    this.destroy(timer);
    // In this order: beside a long timeout the jiffies would be lost to rounding.
    return Math.max(0, timeout - (this.jiffies - begin));
  }

  addTickObserver(observer: (cpu: CpuId) => void, needsTick?: (cpu: CpuId) => boolean): void {
    this.#observers.push(observer);
    if (needsTick !== undefined) this.#needs.push(needsTick);
  }

  // Arming, below

  #modify(timer: TimerId, expires: number, reduce: boolean): number {
    const wheel = this.#wheel;
    if (this.#functions[timer] === null) return 0;
    const wasPending = this.timerPending(timer);
    if (wasPending) {
      const old = this.#records.expires(timer);
      if (reduce ? expires >= old : expires === old) return 1;
      wheel.forward(wheel.base(timer), this.jiffies);
      if (wheel.bucketFor(wheel.base(timer), expires) === wheel.bucket(timer)) {
        // It keeps its place among those of the bucket.
        this.#records.setExpires(timer, expires);
        return 1;
      }
      wheel.remove(timer);
    }
    this.#arm(timer, expires, this.#isRunning(timer) ? wheel.base(timer) : this.#baseOn(timer, this.#target(timer)));
    return wasPending ? 1 : 0;
  }

  #arm(timer: TimerId, expires: number, base: number): void {
    this.#wheel.forward(base, this.jiffies);
    const isFirst = this.#wheel.add(base, timer, expires);
    if (!isFirst || (base & DEFERRABLE_BASE) !== 0) return;
    const { cpus } = this.#options;
    const cpu = base >> 1;
    if (cpu === cpus.cpu) this.#tick.timersChanged(cpu);
    else if (cpus.isIdle(cpu)) cpus.raiseVector(cpu, RESCHEDULE_VECTOR);
  }

  /** CPU on which a timer is armed: this one, unless it is idle and the timer may be elsewhere. */
  #target(timer: TimerId): CpuId {
    const { cpus } = this.#options;
    if ((this.#flags[timer] & TIMER_PINNED) !== 0 || !cpus.isIdle(cpus.cpu)) return cpus.cpu;
    for (let cpu = 0; cpu < cpus.nrCpus; cpu++) if (!cpus.isIdle(cpu)) return cpu;
    return cpus.cpu;
  }

  #baseOn(timer: TimerId, cpu: CpuId): number {
    return cpu * 2 + ((this.#flags[timer] & TIMER_DEFERRABLE) === 0 ? 0 : DEFERRABLE_BASE);
  }

  #isRunning(timer: TimerId): boolean {
    return this.#running.includes(timer);
  }

  #warnPending(timer: TimerId): boolean {
    const isPending = this.timerPending(timer);
    if (isPending) this.#report('TIMER_ADD_PENDING', `add_timer for timer ${timer}, which is pending`, 'warn');
    return isPending;
  }

  // Firing

  #onTick(cpu: CpuId): void {
    const { nextExpiry } = this.#wheel;
    if (this.jiffies >= Math.min(nextExpiry[cpu * 2], nextExpiry[cpu * 2 + 1])) {
      this.#options.softirqs.raiseSoftirqIrqoff(TIMER_SOFTIRQ);
    }
    for (const observer of this.#observers) observer(cpu);
  }

  #nextEvent(cpu: CpuId): number {
    for (const needsTick of this.#needs) if (needsTick(cpu)) return this.jiffies + 1;
    return this.#wheel.isEmpty(cpu * 2) ? Infinity : this.#wheel.nextDue(cpu * 2);
  }

  /** Calls what is due, first on the standard wheel, then on the deferrable one. */
  #runBase(base: number): AtomicResult {
    const { cpus } = this.#options;
    for (let timer = this.#wheel.takeDue(base, this.jiffies); timer !== 0; timer = this.#wheel.takeDue(base, this.jiffies)) {
      this.#running[base] = timer;
      const count = cpus.preemptCount();
      const safe = (this.#flags[timer] & TIMER_IRQSAFE) !== 0;
      if (safe) cpus.localIrqDisable();
      const code = this.#functions[timer]?.(timer);
      if (code !== undefined) return this.#finish(base, timer, code, count);
      this.#called(base, timer, count);
    }
    if ((base & DEFERRABLE_BASE) === 0) return this.#runBase(base | DEFERRABLE_BASE);
    this.#tick.timersChanged(base >> 1);
    return undefined;
  }

  *#finish(base: number, timer: TimerId, code: Atomic<void>, count: number): Atomic<void> {
    yield* code;
    this.#called(base, timer, count);
    const rest = this.#runBase(base);
    if (rest !== undefined) yield* rest;
  }

  #called(base: number, timer: TimerId, before: number): void {
    const { cpus } = this.#options;
    this.#running[base] = 0;
    const after = cpus.preemptCount();
    if (after !== before) {
      cpus.preemptCountSet(before);
      this.#report('PREEMPT_LEAK', `timer ${timer} preempt leak: ${before.toString(16)} ? ${after.toString(16)}`, 'warn');
    }
    if (cpus.irqsDisabled()) cpus.localIrqEnable();
  }

  #report(code: KernelBugCode, what: string, severity: 'bug' | 'warn'): void {
    const bug = new KernelBug(code, what, { cpu: this.#options.cpus.cpu }, severity);
    if (this.#options.reports !== undefined) this.#options.reports.report(bug);
    else if (severity === 'bug') throw bug;
  }
}
