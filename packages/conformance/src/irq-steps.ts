/** Steps about interrupt lines. */
import type { Atomic, Sleepable } from '@kmem/contracts';
import {
  IRQ_DISABLE_UNLAZY,
  IRQ_NESTED_THREAD,
  IRQ_NOAUTOEN,
  IRQ_NOREQUEST,
  IRQ_NOTHREAD,
  IRQ_PER_CPU_DEVID,
  IRQCHIP_STATE_PENDING,
} from '@kmem/contracts';
import { interruptSelf } from './control-steps.js';
import { IrqResources } from './irq-resources.js';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import type { DriverInterrupts } from './smp-steps.js';
import { logAround, numberOf, objectOf, stepsOf, type AtomicStep, type SleepableStep, type StepFamily } from './step-kinds.js';

const SETTINGS: Readonly<Record<string, number>> = {
  ...{ NOREQUEST: IRQ_NOREQUEST, NOAUTOEN: IRQ_NOAUTOEN, NOTHREAD: IRQ_NOTHREAD, NESTED_THREAD: IRQ_NESTED_THREAD },
  ...{ PER_CPU_DEVID: IRQ_PER_CPU_DEVID, DISABLE_UNLAZY: IRQ_DISABLE_UNLAZY },
};
/** Calls that do not wait, by name of the kernel function. */
const CALLS = [
  ...['disable_irq_nosync', 'enable_irq', 'enable_irq_wake', 'disable_irq_wake', 'irq_set_irq_type', 'irq_has_action'],
  ...['irq_set_status_flags', 'irq_clear_status_flags', 'irq_wake_thread', 'irq_inject_interrupt'],
  ...['irq_get_irqchip_state', 'irq_set_irqchip_state', 'generic_handle_irq', 'generic_handle_irq_safe'],
  ...['synchronize_hardirq', 'disable_hardirq', 'irq_set_affinity'],
];
/** Calls that return when no handler of their line runs. */
const WAITING_CALLS = ['synchronize_irq', 'synchronize_hardirq', 'disable_irq', 'disable_hardirq', 'free_irq'];
/** Calls that may sleep. */
const SLEEPING_CALLS = ['request_irq', 'request_threaded_irq', 'request_any_context_irq', 'free_irq', 'disable_irq', 'synchronize_irq', 'handle_nested_irq'];
const CONTROL = ['line', 'desc', 'raise', 'quiet', 'repeat', 'if_disabled', 'if_polled', 'irq_threads'];

/** What these steps are called, and the resources they are about. */
export const IRQ_FAMILY = {
  resources: ['first_irq', 'foreign_irqs', 'lines', 'devs'],
  steps: [...CALLS, ...SLEEPING_CALLS, ...CONTROL],
};

/**
 * Makes the lines and devices of a script, and their steps.
 *
 * @param run - the scenario.
 * @param interrupts - what the driver sends.
 * @param runAtomic - does the steps of a program that cannot sleep.
 * @param runSteps - does the steps of one that can.
 * @returns the steps.
 */
export function irqSteps(
  run: ScenarioRun,
  interrupts: DriverInterrupts,
  runAtomic: (steps: readonly Step[]) => Atomic<unknown>,
  runSteps: (steps: readonly Step[]) => Sleepable<unknown>,
): StepFamily {
  const { cpus, irqs, sched } = run.kernel;
  const resources = new IrqResources(run, runAtomic, runSteps);
  /** Rounds of the `repeat` that runs. */
  let round = 0;

  /** What a call was told is an input: it stands in the recorded line. */
  function inputs(step: Step): JsonObject {
    return { ...(run.next?.ev === 'call' && run.next.a), op: step['as'] ?? step.do };
  }

  function answer(step: Step, ret: unknown): void {
    const shown = typeof ret === 'boolean' ? Number(ret) : (ret ?? 0);
    const log: unknown = step['log'];
    if (log === 'pair' || (Array.isArray(log) && log[1] === 'ret')) logAround(run, step, 1, { op: step['as'] ?? step.do, ret: shown });
    else logAround(run, step, 1, { line: numberOf(step, 'line') });
  }

  function waiting<Y>(step: Step, call: Generator<Y, unknown, void>): Generator<Y, unknown, void> {
    return WAITING_CALLS.includes(step.do) ? resources.handlers.awaited([[resources.irqOf(step), 0]], call) : call;
  }

  function* call(step: Step): Atomic<unknown> {
    yield* run.catchUp();
    logAround(run, step, 0, step['log'] === 'pair' ? inputs(step) : { line: numberOf(step, 'line') });
    yield* run.catchUp();
    const ret = yield* waiting(step, perform(step));
    yield* run.catchUp();
    answer(step, ret);
    return ret;
  }

  const calls: Readonly<Record<string, (irq: number, step: Step) => unknown>> = {
    disable_irq_nosync: (irq) => irqs.disableIrqNosync(irq),
    enable_irq: (irq) => irqs.enableIrq(irq),
    enable_irq_wake: (irq) => irqs.irqSetIrqWake(irq, 1),
    disable_irq_wake: (irq) => irqs.irqSetIrqWake(irq, 0),
    irq_set_irq_type: (irq, step) => irqs.irqSetIrqType(irq, numberOf(step, 'type')),
    irq_has_action: (irq) => irqs.irqHasAction(irq),
    irq_set_status_flags: (irq, step) => irqs.irqModifyStatus(irq, 0, settingsOf(step)),
    irq_clear_status_flags: (irq, step) => irqs.irqModifyStatus(irq, settingsOf(step), 0),
    irq_wake_thread: (irq, step) => irqs.irqWakeThread(irq, numberOf(step, 'dev') + 1),
    irq_inject_interrupt: (irq) => irqs.irqInjectInterrupt(irq),
    irq_set_affinity: (irq, step) => irqs.irqSetAffinity(irq, maskOf(step['cpus'])),
    irq_get_irqchip_state: (irq) => irqs.irqGetIrqchipState(irq, IRQCHIP_STATE_PENDING),
    irq_set_irqchip_state: (irq, step) => irqs.irqSetIrqchipState(irq, IRQCHIP_STATE_PENDING, numberOf(step, 'value')),
  };

  function* perform(step: Step): Atomic<unknown> {
    const irq = resources.irqOf(step);
    if (step.do === 'synchronize_hardirq') return yield* irqs.synchronizeHardirq(irq);
    if (step.do === 'disable_hardirq') return yield* irqs.disableHardirq(irq);
    const make = calls[step.do];
    return make === undefined ? yield* handleIrq(step, irq) : make(irq, step);
  }

  function* handleIrq(step: Step, irq: number): Atomic<number> {
    const wasOff = cpus.irqsDisabled();
    if (step.do === 'generic_handle_irq_safe') cpus.localIrqDisable();
    const result = irqs.genericHandleIrq(irq);
    const ret = typeof result === 'number' ? result : yield* result;
    if (!wasOff) yield* cpus.enableIrqs();
    return ret;
  }

  function* sleepingCall(step: Step): Sleepable<unknown> {
    yield* run.catchUp();
    logAround(run, step, 0, inputs(step));
    yield* run.catchUp();
    const ret = yield* waiting(step, performSleeping(step));
    yield* run.catchUp();
    answer(step, ret);
    return ret;
  }

  function* performSleeping(step: Step): Sleepable<unknown> {
    const irq = resources.irqOf(step);
    const devId = step['dev'] === null ? 0 : numberOf(step, 'dev') + 1;
    const device = resources.device(numberOf(step, 'dev'));
    const handler = resources.handlerOf(device);
    const threadFn = resources.threadOf(device);
    const flags = numberOf(step, 'flags');
    const name = typeof step['name'] === 'string' ? step['name'] : null;
    const own = numberOf(step, 'handler') === 0 ? null : handler;
    switch (step.do) {
      case 'request_irq':
      case 'request_threaded_irq':
        return yield* irqs.requestThreadedIrq(irq, own, numberOf(step, 'thread_fn') === 0 ? null : threadFn, flags, name, devId);
      case 'request_any_context_irq':
        return yield* irqs.requestAnyContextIrq(irq, own, own && threadFn, flags, name, devId);
      case 'free_irq':
        return (yield* irqs.freeIrq(irq, devId)) ?? 'NULL';
      case 'disable_irq':
        return yield* irqs.disableIrq(irq);
      case 'synchronize_irq':
        return yield* irqs.synchronizeIrq(irq);
      default:
        return yield* irqs.handleNestedIrq(irq);
    }
  }

  /** One interrupt of a line, from an interrupt by which the driver interrupts itself. */
  function* raise(step: Step): Sleepable<void> {
    if (!resources.quiet) yield* run.catchUp();
    const line = numberOf(step, 'line');
    yield* interruptSelf(run.kernel, interrupts, function* () {
      if (!resources.quiet) run.write('raise', { line });
      const result = irqs.genericHandleIrq(resources.irqOf(step));
      const ret = typeof result === 'number' ? result : yield* result;
      if (!resources.quiet) run.write('raised', { line, ret });
    });
  }

  function isDisabled(step: JsonObject): boolean {
    return irqs.irqState(resources.irqOf(step))?.disabled === true;
  }

  function state(line: number): JsonObject {
    const found = irqs.irqState(resources.irqOf({ line }));
    if (found === null) return {};
    const { depth, istate, trigger } = found;
    return {
      ...{ depth, istate, trigger, disabled: Number(found.disabled), masked: Number(found.masked) },
      ...{ inprogress: Number(found.inProgress), started: Number(found.started), activated: Number(found.activated) },
      ...{ wake_depth: found.wakeDepth, tot_count: found.totCount, unhandled: found.irqsUnhandled, irq_count: found.irqCount },
      ...{ threads_oneshot: found.threadsOneshot, threads_handled: found.threadsHandled },
      threads_handled_last: found.threadsHandledLast,
    };
  }

  function* desc(step: Step): Atomic<void> {
    yield* run.catchUp();
    const shown = Object.entries(state(numberOf(step, 'line'))).filter(([name]) => !name.startsWith('threads_handled'));
    run.write('desc', { line: step['line'], when: step['when'], ...Object.fromEntries(shown) });
  }

  /** One line for each interrupt thread. */
  function* irqThreads(): Atomic<void> {
    yield* run.catchUp();
    for (const task of sched.tasks()) {
      const comm = sched.comm(task);
      const rtPriority = sched.rtPriority(task);
      if (comm.startsWith('irq/')) run.write('irq-thread', { comm, policy: rtPriority > 0 ? 1 : 0, rt_priority: rtPriority });
    }
  }

  function* repeat(step: Step): Sleepable<void> {
    const steps = stepsOf(step, 'steps');
    const always = steps.filter((inner) => inner['at'] === undefined && inner['every'] === undefined);
    const until = objectOf(step, 'until');
    const times = numberOf(step, 'times');
    const sleeps = steps.some((inner) => inner.do === 'schedule_timeout_uninterruptible');
    const logs = steps.filter((inner) => inner.do === 'log');
    const isWritten = (n: number): boolean => logs.some((inner) => isNamedRound(inner, n));
    /** The next round that writes a line. */
    let writing = 0;
    for (round = 1; round <= times; round++) {
      const before = run.written;
      yield* runSteps(always.length === steps.length ? steps : steps.filter((inner) => always.includes(inner) || isNamedRound(inner, round)));
      if ('line' in until && isDisabled(until)) {
        yield* runSteps(stepsOf(step, 'at_until'));
        return;
      }
      // Rounds take the time up to the next line in equal parts; those that sleep have theirs.
      if (sleeps || run.written !== before) continue;
      if (writing <= round) for (writing = round + 1; writing < times && !isWritten(writing); writing++);
      if (writing <= times) yield* run.catchUpPart(writing - round + 1);
    }
    round = times;
  }

  const atomic: Record<string, AtomicStep> = {};
  const sleepable: Record<string, SleepableStep> = {};
  for (const name of CALLS) atomic[name] = call;
  for (const name of SLEEPING_CALLS) sleepable[name] = sleepingCall;
  Object.assign(atomic, { desc, irq_threads: irqThreads });
  Object.assign(sleepable, { raise, repeat });
  // Steps that write no line take no time: the next one that does lets it pass.
  atomic['quiet'] = silent((step) => (resources.quiet = numberOf(step, 'on') !== 0));
  atomic['set:chip'] = silent((step) => (resources.setTypeReturns = numberOf(step, 'set_type_returns')));
  atomic['line'] = function* (step): Atomic<void> {
    if (resources.notesSetUp(step)) yield* run.catchUp();
    resources.makeLine(step);
  };
  atomic['if_polled'] = function* (step): Atomic<void> {
    if (resources.running?.polled === true) yield* runAtomic(stepsOf(step, 'steps'));
  };
  sleepable['if_disabled'] = function* (step): Sleepable<void> {
    if (isDisabled(step)) yield* runSteps(stepsOf(step, 'steps'));
  };
  atomic['set:dev'] = function* (step): Atomic<void> {
    if ('log' in step) yield* run.catchUp();
    resources.change(resources.device(numberOf(step, 'dev')), step);
    logAround(run, step, 1, { dev: step['dev'] });
  };
  return {
    atomic,
    sleepable,
    prepare: () => resources.prepare(),
    reads: {
      loop: () => round,
      line: (id, property) => state(Number(id))[String(property)],
      dev: (id, property) => {
        const device = resources.device(Number(id));
        return property === 'polled' ? device.polled : device.handler.calls;
      },
    },
  };
}

function silent(change: (step: Step) => unknown): AtomicStep {
  // eslint-disable-next-line require-yield -- steps are generators
  return function* (step) {
    change(step);
  };
}

/** A list of CPUs as a mask. */
function maskOf(cpus: unknown): number {
  return Array.isArray(cpus) ? cpus.reduce<number>((mask, cpu) => mask | (1 << Number(cpu)), 0) : 0;
}

function settingsOf(step: Step): number {
  const names = Array.isArray(step['flags']) ? step['flags'] : [];
  return names.reduce<number>((settings, name) => settings | (SETTINGS[String(name)] ?? 0), 0);
}

/** Tells whether a step writes a line in this round in particular. */
function isNamedRound({ at, every }: Step, round: number): boolean {
  return (Array.isArray(at) && at.includes(round)) || (typeof every === 'number' && round % every === 0);
}
