/** Texts of /proc, held against those of the recorded machine. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SOFTIRQ_NAMES } from '@kmem/contracts';
import { formatInterrupts, formatSoftirqs, pcIrqRows, piIrqRows, type IrqLine } from '@kmem/irq';

function recorded(name: string): string {
  return readFileSync(new URL(`../../../tooling/recordings/irq/${name}`, import.meta.url), 'utf8');
}

function line(irq: number, counts: readonly number[], of: Partial<IrqLine>): IrqLine {
  return {
    ...{ irq, counts, chipName: null, hwirq: null, isLevel: false, flowName: null, actions: [], affinity: 1, effectiveAffinity: 1 },
    ...{ irqCount: 0, irqsUnhandled: 0, lastUnhandled: 0, isWakeup: false, isMovable: true },
    ...of,
  };
}

const ioApic = (hwirq: number, name: string, flowName = 'edge'): Partial<IrqLine> => ({ chipName: 'IO-APIC', hwirq, flowName, actions: [name] });
const msi = (hwirq: number, name: string): Partial<IrqLine> => ({ chipName: 'PCI-MSI', hwirq, flowName: 'edge', actions: [name] });
const own = (flowName: string | null, ...actions: readonly string[]): Partial<IrqLine> => ({ chipName: 'orc', flowName, actions });

describe('/proc/interrupts', () => {
  test('of a PC with two CPUs', () => {
    const counts: Readonly<Record<string, readonly number[]>> = {
      ...{ LOC: [676, 449], IWI: [11, 0], RES: [41, 39], CAL: [160, 438], TLB: [1, 1], MCP: [1, 1] },
    };
    const lines = [
      line(0, [89, 0], ioApic(2, 'timer')),
      line(1, [0, 9], ioApic(1, 'i8042')),
      line(3, [0, 0], { chipName: 'IO-APIC', hwirq: 3, flowName: 'edge' }),
      line(4, [0, 6], ioApic(4, 'ttyS0')),
      line(8, [1, 0], ioApic(8, 'rtc0')),
      line(9, [0, 0], ioApic(9, 'acpi', 'fasteoi')),
      line(12, [3, 0], ioApic(12, 'i8042')),
      line(24, [0, 0], msi(49152, 'virtio0-config')),
      line(25, [3, 0], msi(49153, 'virtio0-req.0')),
      line(26, [0, 0], msi(49154, 'virtio0-req.1')),
      line(28, [1, 2], own('simple')),
      line(29, [0, 4], own('simple')),
      line(30, [0, 1], own('simple')),
      line(32, [7, 12], own('level', 'two-cpus')),
    ];
    const arch = pcIrqRows(2, (label) => counts[label]);
    expect(formatInterrupts({ nrCpus: 2, lines, arch })).toBe(recorded('proc-interrupts-2cpu.txt'));
  });

  test('of a PC with one CPU: shared lines, names without end, an action and a flow without a name', () => {
    const counts: Readonly<Record<string, readonly number[]>> = { LOC: [3717], IWI: [1277], MCP: [1] };
    const lines = [
      line(0, [217], ioApic(2, 'timer')),
      line(1, [9], ioApic(1, 'i8042')),
      line(2, [0], { chipName: 'XT-PIC', actions: ['x'] }),
      line(4, [6], ioApic(4, 'ttyS0')),
      line(8, [1], ioApic(8, 'rtc0')),
      line(9, [0], ioApic(9, 'acpi', 'fasteoi')),
      line(12, [3], ioApic(12, 'i8042')),
      line(24, [0], msi(49152, 'virtio0-config')),
      line(25, [3], msi(49153, 'virtio0-req.0')),
      line(28, [3], own('level')),
      line(32, [4], own('flow')),
      line(33, [4], own('level')),
      line(35, [2], own('level')),
      line(37, [1234], own('level', 'eth0', 'a-long-device-name-here', 'x')),
      line(38, [0], own('edge', 'thr')),
      line(39, [5], { ...own('fasteoi', 'full'), chipName: 'orc-full' }),
      line(40, [0], { ...own(null, ''), chipName: 'orc-nt' }),
    ];
    const arch = pcIrqRows(1, (label) => counts[label]);
    expect(formatInterrupts({ nrCpus: 1, lines, arch })).toBe(recorded('proc-interrupts-1cpu.txt'));
  });

  test('edge case 62: without a handler there are the header and the rows of the architecture', () => {
    const text = formatInterrupts({ nrCpus: 1, lines: [line(5, [0], own('edge'))], arch: pcIrqRows(1, () => undefined) });
    expect(text.split('\n').slice(0, 2)).toEqual(['           CPU0       ', 'NMI:          0   Non-maskable interrupts']);
  });

  test('numbers are as wide as the largest there can be; a Raspberry Pi has a column for levels', () => {
    const lines = [line(17, [1005317, 0], { chipName: 'ARMCTRL-level', hwirq: 1, actions: ['3f00b880.mailbox'] })];
    expect(formatInterrupts({ nrCpus: 2, lines, arch: piIrqRows(2, 'usb_fiq', () => undefined), nrIrqs: 1000, levels: true }).split('\n')).toEqual([
      '            CPU0       CPU1       ',
      '  17:    1005317          0  ARMCTRL-level    1 Edge      3f00b880.mailbox',
      ' FIQ:              usb_fiq',
      'IPI0:          0          0  CPU wakeup interrupts',
      'IPI1:          0          0  Timer broadcast interrupts',
      'IPI2:          0          0  Rescheduling interrupts',
      'IPI3:          0          0  Function call interrupts',
      'IPI4:          0          0  CPU stop interrupts',
      'IPI5:          0          0  IRQ work interrupts',
      'IPI6:          0          0  completion interrupts',
      ' Err:          0',
      '',
    ]);
  });
});

test('/proc/softirqs of a PC with two CPUs', () => {
  const counts: Readonly<Record<string, readonly number[]>> = {
    ...{ TIMER: [112, 96], TASKLET: [175724, 3], SCHED: [275, 245], RCU: [212, 182] },
  };
  expect(formatSoftirqs(2, (nr, cpu) => counts[SOFTIRQ_NAMES[nr]]?.[cpu] ?? 0)).toBe(recorded('proc-softirqs-2cpu.txt'));
});
