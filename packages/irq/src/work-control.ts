/**
 * WorkControl: how items are queued, delayed, waited for and taken back.
 *
 * ```
 * idle       not pending
 * delayed    pending, its timer armed
 * queued     pending, in a list
 * held       pending, neither: somebody cancels it, or a queue that is drained has refused it
 * ```
 *
 * (irq spec 15.3, 15.6, 15.7)
 */
import type { Atomic, CpuId, Cpus, ReportSink, Scheduler, Sleepable, Timers } from '@kmem/contracts';
import { KernelBug, WORK_BUSY_PENDING, WORK_BUSY_RUNNING } from '@kmem/contracts';
import { SingleWait } from './single-wait.js';
import { makeBarrier, type WorkDelay, type WorkItem } from './work-item.js';
import type { WorkerThreads } from './worker-threads.js';
import type { QueuePart, Workqueue } from './workqueue.js';

/** The CPU of the caller. */
export const ANY_CPU: CpuId = -1;

/** What these functions work with. */
export interface WorkControlOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Who waits. */
  readonly sched: Scheduler;
  /** For delays. */
  readonly timers: Timers;
  /** Receives misuse. @default misuse is not reported */
  readonly reports?: ReportSink;
}

/** Items and where they are. */
export class WorkControl {
  readonly #options: WorkControlOptions;
  readonly #threads: WorkerThreads;

  /**
   * @param options - what it works with.
   * @param threads - the workers.
   */
  constructor(options: WorkControlOptions, threads: WorkerThreads) {
    this.#options = options;
    this.#threads = threads;
  }

  /**
   * Queues an item, unless it is pending.
   *
   * @param wq - the queue.
   * @param item - the item.
   * @param cpu - which CPU; ANY_CPU: that of the caller.
   * @returns false when it was pending.
   */
  queue(wq: Workqueue, item: WorkItem, cpu: CpuId): boolean {
    if (item.pending) return false;
    item.pending = true;
    this.#insert(wq, item, cpu);
    return true;
  }

  /**
   * Queues an item after a delay, unless it is pending.
   *
   * @param wq - the queue.
   * @param item - the item.
   * @param cpu - which CPU; ANY_CPU: the one on which the timer fires.
   * @param delay - jiffies.
   * @returns false when it was pending.
   */
  queueDelayed(wq: Workqueue, item: WorkItem, cpu: CpuId, delay: number): boolean {
    if (item.pending) return false;
    item.pending = true;
    this.#delay(wq, item, cpu, delay);
    return true;
  }

  /**
   * Queues an item after a delay, pending or not.
   *
   * @param wq - the queue.
   * @param item - the item.
   * @param delay - jiffies.
   * @returns true when it was pending.
   */
  modDelayed(wq: Workqueue, item: WorkItem, delay: number): boolean {
    // Who cancels it keeps it.
    if (item.cancelWaits !== null) return true;
    const wasPending = this.#grab(item);
    this.#delay(wq, item, ANY_CPU, delay);
    return wasPending;
  }

  /**
   * Queues an item whose delay is over. Its timer calls this.
   *
   * @param item - delayed.
   * @param delay - its delay.
   */
  delayIsOver(item: WorkItem, delay: WorkDelay): void {
    if (delay.wq !== null) this.#insert(delay.wq, item, delay.cpu);
  }

  /**
   * Takes a pending item back.
   *
   * @param item - the item.
   * @returns true when it was pending.
   */
  cancel(item: WorkItem): boolean {
    if (item.cancelWaits !== null) return false;
    const wasPending = this.#grab(item);
    item.pending = false;
    return wasPending;
  }

  /**
   * Takes a pending item back and waits until it does not run.
   *
   * @param item - the item. Nobody can queue it meanwhile, because it stays pending.
   * @returns true when it was pending.
   */
  *cancelSync(item: WorkItem): Sleepable<boolean> {
    const { sched } = this.#options;
    while (item.cancelWaits !== null) {
      const wait = new SingleWait(sched);
      item.cancelWaits.push(wait);
      yield* wait.wait();
    }
    yield* this.#untilFound(item);
    const wasPending = this.#grab(item);
    const waits: SingleWait[] = [];
    item.cancelWaits = waits;
    yield* this.flush(item);
    item.pending = false;
    item.pool = null;
    item.cancelWaits = null;
    for (const wait of waits) wait.end();
    return wasPending;
  }

  /**
   * Waits until the last queued instance of an item has run.
   *
   * @param item - the item.
   * @returns false when it neither waited for a worker nor ran.
   */
  *flush(item: WorkItem): Sleepable<boolean> {
    const { sched } = this.#options;
    yield* sched.mightSleep();
    const executing = item.pool?.executing(item) ?? null;
    const wait = new SingleWait(sched);
    const barrier = makeBarrier(() => wait.end());
    if (item.part !== null && item.list !== null) {
      barrier.linked = item.linked;
      item.linked = true;
      item.part.wq.enter(barrier, item.color);
      item.part.insert(barrier, item.list, item.next);
    } else if (executing !== null && executing.currentPart !== null) {
      executing.currentPart.wq.enter(barrier, executing.currentColor);
      executing.currentPart.insert(barrier, executing.scheduled, executing.scheduled.head);
    } else {
      return false;
    }
    yield* wait.wait();
    return true;
  }

  /**
   * Ends an item's delay and waits until its last queued instance has run.
   *
   * @param item - the item.
   * @returns false when it neither waited nor ran.
   */
  *flushDelayed(item: WorkItem): Sleepable<boolean> {
    const { timers } = this.#options;
    if (item.delay !== null && timers.delTimer(item.delay.timer) === 1) this.delayIsOver(item, item.delay);
    return yield* this.flush(item);
  }

  /**
   * Tells whether an item waits or runs.
   *
   * @param item - the item.
   * @returns `WORK_BUSY_*` bits.
   */
  busy(item: WorkItem): number {
    const runs = item.pool !== null && item.pool.executing(item) !== null;
    return (item.pending ? WORK_BUSY_PENDING : 0) | (runs ? WORK_BUSY_RUNNING : 0);
  }

  /** Spins while a pending item is nowhere to be found: only another CPU, or nobody, can bring it back. */
  *#untilFound(item: WorkItem): Atomic<void> {
    const { cpus, timers } = this.#options;
    const isDelayed = (): boolean => item.delay !== null && timers.timerPending(item.delay.timer);
    while (item.pending && item.part === null && !isDelayed()) yield* cpus.cpuRelax();
  }

  /** Makes an item pending and takes it out of wherever it waits. Returns whether it was pending. */
  #grab(item: WorkItem): boolean {
    const { timers } = this.#options;
    const wasPending = item.pending;
    item.pending = true;
    if (item.delay !== null) timers.delTimer(item.delay.timer);
    const { part } = item;
    if (part === null) return wasPending;
    // Barriers behind it must not stay among those that wait to be active.
    if (item.inactive) part.activate(item);
    item.list?.remove(item);
    item.linked = false;
    item.part = null;
    part.ended(item.color, false);
    return wasPending;
  }

  #delay(wq: Workqueue, item: WorkItem, cpu: CpuId, delay: number): void {
    const { timers } = this.#options;
    if (delay === 0 || item.delay === null) {
      this.#insert(wq, item, cpu);
      return;
    }
    item.delay.wq = wq;
    item.delay.cpu = cpu;
    const expires = timers.jiffies + delay;
    if (cpu === ANY_CPU) timers.addTimer(item.delay.timer, expires);
    else timers.addTimerOn(item.delay.timer, expires, cpu);
  }

  /** Puts a pending item into the pool that shall run it. */
  #insert(wq: Workqueue, item: WorkItem, cpu: CpuId): void {
    const { cpus } = this.#options;
    if (wq.drainers > 0 && !this.#isOwnItem(wq)) {
      this.#refuse(wq, item);
      return;
    }
    let part: QueuePart = wq.parts.length === 1 ? wq.parts[0] : wq.parts[cpu === ANY_CPU ? cpus.cpu : cpu];
    const last = item.pool;
    if (last !== null && last !== part.pool) {
      // While it is still executed there for this queue it goes there: it shall not run twice at once.
      const executing = last.executing(item)?.currentPart ?? null;
      if (executing?.wq === wq) part = executing;
    }
    part.queue(item);
  }

  /** Tells whether the caller is a worker that executes an item of a queue. */
  #isOwnItem(wq: Workqueue): boolean {
    const { cpus, sched } = this.#options;
    return cpus.inTask() && this.#threads.find(sched.current)?.currentPart?.wq === wq;
  }

  #refuse(wq: Workqueue, item: WorkItem): void {
    if (wq.hasRefused) return;
    wq.hasRefused = true;
    const what = `workqueue ${wq.name} is drained: an item queued from outside is dropped, and stays pending`;
    this.#options.reports?.report(new KernelBug('WORK_DRAIN_QUEUE', what, { work: item.id }, 'warn'));
  }
}
