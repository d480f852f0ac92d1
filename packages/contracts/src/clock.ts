/**
 * Clock and ClockEvent: reading the time, and being interrupted at a time.
 *
 * Times are integer nanoseconds of CLOCK_MONOTONIC. Each CPU has its own local time; they meet when CPUs wait for each
 * other. (time spec 7, 8, irq spec 20)
 */
import type { CpuId } from './units.js';

/** What the CPUs read the time from. */
export interface Clock {
  /**
   * Reads the local time of the CPU that executes the caller.
   *
   * @returns ns since the machine's zero.
   */
  now(): number;
  /**
   * Reads the cycle counter of that CPU.
   *
   * @kernelName get_cycles
   * @returns cycles, whole.
   */
  getCycles(): number;
}

/** One one-shot device for each CPU that raises LOCAL_TIMER_VECTOR there. */
export interface ClockEvent {
  /** Shortest time from now to an interrupt, in ns. Shorter ones are lengthened to it. */
  readonly minDelta: number;
  /**
   * Sets the time of the next interrupt, in place of the one set before.
   *
   * @param cpu - whose device.
   * @param deadline - local time of that CPU in ns; Infinity for no interrupt.
   */
  program(cpu: CpuId, deadline: number): void;
}
