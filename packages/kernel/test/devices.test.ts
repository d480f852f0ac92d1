import { describe, expect, test } from 'vitest';
import {
  IRQ_HANDLED,
  IRQ_NONE,
  IRQ_TYPE_EDGE_RISING,
  IRQ_TYPE_LEVEL_HIGH,
  type IrqFlow,
  type IrqHandler,
  type KernelBug,
} from '@kmem/contracts';
import { InterruptController, ScriptedDevice, type DeviceEvent } from '@kmem/hw';
import { boot } from '@kmem/kernel';

const IRQ = 24;
const STATUS = 0;
const DATA = 1;

/** A machine with a device on a wire, whose driver has requested its line; writing STATUS calms the device. */
function machine(flow: IrqFlow, trigger: number, script: readonly DeviceEvent[], makeHandler: (device: ScriptedDevice) => IrqHandler) {
  const found: KernelBug[] = [];
  const kernel = boot({ reports: { report: (bug) => void found.push(bug) } });
  const { irqs, sched } = kernel;
  const calls: string[] = [];
  const controller = new InterruptController({ ...kernel, nrLines: 1, firstIrq: IRQ, onCall: (callback) => void calls.push(callback) });
  controller.connect((irq) => irqs.genericHandleIrq(irq));
  irqs.irqAllocDescs(IRQ, IRQ, 1);
  irqs.irqSetChipAndHandler(IRQ, controller, flow);
  const device = new ScriptedDevice({
    ...kernel,
    ...{ controller, line: 0, nrRegisters: 2, script },
    onWrite: (self, register) => register === STATUS && self.deassert(),
  });
  const driver = sched.kthreadCreate(() => irqs.requestThreadedIrq(IRQ, makeHandler(device), null, trigger, 'dev', 1), 'driver', 0);
  sched.wakeUpProcess(driver);
  kernel.run(1000);
  calls.length = 0;
  return { ...kernel, device, calls, found };
}

describe('a device that holds its wire up until the driver writes its register', () => {
  test('level flow: masked, handled, unmasked; one interrupt an event', () => {
    const data: number[] = [];
    const script: DeviceEvent[] = [10_000, 20_000].map((at) => ({ at, wire: 'assert', set: [[DATA, at]] }));
    const { run, calls, irqs } = machine('level', IRQ_TYPE_LEVEL_HIGH, script, (device) => () => {
      data.push(device.read(DATA));
      device.write(STATUS, 0);
      return IRQ_HANDLED;
    });
    run(100_000);
    expect(data).toEqual([10_000, 20_000]);
    expect(calls).toEqual(['mask', 'ack', 'unmask', 'mask', 'ack', 'unmask']);
    expect(irqs.irqState(IRQ)?.totCount).toBe(2);
  });

  test('fasteoi flow: the end comes after the handler', () => {
    const { run, calls } = machine('fasteoi', IRQ_TYPE_LEVEL_HIGH, [{ at: 10_000, wire: 'assert' }], (device) => () => {
      device.write(STATUS, 0);
      return IRQ_HANDLED;
    });
    run(100_000);
    expect(calls).toEqual(['eoi']);
  });

  test('asserted while its line is disabled, it interrupts after enable_irq', () => {
    const times: number[] = [];
    const { run, irqs, clock, at } = machine('level', IRQ_TYPE_LEVEL_HIGH, [{ at: 10_000, wire: 'assert' }], (device) => () => {
      times.push(clock.now());
      device.write(STATUS, 0);
      return IRQ_HANDLED;
    });
    irqs.disableIrqNosync(IRQ);
    at(0, 50_000, () => irqs.enableIrq(IRQ));
    run(100_000);
    expect(times).toEqual([51_000]);
  });
});

test('edges: each one is an interrupt, also one that comes while the handler runs', () => {
  const script: DeviceEvent[] = [{ at: 10_000, wire: 'pulse' }];
  let calls = 0;
  const { run, irqs } = machine('edge', IRQ_TYPE_EDGE_RISING, script, (device) => () => {
    if (++calls === 1) device.pulse();
    return IRQ_HANDLED;
  });
  run(100_000);
  expect(calls).toBe(2);
  expect(irqs.irqState(IRQ)?.totCount).toBe(2);
});

test('a device that nobody calms: its line is disabled after 100000 interrupts, and the machine goes on', () => {
  const { run, irqs, found, clock } = machine('level', IRQ_TYPE_LEVEL_HIGH, [{ at: 10_000, wire: 'assert' }], () => () => IRQ_NONE);
  run(1e9);
  expect(found.map(({ code }) => code)).toEqual(['IRQ_NOBODY_CARED']);
  expect(irqs.irqState(IRQ)).toMatchObject({ totCount: 100_000, disabled: true });
  expect(clock.now()).toBeLessThanOrEqual(1e9);
});
