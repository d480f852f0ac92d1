/**
 * WorkerPool: items of work of one CPU and priority, and the workers that run them.
 *
 * ```
 * worklist     items that were handed to the pool and have not begun
 * idle         workers without an item; the one that became idle last comes first
 * busy         workers with an item
 * running      of a bound pool: workers that execute an item and neither sleep nor may take long
 * a worker is needed  <=>  worklist not empty and running = 0
 * ```
 *
 * So the items of a CPU run one after another as long as none sleeps: one that does wakes the next worker. In an unbound pool, where
 * running stays 0, every item that begins wakes the worker for the next one. (irq spec 15.2, 15.4)
 */
import type { CpuId, Scheduler, TaskId, TimerId } from '@kmem/contracts';
import { WorkList, type WorkItem } from './work-item.js';
import type { QueuePart } from './workqueue.js';

/** A thread that runs items. */
export interface Worker {
  /** The pool, or the one it helps out. */
  pool: WorkerPool;
  /** Number in the pool, the lowest that is free; -1 for a rescuer. */
  readonly id: number;
  /** The thread. */
  task: TaskId;
  /** Items that must be run by this worker, in order. */
  readonly scheduled: WorkList;
  /** The item it executes; null: none. */
  current: WorkItem | null;
  /** The function of that item has ended. */
  hasEnded: boolean;
  /** By which part of a queue that was queued. */
  currentPart: QueuePart | null;
  /** In which period. */
  currentColor: number;
  /** Name of the queue whose item it executed last. */
  lastQueue: string;
  /** It is not counted as running, whatever it does. */
  notRunning: boolean;
  /** It was counted as running and sleeps in its item. */
  sleeps: boolean;
  /** It shall end. */
  dies: boolean;
  /** Jiffy since which it is idle. */
  idleSince: number;
}

/** What the pools share. */
export interface WorkerPoolOptions {
  /** Who runs the workers. */
  readonly sched: Scheduler;
  /** Chooses among idle workers, the one that became idle last first. @default that one */
  readonly chooseWorker?: (idle: readonly TaskId[]) => TaskId;
  /** Of two pools of a CPU, that of high priority. */
  readonly highpri: boolean;
  /** Number of the pool. */
  readonly id: number;
  /** CPU of its workers; -1: any. */
  readonly cpu: CpuId;
  /** Calls for rescuers while no worker can be made. */
  readonly mayday: TimerId;
  /** Ends workers that have been idle for long. */
  readonly idleTimer: TimerId;
}

/** A pool. */
export class WorkerPool {
  /** Number; the first two of each CPU are its bound ones. */
  readonly id: number;
  /** CPU of its workers; -1: any. */
  readonly cpu: CpuId;
  /** Nice value of its workers. */
  readonly nice: number;
  /** Items that were handed to it and have not begun. */
  readonly worklist = new WorkList();
  /** Workers without an item. */
  readonly idle: Worker[] = [];
  /** Workers with an item. */
  readonly busy: Worker[] = [];
  /** Numbers of workers that are taken. */
  readonly ids: boolean[] = [];
  /** How many workers it has. */
  nrWorkers = 0;
  /** Workers that are counted as running. */
  running = 0;
  /** One of its workers makes another one. */
  isManaged = false;
  /** Calls for rescuers while no worker can be made. */
  readonly mayday: TimerId;
  /** Ends workers that have been idle for long. */
  readonly idleTimer: TimerId;
  readonly #options: WorkerPoolOptions;

  /**
   * @param options - what it is, and what it works with.
   */
  constructor(options: WorkerPoolOptions) {
    this.id = options.id;
    this.cpu = options.cpu;
    this.nice = options.highpri ? -20 : 0;
    this.mayday = options.mayday;
    this.idleTimer = options.idleTimer;
    this.#options = options;
  }

  /** True when an item waits and nobody is about to take it. */
  get needsWorker(): boolean {
    return this.worklist.head !== null && this.running === 0;
  }

  /** Wakes the worker that became idle last, if there is one. */
  wakeWorker(): void {
    const { idle } = this;
    if (idle.length === 0) return;
    const { chooseWorker, sched } = this.#options;
    sched.wakeUpProcess(chooseWorker?.(idle.map(({ task }) => task).reverse()) ?? idle[idle.length - 1].task);
  }

  /**
   * Finds who executes an item.
   *
   * @param item - which one.
   * @returns the worker; null when nobody of this pool does.
   */
  executing(item: WorkItem): Worker | null {
    if (item.executors === 0) return null;
    for (const worker of this.busy) if (worker.current === item) return worker;
    return null;
  }
}
