/** Softirqs: work that interrupts leave for when they have ended. (irq spec 13) */
import type { Atomic, AtomicResult } from './execution.js';

/** Tasklets of high priority. */
export const HI_SOFTIRQ = 0;
/** The timer wheel. */
export const TIMER_SOFTIRQ = 1;
/** Network, sending. */
export const NET_TX_SOFTIRQ = 2;
/** Network, receiving. */
export const NET_RX_SOFTIRQ = 3;
/** Block devices. */
export const BLOCK_SOFTIRQ = 4;
/** Polling of block devices. */
export const IRQ_POLL_SOFTIRQ = 5;
/** Tasklets. */
export const TASKLET_SOFTIRQ = 6;
/** Balance between run queues. */
export const SCHED_SOFTIRQ = 7;
/** High-resolution timers. */
export const HRTIMER_SOFTIRQ = 8;
/** Read-copy-update. */
export const RCU_SOFTIRQ = 9;
/** How many there are. */
export const NR_SOFTIRQS = 10;

/** What softirqs are called, by number. */
export const SOFTIRQ_NAMES: readonly string[] = Object.freeze([
  ...['HI', 'TIMER', 'NET_TX', 'NET_RX', 'BLOCK', 'IRQ_POLL', 'TASKLET', 'SCHED', 'HRTIMER', 'RCU'],
]);

/** Receives what softirqs trace. A sink may let time pass and must not raise softirqs. */
export interface SoftirqTrace {
  /**
   * A softirq is being made pending.
   *
   * @param nr - which one.
   */
  softirqRaise(nr: number): void;
  /**
   * A softirq's action is about to run.
   *
   * @param nr - which one.
   */
  softirqEntry(nr: number): void;
  /**
   * A softirq's action has ended.
   *
   * @param nr - which one.
   */
  softirqExit(nr: number): void;
}

/** The softirqs of all CPUs. Calls are about the CPU of the caller. */
export interface Softirqs {
  /**
   * Says what a softirq does.
   *
   * @kernelName open_softirq
   * @param nr - which one.
   * @param action - runs with interrupts on, bottom halves off, on top of whatever was interrupted.
   */
  openSoftirq(nr: number, action: () => AtomicResult): void;
  /**
   * Makes a softirq pending; from a task with bottom halves on, `ksoftirqd` will run it.
   *
   * @kernelName raise_softirq
   * @param nr - which one.
   */
  raiseSoftirq(nr: number): void;
  /**
   * Does what raiseSoftirq does.
   *
   * @kernelName raise_softirq_irqoff
   * @param nr - which one.
   * @context interrupts off.
   */
  raiseSoftirqIrqoff(nr: number): void;
  /**
   * Reads which softirqs are pending.
   *
   * @kernelName local_softirq_pending
   * @returns one bit each.
   */
  localSoftirqPending(): number;
  /**
   * Turns bottom halves off.
   *
   * @kernelName local_bh_disable
   */
  localBhDisable(): void;
  /**
   * Turns bottom halves on again and, at the outermost call, runs what is pending, at the caller's instant. Code that
   * is itself `Atomic` says `yield* enableBh()`.
   *
   * @kernelName local_bh_enable
   */
  localBhEnable(): void;
  /**
   * Does what localBhEnable does, while other CPUs run.
   */
  enableBh(): Atomic<void>;
}
