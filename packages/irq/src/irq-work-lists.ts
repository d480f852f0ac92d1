/**
 * IrqWorkLists: irq_work items that wait for an interrupt.
 *
 * ```
 * flags[work]         IRQ_WORK_* bits; PENDING goes when the function begins, BUSY when it has ended
 * lists[cpu * 2]      run by IRQ_WORK_VECTOR
 * lists[cpu * 2 + 1]  lazy ones, run by the next tick
 * ```
 *
 * A list is taken as a whole and run from its end. An item is in one list at most: PENDING is set while it is. (irq spec 16)
 */
import type { Atomic, AtomicResult, CpuId, Cpus, IrqWorkId, IrqWorks, Timers } from '@kmem/contracts';
import { IRQ_WORK_BUSY, IRQ_WORK_LAZY, IRQ_WORK_PENDING, IRQ_WORK_VECTOR, PREEMPT_OFFSET } from '@kmem/contracts';

/** Options of {@link IrqWorkLists}. */
export interface IrqWorkListsOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Whose ticks run lazy items. */
  readonly timers: Timers;
}

/** The irq_work items of all CPUs. */
export class IrqWorkLists implements IrqWorks {
  readonly #options: IrqWorkListsOptions;
  readonly #fn: (() => AtomicResult)[] = [];
  readonly #flags: number[] = [];
  readonly #lists: IrqWorkId[][];

  /**
   * Makes the lists, takes IRQ_WORK_VECTOR.
   *
   * @param options - what they work with.
   */
  constructor(options: IrqWorkListsOptions) {
    this.#options = options;
    const { cpus, timers } = options;
    this.#lists = Array.from({ length: cpus.nrCpus * 2 }, () => []);
    cpus.setVectorHandler(IRQ_WORK_VECTOR, () => this.#run(cpus.cpu * 2));
    timers.addTickObserver((cpu) => this.#tick(cpu), (cpu) => this.#lists[cpu * 2 + 1].length > 0);
  }

  create(fn: () => AtomicResult, flags = 0): IrqWorkId {
    this.#flags.push(flags & IRQ_WORK_LAZY);
    return this.#fn.push(fn) - 1;
  }

  flags(work: IrqWorkId): number {
    return this.#flags[work];
  }

  irqWorkQueue(work: IrqWorkId): boolean {
    if (!this.#claim(work)) return false;
    const { cpus } = this.#options;
    const { cpu } = cpus;
    cpus.preemptCountAdd(PREEMPT_OFFSET);
    // An idle CPU has stopped its tick: nobody would come.
    if ((this.#flags[work] & IRQ_WORK_LAZY) !== 0 && !cpus.isIdle(cpu)) this.#lists[cpu * 2 + 1].push(work);
    else this.#send(work, cpu);
    cpus.preemptCountSub(PREEMPT_OFFSET);
    return true;
  }

  irqWorkQueueOn(work: IrqWorkId, cpu: CpuId): boolean {
    if (!this.#claim(work)) return false;
    const { cpus } = this.#options;
    cpus.preemptCountAdd(PREEMPT_OFFSET);
    this.#send(work, cpu);
    cpus.preemptCountSub(PREEMPT_OFFSET);
    return true;
  }

  *irqWorkSync(work: IrqWorkId): Atomic<void> {
    while ((this.#flags[work] & IRQ_WORK_BUSY) !== 0) yield* this.#options.cpus.cpuRelax();
  }

  #claim(work: IrqWorkId): boolean {
    if ((this.#flags[work] & IRQ_WORK_PENDING) !== 0) return false;
    this.#flags[work] |= IRQ_WORK_PENDING | IRQ_WORK_BUSY;
    return true;
  }

  #send(work: IrqWorkId, cpu: CpuId): void {
    const { cpus } = this.#options;
    const wasOff = cpus.localIrqSave();
    this.#lists[cpu * 2].push(work);
    cpus.raiseVector(cpu, IRQ_WORK_VECTOR);
    cpus.localIrqRestore(wasOff);
  }

  /** Runs what waits for a tick. */
  #tick(cpu: CpuId): void {
    const lazy = this.#lists[cpu * 2 + 1];
    if (lazy.length === 0) return;
    this.#lists[cpu * 2 + 1] = [];
    const code = this.#runAll(lazy);
    if (code !== undefined) this.#options.cpus.runNow(code);
  }

  #run(at: number): AtomicResult {
    const list = this.#lists[at];
    this.#lists[at] = [];
    return this.#runAll(list);
  }

  #runAll(list: IrqWorkId[]): AtomicResult {
    for (let work = list.pop(); work !== undefined; work = list.pop()) {
      this.#flags[work] &= ~IRQ_WORK_PENDING;
      const code = this.#fn[work]();
      if (code !== undefined) return this.#finish(code, work, list);
      this.#ended(work);
    }
    return undefined;
  }

  *#finish(code: Atomic<void>, work: IrqWorkId, list: IrqWorkId[]): Atomic<void> {
    yield* code;
    this.#ended(work);
    const rest = this.#runAll(list);
    if (rest !== undefined) yield* rest;
  }

  /** One that was queued again meanwhile stays busy. */
  #ended(work: IrqWorkId): void {
    if ((this.#flags[work] & IRQ_WORK_PENDING) === 0) this.#flags[work] &= ~IRQ_WORK_BUSY;
  }
}
