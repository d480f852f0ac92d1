import { describe, expect, test } from 'vitest';
import {
  IRQ_HANDLED,
  IRQ_LEVEL,
  IRQ_NONE,
  IRQ_NOTCONNECTED,
  IRQ_WAKE_THREAD,
  IRQF_COND_SUSPEND,
  IRQF_NO_AUTOEN,
  IRQF_ONESHOT,
  IRQF_PROBE_SHARED,
  IRQF_SHARED,
  type Atomic,
  type IrqChipCallback,
  type IrqFlow,
  type KernelBug,
  type Sleepable,
} from '@kmem/contracts';
import { boot, type BootOptions } from '@kmem/kernel';

const HIGH = 0x4;
const LOW = 0x8;
const IRQ = 24;
const VECTOR = 0x30;

const CALLBACKS: readonly IrqChipCallback[] = ['mask', 'unmask', 'ack', 'eoi', 'setType'];

/** A machine with one line, whose chip writes down what it is told. */
function machine(flow: IrqFlow = 'level', lacks: readonly IrqChipCallback[] = [], options: BootOptions = {}) {
  const found: KernelBug[] = [];
  const kernel = boot({ reports: { report: (bug) => void found.push(bug) }, ...options });
  const { cpus, irqs, sched } = kernel;
  const log: string[] = [];
  const chip = kernel.createChip({
    name: 'test',
    callbacks: CALLBACKS.filter((callback) => !lacks.includes(callback)),
    onCall: (callback, _irq, value) => (log.push(callback === 'setType' ? `type ${value}` : callback), 0),
  });
  irqs.irqAllocDescs(IRQ, IRQ, 1);
  irqs.irqSetChipAndHandler(IRQ, chip, flow);
  const start = (code: () => Sleepable<void>, cpu = 0): void => {
    const task = sched.kthreadCreate(function* () {
      yield* code();
      return 0;
    }, 'task', cpu);
    sched.wakeUpProcess(task);
  };
  /** Does something in a task, to its end. */
  const inTask = (code: () => Sleepable<void>): void => {
    start(code);
    kernel.run(kernel.clock.now() + 1e9);
  };
  cpus.setVectorHandler(VECTOR, function* (): Atomic<void> {
    const result = irqs.genericHandleIrq(IRQ);
    if (typeof result !== 'number') yield* result;
  });
  function* raise(times = 1): Atomic<void> {
    for (let n = 0; n < times; n++) {
      cpus.raiseVector(cpus.cpu, VECTOR);
      yield* cpus.enableIrqs();
    }
  }
  function* request(flags: number, devId = 1, returns = IRQ_HANDLED, name = 'dev'): Sleepable<number> {
    const handler = () => (log.push(`h${devId}`), returns);
    return yield* irqs.requestThreadedIrq(IRQ, handler, null, flags, name, devId);
  }
  const codes = (): string[] => found.map(({ code }) => code);
  return { ...kernel, log, found, codes, start, inTask, raise, request, chip };
}

describe('the checks of a request, in their order', () => {
  test.each([
    ['1: not connected, although SHARED without dev_id', IRQ_NOTCONNECTED, IRQF_SHARED, 0, -107],
    ['2: SHARED without dev_id', IRQ, IRQF_SHARED, 0, -22],
    ['3: SHARED with NO_AUTOEN', IRQ, IRQF_SHARED | IRQF_NO_AUTOEN, 1, -22],
    ['4: COND_SUSPEND without SHARED', IRQ, IRQF_COND_SUSPEND, 1, -22],
    ['5: a number without a line', 9999, 0, 1, -22],
  ])('%s', (_name, irq, flags, devId, expected) => {
    const { irqs, inTask } = machine();
    let ret = 1;
    inTask(function* () {
      ret = yield* irqs.requestThreadedIrq(irq, () => IRQ_HANDLED, null, flags, 'dev', devId);
    });
    expect(ret).toBe(expected);
  });

  test('6: a line without a chip, -ENOSYS; 7: neither handler nor thread, -EINVAL; 8: a thread alone needs ONESHOT', () => {
    const { irqs, inTask, codes } = machine();
    const results: number[] = [];
    function* thread(): Sleepable<number> {
      yield* [];
      return IRQ_HANDLED;
    }
    inTask(function* () {
      const bare = irqs.irqAllocDescs(-1, 30, 1);
      results.push(yield* irqs.requestThreadedIrq(bare, () => IRQ_HANDLED, null, 0, 'dev', 1));
      results.push(yield* irqs.requestThreadedIrq(IRQ, null, null, 0, 'dev', 1));
      results.push(yield* irqs.requestThreadedIrq(IRQ, null, thread, 0, 'dev', 1));
    });
    expect(results).toEqual([-38, -22, -22]);
    expect(codes()).toEqual(['IRQ_ONESHOT_REQUIRED']);
  });

  test('9: the second request says what the trigger is while no chip and no firmware has; set_type is not called', () => {
    const { irqs, inTask, log, request } = machine('level', ['setType']);
    const results: number[] = [];
    inTask(function* () {
      results.push(yield* request(HIGH | IRQF_SHARED, 1));
      results.push(yield* request(LOW | IRQF_SHARED, 2));
    });
    expect(results).toEqual([0, 0]);
    expect(irqs.irqState(IRQ)?.trigger).toBe(LOW);
    expect(log).toEqual(['unmask']);
  });

  test('10: firmware says HIGH, a second request LOW: -EBUSY, with a message unless PROBE_SHARED', () => {
    const { irqs, inTask, request, found } = machine();
    const results: number[] = [];
    inTask(function* () {
      irqs.irqSetTriggerType(IRQ, HIGH);
      results.push(yield* request(IRQF_SHARED, 1, 1, 'p1'), yield* request(IRQF_SHARED | LOW | IRQF_PROBE_SHARED, 2));
      results.push(yield* request(IRQF_SHARED | LOW, 2, 1, 'p2'));
    });
    expect(results).toEqual([0, -16, -16]);
    expect(found.map(({ message }) => message)).toEqual([
      'WARNING: IRQ_FLAGS_MISMATCH: genirq: Flags mismatch irq 24. 00000088 (p2) vs. 00000084 (p1)',
    ]);
  });

  test('11: sharing needs SHARED and the same ONESHOT on both sides; 12: no trigger bits fit any', () => {
    const { inTask, request } = machine();
    const results: number[] = [];
    inTask(function* () {
      results.push(yield* request(IRQF_SHARED | HIGH, 1), yield* request(0, 2));
      results.push(yield* request(IRQF_SHARED | IRQF_ONESHOT, 3), yield* request(IRQF_SHARED, 4));
    });
    expect(results).toEqual([0, -16, -16, 0]);
  });

  test('13: a line has room for 64 ONESHOT actions', () => {
    const { inTask, request } = machine();
    const results: number[] = [];
    inTask(function* () {
      for (let n = 1; n <= 65; n++) results.push(yield* request(IRQF_SHARED | IRQF_ONESHOT, n));
    });
    expect(results).toEqual([...Array<number>(64).fill(0), -16]);
  });

  test('14: a threaded request that fails leaves neither thread nor action', () => {
    const { irqs, sched, inTask, request } = machine();
    let ret = 0;
    const before = sched.tasks();
    inTask(function* () {
      yield* request(0, 1);
      ret = yield* irqs.requestThreadedIrq(IRQ, () => IRQ_HANDLED, () => sched.condResched(), 0, 'two', 2);
    });
    expect(ret).toBe(-16);
    expect(sched.tasks()).toEqual(before);
  });
});

describe('flows', () => {
  test('15: all handlers of a shared line are called, also after one has handled it', () => {
    const { inTask, raise, request, log } = machine();
    inTask(function* () {
      yield* request(IRQF_SHARED, 1);
      yield* request(IRQF_SHARED, 2, IRQ_NONE);
      yield* raise();
    });
    expect(log).toEqual(['unmask', 'mask', 'ack', 'h1', 'h2', 'unmask']);
  });

  test('16: a result that is none is reported and not counted', () => {
    const { irqs, inTask, raise, request, found } = machine();
    inTask(function* () {
      yield* request(0, 1, 5);
      yield* raise();
    });
    expect(found.map(({ message }) => message)).toEqual(['WARNING: IRQ_BOGUS_RETURN: irq event 24: bogus return value 5']);
    expect(irqs.irqState(IRQ)?.irqsUnhandled).toBe(0);
  });

  test('17: a thread that is not there is asked for: one message, the line is unmasked', () => {
    const { inTask, raise, request, found, log } = machine();
    inTask(function* () {
      yield* request(0, 1, IRQ_WAKE_THREAD);
      yield* raise(2);
    });
    expect(found.map(({ message }) => message)).toEqual([
      'WARNING: IRQ_WAKE_NO_THREAD: IRQ 24 device dev returned IRQ_WAKE_THREAD but no thread function available.',
    ]);
    expect(log.at(-1)).toBe('unmask');
  });

  test('18: three edges while the thread sleeps: three primaries, two runs of the thread', () => {
    const { irqs, delays, inTask, raise } = machine('edge');
    const counts = { primary: 0, thread: 0 };
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, () => (counts.primary++, IRQ_WAKE_THREAD), function* () {
        counts.thread++;
        yield* delays.msleep(20);
        return IRQ_HANDLED;
      }, 0, 'dev', 1);
      for (let n = 0; n < 3; n++) {
        yield* raise();
        yield* delays.msleep(1);
      }
    });
    expect(counts).toEqual({ primary: 3, thread: 2 });
  });

  test('21: fasteoi while disabled masks and ends; of a level line nothing is replayed', () => {
    const { irqs, inTask, raise, request, log } = machine('fasteoi');
    inTask(function* () {
      irqs.irqModifyStatus(IRQ, 0, IRQ_LEVEL);
      yield* request(0);
      log.length = 0;
      yield* irqs.disableIrq(IRQ);
      yield* raise();
      irqs.enableIrq(IRQ);
    });
    expect(log).toEqual(['mask', 'eoi', 'unmask']);
  });

  test('22: five edges while disabled are one replay', () => {
    const { irqs, inTask, raise, request, log } = machine('edge');
    inTask(function* () {
      yield* request(0);
      log.length = 0;
      yield* irqs.disableIrq(IRQ);
      yield* raise(5);
      irqs.enableIrq(IRQ);
      log.push('enabled');
    });
    expect(log).toEqual(['mask', ...Array<string>(5).fill('ack'), 'unmask', 'enabled', 'ack', 'h1']);
  });
});

describe('disabling', () => {
  test('23: calls nest; 24: one enable too many is reported; 25: a lazy disabling that met no interrupt is no chip call', () => {
    const { irqs, inTask, request, log, codes } = machine();
    const depths: (number | undefined)[] = [];
    inTask(function* () {
      yield* request(0);
      log.length = 0;
      yield* irqs.disableIrq(IRQ);
      yield* irqs.disableIrq(IRQ);
      for (let n = 0; n < 3; n++) {
        irqs.enableIrq(IRQ);
        depths.push(irqs.irqState(IRQ)?.depth);
      }
    });
    expect(depths).toEqual([1, 0, 0]);
    expect(log).toEqual([]);
    expect(codes()).toEqual(['IRQ_UNBALANCED_ENABLE']);
  });

  test('28: NO_AUTOEN: not started, an interrupt is not counted; the first enable starts the line', () => {
    const { irqs, inTask, raise, request, log } = machine('edge');
    inTask(function* () {
      yield* request(IRQF_NO_AUTOEN);
      yield* raise();
      expect(irqs.irqState(IRQ)).toMatchObject({ started: false, totCount: 0, depth: 1 });
      irqs.enableIrq(IRQ);
    });
    expect(log).toEqual(['ack', 'unmask', 'ack', 'h1']);
  });

  test('30: disable_irq in a handler of the line is a deadlock', () => {
    const { irqs, inTask, raise, codes } = machine();
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, function* (): Atomic<number> {
        irqs.disableIrqNosync(IRQ);
        yield* irqs.synchronizeHardirq(IRQ);
        return IRQ_HANDLED;
      }, null, 0, 'dev', 1);
      yield* raise();
    });
    expect(codes()).toEqual(['SELF_DEADLOCK']);
  });

  test('a task on CPU 0 waits for the handler that is busy on CPU 1', () => {
    const { cpus, clock, irqs, start, run, log } = machine('level', [], { nrCpus: 2 });
    start(function* () {
      yield* irqs.requestThreadedIrq(IRQ, function* (): Atomic<number> {
        yield* cpus.busyUntil(clock.now() + 50_000);
        log.push(`handled on CPU ${cpus.cpu}`);
        return IRQ_HANDLED;
      }, null, 0, 'dev', 1);
      cpus.raiseVector(1, VECTOR);
      yield* cpus.busyUntil(clock.now() + 10_000);
      log.length = 0;
      yield* irqs.synchronizeIrq(IRQ);
      log.push(`synchronized on CPU ${cpus.cpu}`);
    });
    run(1e9);
    expect(log).toEqual(['handled on CPU 1', 'unmask', 'synchronized on CPU 0']);
  });
});

describe('a line that nobody cares for', () => {
  test('31: judged at 100000, although the last one was handled', () => {
    const { irqs, inTask, raise, found } = machine();
    let calls = 0;
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, () => (++calls === 100_000 ? IRQ_HANDLED : IRQ_NONE), null, IRQF_SHARED, 'dev', 1);
      yield* raise(99_999);
      expect(irqs.irqState(IRQ)).toMatchObject({ disabled: false, irqCount: 99_999, irqsUnhandled: 99_999 });
      yield* raise();
      expect(irqs.irqState(IRQ)).toMatchObject({ disabled: true, irqCount: 0, irqsUnhandled: 0, depth: 1 });
    });
    expect(found.map(({ message }) => message)).toEqual([
      'WARNING: IRQ_NOBODY_CARED: irq 24: nobody cared (try booting with the "irqpoll" option)',
    ]);
  });

  test('32: one each 26 jiffies is never too many; 33: 99900 of 100000 are not', () => {
    const { irqs, delays, inTask, raise } = machine();
    let calls = 0;
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, () => (++calls > 99_910 ? IRQ_HANDLED : IRQ_NONE), null, 0, 'dev', 1);
      for (let n = 0; n < 5; n++) {
        yield* raise();
        yield* delays.msleep(104);
        expect(irqs.irqState(IRQ)?.irqsUnhandled).toBe(1);
      }
    });
    calls = 10;
    inTask(function* () {
      yield* raise(99_995);
      expect(irqs.irqState(IRQ)).toMatchObject({ disabled: false, irqCount: 0, irqsUnhandled: 0 });
    });
  });

  test('34: a new action enables it again', () => {
    const { irqs, inTask, raise, request } = machine();
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, () => IRQ_NONE, null, IRQF_SHARED, 'dev', 1);
      yield* raise(100_000);
      expect(irqs.irqState(IRQ)?.disabled).toBe(true);
      yield* request(IRQF_SHARED, 2);
      expect(irqs.irqState(IRQ)).toMatchObject({ disabled: false, irqCount: 0, irqsUnhandled: 0, depth: 0 });
    });
  });
});

describe('freeing', () => {
  test('36: a wrong dev_id is reported, the line stays; 38: only the last action makes a chip call', () => {
    const { irqs, inTask, request, log, codes } = machine();
    const names: (string | null)[] = [];
    inTask(function* () {
      yield* request(IRQF_SHARED, 1, 1, 'one');
      yield* request(IRQF_SHARED, 2, 1, 'two');
      log.length = 0;
      for (const devId of [3, 1]) names.push(yield* irqs.freeIrq(IRQ, devId));
      expect(log).toEqual([]);
      names.push(yield* irqs.freeIrq(IRQ, 2));
    });
    expect(names).toEqual([null, 'one', 'two']);
    expect(log).toEqual(['mask']);
    expect(codes()).toEqual(['IRQ_FREE_UNKNOWN']);
  });

  test('37: it waits for the thread function, however long that sleeps', () => {
    const { irqs, delays, inTask, raise, log } = machine('edge');
    inTask(function* () {
      yield* irqs.requestThreadedIrq(IRQ, () => IRQ_WAKE_THREAD, function* () {
        yield* delays.msleep(30);
        log.push('thread ended');
        return IRQ_HANDLED;
      }, 0, 'dev', 1);
      yield* raise();
      yield* delays.msleep(1);
      log.length = 0;
      yield* irqs.freeIrq(IRQ, 1);
      log.push('freed');
    });
    expect(log).toEqual(['mask', 'thread ended', 'freed']);
  });
});

describe('tasklets', () => {
  test('45: scheduled twice it runs once, and its function may schedule it again; 49: hi comes first', () => {
    const { softirqs, tasklets, inTask, log } = machine();
    let again = true;
    const own: number = tasklets.create(() => {
      log.push('own');
      if (again) tasklets.taskletSchedule(own);
      again = false;
    });
    const hi = tasklets.create(() => void log.push('hi'));
    inTask(function* () {
      yield* [];
      softirqs.localBhDisable();
      tasklets.taskletSchedule(own);
      tasklets.taskletSchedule(own);
      tasklets.taskletHiSchedule(hi);
      softirqs.localBhEnable();
      log.push('enabled');
    });
    expect(log).toEqual(['hi', 'own', 'own', 'enabled']);
  });

  test('47: a disabled one is put back until it is enabled; 48: killed when idle its state is 0', () => {
    const { tasklets, delays, inTask, log } = machine();
    const own = tasklets.create(() => void log.push('ran'));
    inTask(function* () {
      tasklets.taskletDisableNosync(own);
      tasklets.taskletSchedule(own);
      yield* delays.msleep(4);
      log.push('enable');
      tasklets.taskletEnable(own);
      yield* delays.msleep(4);
      yield* tasklets.taskletKill(own);
      log.push(`state ${tasklets.state(own)}`);
    });
    expect(log).toEqual(['enable', 'ran', 'state 0']);
  });
});
