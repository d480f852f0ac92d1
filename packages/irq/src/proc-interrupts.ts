/**
 * /proc/interrupts and /proc/softirqs as text.
 *
 * ```
 *            CPU0       CPU1
 *   4:          0       2018   IO-APIC   4-edge      ttyS0      a line: counts, chip, number there, flow, actions
 * LOC:        865       1242   Local timer interrupts           a row of the architecture
 * ERR:          0
 * ```
 *
 * (irq spec 18.1, 18.2)
 */
import type { CpuId } from '@kmem/contracts';
import { SOFTIRQ_NAMES } from '@kmem/contracts';
import type { IrqLine } from './irq-line.js';

const MIN_WIDTH = 3;
const MAX_WIDTH = 10;
/** Digits of a count. */
const COUNT = 10;

/** A row that belongs to no line. */
export interface ArchIrqRow {
  /** What stands in front of the colon. */
  readonly label: string;
  /** One count for each CPU; a single one; null for a row that has none. */
  readonly counts: readonly number[] | number | null;
  /** What is counted. */
  readonly text: string;
}

/** What /proc/interrupts shows. */
export interface InterruptsTable {
  /** CPUs of the machine. */
  readonly nrCpus: number;
  /** The lines, lowest number first. */
  readonly lines: readonly IrqLine[];
  /** Rows of the architecture, in their order. */
  readonly arch: readonly ArchIrqRow[];
  /** Numbers that lines can have, which decide how wide a number is. @default 256 */
  readonly nrIrqs?: number;
  /** Whether it looks as on ARM: a column says `Level` or `Edge`, and what is counted stands a blank further left. @default false */
  readonly levels?: boolean;
}

/**
 * Prints /proc/interrupts.
 *
 * @param table - what it shows. Lines without an action are shown when they have counted something.
 * @returns the text.
 */
export function formatInterrupts(table: InterruptsTable): string {
  const { nrCpus, lines, arch, nrIrqs = 256 } = table;
  let width = MIN_WIDTH;
  while (width < MAX_WIDTH && nrIrqs >= 10 ** width) width++;
  const cpus = Array.from({ length: nrCpus }, (_, cpu) => `CPU${String(cpu).padEnd(8)}`);
  const shown = lines.filter(({ actions, counts }) => actions.length > 0 || counts.some((count) => count > 0));
  return [
    ' '.repeat(width + 8) + cpus.join(''),
    ...shown.map((line) => formatLine(line, width, table.levels === true)),
    ...arch.map((row) => formatRow(row, width, table.levels === true)),
    '',
  ].join('\n');
}

function formatLine(line: IrqLine, width: number, levels: boolean): string {
  const { irq, counts, chipName, hwirq, flowName, actions } = line;
  const columns = [
    `${String(irq).padStart(width)}: ${formatCounts(counts)}`,
    ` ${(chipName ?? 'None').padStart(8)} ${String(hwirq ?? '').padStart(width)}`,
    levels ? ` ${(line.isLevel ? 'Level' : 'Edge').padEnd(8)}` : '',
    flowName === null ? '' : `-${flowName.padEnd(8)}`,
    actions.length === 0 ? '' : `  ${actions.join(', ')}`,
  ];
  return columns.join('');
}

function formatRow({ label, counts, text }: ArchIrqRow, width: number, levels: boolean): string {
  const name = `${label.padStart(width)}: `;
  if (counts === null) return `${name}${' '.repeat(COUNT + 3)}${text}`;
  return typeof counts === 'number' ? name + String(counts).padStart(COUNT) : `${name}${formatCounts(counts)}${levels ? ' ' : '  '}${text}`;
}

function formatCounts(counts: readonly number[]): string {
  return counts.map((count) => `${String(count).padStart(COUNT)} `).join('');
}

/**
 * Prints /proc/softirqs.
 *
 * @param nrCpus - CPUs the machine can have.
 * @param count - how often a softirq has run on a CPU.
 * @returns the text.
 */
export function formatSoftirqs(nrCpus: number, count: (nr: number, cpu: CpuId) => number): string {
  const cpus = Array.from({ length: nrCpus }, (_, cpu) => cpu);
  const rows = SOFTIRQ_NAMES.map((name, nr) => {
    return `${name.padStart(12)}:${cpus.map((cpu) => ` ${String(count(nr, cpu)).padStart(COUNT)}`).join('')}`;
  });
  return [' '.repeat(20) + cpus.map((cpu) => `CPU${String(cpu).padEnd(8)}`).join(''), ...rows, ''].join('\n');
}
