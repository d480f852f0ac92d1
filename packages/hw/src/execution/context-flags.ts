/**
 * ContextFlags: in which context each CPU executes - preempt_count, interrupt flag - and the questions about that.
 *
 * (irq spec 11, 12)
 */
import type { CpuId, Cpus } from '@kmem/contracts';
import { HARDIRQ_MASK, NMI_MASK, PREEMPT_OFFSET, SOFTIRQ_MASK, SOFTIRQ_OFFSET } from '@kmem/contracts';
import { COUNT, CPU_ROW, IRQS_OFF, TASK_FLAGS } from './cpu-words.js';

/** The part of `Cpus` that needs the words of the CPUs and nothing else. Calls are about the CPU `cpu`. */
export class ContextFlags implements Partial<Cpus> {
  readonly nrCpus: number;
  cpu: CpuId = 0;
  realtime = false;
  oomVictim = false;
  /** What is known of each CPU. */
  protected readonly words: Int32Array;

  /**
   * @param nrCpus - how many.
   */
  constructor(nrCpus: number) {
    this.nrCpus = nrCpus;
    this.words = new Int32Array(nrCpus * CPU_ROW);
    for (let cpu = 0; cpu < nrCpus; cpu++) this.words[cpu * CPU_ROW + COUNT] = PREEMPT_OFFSET;
  }

  preemptCount(): number {
    return this.words[this.cpu * CPU_ROW + COUNT];
  }

  preemptCountAdd(value: number): void {
    this.words[this.cpu * CPU_ROW + COUNT] += value;
  }

  preemptCountSub(value: number): void {
    this.words[this.cpu * CPU_ROW + COUNT] -= value;
  }

  preemptCountSet(value: number): void {
    this.words[this.cpu * CPU_ROW + COUNT] = value;
  }

  inHardirq(): number {
    return this.words[this.cpu * CPU_ROW + COUNT] & HARDIRQ_MASK;
  }

  softirqCount(): number {
    return this.words[this.cpu * CPU_ROW + COUNT] & SOFTIRQ_MASK;
  }

  irqCount(): number {
    return this.words[this.cpu * CPU_ROW + COUNT] & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK);
  }

  inServingSoftirq(): number {
    return this.words[this.cpu * CPU_ROW + COUNT] & SOFTIRQ_OFFSET;
  }

  inNmi(): number {
    return this.words[this.cpu * CPU_ROW + COUNT] & NMI_MASK;
  }

  inTask(): boolean {
    return (this.words[this.cpu * CPU_ROW + COUNT] & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET)) === 0;
  }

  inAtomic(): boolean {
    return this.words[this.cpu * CPU_ROW + COUNT] !== 0;
  }

  preemptible(): boolean {
    return this.words[this.cpu * CPU_ROW + COUNT] === 0 && this.words[this.cpu * CPU_ROW + IRQS_OFF] === 0;
  }

  interruptContextLevel(): number {
    const count = this.words[this.cpu * CPU_ROW + COUNT];
    if ((count & NMI_MASK) !== 0) return 3;
    if ((count & HARDIRQ_MASK) !== 0) return 2;
    return (count & SOFTIRQ_OFFSET) !== 0 ? 1 : 0;
  }

  get taskFlags(): number {
    return this.words[this.cpu * CPU_ROW + TASK_FLAGS];
  }

  get inInterrupt(): boolean {
    return this.irqCount() !== 0;
  }

  get inSoftirq(): boolean {
    return this.inServingSoftirq() !== 0;
  }

  irqsDisabled(): boolean {
    return this.words[this.cpu * CPU_ROW + IRQS_OFF] === 1;
  }

  localIrqDisable(): void {
    this.words[this.cpu * CPU_ROW + IRQS_OFF] = 1;
  }

  localIrqSave(): boolean {
    const wasOff = this.words[this.cpu * CPU_ROW + IRQS_OFF] === 1;
    this.words[this.cpu * CPU_ROW + IRQS_OFF] = 1;
    return wasOff;
  }
}
