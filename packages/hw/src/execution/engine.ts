/**
 * Engine: runs the CPUs against each other, deterministically.
 *
 * Always the CPU goes on that can act earliest; of several the one with the lowest number, or the one that
 * `chooseCpu` names. Same options, same course. (time spec 12, irq spec 20)
 */
import type { Clock, ClockEvent, CpuExecution, CpuId, Cpus, IrqChip, ScriptedChipOptions } from '@kmem/contracts';
import { createScriptedChip } from '../devices/scripted-chip.js';
import { requireInteger } from '../option-checks.js';
import { ClockEventDevices } from './clock-event-devices.js';
import { CpuSet } from './cpu-set.js';
import { DEVICE_EVENT } from './event-queue.js';

/** Options of {@link createEngine}. */
export interface EngineOptions {
  /** CPUs, from 1 to 64. @default 1 */
  readonly nrCpus?: number;
  /** Local time of every CPU at the beginning, in ns. @default 0 */
  readonly startNs?: number;
  /** Cycles a millisecond of the cycle counter. @default 1000000 */
  readonly tscKhz?: number;
  /** Shortest time to an interrupt of the clock-event devices, in ns. @default 1000 */
  readonly minDelta?: number;
  /** How long one turn of a spinning loop takes at least, in ns. @default 100 */
  readonly relaxNs?: number;
  /** Chooses among CPUs that can act at the same instant, to try out schedules. @default the lowest number */
  readonly chooseCpu?: (cpus: readonly CpuId[]) => CpuId;
}

/** A machine's processors, clock and devices, and the loop that runs them. */
export interface Engine {
  /** The processors. */
  readonly cpus: Cpus;
  /** What they execute. */
  readonly execution: CpuExecution;
  /** What they read the time from. */
  readonly clock: Clock;
  /** Their clock-event devices. */
  readonly clockEvent: ClockEvent;
  /**
   * Lets one CPU do one thing.
   *
   * @returns false when no CPU will ever do anything again.
   */
  readonly step: () => boolean;
  /**
   * Runs until nothing is left to do, or a time has come.
   *
   * @param until - the time, in ns.
   * @returns false when nothing is left to do.
   */
  readonly run: (until?: number) => boolean;
  /**
   * Has something happen on a CPU at a time, as a device does it: in no context, before anything else of that
   * instant.
   *
   * @param cpu - whose time counts.
   * @param time - in ns.
   * @param action - may raise vectors and work lines.
   */
  readonly at: (cpu: CpuId, time: number, action: () => void) => void;
  /**
   * Makes an interrupt controller that does nothing but tell somebody of its calls.
   *
   * @param options - which callbacks it has, and whom they tell.
   * @returns the chip; callbacks that are not asked for are absent.
   */
  readonly createChip: (options: ScriptedChipOptions) => IrqChip;
}

/**
 * Makes a machine's processors.
 *
 * @param options - number of CPUs and times.
 * @returns the engine; nothing runs yet.
 * @throws TypeError or RangeError for an option that is out of range.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  const { nrCpus = 1, startNs = 0, tscKhz = 1_000_000, minDelta = 1000, relaxNs = 100, chooseCpu } = options;
  requireInteger('nrCpus', nrCpus, 1, 64);
  requireInteger('startNs', startNs, 0, Number.MAX_SAFE_INTEGER);
  requireInteger('tscKhz', tscKhz, 0, 100_000_000);
  requireInteger('minDelta', minDelta, 0, 1_000_000_000);
  requireInteger('relaxNs', relaxNs, 1, 1_000_000_000);
  const cpus = new CpuSet({ nrCpus, startNs, tscKhz, relaxNs, ...(chooseCpu && { chooseCpu }) });
  const ready: CpuId[] = [];

  /** The CPU that can act earliest, the lowest number first; -1: none can by `limit`. */
  function first(limit: number): CpuId {
    let cpu = -1;
    let earliest = Infinity;
    for (let other = 0; other < nrCpus; other++) {
      const key = cpus.key(other);
      if (key >= earliest || key > limit) continue;
      earliest = key;
      cpu = other;
    }
    return cpu;
  }

  /** The same, but of several `chooseCpu` names one. */
  function chosen(limit: number, choose: (cpus: readonly CpuId[]) => CpuId): CpuId {
    const cpu = first(limit);
    if (cpu === -1) return -1;
    const key = cpus.key(cpu);
    ready.length = 0;
    for (let other = cpu; other < nrCpus; other++) if (cpus.key(other) === key) ready.push(other);
    return ready.length === 1 ? cpu : choose(ready);
  }

  function step(limit: number): boolean {
    if (nrCpus === 1) return cpus.step(0, limit);
    const cpu = chooseCpu === undefined ? first(limit) : chosen(limit, chooseCpu);
    return cpu !== -1 && cpus.step(cpu, limit);
  }

  return {
    cpus,
    execution: cpus,
    clock: cpus,
    clockEvent: new ClockEventDevices(cpus, minDelta),
    step: nrCpus === 1 ? () => cpus.step(0, Infinity) : () => step(Infinity),
    run: (until = Infinity) => {
      while (step(until));
      return first(Infinity) !== -1;
    },
    at: (cpu, time, action) => {
      cpus.queues[cpu].add(time, DEVICE_EVENT, action, 0);
    },
    createChip: createScriptedChip,
  };
}
