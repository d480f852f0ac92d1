import { describe, expect, test } from 'vitest';
import {
  IRQCHIP_STATE_ACTIVE,
  IRQCHIP_STATE_PENDING,
  IRQ_TYPE_EDGE_RISING,
  IRQ_TYPE_LEVEL_HIGH,
} from '@kmem/contracts';
import { createEngine } from '../execution/engine.js';
import { InterruptController, type InterruptControllerOptions } from './interrupt-controller.js';

const IRQ = 24;

/** A machine whose line 0 is unmasked; `handle` is what the core does with its interrupts. */
function machine(type: number, handle: () => void = () => undefined, options: Partial<InterruptControllerOptions> = {}) {
  const engine = createEngine({ nrCpus: 2 });
  const controller = new InterruptController({ ...engine, nrLines: 2, firstIrq: IRQ, ...options });
  const came: string[] = [];
  controller.connect((irq) => {
    came.push(`${irq} on CPU ${engine.cpus.cpu} at ${engine.clock.now()}`);
    handle();
    return 0;
  });
  controller.setType(IRQ, type);
  controller.unmask(IRQ);
  return { ...engine, controller, came };
}

describe('a line triggered by edges', () => {
  test('interrupts each time its wire goes up', () => {
    const { at, controller, run, came } = machine(IRQ_TYPE_EDGE_RISING);
    at(0, 100, () => controller.pulseLine(0));
    at(0, 200, () => controller.assertLine(0));
    at(0, 300, () => controller.assertLine(0));
    run();
    expect(came).toEqual(['24 on CPU 0 at 100', '24 on CPU 0 at 200']);
  });

  test.each([
    [true, ['24 on CPU 0 at 500']],
    [false, []],
  ])('while it is masked: latched once if the controller does so (%s)', (latchesEdges, expected) => {
    const { at, controller, run, came } = machine(IRQ_TYPE_EDGE_RISING, undefined, { latchesEdges });
    controller.mask(IRQ);
    for (const time of [100, 200]) at(0, time, () => controller.pulseLine(0));
    at(0, 400, () => expect(controller.getIrqchipState(IRQ, IRQCHIP_STATE_PENDING)).toBe(latchesEdges ? 1 : 0));
    at(0, 500, () => controller.unmask(IRQ));
    run();
    expect(came).toEqual(expected);
  });

  test('is raised again by retrigger', () => {
    const { at, controller, run, came } = machine(IRQ_TYPE_EDGE_RISING);
    at(0, 100, () => expect(controller.retrigger(IRQ)).toBe(1));
    run();
    expect(came).toEqual(['24 on CPU 0 at 100']);
  });
});

describe('a line triggered by its level', () => {
  test('interrupts once until it is ended, and again while its wire stays up', () => {
    let left = 3;
    const machineOf = machine(IRQ_TYPE_LEVEL_HIGH, () => {
      const { controller } = machineOf;
      expect(controller.getIrqchipState(IRQ, IRQCHIP_STATE_ACTIVE)).toBe(1);
      if (--left === 0) controller.deassertLine(0);
      controller.eoi(IRQ);
    });
    const { at, controller, run, came } = machineOf;
    at(0, 100, () => controller.assertLine(0));
    run();
    expect(came.map((text) => text.split(' at ')[1])).toEqual(['100', '1100', '2100']);
    expect(controller.getIrqchipState(IRQ, IRQCHIP_STATE_ACTIVE)).toBe(0);
  });

  test('is sent no second time before its end', () => {
    const { at, controller, run, came } = machine(IRQ_TYPE_LEVEL_HIGH);
    at(0, 100, () => controller.assertLine(0));
    at(0, 200, () => controller.deassertLine(0));
    at(0, 300, () => controller.assertLine(0));
    run();
    expect(came).toHaveLength(1);
  });

  test('that was up while it was masked interrupts when it is not any more', () => {
    const { at, controller, run, came } = machine(IRQ_TYPE_LEVEL_HIGH, () => controller.deassertLine(0));
    controller.mask(IRQ);
    at(0, 100, () => controller.assertLine(0));
    at(0, 200, () => expect(controller.getIrqchipState(IRQ, IRQCHIP_STATE_PENDING)).toBe(1));
    at(0, 300, () => controller.unmask(IRQ));
    run();
    expect(came).toEqual(['24 on CPU 0 at 1300']);
  });

  test('a device that nobody calms does not stop time', () => {
    const { at, clock, controller, run, came } = machine(IRQ_TYPE_LEVEL_HIGH, () => controller.eoi(IRQ));
    at(0, 0, () => controller.assertLine(0));
    expect(run(1e6)).toBe(true);
    expect(came).toHaveLength(1001);
    expect(clock.now()).toBe(1e6);
  });
});

test('goes to the lowest CPU that may get it', () => {
  const { at, controller, run, came } = machine(IRQ_TYPE_EDGE_RISING);
  controller.setAffinity(IRQ, 0b10);
  at(0, 100, () => controller.pulseLine(0));
  at(0, 200, () => {
    controller.setAffinity(IRQ, 0b11);
    controller.pulseLine(0);
  });
  run();
  expect(came).toEqual(['24 on CPU 1 at 100', '24 on CPU 0 at 200']);
});

test('tells of the calls of the core', () => {
  const calls: string[] = [];
  const { controller } = machine(IRQ_TYPE_EDGE_RISING, undefined, { onCall: (callback, irq) => void calls.push(`${callback} ${irq}`) });
  controller.ack(IRQ);
  expect(calls).toEqual(['setType 24', 'unmask 24', 'ack 24']);
});

test.each([
  [{ nrLines: 0 }, 'nrLines'],
  [{ nrLines: 205 }, 'nrLines'],
  [{ nrLines: 2, firstVector: 0xeb }, 'nrLines'],
  [{ nrLines: 1, firstVector: 0x1f }, 'firstVector'],
  [{ nrLines: 1, firstIrq: -1 }, 'firstIrq'],
])('%o is refused, by name', (options, name) => {
  expect(() => new InterruptController({ ...createEngine(), ...options })).toThrow(name);
});
