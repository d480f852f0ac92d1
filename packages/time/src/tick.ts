/**
 * Tick: counts jiffies, at a high-resolution timer of each CPU.
 *
 * ```
 * jiffies = initial + ticks that have arrived; a tick is due at every multiple of tickNs
 * busy CPU    its timer is started for the next multiple
 * idle CPU    for the jiffy of its next wheel timer, or not at all
 * ```
 *
 * Every CPU that ticks counts jiffies on, several at once after a pause. (time spec 1, 2, 12)
 */
import type { Clock, CpuExecution, CpuId, Cpus, HrTimerId, HrTimers, Scheduler } from '@kmem/contracts';
import { initialJiffies } from './conversions.js';

/** What the tick works with. */
export interface TickOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they read the time from. */
  readonly clock: Clock;
  /** What interrupts them. */
  readonly hrtimers: HrTimers;
  /** Whose idle time ends with an interrupt. */
  readonly execution: CpuExecution;
  /** Who says when a CPU is idle. */
  readonly sched: Scheduler;
  /** Ticks a second. */
  readonly hz: number;
  /** Is called at every tick, after jiffies were counted on. */
  readonly onTick: (cpu: CpuId) => void;
  /** Says at which jiffy an idle CPU has to be awake; Infinity for none. */
  readonly nextEvent: (cpu: CpuId) => number;
}

/** The ticks of all CPUs. */
export class Tick {
  /** The present jiffy. */
  jiffies: number;
  readonly #options: TickOptions;
  readonly #tickNs: number;
  readonly #initial: number;
  readonly #idle: Uint8Array;
  readonly #timers: readonly HrTimerId[];

  /**
   * Makes the timers, and follows when CPUs become idle.
   *
   * @param options - what it works with.
   */
  constructor(options: TickOptions) {
    const { cpus, clock, execution, sched, hrtimers, hz } = options;
    this.#options = options;
    this.#tickNs = 1e9 / hz;
    this.#initial = initialJiffies(hz);
    this.jiffies = this.#initial + Math.floor(clock.now() / this.#tickNs);
    this.#idle = new Uint8Array(cpus.nrCpus).fill(1);
    this.#timers = Array.from({ length: cpus.nrCpus }, (_, cpu) => hrtimers.create(() => this.#due(cpu)));
    execution.setHooks({ interruptEntry: (wasIdle) => wasIdle && this.#catchUp() });
    sched.addSwitchHooks({ idle: (cpu, isIdle) => (isIdle ? this.#enterIdle(cpu) : this.#leaveIdle(cpu)) });
  }

  /**
   * Starts the timer of a CPU anew if it is idle: the next wheel timer may be another one now.
   *
   * @param cpu - which one.
   */
  timersChanged(cpu: CpuId): void {
    if (this.#idle[cpu] === 1) this.#programIdle(cpu);
  }

  /** A tick. Returns whether the next one follows. */
  #due(cpu: CpuId): boolean {
    const { clock, hrtimers, onTick } = this.#options;
    this.#catchUp();
    onTick(cpu);
    if (this.#idle[cpu] === 1) {
      this.#programIdle(cpu);
      return false;
    }
    hrtimers.hrtimerForward(this.#timers[cpu], clock.now(), this.#tickNs);
    return true;
  }

  #catchUp(): void {
    this.jiffies = Math.max(this.jiffies, this.#initial + Math.floor(this.#options.clock.now() / this.#tickNs));
  }

  #nextTick(): number {
    return (Math.floor(this.#options.clock.now() / this.#tickNs) + 1) * this.#tickNs;
  }

  #enterIdle(cpu: CpuId): void {
    this.#idle[cpu] = 1;
    this.#programIdle(cpu);
  }

  #leaveIdle(cpu: CpuId): void {
    this.#idle[cpu] = 0;
    this.#catchUp();
    this.#options.hrtimers.hrtimerStart(this.#timers[cpu], this.#nextTick());
  }

  #programIdle(cpu: CpuId): void {
    const { hrtimers, nextEvent } = this.#options;
    const at = (nextEvent(cpu) - this.#initial) * this.#tickNs;
    hrtimers.hrtimerStart(this.#timers[cpu], Math.max(at, this.#nextTick()));
  }
}
