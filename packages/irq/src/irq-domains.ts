/**
 * IrqDomains: the numbers by which controllers know their lines, and those by which drivers do.
 *
 * ```
 * domain.mapped[hwirq] = irq   <=>   the line irq has hwirq and belongs to the domain
 * ```
 *
 * A line gets its number when it is mapped for the first time: the hardware number if that is free, the next one otherwise. (irq spec 2)
 */
import type { Atomic, Irq } from '@kmem/contracts';
import { EINVAL } from '@kmem/contracts';
import type { InterruptLines } from './interrupt-lines.js';

/** Says to the controller of a domain that a line is mapped: it sets chip and flow. Returns 0 or a negative errno. */
export type MapLine = (irq: Irq, hwirq: number) => number;

/** Numbers of one controller. */
export interface IrqDomain {
  /** Name, as texts show it. */
  readonly name: string;
  /** Hardware numbers: from 0 to `size - 1`. */
  readonly size: number;
  /** Sets up a line. */
  readonly map: MapLine;
  /** Lines by hardware number. */
  readonly mapped: Map<number, Irq>;
}

/** Domains of all controllers. */
export class IrqDomains {
  readonly #irqs: InterruptLines;
  readonly #domains: IrqDomain[] = [];

  /**
   * @param irqs - the lines.
   */
  constructor(irqs: InterruptLines) {
    this.#irqs = irqs;
  }

  /**
   * Makes a domain.
   *
   * @kernelName irq_domain_create_linear
   * @param name - its name.
   * @param size - hardware numbers it has.
   * @param map - sets up a line that is mapped.
   * @returns the domain.
   */
  create(name: string, size: number, map: MapLine): IrqDomain {
    const domain = { name, size, map, mapped: new Map<number, Irq>() };
    this.#domains.push(domain);
    return domain;
  }

  /**
   * Finds the line of a hardware number, or makes it.
   *
   * @kernelName irq_create_mapping
   * @param domain - whose number.
   * @param hwirq - the number.
   * @returns the line; 0 when there is none and it cannot be made.
   */
  createMapping(domain: IrqDomain, hwirq: number): Irq {
    const known = this.findMapping(domain, hwirq);
    if (known !== 0) return known;
    if (hwirq < 0 || hwirq >= domain.size) return 0;
    // 0 is no line that a driver could have.
    const irq = this.#irqs.irqAllocDescs(-1, Math.max(hwirq, 1), 1);
    if (irq <= 0) return 0;
    this.#irqs.setHwirq(irq, domain, hwirq);
    if (domain.map(irq, hwirq) < 0) {
      this.#irqs.irqFreeDescs(irq, 1);
      return 0;
    }
    domain.mapped.set(hwirq, irq);
    return irq;
  }

  /**
   * Finds the line of a hardware number.
   *
   * @kernelName irq_find_mapping
   * @param domain - whose number.
   * @param hwirq - the number.
   * @returns the line; 0 when there is none.
   */
  findMapping(domain: IrqDomain, hwirq: number): Irq {
    return domain.mapped.get(hwirq) ?? 0;
  }

  /**
   * Takes a line away. Nobody may have it requested.
   *
   * @kernelName irq_dispose_mapping
   * @param irq - the line.
   */
  disposeMapping(irq: Irq): void {
    for (const { mapped } of this.#domains) {
      for (const [hwirq, line] of mapped) if (line === irq) mapped.delete(hwirq);
    }
    this.#irqs.irqFreeDescs(irq, 1);
  }

  /**
   * Handles an interrupt of a hardware number, as the controller's own handler does.
   *
   * @kernelName generic_handle_domain_irq
   * @param domain - whose number.
   * @param hwirq - the number.
   * @returns 0, or -EINVAL without a line; code that returns it when a handler takes time.
   * @context interrupts off.
   */
  genericHandle(domain: IrqDomain, hwirq: number): number | Atomic<number> {
    const irq = this.findMapping(domain, hwirq);
    return irq === 0 ? -EINVAL : this.#irqs.genericHandleIrq(irq);
  }
}
