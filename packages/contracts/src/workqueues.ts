/** Workqueues: functions that may sleep, run by a pool of kernel threads. (irq spec 15) */
import type { Sleepable } from './execution.js';
import type { CpuId, TaskId, WorkId, WorkqueueId } from './units.js';

/** Queue flag: workers are not bound to a CPU. */
export const WQ_UNBOUND = 1 << 1;
/** Queue flag: frozen while the machine is suspended. */
export const WQ_FREEZABLE = 1 << 2;
/** Queue flag: may be needed to free memory, so it has a rescuer. */
export const WQ_MEM_RECLAIM = 1 << 3;
/** Queue flag: served by workers of high priority. */
export const WQ_HIGHPRI = 1 << 4;
/** Queue flag: its items do not keep others of the CPU from starting. */
export const WQ_CPU_INTENSIVE = 1 << 5;
/** Queue flag: shown in sysfs. */
export const WQ_SYSFS = 1 << 6;
/** Queue flag: unbound where power is to be saved. */
export const WQ_POWER_EFFICIENT = 1 << 7;
/** Queue flag of the core: its items run one after another, in the order of queueing. */
export const __WQ_ORDERED = 1 << 17;

/** Most items of a queue that may run at once. */
export const WQ_MAX_ACTIVE = 512;
/** How many may when the caller does not say. */
export const WQ_DFL_ACTIVE = 256;

/** Bit of `workBusy`: waits for its run. */
export const WORK_BUSY_PENDING = 1;
/** Bit of `workBusy`: runs. */
export const WORK_BUSY_RUNNING = 2;

/** No item of work. */
export const NO_WORK: WorkId = -1;

/** What an item does: a plain function, or a generator that may sleep. */
export type WorkFunction = (work: WorkId) => void | Sleepable<void>;

/** The queues that are always there. */
export interface SystemWorkqueues {
  /** `events`: short items. */
  readonly systemWq: WorkqueueId;
  /** `events_highpri`. */
  readonly systemHighpriWq: WorkqueueId;
  /** `events_long`: items that take long. */
  readonly systemLongWq: WorkqueueId;
  /** `events_unbound`: on any CPU. */
  readonly systemUnboundWq: WorkqueueId;
  /** `events_freezable`. */
  readonly systemFreezableWq: WorkqueueId;
  /** `events_power_efficient`. */
  readonly systemPowerEfficientWq: WorkqueueId;
  /** `events_freezable_power_efficient`. */
  readonly systemFreezablePowerEfficientWq: WorkqueueId;
}

/** Work queues and items of work. Calls without a CPU take that of the caller. */
export interface Workqueues extends SystemWorkqueues {
  /**
   * Makes an item.
   *
   * @kernelName INIT_WORK
   * @param fn - what it does, in a task. It never runs twice at once.
   * @returns the item.
   */
  create(fn: WorkFunction): WorkId;
  /**
   * Makes an item with a timer, for the calls about delayed work; all others take it too.
   *
   * @kernelName INIT_DELAYED_WORK
   * @param fn - what it does.
   * @param timerFlags - TIMER_DEFERRABLE or 0.
   * @returns the item.
   */
  createDelayed(fn: WorkFunction, timerFlags?: number): WorkId;
  /**
   * Makes a queue.
   *
   * @kernelName alloc_workqueue
   * @param name - of which 23 characters are kept.
   * @param flags - `WQ_*` bits. WQ_UNBOUND with a `maxActive` of 1 makes it ordered.
   * @param maxActive - how many items of each CPU may run at once, sleeping ones included; 0 for the usual number.
   * Out of range it is reported and limited.
   * @returns the queue.
   */
  allocWorkqueue(name: string, flags: number, maxActive?: number): WorkqueueId;
  /**
   * Makes a queue whose items run one after another, in the order of queueing.
   *
   * @kernelName alloc_ordered_workqueue
   * @param name - of which 23 characters are kept.
   * @param flags - WQ_FREEZABLE, WQ_MEM_RECLAIM, WQ_HIGHPRI.
   * @returns the queue.
   */
  allocOrderedWorkqueue(name: string, flags: number): WorkqueueId;
  /**
   * Waits until a queue is empty and takes it away.
   *
   * @kernelName destroy_workqueue
   * @param wq - which one. It must not be used again.
   */
  destroyWorkqueue(wq: WorkqueueId): Sleepable<void>;
  /**
   * Has an item run. It may be queued again as soon as it has begun.
   *
   * @kernelName queue_work
   * @param wq - by which queue.
   * @param work - which item.
   * @returns false when it waits already.
   * @context any.
   */
  queueWork(wq: WorkqueueId, work: WorkId): boolean;
  /**
   * Does what queueWork does, on a certain CPU.
   *
   * @kernelName queue_work_on
   * @param cpu - which one.
   * @param wq - by which queue.
   * @param work - which item.
   * @returns false when it waits already.
   */
  queueWorkOn(cpu: CpuId, wq: WorkqueueId, work: WorkId): boolean;
  /**
   * Has an item run after some jiffies.
   *
   * @kernelName queue_delayed_work
   * @param wq - by which queue.
   * @param work - which item.
   * @param delay - jiffies; 0 queues it at once.
   * @returns false when it waits already.
   */
  queueDelayedWork(wq: WorkqueueId, work: WorkId, delay: number): boolean;
  /**
   * Does what queueDelayedWork does, on a certain CPU.
   *
   * @kernelName queue_delayed_work_on
   * @param cpu - which one.
   * @param wq - by which queue.
   * @param work - which item.
   * @param delay - jiffies.
   * @returns false when it waits already.
   */
  queueDelayedWorkOn(cpu: CpuId, wq: WorkqueueId, work: WorkId, delay: number): boolean;
  /**
   * Has an item run after some jiffies, whether it waits already or not.
   *
   * @kernelName mod_delayed_work
   * @param wq - by which queue.
   * @param work - which item.
   * @param delay - jiffies.
   * @returns true when it waited.
   */
  modDelayedWork(wq: WorkqueueId, work: WorkId, delay: number): boolean;
  /**
   * Waits until the last queued instance of an item has run.
   *
   * @kernelName flush_work
   * @param work - which item.
   * @returns false when it neither waited nor ran.
   */
  flushWork(work: WorkId): Sleepable<boolean>;
  /**
   * Ends an item's delay and does what flushWork does.
   *
   * @kernelName flush_delayed_work
   * @param work - which item.
   * @returns false when it neither waited nor ran.
   */
  flushDelayedWork(work: WorkId): Sleepable<boolean>;
  /**
   * Waits for everything that was queued before the call.
   *
   * @kernelName flush_workqueue
   * @param wq - which queue.
   */
  flushWorkqueue(wq: WorkqueueId): Sleepable<void>;
  /**
   * Waits until a queue is empty. Meanwhile only its own items may queue on it.
   *
   * @kernelName drain_workqueue
   * @param wq - which queue.
   */
  drainWorkqueue(wq: WorkqueueId): Sleepable<void>;
  /**
   * Takes an item back that waits, for its delay or for a worker.
   *
   * @kernelName cancel_delayed_work
   * @param work - which item, delayed or not: cancel_work is the same.
   * @returns true when it waited. It may run nevertheless, if it had begun before.
   */
  cancelWork(work: WorkId): boolean;
  /**
   * Takes an item back and waits until it does not run. It cannot queue itself meanwhile.
   *
   * @kernelName cancel_delayed_work_sync
   * @param work - which item, delayed or not: cancel_work_sync is the same.
   * @returns true when it waited.
   */
  cancelWorkSync(work: WorkId): Sleepable<boolean>;
  /**
   * Tells whether an item waits for its run.
   *
   * @kernelName work_pending
   * @param work - which item; delayed_work_pending is the same.
   * @returns false from when its function begins.
   */
  workPending(work: WorkId): boolean;
  /**
   * Tells whether an item waits or runs.
   *
   * @kernelName work_busy
   * @param work - which item.
   * @returns `WORK_BUSY_*` bits.
   */
  workBusy(work: WorkId): number;
  /**
   * Tells whether items of a CPU wait because too many run.
   *
   * @kernelName workqueue_congested
   * @param cpu - which one.
   * @param wq - of which queue.
   * @returns true when some do.
   */
  workqueueCongested(cpu: CpuId, wq: WorkqueueId): boolean;
  /**
   * Says which item the caller runs for.
   *
   * @kernelName current_work
   * @returns the item; NO_WORK outside of workers.
   */
  currentWork(): WorkId;
  /**
   * Runs a function in a worker of a CPU and waits for it.
   *
   * @kernelName work_on_cpu
   * @param cpu - which one.
   * @param fn - what to do.
   * @returns what it returned.
   */
  workOnCpu(cpu: CpuId, fn: () => number | Sleepable<number>): Sleepable<number>;
  /**
   * Runs a function in a worker of each CPU and waits for all.
   *
   * @kernelName schedule_on_each_cpu
   * @param fn - what to do.
   * @returns 0.
   */
  scheduleOnEachCpu(fn: WorkFunction): Sleepable<number>;
  /**
   * Says what /proc calls a task.
   *
   * @kernelName wq_worker_comm
   * @param task - any task.
   * @returns its name; that of a worker has the queue for which it works behind a `+`, or last worked behind a `-`.
   */
  workerComm(task: TaskId): string;
}
