/** Rows of /proc/interrupts below the lines: what a PC and a Raspberry Pi count besides. (irq spec 18.1) */
import type { ArchIrqRow } from './proc-interrupts.js';

/** Counts of one kind, one for each CPU. */
export type CountOf = (label: string) => readonly number[] | undefined;

const PC_ROWS: readonly (readonly [label: string, text: string])[] = [
  ['NMI', 'Non-maskable interrupts'],
  ['LOC', 'Local timer interrupts'],
  ['SPU', 'Spurious interrupts'],
  ['PMI', 'Performance monitoring interrupts'],
  ['IWI', 'IRQ work interrupts'],
  ['RTR', 'APIC ICR read retries'],
  ['RES', 'Rescheduling interrupts'],
  ['CAL', 'Function call interrupts'],
  ['TLB', 'TLB shootdowns'],
  ['TRM', 'Thermal event interrupts'],
  ['THR', 'Threshold APIC interrupts'],
  ['DFR', 'Deferred Error APIC interrupts'],
  ['MCE', 'Machine check exceptions'],
  ['MCP', 'Machine check polls'],
];
const PC_POSTED_ROWS: readonly (readonly [label: string, text: string])[] = [
  ['PIN', 'Posted-interrupt notification event'],
  ['NPI', 'Nested posted-interrupt event'],
  ['PIW', 'Posted-interrupt wakeup event'],
];
/** Interrupts that the CPUs of a Raspberry Pi send each other, IPI0 first. */
const PI_IPIS = [
  'CPU wakeup interrupts',
  'Timer broadcast interrupts',
  'Rescheduling interrupts',
  'Function call interrupts',
  'CPU stop interrupts',
  'IRQ work interrupts',
  'completion interrupts',
];

/**
 * Makes the rows of a PC.
 *
 * @param nrCpus - its CPUs.
 * @param countOf - the counts of a label such as `LOC`; what it does not know is 0.
 * @returns the rows.
 */
export function pcIrqRows(nrCpus: number, countOf: CountOf): ArchIrqRow[] {
  const none = new Array<number>(nrCpus).fill(0);
  const row = ([label, text]: readonly [string, string]): ArchIrqRow => ({ label, counts: countOf(label) ?? none, text });
  const single = (label: string): ArchIrqRow => ({ label, counts: countOf(label)?.[0] ?? 0, text: '' });
  return [...PC_ROWS.map(row), single('ERR'), single('MIS'), ...PC_POSTED_ROWS.map(row)];
}

/**
 * Makes the rows of a Raspberry Pi.
 *
 * @param nrCpus - its CPUs.
 * @param fiq - who has the fast interrupt; null for nobody, and no row.
 * @param countOf - the counts of a label such as `IPI2`; what it does not know is 0.
 * @returns the rows.
 */
export function piIrqRows(nrCpus: number, fiq: string | null, countOf: CountOf): ArchIrqRow[] {
  const none = new Array<number>(nrCpus).fill(0);
  const ipis = PI_IPIS.map((text, n): ArchIrqRow => ({ label: `IPI${n}`, counts: countOf(`IPI${n}`) ?? none, text }));
  const first: ArchIrqRow[] = fiq === null ? [] : [{ label: 'FIQ', counts: null, text: fiq }];
  return [...first, ...ipis, { label: 'Err', counts: countOf('Err')?.[0] ?? 0, text: '' }];
}
