/**
 * TaskWaitQueues: tasks that wait for conditions, asleep. The queues are in wait-queue-core.ts. (waitq spec 4)
 */
import type { Cpus, ReportSink, Scheduler, Sleepable, SleepTimeout, WaitEntryId, WaitHeadId, WaitQueues } from '@kmem/contracts';
import { WOULD_BLOCK } from '@kmem/contracts';
import { TimedCondition } from './timed-condition.js';
import { WaitLists } from './wait-lists.js';
import { WaitLocks } from './wait-locks.js';
import { WaitQueueCore } from './wait-queue-core.js';

/** Options of {@link TaskWaitQueues}. */
export interface TaskWaitQueuesOptions {
  /** Whose interrupts and preemption the locks turn off. */
  readonly cpus: Cpus;
  /** Who sleeps and is woken. */
  readonly sched: Scheduler;
  /** How to sleep for a time. Without it waits with a timeout cannot be used. */
  readonly sleep?: SleepTimeout;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
}

/** Wait queues of tasks. */
export class TaskWaitQueues extends WaitQueueCore implements WaitQueues {
  readonly #options: TaskWaitQueuesOptions;
  readonly #nodes = new Map<number, number>();

  /**
   * @param options - what the queues work with.
   */
  constructor(options: TaskWaitQueuesOptions) {
    const lists = new WaitLists();
    super(options.sched, lists, new WaitLocks(options, lists));
    this.#options = options;
  }

  headAt(address: number): WaitHeadId {
    return this.#nodeAt(address);
  }

  entryAt(address: number): WaitEntryId {
    return this.#nodeAt(address);
  }

  *waitEvent(head: WaitHeadId, condition: () => boolean, state: number, exclusive = false): Sleepable<number> {
    const { sched } = this.#options;
    yield* sched.mightSleep();
    if (condition()) return 0;
    const entry = this.createWaiter(exclusive);
    for (;;) {
      const result = this.tryWaitEvent(head, entry, condition, state);
      if (result !== WOULD_BLOCK) {
        this.lists.destroy(entry);
        return result;
      }
      yield* sched.schedule();
    }
  }

  *waitEventTimeout(
    head: WaitHeadId,
    condition: () => boolean,
    timeout: number,
    state: number,
    exclusive = false,
  ): Sleepable<number> {
    const { sched, sleep } = this.#options;
    if (sleep === undefined) throw new TypeError('sleep: expected a SleepTimeout, got undefined');
    yield* sched.mightSleep();
    const timed = new TimedCondition(condition, timeout);
    if (timed.over()) return timed.left;
    const entry = this.createWaiter(exclusive);
    for (;;) {
      const result = this.tryWaitEvent(head, entry, timed.over, state);
      if (result !== WOULD_BLOCK) {
        this.lists.destroy(entry);
        return result === 0 ? timed.left : result;
      }
      timed.left = yield* sleep.scheduleTimeout(timed.left);
    }
  }

  #nodeAt(address: number): number {
    let node = this.#nodes.get(address);
    if (node === undefined) {
      node = this.lists.create();
      this.#nodes.set(address, node);
    }
    return node;
  }
}
