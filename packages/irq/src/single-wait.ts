/** SingleWait: one task that waits until something has happened once. */
import type { Scheduler, Sleepable, TaskId } from '@kmem/contracts';
import { TASK_RUNNING, TASK_UNINTERRUPTIBLE } from '@kmem/contracts';

/** A wait of the current task. */
export class SingleWait {
  readonly #sched: Scheduler;
  readonly #task: TaskId;
  #isOver = false;

  /**
   * @param sched - whose current task will wait.
   */
  constructor(sched: Scheduler) {
    this.#sched = sched;
    this.#task = sched.current;
  }

  /** Ends the wait, also one that has not begun. */
  end(): void {
    this.#isOver = true;
    this.#sched.wakeUpProcess(this.#task);
  }

  /** Waits. */
  *wait(): Sleepable<void> {
    while (!this.#isOver) {
      this.#sched.setCurrentState(TASK_UNINTERRUPTIBLE);
      yield* this.#sched.schedule();
    }
    this.#sched.setCurrentState(TASK_RUNNING);
  }
}
