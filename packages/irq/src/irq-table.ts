/**
 * IrqTable: the lines by number, and the locks around what is done to one.
 *
 * ```
 * descs[irq]                         the line; null: no line has the number
 * bus of its chip, may take time  >  lock of the line
 * ```
 *
 * (irq spec 2)
 */
import { EEXIST, EINVAL, ENOMEM, KernelBug } from '@kmem/contracts';
import type { Cpus, Irq, KernelBugCode, KernelBugSeverity, ReportSink, WaitQueues } from '@kmem/contracts';
import { IrqDesc } from './irq-desc.js';
import { FLOWS } from './irq-flows.js';
import { IrqLock } from './irq-lock.js';

/** Numbers that lines can ever have. */
const MAX_IRQS = 4352 + 8196;

/** What the table works with. */
export interface IrqTableOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Where tasks wait for lines. */
  readonly waitQueues: WaitQueues;
  /** Lowest number that is given when any will do. @default 0 */
  readonly firstIrq?: number;
  /** Receives misuse. @default what ends in a deadlock is thrown, the rest is not reported */
  readonly reports?: ReportSink;
}

/** Lines by number. */
export class IrqTable {
  /** Their locks. */
  readonly lock: IrqLock;
  /** All CPUs, one bit each. */
  readonly allCpus: number;
  readonly #options: IrqTableOptions;
  readonly #descs: (IrqDesc | null)[] = [];

  /**
   * @param options - what it works with.
   */
  constructor(options: IrqTableOptions) {
    this.#options = options;
    this.lock = new IrqLock(options.cpus);
    this.allCpus = 2 ** options.cpus.nrCpus - 1;
  }

  /**
   * Finds a line.
   *
   * @param irq - its number.
   * @returns the line; null without one.
   */
  get(irq: Irq): IrqDesc | null {
    return irq < this.#descs.length && irq >= 0 ? this.#descs[irq] : null;
  }

  /**
   * Lists the lines.
   *
   * @returns them, lowest number first.
   */
  all(): IrqDesc[] {
    return this.#descs.filter((desc) => desc !== null);
  }

  /**
   * Makes lines with numbers in a row.
   *
   * @param irq - the first number; negative for the first row that is free.
   * @param from - lowest number to look at.
   * @param cnt - how many.
   * @returns the first number; -EINVAL, -EEXIST when one of them is taken, -ENOMEM when there are no more numbers.
   */
  add(irq: number, from: number, cnt: number): number {
    if (cnt === 0 || (irq >= 0 && from > irq)) return -EINVAL;
    const start = irq >= 0 ? irq : Math.max(from, this.#options.firstIrq ?? 0);
    const first = this.#firstFree(start, cnt);
    if (irq >= 0 && first !== irq) return -EEXIST;
    if (first + cnt > MAX_IRQS) return -ENOMEM;
    const { cpus, waitQueues } = this.#options;
    while (this.#descs.length < first + cnt) this.#descs.push(null);
    for (let n = first; n < first + cnt; n++) this.#descs[n] = new IrqDesc(n, cpus.nrCpus, FLOWS.bad, waitQueues.createHead());
    return first;
  }

  #firstFree(start: number, cnt: number): number {
    let first = start;
    for (let n = start; n < first + cnt; n++) if (this.get(n) !== null) first = n + 1;
    return first;
  }

  /**
   * Takes lines away.
   *
   * @param from - the first number.
   * @param cnt - how many.
   */
  remove(from: Irq, cnt: number): void {
    for (let n = from; n < from + cnt && n < this.#descs.length; n++) this.#descs[n] = null;
  }

  /**
   * Does something to a line under its lock, with the bus of its chip locked around.
   *
   * @param irq - its number.
   * @param withoutLine - the result when there is no such line.
   * @param what - is done.
   * @returns its result.
   */
  onBus<T>(irq: Irq, withoutLine: T, what: (desc: IrqDesc) => T): T {
    const desc = this.get(irq);
    if (desc === null) return withoutLine;
    const { chip } = desc;
    chip?.busLock?.(irq);
    const wasOff = this.lock.lock();
    const result = what(desc);
    this.lock.unlock(wasOff);
    chip?.busSyncUnlock?.(irq);
    return result;
  }

  /**
   * Reports misuse of a line.
   *
   * @param code - its code.
   * @param irq - number of the line.
   * @param what - the kernel's words.
   * @param severity - "bug" when the machine cannot go on.
   * @throws KernelBug of severity "bug" when nobody collects reports.
   */
  report(code: KernelBugCode, irq: Irq, what: string, severity: KernelBugSeverity = 'warn'): void {
    const { reports } = this.#options;
    const bug = new KernelBug(code, what, { irq }, severity);
    if (reports !== undefined) reports.report(bug);
    else if (severity === 'bug') throw bug;
  }
}
