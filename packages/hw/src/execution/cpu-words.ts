/**
 * What is known of each CPU in numbers. All of it is looked at before every step of the machine, so it lies side by side
 * in two arrays:
 *
 * ```
 * words[cpu * CPU_ROW + PENDING]     vectors that were raised and not taken
 *                     + DEPTH        frames on top of the task's
 *                     + IRQS_OFF     1: interrupts are off
 *                     + COUNT        preempt_count, layout in the contract Cpus; 1 while the CPU is idle
 *                     + TASK_FLAGS   PF_* bits of its task
 *                     + KICKED       1: idle, and shall ask the scheduler
 *                     + CALLED       plain functions on its stack that run atomic code: other CPUs cannot act before
 * times[cpu * TIME_ROW + TIME]       local time, ns
 *                      + FIRST       when its first event is due; Infinity: there is none
 * ```
 */

/** Words a CPU. */
export const CPU_ROW = 8;
/** Word: vectors that wait. */
export const PENDING = 0;
/** Word: frames on top of the task's. */
export const DEPTH = 1;
/** Word: interrupts are off. */
export const IRQS_OFF = 2;
/** Word: preempt_count. */
export const COUNT = 3;
/** Word: flags of the task. */
export const TASK_FLAGS = 4;
/** Word: an idle CPU shall ask the scheduler. */
export const KICKED = 5;
/** Word: plain functions that run atomic code. */
export const CALLED = 6;

/** Times a CPU. */
export const TIME_ROW = 2;
/** Time: local time. */
export const TIME = 0;
/** Time: first event. */
export const FIRST = 1;
