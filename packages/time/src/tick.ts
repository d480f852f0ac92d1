/**
 * Tick: counts jiffies, and decides when the clock-event device of each CPU interrupts it.
 *
 * ```
 * jiffies = initial + ticks that have arrived; a tick is due at every multiple of tickNs
 * busy CPU    its device is set to the next multiple
 * idle CPU    it is set to the jiffy of its next timer, or not at all
 * ```
 *
 * Every CPU that ticks counts jiffies on, several at once after a pause. (time spec 1, 2, 12)
 */
import type { Clock, ClockEvent, CpuExecution, CpuId, Cpus, Scheduler } from '@kmem/contracts';
import { IDLE_TASK, LOCAL_TIMER_VECTOR } from '@kmem/contracts';
import { initialJiffies } from './conversions.js';

/** What the tick works with. */
export interface TickOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they read the time from. */
  readonly clock: Clock;
  /** What interrupts them. */
  readonly clockEvent: ClockEvent;
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

  /**
   * Takes LOCAL_TIMER_VECTOR, and follows when CPUs become idle.
   *
   * @param options - what it works with.
   */
  constructor(options: TickOptions) {
    const { cpus, clock, execution, sched, hz } = options;
    this.#options = options;
    this.#tickNs = 1e9 / hz;
    this.#initial = initialJiffies(hz);
    this.jiffies = this.#initial + Math.floor(clock.now() / this.#tickNs);
    this.#idle = new Uint8Array(cpus.nrCpus).fill(1);
    cpus.setVectorHandler(LOCAL_TIMER_VECTOR, () => this.#interrupt());
    execution.setHooks({ interruptEntry: (wasIdle) => wasIdle && this.#catchUp() });
    sched.addSwitchHooks({
      switchIn: (task, cpu) => {
        if (task === IDLE_TASK) this.#enterIdle(cpu);
      },
      switchOut: (task, cpu) => {
        if (task === IDLE_TASK) this.#leaveIdle(cpu);
      },
    });
  }

  /**
   * Sets the device of a CPU anew if it is idle: its next timer may be another one now.
   *
   * @param cpu - which one.
   */
  timersChanged(cpu: CpuId): void {
    if (this.#idle[cpu] === 1) this.#programIdle(cpu);
  }

  #interrupt(): void {
    const { cpus, clockEvent, onTick } = this.#options;
    const { cpu } = cpus;
    this.#catchUp();
    if (this.#idle[cpu] === 1) this.#programIdle(cpu);
    else clockEvent.program(cpu, this.#nextTick());
    onTick(cpu);
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
    this.#options.clockEvent.program(cpu, this.#nextTick());
  }

  #programIdle(cpu: CpuId): void {
    const { clockEvent, nextEvent } = this.#options;
    const at = (nextEvent(cpu) - this.#initial) * this.#tickNs;
    clockEvent.program(cpu, Math.max(at, this.#nextTick()));
  }
}
