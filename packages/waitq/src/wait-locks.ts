/** WaitLocks: the spin locks of the heads of wait queues, taken with interrupts off. */
import type { Cpus, ReportSink } from '@kmem/contracts';
import { KernelBug, PREEMPT_OFFSET } from '@kmem/contracts';
import type { WaitLists } from './wait-lists.js';

/** Options of {@link WaitLocks}. */
export interface WaitLocksOptions {
  /** Whose interrupts and preemption the locks turn off. */
  readonly cpus: Cpus;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
}

/** The locks of all heads of some lists. */
export class WaitLocks {
  readonly #options: WaitLocksOptions;
  readonly #lists: WaitLists;

  /**
   * @param options - whom they work with.
   * @param lists - whose heads they lock.
   */
  constructor(options: WaitLocksOptions, lists: WaitLists) {
    this.#options = options;
    this.#lists = lists;
  }

  /**
   * Takes a lock.
   *
   * @param head - whose.
   * @returns how interrupts were, for `unlock`.
   */
  lock(head: number): boolean {
    const { cpus } = this.#options;
    const wasOff = cpus.localIrqSave();
    cpus.preemptCountAdd(PREEMPT_OFFSET);
    // Plain code holds it, and runs to its end at one instant: whoever finds it taken is inside that code.
    if (this.#lists.locked[head] === 1) this.#deadlock(head);
    this.#lists.locked[head] = 1;
    return wasOff;
  }

  /**
   * Gives a lock back.
   *
   * @param head - whose.
   * @param wasOff - what `lock` returned.
   */
  unlock(head: number, wasOff: boolean): void {
    const { cpus } = this.#options;
    this.#lists.locked[head] = 0;
    // In this order: an interrupt that has waited finds preemption still off.
    cpus.localIrqRestore(wasOff);
    cpus.preemptCountSub(PREEMPT_OFFSET);
  }

  #deadlock(head: number): void {
    const { cpus, reports } = this.#options;
    const bug = new KernelBug('SELF_DEADLOCK', `CPU ${cpus.cpu} asks for the lock of wait queue ${head} that it holds`, { head, cpu: cpus.cpu });
    if (reports === undefined) throw bug;
    reports.report(bug);
  }
}
