/**
 * SoftirqSet: pending softirqs of each CPU, when they run, and the threads that run what is left.
 *
 * ```
 * pending[cpu]     one bit for each softirq that was raised and has not begun
 * round[cpu]       those of the present round that have not begun; lowest first
 * roundsLeft[cpu]  rounds until ksoftirqd takes over
 * end[cpu]         jiffy at which it takes over
 * counts[cpu * NR_SOFTIRQS + nr]   how often it has run
 * ```
 *
 * Plain actions run one after another in a plain function. The first that returns atomic code makes the rest of the
 * rounds atomic code too. (irq spec 12, 13)
 */
import type {
  Atomic,
  AtomicResult,
  Clock,
  CpuExecution,
  CpuId,
  Cpus,
  KernelBugCode,
  ReportSink,
  Scheduler,
  Sleepable,
  Softirqs,
  SoftirqTrace,
  TaskId,
} from '@kmem/contracts';
import {
  HI_SOFTIRQ,
  KernelBug,
  NR_SOFTIRQS,
  SOFTIRQ_DISABLE_OFFSET,
  SOFTIRQ_OFFSET,
  TASKLET_SOFTIRQ,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
} from '@kmem/contracts';

const MAX_ROUNDS = 10;
/** What `ksoftirqd` takes to come round when there is more to do, in ns. Without it a disabled tasklet would stop time. */
const KSOFTIRQD_NS = 100;
const NEVER_DEFERRED = (1 << HI_SOFTIRQ) | (1 << TASKLET_SOFTIRQ);

/** Options of {@link SoftirqSet}. */
export interface SoftirqSetOptions {
  /** The processors. */
  readonly cpus: Cpus;
  /** Whose interrupts softirqs follow. */
  readonly execution: CpuExecution;
  /** Who runs `ksoftirqd`. */
  readonly sched: Scheduler;
  /** What the CPUs read the time from. */
  readonly clock: Clock;
  /** Reads the present jiffy. */
  readonly jiffies: () => number;
  /** Jiffies that softirqs may take before `ksoftirqd` takes over. @default 1 */
  readonly maxJiffies?: number;
  /** Receives what is raised and run. */
  readonly trace?: SoftirqTrace;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
}

/** Softirqs of all CPUs. */
export class SoftirqSet implements Softirqs {
  readonly #options: SoftirqSetOptions;
  readonly #actions: ((() => AtomicResult) | null)[] = new Array<null>(NR_SOFTIRQS).fill(null);
  readonly #pending: Int32Array;
  readonly #round: Int32Array;
  readonly #counts: Float64Array;
  readonly #roundsLeft: Int32Array;
  readonly #end: Float64Array;
  readonly #threads: TaskId[] = [];

  /**
   * Makes the softirqs and their threads, and has the CPUs serve them when an interrupt ends.
   *
   * @param options - what they work with.
   */
  constructor(options: SoftirqSetOptions) {
    this.#options = options;
    const { cpus, execution, sched } = options;
    this.#pending = new Int32Array(cpus.nrCpus);
    this.#round = new Int32Array(cpus.nrCpus);
    this.#counts = new Float64Array(cpus.nrCpus * NR_SOFTIRQS);
    this.#roundsLeft = new Int32Array(cpus.nrCpus);
    this.#end = new Float64Array(cpus.nrCpus);
    for (let cpu = 0; cpu < cpus.nrCpus; cpu++) {
      const thread = sched.kthreadCreate(() => this.#ksoftirqd(cpu), `ksoftirqd/${cpu}`, cpu);
      sched.wakeUpProcess(thread);
      this.#threads.push(thread);
    }
    execution.setHooks({ interruptExit: () => (this.#mayServe() ? this.#serve(cpus.cpu) : undefined) });
  }

  openSoftirq(nr: number, action: () => AtomicResult): void {
    this.#actions[nr] = action;
  }

  raiseSoftirq(nr: number): void {
    const { cpus } = this.#options;
    const wasOff = cpus.localIrqSave();
    this.raiseSoftirqIrqoff(nr);
    cpus.localIrqRestore(wasOff);
  }

  raiseSoftirqIrqoff(nr: number): void {
    const { cpus, trace } = this.#options;
    if (trace !== undefined) trace.softirqRaise(nr);
    this.#pending[cpus.cpu] |= 1 << nr;
    if (cpus.irqCount() === 0) this.#wakeThread();
  }

  localSoftirqPending(): number {
    return this.#pending[this.#options.cpus.cpu];
  }

  /**
   * Reads how often a softirq has run.
   *
   * @kernelName kstat_softirqs_cpu
   * @param nr - which one.
   * @param cpu - on which CPU.
   * @returns the count.
   */
  served(nr: number, cpu: CpuId): number {
    return this.#counts[cpu * NR_SOFTIRQS + nr];
  }

  localBhDisable(): void {
    this.#options.cpus.preemptCountAdd(SOFTIRQ_DISABLE_OFFSET);
  }

  localBhEnable(): void {
    const { cpus } = this.#options;
    const code = this.#beginEnable();
    if (code !== undefined) cpus.runNow(code);
    cpus.preemptCountSub(1);
  }

  *enableBh(): Atomic<void> {
    const code = this.#beginEnable();
    if (code !== undefined) yield* code;
    this.#options.cpus.preemptCountSub(1);
  }

  /** Gives back all of local_bh_disable but 1, so that nothing preempts what runs now. */
  #beginEnable(): AtomicResult {
    const { cpus } = this.#options;
    if (cpus.inHardirq() !== 0 || cpus.irqsDisabled()) {
      this.#report('BH_IN_IRQ', 'local_bh_enable in a hard interrupt or with interrupts off');
    }
    cpus.preemptCountSub(SOFTIRQ_DISABLE_OFFSET - 1);
    if (cpus.irqCount() !== 0 || !this.#mayServe()) return undefined;
    cpus.localIrqDisable();
    const code = this.#serve(cpus.cpu);
    if (code !== undefined) return this.#thenEnable(code);
    cpus.localIrqEnable();
    return undefined;
  }

  *#thenEnable(code: Atomic<void>): Atomic<void> {
    yield* code;
    yield* this.#options.cpus.enableIrqs();
  }

  /** Tells whether pending softirqs run here; otherwise there are none, or `ksoftirqd` is about to run them. */
  #mayServe(): boolean {
    const { cpus, sched } = this.#options;
    const pending = this.#pending[cpus.cpu];
    if (pending === 0) return false;
    return (pending & NEVER_DEFERRED) !== 0 || sched.taskState(this.#threads[cpus.cpu]) !== TASK_RUNNING;
  }

  /** Runs rounds of pending softirqs. Interrupts are off before and after. */
  #serve(cpu: CpuId): AtomicResult {
    const { cpus, jiffies, maxJiffies = 1 } = this.#options;
    cpus.preemptCountAdd(SOFTIRQ_OFFSET);
    this.#end[cpu] = jiffies() + maxJiffies;
    this.#roundsLeft[cpu] = MAX_ROUNDS;
    this.#beginRound(cpu);
    return this.#rounds(cpu);
  }

  #beginRound(cpu: CpuId): void {
    this.#round[cpu] = this.#pending[cpu];
    this.#pending[cpu] = 0;
    this.#options.cpus.localIrqEnable();
  }

  #rounds(cpu: CpuId): AtomicResult {
    const { cpus, trace } = this.#options;
    do {
      while (this.#round[cpu] !== 0) {
        const nr = 31 - Math.clz32(this.#round[cpu] & -this.#round[cpu]);
        this.#round[cpu] &= ~(1 << nr);
        const count = cpus.preemptCount();
        this.#counts[cpu * NR_SOFTIRQS + nr]++;
        if (trace !== undefined) trace.softirqEntry(nr);
        const code = this.#actions[nr]?.();
        if (code !== undefined) return this.#finish(cpu, code, nr, count);
        this.#ended(nr, count);
      }
      cpus.localIrqDisable();
    } while (this.#goOn(cpu));
    cpus.preemptCountSub(SOFTIRQ_OFFSET);
    return undefined;
  }

  *#finish(cpu: CpuId, code: Atomic<void>, nr: number, count: number): Atomic<void> {
    yield* code;
    this.#ended(nr, count);
    const rest = this.#rounds(cpu);
    if (rest !== undefined) yield* rest;
  }

  /** Begins another round if there is need and time for one. */
  #goOn(cpu: CpuId): boolean {
    if (this.#pending[cpu] === 0) return false;
    const { jiffies, sched } = this.#options;
    if (jiffies() < this.#end[cpu] && !sched.needResched && --this.#roundsLeft[cpu] > 0) {
      this.#beginRound(cpu);
      return true;
    }
    this.#wakeThread();
    return false;
  }

  #wakeThread(): void {
    const { cpus, sched } = this.#options;
    sched.wakeUpProcess(this.#threads[cpus.cpu]);
  }

  *#ksoftirqd(cpu: CpuId): Sleepable<number> {
    const { clock, cpus, sched } = this.#options;
    for (;;) {
      sched.setCurrentState(TASK_INTERRUPTIBLE);
      while (this.#pending[cpu] === 0) {
        yield* sched.schedule();
        sched.setCurrentState(TASK_INTERRUPTIBLE);
      }
      sched.setCurrentState(TASK_RUNNING);
      cpus.localIrqDisable();
      const code = this.#serve(cpu);
      if (code !== undefined) yield* code;
      yield* cpus.enableIrqs();
      if (this.#pending[cpu] !== 0) yield* cpus.busyUntil(clock.now() + KSOFTIRQD_NS);
      yield* sched.condResched();
    }
  }

  #ended(nr: number, before: number): void {
    const { cpus, trace } = this.#options;
    if (trace !== undefined) trace.softirqExit(nr);
    const after = cpus.preemptCount();
    if (after === before) return;
    cpus.preemptCountSet(before);
    this.#report('PREEMPT_LEAK', `huh, entered softirq ${nr} with preempt_count ${hex(before)}, exited with ${hex(after)}?`);
  }

  #report(code: KernelBugCode, what: string): void {
    const bug = new KernelBug(code, what, { cpu: this.#options.cpus.cpu }, 'warn');
    if (this.#options.reports !== undefined) this.#options.reports.report(bug);
  }
}

function hex(count: number): string {
  return count.toString(16).padStart(8, '0');
}
