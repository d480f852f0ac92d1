/**
 * IrqDesc: what is known of one line.
 *
 * ```
 * depth > 0  =>  disabled                     depth counts disable_irq, 1 while nobody has requested it
 * action -> next -> ... -> null               in the order of the requests
 * oneshotPending = actions whose bit threadsOneshot has
 * threadsActive  = threads of the line that were woken and have not ended
 * totCount       = counts[0] + ... + counts[nrCpus - 1]      0 for lines that each CPU has
 * ```
 *
 * (irq spec 1)
 */
import type { Irq, IrqChip, IrqHandler, IrqThreadFn, TaskId, WaitHeadId } from '@kmem/contracts';
import type { IrqDomain } from './irq-domains.js';
import type { Flow } from './irq-flows.js';

/** Core state: the spurious detector has disabled the line. */
export const IRQS_SPURIOUS_DISABLED = 0x2;
/** Core state: the poll timer runs its handlers. */
export const IRQS_POLL_INPROGRESS = 0x8;
/** Core state: stays masked until its threads have ended. */
export const IRQS_ONESHOT = 0x20;
/** Core state: raised again by software, not yet arrived. */
export const IRQS_REPLAY = 0x40;
/** Core state: autodetection waits for it. */
export const IRQS_WAITING = 0x80;
/** Core state: an interrupt came that could not be handled. */
export const IRQS_PENDING = 0x200;

/** One handler of a line. */
export interface IrqAction {
  /** Null: all is done in the thread. */
  readonly handler: IrqHandler | null;
  /** What its thread does; null: it has none. */
  readonly threadFn: IrqThreadFn | null;
  /** `IRQF_*` bits. */
  readonly flags: number;
  /** Name, as it was requested with. */
  readonly name: string | null;
  /** Tells it from the others of the line. */
  readonly devId: number;
  /** The kernel thread; 0: none. */
  thread: TaskId;
  /** The thread has begun. */
  ready: boolean;
  /** The thread shall call `threadFn`. */
  runThread: boolean;
  /** It has asked for a thread that it does not have, and that was reported. */
  warned: boolean;
  /** Bit in the line's `threadsOneshot`, from 0; -1: none. */
  oneshotBit: number;
  /** That bit is set. */
  oneshotPending: boolean;
  /** The one that was requested after it. */
  next: IrqAction | null;
}

/**
 * Makes an action.
 *
 * @param handler - null when all is done in the thread.
 * @param threadFn - null for no thread.
 * @param flags - `IRQF_*` bits.
 * @param name - its name.
 * @param devId - tells it from the others of its line.
 * @returns the action, on no line.
 */
export function makeAction(
  handler: IrqHandler | null,
  threadFn: IrqThreadFn | null,
  flags: number,
  name: string | null,
  devId: number,
): IrqAction {
  const state = { thread: 0, ready: false, runThread: false, warned: false, oneshotBit: -1, oneshotPending: false };
  return { handler, threadFn, flags, name, devId, ...state, next: null };
}

/** One line. */
export class IrqDesc {
  /** Number, as drivers name it. */
  readonly irq: Irq;
  /** Its tasks wait here for their threads. */
  readonly waitForThreads: WaitHeadId;
  /** Its controller; null: none. */
  chip: IrqChip | null = null;
  /** How chip calls and handlers follow each other. */
  flow: Flow;
  /** What that is called; null: nothing. */
  flowName: string | null = null;
  /** The domain it belongs to; null: none. */
  domain: IrqDomain | null = null;
  /** Its number there; null: none. */
  hwirq: number | null = null;
  /** The first of its actions. */
  action: IrqAction | null = null;
  /** Of a line that each CPU has: what the handler gets, by CPU; null while nobody has requested it. */
  percpuDevIds: readonly number[] | null = null;
  /** CPUs that have such a line enabled, one bit each. */
  percpuEnabled = 0;
  /** How often it is disabled. */
  depth = 1;
  /** How often it was armed to wake the machine. */
  wakeDepth = 0;
  /** `IRQ_*` settings. */
  settings = 0;
  /** `IRQS_*` bits. */
  istate = 0;
  /** Its handlers do not run. */
  disabled = true;
  /** The chip holds its interrupts back. */
  masked = true;
  /** Its handlers run. */
  inProgress = false;
  /** CPU on which the handlers run while `inProgress`. */
  runsOn = 0;
  /** Started up and not shut down. */
  started = false;
  /** Has, or is about to have, an action. */
  activated = false;
  /** `IRQ_TYPE_*`. */
  trigger = 0;
  /** CPUs that may get its interrupts, one bit each. */
  affinity = -1;
  /** Those that were asked for and that its chip does not know of; null: it knows. */
  pendingAffinity: number | null = null;
  /** Firmware, or a second request, has said what `trigger` is. */
  triggerSet = false;
  /** Interrupts that reached its handlers, by CPU. */
  readonly counts: Float64Array;
  /** The same of all CPUs. */
  totCount = 0;
  /** Interrupts since one was unhandled. */
  irqCount = 0;
  /** Those that nobody has claimed. */
  irqsUnhandled = 0;
  /** Jiffy of the last one of these. */
  lastUnhandled = 0;
  /** Threads that were woken and have not ended. */
  threadsActive = 0;
  /** Threads that must end before it is unmasked. */
  oneshotPending = 0;
  /** Results of threads that were IRQ_HANDLED. */
  threadsHandled = 0;
  /** `threadsHandled` when the line was last judged. */
  threadsHandledLast = 0;
  /** The last interrupt was left to the threads: it is judged when the next one has come. */
  judgedLate = false;

  /**
   * @param irq - number.
   * @param nrCpus - CPUs of the machine.
   * @param flow - how its interrupts flow at first.
   * @param waitForThreads - a wait queue of its own.
   */
  constructor(irq: Irq, nrCpus: number, flow: Flow, waitForThreads: WaitHeadId) {
    this.flow = flow;
    this.irq = irq;
    this.counts = new Float64Array(nrCpus);
    this.waitForThreads = waitForThreads;
  }
}
