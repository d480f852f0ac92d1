import { describe, expect, test } from 'vitest';
import { IRQ_HANDLED, IRQ_MOVE_PCNTXT, IRQ_SET_MASK_OK_NOCOPY, type Atomic } from '@kmem/contracts';
import { boot } from '@kmem/kernel';

const IRQ = 24;
const VECTOR = 0x30;

/** A machine with two CPUs and one requested line, whose chip moves it in `ack` when `moves`. */
function machine({ moves = true, settings = 0, returns = 0 } = {}) {
  const kernel = boot({ nrCpus: 2 });
  const { cpus, irqs, sched } = kernel;
  const log: string[] = [];
  const chip = kernel.createChip({
    name: 'test',
    callbacks: ['mask', 'unmask', 'ack', 'setAffinity'],
    onCall: (callback, irq, mask) => {
      log.push(callback === 'setAffinity' ? `to ${mask}` : callback);
      if (callback === 'ack' && moves) irqs.irqMoveIrq(irq);
      return returns;
    },
  });
  irqs.irqAllocDescs(IRQ, IRQ, 1);
  irqs.irqSetChipAndHandler(IRQ, chip, 'edge');
  irqs.irqModifyStatus(IRQ, 0, settings);
  cpus.setVectorHandler(VECTOR, function* (): Atomic<void> {
    const result = irqs.genericHandleIrq(IRQ);
    if (typeof result !== 'number') yield* result;
  });
  const task = sched.kthreadCreate(function* () {
    return yield* irqs.requestThreadedIrq(IRQ, () => (log.push('handler'), IRQ_HANDLED), null, 0, 'dev', 1);
  }, 'task', 0);
  sched.wakeUpProcess(task);
  kernel.run(1e6);
  const request = log.splice(0);
  const raise = (): string[] => {
    cpus.raiseVector(0, VECTOR);
    kernel.run(kernel.clock.now() + 1e6);
    return log.splice(0);
  };
  return { ...kernel, log, request, raise };
}

describe('irq_set_affinity', () => {
  test('the first request says all CPUs', () => {
    expect(machine().request).toEqual(['unmask', 'to 3']);
  });

  test('moves a line when its next interrupt comes, masked meanwhile, and once', () => {
    const { irqs, log, raise } = machine();
    expect(irqs.irqSetAffinity(IRQ, 2)).toBe(0);
    expect(log).toEqual([]);
    expect(raise()).toEqual(['ack', 'mask', 'to 2', 'unmask', 'handler']);
    expect(raise()).toEqual(['ack', 'handler']);
  });

  test('a later mask replaces one that waits; of CPUs that are not there only the others count', () => {
    const { irqs, raise } = machine();
    irqs.irqSetAffinity(IRQ, 2);
    irqs.irqSetAffinity(IRQ, 0b101);
    expect(raise()).toEqual(['ack', 'mask', 'to 1', 'unmask', 'handler']);
  });

  test('a mask without a CPU that is there is forgotten when its turn comes', () => {
    const { irqs, raise } = machine();
    expect(irqs.irqSetAffinity(IRQ, 0)).toBe(0);
    expect(raise()).toEqual(['ack', 'mask', 'unmask', 'handler']);
    expect(raise()).toEqual(['ack', 'handler']);
  });

  test('a chip that never asks leaves the line where it is', () => {
    const { irqs, raise } = machine({ moves: false });
    irqs.irqSetAffinity(IRQ, 2);
    expect(raise()).toEqual(['ack', 'handler']);
  });

  test('a line with MOVE_PCNTXT is moved at once, and not to where no CPU is', () => {
    const { irqs, log } = machine({ settings: IRQ_MOVE_PCNTXT });
    expect(irqs.irqSetAffinity(IRQ, 0b110)).toBe(0);
    expect(log).toEqual(['to 2']);
    expect(irqs.irqSetAffinity(IRQ, 0b100)).toBe(-22);
    expect(log).toEqual(['to 2']);
  });

  test.each([
    ['asks for the CPUs that the line was moved to before', 0, 'to 2'],
    ['asks for all when the chip keeps that to itself', IRQ_SET_MASK_OK_NOCOPY, 'to 3'],
  ])('a start-up %s', (_name, returns, expected) => {
    const { irqs, sched, log, ...kernel } = machine({ settings: IRQ_MOVE_PCNTXT, returns });
    irqs.irqSetAffinity(IRQ, 2);
    log.length = 0;
    sched.wakeUpProcess(sched.kthreadCreate(function* () {
      yield* irqs.freeIrq(IRQ, 1);
      return yield* irqs.requestThreadedIrq(IRQ, () => IRQ_HANDLED, null, 0, 'dev', 1);
    }, 'again', 0));
    kernel.run(kernel.clock.now() + 1e6);
    expect(log).toEqual(['mask', 'unmask', expected]);
  });

  test('what the chip returns instead comes back', () => {
    const { irqs } = machine({ settings: IRQ_MOVE_PCNTXT, returns: -16 });
    expect(irqs.irqSetAffinity(IRQ, 2)).toBe(-16);
  });

  test('a number without a line is refused', () => {
    expect(machine().irqs.irqSetAffinity(9999, 1)).toBe(-22);
  });
});
