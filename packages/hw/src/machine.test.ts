import { describe, expect, test } from 'vitest';
import type { MachineProfile, ReservedRange } from './machine-profile.js';
import { describeMachine } from './machine.js';
import { identityProfile } from './profiles/synthetic.js';
import { getProfile } from './profiles.js';

const MIB = 2 ** 20;

/** A plain memory of 16 pages with reservations of choice. */
function tiny(reserved: readonly ReservedRange[]): MachineProfile {
  return { ...identityProfile({ sizeBytes: 0x1_0000 }), reserved };
}

describe('describeMachine', () => {
  test('free memory is RAM without the reservations, rounded outwards', () => {
    const machine = describeMachine(tiny([{ name: 'part of two pages', start: 0x4fff, end: 0x5001 }]));
    expect(machine.free).toEqual([
      { start: 1, end: 4 },
      { start: 6, end: 16 },
    ]);
    expect([machine.presentPages, machine.managedPages, machine.nrFrames]).toEqual([16, 13, 16]);
  });

  test('reservations may overlap and reach into holes', () => {
    const machine = describeMachine(
      tiny([
        { name: 'a', start: 0, end: 0x3000 },
        { name: 'b', start: 0x2000, end: 0x8000 },
        { name: 'beyond', start: 0xe000, end: 0x10_0000 },
      ]),
    );
    expect(machine.free).toEqual([{ start: 8, end: 14 }]);
  });

  test('frame 0 is never free', () => {
    expect(describeMachine(tiny([])).free).toEqual([{ start: 1, end: 16 }]);
  });

  test('a machine may have nothing free', () => {
    const machine = describeMachine(tiny([{ name: 'all', start: 0, end: 0x1_0000 }]));
    expect([machine.free, machine.managedPages, machine.managedByZone]).toEqual([[], 0, [0]]);
  });

  test('a free range ends where its zone ends', () => {
    const machine = describeMachine({ ...getProfile('pc-160m'), reserved: [], late: [] });
    expect(machine.free).toEqual([
      { start: 1, end: 0x9f },
      { start: 0x100, end: 0x1000 },
      { start: 0x1000, end: 0x9fe0 },
    ]);
    expect(machine.managedByZone).toEqual([3998, 36832, 0, 0, 0]);
  });

  test('free ranges ascend also when the nodes do not', () => {
    const { nodes, ...rest } = getProfile('server-64g');
    const { free } = describeMachine({ ...rest, nodes: [...nodes].reverse() });
    expect(free.every((r, i) => r.start < r.end && (i === 0 || free[i - 1].end <= r.start))).toBe(true);
  });

  test('page size is a parameter', () => {
    const machine = describeMachine(identityProfile({ sizeBytes: 64 * MIB, pageShift: 16 }));
    expect([machine.nrFrames, machine.managedPages]).toEqual([1024, 1023]);
  });
});
