/** Texts of /proc about a running machine. (irq spec 18) */
import type { CpuId } from '@kmem/contracts';
import { CALL_FUNCTION_SINGLE_VECTOR, IRQ_WORK_VECTOR, LOCAL_TIMER_VECTOR, RESCHEDULE_VECTOR } from '@kmem/contracts';
import { formatInterrupts, formatSoftirqs, pcIrqRows, piIrqRows } from '@kmem/irq';
import type { Kernel } from './boot.js';

const PC_VECTORS: Readonly<Record<string, number>> = {
  ...{ LOC: LOCAL_TIMER_VECTOR, IWI: IRQ_WORK_VECTOR, RES: RESCHEDULE_VECTOR, CAL: CALL_FUNCTION_SINGLE_VECTOR },
};
const PI_VECTORS: Readonly<Record<string, number>> = {
  ...{ IPI2: RESCHEDULE_VECTOR, IPI3: CALL_FUNCTION_SINGLE_VECTOR, IPI5: IRQ_WORK_VECTOR },
};

/** How /proc/interrupts looks. */
export interface ProcInterruptsOptions {
  /** Whose rows follow the lines: those of a PC, or of a Raspberry Pi, which also has a column for levels. @default 'pc' */
  readonly board?: 'pc' | 'pi';
  /** Who has the fast interrupt of a Raspberry Pi. @default nobody */
  readonly fiq?: string;
}

/**
 * Prints /proc/interrupts.
 *
 * @param kernel - the machine.
 * @param options - how it looks.
 * @returns the text. Of the rows below the lines, those count that this machine has: timers, and what CPUs send each other.
 */
export function procInterrupts({ cpus, irqs }: Kernel, options: ProcInterruptsOptions = {}): string {
  const { board = 'pc', fiq = null } = options;
  const { nrCpus } = cpus;
  const countOf = (vectors: Readonly<Record<string, number>>) => (label: string) =>
    label in vectors ? Array.from({ length: nrCpus }, (_, cpu: CpuId) => cpus.vectorCount(cpu, vectors[label])) : undefined;
  const arch = board === 'pc' ? pcIrqRows(nrCpus, countOf(PC_VECTORS)) : piIrqRows(nrCpus, fiq, countOf(PI_VECTORS));
  return formatInterrupts({ nrCpus, lines: irqs.describeAll(), arch, levels: board === 'pi' });
}

/**
 * Prints /proc/softirqs.
 *
 * @param kernel - the machine.
 * @returns the text.
 */
export function procSoftirqs({ cpus, softirqs }: Kernel): string {
  return formatSoftirqs(cpus.nrCpus, (nr, cpu) => softirqs.served(nr, cpu));
}
