/**
 * TaskSimpleWaitQueues: tasks that wait in line, each woken alone.
 *
 * ```
 * head -> longest waiter -> ... -> latest -> head     a waker takes out whom it wakes
 * ```
 *
 * (waitq spec 7.1)
 */
import type { Cpus, ReportSink, Scheduler, SimpleWaitQueues, Sleepable, SleepTimeout, SwaitHeadId } from '@kmem/contracts';
import { ERESTARTSYS, MAX_SCHEDULE_TIMEOUT, TASK_RUNNING } from '@kmem/contracts';
import { TimedCondition } from './timed-condition.js';
import { WaitLists } from './wait-lists.js';
import { WaitLocks } from './wait-locks.js';

/** Options of {@link TaskSimpleWaitQueues}. */
export interface TaskSimpleWaitQueuesOptions {
  /** Whose interrupts and preemption the locks turn off. */
  readonly cpus: Cpus;
  /** Who sleeps and is woken. */
  readonly sched: Scheduler;
  /** How to sleep, for a time or until woken. */
  readonly sleep: SleepTimeout;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
}

/** Simple wait queues of tasks. */
export class TaskSimpleWaitQueues implements SimpleWaitQueues {
  readonly #options: TaskSimpleWaitQueuesOptions;
  readonly #lists = new WaitLists();
  readonly #locks: WaitLocks;
  readonly #heads = new Map<number, SwaitHeadId>();

  /**
   * @param options - what the queues work with.
   */
  constructor(options: TaskSimpleWaitQueuesOptions) {
    this.#options = options;
    this.#locks = new WaitLocks(options, this.#lists);
  }

  createHead(): SwaitHeadId {
    return this.#lists.create();
  }

  headAt(address: number): SwaitHeadId {
    let head = this.#heads.get(address);
    if (head === undefined) {
      head = this.createHead();
      this.#heads.set(address, head);
    }
    return head;
  }

  destroy(head: number): void {
    this.#lists.destroy(head);
  }

  swaitActive(head: number): boolean {
    return this.#lists.next[head] !== head;
  }

  swakeUpOne(head: SwaitHeadId): void {
    const wasOff = this.lock(head);
    this.swakeUpLocked(head);
    this.unlock(head, wasOff);
  }

  swakeUpAll(head: SwaitHeadId): void {
    const lists = this.#lists;
    let wasOff = this.lock(head);
    // Whoever comes meanwhile is not among them.
    const woken = lists.create();
    lists.moveAll(head, woken);
    while (this.swaitActive(woken)) {
      this.swakeUpLocked(woken);
      this.unlock(head, wasOff);
      wasOff = this.lock(head);
    }
    this.unlock(head, wasOff);
    lists.destroy(woken);
  }

  swaitEvent(head: SwaitHeadId, condition: () => boolean, state: number): Sleepable<number> {
    return this.#wait(head, new TimedCondition(condition, MAX_SCHEDULE_TIMEOUT), state, () => 0);
  }

  swaitEventTimeout(head: SwaitHeadId, condition: () => boolean, timeout: number, state: number): Sleepable<number> {
    return this.#wait(head, new TimedCondition(condition, timeout), state, ({ left }) => left);
  }

  *#wait(head: SwaitHeadId, timed: TimedCondition, state: number, result: (timed: TimedCondition) => number): Sleepable<number> {
    const { sleep } = this.#options;
    if (timed.over()) return result(timed);
    const entry = this.createEntry();
    for (;;) {
      const wasOff = this.lock(head);
      const signal = this.prepareToSwait(head, entry, state);
      this.unlock(head, wasOff);
      const isOver = timed.over();
      if (isOver || signal !== 0) {
        this.finishSwait(head, entry);
        return isOver ? result(timed) : signal;
      }
      timed.left = yield* sleep.scheduleTimeout(timed.left);
    }
  }

  // For completions, which count under the lock of their queue

  /**
   * Takes the lock of a queue.
   *
   * @param head - which queue.
   * @returns how interrupts were, for `unlock`.
   */
  lock(head: number): boolean {
    return this.#locks.lock(head);
  }

  /**
   * Gives the lock of a queue back.
   *
   * @param head - which queue.
   * @param wasOff - what `lock` returned.
   */
  unlock(head: number, wasOff: boolean): void {
    this.#locks.unlock(head, wasOff);
  }

  /**
   * Makes an entry for the current task.
   *
   * @returns the entry; `finishSwait` gives it back.
   */
  createEntry(): number {
    const entry = this.#lists.create();
    this.#lists.task[entry] = this.#options.sched.current;
    return entry;
  }

  /**
   * Queues an entry at the end unless it is queued, and sets the state, under the lock.
   *
   * @kernelName prepare_to_swait_event
   * @param head - where.
   * @param entry - one of the current task.
   * @param state - of the sleep to come.
   * @returns 0; -ERESTARTSYS for a signal that the state heeds: then the entry is not queued.
   */
  prepareToSwait(head: number, entry: number, state: number): number {
    const { sched } = this.#options;
    if (sched.signalPendingState(state, sched.current)) {
      this.#lists.remove(entry);
      return -ERESTARTSYS;
    }
    if (this.#lists.next[entry] === entry) this.#lists.addTail(head, entry);
    sched.setCurrentState(state);
    return 0;
  }

  /**
   * Makes the current task run on; takes its entry out and back.
   *
   * @kernelName finish_swait
   * @param head - where it was queued.
   * @param entry - the entry.
   */
  finishSwait(head: number, entry: number): void {
    this.#options.sched.setCurrentState(TASK_RUNNING);
    if (this.#lists.next[entry] !== entry) {
      const wasOff = this.lock(head);
      this.#lists.remove(entry);
      this.unlock(head, wasOff);
    }
    this.#lists.destroy(entry);
  }

  /**
   * Does what swakeUpOne does, under the lock.
   *
   * @kernelName swake_up_locked
   * @param head - which queue.
   */
  swakeUpLocked(head: number): void {
    const first = this.#lists.next[head];
    if (first === head) return;
    this.#options.sched.wakeUpProcess(this.#lists.task[first]);
    this.#lists.remove(first);
  }
}
