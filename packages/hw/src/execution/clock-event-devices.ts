/** ClockEventDevices: one one-shot timer for each CPU, raising LOCAL_TIMER_VECTOR there. (irq spec 20.7) */
import type { ClockEvent, CpuId } from '@kmem/contracts';
import { LOCAL_TIMER_VECTOR } from '@kmem/contracts';
import type { CpuSet } from './cpu-set.js';
import { TIMER_EVENT } from './event-queue.js';

/** The clock-event devices of a machine. */
export class ClockEventDevices implements ClockEvent {
  readonly minDelta: number;
  readonly #cpus: CpuSet;
  /** Slot of the event in the CPU's queue, -1 for none. */
  readonly #slot: Int32Array;
  readonly #fire: (cpu: number) => void;

  /**
   * @param cpus - whom they interrupt.
   * @param minDelta - shortest time to an interrupt, in ns.
   */
  constructor(cpus: CpuSet, minDelta: number) {
    this.#cpus = cpus;
    this.minDelta = minDelta;
    this.#slot = new Int32Array(cpus.nrCpus).fill(-1);
    this.#fire = (cpu) => {
      this.#slot[cpu] = -1;
      cpus.raiseVector(cpu, LOCAL_TIMER_VECTOR);
    };
  }

  program(cpu: CpuId, deadline: number): void {
    const queue = this.#cpus.queues[cpu];
    if (this.#slot[cpu] !== -1) queue.remove(this.#slot[cpu]);
    const earliest = this.#cpus.now() + this.minDelta;
    this.#slot[cpu] =
      deadline === Infinity ? -1 : queue.add(Math.max(deadline, earliest), TIMER_EVENT, this.#fire, cpu);
  }
}
