/** Lines, chips and devices of a script about interrupts: what they do when the kernel calls them. */
import type { Atomic, IrqChip, IrqChipCallback, IrqFlow, Sleepable } from '@kmem/contracts';
import {
  IRQ_HANDLED,
  IRQ_LEVEL,
  IRQ_SET_MASK_OK,
  IRQCHIP_EOI_IF_HANDLED,
  IRQCHIP_EOI_THREADED,
  IRQCHIP_ONESHOT_SAFE,
  IRQCHIP_SET_TYPE_MASKED,
  IRQF_SHARED,
} from '@kmem/contracts';
import { CallbackRuns } from './callback-runs.js';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { numberOf, objectOf, Program, resourcesOf } from './step-kinds.js';

const PLAIN: readonly IrqChipCallback[] = ['mask', 'unmask', 'ack', 'eoi'];
/** Callbacks of each chip that recordings know. */
const CHIPS: Readonly<Record<string, readonly IrqChipCallback[]>> = {
  plain: [...PLAIN, 'setType', 'setWake', 'setAffinity'],
  maskack: [...PLAIN, 'maskAck', 'setType'],
  full: [
    ...[...PLAIN, 'maskAck', 'startup', 'shutdown', 'enable', 'disable', 'setType', 'setAffinity'] as const,
    ...['busLock', 'busSyncUnlock', 'requestResources', 'releaseResources'] as const,
  ],
  endis: [...PLAIN, 'enable', 'disable'],
  retrigger: [...PLAIN, 'retrigger', 'setType'],
  oneshot_safe: PLAIN,
  eoi_threaded: PLAIN,
  eoi_if_handled: PLAIN,
  notype: ['mask', 'unmask', 'ack'],
  typemasked: ['mask', 'unmask', 'ack', 'setType'],
};
const CHIP_FLAGS: Readonly<Record<string, number>> = {
  oneshot_safe: IRQCHIP_ONESHOT_SAFE,
  eoi_threaded: IRQCHIP_EOI_THREADED,
  eoi_if_handled: IRQCHIP_EOI_IF_HANDLED,
  typemasked: IRQCHIP_SET_TYPE_MASKED,
};
/** dev_id of actions that the script does not have. */
const FOREIGN_DEV = 1e6;
/** Bit of the core's state while the poll timer runs the handlers. */
const IRQS_POLL_INPROGRESS = 0x8;

/** One of the two functions of a device. */
interface DeviceFunction {
  members: JsonObject;
  program: Program;
  calls: number;
}

/** A device of the script. */
export interface ScriptDevice {
  /** Number in the script. */
  readonly id: number;
  /** Runs in hard interrupts. */
  readonly handler: DeviceFunction;
  /** Runs in the thread. */
  readonly thread: DeviceFunction;
  /** Calls from the poll timer. */
  polled: number;
}

/** The line and device whose program runs. */
interface Running {
  readonly device: ScriptDevice;
  readonly polled: boolean;
}

/** What a script has. */
export class IrqResources {
  /** While true, handled interrupts and what they do to the chip leave no lines. */
  quiet = false;
  /** What set_type of every chip returns. */
  setTypeReturns = IRQ_SET_MASK_OK;
  /** The device whose handler runs. */
  running: Running | null = null;
  /** Handlers that run, by irq. */
  readonly handlers: CallbackRuns;
  /** Nothing leaves lines: the scenario has not begun. */
  #muted = true;
  readonly #run: ScenarioRun;
  readonly #firstIrq: number;
  readonly #devices = new Map<number, ScriptDevice>();
  readonly #runSteps: (steps: readonly Step[]) => Sleepable<unknown>;
  readonly #runAtomic: (steps: readonly Step[]) => Atomic<unknown>;

  /**
   * @param run - the scenario.
   * @param runAtomic - does the steps of a handler's program.
   * @param runSteps - does the steps of a thread's program.
   */
  constructor(
    run: ScenarioRun,
    runAtomic: (steps: readonly Step[]) => Atomic<unknown>,
    runSteps: (steps: readonly Step[]) => Sleepable<unknown>,
  ) {
    this.#run = run;
    this.#runSteps = runSteps;
    this.#runAtomic = runAtomic;
    this.handlers = new CallbackRuns(run);
    const { script } = run.scenario;
    this.#firstIrq = numberOf(script, 'first_irq');
    for (const line of resourcesOf(script, 'lines')) this.makeLine(line);
    for (const { dev, ...members } of resourcesOf(script, 'devs')) this.change(this.device(Number(dev)), members);
  }

  /** Brings the lines of the machine itself and those that were used before into their recorded state. */
  *prepare(): Sleepable<void> {
    const { script } = this.#run.scenario;
    const { irqs } = this.#run.kernel;
    for (const foreign of resourcesOf(script, 'foreign_irqs')) {
      if (numberOf(foreign, 'descriptor') === 0) continue;
      const irq = numberOf(foreign, 'irq');
      irqs.irqAllocDescs(irq, irq, 1);
      irqs.irqSetChipAndHandler(irq, { name: 'foreign', flags: 0 }, 'level');
      const flags = numberOf(foreign, 'flags_shared') === 0 ? 0 : IRQF_SHARED;
      if (numberOf(foreign, 'taken') !== 0) yield* irqs.requestThreadedIrq(irq, () => IRQ_HANDLED, null, flags, 'foreign', FOREIGN_DEV);
    }
    for (const line of resourcesOf(script, 'lines')) {
      const used = numberOf(objectOf(line, 'used'), 'tot_count');
      const irq = this.irqOf(line);
      if (used > 0) yield* irqs.requestThreadedIrq(irq, () => IRQ_HANDLED, null, 0, 'used', FOREIGN_DEV);
      this.#run.kernel.cpus.localIrqDisable();
      for (let n = 0; n < used; n++) irqs.genericHandleIrq(irq);
      this.#run.kernel.cpus.localIrqEnable();
      if (used > 0) yield* irqs.freeIrq(irq, FOREIGN_DEV);
    }
    this.#muted = false;
  }

  /**
   * Finds the number of a step's line.
   *
   * @param step - with a member `line` or `irq`.
   * @returns the number that the kernel knows.
   */
  irqOf(step: JsonObject): number {
    return 'irq' in step ? numberOf(step, 'irq') : this.#firstIrq + numberOf(step, 'line');
  }

  /**
   * Tells whether the chip of a line notes when it is set up.
   *
   * @param line - as the script describes it.
   * @returns true for a chip with a bus.
   */
  notesSetUp(line: JsonObject): boolean {
    return CHIPS[String(line['chip'])]?.includes('busLock') ?? false;
  }

  /**
   * Makes a line, or makes it anew.
   *
   * @param line - as the script describes it.
   */
  makeLine(line: JsonObject): void {
    const { irqs } = this.#run.kernel;
    const irq = this.irqOf(line);
    irqs.irqFreeDescs(irq, 1);
    irqs.irqAllocDescs(irq, irq, 1);
    const { chip, flow, status } = line;
    // Flows have the names of the contract.
    irqs.irqSetChipAndHandler(irq, typeof chip === 'string' ? this.#makeChip(chip) : null, (flow ?? 'bad') as IrqFlow);
    if (Array.isArray(status) && status.includes('LEVEL')) irqs.irqModifyStatus(irq, 0, IRQ_LEVEL);
  }

  /** A chip whose calls are lines, except silent ones. */
  #makeChip(name: string): IrqChip {
    const onCall = (callback: IrqChipCallback, irq: number, value: number, force: number): number => {
      const ret = callback === 'setType' ? this.setTypeReturns : callback === 'retrigger' ? 1 : 0;
      if (this.#muted || (this.quiet && PLAIN.includes(callback))) return ret;
      this.#run.write(`chip.${snakeCase(callback)}`, { line: irq - this.#firstIrq, ...this.#arguments(callback, value, force, ret) });
      return ret;
    };
    return this.#run.kernel.createChip({ name, flags: CHIP_FLAGS[name] ?? 0, callbacks: CHIPS[name] ?? [], onCall });
  }

  #arguments(callback: IrqChipCallback, value: number, force: number, ret: number): JsonObject {
    if (callback === 'setType') return { type: value, ret };
    if (callback === 'setWake') return { on: value };
    return callback === 'setAffinity' ? { mask: cpuList(value, this.#run.kernel.cpus.nrCpus), force } : {};
  }

  /**
   * Finds a device, or makes it.
   *
   * @param id - number in the script.
   * @returns the device.
   */
  device(id: number): ScriptDevice {
    let device = this.#devices.get(id);
    if (device === undefined) {
      const make = (): DeviceFunction => ({ members: { returns: 1 }, program: new Program([]), calls: 0 });
      device = { id, handler: make(), thread: make(), polled: 0 };
      this.#devices.set(id, device);
    }
    return device;
  }

  /**
   * Changes what a device does.
   *
   * @param device - which one.
   * @param members - of the resource, those that change.
   */
  change(device: ScriptDevice, members: JsonObject): void {
    for (const which of ['handler', 'thread'] as const) {
      const change = members[which];
      if (typeof change !== 'object' || change === null) continue;
      const own = device[which];
      own.members = { ...own.members, ...change };
      if ('prog' in change) own.program = new Program(change.prog);
    }
    if ('polled' in members) device.polled = numberOf(members, 'polled');
  }

  /**
   * Makes the handler of a device.
   *
   * @param device - which one.
   * @returns the handler.
   */
  handlerOf(device: ScriptDevice): (irq: number) => Atomic<number> {
    return (irq) => this.#handle(device, irq);
  }

  *#handle(device: ScriptDevice, irq: number): Atomic<number> {
    const { handler } = device;
    const { log_end: atEnd, log_fields: only } = handler.members;
    this.handlers.begin(irq);
    const polled = ((this.#run.kernel.irqs.irqState(irq)?.istate ?? 0) & IRQS_POLL_INPROGRESS) !== 0;
    handler.calls++;
    if (polled) device.polled++;
    const returns = returnsOf(handler, polled);
    if (only === 'call' && handler.calls === 1) handler.calls += this.#earlierCalls();
    const { calls } = handler;
    const all = { line: irq - this.#firstIrq, dev: device.id, call: calls, returns };
    if (!this.quiet && numberOf(handler.members, 'quiet') === 0) this.#run.write('handler', only === 'call' ? { call: calls } : all);
    const before = this.running;
    this.running = { device, polled };
    yield* this.#runAtomic(handler.program.next());
    yield* this.#run.catchUp();
    this.running = before;
    if (typeof atEnd === 'string') this.#run.write(atEnd, { call: calls });
    this.handlers.end(irq);
    return returns;
  }

  /** Calls of a device before the scenario, where it says its count alone: the first line tells them. */
  #earlierCalls(): number {
    const { next } = this.#run;
    return next?.ev === 'handler' ? numberOf(next.a, 'call', 1) - 1 : 0;
  }

  /**
   * Makes the thread function of a device.
   *
   * @param device - which one.
   * @returns the function.
   */
  threadOf(device: ScriptDevice): (irq: number) => Sleepable<number> {
    return (irq) => this.#thread(device, irq);
  }

  *#thread(device: ScriptDevice, irq: number): Sleepable<number> {
    const { thread, id } = device;
    const { sched } = this.#run.kernel;
    const line = irq - this.#firstIrq;
    const rtPriority = sched.rtPriority(sched.current);
    const quiet = numberOf(thread.members, 'quiet') !== 0;
    const returns = returnsOf(thread, false);
    thread.calls++;
    if (!quiet) {
      yield* this.#run.catchUp();
      const policy = rtPriority > 0 ? 1 : 0;
      this.#run.write('thread_fn', { line, dev: id, call: thread.calls, returns, policy, rt_priority: rtPriority });
    }
    yield* this.#runSteps(thread.program.next());
    if (quiet) return returns;
    yield* this.#run.catchUp();
    this.#run.write('thread_fn-end', { line, dev: id });
    return returns;
  }
}

function returnsOf({ members, calls }: DeviceFunction, polled: boolean): number {
  const every = members['returns_every'];
  if (polled && 'returns_polled' in members) return numberOf(members, 'returns_polled');
  if (Array.isArray(every) && calls % Number(every[0]) === 0) return Number(every[1]);
  return numberOf(members, 'returns');
}

/** A name as the kernel writes it. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** CPUs of a mask as the kernel lists them. */
function cpuList(mask: number, nrCpus: number): string {
  const ranges: string[] = [];
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    if ((mask & (1 << cpu)) === 0) continue;
    const first = cpu;
    while (cpu + 1 < nrCpus && (mask & (1 << (cpu + 1))) !== 0) cpu++;
    ranges.push(first === cpu ? String(cpu) : `${first}-${cpu}`);
  }
  return ranges.join(',');
}
