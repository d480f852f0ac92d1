/**
 * TaskletLists: tasklets that wait for their run, in the order in which they were scheduled.
 *
 * ```
 * state[tasklet]   TASKLET_STATE_* bits
 * count[tasklet]   > 0: disabled
 * lists[cpu * 2]       of the softirq TASKLET
 * lists[cpu * 2 + 1]   of the softirq HI
 * ```
 *
 * A tasklet is in one list at most: SCHED is set while it is. (irq spec 14)
 */
import type { Atomic, AtomicResult, Cpus, ReportSink, Sleepable, Softirqs, TaskletId, Tasklets, WaitHeadId, WaitQueues } from '@kmem/contracts';
import { HI_SOFTIRQ, KernelBug, TASKLET_SOFTIRQ, TASKLET_STATE_RUN, TASKLET_STATE_SCHED, TASK_NORMAL, TASK_UNINTERRUPTIBLE } from '@kmem/contracts';

/** Options of {@link TaskletLists}. */
export interface TaskletListsOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Who runs the tasklets. */
  readonly softirqs: Softirqs;
  /** Where killers and disablers wait. */
  readonly waitQueues: WaitQueues;
  /** Receives misuse. @default misuse is not reported */
  readonly reports?: ReportSink;
}

/** The tasklets of all CPUs. */
export class TaskletLists implements Tasklets {
  readonly #options: TaskletListsOptions;
  readonly #fn: (() => AtomicResult)[] = [];
  readonly #state: number[] = [];
  readonly #count: number[] = [];
  readonly #lists: TaskletId[][];
  /** Tasks that wait for a state bit to go. */
  readonly #waiters: WaitHeadId;

  /**
   * Makes the lists and installs the two softirqs.
   *
   * @param options - what they work with.
   */
  constructor(options: TaskletListsOptions) {
    this.#options = options;
    const { cpus, softirqs } = options;
    this.#waiters = options.waitQueues.createHead();
    this.#lists = Array.from({ length: cpus.nrCpus * 2 }, () => []);
    softirqs.openSoftirq(TASKLET_SOFTIRQ, () => this.#action(0, TASKLET_SOFTIRQ));
    softirqs.openSoftirq(HI_SOFTIRQ, () => this.#action(1, HI_SOFTIRQ));
  }

  create(fn: () => AtomicResult, count = 0): TaskletId {
    this.#state.push(0);
    this.#count.push(count);
    return this.#fn.push(fn) - 1;
  }

  state(tasklet: TaskletId): number {
    return this.#state[tasklet];
  }

  count(tasklet: TaskletId): number {
    return this.#count[tasklet];
  }

  taskletSchedule(tasklet: TaskletId): void {
    this.#schedule(tasklet, 0, TASKLET_SOFTIRQ);
  }

  taskletHiSchedule(tasklet: TaskletId): void {
    this.#schedule(tasklet, 1, HI_SOFTIRQ);
  }

  taskletDisableNosync(tasklet: TaskletId): void {
    this.#count[tasklet]++;
  }

  *taskletDisable(tasklet: TaskletId): Sleepable<void> {
    this.#count[tasklet]++;
    yield* this.#until(tasklet, TASKLET_STATE_RUN);
  }

  taskletEnable(tasklet: TaskletId): void {
    this.#count[tasklet]--;
  }

  *taskletKill(tasklet: TaskletId): Sleepable<void> {
    if (this.#options.cpus.irqCount() !== 0) {
      const bug = new KernelBug('TASKLET_KILL_IN_IRQ', 'Attempt to kill tasklet from interrupt', { tasklet }, 'warn');
      this.#options.reports?.report(bug);
    }
    yield* this.#until(tasklet, TASKLET_STATE_SCHED);
    // Held so that nobody schedules it while it ends.
    this.#state[tasklet] |= TASKLET_STATE_SCHED;
    yield* this.#until(tasklet, TASKLET_STATE_RUN);
    this.#clear(tasklet, TASKLET_STATE_SCHED);
  }

  *#until(tasklet: TaskletId, goneBit: number): Sleepable<void> {
    yield* this.#options.waitQueues.waitEvent(this.#waiters, () => !this.#has(tasklet, goneBit), TASK_UNINTERRUPTIBLE);
  }

  #clear(tasklet: TaskletId, bit: number): void {
    const { waitQueues } = this.#options;
    this.#state[tasklet] &= ~bit;
    if (waitQueues.waitqueueActive(this.#waiters)) waitQueues.wakeUp(this.#waiters, TASK_NORMAL, 0);
  }

  #has(tasklet: TaskletId, bit: number): boolean {
    return (this.#state[tasklet] & bit) !== 0;
  }

  #schedule(tasklet: TaskletId, hi: 0 | 1, nr: number): void {
    if (this.#has(tasklet, TASKLET_STATE_SCHED)) return;
    const { cpus, softirqs } = this.#options;
    this.#state[tasklet] |= TASKLET_STATE_SCHED;
    const wasOff = cpus.localIrqSave();
    this.#lists[cpus.cpu * 2 + hi].push(tasklet);
    softirqs.raiseSoftirqIrqoff(nr);
    cpus.localIrqRestore(wasOff);
  }

  /** Runs all that wait now; those that are scheduled meanwhile wait for the next round. */
  #action(hi: 0 | 1, nr: number): AtomicResult {
    const at = this.#options.cpus.cpu * 2 + hi;
    const list = this.#lists[at];
    this.#lists[at] = [];
    return this.#run(list, 0, hi, nr);
  }

  #run(list: readonly TaskletId[], from: number, hi: 0 | 1, nr: number): AtomicResult {
    for (let i = from; i < list.length; i++) {
      const tasklet = list[i];
      if (this.#has(tasklet, TASKLET_STATE_RUN) || this.#count[tasklet] > 0) {
        this.#putBack(tasklet, hi, nr);
        continue;
      }
      // Not scheduled while it runs: it may schedule itself.
      this.#state[tasklet] |= TASKLET_STATE_RUN;
      this.#clear(tasklet, TASKLET_STATE_SCHED);
      const code = this.#fn[tasklet]();
      if (code !== undefined) return this.#finish(code, list, i, hi, nr);
      this.#clear(tasklet, TASKLET_STATE_RUN);
    }
    return undefined;
  }

  *#finish(code: Atomic<void>, list: readonly TaskletId[], i: number, hi: 0 | 1, nr: number): Atomic<void> {
    yield* code;
    this.#clear(list[i], TASKLET_STATE_RUN);
    const rest = this.#run(list, i + 1, hi, nr);
    if (rest !== undefined) yield* rest;
  }

  #putBack(tasklet: TaskletId, hi: 0 | 1, nr: number): void {
    const { cpus, softirqs } = this.#options;
    const wasOff = cpus.localIrqSave();
    this.#lists[cpus.cpu * 2 + hi].push(tasklet);
    softirqs.raiseSoftirqIrqoff(nr);
    cpus.localIrqRestore(wasOff);
  }
}
