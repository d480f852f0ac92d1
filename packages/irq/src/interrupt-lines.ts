/**
 * InterruptLines: the lines of a machine as drivers know them.
 *
 * ```
 * table      the lines by number, and their locks
 * requests   actions come and go
 * delivery   an interrupt comes: flow, handlers, and raising one again
 * threads    of actions
 * spurious   judges what handlers return
 * ```
 *
 * (irq spec 2, 3, 7)
 */
import type { Atomic, Interrupts, Irq, IrqChip, IrqFlow, IrqHandler, IrqState, IrqThreadFn, Sleepable } from '@kmem/contracts';
import {
  EINVAL,
  ENOTCONN,
  ENXIO,
  IRQ_DISABLE_UNLAZY,
  IRQ_HANDLED,
  IRQ_NESTED_THREAD,
  IRQ_NOTCONNECTED,
  IRQC_IS_HARDIRQ,
  IRQC_IS_NESTED,
  IRQCHIP_SKIP_SET_WAKE,
  IRQCHIP_STATE_ACTIVE,
  IRQCHIP_STATE_PENDING,
  TASK_UNINTERRUPTIBLE,
} from '@kmem/contracts';
import { chipDisable, chipSetType, chipState, maskAckIrq } from './chip-calls.js';
import { moveIrq, setAffinity } from './irq-affinity.js';
import { IrqDelivery, type IrqDeliveryOptions } from './irq-delivery.js';
import { IRQS_PENDING, type IrqAction, type IrqDesc } from './irq-desc.js';
import type { IrqDomain } from './irq-domains.js';
import { countIrq, FLOWS } from './irq-flows.js';
import { describeLine, type IrqLine } from './irq-line.js';
import { IrqRequests } from './irq-requests.js';
import { IrqTable, type IrqTableOptions } from './irq-table.js';
import { IrqThreads, type IrqThreadsOptions } from './irq-threads.js';
import { PercpuRequests } from './percpu-requests.js';
import { SpuriousDetector, type SpuriousDetectorOptions } from './spurious-detector.js';

/** Options of {@link InterruptLines}. */
export interface InterruptLinesOptions extends IrqTableOptions, IrqThreadsOptions, IrqDeliveryOptions, SpuriousDetectorOptions {}

/** The interrupt lines. */
export class InterruptLines implements Interrupts {
  readonly #options: InterruptLinesOptions;
  readonly #table: IrqTable;
  readonly #threads: IrqThreads;
  readonly #delivery: IrqDelivery;
  readonly #spurious: SpuriousDetector;
  readonly #requests: IrqRequests;
  readonly #percpu: PercpuRequests;

  /**
   * @param options - what they work with.
   */
  constructor(options: InterruptLinesOptions) {
    this.#options = options;
    this.#table = new IrqTable(options);
    this.#threads = new IrqThreads(options, this.#table.lock);
    this.#spurious = new SpuriousDetector(options, this.#table, () => this.#delivery);
    this.#delivery = new IrqDelivery(options, this.#table, this.#threads, (desc, result) => this.#spurious.judge(desc, result));
    this.#percpu = new PercpuRequests(options.cpus, options.sched, this.#table);
    this.#requests = new IrqRequests({
      cpus: options.cpus,
      sched: options.sched,
      table: this.#table,
      threads: this.#threads,
      delivery: this.#delivery,
      spurious: this.#spurious,
    });
  }

  // Lines

  irqAllocDescs(irq: number, from: number, cnt: number): number {
    return this.#table.add(irq, from, cnt);
  }

  irqFreeDescs(from: Irq, cnt: number): void {
    this.#table.remove(from, cnt);
  }

  irqSetChipAndHandler(irq: Irq, chip: IrqChip | null, flow: IrqFlow, flowName: string | null = null): void {
    const desc = this.#table.get(irq);
    if (desc === null) return;
    desc.chip = chip;
    desc.flowName = flowName;
    this.#table.onBus(irq, undefined, () => {
      desc.flow = FLOWS[flow];
      if (flow !== 'bad' || chip === null) return;
      maskAckIrq(desc);
      desc.disabled = true;
      desc.depth = 1;
    });
  }

  /**
   * Says by which number the controller of a line knows it.
   *
   * @param irq - a line.
   * @param domain - the controller's domain.
   * @param hwirq - the number there.
   */
  setHwirq(irq: Irq, domain: IrqDomain, hwirq: number): void {
    const desc = this.#table.get(irq);
    if (desc === null) return;
    desc.domain = domain;
    desc.hwirq = hwirq;
  }

  irqModifyStatus(irq: Irq, clear: number, set: number): void {
    const desc = this.#table.get(irq);
    if (desc !== null) desc.settings = (desc.settings & ~clear) | set;
  }

  irqSetIrqType(irq: Irq, type: number): number {
    return this.#table.onBus(irq, -EINVAL, (desc) => chipSetType(desc, type, this.#table));
  }

  irqSetTriggerType(irq: Irq, type: number): void {
    const desc = this.#table.get(irq);
    if (desc === null) return;
    desc.trigger = type;
    desc.triggerSet = true;
  }

  irqSetIrqWake(irq: Irq, on: number): number {
    return this.#table.onBus(irq, -EINVAL, (desc) => {
      if (on === 0 && desc.wakeDepth === 0) {
        this.#table.report('IRQ_UNBALANCED_WAKE', irq, `Unbalanced IRQ ${irq} wake disable`);
        return 0;
      }
      const isOutermost = desc.wakeDepth === (on !== 0 ? 0 : 1);
      const ret = isOutermost ? this.#setWake(desc, on) : 0;
      if (ret === 0) desc.wakeDepth += on !== 0 ? 1 : -1;
      return ret;
    });
  }

  #setWake({ chip, irq }: IrqDesc, on: number): number {
    if (chip !== null && (chip.flags & IRQCHIP_SKIP_SET_WAKE) !== 0) return 0;
    return chip?.setWake?.(irq, on) ?? -ENXIO;
  }

  irqGetIrqchipState(irq: Irq, which: number): number {
    return this.#table.onBus(irq, -EINVAL, (desc) => chipState(desc, which));
  }

  irqSetIrqchipState(irq: Irq, which: number, value: number): number {
    return this.#table.onBus(irq, -EINVAL, ({ chip }) => chip?.setIrqchipState?.(irq, which, value) ?? -EINVAL);
  }

  irqSetAffinity(irq: Irq, cpus: number): number {
    const desc = this.#table.get(irq);
    if (desc === null) return -EINVAL;
    const wasOff = this.#table.lock.lock();
    const ret = setAffinity(desc, cpus, this.#table);
    this.#table.lock.unlock(wasOff);
    return ret;
  }

  irqMoveIrq(irq: Irq): void {
    const desc = this.#table.get(irq);
    if (desc !== null) moveIrq(desc, this.#table);
  }

  irqHasAction(irq: Irq): boolean {
    return (this.#table.get(irq)?.action ?? null) !== null;
  }

  irqState(irq: Irq): IrqState | null {
    const desc = this.#table.get(irq);
    if (desc === null) return null;
    let threadsOneshot = 0;
    for (let action = desc.action; action !== null; action = action.next) {
      if (action.oneshotPending) threadsOneshot += 2 ** action.oneshotBit;
    }
    return {
      depth: desc.depth,
      istate: desc.istate,
      disabled: desc.disabled,
      masked: desc.masked,
      inProgress: desc.inProgress,
      started: desc.started,
      activated: desc.activated,
      trigger: desc.trigger,
      wakeDepth: desc.wakeDepth,
      totCount: desc.totCount,
      irqsUnhandled: desc.irqsUnhandled,
      irqCount: desc.irqCount,
      threadsHandled: desc.threadsHandled,
      threadsHandledLast: desc.threadsHandledLast + (desc.judgedLate ? 2 ** 31 : 0),
      threadsOneshot,
    };
  }

  /**
   * Describes a line for texts.
   *
   * @param irq - a line.
   * @returns a copy; null without a line.
   */
  describe(irq: Irq): IrqLine | null {
    const desc = this.#table.get(irq);
    return desc === null ? null : describeLine(desc, this.#table.allCpus);
  }

  /**
   * Describes all lines.
   *
   * @returns copies, lowest number first.
   */
  describeAll(): IrqLine[] {
    return this.#table.all().map((desc) => describeLine(desc, this.#table.allCpus));
  }

  // Requesting

  *requestThreadedIrq(
    irq: Irq,
    handler: IrqHandler | null,
    threadFn: IrqThreadFn | null,
    flags: number,
    name: string | null,
    devId: number,
  ): Sleepable<number> {
    if (irq === IRQ_NOTCONNECTED) return -ENOTCONN;
    return yield* this.#requests.request(irq, handler, threadFn, flags, name, devId);
  }

  *requestAnyContextIrq(
    irq: Irq,
    handler: IrqHandler | null,
    threadFn: IrqThreadFn | null,
    flags: number,
    name: string | null,
    devId: number,
  ): Sleepable<number> {
    if (irq === IRQ_NOTCONNECTED) return -ENOTCONN;
    const isNested = ((this.#table.get(irq)?.settings ?? 0) & IRQ_NESTED_THREAD) !== 0;
    const ret = yield* this.#requests.request(irq, isNested ? null : handler, isNested ? threadFn : null, flags, name, devId);
    if (ret !== 0) return ret;
    return isNested ? IRQC_IS_NESTED : IRQC_IS_HARDIRQ;
  }

  freeIrq(irq: Irq, devId: number): Sleepable<string | null> {
    return this.#requests.free(irq, devId);
  }

  requestPercpuIrq(irq: Irq, handler: IrqHandler, flags: number, name: string | null, devIds: readonly number[]): Sleepable<number> {
    return this.#percpu.request(irq, handler, flags, name, devIds);
  }

  freePercpuIrq(irq: Irq, devIds: readonly number[]): string | null {
    return this.#percpu.free(irq, devIds);
  }

  enablePercpuIrq(irq: Irq, type: number): void {
    this.#percpu.enable(irq, type);
  }

  disablePercpuIrq(irq: Irq): void {
    this.#percpu.disable(irq);
  }

  irqPercpuIsEnabled(irq: Irq): boolean {
    return this.#percpu.isEnabled(irq);
  }

  // Interrupts

  genericHandleIrq(irq: Irq): number | Atomic<number> {
    const desc = this.#table.get(irq);
    return desc === null ? -EINVAL : this.#delivery.deliver(desc);
  }

  *handleNestedIrq(irq: Irq): Sleepable<void> {
    const desc = this.#table.get(irq);
    if (desc === null) return;
    yield* this.#options.sched.mightSleep();
    if (desc.action === null || desc.disabled) {
      desc.istate |= IRQS_PENDING;
      return;
    }
    countIrq(desc, this.#options.cpus.cpu);
    desc.inProgress = true;
    let results = 0;
    for (let action: IrqAction | null = desc.action; action !== null; action = action.next) {
      results |= yield* action.threadFn?.(irq, action.devId) ?? handled();
    }
    this.#spurious.judge(desc, results);
    desc.inProgress = false;
  }

  irqWakeThread(irq: Irq, devId: number): void {
    const desc = this.#table.get(irq);
    if (desc === null) return;
    const wasOff = this.#table.lock.lock();
    for (let action = desc.action; action !== null; action = action.next) {
      if (action.devId !== devId) continue;
      if (action.thread !== 0) this.#threads.wake(desc, action);
      break;
    }
    this.#table.lock.unlock(wasOff);
  }

  irqInjectInterrupt(irq: Irq): number {
    if (this.irqSetIrqchipState(irq, IRQCHIP_STATE_PENDING, 1) === 0) return 0;
    return this.#table.onBus(irq, -EINVAL, (desc) => (desc.activated ? this.#delivery.checkResend(desc, true) : -EINVAL));
  }

  // Disabling, enabling, waiting

  disableIrqNosync(irq: Irq): void {
    this.#table.onBus(irq, undefined, (desc) => {
      if (desc.depth++ === 0) chipDisable(desc, (desc.settings & IRQ_DISABLE_UNLAZY) !== 0);
    });
  }

  *disableIrq(irq: Irq): Sleepable<void> {
    this.disableIrqNosync(irq);
    yield* this.synchronizeIrq(irq);
  }

  *disableHardirq(irq: Irq): Atomic<boolean> {
    if (this.#table.get(irq) === null) return false;
    this.disableIrqNosync(irq);
    return yield* this.synchronizeHardirq(irq);
  }

  enableIrq(irq: Irq): void {
    this.#table.onBus(irq, undefined, (desc) => {
      if (desc.chip === null) this.#table.report('IRQ_UNBALANCED_ENABLE', irq, `enable_irq before setup/request_irq: irq ${irq}`);
      else if (desc.depth === 0) this.#table.report('IRQ_UNBALANCED_ENABLE', irq, `Unbalanced enable for IRQ ${irq}`);
      else this.#delivery.enable(desc);
    });
  }

  *synchronizeHardirq(irq: Irq): Atomic<boolean> {
    const desc = this.#table.get(irq);
    return desc === null || (yield* this.#delivery.synchronize(desc));
  }

  *synchronizeIrq(irq: Irq): Sleepable<void> {
    const desc = this.#table.get(irq);
    if (desc === null) return;
    yield* this.synchronizeHardirq(irq);
    while (chipState(desc, IRQCHIP_STATE_ACTIVE) === 1) yield* this.#options.cpus.cpuRelax();
    yield* this.#options.waitQueues.waitEvent(desc.waitForThreads, () => desc.threadsActive === 0, TASK_UNINTERRUPTIBLE);
  }
}

// eslint-disable-next-line require-yield -- an action without a thread function has done all there is to do
function* handled(): Sleepable<number> {
  return IRQ_HANDLED;
}
