/**
 * Files about one line: /proc/irq/N and /sys/kernel/irq/N. (irq spec 18.3)
 */
import type { Interrupts, Irq } from '@kmem/contracts';
import { EINVAL, EIO } from '@kmem/contracts';
import { formatCpuList, formatCpuMask, parseCpuList, parseCpuMask } from './cpu-masks.js';
import type { IrqLine } from './irq-line.js';

/** What the files are printed from. */
export interface IrqFilesOptions {
  /** CPUs of the machine. */
  readonly nrCpus: number;
  /** Ticks a second. */
  readonly hz: number;
  /** The lines, which writing moves to other CPUs. */
  readonly irqs: Pick<Interrupts, 'irqSetAffinity'>;
  /** Describes a line; null for a number without one. */
  readonly describe: (irq: Irq) => IrqLine | null;
}

type Print = (line: IrqLine, options: IrqFilesOptions) => string;

const PROC: Readonly<Record<string, Print>> = {
  affinity_hint: (_line, { nrCpus }) => formatCpuMask(0, nrCpus),
  effective_affinity: ({ effectiveAffinity }, { nrCpus }) => formatCpuMask(effectiveAffinity, nrCpus),
  effective_affinity_list: ({ effectiveAffinity }, { nrCpus }) => formatCpuList(effectiveAffinity, nrCpus),
  node: () => '0',
  smp_affinity: ({ affinity }, { nrCpus }) => formatCpuMask(affinity, nrCpus),
  smp_affinity_list: ({ affinity }, { nrCpus }) => formatCpuList(affinity, nrCpus),
  spurious: ({ irqCount, irqsUnhandled, lastUnhandled }, { hz }) => {
    return `count ${irqCount}\nunhandled ${irqsUnhandled}\nlast_unhandled ${(lastUnhandled * 1000) / hz} ms`;
  },
};

const SYSFS: Readonly<Record<string, Print>> = {
  actions: ({ actions }) => actions.join(','),
  chip_name: ({ chipName }) => chipName ?? 'none',
  hwirq: ({ hwirq }) => String(hwirq ?? ''),
  name: ({ flowName }) => flowName ?? '',
  per_cpu_count: ({ counts }) => counts.join(','),
  type: ({ isLevel }) => (isLevel ? 'level' : 'edge'),
  wakeup: ({ isWakeup }) => (isWakeup ? 'enabled' : 'disabled'),
};

/** Files about lines. */
export class IrqFiles {
  readonly #options: IrqFilesOptions;

  /**
   * @param options - what the files are printed from.
   */
  constructor(options: IrqFilesOptions) {
    this.#options = options;
  }

  /**
   * Lists /proc/irq/N.
   *
   * @param irq - the number.
   * @returns names of files, and of the directories of the actions, in the order of a listing; empty without a line that has a chip.
   */
  list(irq: Irq): string[] {
    const line = this.#options.describe(irq);
    if (line === null || (line.chipName === null && line.actions.length === 0)) return [];
    return [...new Set([...Object.keys(PROC), ...line.actions.filter((name) => name !== '')])].sort();
  }

  /**
   * Reads a file of /proc/irq/N.
   *
   * @param irq - the number.
   * @param name - of the file.
   * @returns its text; null when there is no such file.
   */
  readProc(irq: Irq, name: string): string | null {
    return this.list(irq).includes(name) ? this.#print(PROC, irq, name) : null;
  }

  /**
   * Reads a file of /sys/kernel/irq/N.
   *
   * @param irq - the number.
   * @param name - of the file.
   * @returns its text; null when there is no such file.
   */
  readSysfs(irq: Irq, name: string): string | null {
    return this.#print(SYSFS, irq, name);
  }

  /**
   * Writes a file of /proc/irq/N.
   *
   * @param irq - the number.
   * @param name - `smp_affinity` or `smp_affinity_list`.
   * @param text - the CPUs.
   * @returns the length of the text; -EIO for a line that cannot be moved and for other files, -EINVAL or -EOVERFLOW for what is no set of CPUs,
   * -EINVAL when none of them is there.
   */
  writeProc(irq: Irq, name: string, text: string): number {
    const { describe, irqs, nrCpus } = this.#options;
    const parse = { smp_affinity: parseCpuMask, smp_affinity_list: parseCpuList }[name];
    if (parse === undefined || describe(irq)?.isMovable !== true) return -EIO;
    const cpus = parse(text.trim(), nrCpus);
    if (cpus < 0) return cpus;
    // None that could be there.
    if (cpus === 0) return -EINVAL;
    const ret = irqs.irqSetAffinity(irq, cpus);
    return ret === 0 ? text.length : ret;
  }

  #print(files: Readonly<Record<string, Print>>, irq: Irq, name: string): string | null {
    const line = this.#options.describe(irq);
    return line === null || !(name in files) ? null : `${files[name](line, this.#options)}\n`;
  }
}
