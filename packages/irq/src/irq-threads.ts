/**
 * IrqThreads: the kernel threads of actions.
 *
 * ```
 * wake      runThread set, the line's threadsActive up; the bit of a ONESHOT action set
 * thread    runThread taken, threadFn called; the bit cleared, the last one unmasks the line; threadsActive down
 * ```
 *
 * Interrupts that come while a thread runs wake it once more, however many they are. (irq spec 6)
 */
import type { Atomic, Cpus, IrqThreadFn, Scheduler, Sleepable, WaitQueues } from '@kmem/contracts';
import {
  IRQ_HANDLED,
  IRQCHIP_EOI_THREADED,
  TASK_INTERRUPTIBLE,
  TASK_NORMAL,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
} from '@kmem/contracts';
import { unmaskIrq } from './chip-calls.js';
import { IRQS_ONESHOT, type IrqAction, type IrqDesc } from './irq-desc.js';
import type { IrqLock } from './irq-lock.js';

/** What the threads work with. */
export interface IrqThreadsOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Who runs them. */
  readonly sched: Scheduler;
  /** Where tasks wait for them. */
  readonly waitQueues: WaitQueues;
}

/** Threads of actions. */
export class IrqThreads {
  readonly #options: IrqThreadsOptions;
  readonly #lock: IrqLock;

  /**
   * @param options - what they work with.
   * @param lock - the locks of the lines.
   */
  constructor(options: IrqThreadsOptions, lock: IrqLock) {
    this.#options = options;
    this.#lock = lock;
  }

  /**
   * Makes the thread of an action. It sleeps until `start`.
   *
   * @param desc - the line.
   * @param action - an action.
   * @param threadFn - its thread function.
   */
  create(desc: IrqDesc, action: IrqAction, threadFn: IrqThreadFn): void {
    const { cpus, sched } = this.#options;
    action.thread = sched.kthreadCreate(() => this.#loop(desc, action, threadFn), `irq/${desc.irq}-${action.name ?? '(null)'}`, cpus.cpu);
  }

  /**
   * Wakes a thread for the first time and waits until it has begun.
   *
   * @param desc - the line.
   * @param action - the action.
   */
  *start(desc: IrqDesc, action: IrqAction): Sleepable<void> {
    const { sched, waitQueues } = this.#options;
    sched.wakeUpProcess(action.thread);
    yield* waitQueues.waitEvent(desc.waitForThreads, () => action.ready, TASK_UNINTERRUPTIBLE);
  }

  /**
   * Has a thread call its function.
   *
   * @param desc - the line.
   * @param action - the action; nothing happens when its thread is to do so already.
   */
  wake(desc: IrqDesc, action: IrqAction): void {
    if (action.runThread) return;
    action.runThread = true;
    if (action.oneshotBit >= 0 && !action.oneshotPending) {
      action.oneshotPending = true;
      desc.oneshotPending++;
    }
    desc.threadsActive++;
    this.#options.sched.wakeUpProcess(action.thread);
  }

  *#loop(desc: IrqDesc, action: IrqAction, threadFn: IrqThreadFn): Sleepable<number> {
    const { sched, waitQueues } = this.#options;
    sched.schedSetFifo();
    action.ready = true;
    waitQueues.wakeUp(desc.waitForThreads, TASK_NORMAL, 0);
    while (yield* this.#waitForWork(action)) {
      const result = yield* threadFn(desc.irq, action.devId);
      if (result === IRQ_HANDLED) desc.threadsHandled++;
      yield* this.#finalizeOneshot(desc, action);
      if (--desc.threadsActive === 0) waitQueues.wakeUp(desc.waitForThreads, TASK_NORMAL, 0);
    }
    return 0;
  }

  /** Sleeps until there is something to do; false when the thread shall stop. */
  *#waitForWork(action: IrqAction): Sleepable<boolean> {
    const { sched } = this.#options;
    for (;;) {
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      const hasWork = action.runThread;
      if (hasWork || sched.kthreadShouldStop()) {
        sched.setCurrentState(TASK_RUNNING);
        action.runThread = false;
        return hasWork;
      }
      yield* sched.schedule();
    }
  }

  /** Clears the action's bit; the last one unmasks the line. */
  *#finalizeOneshot(desc: IrqDesc, action: IrqAction): Atomic<void> {
    if ((desc.istate & IRQS_ONESHOT) === 0) return;
    const { chip } = desc;
    for (;;) {
      chip?.busLock?.(desc.irq);
      const wasOff = this.#lock.lock();
      // The handlers run on another CPU: whether this thread is to run again is not settled.
      if (!desc.inProgress) {
        if (!action.runThread) this.#clearBit(desc, action);
        this.#lock.unlock(wasOff);
        chip?.busSyncUnlock?.(desc.irq);
        return;
      }
      this.#lock.unlock(wasOff);
      chip?.busSyncUnlock?.(desc.irq);
      yield* this.#options.cpus.cpuRelax();
    }
  }

  #clearBit(desc: IrqDesc, action: IrqAction): void {
    if (action.oneshotPending) {
      action.oneshotPending = false;
      desc.oneshotPending--;
    }
    if (desc.oneshotPending > 0 || desc.disabled || !desc.masked) return;
    const { chip } = desc;
    if (chip !== null && (chip.flags & IRQCHIP_EOI_THREADED) !== 0) chip.eoi?.(desc.irq);
    unmaskIrq(desc);
  }
}
