/** IrqChip: what an interrupt controller can do to a line, and the words its lines are described with. (irq spec 1) */
import type { Irq } from './units.js';

/** No trigger type is asked for. */
export const IRQ_TYPE_NONE = 0;
/** Triggered by a rising edge. */
export const IRQ_TYPE_EDGE_RISING = 0x1;
/** Triggered by a falling edge. */
export const IRQ_TYPE_EDGE_FALLING = 0x2;
/** Triggered while high. */
export const IRQ_TYPE_LEVEL_HIGH = 0x4;
/** Triggered while low. */
export const IRQ_TYPE_LEVEL_LOW = 0x8;
/** Both level types. */
export const IRQ_TYPE_LEVEL_MASK = 0xc;
/** All trigger types. */
export const IRQ_TYPE_SENSE_MASK = 0xf;

/** A line setting: level-triggered. */
export const IRQ_LEVEL = 1 << 8;
/** A line setting: cannot be requested. */
export const IRQ_NOREQUEST = 1 << 11;
/** A line setting: stays disabled when it is requested. */
export const IRQ_NOAUTOEN = 1 << 12;
/** A line setting: can be moved to other CPUs at any time, not only while an interrupt of it is being handled. */
export const IRQ_MOVE_PCNTXT = 1 << 14;
/** A line setting: its handlers run in the thread of a parent line. */
export const IRQ_NESTED_THREAD = 1 << 15;
/** A line setting: never forced into a thread. */
export const IRQ_NOTHREAD = 1 << 16;
/** A line setting: each CPU has its own dev_id. */
export const IRQ_PER_CPU_DEVID = 1 << 17;
/** A line setting: polled, so nobody judges its interrupts. */
export const IRQ_IS_POLLED = 1 << 18;
/** A line setting: disable_irq masks at once. */
export const IRQ_DISABLE_UNLAZY = 1 << 19;

/** A chip flag: its type is changed only while the line is masked. */
export const IRQCHIP_SET_TYPE_MASKED = 1 << 0;
/** A chip flag: no eoi for an interrupt that nobody could handle. */
export const IRQCHIP_EOI_IF_HANDLED = 1 << 1;
/** A chip flag: waking needs no `setWake`. */
export const IRQCHIP_SKIP_SET_WAKE = 1 << 4;
/** A chip flag: a line without a handler of its own needs no IRQF_ONESHOT. */
export const IRQCHIP_ONESHOT_SAFE = 1 << 5;
/** A chip flag: a line that is masked for its thread gets its eoi when that has ended. */
export const IRQCHIP_EOI_THREADED = 1 << 6;

/** A state of a line at its chip: an interrupt waits there. */
export const IRQCHIP_STATE_PENDING = 0;
/** A state of a line at its chip: an interrupt is being handled. */
export const IRQCHIP_STATE_ACTIVE = 1;

/** What `setType` and `setAffinity` return: done, the core records it. */
export const IRQ_SET_MASK_OK = 0;
/** What `setType` and `setAffinity` return: done, and recorded by the chip. */
export const IRQ_SET_MASK_OK_NOCOPY = 1;

/**
 * An interrupt controller, as the core of the interrupts calls it. A member that is absent is not called; the edge flow
 * needs `ack`, fasteoi needs `eoi`.
 *
 * @context the lock of the line held and interrupts off, unless it says otherwise.
 */
export interface IrqChip {
  /** Name, as `/proc/interrupts` shows it. */
  readonly name: string;
  /** `IRQCHIP_*` bits. */
  readonly flags: number;
  /** Starts a line up; it is unmasked then. Returns 0. */
  readonly startup?: (irq: Irq) => number;
  /** Shuts a line down; it is masked then. */
  readonly shutdown?: (irq: Irq) => void;
  /** Lets the line's interrupts through. */
  readonly enable?: (irq: Irq) => void;
  /** Lets none through, at once. */
  readonly disable?: (irq: Irq) => void;
  /** Says that an interrupt has arrived. */
  readonly ack?: (irq: Irq) => void;
  /** Holds the line's interrupts back. */
  readonly mask?: (irq: Irq) => void;
  /** Does `mask` and `ack` in one. */
  readonly maskAck?: (irq: Irq) => void;
  /** Ends what `mask` began. */
  readonly unmask?: (irq: Irq) => void;
  /** Says that an interrupt has been dealt with. */
  readonly eoi?: (irq: Irq) => void;
  /** Raises the line's interrupt again. Returns 0 when it cannot. */
  readonly retrigger?: (irq: Irq) => number;
  /** Sets the trigger type. Returns IRQ_SET_MASK_OK, IRQ_SET_MASK_OK_NOCOPY or a negative errno. */
  readonly setType?: (irq: Irq, type: number) => number;
  /** Arms or disarms the line as a source that wakes the machine. Returns 0 or a negative errno. */
  readonly setWake?: (irq: Irq, on: number) => number;
  /** Says which CPUs may get the line's interrupts, one bit each. Returns what `setType` returns. */
  readonly setAffinity?: (irq: Irq, cpus: number, force: number) => number;
  /** Reads a state, `IRQCHIP_STATE_*`. Returns 1, 0 or a negative errno. */
  readonly getIrqchipState?: (irq: Irq, which: number) => number;
  /** Sets a state. Returns 0 or a negative errno. */
  readonly setIrqchipState?: (irq: Irq, which: number, value: number) => number;
  /** Locks a slow bus that the chip is behind. @context task */
  readonly busLock?: (irq: Irq) => void;
  /** Sends what has changed over the bus, and unlocks it. @context task */
  readonly busSyncUnlock?: (irq: Irq) => void;
  /** Takes what the line needs for its first action. Returns 0 or a negative errno. @context task */
  readonly requestResources?: (irq: Irq) => number;
  /** Gives that back. @context task */
  readonly releaseResources?: (irq: Irq) => void;
}

/** Name of a callback of a chip. */
export type IrqChipCallback = Exclude<keyof IrqChip, 'name' | 'flags'>;

/** What a chip is made of that only tells of its calls. */
export interface ScriptedChipOptions {
  /** Name, as `/proc/interrupts` shows it. */
  readonly name: string;
  /** `IRQCHIP_*` bits. @default 0 */
  readonly flags?: number;
  /** Callbacks that it has. */
  readonly callbacks: readonly IrqChipCallback[];
  /**
   * Is told of a call.
   *
   * @param callback - which one.
   * @param irq - the line.
   * @param value - type, CPUs, state, on or off, as the callback has it; 0 where it has none.
   * @param force - the third argument of `setAffinity` and `setIrqchipState`.
   * @returns what the callback returns; 0 where it returns nothing.
   */
  readonly onCall: (callback: IrqChipCallback, irq: Irq, value: number, force: number) => number;
}
