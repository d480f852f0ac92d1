/**
 * ContextFlags: in which context each CPU executes - preempt_count, interrupt flag - and the questions about that.
 *
 * ```
 * count[cpu]    preempt_count, layout in the contract Cpus; 1 while the CPU is idle
 * irqOff[cpu]   1: interrupts are off
 * ```
 *
 * (irq spec 11, 12)
 */
import type { CpuId, Cpus } from '@kmem/contracts';
import { HARDIRQ_MASK, NMI_MASK, PREEMPT_OFFSET, SOFTIRQ_MASK, SOFTIRQ_OFFSET } from '@kmem/contracts';

/** The part of `Cpus` that needs these two arrays and nothing else. Calls are about the CPU `cpu`. */
export class ContextFlags implements Partial<Cpus> {
  readonly nrCpus: number;
  cpu: CpuId = 0;
  realtime = false;
  oomVictim = false;
  protected readonly count: Int32Array;
  protected readonly irqOff: Uint8Array;
  protected readonly flagsOfTask: Int32Array;

  /**
   * @param nrCpus - how many.
   */
  constructor(nrCpus: number) {
    this.nrCpus = nrCpus;
    this.count = new Int32Array(nrCpus).fill(PREEMPT_OFFSET);
    this.irqOff = new Uint8Array(nrCpus);
    this.flagsOfTask = new Int32Array(nrCpus);
  }

  preemptCount(): number {
    return this.count[this.cpu];
  }

  preemptCountAdd(value: number): void {
    this.count[this.cpu] += value;
  }

  preemptCountSub(value: number): void {
    this.count[this.cpu] -= value;
  }

  preemptCountSet(value: number): void {
    this.count[this.cpu] = value;
  }

  inHardirq(): number {
    return this.count[this.cpu] & HARDIRQ_MASK;
  }

  softirqCount(): number {
    return this.count[this.cpu] & SOFTIRQ_MASK;
  }

  irqCount(): number {
    return this.count[this.cpu] & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK);
  }

  inServingSoftirq(): number {
    return this.count[this.cpu] & SOFTIRQ_OFFSET;
  }

  inNmi(): number {
    return this.count[this.cpu] & NMI_MASK;
  }

  inTask(): boolean {
    return (this.count[this.cpu] & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET)) === 0;
  }

  inAtomic(): boolean {
    return this.count[this.cpu] !== 0;
  }

  preemptible(): boolean {
    return this.count[this.cpu] === 0 && this.irqOff[this.cpu] === 0;
  }

  interruptContextLevel(): number {
    const count = this.count[this.cpu];
    if ((count & NMI_MASK) !== 0) return 3;
    if ((count & HARDIRQ_MASK) !== 0) return 2;
    return (count & SOFTIRQ_OFFSET) !== 0 ? 1 : 0;
  }

  get taskFlags(): number {
    return this.flagsOfTask[this.cpu];
  }

  get inInterrupt(): boolean {
    return this.irqCount() !== 0;
  }

  get inSoftirq(): boolean {
    return this.inServingSoftirq() !== 0;
  }

  irqsDisabled(): boolean {
    return this.irqOff[this.cpu] === 1;
  }

  localIrqDisable(): void {
    this.irqOff[this.cpu] = 1;
  }

  localIrqSave(): boolean {
    const wasOff = this.irqOff[this.cpu] === 1;
    this.irqOff[this.cpu] = 1;
    return wasOff;
  }
}
