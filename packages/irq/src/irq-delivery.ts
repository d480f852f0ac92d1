/**
 * IrqDelivery: what happens when an interrupt of a line comes - its flow, its handlers, and the judgement of their
 * results; and how software raises one again.
 *
 * Plain handlers run one after another in a plain function. The first that takes time makes the rest of the interrupt
 * atomic code. (irq spec 5, 8)
 */
import type { Atomic, CpuId, Cpus, Irq, TaskletId, Tasklets } from '@kmem/contracts';
import { EBUSY, EINVAL, IRQF_SHARED, IRQ_LEVEL, IRQ_NESTED_THREAD, IRQ_WAKE_THREAD } from '@kmem/contracts';
import { chipStartup } from './chip-calls.js';
import { startupAffinity } from './irq-affinity.js';
import { IRQS_PENDING, IRQS_POLL_INPROGRESS, IRQS_REPLAY, type IrqAction, type IrqDesc } from './irq-desc.js';
import type { IrqTable } from './irq-table.js';
import { disablePercpu } from './percpu-requests.js';
import type { IrqThreads } from './irq-threads.js';

/** What delivery works with. */
export interface IrqDeliveryOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Who raises interrupts again. */
  readonly tasklets: Tasklets;
}

/** Interrupts that come. */
export class IrqDelivery {
  readonly #options: IrqDeliveryOptions;
  readonly #table: IrqTable;
  readonly #threads: IrqThreads;
  readonly #judge: (desc: IrqDesc, result: number) => void;
  /** Lines to raise again. */
  readonly #resend = new Map<Irq, IrqDesc>();
  readonly #resendTasklet: TaskletId;

  /**
   * @param options - what it works with.
   * @param table - the lines.
   * @param threads - the threads that handlers wake.
   * @param judge - is told what the handlers of a line have returned together.
   */
  constructor(options: IrqDeliveryOptions, table: IrqTable, threads: IrqThreads, judge: (desc: IrqDesc, result: number) => void) {
    this.#options = options;
    this.#table = table;
    this.#threads = threads;
    this.#judge = judge;
    this.#resendTasklet = options.tasklets.create(() => this.#resendAll());
  }

  /**
   * Delivers an interrupt.
   *
   * @param desc - the line.
   * @returns 0; code that returns 0 when a handler takes time.
   * @context interrupts off.
   */
  deliver(desc: IrqDesc): number | Atomic<number> {
    const { flow } = desc;
    if (flow.isPercpu) return this.#deliverPercpu(desc);
    const wasOff = this.#table.lock.lock();
    let runs = flow.begin(desc, this.#options.cpus.cpu);
    while (runs) {
      const code = this.#runActions(desc);
      if (code !== undefined) return this.#finish(desc, code, wasOff);
      runs = flow.again(desc);
    }
    this.#table.lock.unlock(wasOff);
    return 0;
  }

  *#finish(desc: IrqDesc, first: Atomic<void>, wasOff: boolean): Atomic<number> {
    const { flow } = desc;
    yield* first;
    while (flow.again(desc)) {
      const code = this.#runActions(desc);
      if (code !== undefined) yield* code;
    }
    this.#table.lock.unlock(wasOff);
    return 0;
  }

  /** An interrupt that only this CPU has: counted here, acknowledged, handled, ended. */
  #deliverPercpu(desc: IrqDesc): number | Atomic<number> {
    const { cpu } = this.#options.cpus;
    desc.counts[cpu]++;
    desc.chip?.ack?.(desc.irq);
    const { action } = desc;
    if (action === null) {
      this.#spuriousPercpu(desc, cpu);
    } else {
      const result = action.handler === null ? IRQ_WAKE_THREAD : action.handler(desc.irq, desc.percpuDevIds?.[cpu] ?? action.devId);
      if (typeof result !== 'number' || action.next !== null) return this.#finishPercpu(desc, action, result);
      if (desc.flow.isJudged) this.#judge(desc, this.#ended(desc, action, result));
    }
    desc.chip?.eoi?.(desc.irq);
    return 0;
  }

  *#finishPercpu(desc: IrqDesc, first: IrqAction, begun: number | Atomic<number>): Atomic<number> {
    let results = 0;
    let result = begun;
    for (let action: IrqAction | null = first; action !== null; ) {
      results |= this.#ended(desc, action, typeof result === 'number' ? result : yield* result);
      action = action.next;
      if (action !== null) result = action.handler === null ? IRQ_WAKE_THREAD : action.handler(desc.irq, action.devId);
    }
    if (desc.flow.isJudged) this.#judge(desc, results);
    desc.chip?.eoi?.(desc.irq);
    return 0;
  }

  #spuriousPercpu(desc: IrqDesc, cpu: CpuId): void {
    if ((desc.percpuEnabled & (1 << cpu)) === 0) return;
    disablePercpu(desc, cpu);
    this.#table.report('IRQ_PERCPU_SPURIOUS', desc.irq, `Spurious percpu IRQ${desc.irq} on CPU${cpu}`);
  }

  /** Runs all handlers, without the lock; it is held again when they have ended. */
  #runActions(desc: IrqDesc): Atomic<void> | undefined {
    desc.istate &= ~IRQS_PENDING;
    desc.inProgress = true;
    desc.runsOn = this.#options.cpus.cpu;
    this.#table.lock.unlock(true);
    let results = 0;
    for (let action = desc.action; action !== null; action = action.next) {
      const result = action.handler === null ? IRQ_WAKE_THREAD : action.handler(desc.irq, action.devId);
      if (typeof result !== 'number') return this.#runRest(desc, action, result, results);
      results |= this.#ended(desc, action, result);
    }
    this.#allEnded(desc, results);
    return undefined;
  }

  *#runRest(desc: IrqDesc, first: IrqAction, code: Atomic<number>, before: number): Atomic<void> {
    let results = before | this.#ended(desc, first, yield* code);
    for (let action = first.next; action !== null; action = action.next) {
      const result = action.handler === null ? IRQ_WAKE_THREAD : action.handler(desc.irq, action.devId);
      results |= this.#ended(desc, action, typeof result === 'number' ? result : yield* result);
    }
    this.#allEnded(desc, results);
  }

  /** One handler has returned. */
  #ended(desc: IrqDesc, action: IrqAction, result: number): number {
    const { cpus } = this.#options;
    if (!cpus.irqsDisabled()) {
      this.#table.report('IRQ_HANDLER_ENABLED_IRQS', desc.irq, `irq ${desc.irq} handler ${action.name ?? ''} enabled interrupts`);
      cpus.localIrqDisable();
    }
    if (result !== IRQ_WAKE_THREAD) return result;
    if (action.threadFn !== null) {
      this.#threads.wake(desc, action);
    } else if (!action.warned) {
      action.warned = true;
      const what = `IRQ ${desc.irq} device ${action.name ?? ''} returned IRQ_WAKE_THREAD but no thread function available.`;
      this.#table.report('IRQ_WAKE_NO_THREAD', desc.irq, what);
    }
    return result;
  }

  #allEnded(desc: IrqDesc, results: number): void {
    if (desc.flow.isJudged) this.#judge(desc, results);
    this.#table.lock.lock();
    desc.inProgress = false;
  }

  /**
   * Runs the handlers of a line that nobody cared for, as the poll timer does.
   *
   * @param desc - the line; only shared ones are polled.
   * @context interrupts off.
   */
  *poll(desc: IrqDesc): Atomic<void> {
    const wasOff = this.#table.lock.lock();
    if (desc.action !== null && (desc.action.flags & IRQF_SHARED) !== 0 && !desc.inProgress) {
      desc.istate |= IRQS_POLL_INPROGRESS;
      do {
        const code = this.#runActions(desc);
        if (code !== undefined) yield* code;
      } while ((desc.istate & IRQS_PENDING) !== 0);
      desc.istate &= ~IRQS_POLL_INPROGRESS;
    }
    this.#table.lock.unlock(wasOff);
  }

  // Starting and waiting

  /**
   * Starts a line up, and sees to an interrupt that came before. The lock is held.
   *
   * @param desc - the line.
   */
  startUp(desc: IrqDesc): void {
    chipStartup(desc, startupAffinity(desc, this.#table));
    this.checkResend(desc);
  }

  /**
   * Takes one disabling back. The lock is held.
   *
   * @param desc - a line that is disabled.
   */
  enable(desc: IrqDesc): void {
    if (desc.depth > 1) desc.depth--;
    else this.startUp(desc);
  }

  /**
   * Waits until no handler of a line runs.
   *
   * @param desc - the line.
   * @returns true when no thread of it is active.
   */
  *synchronize(desc: IrqDesc): Atomic<boolean> {
    const { cpus } = this.#options;
    while (desc.inProgress) {
      if (desc.runsOn === cpus.cpu && cpus.inHardirq() !== 0) {
        this.#table.report('SELF_DEADLOCK', desc.irq, `IRQ ${desc.irq}: a handler waits for itself`, 'bug');
        break;
      }
      yield* cpus.cpuRelax();
    }
    return desc.threadsActive === 0;
  }

  // Raising again

  /**
   * Sees to an interrupt that could not be handled when it came. The lock is held.
   *
   * @param desc - a line that has just been started up or enabled.
   * @param inject - raise one even though none came.
   * @returns 0; -EBUSY when one was raised and has not arrived, -EINVAL when the line cannot.
   */
  checkResend(desc: IrqDesc, inject = false): number {
    // The hardware raises a level line again by itself.
    if ((desc.settings & IRQ_LEVEL) !== 0) {
      desc.istate &= ~IRQS_PENDING;
      return -EINVAL;
    }
    if ((desc.istate & IRQS_REPLAY) !== 0) return -EBUSY;
    if ((desc.istate & IRQS_PENDING) === 0 && !inject) return 0;
    desc.istate &= ~IRQS_PENDING;
    if ((desc.chip?.retrigger?.(desc.irq) ?? 0) === 0) {
      if ((desc.settings & IRQ_NESTED_THREAD) !== 0) return -EINVAL;
      this.#resend.set(desc.irq, desc);
      this.#options.tasklets.taskletSchedule(this.#resendTasklet);
    }
    desc.istate |= IRQS_REPLAY;
    return 0;
  }

  *#resendAll(): Atomic<void> {
    const { cpus } = this.#options;
    while (this.#resend.size > 0) {
      const irq = Math.min(...this.#resend.keys());
      const desc = this.#resend.get(irq);
      this.#resend.delete(irq);
      if (desc === undefined) continue;
      cpus.localIrqDisable();
      const result = this.deliver(desc);
      if (typeof result !== 'number') yield* result;
      yield* cpus.enableIrqs();
    }
  }
}
