/**
 * IrqRequests: how actions come to a line and leave it.
 *
 * ```
 * request   thread made; bus locked, resources taken; under the lock: checked against the other actions, trigger set,
 *           line started up, action put at the end; thread started
 * free      the reverse; waits for handlers and thread
 * ```
 *
 * (irq spec 3)
 */
import type { Cpus, IrqChip, IrqHandler, IrqThreadFn, Scheduler, Sleepable } from '@kmem/contracts';
import {
  EBUSY,
  EINVAL,
  ENOSYS,
  IRQ_DISABLE_UNLAZY,
  IRQ_NESTED_THREAD,
  IRQ_NOAUTOEN,
  IRQ_NOREQUEST,
  IRQ_PER_CPU_DEVID,
  IRQ_TYPE_SENSE_MASK,
  IRQCHIP_ONESHOT_SAFE,
  IRQF_COND_SUSPEND,
  IRQF_NO_AUTOEN,
  IRQF_NO_SUSPEND,
  IRQF_ONESHOT,
  IRQF_PERCPU,
  IRQF_PROBE_SHARED,
  IRQF_SHARED,
} from '@kmem/contracts';
import { chipSetType, chipShutdown } from './chip-calls.js';
import type { IrqDelivery } from './irq-delivery.js';
import { IRQS_ONESHOT, IRQS_SPURIOUS_DISABLED, IRQS_WAITING, makeAction, type IrqAction, type IrqDesc } from './irq-desc.js';
import type { IrqTable } from './irq-table.js';
import type { IrqThreads } from './irq-threads.js';
import type { SpuriousDetector } from './spurious-detector.js';

/** ONESHOT actions that a line can have. */
const MAX_ONESHOT = 64;

/** The parts that requests work with. */
export interface IrqRequestsParts {
  /** The processors. */
  readonly cpus: Cpus;
  /** Who runs tasks. */
  readonly sched: Scheduler;
  /** The lines. */
  readonly table: IrqTable;
  /** Makes threads of actions. */
  readonly threads: IrqThreads;
  /** Starts lines up and waits for handlers. */
  readonly delivery: IrqDelivery;
  /** Has disabled lines that a new action enables again. */
  readonly spurious: SpuriousDetector;
}

/** Requests and frees. */
export class IrqRequests {
  readonly #parts: IrqRequestsParts;

  /**
   * @param parts - what they work with.
   */
  constructor(parts: IrqRequestsParts) {
    this.#parts = parts;
  }

  /**
   * Requests a line that is connected.
   *
   * @param irq - its number.
   * @param handler - null when all is done in the thread.
   * @param threadFn - null for no thread.
   * @param flags - `IRQF_*` bits and a trigger type.
   * @param name - its name.
   * @param devId - passed to the handlers; 0 is NULL.
   * @returns 0 or a negative errno.
   */
  *request(
    irq: number,
    handler: IrqHandler | null,
    threadFn: IrqThreadFn | null,
    flags: number,
    name: string | null,
    devId: number,
  ): Sleepable<number> {
    const { table, threads, sched } = this.#parts;
    if (!flagsAreSane(flags, devId)) return -EINVAL;
    const desc = table.get(irq);
    if (desc === null || (desc.settings & IRQ_NOREQUEST) !== 0) return -EINVAL;
    if ((desc.settings & IRQ_PER_CPU_DEVID) !== 0) {
      table.report('IRQ_PER_CPU', irq, `IRQ ${irq} has a dev_id for each CPU and cannot be requested as a whole`);
      return -EINVAL;
    }
    if (handler === null && threadFn === null) return -EINVAL;
    if (desc.chip === null) return -ENOSYS;
    if ((flags & IRQ_TYPE_SENSE_MASK) === 0) flags |= desc.trigger;
    const isNested = (desc.settings & IRQ_NESTED_THREAD) !== 0;
    if (isNested && threadFn === null) return -EINVAL;
    if ((desc.chip.flags & IRQCHIP_ONESHOT_SAFE) !== 0) flags &= ~IRQF_ONESHOT;
    const action = makeAction(isNested ? null : handler, threadFn, flags, name, devId);
    if (threadFn !== null && !isNested) threads.create(desc, action, threadFn);
    const ret = this.#install(desc, desc.chip, action);
    if (action.thread !== 0) {
      if (ret === 0) yield* threads.start(desc, action);
      else yield* sched.kthreadStop(action.thread);
    }
    // Entries in proc are made, which may sleep.
    if (ret === 0) yield* sched.mightSleep();
    return ret;
  }

  /** Puts an action on its line, the chip behind its bus. */
  #install(desc: IrqDesc, chip: IrqChip, action: IrqAction): number {
    const { irq } = desc;
    const { lock } = this.#parts.table;
    chip.busLock?.(irq);
    let ret = desc.action === null ? (chip.requestResources?.(irq) ?? 0) : 0;
    if (ret === 0) {
      const wasOff = lock.lock();
      ret = this.#join(desc, chip, action);
      lock.unlock(wasOff);
      if (ret !== 0 && desc.action === null) chip.releaseResources?.(irq);
    }
    chip.busSyncUnlock?.(irq);
    return ret;
  }

  /** Checks an action against those of its line, starts the line up for the first, and puts it at the end. */
  #join(desc: IrqDesc, chip: IrqChip, action: IrqAction): number {
    const { delivery, spurious } = this.#parts;
    const isFirst = desc.action === null;
    let ret = isFirst ? 0 : this.#checkShared(desc, action);
    if (ret === 0) ret = takeOneshotBit(desc, action);
    if (ret === 0) ret = this.#checkOneshot(desc, chip, action);
    if (ret === 0 && isFirst) ret = this.#startFirst(desc, action);
    if (ret !== 0) return ret;
    let last = desc.action;
    while (last?.next) last = last.next;
    if (last === null) desc.action = action;
    else last.next = action;
    desc.irqCount = 0;
    desc.irqsUnhandled = 0;
    if (!isFirst && (desc.istate & IRQS_SPURIOUS_DISABLED) !== 0) {
      spurious.forget(desc);
      delivery.enable(desc);
    }
    return 0;
  }

  #checkShared(desc: IrqDesc, action: IrqAction): number {
    const old = desc.action;
    if (old === null) return 0;
    // Nobody has said of what type the trigger is: the second request does.
    if (!desc.triggerSet) {
      desc.trigger = action.flags & IRQ_TYPE_SENSE_MASK;
      desc.triggerSet = true;
    }
    const different = (old.flags ^ action.flags) & (IRQF_ONESHOT | IRQF_PERCPU);
    const areShared = (old.flags & action.flags & IRQF_SHARED) !== 0;
    if (areShared && desc.trigger === (action.flags & IRQ_TYPE_SENSE_MASK) && different === 0) return 0;
    if ((action.flags & IRQF_PROBE_SHARED) === 0) {
      const text = (of: IrqAction): string => `${of.flags.toString(16).padStart(8, '0')} (${of.name ?? '(null)'})`;
      const what = `genirq: Flags mismatch irq ${desc.irq}. ${text(action)} vs. ${text(old)}`;
      this.#parts.table.report('IRQ_FLAGS_MISMATCH', desc.irq, what);
    }
    return -EBUSY;
  }

  /** An action without a handler leaves the line unmasked while its thread works, unless the line waits for it. */
  #checkOneshot(desc: IrqDesc, chip: IrqChip, action: IrqAction): number {
    const { irq, settings } = desc;
    if ((action.flags & IRQF_ONESHOT) !== 0 || action.handler !== null) return 0;
    if ((settings & IRQ_NESTED_THREAD) !== 0 || (chip.flags & IRQCHIP_ONESHOT_SAFE) !== 0) return 0;
    const what = `genirq: Threaded irq requested with handler=NULL and !ONESHOT for ${action.name ?? '(null)'} (irq ${irq})`;
    this.#parts.table.report('IRQ_ONESHOT_REQUIRED', irq, what);
    return -EINVAL;
  }

  #startFirst(desc: IrqDesc, action: IrqAction): number {
    const { table, delivery, spurious } = this.#parts;
    const trigger = action.flags & IRQ_TYPE_SENSE_MASK;
    const ret = trigger === 0 ? 0 : chipSetType(desc, trigger, table);
    if (ret !== 0) return ret;
    desc.activated = true;
    spurious.forget(desc);
    desc.istate &= ~(IRQS_ONESHOT | IRQS_WAITING);
    desc.inProgress = false;
    if ((action.flags & IRQF_ONESHOT) !== 0) desc.istate |= IRQS_ONESHOT;
    if ((action.flags & IRQF_NO_AUTOEN) !== 0 || (desc.settings & IRQ_NOAUTOEN) !== 0) desc.depth = 1;
    // The line is started before the action is there: what is raised again comes later.
    else delivery.startUp(desc);
    return 0;
  }

  /**
   * Takes an action off its line.
   *
   * @param irq - number of the line.
   * @param devId - of the action.
   * @returns its name; null when there is none.
   */
  *free(irq: number, devId: number): Sleepable<string | null> {
    const { cpus, table, delivery, sched } = this.#parts;
    const desc = table.get(irq);
    if (desc === null || (desc.settings & IRQ_PER_CPU_DEVID) !== 0) return null;
    if (cpus.irqCount() !== 0) table.report('IRQ_FREE_IN_IRQ', irq, `Trying to free IRQ ${irq} from IRQ context!`);
    const action = table.onBus(irq, null, () => unlink(desc, devId));
    if (action === null) {
      table.report('IRQ_FREE_UNKNOWN', irq, `Trying to free already-free IRQ ${irq}`);
      return null;
    }
    yield* delivery.synchronize(desc);
    if (action.thread !== 0) yield* sched.kthreadStop(action.thread);
    const { chip } = desc;
    if (desc.action === null) {
      chip?.busLock?.(irq);
      desc.activated = false;
      chip?.releaseResources?.(irq);
      chip?.busSyncUnlock?.(irq);
    }
    return action.name;
  }
}

function flagsAreSane(flags: number, devId: number): boolean {
  const isShared = (flags & IRQF_SHARED) !== 0;
  if (isShared && (devId === 0 || (flags & IRQF_NO_AUTOEN) !== 0)) return false;
  return (flags & IRQF_COND_SUSPEND) === 0 || (isShared && (flags & IRQF_NO_SUSPEND) === 0);
}

/** Gives a ONESHOT action the lowest bit that no other one of its line has. */
function takeOneshotBit(desc: IrqDesc, action: IrqAction): number {
  if ((action.flags & IRQF_ONESHOT) === 0) return 0;
  const taken = new Set<number>();
  for (let other = desc.action; other !== null; other = other.next) taken.add(other.oneshotBit);
  let bit = 0;
  while (taken.has(bit)) bit++;
  if (bit === MAX_ONESHOT) return -EBUSY;
  action.oneshotBit = bit;
  return 0;
}

/** Takes an action out of the list; the last one shuts the line down. */
function unlink(desc: IrqDesc, devId: number): IrqAction | null {
  let before: IrqAction | null = null;
  let action = desc.action;
  while (action !== null && action.devId !== devId) {
    before = action;
    action = action.next;
  }
  if (action === null) return null;
  if (before === null) desc.action = action.next;
  else before.next = action.next;
  if (desc.action === null) {
    desc.settings &= ~IRQ_DISABLE_UNLAZY;
    chipShutdown(desc);
  }
  return action;
}
