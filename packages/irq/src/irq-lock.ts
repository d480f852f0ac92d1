/** IrqLock: the raw spinlock of a line, as its holder meets it - interrupts off, preemption off. */
import { PREEMPT_OFFSET, type Cpus } from '@kmem/contracts';

/**
 * Takes and gives the locks of lines. What is done under one is a plain function, so nobody ever waits for it: the lock
 * is its effect on the CPU.
 */
export class IrqLock {
  readonly #cpus: Cpus;

  /**
   * @param cpus - the processors.
   */
  constructor(cpus: Cpus) {
    this.#cpus = cpus;
  }

  /**
   * Takes the lock.
   *
   * @returns whether interrupts were off already.
   */
  lock(): boolean {
    const wasOff = this.#cpus.localIrqSave();
    this.#cpus.preemptCountAdd(PREEMPT_OFFSET);
    return wasOff;
  }

  /**
   * Gives the lock back.
   *
   * @param wasOff - what `lock` returned.
   */
  unlock(wasOff: boolean): void {
    // What waited is handled first, still with preemption off.
    this.#cpus.localIrqRestore(wasOff);
    this.#cpus.preemptCountSub(PREEMPT_OFFSET);
  }
}
