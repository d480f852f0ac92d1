/**
 * SpuriousDetector: judges what the handlers of a line return, and disables one that nobody cares for.
 *
 * ```
 * irqsUnhandled   NONE results in a row of time: two further apart than HZ / 10 start a new row
 * irqCount        interrupts since one was unhandled; at 100000 the line is judged and both start again
 * ```
 *
 * A line that leaves all to its threads is judged one interrupt late, by what they have returned meanwhile.
 * (irq spec 9)
 */
import type { Atomic, Cpus, TimerId, Timers } from '@kmem/contracts';
import { IRQ_HANDLED, IRQ_IS_POLLED, IRQ_NONE, IRQ_WAKE_THREAD } from '@kmem/contracts';
import { chipDisable } from './chip-calls.js';
import type { IrqDelivery } from './irq-delivery.js';
import { IRQS_POLL_INPROGRESS, IRQS_SPURIOUS_DISABLED, type IrqDesc } from './irq-desc.js';
import type { IrqTable } from './irq-table.js';

const JUDGED_AT = 100_000;
const UNHANDLED_LIMIT = 99_900;
const RESULT_MASK = IRQ_HANDLED | IRQ_WAKE_THREAD;
const MAX_BOGUS_REPORTS = 100;

/** What the detector works with. */
export interface SpuriousDetectorOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Jiffies, and the poll timer. */
  readonly timers: Timers;
  /** Ticks a second. */
  readonly hz: number;
}

/** Judges results. */
export class SpuriousDetector {
  readonly #options: SpuriousDetectorOptions;
  readonly #table: IrqTable;
  readonly #pollTimer: TimerId;
  readonly #disabled = new Set<IrqDesc>();
  #bogusReports = 0;

  /**
   * @param options - what it works with.
   * @param table - the lines.
   * @param delivery - who runs the handlers of lines that are polled; asked when the first poll is due.
   */
  constructor(options: SpuriousDetectorOptions, table: IrqTable, delivery: () => IrqDelivery) {
    this.#options = options;
    this.#table = table;
    const { timers } = options;
    this.#pollTimer = timers.create();
    timers.timerSetup(this.#pollTimer, () => this.#poll(delivery()), 0);
  }

  /**
   * Judges one run of a line's handlers.
   *
   * @kernelName note_interrupt
   * @param desc - the line.
   * @param results - of all handlers, or-ed.
   */
  judge(desc: IrqDesc, results: number): void {
    if ((desc.istate & IRQS_POLL_INPROGRESS) !== 0 || (desc.settings & IRQ_IS_POLLED) !== 0) return;
    if ((results & ~RESULT_MASK) !== 0) {
      if (this.#bogusReports++ < MAX_BOGUS_REPORTS) this.#table.report('IRQ_BOGUS_RETURN', desc.irq, `irq event ${desc.irq}: bogus return value ${results.toString(16)}`);
      return;
    }
    const result = this.#ofThreads(desc, results);
    if (result === IRQ_WAKE_THREAD) return;
    if (result === IRQ_NONE) this.#unhandled(desc);
    if (desc.irqsUnhandled === 0) return;
    desc.irqCount++;
    if (desc.irqCount < JUDGED_AT) return;
    desc.irqCount = 0;
    if (desc.irqsUnhandled > UNHANDLED_LIMIT) this.#nobodyCared(desc);
    desc.irqsUnhandled = 0;
  }

  /**
   * Forgets that a line was disabled here.
   *
   * @param desc - the line.
   */
  forget(desc: IrqDesc): void {
    desc.istate &= ~IRQS_SPURIOUS_DISABLED;
    this.#disabled.delete(desc);
  }

  /** Of a line that left all to its threads: what they did since the last interrupt; IRQ_WAKE_THREAD for "wait". */
  #ofThreads(desc: IrqDesc, results: number): number {
    if ((results & IRQ_WAKE_THREAD) === 0) return results;
    const wasLate = desc.judgedLate;
    desc.judgedLate = results === IRQ_WAKE_THREAD;
    if (results !== IRQ_WAKE_THREAD) return IRQ_HANDLED;
    if (!wasLate) return IRQ_WAKE_THREAD;
    const areIdle = desc.threadsHandledLast === desc.threadsHandled;
    desc.threadsHandledLast = desc.threadsHandled;
    return areIdle ? IRQ_NONE : IRQ_HANDLED;
  }

  #unhandled(desc: IrqDesc): void {
    const { timers, hz } = this.#options;
    const now = timers.jiffies;
    desc.irqsUnhandled = now > desc.lastUnhandled + Math.floor(hz / 10) ? 1 : desc.irqsUnhandled + 1;
    desc.lastUnhandled = now;
  }

  #nobodyCared(desc: IrqDesc): void {
    this.#table.report('IRQ_NOBODY_CARED', desc.irq, `irq ${desc.irq}: nobody cared (try booting with the "irqpoll" option)`);
    desc.istate |= IRQS_SPURIOUS_DISABLED;
    this.#disabled.add(desc);
    desc.depth++;
    chipDisable(desc, false);
    this.#armPoll();
  }

  #armPoll(): void {
    const { timers, hz } = this.#options;
    timers.modTimer(this.#pollTimer, timers.jiffies + Math.floor(hz / 10));
  }

  *#poll(delivery: IrqDelivery): Atomic<void> {
    const { cpus } = this.#options;
    for (const desc of this.#disabled) {
      cpus.localIrqDisable();
      yield* delivery.poll(desc);
      yield* cpus.enableIrqs();
    }
    if (this.#disabled.size > 0) this.#armPoll();
  }
}
