/**
 * CpuSet: the processors of the machine - what each executes, its flags, its local time.
 *
 * Each CPU has a stack of code. At the bottom stands its task, or nothing while it is idle; interrupts and softirqs
 * that take time stand on top, and only the topmost goes on:
 *
 * ```
 * frames[cpu * MAX_FRAMES + 0]      the task, null: idle
 *                         + d       the topmost, d = DEPTH of the CPU
 * until[same index]                 local time up to which that code is busy
 * key(cpu)                          when the CPU can next do something; its TIME <= key(cpu)
 * IRQS_OFF of the CPU = 1           while a HARDIRQ frame is on top
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
import { CALLED, COUNT, CPU_ROW, DEPTH, FIRST, IRQS_OFF, KICKED, PENDING, TASK_FLAGS, TIME, TIME_ROW } from './cpu-words.js';
import { DEVICE_EVENT, EventQueue } from './event-queue.js';
import { PendingVectors } from './pending-vectors.js';

const MAX_FRAMES = 16;
const NR_VECTORS = 256;

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
  readonly #times: Float64Array;
  readonly #pending: PendingVectors;
  readonly #vectors: (VectorHandler | null)[] = new Array<VectorHandler | null>(256).fill(null);
  readonly #frames: (Frame | null)[];
  readonly #kind: Uint8Array;
  readonly #until: Float64Array;
  /** Interrupts handled, by CPU and vector. */
  readonly #taken: Float64Array;
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
    const times = new Float64Array(nrCpus * TIME_ROW).fill(startNs);
    this.#times = times;
    this.queues = Array.from({ length: nrCpus }, (_, cpu) => new EventQueue(times, cpu * TIME_ROW + FIRST));
    this.#pending = new PendingVectors(nrCpus, this.words);
    this.#frames = new Array<Frame | null>(nrCpus * MAX_FRAMES).fill(null);
    this.#kind = new Uint8Array(nrCpus * MAX_FRAMES);
    this.#until = new Float64Array(nrCpus * MAX_FRAMES);
    this.#taken = new Float64Array(nrCpus * NR_VECTORS);
    this.#raiseNow = (argument) => this.#pending.latch(argument >> 8, argument & 0xff);
    // Its handling is its effect: whoever was idle asks the scheduler when it ends.
    this.setVectorHandler(RESCHEDULE_VECTOR, () => {
      this.words[this.cpu * CPU_ROW + KICKED] = 1;
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
    const { words } = this;
    const times = this.#times;
    const row = cpu * CPU_ROW;
    const time = times[cpu * TIME_ROW + TIME];
    if (words[row + PENDING] > 0 && words[row + IRQS_OFF] === 0) return time;
    const top = cpu * MAX_FRAMES + words[row + DEPTH];
    const until = this.#frames[top] !== null ? this.#until[top] : words[row + KICKED] === 1 ? 0 : Infinity;
    return Math.max(time, Math.min(until, times[cpu * TIME_ROW + FIRST]));
  }

  /**
   * Lets a CPU do the next thing: take an interrupt, go on with its topmost code, or look for a task.
   *
   * @param cpu - which one.
   * @param limit - local time up to which it may, in ns.
   * @returns false when it has nothing to do by then.
   */
  step(cpu: CpuId, limit: number): boolean {
    const { words } = this;
    const times = this.#times;
    const now = times[cpu * TIME_ROW + TIME];
    const top = cpu * MAX_FRAMES + words[cpu * CPU_ROW + DEPTH];
    const code = this.#frames[top];
    const comesNothing = words[cpu * CPU_ROW + PENDING] === 0 && times[cpu * TIME_ROW + FIRST] > now;
    if (code === null || !comesNothing || this.#until[top] > now || now > limit) return this.#stepLater(cpu, limit);
    // Nearly always: its code goes on, and no time passes.
    this.cpu = cpu;
    this.#resume(cpu, top, code);
    return true;
  }

  /** The same where something is in the way of simply going on. */
  #stepLater(cpu: CpuId, limit: number): boolean {
    const { words } = this;
    const row = cpu * CPU_ROW;
    const time = this.key(cpu);
    if (time > limit || time === Infinity) return false;
    this.cpu = cpu;
    this.#times[cpu * TIME_ROW + TIME] = time;
    if (this.#times[cpu * TIME_ROW + FIRST] <= time) this.queues[cpu].fireDue(time);
    const top = cpu * MAX_FRAMES + words[row + DEPTH];
    const code = this.#frames[top];
    if (words[row + PENDING] > 0 && words[row + IRQS_OFF] === 0) {
      this.#interrupt(cpu);
    } else if (code !== null) {
      if (this.#until[top] <= time) this.#resume(cpu, top, code);
    } else if (words[row + KICKED] === 1) {
      words[row + KICKED] = 0;
      this.#hooks.schedule(cpu);
    }
    return true;
  }

  // CpuExecution

  setHooks(hooks: Partial<CpuHooks>): void {
    this.#hooks = { ...this.#hooks, ...hooks };
  }

  execute(cpu: CpuId, code: Sleepable<unknown> | null, taskFlags = 0): void {
    const { words } = this;
    const row = cpu * CPU_ROW;
    const bottom = cpu * MAX_FRAMES;
    // The idle task has preemption off, all others begin and go on with it on.
    if ((code === null) !== (this.#frames[bottom] === null)) words[row + COUNT] += code === null ? 1 : -1;
    words[row + TASK_FLAGS] = taskFlags;
    words[row + IRQS_OFF] = 0;
    this.#frames[bottom] = code;
  }

  kick(cpu: CpuId): void {
    if (!this.isIdle(cpu)) return;
    if (cpu === this.cpu) this.words[cpu * CPU_ROW + KICKED] = 1;
    else this.raiseVector(cpu, RESCHEDULE_VECTOR);
  }

  // Clock

  now(): number {
    return this.#times[this.cpu * TIME_ROW + TIME];
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
    this.words[cpu * CPU_ROW + IRQS_OFF] = 0;
    if (this.words[cpu * CPU_ROW + PENDING] > 0) this.#interruptsNow(cpu);
  }

  *enableIrqs(): Atomic<void> {
    const cpu = this.cpu;
    this.words[cpu * CPU_ROW + IRQS_OFF] = 0;
    if (this.words[cpu * CPU_ROW + PENDING] > 0) yield BUSY_WAIT;
  }

  localIrqRestore(wasOff: boolean): void {
    if (wasOff) this.words[this.cpu * CPU_ROW + IRQS_OFF] = 1;
    else this.localIrqEnable();
  }

  setVectorHandler(vector: number, handler: VectorHandler | null): void {
    this.#vectors[vector] = handler;
  }

  vectorCount(cpu: CpuId, vector: number): number {
    return this.#taken[cpu * NR_VECTORS + vector];
  }

  raiseVector(cpu: CpuId, vector: number): void {
    if (cpu === this.cpu) this.#pending.latch(cpu, vector);
    else this.queues[cpu].add(this.now(), DEVICE_EVENT, this.#raiseNow, (cpu << 8) | vector);
  }

  // Cpus: time

  *busyUntil(until: number): Atomic<void> {
    const cpu = this.cpu;
    if (until <= this.#times[cpu * TIME_ROW + TIME]) return;
    this.#until[cpu * MAX_FRAMES + this.words[cpu * CPU_ROW + DEPTH]] = until;
    yield BUSY_WAIT;
  }

  *cpuRelax(): Atomic<void> {
    const cpu = this.cpu;
    if (this.words[cpu * CPU_ROW + CALLED] > 0) {
      throw new KernelBug('SPIN_IN_PLAIN', `CPU ${cpu} waits for another CPU inside a plain function`, { cpu });
    }
    let first = Infinity;
    for (let other = 0; other < this.nrCpus; other++) if (other !== cpu) first = Math.min(first, this.key(other));
    first = Math.min(first, this.#times[cpu * TIME_ROW + FIRST]);
    // Nothing elsewhere, nothing here: the caller waits for what only time brings.
    if (first === Infinity) first = 0;
    const soonest = this.#times[cpu * TIME_ROW + TIME] + this.#options.relaxNs;
    this.#until[cpu * MAX_FRAMES + this.words[cpu * CPU_ROW + DEPTH]] = Math.max(soonest, first);
    yield BUSY_WAIT;
  }

  charge(ns: number): void {
    this.#advance(this.cpu, this.#times[this.cpu * TIME_ROW + TIME] + ns);
  }

  runNow<T>(code: Atomic<T>): T {
    const cpu = this.cpu;
    const top = this.#push(cpu, code, CALLED_FRAME);
    this.words[cpu * CPU_ROW + CALLED]++;
    try {
      for (;;) {
        const { done, value } = code.next();
        if (done === true) return value;
        this.#advance(cpu, this.#until[top]);
      }
    } finally {
      this.words[cpu * CPU_ROW + CALLED]--;
      this.#pop(cpu);
    }
  }

  *interleave(): Atomic<void> {
    if (this.#options.chooseCpu === undefined || this.words[this.cpu * CPU_ROW + CALLED] > 0) return;
    yield BUSY_WAIT;
  }

  // Frames

  #push(cpu: CpuId, code: Frame, kind: number): number {
    const top = cpu * MAX_FRAMES + ++this.words[cpu * CPU_ROW + DEPTH];
    this.#frames[top] = code;
    this.#kind[top] = kind;
    this.#until[top] = 0;
    return top;
  }

  #pop(cpu: CpuId): void {
    this.#frames[cpu * MAX_FRAMES + this.words[cpu * CPU_ROW + DEPTH]--] = null;
  }

  #resume(cpu: CpuId, top: number, code: Frame): void {
    let result;
    try {
      result = code.next();
    } catch (error) {
      this.#failed(cpu, error);
      return;
    }
    if (result.done === true) this.#ended(cpu, top, result.value);
    else if (result.value === SCHEDULE) this.#hooks.schedule(cpu);
  }

  #failed(cpu: CpuId, error: unknown): void {
    if (this.words[cpu * CPU_ROW + DEPTH] > 0) throw error;
    this.#hooks.failed(cpu, error);
  }

  #ended(cpu: CpuId, top: number, value: unknown): void {
    const kind = top === cpu * MAX_FRAMES ? TASK_FRAME : this.#kind[top];
    if (kind === TASK_FRAME) {
      this.#hooks.ended(cpu, value);
      return;
    }
    this.#pop(cpu);
    if (kind === HARDIRQ_FRAME) this.#interruptExit(cpu);
    else this.words[cpu * CPU_ROW + IRQS_OFF] = 0;
  }

  // Interrupts

  /** Handles one vector, or pushes the frame that does. */
  #interrupt(cpu: CpuId): void {
    const vector = this.#pending.take(cpu);
    this.#taken[cpu * NR_VECTORS + vector]++;
    const wasIdle = this.#frames[cpu * MAX_FRAMES] === null && this.irqCount() === 0;
    this.words[cpu * CPU_ROW + IRQS_OFF] = 1;
    this.words[cpu * CPU_ROW + COUNT] += HARDIRQ_OFFSET;
    this.#hooks.interruptEntry(wasIdle);
    const handler = this.#vectors[vector];
    const result: AtomicResult = handler === null ? undefined : handler(vector);
    if (result === undefined) this.#interruptExit(cpu);
    else this.#push(cpu, result, HARDIRQ_FRAME);
  }

  #interruptExit(cpu: CpuId): void {
    this.words[cpu * CPU_ROW + IRQS_OFF] = 1;
    this.words[cpu * CPU_ROW + COUNT] -= HARDIRQ_OFFSET;
    if ((this.words[cpu * CPU_ROW + COUNT] & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK)) === 0) {
      const result = this.#hooks.interruptExit();
      if (result !== undefined) {
        this.#push(cpu, result, SOFTIRQ_FRAME);
        return;
      }
    }
    this.words[cpu * CPU_ROW + IRQS_OFF] = 0;
  }

  /** Handles all that waits before it returns. Interrupts are on. */
  #interruptsNow(cpu: CpuId): void {
    const depth = this.words[cpu * CPU_ROW + DEPTH];
    this.words[cpu * CPU_ROW + CALLED]++;
    try {
      while (this.words[cpu * CPU_ROW + PENDING] > 0 && this.words[cpu * CPU_ROW + IRQS_OFF] === 0) {
        this.#interrupt(cpu);
        while (this.words[cpu * CPU_ROW + DEPTH] > depth) {
          const top = cpu * MAX_FRAMES + this.words[cpu * CPU_ROW + DEPTH];
          this.#advance(cpu, this.#until[top]);
          // A frame above `depth` is there.
          this.#resume(cpu, top, this.#frames[top] as Frame);
        }
      }
    } finally {
      this.words[cpu * CPU_ROW + CALLED]--;
    }
  }

  /** Moves a CPU's time from inside a plain function, with the interrupts that come meanwhile. */
  #advance(cpu: CpuId, until: number): void {
    const queue = this.queues[cpu];
    for (;;) {
      const next = this.#times[cpu * TIME_ROW + FIRST];
      if (next > until) break;
      if (next > this.#times[cpu * TIME_ROW + TIME]) this.#times[cpu * TIME_ROW + TIME] = next;
      queue.fireDue(this.#times[cpu * TIME_ROW + TIME]);
      if (this.words[cpu * CPU_ROW + PENDING] > 0 && this.words[cpu * CPU_ROW + IRQS_OFF] === 0) this.#interruptsNow(cpu);
    }
    if (this.words[cpu * CPU_ROW + PENDING] > 0 && this.words[cpu * CPU_ROW + IRQS_OFF] === 0) this.#interruptsNow(cpu);
    if (until > this.#times[cpu * TIME_ROW + TIME]) this.#times[cpu * TIME_ROW + TIME] = until;
  }
}
