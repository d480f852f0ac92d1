/**
 * A machine whose devices interrupt by a script: what /proc/interrupts and /proc/softirqs are printed from.
 *
 * The lines are those of a PC with virtio disks, or of a Raspberry Pi; each device raises its line at a steady rate, on the CPU that has it.
 */
import type { Atomic, IrqFlow, Sleepable } from '@kmem/contracts';
import {
  FIRST_EXTERNAL_VECTOR,
  IRQ_HANDLED,
  IRQ_NOAUTOEN,
  IRQ_PER_CPU_DEVID,
  IRQ_TYPE_NONE,
  IRQF_SHARED,
  NET_RX_SOFTIRQ,
} from '@kmem/contracts';
import type { MachineProfile } from '@kmem/hw';
import { boot, type Kernel } from '@kmem/kernel';

const MS = 1_000_000;
/** How long a daemon sleeps. */
const DAEMON_MS = 30;

/** A line and the devices on it. */
interface ScriptedLine {
  /** Number that drivers know. */
  readonly irq: number;
  readonly chip: string;
  readonly hwirq: number;
  readonly flow: IrqFlow;
  /** What texts call the flow; absent: nothing. */
  readonly flowName?: string;
  readonly actions: readonly string[];
  /** Milliseconds between two interrupts; absent: it stays silent. */
  readonly everyMs?: number;
  /** What its handlers leave for later; absent: nothing. */
  readonly bottomHalf?: 'net' | 'tasklet';
  /** The CPU that has it; absent: the first, of a line of each CPU all. */
  readonly cpu?: number;
}

const ioApic = (irq: number, hwirq: number, name: string, rest: Partial<ScriptedLine> = {}): ScriptedLine => ({
  ...{ irq, hwirq, chip: 'IO-APIC', flow: 'edge', flowName: 'edge', actions: [name] },
  ...rest,
});
const msi = (irq: number, hwirq: number, name: string, rest: Partial<ScriptedLine> = {}): ScriptedLine => ({
  ...{ irq, hwirq, chip: 'PCI-MSI', flow: 'edge', flowName: 'edge', actions: [name] },
  ...rest,
});
const armctrl = (irq: number, hwirq: number, actions: readonly string[], everyMs?: number): ScriptedLine => ({
  ...{ irq, hwirq, chip: 'ARMCTRL-level', flow: 'level', actions },
  ...(everyMs !== undefined && { everyMs }),
});

const PC: readonly ScriptedLine[] = [
  ioApic(0, 2, 'timer'),
  ioApic(1, 1, 'i8042', { everyMs: 110, cpu: 1 }),
  ioApic(4, 4, 'ttyS0', { everyMs: 40, cpu: 1, bottomHalf: 'tasklet' }),
  ioApic(8, 8, 'rtc0'),
  ioApic(9, 9, 'acpi', { flow: 'fasteoi', flowName: 'fasteoi' }),
  ioApic(12, 12, 'i8042', { everyMs: 300 }),
  msi(24, 49152, 'virtio0-config'),
  msi(25, 49153, 'virtio0-req.0', { everyMs: 3 }),
  msi(26, 65536, 'virtio1-input.0', { everyMs: 2, cpu: 1, bottomHalf: 'net' }),
];
const PI: readonly ScriptedLine[] = [
  armctrl(17, 1, ['3f00b880.mailbox'], 2),
  armctrl(18, 2, ['VCHIQ doorbell'], 100),
  armctrl(40, 48, ['bcm2708_fb DMA']),
  armctrl(42, 50, ['DMA IRQ'], 5),
  armctrl(56, 64, ['dwc_otg', 'dwc_otg_pcd', 'dwc_otg_hcd:usb1'], 1),
  armctrl(80, 88, ['mmc0'], 7),
  armctrl(81, 89, ['uart-pl011'], 40),
  { irq: 161, hwirq: 0, chip: 'bcm2836-timer', flow: 'percpu_devid', actions: ['arch_timer'] },
  { irq: 162, hwirq: 1, chip: 'bcm2836-timer', flow: 'percpu_devid', actions: ['arch_timer'], everyMs: 10 },
  { irq: 165, hwirq: 9, chip: 'bcm2836-pmu', flow: 'percpu_devid', actions: ['arm-pmu'] },
];

/**
 * Boots a machine, requests its lines and lets its devices interrupt.
 *
 * @param profile - a Raspberry Pi if it is an ARM machine, a PC otherwise.
 * @param ms - for how long, in virtual time.
 * @returns the machine as it is then.
 */
export function runScripted(profile: MachineProfile, ms: number): Kernel {
  const { arch, nrCpus } = profile;
  const kernel = boot({ nrCpus });
  const lines = arch === 'arm' ? PI : PC;
  for (let cpu = 0; cpu < nrCpus; cpu++) startDaemon(kernel, cpu);
  lines.forEach((line, n) => setUp(kernel, line, FIRST_EXTERNAL_VECTOR + n, ms));
  kernel.run(ms * MS);
  return kernel;
}

function setUp(kernel: Kernel, line: ScriptedLine, vector: number, ms: number): void {
  const { cpus, irqs, sched, softirqs, tasklets, at } = kernel;
  const { irq, hwirq, chip, flow, everyMs } = line;
  irqs.irqAllocDescs(irq, irq, 1);
  irqs.irqSetChipAndHandler(irq, { name: chip, flags: 0, ack: () => undefined, eoi: () => undefined }, flow, line.flowName ?? null);
  irqs.setHwirq(irq, { name: chip, size: hwirq + 1, map: () => 0, mapped: new Map([[hwirq, irq]]) }, hwirq);
  cpus.setVectorHandler(vector, () => {
    const result = irqs.genericHandleIrq(irq);
    return typeof result === 'number' ? undefined : handled(result);
  });
  const isPercpu = flow === 'percpu_devid';
  if (isPercpu) irqs.irqModifyStatus(irq, 0, IRQ_PER_CPU_DEVID | IRQ_NOAUTOEN);
  const tasklet = tasklets.create(() => undefined);
  const handler = (): number => {
    if (line.bottomHalf === 'net') softirqs.raiseSoftirq(NET_RX_SOFTIRQ);
    else if (line.bottomHalf === 'tasklet') tasklets.taskletSchedule(tasklet);
    return IRQ_HANDLED;
  };
  const cpusOfLine = isPercpu ? Array.from({ length: cpus.nrCpus }, (_, cpu) => cpu) : [Math.min(line.cpu ?? 0, cpus.nrCpus - 1)];
  for (const cpu of cpusOfLine) {
    const task = sched.kthreadCreate(function* (): Sleepable<number> {
      if (isPercpu && cpu === 0) yield* irqs.requestPercpuIrq(irq, handler, 0, line.actions[0], cpusOfLine);
      if (isPercpu) irqs.enablePercpuIrq(irq, IRQ_TYPE_NONE);
      else for (const [devId, name] of line.actions.entries()) yield* irqs.requestThreadedIrq(irq, handler, null, IRQF_SHARED, name, devId + 1);
      return 0;
    }, 'probe', cpu);
    sched.wakeUpProcess(task);
    if (everyMs !== undefined) for (let t = everyMs; t <= ms; t += everyMs) at(cpu, t * MS, () => cpus.raiseVector(cpu, vector));
  }
}

/** A task that wakes up now and then, as there are on every machine: its timers interrupt too. */
function startDaemon({ delays, sched }: Kernel, cpu: number): void {
  const task = sched.kthreadCreate(
    function* (): Sleepable<number> {
      for (;;) yield* delays.msleep(DAEMON_MS);
    },
    'daemon',
    cpu,
  );
  sched.wakeUpProcess(task);
}

function* handled(code: Atomic<number>): Atomic<void> {
  yield* code;
}
