/**
 * WorkqueueSet: the queues of a machine and their items, as modules know them.
 *
 * ```
 * items      by number
 * queues     by number; the first ones are always there
 * pools      two of each CPU, and two without a CPU
 * control    queues items and takes them back
 * threads    workers and rescuers
 * ```
 *
 * (irq spec 15)
 */
import type {
  CpuId,
  KernelBugCode,
  Sleepable,
  TaskId,
  WorkFunction,
  WorkId,
  WorkqueueId,
  Workqueues,
} from '@kmem/contracts';
import {
  __WQ_ORDERED,
  KernelBug,
  NO_WORK,
  TIMER_DEFERRABLE,
  TIMER_IRQSAFE,
  WQ_DFL_ACTIVE,
  WQ_FREEZABLE,
  WQ_HIGHPRI,
  WQ_MAX_ACTIVE,
  WQ_MEM_RECLAIM,
  WQ_POWER_EFFICIENT,
  WQ_UNBOUND,
} from '@kmem/contracts';
import { ANY_CPU, WorkControl } from './work-control.js';
import { WorkItem, type WorkDelay } from './work-item.js';
import type { WorkerPool } from './worker-pool.js';
import { WorkerThreads, type WorkerThreadsOptions } from './worker-threads.js';
import { Workqueue } from './workqueue.js';

/** Characters of a queue's name. */
const NAME_LENGTH = 23;
/** Flushes after which draining is reported as strange, and how often it is said again. */
const STRANGE_FLUSHES = 10;
const VERY_STRANGE_FLUSHES = 100;
const LAST_REPORTED_FLUSH = 1000;

/** Options of {@link WorkqueueSet}. */
export type WorkqueueSetOptions = WorkerThreadsOptions;

/** The queues of a machine. */
export class WorkqueueSet implements Workqueues {
  readonly systemWq: WorkqueueId;
  readonly systemHighpriWq: WorkqueueId;
  readonly systemLongWq: WorkqueueId;
  readonly systemUnboundWq: WorkqueueId;
  readonly systemFreezableWq: WorkqueueId;
  readonly systemPowerEfficientWq: WorkqueueId;
  readonly systemFreezablePowerEfficientWq: WorkqueueId;
  readonly #options: WorkqueueSetOptions;
  readonly #threads: WorkerThreads;
  readonly #control: WorkControl;
  readonly #items: WorkItem[] = [];
  readonly #queues: (Workqueue | null)[] = [];
  /** Pools of CPU c: 2c, and 2c + 1 of high priority. */
  readonly #bound: readonly WorkerPool[];
  /** Pools without a CPU, made when the first queue asks for them: normal, and of high priority. */
  readonly #unbound: (WorkerPool | null)[] = [null, null];
  #nextPool: number;

  /**
   * Makes the pools of all CPUs and the queues that are always there.
   *
   * @param options - what they work with.
   */
  constructor(options: WorkqueueSetOptions) {
    this.#options = options;
    const { nrCpus } = options.cpus;
    this.#threads = new WorkerThreads(options);
    this.#control = new WorkControl(options, this.#threads);
    this.#bound = Array.from({ length: nrCpus * 2 }, (_, id) => this.#threads.makePool(id, id >> 1, (id & 1) === 1));
    this.#nextPool = nrCpus * 2;
    this.systemWq = this.allocWorkqueue('events', 0);
    this.systemHighpriWq = this.allocWorkqueue('events_highpri', WQ_HIGHPRI);
    this.systemLongWq = this.allocWorkqueue('events_long', 0);
    this.systemUnboundWq = this.allocWorkqueue('events_unbound', WQ_UNBOUND, unboundLimit(nrCpus));
    this.systemFreezableWq = this.allocWorkqueue('events_freezable', WQ_FREEZABLE);
    this.systemPowerEfficientWq = this.allocWorkqueue('events_power_efficient', WQ_POWER_EFFICIENT);
    this.systemFreezablePowerEfficientWq = this.allocWorkqueue(
      'events_freezable_power_efficient',
      WQ_FREEZABLE | WQ_POWER_EFFICIENT,
    );
  }

  // Items

  create(fn: WorkFunction): WorkId {
    return this.#items.push(new WorkItem(this.#items.length, fn, null)) - 1;
  }

  createDelayed(fn: WorkFunction, timerFlags = 0): WorkId {
    const { timers } = this.#options;
    const delay: WorkDelay = { timer: timers.create(), wq: null, cpu: ANY_CPU };
    const item = new WorkItem(this.#items.length, fn, delay);
    timers.timerSetup(delay.timer, () => this.#control.delayIsOver(item, delay), TIMER_IRQSAFE | (timerFlags & TIMER_DEFERRABLE));
    return this.#items.push(item) - 1;
  }

  workPending(work: WorkId): boolean {
    return this.#items[work].pending;
  }

  workBusy(work: WorkId): number {
    return this.#control.busy(this.#items[work]);
  }

  currentWork(): WorkId {
    const { cpus, sched } = this.#options;
    return (cpus.inTask() ? this.#threads.find(sched.current)?.current?.id : undefined) ?? NO_WORK;
  }

  workerComm(task: TaskId): string {
    const comm = this.#options.sched.comm(task);
    const worker = this.#threads.find(task);
    // A rescuer already has the name of its queue.
    if (worker === undefined || worker.id < 0 || worker.lastQueue === '') return comm;
    return `${comm}${worker.current === null ? '-' : '+'}${worker.lastQueue}`;
  }

  /**
   * Tells whether a worker has something to do.
   *
   * @param task - any task.
   * @returns false when it is about to become idle; true for tasks that are no workers.
   */
  workerIsNeeded(task: TaskId): boolean {
    const worker = this.#threads.find(task);
    if (worker === undefined || worker.dies || worker.scheduled.head !== null) return true;
    if (worker.current === null) return worker.pool.needsWorker;
    return !worker.hasEnded || worker.pool.worklist.head !== null;
  }

  // Queues

  allocWorkqueue(name: string, flags: number, maxActive = 0): WorkqueueId {
    const { nrCpus } = this.#options.cpus;
    const isUnbound = (flags & WQ_UNBOUND) !== 0;
    const isOrdered = isUnbound && maxActive === 1;
    const limit = isUnbound ? unboundLimit(nrCpus) : WQ_MAX_ACTIVE;
    const asked = maxActive === 0 ? WQ_DFL_ACTIVE : maxActive;
    const clamped = Math.min(Math.max(asked, 1), limit);
    if (clamped !== asked) {
      this.#warn('WORK_MAX_ACTIVE', `max_active ${asked} requested for ${name} is out of range, clamping between 1 and ${limit}`);
    }
    const wq = new Workqueue(name.slice(0, NAME_LENGTH), flags | (isOrdered ? __WQ_ORDERED : 0), clamped, this.#poolsFor(flags));
    if ((flags & WQ_MEM_RECLAIM) !== 0) this.#threads.makeRescuer(wq);
    return this.#queues.push(wq) - 1;
  }

  allocOrderedWorkqueue(name: string, flags: number): WorkqueueId {
    return this.allocWorkqueue(name, flags | WQ_UNBOUND, 1);
  }

  *destroyWorkqueue(wq: WorkqueueId): Sleepable<void> {
    const queue = this.#find(wq);
    yield* this.drainWorkqueue(wq);
    yield* this.#threads.endRescuer(queue);
    this.#queues[wq] = null;
  }

  *flushWorkqueue(wq: WorkqueueId): Sleepable<void> {
    yield* this.#find(wq).flush(this.#options.sched);
  }

  *drainWorkqueue(wq: WorkqueueId): Sleepable<void> {
    const queue = this.#find(wq);
    queue.drainers++;
    for (let flushes = 1; ; flushes++) {
      yield* queue.flush(this.#options.sched);
      if (queue.isEmpty) break;
      const isStrange = flushes === STRANGE_FLUSHES || flushes % VERY_STRANGE_FLUSHES === 0;
      if (isStrange && flushes <= LAST_REPORTED_FLUSH) {
        this.#warn('WORK_DRAIN_TRIES', `workqueue ${queue.name}: drain_workqueue() isn't complete after ${flushes} tries`);
      }
    }
    queue.drainers--;
  }

  workqueueCongested(cpu: CpuId, wq: WorkqueueId): boolean {
    const { parts } = this.#find(wq);
    return parts[parts.length === 1 ? 0 : cpu].inactive.head !== null;
  }

  // Items in queues

  queueWork(wq: WorkqueueId, work: WorkId): boolean {
    return this.#control.queue(this.#find(wq), this.#items[work], ANY_CPU);
  }

  queueWorkOn(cpu: CpuId, wq: WorkqueueId, work: WorkId): boolean {
    return this.#control.queue(this.#find(wq), this.#items[work], cpu);
  }

  queueDelayedWork(wq: WorkqueueId, work: WorkId, delay: number): boolean {
    return this.#control.queueDelayed(this.#find(wq), this.#items[work], ANY_CPU, delay);
  }

  queueDelayedWorkOn(cpu: CpuId, wq: WorkqueueId, work: WorkId, delay: number): boolean {
    return this.#control.queueDelayed(this.#find(wq), this.#items[work], cpu, delay);
  }

  modDelayedWork(wq: WorkqueueId, work: WorkId, delay: number): boolean {
    return this.#control.modDelayed(this.#find(wq), this.#items[work], delay);
  }

  *flushWork(work: WorkId): Sleepable<boolean> {
    return yield* this.#control.flush(this.#items[work]);
  }

  *flushDelayedWork(work: WorkId): Sleepable<boolean> {
    return yield* this.#control.flushDelayed(this.#items[work]);
  }

  cancelWork(work: WorkId): boolean {
    return this.#control.cancel(this.#items[work]);
  }

  *cancelWorkSync(work: WorkId): Sleepable<boolean> {
    return yield* this.#control.cancelSync(this.#items[work]);
  }

  // Functions in workers

  *workOnCpu(cpu: CpuId, fn: () => number | Sleepable<number>): Sleepable<number> {
    let result = 0;
    const item = new WorkItem(NO_WORK, function* () {
      const code = fn();
      result = typeof code === 'number' ? code : yield* code;
    }, null);
    this.#control.queue(this.#find(this.systemWq), item, cpu);
    yield* this.#control.flush(item);
    return result;
  }

  *scheduleOnEachCpu(fn: WorkFunction): Sleepable<number> {
    const { nrCpus } = this.#options.cpus;
    const items = Array.from({ length: nrCpus }, () => new WorkItem(NO_WORK, fn, null));
    items.forEach((item, cpu) => this.#control.queue(this.#find(this.systemWq), item, cpu));
    for (const item of items) yield* this.#control.flush(item);
    return 0;
  }

  #find(wq: WorkqueueId): Workqueue {
    const queue = this.#queues[wq];
    if (queue === null) throw new KernelBug('WORK_DESTROYED_QUEUE', `workqueue ${wq} has been destroyed`, { wq });
    return queue;
  }

  #poolsFor(flags: number): readonly WorkerPool[] {
    const highpri = (flags & WQ_HIGHPRI) === 0 ? 0 : 1;
    if ((flags & WQ_UNBOUND) === 0) return this.#bound.filter((_, id) => (id & 1) === highpri);
    return [(this.#unbound[highpri] ??= this.#threads.makePool(this.#nextPool++, ANY_CPU, highpri === 1))];
  }

  #warn(code: KernelBugCode, what: string): void {
    this.#options.reports?.report(new KernelBug(code, what, {}, 'warn'));
  }
}

function unboundLimit(nrCpus: number): number {
  return Math.max(WQ_MAX_ACTIVE, nrCpus * 4);
}
