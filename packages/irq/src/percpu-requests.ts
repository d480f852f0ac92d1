/**
 * PercpuRequests: lines of which each CPU has one of its own, such as those of its timers: one handler, a dev_id for each CPU, and
 * enabled by each CPU for itself.
 *
 * ```
 * desc.percpuDevIds[cpu]   what the handler gets on a CPU; null while nobody has requested the line
 * desc.percpuEnabled       CPUs that have it enabled, one bit each
 * ```
 *
 * They have no depth, and the core does not mask them. (irq spec 3.4, 5.5, 7)
 */
import type { Cpus, Irq, IrqHandler, Scheduler, Sleepable } from '@kmem/contracts';
import {
  EBUSY,
  EINVAL,
  ENOSYS,
  IRQ_NOREQUEST,
  IRQ_PER_CPU_DEVID,
  IRQ_TYPE_NONE,
  IRQ_TYPE_SENSE_MASK,
  IRQF_NO_SUSPEND,
  IRQF_PERCPU,
  IRQF_TIMER,
} from '@kmem/contracts';
import { chipSetType } from './chip-calls.js';
import { makeAction, type IrqDesc } from './irq-desc.js';
import type { IrqTable } from './irq-table.js';

/** Requests of lines that each CPU has. */
export class PercpuRequests {
  readonly #cpus: Cpus;
  readonly #sched: Scheduler;
  readonly #table: IrqTable;

  /**
   * @param cpus - the processors.
   * @param sched - who runs tasks.
   * @param table - the lines.
   */
  constructor(cpus: Cpus, sched: Scheduler, table: IrqTable) {
    this.#cpus = cpus;
    this.#sched = sched;
    this.#table = table;
  }

  /**
   * Requests a line on all CPUs.
   *
   * @param irq - its number.
   * @param handler - its handler.
   * @param flags - 0 or IRQF_TIMER.
   * @param name - its name.
   * @param devIds - what the handler gets, by CPU; empty is NULL.
   * @returns 0 or a negative errno.
   */
  *request(irq: Irq, handler: IrqHandler, flags: number, name: string | null, devIds: readonly number[]): Sleepable<number> {
    const desc = this.#table.get(irq);
    if (devIds.length === 0 || desc === null) return -EINVAL;
    if ((desc.settings & IRQ_NOREQUEST) !== 0 || (desc.settings & IRQ_PER_CPU_DEVID) === 0) return -EINVAL;
    if (flags !== 0 && flags !== IRQF_TIMER) return -EINVAL;
    if (desc.chip === null) return -ENOSYS;
    const ret = this.#table.onBus(irq, -EINVAL, () => {
      if (desc.action !== null) return -EBUSY;
      desc.action = makeAction(handler, null, flags | IRQF_PERCPU | IRQF_NO_SUSPEND, name, 0);
      desc.percpuDevIds = devIds;
      desc.activated = true;
      return 0;
    });
    // Entries in proc are made, which may sleep.
    if (ret === 0) yield* this.#sched.mightSleep();
    return ret;
  }

  /**
   * Takes the handler of a line off all CPUs.
   *
   * @param irq - its number.
   * @param devIds - those it was requested with.
   * @returns its name; null when it has no such handler, or a CPU has it still enabled.
   */
  free(irq: Irq, devIds: readonly number[]): string | null {
    return this.#table.onBus<string | null>(irq, null, (desc) => {
      const { action } = desc;
      if (action === null || desc.percpuDevIds !== devIds) {
        this.#table.report('IRQ_FREE_UNKNOWN', irq, `Trying to free already-free IRQ ${irq}`);
        return null;
      }
      if (desc.percpuEnabled !== 0) {
        const cpu = 31 - Math.clz32(desc.percpuEnabled & -desc.percpuEnabled);
        this.#table.report('PERCPU_STILL_ENABLED', irq, `percpu IRQ ${irq} still enabled on CPU${cpu}!`);
        return null;
      }
      desc.action = null;
      desc.percpuDevIds = null;
      desc.activated = false;
      return action.name;
    });
  }

  /**
   * Enables a line on this CPU.
   *
   * @param irq - its number; nothing happens for lines that are none of these.
   * @param type - trigger type; IRQ_TYPE_NONE for the one it has.
   */
  enable(irq: Irq, type: number): void {
    const desc = this.#find(irq);
    if (desc === null) return;
    const wanted = (type & IRQ_TYPE_SENSE_MASK) === IRQ_TYPE_NONE ? desc.trigger : type & IRQ_TYPE_SENSE_MASK;
    if (wanted !== IRQ_TYPE_NONE && chipSetType(desc, wanted, this.#table) !== 0) return;
    const { chip } = desc;
    if (chip?.enable !== undefined) chip.enable(irq);
    else chip?.unmask?.(irq);
    desc.percpuEnabled |= 1 << this.#cpus.cpu;
  }

  /**
   * Disables a line on this CPU.
   *
   * @param irq - its number; nothing happens for lines that are none of these.
   */
  disable(irq: Irq): void {
    const desc = this.#find(irq);
    if (desc !== null) disablePercpu(desc, this.#cpus.cpu);
  }

  /**
   * Tells whether a line is enabled on this CPU.
   *
   * @param irq - its number.
   * @returns false for lines that are none of these.
   */
  isEnabled(irq: Irq): boolean {
    return ((this.#find(irq)?.percpuEnabled ?? 0) & (1 << this.#cpus.cpu)) !== 0;
  }

  #find(irq: Irq): IrqDesc | null {
    const desc = this.#table.get(irq);
    return desc !== null && (desc.settings & IRQ_PER_CPU_DEVID) !== 0 ? desc : null;
  }
}

/**
 * Disables a line on a CPU.
 *
 * @param desc - the line.
 * @param cpu - the CPU, which executes the caller.
 */
export function disablePercpu(desc: IrqDesc, cpu: number): void {
  const { chip, irq } = desc;
  if (chip?.disable !== undefined) chip.disable(irq);
  else chip?.mask?.(irq);
  desc.percpuEnabled &= ~(1 << cpu);
}
