/** Lines that each CPU has, numbers of controllers, and the files about lines (irq spec 2, 3.4, 5.5, 18.3). */
import { describe, expect, test } from 'vitest';
import {
  IRQ_HANDLED,
  IRQ_MOVE_PCNTXT,
  IRQ_NOAUTOEN,
  IRQ_PER_CPU_DEVID,
  IRQ_SET_MASK_OK,
  IRQ_TYPE_NONE,
  IRQF_SHARED,
  IRQF_TIMER,
  type Atomic,
  type IrqChip,
  type KernelBug,
  type Sleepable,
} from '@kmem/contracts';
import { IrqFiles } from '@kmem/irq';
import { boot, procInterrupts, procSoftirqs } from '@kmem/kernel';

const IRQ = 24;
const VECTOR = 0x30;

function machine(nrCpus = 2) {
  const found: KernelBug[] = [];
  const kernel = boot({ nrCpus, reports: { report: (bug) => void found.push(bug) } });
  const { cpus, clock, irqs, run, sched } = kernel;
  const log: string[] = [];
  const note = (name: string) => () => void log.push(`${name}${cpus.cpu}`);
  const chip: IrqChip = { name: 'test', flags: 0, mask: note('mask'), unmask: note('unmask'), ack: note('ack'), eoi: note('eoi') };
  const inTask = (code: () => Sleepable<void>, cpu = 0): void => {
    const task = sched.kthreadCreate(function* () {
      yield* code();
      return 0;
    }, 'task', cpu);
    sched.wakeUpProcess(task);
    run(clock.now() + 1e8);
  };
  cpus.setVectorHandler(VECTOR, function* (): Atomic<void> {
    const result = irqs.genericHandleIrq(IRQ);
    if (typeof result !== 'number') yield* result;
  });
  const raise = (cpu: number): void => {
    kernel.at(cpu, clock.now(), () => cpus.raiseVector(cpu, VECTOR));
    run(clock.now() + 1e6);
  };
  const codes = (): string[] => found.map(({ code }) => code);
  return { ...kernel, chip, codes, inTask, log, note, raise };
}

describe('lines that each CPU has', () => {
  function requested() {
    const kernel = machine();
    const { irqs, chip, inTask, log } = kernel;
    const devIds = [100, 200];
    irqs.irqAllocDescs(IRQ, IRQ, 1);
    irqs.irqSetChipAndHandler(IRQ, chip, 'percpu_devid');
    irqs.irqModifyStatus(IRQ, 0, IRQ_PER_CPU_DEVID | IRQ_NOAUTOEN);
    inTask(function* () {
      const ret = yield* irqs.requestPercpuIrq(IRQ, (_irq, devId) => (log.push(`h${devId}`), IRQ_HANDLED), IRQF_TIMER, 'timer', devIds);
      expect(ret).toBe(0);
    });
    return { ...kernel, devIds };
  }

  test('the handler gets what belongs to its CPU; ack and eoi are the only calls of the chip', () => {
    const { irqs, log, raise } = requested();
    raise(1);
    raise(0);
    expect(log).toEqual(['ack1', 'h200', 'eoi1', 'ack0', 'h100', 'eoi0']);
    expect([irqs.describe(IRQ)?.counts, irqs.irqState(IRQ)?.totCount]).toEqual([[1, 1], 0]);
  });

  test('each CPU enables it for itself, and it is freed only when none has it enabled', () => {
    const { irqs, inTask, log, codes, devIds } = requested();
    inTask(function* () {
      irqs.enablePercpuIrq(IRQ, IRQ_TYPE_NONE);
      expect(irqs.irqPercpuIsEnabled(IRQ)).toBe(true);
      yield* [];
    }, 1);
    inTask(function* () {
      expect(irqs.irqPercpuIsEnabled(IRQ)).toBe(false);
      expect(irqs.freePercpuIrq(IRQ, devIds)).toBeNull();
      yield* [];
    });
    inTask(function* () {
      irqs.disablePercpuIrq(IRQ);
      yield* [];
    }, 1);
    expect(irqs.freePercpuIrq(IRQ, [100, 200])).toBeNull();
    expect(irqs.freePercpuIrq(IRQ, devIds)).toBe('timer');
    expect(log).toEqual(['unmask1', 'mask1']);
    expect(codes()).toEqual(['PERCPU_STILL_ENABLED', 'IRQ_FREE_UNKNOWN']);
  });

  test('one that nobody has requested is disabled on the CPU where it comes', () => {
    const { irqs, inTask, log, codes, devIds, raise } = requested();
    expect(irqs.freePercpuIrq(IRQ, devIds)).toBe('timer');
    inTask(function* () {
      irqs.enablePercpuIrq(IRQ, IRQ_TYPE_NONE);
      yield* [];
    });
    raise(0);
    expect(log).toEqual(['unmask0', 'ack0', 'mask0', 'eoi0']);
    expect(codes()).toEqual(['IRQ_PERCPU_SPURIOUS']);
  });

  test('requests are checked: dev_ids, the kind of line, flags, a second request', () => {
    const { irqs, inTask, devIds } = requested();
    const results: number[] = [];
    const handler = (): number => IRQ_HANDLED;
    irqs.irqAllocDescs(30, 30, 1);
    inTask(function* () {
      results.push(yield* irqs.requestPercpuIrq(IRQ, handler, 0, 'x', []));
      results.push(yield* irqs.requestPercpuIrq(999, handler, 0, 'x', devIds));
      results.push(yield* irqs.requestPercpuIrq(30, handler, 0, 'x', devIds));
      results.push(yield* irqs.requestPercpuIrq(IRQ, handler, IRQF_SHARED, 'x', devIds));
      results.push(yield* irqs.requestPercpuIrq(IRQ, handler, 0, 'x', devIds));
    });
    expect(results).toEqual([-22, -22, -22, -22, -16]);
  });

  test('a shared one without dev_ids calls all its handlers, also those that take time', () => {
    const { cpus, clock, irqs, chip, inTask, log, note, raise } = machine();
    irqs.irqAllocDescs(IRQ, IRQ, 1);
    irqs.irqSetChipAndHandler(IRQ, chip, 'percpu');
    function* slow(): Atomic<number> {
      yield* cpus.busyUntil(clock.now() + 100);
      note('slow')();
      return IRQ_HANDLED;
    }
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, slow, null, IRQF_SHARED, 'slow', 1);
      yield* irqs.requestThreadedIrq(IRQ, () => (note('fast')(), IRQ_HANDLED), null, IRQF_SHARED, 'fast', 2);
    });
    log.length = 0;
    raise(1);
    expect(log).toEqual(['ack1', 'slow1', 'fast1', 'eoi1']);
  });
});

describe('numbers of controllers', () => {
  test('a line gets the hardware number if it is free, the next one otherwise, and is found by it', () => {
    const { irqs, irqDomains, chip, inTask, cpus } = machine();
    const domain = irqDomains.create('gic', 64, (irq, hwirq) => {
      irqs.irqSetChipAndHandler(irq, chip, 'fasteoi', 'fasteoi');
      return hwirq === 13 ? -22 : 0;
    });
    irqs.irqAllocDescs(40, 40, 1);
    const mapped = [40, 5, 0, 40].map((hwirq) => irqDomains.createMapping(domain, hwirq));
    expect(mapped).toEqual([41, 5, 1, 41]);
    expect([64, 13].map((hwirq) => irqDomains.createMapping(domain, hwirq))).toEqual([0, 0]);
    expect(irqDomains.findMapping(domain, 40)).toBe(41);
    let ran = 0;
    inTask(function* () {
      yield* irqs.requestThreadedIrq(41, () => (ran++, IRQ_HANDLED), null, 0, 'dev', 1);
    });
    cpus.localIrqDisable();
    expect([irqDomains.genericHandle(domain, 40), irqDomains.genericHandle(domain, 7)]).toEqual([0, -22]);
    cpus.localIrqEnable();
    expect([ran, irqs.describe(41)?.hwirq]).toEqual([1, 40]);
    irqDomains.disposeMapping(5);
    expect([irqDomains.findMapping(domain, 5), irqs.describe(5)]).toEqual([0, null]);
  });
});

describe('files about a line', () => {
  function files() {
    const kernel = machine(4);
    const { irqs, inTask, cpus, timers } = kernel;
    const chip: IrqChip = { name: 'orc', flags: 0, mask: () => undefined, unmask: () => undefined, setAffinity: () => IRQ_SET_MASK_OK };
    irqs.irqAllocDescs(37, 37, 2);
    irqs.irqSetChipAndHandler(37, chip, 'level', 'level');
    irqs.irqModifyStatus(37, 0, IRQ_MOVE_PCNTXT);
    irqs.irqSetChipAndHandler(38, { name: 'fixed', flags: 0 }, 'simple');
    inTask(function* () {
      for (const [n, name] of ['eth0', 'a-long-device-name-here', 'x'].entries()) {
        yield* irqs.requestThreadedIrq(37, () => IRQ_HANDLED, null, IRQF_SHARED, name, n + 1);
      }
    });
    const made = new IrqFiles({ nrCpus: cpus.nrCpus, hz: timers.hz, irqs, describe: (irq) => irqs.describe(irq) });
    return { ...kernel, files: made };
  }

  test('/proc/irq/N has the files and directories of the recorded machine, and their texts', () => {
    const { files: made } = files();
    expect(made.list(37).join(' ')).toBe(
      'a-long-device-name-here affinity_hint effective_affinity effective_affinity_list eth0 node smp_affinity smp_affinity_list spurious x',
    );
    expect(made.list(99)).toEqual([]);
    expect(made.readProc(37, 'spurious')).toBe('count 0\nunhandled 0\nlast_unhandled 0 ms\n');
    expect([made.readProc(37, 'smp_affinity'), made.readProc(37, 'smp_affinity_list'), made.readProc(37, 'node')]).toEqual(['f\n', '0-3\n', '0\n']);
    expect(made.readProc(37, 'nothing')).toBeNull();
  });

  test('/sys/kernel/irq/N says the same in other words', () => {
    const { files: made } = files();
    const names = ['actions', 'chip_name', 'hwirq', 'name', 'per_cpu_count', 'type', 'wakeup'];
    expect(names.map((name) => made.readSysfs(37, name))).toEqual(
      ['eth0,a-long-device-name-here,x', 'orc', '', 'level', '0,0,0,0', 'edge', 'disabled'].map((text) => `${text}\n`),
    );
    expect(made.readSysfs(99, 'type')).toBeNull();
  });

  test('edge case 63: 0 is no set of CPUs, and a chip that cannot move its lines says EIO', () => {
    const { files: made } = files();
    expect(made.writeProc(37, 'smp_affinity', '0')).toBe(-22);
    expect(made.writeProc(38, 'smp_affinity', '1')).toBe(-5);
    expect(made.writeProc(37, 'spurious', '1')).toBe(-5);
    expect(made.writeProc(37, 'smp_affinity', '10')).toBe(-75);
    expect(made.writeProc(37, 'smp_affinity_list', '1,3\n')).toBe(4);
    expect([made.readProc(37, 'smp_affinity'), made.readProc(37, 'smp_affinity_list')]).toEqual(['a\n', '1,3\n']);
  });
});

test('/proc/interrupts and /proc/softirqs count what a machine does', () => {
  const kernel = machine();
  const { delays, inTask, raise, irqs, chip } = kernel;
  irqs.irqAllocDescs(IRQ, IRQ, 1);
  irqs.irqSetChipAndHandler(IRQ, chip, 'edge', 'edge');
  inTask(function* () {
    yield* irqs.requestThreadedIrq(IRQ, () => IRQ_HANDLED, null, 0, 'dev', 1);
    yield* delays.msleep(20);
  });
  raise(1);
  const rows = procInterrupts(kernel).split('\n');
  expect(rows[1]).toBe(' 24:          0          1      test    -edge      dev');
  expect(rows.find((row) => row.startsWith('LOC:'))).toMatch(/^LOC: +[1-9]\d* +\d+ {3}Local timer interrupts$/);
  expect(procInterrupts(kernel, { board: 'pi', fiq: 'usb_fiq' })).toContain('FIQ:              usb_fiq\nIPI0:');
  expect(procSoftirqs(kernel)).toMatch(/\n {7}TIMER: {10}[1-9] {10}0\n/);
});
