import { expect, test } from 'vitest';
import { createEngine } from '../execution/engine.js';
import { ScriptedDevice } from './scripted-device.js';

/** A device, and what becomes of its wire. */
function machine(options: Partial<ConstructorParameters<typeof ScriptedDevice>[0]> = {}) {
  const engine = createEngine();
  const wire: string[] = [];
  const note = (what: string) => (line: number) => void wire.push(`${what} ${line} at ${engine.clock.now()}`);
  const controller = { assertLine: note('assert'), deassertLine: note('deassert'), pulseLine: note('pulse') };
  return { ...engine, wire, device: new ScriptedDevice({ ...engine, controller, line: 3, ...options }) };
}

test('does what its script says, at its times', () => {
  const { run, wire, device } = machine({
    nrRegisters: 2,
    script: [
      { at: 200, wire: 'deassert' },
      { at: 100, wire: 'assert', set: [[1, 0xff]] },
      { at: 300, wire: 'pulse' },
      { at: 400, set: [[0, -1]] },
    ],
  });
  run(250);
  expect([...device.registers]).toEqual([0, 0xff]);
  run();
  expect(wire).toEqual(['assert 3 at 100', 'deassert 3 at 200', 'pulse 3 at 300']);
  expect(device.read(0)).toBe(0xffffffff);
});

test('a write does what the device makes of it, a read what it makes of that', () => {
  const { wire, device } = machine({
    onWrite: (self, register, value) => {
      if (value === 1) self.deassert();
      self.registers[register] = 0;
    },
    onRead: (self, register) => {
      self.registers[register]++;
    },
  });
  device.write(0, 1);
  expect(wire).toEqual(['deassert 3 at 0']);
  expect([device.read(0), device.read(0)]).toEqual([1, 2]);
});
