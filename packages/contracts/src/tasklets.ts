/** Tasklets: functions that softirqs run, each on one CPU at a time. (irq spec 14) */
import type { AtomicResult, Sleepable } from './execution.js';
import type { TaskletId } from './units.js';

/** State bit: waits for its run. */
export const TASKLET_STATE_SCHED = 1;
/** State bit: runs. */
export const TASKLET_STATE_RUN = 2;

/** The tasklets of all CPUs. */
export interface Tasklets {
  /**
   * Makes a tasklet.
   *
   * @kernelName tasklet_setup
   * @param fn - what it does. @context softirq, interrupts on.
   * @param count - how often it is disabled from the beginning.
   * @returns the tasklet.
   */
  create(fn: () => AtomicResult, count?: number): TaskletId;
  /**
   * Reads a tasklet's state.
   *
   * @param tasklet - which one.
   * @returns `TASKLET_STATE_*` bits.
   */
  state(tasklet: TaskletId): number;
  /**
   * Reads how often a tasklet is disabled.
   *
   * @param tasklet - which one.
   * @returns the count; it runs at 0.
   */
  count(tasklet: TaskletId): number;
  /**
   * Has a tasklet run on this CPU. One that waits already, here or elsewhere, does so once.
   *
   * @kernelName tasklet_schedule
   * @param tasklet - which one.
   */
  taskletSchedule(tasklet: TaskletId): void;
  /**
   * Does what taskletSchedule does, with the softirq of high priority.
   *
   * @kernelName tasklet_hi_schedule
   * @param tasklet - which one.
   */
  taskletHiSchedule(tasklet: TaskletId): void;
  /**
   * Disables a tasklet; calls nest.
   *
   * @kernelName tasklet_disable_nosync
   * @param tasklet - which one.
   */
  taskletDisableNosync(tasklet: TaskletId): void;
  /**
   * Disables a tasklet and waits until it does not run.
   *
   * @kernelName tasklet_disable
   * @param tasklet - which one.
   */
  taskletDisable(tasklet: TaskletId): Sleepable<void>;
  /**
   * Takes one disabling back.
   *
   * @kernelName tasklet_enable
   * @param tasklet - which one.
   */
  taskletEnable(tasklet: TaskletId): void;
  /**
   * Waits until a tasklet neither runs nor waits for its run. Never ends for one that waits and is disabled.
   *
   * @kernelName tasklet_kill
   * @param tasklet - which one.
   */
  taskletKill(tasklet: TaskletId): Sleepable<void>;
}
