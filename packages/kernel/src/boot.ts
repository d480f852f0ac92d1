/**
 * Boots a machine: makes its parts and hands each the others that it works with.
 *
 * ```
 * engine: cpus, execution, clock, clockEvent      @kmem/hw
 *   sched      cpus, execution                    @kmem/sched
 *   softirqs   cpus, execution, sched             @kmem/irq
 *   hrtimers   cpus, clock, clockEvent            @kmem/time
 *   timers     all of the above                   @kmem/time
 *   delays     timers and hrtimers to sleep       @kmem/time
 *   waitQueues, simpleWaitQueues, completions     cpus, sched, timers to sleep   @kmem/waitq
 *   bitWaits   waitQueues, sched                  @kmem/waitq
 *   tasklets   cpus, softirqs, waitQueues         @kmem/irq
 *   irqWorks   cpus, timers                       @kmem/irq
 *   workqueues cpus, sched, timers for delays     @kmem/irq
 *   irqs       cpus, sched, timers, waitQueues, tasklets to raise again   @kmem/irq
 * ```
 */
import type { CpuId, ReportSink, SchedTrace, SoftirqTrace, TaskId } from '@kmem/contracts';
import { createEngine, type Engine, type EngineOptions } from '@kmem/hw';
import { InterruptLines, IrqDomains, IrqWorkLists, SoftirqSet, TaskletLists, WorkqueueSet } from '@kmem/irq';
import { TaskScheduler } from '@kmem/sched';
import { HrTimerQueues, msecsToJiffies, TaskDelays, WheelTimers } from '@kmem/time';
import { HashedBitWaits, TaskCompletions, TaskSimpleWaitQueues, TaskWaitQueues } from '@kmem/waitq';

/** Milliseconds that softirqs may take before `ksoftirqd` takes over. */
const MAX_SOFTIRQ_MS = 2;

/** Options of {@link boot}. */
export interface BootOptions extends EngineOptions {
  /** Ticks a second. @default 250 */
  readonly hz?: number;
  /** What the delay loop takes for each ns asked, in ns. @default 1 */
  readonly delayLoop?: number;
  /** Receives wake-ups, and softirqs that are raised and run. */
  readonly trace?: SchedTrace & SoftirqTrace;
  /** Receives misuse. @default misuse is thrown */
  readonly reports?: ReportSink;
  /** Chooses among runnable tasks. @default first come, first served */
  readonly chooseTask?: (cpu: CpuId, runnable: readonly TaskId[]) => TaskId;
  /** Tells whether there is memory for another worker. @default there is */
  readonly mayMakeWorker?: () => boolean;
  /** Chooses among idle workers of a pool. @default the one that became idle last */
  readonly chooseWorker?: (idle: readonly TaskId[]) => TaskId;
}

/** A machine that was booted. */
export interface Kernel extends Engine {
  /** Tasks. */
  readonly sched: TaskScheduler;
  /** Softirqs. */
  readonly softirqs: SoftirqSet;
  /** High-resolution timers. */
  readonly hrtimers: HrTimerQueues;
  /** Jiffies and timers. */
  readonly timers: WheelTimers;
  /** Busy-waiting and sleeping. */
  readonly delays: TaskDelays;
  /** Wait queues. */
  readonly waitQueues: TaskWaitQueues;
  /** Simple wait queues. */
  readonly simpleWaitQueues: TaskSimpleWaitQueues;
  /** Completions. */
  readonly completions: TaskCompletions;
  /** Waits for bits. */
  readonly bitWaits: HashedBitWaits;
  /** Tasklets. */
  readonly tasklets: TaskletLists;
  /** irq_work items. */
  readonly irqWorks: IrqWorkLists;
  /** Work queues. */
  readonly workqueues: WorkqueueSet;
  /** Interrupt lines. */
  readonly irqs: InterruptLines;
  /** Numbers by which controllers know them. */
  readonly irqDomains: IrqDomains;
}

/**
 * Boots a machine.
 *
 * @param options - its size and times.
 * @returns the machine; nothing runs before `run` or `step` is called.
 * @throws TypeError or RangeError for an option that is out of range.
 */
export function boot(options: BootOptions = {}): Kernel {
  const { hz = 250 } = options;
  const engine = createEngine(options);
  const parts = { ...engine, ...options };
  const sched = new TaskScheduler(parts);
  const softirqs = new SoftirqSet({
    ...parts,
    sched,
    jiffies: () => timers.jiffies,
    maxJiffies: msecsToJiffies(MAX_SOFTIRQ_MS, hz),
  });
  const hrtimers = new HrTimerQueues(parts);
  const timers: WheelTimers = new WheelTimers({ ...parts, sched, softirqs, hrtimers });
  timers.addTickObserver(() => sched.schedulerTick());
  const delays = new TaskDelays({ ...parts, sched, timers, hrtimers });
  const sleeping = { ...parts, sched, sleep: timers };
  const waitQueues = new TaskWaitQueues(sleeping);
  const simpleWaitQueues = new TaskSimpleWaitQueues(sleeping);
  const completions = new TaskCompletions(sleeping);
  const bitWaits = new HashedBitWaits({ sched, waitQueues });
  const tasklets = new TaskletLists({ ...parts, softirqs, waitQueues });
  const irqWorks = new IrqWorkLists({ ...parts, timers });
  const workqueues = new WorkqueueSet({ ...parts, sched, timers });
  const irqs = new InterruptLines({ ...parts, hz, sched, timers, waitQueues, tasklets });
  const irqDomains = new IrqDomains(irqs);
  const waits = { waitQueues, simpleWaitQueues, completions, bitWaits };
  return { ...engine, sched, softirqs, hrtimers, timers, delays, ...waits, tasklets, irqWorks, workqueues, irqs, irqDomains };
}
