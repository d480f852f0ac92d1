/**
 * CpuSet: the processors of the machine - what each executes, its flags, its local time.
 *
 * Each CPU has a stack of code. At the bottom stands its task, or nothing while it is idle; interrupts and softirqs
 * that take time stand on top, and only the topmost goes on:
 *
 * ```
 * frames[cpu * MAX_FRAMES + 0]      the task, null: idle
 *                         + d       the topmost, d = depth[cpu]
 * until[same index]                 local time up to which that code is busy
 * key(cpu)                          when the CPU can next do something; time[cpu] <= key(cpu)
 * irqOff[cpu] = 1                   while a HARDIRQ frame is on top
 * ```
 *
 * A handler that is a plain function leaves no frame: it has ended before anybody could see it.
 *
 * (irq spec 11, 12, 20)
 */
import type {
  Atomic,
  AtomicResult,
  Clock,
  CpuExecution,
  CpuHooks,
  CpuId,
  Cpus,
  Sleepable,
  VectorHandler,
} from '@kmem/contracts';
import {
  BUSY_WAIT,
  HARDIRQ_MASK,
  HARDIRQ_OFFSET,
  KernelBug,
  NMI_MASK,
  RESCHEDULE_VECTOR,
  SCHEDULE,
  SOFTIRQ_MASK,
} from '@kmem/contracts';
import { ContextFlags } from './context-flags.js';
import { DEVICE_EVENT, EventQueue } from './event-queue.js';
import { PendingVectors } from './pending-vectors.js';

const MAX_FRAMES = 16;

const TASK_FRAME = 0;
const HARDIRQ_FRAME = 1;
const SOFTIRQ_FRAME = 2;
const CALLED_FRAME = 3;

/** Facts about a machine's processors. */
export interface CpuSetOptions {
  /** CPUs, from 1 to 64. */
  readonly nrCpus: number;
  /** Local time of every CPU at the beginning, in ns. */
  readonly startNs: number;
  /** Cycles a millisecond of the cycle counter. */
  readonly tscKhz: number;
  /** How long one turn of a spinning loop takes at least, in ns. */
  readonly relaxNs: number;
  /** Chooses among CPUs that can act at the same instant. Without it the lowest number goes first. */
  readonly chooseCpu?: (cpus: readonly CpuId[]) => CpuId;
}

type Frame = Sleepable<unknown>;

/** The processors. */
export class CpuSet extends ContextFlags implements Cpus, Clock, CpuExecution {
  /** Events of each CPU. */
  readonly queues: readonly EventQueue[];
  readonly #options: CpuSetOptions;
  readonly #time: Float64Array;
  readonly #pending: PendingVectors;
  readonly #vectors: (VectorHandler | null)[] = new Array<VectorHandler | null>(256).fill(null);
  readonly #frames: (Frame | null)[];
  readonly #kind: Uint8Array;
  readonly #until: Float64Array;
  readonly #depth: Int32Array;
  readonly #kicked: Uint8Array;
  /** Plain functions on the CPU's stack that run atomic code to its end: other CPUs cannot act before. */
  readonly #called: Int32Array;
  readonly #raiseNow: (argument: number) => void;
  #hooks: CpuHooks = {
    schedule: (cpu) => this.execute(cpu, null),
    ended: (cpu) => this.execute(cpu, null),
    failed: (_cpu, error) => {
      throw error;
    },
    interruptEntry: () => undefined,
    interruptExit: () => undefined,
  };

  /**
   * @param options - number of CPUs and times.
   */
  constructor(options: CpuSetOptions) {
    const { nrCpus, startNs } = options;
    super(nrCpus);
    this.#options = options;
    this.queues = Array.from({ length: nrCpus }, () => new EventQueue());
    this.#time = new Float64Array(nrCpus).fill(startNs);
    this.#pending = new PendingVectors(nrCpus);
    this.#frames = new Array<Frame | null>(nrCpus * MAX_FRAMES).fill(null);
    this.#kind = new Uint8Array(nrCpus * MAX_FRAMES);
    this.#until = new Float64Array(nrCpus * MAX_FRAMES);
    this.#depth = new Int32Array(nrCpus);
    this.#kicked = new Uint8Array(nrCpus);
    this.#called = new Int32Array(nrCpus);
    this.#raiseNow = (argument) => this.#pending.latch(argument >> 8, argument & 0xff);
    // Its handling is its effect: whoever was idle asks the scheduler when it ends.
    this.setVectorHandler(RESCHEDULE_VECTOR, () => {
      this.#kicked[this.cpu] = 1;
    });
  }

  // What the machine runs

  /**
   * Says when a CPU can next do something.
   *
   * @param cpu - which one.
   * @returns its local time then, in ns; Infinity for an idle CPU without events.
   */
  key(cpu: CpuId): number {
    const time = this.#time[cpu];
    if (this.#pending.count[cpu] > 0 && this.irqOff[cpu] === 0) return time;
    const next = this.queues[cpu].nextTime();
    const top = cpu * MAX_FRAMES + this.#depth[cpu];
    if (this.#frames[top] === null) return this.#kicked[cpu] === 1 ? time : Math.max(time, next);
    return Math.max(time, Math.min(this.#until[top], next));
  }

  /**
   * Lets a CPU do the next thing: take an interrupt, go on with its topmost code, or look for a task.
   *
   * @param cpu - one whose key is not Infinity.
   */
  step(cpu: CpuId): void {
    this.cpu = cpu;
    const time = this.key(cpu);
    this.#time[cpu] = time;
    const queue = this.queues[cpu];
    if (queue.nextTime() <= time) queue.fireDue(time);
    if (this.#pending.count[cpu] > 0 && this.irqOff[cpu] === 0) {
      this.#interrupt(cpu);
      return;
    }
    const top = cpu * MAX_FRAMES + this.#depth[cpu];
    if (this.#frames[top] === null) {
      if (this.#kicked[cpu] === 0) return;
      this.#kicked[cpu] = 0;
      this.#hooks.schedule(cpu);
      return;
    }
    if (this.#until[top] <= time) this.#resume(cpu, top);
  }

  // CpuExecution

  setHooks(hooks: Partial<CpuHooks>): void {
    this.#hooks = { ...this.#hooks, ...hooks };
  }

  execute(cpu: CpuId, code: Sleepable<unknown> | null, taskFlags = 0): void {
    const bottom = cpu * MAX_FRAMES;
    // The idle task has preemption off, all others begin and go on with it on.
    this.count[cpu] += Number(code === null) - Number(this.#frames[bottom] === null);
    this.flagsOfTask[cpu] = taskFlags;
    this.#frames[bottom] = code;
    this.#until[bottom] = 0;
    this.irqOff[cpu] = 0;
  }

  kick(cpu: CpuId): void {
    if (!this.isIdle(cpu)) return;
    if (cpu === this.cpu) this.#kicked[cpu] = 1;
    else this.raiseVector(cpu, RESCHEDULE_VECTOR);
  }

  // Clock

  now(): number {
    return this.#time[this.cpu];
  }

  getCycles(): number {
    return Math.floor((this.now() / 1e6) * this.#options.tscKhz);
  }

  isIdle(cpu: CpuId): boolean {
    return this.#frames[cpu * MAX_FRAMES] === null;
  }

  // Cpus: interrupts

  localIrqEnable(): void {
    const cpu = this.cpu;
    this.irqOff[cpu] = 0;
    if (this.#pending.count[cpu] > 0) this.#interruptsNow(cpu);
  }

  *enableIrqs(): Atomic<void> {
    const cpu = this.cpu;
    this.irqOff[cpu] = 0;
    if (this.#pending.count[cpu] > 0) yield BUSY_WAIT;
  }

  localIrqRestore(wasOff: boolean): void {
    if (wasOff) this.irqOff[this.cpu] = 1;
    else this.localIrqEnable();
  }

  setVectorHandler(vector: number, handler: VectorHandler | null): void {
    this.#vectors[vector] = handler;
  }

  raiseVector(cpu: CpuId, vector: number): void {
    if (cpu === this.cpu) this.#pending.latch(cpu, vector);
    else this.queues[cpu].add(this.now(), DEVICE_EVENT, this.#raiseNow, (cpu << 8) | vector);
  }

  // Cpus: time

  *busyUntil(until: number): Atomic<void> {
    const cpu = this.cpu;
    if (until <= this.#time[cpu]) return;
    this.#until[cpu * MAX_FRAMES + this.#depth[cpu]] = until;
    yield BUSY_WAIT;
  }

  *cpuRelax(): Atomic<void> {
    const cpu = this.cpu;
    if (this.#called[cpu] > 0) {
      throw new KernelBug('SPIN_IN_PLAIN', `CPU ${cpu} waits for another CPU inside a plain function`, { cpu });
    }
    let first = Infinity;
    for (let other = 0; other < this.nrCpus; other++) if (other !== cpu) first = Math.min(first, this.key(other));
    first = Math.min(first, this.queues[cpu].nextTime());
    // Nothing elsewhere, nothing here: the caller waits for what only time brings.
    if (first === Infinity) first = 0;
    const soonest = this.#time[cpu] + this.#options.relaxNs;
    this.#until[cpu * MAX_FRAMES + this.#depth[cpu]] = Math.max(soonest, first);
    yield BUSY_WAIT;
  }

  charge(ns: number): void {
    this.#advance(this.cpu, this.#time[this.cpu] + ns);
  }

  runNow<T>(code: Atomic<T>): T {
    const cpu = this.cpu;
    const top = this.#push(cpu, code, CALLED_FRAME);
    this.#called[cpu]++;
    try {
      for (;;) {
        const { done, value } = code.next();
        if (done === true) return value;
        this.#advance(cpu, this.#until[top]);
      }
    } finally {
      this.#called[cpu]--;
      this.#pop(cpu);
    }
  }

  *interleave(): Atomic<void> {
    if (this.#options.chooseCpu === undefined || this.#called[this.cpu] > 0) return;
    yield BUSY_WAIT;
  }

  // Frames

  #push(cpu: CpuId, code: Frame, kind: number): number {
    const top = cpu * MAX_FRAMES + ++this.#depth[cpu];
    this.#frames[top] = code;
    this.#kind[top] = kind;
    this.#until[top] = 0;
    return top;
  }

  #pop(cpu: CpuId): void {
    this.#frames[cpu * MAX_FRAMES + this.#depth[cpu]--] = null;
  }

  #resume(cpu: CpuId, top: number): void {
    // `key` and `step` come here only for a frame that is there.
    const code = this.#frames[top] as Frame;
    let result;
    try {
      result = code.next();
    } catch (error) {
      if (this.#depth[cpu] > 0) throw error;
      this.#hooks.failed(cpu, error);
      return;
    }
    if (result.done === true) this.#ended(cpu, top, result.value);
    else if (result.value === SCHEDULE) this.#hooks.schedule(cpu);
  }

  #ended(cpu: CpuId, top: number, value: unknown): void {
    const kind = top === cpu * MAX_FRAMES ? TASK_FRAME : this.#kind[top];
    if (kind === TASK_FRAME) {
      this.execute(cpu, null);
      this.#hooks.ended(cpu, value);
      return;
    }
    this.#pop(cpu);
    if (kind === HARDIRQ_FRAME) this.#interruptExit(cpu);
    else this.irqOff[cpu] = 0;
  }

  // Interrupts

  /** Handles one vector, or pushes the frame that does. */
  #interrupt(cpu: CpuId): void {
    const vector = this.#pending.take(cpu);
    const wasIdle = this.#frames[cpu * MAX_FRAMES] === null && this.irqCount() === 0;
    this.irqOff[cpu] = 1;
    this.count[cpu] += HARDIRQ_OFFSET;
    this.#hooks.interruptEntry(wasIdle);
    const handler = this.#vectors[vector];
    const result: AtomicResult = handler === null ? undefined : handler(vector);
    if (result === undefined) this.#interruptExit(cpu);
    else this.#push(cpu, result, HARDIRQ_FRAME);
  }

  #interruptExit(cpu: CpuId): void {
    this.irqOff[cpu] = 1;
    this.count[cpu] -= HARDIRQ_OFFSET;
    if ((this.count[cpu] & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK)) === 0) {
      const result = this.#hooks.interruptExit();
      if (result !== undefined) {
        this.#push(cpu, result, SOFTIRQ_FRAME);
        return;
      }
    }
    this.irqOff[cpu] = 0;
  }

  /** Handles all that waits before it returns. Interrupts are on. */
  #interruptsNow(cpu: CpuId): void {
    const depth = this.#depth[cpu];
    this.#called[cpu]++;
    try {
      while (this.#pending.count[cpu] > 0 && this.irqOff[cpu] === 0) {
        this.#interrupt(cpu);
        while (this.#depth[cpu] > depth) {
          const top = cpu * MAX_FRAMES + this.#depth[cpu];
          this.#advance(cpu, this.#until[top]);
          this.#resume(cpu, top);
        }
      }
    } finally {
      this.#called[cpu]--;
    }
  }

  /** Moves a CPU's time from inside a plain function, with the interrupts that come meanwhile. */
  #advance(cpu: CpuId, until: number): void {
    const queue = this.queues[cpu];
    for (;;) {
      const next = queue.nextTime();
      if (next > until) break;
      if (next > this.#time[cpu]) this.#time[cpu] = next;
      queue.fireDue(this.#time[cpu]);
      if (this.#pending.count[cpu] > 0 && this.irqOff[cpu] === 0) this.#interruptsNow(cpu);
    }
    if (this.#pending.count[cpu] > 0 && this.irqOff[cpu] === 0) this.#interruptsNow(cpu);
    if (until > this.#time[cpu]) this.#time[cpu] = until;
  }
}
