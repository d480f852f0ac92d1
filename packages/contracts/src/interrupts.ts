/** Interrupts: lines, who handles them, and the calls of a driver about them. (irq spec 2 to 9) */
import type { Atomic, Sleepable } from './execution.js';
import type { IrqChip } from './irq-chip.js';
import type { Irq } from './units.js';

/** A handler's result: not its interrupt. */
export const IRQ_NONE = 0;
/** A handler's result: handled. */
export const IRQ_HANDLED = 1;
/** A handler's result: its thread shall go on. */
export const IRQ_WAKE_THREAD = 2;

/** Request flag: the line may have several handlers; each needs a dev_id. */
export const IRQF_SHARED = 0x80;
/** Request flag: a mismatch with the other handlers is not reported. */
export const IRQF_PROBE_SHARED = 0x100;
/** Request flag: timer marker. */
export const __IRQF_TIMER = 0x200;
/** Request flags of a timer: not disabled while the machine sleeps, never forced into a thread. */
export const IRQF_TIMER = 0x1_4200;
/** Request flag: interrupts of each CPU. */
export const IRQF_PERCPU = 0x400;
/** Request flag: the line stays masked until all threads that were woken have ended. */
export const IRQF_ONESHOT = 0x2000;
/** Request flag: not disabled while the machine sleeps. */
export const IRQF_NO_SUSPEND = 0x4000;
/** Request flag: shared with handlers that are not disabled while the machine sleeps. */
export const IRQF_COND_SUSPEND = 0x4_0000;
/** Request flag: the line stays disabled. */
export const IRQF_NO_AUTOEN = 0x8_0000;

/** The line of a device that has none. */
export const IRQ_NOTCONNECTED: Irq = 0x8000_0000;

/** What `requestAnyContextIrq` returns when the handler runs in hard interrupts. */
export const IRQC_IS_HARDIRQ = 0;
/** What `requestAnyContextIrq` returns when the handler runs in the thread of a parent line. */
export const IRQC_IS_NESTED = 1;

/** The kinds of flow: how chip calls and handlers follow each other. `bad` is that of a line nobody has set up. */
export type IrqFlow = 'bad' | 'simple' | 'untracked' | 'level' | 'fasteoi' | 'edge' | 'percpu' | 'percpu_devid';

/**
 * Handles the interrupt of one device. A generator function may busy-wait.
 *
 * @context hard interrupt, interrupts off.
 */
export type IrqHandler = (irq: Irq, devId: number) => number | Atomic<number>;

/**
 * Handles what the handler has left to its thread.
 *
 * @context task of its own.
 */
export type IrqThreadFn = (irq: Irq, devId: number) => Sleepable<number>;

/** What a line looks like inside. */
export interface IrqState {
  /** How often it is disabled. */
  readonly depth: number;
  /** IRQS_* bits of the core. */
  readonly istate: number;
  /** True while it is disabled, masked at the chip or not. */
  readonly disabled: boolean;
  /** True while it is masked at the chip. */
  readonly masked: boolean;
  /** True while its handlers run. */
  readonly inProgress: boolean;
  /** True from its first start-up to its shutdown. */
  readonly started: boolean;
  /** True from the request of the first action to the free of the last. */
  readonly activated: boolean;
  /** Trigger type, `IRQ_TYPE_*`. */
  readonly trigger: number;
  /** How often it was armed to wake the machine. */
  readonly wakeDepth: number;
  /** Interrupts that reached its handlers. */
  readonly totCount: number;
  /** Those that nobody has claimed. */
  readonly irqsUnhandled: number;
  /** Those of the present count. */
  readonly irqCount: number;
  /** Threads' results that were IRQ_HANDLED. */
  readonly threadsHandled: number;
  /** The same when the line was last judged; 2 ** 31 more while the next judgement waits for the threads. */
  readonly threadsHandledLast: number;
  /** One bit for each thread that must end before the line is unmasked. */
  readonly threadsOneshot: number;
}

/** The interrupt lines. Numbers without a line are answered like the kernel does, not reported. */
export interface Interrupts {
  /**
   * Makes lines.
   *
   * @kernelName irq_alloc_descs
   * @param irq - the first number; negative for any.
   * @param from - lowest number to look at.
   * @param cnt - how many.
   * @returns the first number; -EINVAL, or -EEXIST when one of them is taken.
   */
  irqAllocDescs(irq: number, from: number, cnt: number): number;
  /**
   * Takes lines away again. Nobody may have them requested.
   *
   * @kernelName irq_free_descs
   * @param from - the first number.
   * @param cnt - how many.
   */
  irqFreeDescs(from: Irq, cnt: number): void;
  /**
   * Says which controller a line belongs to, and how its interrupts flow.
   *
   * @kernelName irq_set_chip_and_handler_name
   * @param irq - a line.
   * @param chip - its controller; null for none.
   * @param flow - how chip calls and handlers follow each other.
   * @param flowName - what that is called in texts. @default nothing
   */
  irqSetChipAndHandler(irq: Irq, chip: IrqChip | null, flow: IrqFlow, flowName?: string | null): void;
  /**
   * Changes settings of a line.
   *
   * @kernelName irq_modify_status
   * @param irq - a line.
   * @param clear - `IRQ_*` settings to take away.
   * @param set - `IRQ_*` settings to add.
   */
  irqModifyStatus(irq: Irq, clear: number, set: number): void;
  /**
   * Sets the trigger type.
   *
   * @kernelName irq_set_irq_type
   * @param irq - a line.
   * @param type - `IRQ_TYPE_*`.
   * @returns 0 or a negative errno.
   */
  irqSetIrqType(irq: Irq, type: number): number;
  /**
   * Says of what type a line's trigger is, as firmware that describes the machine does. The chip is not called.
   *
   * @kernelName irqd_set_trigger_type
   * @param irq - a line.
   * @param type - `IRQ_TYPE_*`.
   */
  irqSetTriggerType(irq: Irq, type: number): void;
  /**
   * Arms a line as a source that wakes the machine, or takes one arming back.
   *
   * @kernelName irq_set_irq_wake
   * @param irq - a line.
   * @param on - 1 or 0.
   * @returns 0; -ENXIO when the chip cannot, -EINVAL without a line.
   */
  irqSetIrqWake(irq: Irq, on: number): number;
  /**
   * Requests a line for a handler that runs in hard interrupts, and perhaps a thread.
   *
   * @kernelName request_threaded_irq
   * @param irq - a line.
   * @param handler - null when all is done in the thread.
   * @param threadFn - null for no thread.
   * @param flags - `IRQF_*` bits and a trigger type.
   * @param name - of which `free_irq` returns the same.
   * @param devId - passed to the handlers; 0 is NULL.
   * @returns 0 or a negative errno. (irq spec 3.1)
   */
  requestThreadedIrq(
    irq: Irq,
    handler: IrqHandler | null,
    threadFn: IrqThreadFn | null,
    flags: number,
    name: string | null,
    devId: number,
  ): Sleepable<number>;
  /**
   * Requests a line for a handler that runs wherever the line's handlers do.
   *
   * @kernelName request_any_context_irq
   * @param irq - a line.
   * @param handler - the handler; null is refused.
   * @param threadFn - the same work for a line that is nested.
   * @param flags - `IRQF_*` bits and a trigger type.
   * @param name - its name.
   * @param devId - passed to the handler.
   * @returns IRQC_IS_HARDIRQ, IRQC_IS_NESTED or a negative errno.
   */
  requestAnyContextIrq(
    irq: Irq,
    handler: IrqHandler | null,
    threadFn: IrqThreadFn | null,
    flags: number,
    name: string | null,
    devId: number,
  ): Sleepable<number>;
  /**
   * Takes an action off a line and waits until nothing of it runs any more.
   *
   * @kernelName free_irq
   * @param irq - a line.
   * @param devId - of the action.
   * @returns the name it was requested with; null when there is none.
   */
  freeIrq(irq: Irq, devId: number): Sleepable<string | null>;
  /**
   * Requests a line of which each CPU has one of its own. It must then be enabled on each CPU.
   *
   * @kernelName request_percpu_irq
   * @param irq - a line with the setting IRQ_PER_CPU_DEVID.
   * @param handler - its handler.
   * @param flags - 0 or IRQF_TIMER.
   * @param name - its name.
   * @param devIds - what the handler gets, by CPU; empty is NULL.
   * @returns 0 or a negative errno.
   */
  requestPercpuIrq(irq: Irq, handler: IrqHandler, flags: number, name: string | null, devIds: readonly number[]): Sleepable<number>;
  /**
   * Takes the handler of such a line off all CPUs.
   *
   * @kernelName free_percpu_irq
   * @param irq - a line.
   * @param devIds - those it was requested with.
   * @returns its name; null when it has no such handler, or a CPU has it still enabled.
   */
  freePercpuIrq(irq: Irq, devIds: readonly number[]): string | null;
  /**
   * Enables such a line on this CPU.
   *
   * @kernelName enable_percpu_irq
   * @param irq - a line.
   * @param type - trigger type; IRQ_TYPE_NONE for the one it has.
   */
  enablePercpuIrq(irq: Irq, type: number): void;
  /**
   * Disables such a line on this CPU.
   *
   * @kernelName disable_percpu_irq
   * @param irq - a line.
   */
  disablePercpuIrq(irq: Irq): void;
  /**
   * Tells whether such a line is enabled on this CPU.
   *
   * @kernelName irq_percpu_is_enabled
   * @param irq - a line.
   * @returns true when it is.
   */
  irqPercpuIsEnabled(irq: Irq): boolean;
  /**
   * Handles an interrupt of a line, as the entry of a vector does.
   *
   * @kernelName generic_handle_irq
   * @param irq - a line.
   * @returns 0, or -EINVAL without a line; code that returns it when a handler takes time.
   * @context interrupts off.
   */
  genericHandleIrq(irq: Irq): number | Atomic<number>;
  /**
   * Runs the thread functions of a nested line in the caller.
   *
   * @kernelName handle_nested_irq
   * @param irq - a line.
   */
  handleNestedIrq(irq: Irq): Sleepable<void>;
  /**
   * Disables a line; calls nest.
   *
   * @kernelName disable_irq_nosync
   * @param irq - a line.
   */
  disableIrqNosync(irq: Irq): void;
  /**
   * Disables a line and waits until its handlers and threads have ended.
   *
   * @kernelName disable_irq
   * @param irq - a line.
   */
  disableIrq(irq: Irq): Sleepable<void>;
  /**
   * Disables a line and waits until its handlers have ended.
   *
   * @kernelName disable_hardirq
   * @param irq - a line.
   * @returns true when no thread of it is active; false without a line.
   */
  disableHardirq(irq: Irq): Atomic<boolean>;
  /**
   * Takes one disabling back, and sees to an interrupt that came meanwhile.
   *
   * @kernelName enable_irq
   * @param irq - a line.
   */
  enableIrq(irq: Irq): void;
  /**
   * Waits until no handler of a line runs.
   *
   * @kernelName synchronize_hardirq
   * @param irq - a line.
   * @returns true when no thread of it is active, or there is no line.
   */
  synchronizeHardirq(irq: Irq): Atomic<boolean>;
  /**
   * Waits until no handler or thread of a line runs.
   *
   * @kernelName synchronize_irq
   * @param irq - a line.
   */
  synchronizeIrq(irq: Irq): Sleepable<void>;
  /**
   * Wakes the thread of an action, as if its handler had asked for it.
   *
   * @kernelName irq_wake_thread
   * @param irq - a line.
   * @param devId - of the action.
   */
  irqWakeThread(irq: Irq, devId: number): void;
  /**
   * Has software raise a line's interrupt.
   *
   * @kernelName irq_inject_interrupt
   * @param irq - a line.
   * @returns 0; -EINVAL when it cannot.
   */
  irqInjectInterrupt(irq: Irq): number;
  /**
   * Asks the chip for a state of a line.
   *
   * @kernelName irq_get_irqchip_state
   * @param irq - a line.
   * @param which - `IRQCHIP_STATE_*`.
   * @returns 1 or 0; -EINVAL when the chip cannot tell.
   */
  irqGetIrqchipState(irq: Irq, which: number): number;
  /**
   * Has the chip set a state of a line.
   *
   * @kernelName irq_set_irqchip_state
   * @param irq - a line.
   * @param which - `IRQCHIP_STATE_*`.
   * @param value - 1 or 0.
   * @returns 0; -EINVAL when the chip cannot.
   */
  irqSetIrqchipState(irq: Irq, which: number, value: number): number;
  /**
   * Says which CPUs may get a line's interrupts. A line without the setting IRQ_MOVE_PCNTXT goes there when its chip next
   * calls `irqMoveIrq`.
   *
   * @kernelName irq_set_affinity
   * @param irq - a line.
   * @param cpus - one bit each.
   * @returns 0; -EINVAL when the chip cannot, or, for a line that is moved at once, none of the CPUs is there.
   */
  irqSetAffinity(irq: Irq, cpus: number): number;
  /**
   * Moves a line to the CPUs that were asked for, if it has not been moved since.
   *
   * @kernelName irq_move_irq
   * @param irq - a line.
   * @context a chip's `ack` or `eoi`.
   */
  irqMoveIrq(irq: Irq): void;
  /**
   * Tells whether a line has an action.
   *
   * @kernelName irq_has_action
   * @param irq - a line.
   * @returns true when it has.
   */
  irqHasAction(irq: Irq): boolean;
  /**
   * Shows a line's inside.
   *
   * @param irq - a line.
   * @returns a copy; null without a line.
   */
  irqState(irq: Irq): IrqState | null;
}
