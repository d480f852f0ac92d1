/** What the replayer of scenarios needs of a booted kernel: the contracts of its parts, and a look inside. */
import type {
  BitWaits,
  Clock,
  Completions,
  CpuId,
  Cpus,
  Delays,
  HrTimers,
  Interrupts,
  IrqChip,
  IrqWorks,
  SchedTrace,
  Scheduler,
  ScriptedChipOptions,
  SimpleWaitQueues,
  SoftirqTrace,
  Softirqs,
  TaskId,
  Tasklets,
  TimerId,
  Timers,
  WaitQueues,
  Workqueues,
} from '@kmem/contracts';

/** Timers that show where they lie. */
export interface TimersUnderTest extends Timers {
  /**
   * Reads in which bucket a timer lies or lay.
   *
   * @param timer - which one.
   * @returns 64 times the level, plus the bucket of the level.
   */
  bucket(timer: TimerId): number;
  /**
   * Reads on which CPU's wheel a timer lies or lay.
   *
   * @param timer - which one.
   * @returns the CPU.
   */
  timerCpu(timer: TimerId): CpuId;
  /**
   * Reads the clock of a CPU's wheel.
   *
   * @param cpu - whose.
   * @returns the jiffy that is worked off next.
   */
  baseClock(cpu: CpuId): number;
  /**
   * Sets the clock of a CPU's wheel: timers that are not part of the recording have moved it.
   *
   * @param cpu - whose.
   * @param clk - the jiffy that is worked off next.
   */
  setBaseClock(cpu: CpuId, clk: number): void;
}

/** Work queues that show what their workers are about to do. */
export interface WorkqueuesUnderTest extends Workqueues {
  /**
   * Tells whether a worker has something to do.
   *
   * @param task - any task.
   * @returns false when it is about to become idle; true for tasks that are no workers.
   */
  workerIsNeeded(task: TaskId): boolean;
}

/** A booted kernel. */
export interface KernelUnderTest {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they read the time from. */
  readonly clock: Clock;
  /** Tasks. */
  readonly sched: Scheduler;
  /** Softirqs. */
  readonly softirqs: Softirqs;
  /** High-resolution timers. */
  readonly hrtimers: HrTimers;
  /** Busy-waiting and sleeping. */
  readonly delays: Delays;
  /** Timers. */
  readonly timers: TimersUnderTest;
  /** Wait queues. */
  readonly waitQueues: WaitQueues;
  /** Simple wait queues. */
  readonly simpleWaitQueues: SimpleWaitQueues;
  /** Completions. */
  readonly completions: Completions;
  /** Waits for bits. */
  readonly bitWaits: BitWaits;
  /** Tasklets. */
  readonly tasklets: Tasklets;
  /** irq_work items. */
  readonly irqWorks: IrqWorks;
  /** Work queues. */
  readonly workqueues: WorkqueuesUnderTest;
  /** Interrupt lines. */
  readonly irqs: Interrupts;
  /** Makes an interrupt controller that does nothing but tell of its calls. */
  readonly createChip: (options: ScriptedChipOptions) => IrqChip;
  /** Lets one CPU do one thing; false when no CPU will ever do anything again. */
  readonly step: () => boolean;
  /** Runs until nothing is left to do, or a time has come. */
  readonly run: (until?: number) => boolean;
}

/** A kernel to boot. */
export interface KernelRequest {
  /** CPUs. */
  readonly nrCpus: number;
  /** Local time of the CPUs at the beginning, in ns. */
  readonly startNs: number;
  /** Ticks a second. */
  readonly hz: number;
  /** What the delay loop takes for each ns asked, in ns. */
  readonly delayLoop: number;
  /** Receives wake-ups, and softirqs that are raised and run. */
  readonly trace: SchedTrace & SoftirqTrace;
  /** Chooses among runnable tasks. */
  readonly chooseTask: (cpu: CpuId, runnable: readonly TaskId[]) => TaskId;
  /** Chooses among idle workers of a pool. */
  readonly chooseWorker?: (idle: readonly TaskId[]) => TaskId;
}
