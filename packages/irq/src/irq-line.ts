/** IrqLine: a line as texts show it. */
import { IRQ_LEVEL, type Irq } from '@kmem/contracts';
import type { IrqDesc } from './irq-desc.js';

/** A line as texts show it. */
export interface IrqLine {
  /** Number, as drivers name it. */
  readonly irq: Irq;
  /** Interrupts that reached its handlers, by CPU. */
  readonly counts: readonly number[];
  /** Name of its chip; null without one. */
  readonly chipName: string | null;
  /** Number that its controller has for it; null for one that belongs to no domain. */
  readonly hwirq: number | null;
  /** Level-triggered. */
  readonly isLevel: boolean;
  /** What its flow is called; null for nothing. */
  readonly flowName: string | null;
  /** Names of its actions, in the order of the requests. */
  readonly actions: readonly string[];
  /** CPUs that may get it, one bit each. */
  readonly affinity: number;
  /** CPUs that do get it. */
  readonly effectiveAffinity: number;
  /** Interrupts since the spurious detector last judged. */
  readonly irqCount: number;
  /** Those that nobody has claimed. */
  readonly irqsUnhandled: number;
  /** Jiffy of the last one of these; 0: there was none. */
  readonly lastUnhandled: number;
  /** Armed to wake the machine. */
  readonly isWakeup: boolean;
  /** Its chip can move it to other CPUs. */
  readonly isMovable: boolean;
}

/**
 * Describes a line.
 *
 * @param desc - the line.
 * @param allCpus - all CPUs, one bit each.
 * @returns a copy of what texts show.
 */
export function describeLine(desc: IrqDesc, allCpus: number): IrqLine {
  const { irq, counts, chip, hwirq, flowName, affinity, irqCount, irqsUnhandled, lastUnhandled } = desc;
  const isLevel = (desc.settings & IRQ_LEVEL) !== 0;
  const actions: string[] = [];
  for (let { action } = desc; action !== null; action = action.next) actions.push(action.name ?? '');
  return {
    ...{ irq, counts: [...counts], chipName: chip === null ? null : chip.name || '-', hwirq, isLevel, flowName, actions },
    ...{ affinity: affinity & allCpus, effectiveAffinity: affinity & allCpus, irqCount, irqsUnhandled, lastUnhandled },
    ...{ isWakeup: desc.wakeDepth > 0, isMovable: chip?.setAffinity !== undefined },
  };
}
