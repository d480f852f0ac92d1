/** When a line is masked and unmasked: edge cases under their numbers (irq spec 23). */
import { expect, test } from 'vitest';
import {
  IRQ_DISABLE_UNLAZY,
  IRQ_HANDLED,
  IRQ_NONE,
  IRQ_WAKE_THREAD,
  IRQF_ONESHOT,
  IRQF_SHARED,
  type Atomic,
  type IrqChip,
  type IrqFlow,
  type KernelBug,
  type Sleepable,
} from '@kmem/contracts';
import { boot } from '@kmem/kernel';

const IRQ = 24;
const VECTOR = 0x30;

function machine(flow: IrqFlow, callbacks: readonly (keyof IrqChip)[] = ['mask', 'unmask', 'ack']) {
  const found: KernelBug[] = [];
  const kernel = boot({ reports: { report: (bug) => void found.push(bug) } });
  const { clock, cpus, irqs, run, sched } = kernel;
  const log: string[] = [];
  const chip: IrqChip = { name: 'test', flags: 0, ...Object.fromEntries(callbacks.map((name) => [name, () => void log.push(name)])) };
  irqs.irqAllocDescs(IRQ, IRQ, 1);
  irqs.irqSetChipAndHandler(IRQ, chip, flow);
  cpus.setVectorHandler(VECTOR, function* (): Atomic<void> {
    const result = irqs.genericHandleIrq(IRQ);
    if (typeof result !== 'number') yield* result;
  });
  /** Does something in a task, to its end; what requests did to the chip is forgotten. */
  const inTask = (code: () => Sleepable<void>): void => {
    const task = sched.kthreadCreate(function* () {
      yield* code();
      return 0;
    }, 'task', 0);
    sched.wakeUpProcess(task);
    run(clock.now() + 1e9);
  };
  function* raise(): Atomic<void> {
    cpus.raiseVector(0, VECTOR);
    yield* cpus.enableIrqs();
  }
  const forget = (): void => void (log.length = 0);
  return { ...kernel, found, log, forget, inTask, raise };
}

test('edge case 19: a level line with two ONESHOT threads is unmasked once, after the slower one', () => {
  const { delays, irqs, inTask, raise, log, forget } = machine('level');
  const flags = IRQF_SHARED | IRQF_ONESHOT;
  function thread(name: string, ms: number): () => Sleepable<number> {
    return function* () {
      yield* delays.msleep(ms);
      log.push(name);
      return IRQ_HANDLED;
    };
  }
  inTask(function* () {
    yield* irqs.requestThreadedIrq(IRQ, () => IRQ_WAKE_THREAD, thread('slow', 30), flags, 'a', 1);
    yield* irqs.requestThreadedIrq(IRQ, () => IRQ_WAKE_THREAD, thread('fast', 10), flags, 'b', 2);
    forget();
    yield* raise();
  });
  expect(log).toEqual(['mask', 'ack', 'fast', 'slow', 'unmask']);
});

test('edge case 20: a level ONESHOT line whose handler claims nothing is unmasked at once', () => {
  const { sched, irqs, inTask, raise, log, forget } = machine('level');
  inTask(function* () {
    yield* irqs.requestThreadedIrq(IRQ, () => IRQ_NONE, () => sched.condResched(), IRQF_ONESHOT, 'dev', 1);
    forget();
    yield* raise();
    log.push('after');
  });
  expect(log).toEqual(['mask', 'ack', 'unmask', 'after']);
});

test('edge case 26: with DISABLE_UNLAZY disable_irq masks at once; the setting goes with the last handler', () => {
  const { irqs, inTask, log, forget } = machine('edge');
  const request = (): Sleepable<number> => irqs.requestThreadedIrq(IRQ, () => IRQ_HANDLED, null, 0, 'dev', 1);
  inTask(function* () {
    irqs.irqModifyStatus(IRQ, 0, IRQ_DISABLE_UNLAZY);
    yield* request();
    forget();
    yield* irqs.disableIrq(IRQ);
    irqs.enableIrq(IRQ);
    log.push('free');
    yield* irqs.freeIrq(IRQ, 1);
    yield* request();
    log.push('again');
    yield* irqs.disableIrq(IRQ);
  });
  expect(log).toEqual(['mask', 'unmask', 'free', 'mask', 'unmask', 'again']);
});

test('edge case 27: a chip that can disable is told so by disable_irq', () => {
  const { irqs, inTask, log, forget } = machine('level', ['mask', 'unmask', 'ack', 'enable', 'disable']);
  inTask(function* () {
    yield* irqs.requestThreadedIrq(IRQ, () => IRQ_HANDLED, null, 0, 'dev', 1);
    forget();
    yield* irqs.disableIrq(IRQ);
    irqs.enableIrq(IRQ);
  });
  expect(log).toEqual(['disable', 'enable']);
});

test('edge case 29: disabled by its own handler a level line stays masked until it is enabled', () => {
  const { irqs, inTask, raise, log, forget } = machine('level');
  const handler = (): number => {
    irqs.disableIrqNosync(IRQ);
    return IRQ_HANDLED;
  };
  inTask(function* () {
    yield* irqs.requestThreadedIrq(IRQ, handler, null, 0, 'dev', 1);
    forget();
    yield* raise();
    log.push('enable');
    irqs.enableIrq(IRQ);
  });
  expect(log).toEqual(['mask', 'ack', 'enable', 'unmask']);
});

test('edge case 35: a line whose thread never claims anything is judged one interrupt late: disabled by number 100001', () => {
  const { sched, irqs, inTask, raise, found } = machine('edge', ['ack']);
  let raised = 0;
  function* thread(): Sleepable<number> {
    yield* [];
    return IRQ_NONE;
  }
  inTask(function* () {
    yield* irqs.requestThreadedIrq(IRQ, () => IRQ_WAKE_THREAD, thread, 0, 'dev', 1);
    while (irqs.irqState(IRQ)?.disabled === false && raised < 200_000) {
      raised++;
      yield* raise();
      yield* sched.schedule();
    }
  });
  expect(raised).toBe(100_001);
  expect(found.map(({ code }) => code)).toEqual(['IRQ_NOBODY_CARED']);
});
