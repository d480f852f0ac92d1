/**
 * InterruptController: the wires of devices, and when a CPU is interrupted because of one.
 *
 * ```
 * high[line] = 1        its device holds the wire up
 * masked[line] = 1      its interrupts are held back
 * isLevel[line] = 1     interrupts as long as the wire is up, not each time it goes up
 * latched[line] = 1     an edge came while it was masked; masked[line] = 1
 * inService[line] = 1   a level interrupt was sent and not ended by `ack` or `eoi`
 * again[line] = 1       the line is looked at once more, after REDELIVERY_NS
 * level interrupt       high & ~masked & ~inService
 * ```
 *
 * A vector belongs to each line, and a CPU: the lowest one of those that may get it. (irq spec 20)
 */
import type { Atomic, Clock, CpuId, Cpus, Irq, IrqChip, IrqChipCallback } from '@kmem/contracts';
import {
  FIRST_EXTERNAL_VECTOR,
  IRQCHIP_STATE_ACTIVE,
  IRQCHIP_STATE_PENDING,
  IRQ_SET_MASK_OK,
  IRQ_TYPE_LEVEL_MASK,
} from '@kmem/contracts';
import { requireInteger } from '../option-checks.js';
import type { Engine } from '../execution/engine.js';

/** One more than the last vector that lines may have. */
const END_OF_VECTORS = 0xec;
/** What a wire that stays up takes to interrupt again, in ns. A device that nobody calms would otherwise stop time. */
const REDELIVERY_NS = 1000;

/** Options of {@link InterruptController}. */
export interface InterruptControllerOptions extends Pick<Engine, 'cpus' | 'clock' | 'at'> {
  /** Lines, from 1 to as many as there are vectors from `firstVector` to 0xeb. */
  readonly nrLines: number;
  /** Number by which drivers know line 0. @default 0 */
  readonly firstIrq?: Irq;
  /** Vector of line 0. @default FIRST_EXTERNAL_VECTOR */
  readonly firstVector?: number;
  /** Whether an edge that comes while its line is masked is delivered later; otherwise it is lost. @default true */
  readonly latchesEdges?: boolean;
  /** Is told of every call of the core. @default nobody */
  readonly onCall?: (callback: IrqChipCallback, irq: Irq) => void;
}

/** A controller with wires. */
export class InterruptController implements IrqChip {
  readonly name = 'WIRED';
  readonly flags = 0;
  readonly #cpus: Cpus;
  readonly #clock: Clock;
  readonly #at: Engine['at'];
  readonly #firstIrq: Irq;
  readonly #firstVector: number;
  readonly #latchesEdges: boolean;
  readonly #onCall: ((callback: IrqChipCallback, irq: Irq) => void) | undefined;
  readonly #high: Uint8Array;
  readonly #masked: Uint8Array;
  readonly #isLevel: Uint8Array;
  readonly #latched: Uint8Array;
  readonly #inService: Uint8Array;
  readonly #again: Uint8Array;
  readonly #cpu: Uint8Array;

  /**
   * @param options - its size, and the machine it is in.
   * @throws TypeError or RangeError for an option that is out of range.
   */
  constructor(options: InterruptControllerOptions) {
    const { cpus, clock, at, nrLines, firstIrq = 0, firstVector = FIRST_EXTERNAL_VECTOR, latchesEdges = true, onCall } = options;
    requireInteger('firstVector', firstVector, FIRST_EXTERNAL_VECTOR, END_OF_VECTORS - 1);
    requireInteger('nrLines', nrLines, 1, END_OF_VECTORS - firstVector);
    requireInteger('firstIrq', firstIrq, 0, Number.MAX_SAFE_INTEGER);
    this.#cpus = cpus;
    this.#clock = clock;
    this.#at = at;
    this.#firstIrq = firstIrq;
    this.#firstVector = firstVector;
    this.#latchesEdges = latchesEdges;
    this.#onCall = onCall;
    this.#high = new Uint8Array(nrLines);
    this.#masked = new Uint8Array(nrLines).fill(1);
    this.#isLevel = new Uint8Array(nrLines);
    this.#latched = new Uint8Array(nrLines);
    this.#inService = new Uint8Array(nrLines);
    this.#again = new Uint8Array(nrLines);
    this.#cpu = new Uint8Array(nrLines);
  }

  /**
   * Has the vectors of all lines handled.
   *
   * @param handle - handles an interrupt of a line, as `genericHandleIrq` does.
   */
  connect(handle: (irq: Irq) => number | Atomic<number>): void {
    for (let line = 0; line < this.#high.length; line++) {
      const irq = this.#firstIrq + line;
      this.#cpus.setVectorHandler(this.#firstVector + line, () => {
        const result = handle(irq);
        return typeof result === 'number' ? undefined : finish(result);
      });
    }
  }

  // What devices do

  /**
   * Pulls a wire up and leaves it so.
   *
   * @param line - from 0.
   */
  assertLine(line: number): void {
    if (this.#high[line] === 1) return;
    this.#high[line] = 1;
    if (this.#isLevel[line] === 1) this.#deliverLevel(line);
    else this.#edge(line);
  }

  /**
   * Lets a wire down.
   *
   * @param line - from 0.
   */
  deassertLine(line: number): void {
    this.#high[line] = 0;
  }

  /**
   * Pulls a wire up and lets it down at once.
   *
   * @param line - from 0.
   */
  pulseLine(line: number): void {
    this.assertLine(line);
    this.deassertLine(line);
  }

  #edge(line: number): void {
    if (this.#masked[line] === 0) this.#send(line);
    else if (this.#latchesEdges) this.#latched[line] = 1;
  }

  #deliverLevel(line: number): void {
    if (this.#high[line] === 0 || this.#masked[line] === 1 || this.#inService[line] === 1) return;
    this.#inService[line] = 1;
    this.#send(line);
  }

  #send(line: number): void {
    this.#cpus.raiseVector(this.#cpu[line], this.#firstVector + line);
  }

  /** Looks once more at a line whose wire may still be up. */
  #lookAgain(line: number): void {
    if (this.#isLevel[line] === 0 || this.#high[line] === 0 || this.#again[line] === 1) return;
    this.#again[line] = 1;
    this.#at(this.#cpu[line], this.#clock.now() + REDELIVERY_NS, () => {
      this.#again[line] = 0;
      this.#deliverLevel(line);
    });
  }

  // IrqChip

  mask(irq: Irq): void {
    this.#onCall?.('mask', irq);
    this.#masked[this.#lineOf(irq)] = 1;
  }

  unmask(irq: Irq): void {
    this.#onCall?.('unmask', irq);
    const line = this.#lineOf(irq);
    this.#masked[line] = 0;
    if (this.#latched[line] === 1) {
      this.#latched[line] = 0;
      this.#send(line);
    }
    this.#lookAgain(line);
  }

  ack(irq: Irq): void {
    this.#onCall?.('ack', irq);
    this.#endService(irq);
  }

  eoi(irq: Irq): void {
    this.#onCall?.('eoi', irq);
    this.#endService(irq);
  }

  #endService(irq: Irq): void {
    const line = this.#lineOf(irq);
    this.#inService[line] = 0;
    this.#lookAgain(line);
  }

  retrigger(irq: Irq): number {
    this.#onCall?.('retrigger', irq);
    this.#send(this.#lineOf(irq));
    return 1;
  }

  setType(irq: Irq, type: number): number {
    this.#onCall?.('setType', irq);
    const line = this.#lineOf(irq);
    this.#isLevel[line] = (type & IRQ_TYPE_LEVEL_MASK) === 0 ? 0 : 1;
    this.#lookAgain(line);
    return IRQ_SET_MASK_OK;
  }

  setAffinity(irq: Irq, cpus: number): number {
    this.#onCall?.('setAffinity', irq);
    this.#cpu[this.#lineOf(irq)] = lowest(cpus);
    return IRQ_SET_MASK_OK;
  }

  getIrqchipState(irq: Irq, which: number): number {
    this.#onCall?.('getIrqchipState', irq);
    const line = this.#lineOf(irq);
    if (which === IRQCHIP_STATE_ACTIVE) return this.#inService[line];
    return which === IRQCHIP_STATE_PENDING ? this.#latched[line] | (this.#isLevel[line] & this.#high[line]) : 0;
  }

  #lineOf(irq: Irq): number {
    return irq - this.#firstIrq;
  }
}

function lowest(cpus: number): CpuId {
  return 31 - Math.clz32(cpus & -cpus);
}

function* finish(code: Atomic<number>): Atomic<void> {
  yield* code;
}
