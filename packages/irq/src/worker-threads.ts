/**
 * WorkerThreads: makes the workers of all pools, and what they do.
 *
 * ```
 * worker    idle -> takes items while the pool needs it -> idle ... -> ends
 * manager   a worker that finds nobody idle makes another one before it takes an item
 * rescuer   a thread of a queue, which runs the items of that queue while no worker can be made
 * ```
 *
 * (irq spec 15.2 to 15.5)
 */
import type { CpuId, Cpus, KernelBugCode, ReportSink, Scheduler, Sleepable, SleepHooks, TaskId, Timers } from '@kmem/contracts';
import { KernelBug, TASK_IDLE, TASK_INTERRUPTIBLE, TASK_RUNNING, TIMER_DEFERRABLE, WQ_CPU_INTENSIVE } from '@kmem/contracts';
import { WorkList, type WorkItem } from './work-item.js';
import { WorkerPool, type Worker } from './worker-pool.js';
import type { QueuePart, Workqueue } from './workqueue.js';

/** Seconds after which a worker that nobody needs ends. */
const IDLE_SECONDS = 300;
/** Workers that may be idle at once, whatever else there is. */
const SPARE_WORKERS = 2;
/** So many busy workers justify another idle one. */
const BUSY_RATIO = 4;

/** What the workers work with. */
export interface WorkerThreadsOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Who runs the threads. */
  readonly sched: Scheduler;
  /** For delays, idle workers, and calls for rescuers. */
  readonly timers: Timers;
  /** Tells whether there is memory for another worker. @default there is */
  readonly mayMakeWorker?: () => boolean;
  /**
   * Chooses among idle workers, to follow a recorded course.
   *
   * @param idle - at least one, the one that became idle last first.
   * @returns one of them. @default the first
   */
  readonly chooseWorker?: (idle: readonly TaskId[]) => TaskId;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
}

/** A rescuer, and the parts of its queue that called. */
export interface Rescuer extends Worker {
  /** In the order of their calls. */
  readonly calls: QueuePart[];
}

/** The workers of all pools. */
export class WorkerThreads {
  readonly #options: WorkerThreadsOptions;
  /** Workers and rescuers by task. */
  readonly #workers: (Worker | undefined)[] = [];
  readonly #hooks: SleepHooks;
  readonly #rescuers = new Map<Workqueue, Rescuer>();

  /**
   * @param options - what they work with.
   */
  constructor(options: WorkerThreadsOptions) {
    this.#options = options;
    this.#hooks = {
      sleep: (task) => this.#sleeps(this.#workers[task]),
      goesOn: (task) => this.#goesOn(this.#workers[task]),
    };
  }

  /**
   * Makes a pool with one worker.
   *
   * @param id - number.
   * @param cpu - CPU of its workers; -1: any.
   * @param highpri - whether they are of high priority.
   * @returns the pool.
   */
  makePool(id: number, cpu: CpuId, highpri: boolean): WorkerPool {
    const { timers } = this.#options;
    const pool = new WorkerPool({ ...this.#options, id, cpu, highpri, mayday: timers.create(), idleTimer: timers.create() });
    timers.timerSetup(pool.mayday, () => this.#callRescuers(pool), 0);
    timers.timerSetup(pool.idleTimer, () => this.#endIdle(pool), TIMER_DEFERRABLE);
    this.#makeWorker(pool);
    return pool;
  }

  /**
   * Finds the worker that a task is.
   *
   * @param task - any task.
   * @returns the worker or rescuer; undefined when it is none.
   */
  find(task: TaskId): Worker | undefined {
    return this.#workers[task];
  }

  /**
   * Makes the rescuer of a queue.
   *
   * @param wq - the queue.
   */
  makeRescuer(wq: Workqueue): void {
    const [{ pool }] = wq.parts;
    const rescuer: Rescuer = { ...this.#newWorker(pool, -1), calls: [] };
    rescuer.notRunning = true;
    this.#makeThread(rescuer, wq.name, () => this.#rescuer(rescuer));
    this.#options.sched.setUserNice(rescuer.task, -20);
    this.#rescuers.set(wq, rescuer);
  }

  /**
   * Ends the rescuer of a queue, if it has one.
   *
   * @param wq - the queue.
   */
  *endRescuer(wq: Workqueue): Sleepable<void> {
    const rescuer = this.#rescuers.get(wq);
    if (rescuer === undefined) return;
    this.#rescuers.delete(wq);
    yield* this.#options.sched.kthreadStop(rescuer.task);
  }

  // Making and ending workers

  #newWorker(pool: WorkerPool, id: number): Worker {
    return {
      ...{ pool, id, task: 0, scheduled: new WorkList(), current: null, hasEnded: false, currentPart: null, currentColor: 0, lastQueue: '' },
      ...{ notRunning: true, sleeps: false, dies: false, idleSince: 0 },
    };
  }

  #makeWorker(pool: WorkerPool): boolean {
    const { mayMakeWorker, sched } = this.#options;
    if (mayMakeWorker?.() === false) return false;
    let id = pool.ids.indexOf(false);
    if (id === -1) id = pool.ids.length;
    pool.ids[id] = true;
    const worker = this.#newWorker(pool, id);
    const name = pool.cpu >= 0 ? `kworker/${pool.cpu}:${id}${pool.nice < 0 ? 'H' : ''}` : `kworker/u${pool.id}:${id}`;
    pool.nrWorkers++;
    this.#makeThread(worker, name, () => this.#worker(worker));
    if (pool.nice !== 0) sched.setUserNice(worker.task, pool.nice);
    pool.idle.push(worker);
    return true;
  }

  /** Makes a thread. It sleeps like one that is idle already, so nothing runs until there is something to do. */
  #makeThread(worker: Worker, name: string, code: () => Sleepable<number>): void {
    const { cpus, sched } = this.#options;
    worker.task = sched.kthreadCreate(code, name, worker.pool.cpu >= 0 ? worker.pool.cpu : cpus.cpu);
    this.#workers[worker.task] = worker;
    sched.followSleep(worker.task, this.#hooks);
  }

  /** Makes a worker for a pool that needs one and has nobody idle; calls for rescuers while that fails. */
  *#manage(pool: WorkerPool): Sleepable<boolean> {
    if (pool.isManaged) return false;
    const { sched, timers } = this.#options;
    pool.isManaged = true;
    const lacksWorker = (): boolean => pool.needsWorker && pool.idle.length === 0;
    while (lacksWorker() && !this.#makeWorker(pool)) {
      if (!timers.timerPending(pool.mayday)) timers.modTimer(pool.mayday, timers.jiffies + Math.max(Math.floor(timers.hz / 100), 2));
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      yield* timers.scheduleTimeout(timers.hz);
    }
    timers.delTimer(pool.mayday);
    pool.isManaged = false;
    return true;
  }

  #hasSpare({ idle, busy }: WorkerPool): boolean {
    return idle.length > SPARE_WORKERS && (idle.length - SPARE_WORKERS) * BUSY_RATIO >= busy.length;
  }

  /** Ends workers that nobody has needed for long; those that became idle first come first. */
  #endIdle(pool: WorkerPool): void {
    const { sched, timers } = this.#options;
    while (this.#hasSpare(pool)) {
      const [worker] = pool.idle;
      const end = worker.idleSince + IDLE_SECONDS * timers.hz;
      if (timers.jiffies < end) {
        timers.modTimer(pool.idleTimer, end);
        return;
      }
      pool.idle.shift();
      pool.nrWorkers--;
      pool.ids[worker.id] = false;
      worker.dies = true;
      sched.wakeUpProcess(worker.task);
    }
  }

  // What a worker does

  *#worker(worker: Worker): Sleepable<number> {
    const { sched, timers } = this.#options;
    const { pool } = worker;
    for (;;) {
      if (worker.dies) return 0;
      pool.idle.splice(pool.idle.indexOf(worker), 1);
      yield* this.#work(worker);
      worker.idleSince = timers.jiffies;
      pool.idle.push(worker);
      if (this.#hasSpare(pool) && !timers.timerPending(pool.idleTimer)) {
        timers.modTimer(pool.idleTimer, timers.jiffies + IDLE_SECONDS * timers.hz);
      }
      sched.setCurrentState(TASK_IDLE);
      yield* sched.schedule();
    }
  }

  /** Takes items while the pool needs this worker. */
  *#work(worker: Worker): Sleepable<void> {
    const { pool } = worker;
    while (pool.needsWorker) {
      if (pool.idle.length === 0 && (yield* this.#manage(pool))) continue;
      this.#setNotRunning(worker, pool.cpu < 0);
      for (let item = pool.worklist.head; item !== null && pool.running <= 1; item = pool.worklist.head) {
        pool.worklist.moveLinked(item, worker.scheduled);
        yield* this.#processScheduled(worker);
      }
      this.#setNotRunning(worker, true);
      return;
    }
  }

  *#processScheduled(worker: Worker): Sleepable<void> {
    for (let item = worker.scheduled.head; item !== null; item = worker.scheduled.head) yield* this.#process(worker, item);
  }

  /** Executes the first item of a worker. */
  *#process(worker: Worker, item: WorkItem): Sleepable<void> {
    const { sched } = this.#options;
    const { pool } = worker;
    const { part } = item;
    // What is in a list was queued by a part.
    if (part === null) return;
    const other = pool.executing(item);
    if (other !== null) {
      // Whoever executes it now does so again afterwards, so that it never runs twice at once.
      worker.scheduled.moveLinked(item, other.scheduled);
      return;
    }
    this.#begin(worker, item, part);
    const wasInactive = item.inactive;
    const count = this.#options.cpus.preemptCount();
    const code = item.fn(item.id);
    if (code !== undefined) yield* code;
    worker.hasEnded = true;
    this.#checkCount(worker, item, count);
    yield* sched.condResched();
    if ((part.wq.flags & WQ_CPU_INTENSIVE) !== 0) this.#setNotRunning(worker, pool.cpu < 0);
    worker.current = null;
    worker.currentPart = null;
    item.executors--;
    pool.busy.splice(pool.busy.indexOf(worker), 1);
    part.ended(worker.currentColor, wasInactive);
  }

  #begin(worker: Worker, item: WorkItem, part: QueuePart): void {
    const { pool } = worker;
    worker.current = item;
    worker.hasEnded = false;
    worker.currentPart = part;
    worker.currentColor = item.color;
    worker.lastQueue = part.wq.name;
    item.executors++;
    pool.busy.push(worker);
    worker.scheduled.remove(item);
    if ((part.wq.flags & WQ_CPU_INTENSIVE) !== 0) this.#setNotRunning(worker, true);
    // Of an unbound queue, or while this one may take long.
    if (pool.needsWorker) pool.wakeWorker();
    item.part = null;
    item.linked = false;
    item.pending = false;
  }

  #checkCount(worker: Worker, item: WorkItem, before: number): void {
    const { cpus, reports, sched } = this.#options;
    const after = cpus.preemptCount();
    if (after === before) return;
    cpus.preemptCountSet(before);
    const code: KernelBugCode = 'WORK_LEAKED_ATOMIC';
    const where = `${sched.comm(worker.task)}/0x${after.toString(16).padStart(8, '0')}/${worker.task}`;
    const bug = new KernelBug(code, `workqueue leaked lock or atomic: ${where}`, { work: item.id });
    if (reports === undefined) throw bug;
    reports.report(bug);
  }

  // Concurrency: who is counted as running

  #setNotRunning(worker: Worker, notRunning: boolean): void {
    if (worker.notRunning === notRunning) return;
    worker.notRunning = notRunning;
    worker.pool.running += notRunning ? -1 : 1;
  }

  #sleeps(worker: Worker | undefined): void {
    if (worker === undefined || worker.notRunning) return;
    const { pool } = worker;
    worker.sleeps = true;
    pool.running--;
    if (pool.needsWorker) pool.wakeWorker();
  }

  #goesOn(worker: Worker | undefined): void {
    if (worker === undefined || !worker.sleeps) return;
    worker.sleeps = false;
    worker.pool.running++;
  }

  // Rescuers

  /** While no worker can be made: calls the rescuer of each queue that waits and has one. */
  #callRescuers(pool: WorkerPool): void {
    const { sched, timers } = this.#options;
    if (!pool.needsWorker || pool.idle.length > 0) return;
    for (let item = pool.worklist.head; item !== null; item = item.next) {
      const { part } = item;
      const rescuer = part === null ? undefined : this.#rescuers.get(part.wq);
      if (part === null || rescuer === undefined || part.needsRescue) continue;
      part.needsRescue = true;
      rescuer.calls.push(part);
      sched.wakeUpProcess(rescuer.task);
    }
    timers.modTimer(pool.mayday, timers.jiffies + Math.floor(timers.hz / 10));
  }

  *#rescuer(rescuer: Rescuer): Sleepable<number> {
    const { sched } = this.#options;
    for (;;) {
      sched.setCurrentState(TASK_IDLE);
      const shallStop = sched.kthreadShouldStop();
      for (let part = rescuer.calls.shift(); part !== undefined; part = rescuer.calls.shift()) {
        sched.setCurrentState(TASK_RUNNING);
        yield* this.#rescue(rescuer, part);
      }
      if (shallStop) {
        sched.setCurrentState(TASK_RUNNING);
        return 0;
      }
      yield* sched.schedule();
    }
  }

  /** Runs what waits of a queue in a pool. */
  *#rescue(rescuer: Rescuer, part: QueuePart): Sleepable<void> {
    const { pool } = part;
    part.needsRescue = false;
    rescuer.pool = pool;
    for (let item = pool.worklist.head; item !== null; ) {
      const next: WorkItem | null = behindBarriers(item);
      if (item.part === part) pool.worklist.moveLinked(item, rescuer.scheduled);
      item = next;
    }
    yield* this.#processScheduled(rescuer);
    if (pool.needsWorker) pool.wakeWorker();
  }
}

function behindBarriers(item: WorkItem): WorkItem | null {
  let last = item;
  while (last.linked && last.next !== null) last = last.next;
  return last.next;
}
