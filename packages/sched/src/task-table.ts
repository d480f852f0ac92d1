/**
 * TaskTable: what is known of every task, as columns, and the run queues that link them.
 *
 * ```
 * task               0: the idle task of every CPU; 1, 2, ...: in the order in which they were made, never used twice
 * state[task]        TASK_* bits
 * cpu[task]          the CPU it runs on
 * onRq[task] = 1     runnable: current on its CPU, or in its run queue
 * pending, allowed   signals, bit sig - 1 for sig
 * head[cpu] -> next[task] -> ... -> tail[cpu]     the run queue, 0 ends it
 * length[cpu]        tasks in it
 * ```
 *
 * Real-time tasks stand before the others, each kind in the order in which they were queued. The current task is in no
 * run queue. (waitq spec 12)
 */
import type { CpuId, Sleepable, TaskId } from '@kmem/contracts';

const FIRST_CAPACITY = 16;

/** Columns and run queues. */
export class TaskTable {
  /** State words. */
  state = new Int32Array(FIRST_CAPACITY);
  /** CPU of each task. */
  cpu = new Int32Array(FIRST_CAPACITY);
  /** 1: runnable. */
  onRq = new Uint8Array(FIRST_CAPACITY);
  /** `PF_*` bits. */
  flags = new Int32Array(FIRST_CAPACITY);
  /** `KTHREAD_*` bits. */
  kthread = new Uint8Array(FIRST_CAPACITY);
  /** Pending signals. */
  pending = new Int32Array(FIRST_CAPACITY);
  /** Signals that are heeded. */
  allowed = new Int32Array(FIRST_CAPACITY);
  /** Real-time priorities; 0: the normal policy. */
  rtPriority = new Uint8Array(FIRST_CAPACITY);
  /** Nice values. */
  nice = new Int8Array(FIRST_CAPACITY);
  /** What a dead task's code returned. */
  result = new Float64Array(FIRST_CAPACITY);
  /** The task that waits for its end; 0: none. */
  waiter = new Int32Array(FIRST_CAPACITY);
  /** Names. */
  readonly comm: string[] = ['swapper'];
  /** Makes the code of the tasks that have not ended. */
  readonly entry: ((() => Sleepable<number>) | null)[] = [null];
  /** That code, once they have begun. */
  readonly code: (Sleepable<number> | null)[] = [null];
  #next = new Int32Array(FIRST_CAPACITY);
  readonly #head: Int32Array;
  readonly #tail: Int32Array;
  readonly #length: Int32Array;

  /**
   * @param nrCpus - number of run queues.
   */
  constructor(nrCpus: number) {
    this.#head = new Int32Array(nrCpus);
    this.#tail = new Int32Array(nrCpus);
    this.#length = new Int32Array(nrCpus);
  }

  /**
   * Makes a row.
   *
   * @param comm - its name.
   * @param cpu - its CPU.
   * @param state - its first state.
   * @param flags - `PF_*` bits.
   * @param entry - makes its code.
   * @returns the task.
   */
  add(comm: string, cpu: CpuId, state: number, flags: number, entry: () => Sleepable<number>): TaskId {
    const task = this.comm.length;
    if (task === this.state.length) this.#grow();
    this.comm.push(comm);
    this.entry.push(entry);
    this.code.push(null);
    this.cpu[task] = cpu;
    this.state[task] = state;
    this.flags[task] = flags;
    return task;
  }

  /**
   * Lets go of the code of a task that has ended.
   *
   * @param task - which one.
   */
  remove(task: TaskId): void {
    this.entry[task] = null;
    this.code[task] = null;
  }

  /**
   * Puts a task in the run queue of its CPU, behind all of its priority.
   *
   * @param task - one that is in no run queue.
   */
  enqueue(task: TaskId): void {
    const cpu = this.cpu[task];
    const last = this.#tail[cpu];
    if (this.rtPriority[task] !== 0 || last === 0) {
      this.#insert(cpu, this.#lastRealTime(cpu), task);
      return;
    }
    this.#next[task] = 0;
    this.#next[last] = task;
    this.#tail[cpu] = task;
    this.#length[cpu]++;
  }

  #insert(cpu: CpuId, before: TaskId, task: TaskId): void {
    const next = before === 0 ? this.#head[cpu] : this.#next[before];
    this.#next[task] = next;
    if (before === 0) this.#head[cpu] = task;
    else this.#next[before] = task;
    if (next === 0) this.#tail[cpu] = task;
    this.#length[cpu]++;
  }

  /** The last real-time task of a run queue; 0: none. */
  #lastRealTime(cpu: CpuId): TaskId {
    let last = 0;
    for (let at = this.#head[cpu]; at !== 0 && this.rtPriority[at] !== 0; at = this.#next[at]) last = at;
    return last;
  }

  /**
   * Takes the first task out of a run queue.
   *
   * @param cpu - whose.
   * @returns the task, or 0 when there is none.
   */
  dequeueFirst(cpu: CpuId): TaskId {
    const task = this.#head[cpu];
    if (task === 0) return 0;
    const next = this.#next[task];
    this.#head[cpu] = next;
    if (next === 0) this.#tail[cpu] = 0;
    this.#length[cpu]--;
    return task;
  }

  /**
   * Takes a task out of the run queue of its CPU.
   *
   * @param task - one that is in it.
   */
  dequeue(task: TaskId): void {
    const cpu = this.cpu[task];
    let before = 0;
    for (let at = this.#head[cpu]; at !== task; at = this.#next[at]) before = at;
    this.#unlink(cpu, before, task);
  }

  /**
   * Tells how many tasks wait.
   *
   * @param cpu - for which CPU.
   * @returns the length of its run queue.
   */
  waiting(cpu: CpuId): number {
    return this.#length[cpu];
  }

  /**
   * Lists a run queue.
   *
   * @param cpu - whose.
   * @returns the tasks, the first one first.
   */
  queue(cpu: CpuId): TaskId[] {
    const tasks: TaskId[] = [];
    for (let task = this.#head[cpu]; task !== 0; task = this.#next[task]) tasks.push(task);
    return tasks;
  }

  #unlink(cpu: CpuId, before: TaskId, task: TaskId): void {
    if (before === 0) this.#head[cpu] = this.#next[task];
    else this.#next[before] = this.#next[task];
    if (this.#tail[cpu] === task) this.#tail[cpu] = before;
    this.#length[cpu]--;
  }

  #grow(): void {
    const rows = this.state.length * 2;
    this.state = grown(this.state, new Int32Array(rows));
    this.cpu = grown(this.cpu, new Int32Array(rows));
    this.onRq = grown(this.onRq, new Uint8Array(rows));
    this.flags = grown(this.flags, new Int32Array(rows));
    this.kthread = grown(this.kthread, new Uint8Array(rows));
    this.pending = grown(this.pending, new Int32Array(rows));
    this.allowed = grown(this.allowed, new Int32Array(rows));
    this.rtPriority = grown(this.rtPriority, new Uint8Array(rows));
    this.nice = grown(this.nice, new Int8Array(rows));
    this.result = grown(this.result, new Float64Array(rows));
    this.waiter = grown(this.waiter, new Int32Array(rows));
    this.#next = grown(this.#next, new Int32Array(rows));
  }
}

function grown<A extends Int32Array | Float64Array | Uint8Array | Int8Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
