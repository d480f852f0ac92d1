import { HARDIRQ_OFFSET, SCHEDULE, SOFTIRQ_OFFSET, type Atomic, type Sleepable } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { createEngine, type Engine } from '@kmem/hw';

/** An engine whose CPUs write down what they do, as `time cpu text`. */
function recorded(options: Parameters<typeof createEngine>[0] = {}): Engine & { log: string[]; note: (text: string) => void } {
  const engine = createEngine(options);
  const log: string[] = [];
  return { ...engine, log, note: (text) => void log.push(`${engine.clock.now()} ${engine.cpus.cpu} ${text}`) };
}

describe('types', () => {
  test('code that may sleep does not compile inside atomic code; the other way round does', () => {
    function* sleeps(): Sleepable<number> {
      yield SCHEDULE;
      return 1;
    }
    function* spins(): Atomic<number> {
      // @ts-expect-error atomic code cannot yield to the scheduler
      yield SCHEDULE;
      // @ts-expect-error nor pass on that somebody else does
      return yield* sleeps();
    }
    function* both(): Sleepable<number> {
      return yield* spins();
    }
    const { cpus } = createEngine();
    // @ts-expect-error an interrupt handler may not sleep
    cpus.setVectorHandler(0x30, () => sleeps());
    cpus.setVectorHandler(0x30, () => undefined);
    expect([...both()]).toEqual([SCHEDULE, SCHEDULE]);
  });
});

describe('time', () => {
  test('the CPU that is furthest behind goes on, of two the lower number', () => {
    const { cpus, execution, run, log, note } = recorded({ nrCpus: 2 });
    function* work(ns: number): Sleepable<void> {
      for (let i = 1; i <= 3; i++) {
        yield* cpus.busyUntil(i * ns);
        note('works');
      }
    }
    execution.execute(0, work(20));
    execution.execute(1, work(10));
    expect(run()).toBe(false);
    expect(log).toEqual(['10 1 works', '20 0 works', '20 1 works', '30 1 works', '40 0 works', '60 0 works']);
  });

  test('an interrupt comes inside a busy wait and does not prolong it', () => {
    const { cpus, execution, clockEvent, run, log, note } = recorded();
    cpus.setVectorHandler(0xec, function* (): Atomic<void> {
      note('timer');
      yield* cpus.busyUntil(60);
      note('timer ends');
    });
    function* task(): Sleepable<void> {
      clockEvent.program(0, 1050);
      yield* cpus.busyUntil(1100);
      note('task');
    }
    execution.execute(0, task());
    run();
    expect(log).toEqual(['1050 0 timer', '1050 0 timer ends', '1100 0 task']);
  });

  test('a plain function that takes time is interrupted too, and others catch up afterwards', () => {
    const { cpus, execution, clockEvent, run, log, note } = recorded({ nrCpus: 2 });
    cpus.setVectorHandler(0xec, () => note('timer'));
    function* busy(): Sleepable<void> {
      yield* cpus.busyUntil(0);
      clockEvent.program(0, 5000);
      cpus.charge(9000);
      note('busy');
    }
    function* other(): Sleepable<void> {
      yield* cpus.busyUntil(3000);
      note('other');
    }
    execution.execute(0, busy());
    execution.execute(1, other());
    run();
    expect(log).toEqual(['5000 0 timer', '9000 0 busy', '3000 1 other']);
  });

  test('a CPU that spins sees what another one did', () => {
    const { cpus, execution, run, log, note } = recorded({ nrCpus: 2 });
    let flag = false;
    function* waiter(): Sleepable<void> {
      while (!flag) yield* cpus.cpuRelax();
      note('seen');
    }
    function* setter(): Sleepable<void> {
      yield* cpus.busyUntil(30_000_000);
      flag = true;
    }
    execution.execute(0, waiter());
    execution.execute(1, setter());
    run();
    expect(log).toEqual(['30000100 0 seen']);
  });

  test('a CPU that spins is let go on by its own interrupt, however far the next event of the others is', () => {
    const { cpus, execution, clockEvent, at, run, log, note } = recorded({ nrCpus: 2 });
    let flag = false;
    cpus.setVectorHandler(0xec, () => void (flag = true));
    function* waiter(): Sleepable<void> {
      clockEvent.program(0, 5000);
      while (!flag) yield* cpus.cpuRelax();
      note('seen');
    }
    at(1, 1_000_000, () => undefined);
    execution.execute(0, waiter());
    run();
    expect(log).toEqual(['5000 0 seen']);
  });

  test('a plain function that waits for another CPU is reported, not waited for', () => {
    const { cpus, execution, run } = recorded({ nrCpus: 2 });
    function* task(): Sleepable<void> {
      yield* cpus.busyUntil(0);
      cpus.runNow(cpus.cpuRelax());
    }
    execution.execute(0, task());
    expect(() => run()).toThrow('SPIN_IN_PLAIN');
  });
});

describe('interrupts', () => {
  test('interrupts that are off wait, the highest vector comes first when they come on', () => {
    const { cpus, execution, run, log, note } = recorded();
    for (const vector of [0x21, 0xec, 0xf6]) cpus.setVectorHandler(vector, () => note(`vector ${vector.toString(16)}`));
    function* task(): Sleepable<void> {
      cpus.localIrqDisable();
      for (const vector of [0x21, 0xf6, 0xec, 0x21]) cpus.raiseVector(0, vector);
      note('off');
      yield* cpus.busyUntil(10);
      cpus.localIrqEnable();
      note('on');
    }
    execution.execute(0, task());
    run();
    expect(log).toEqual(['0 0 off', '10 0 vector f6', '10 0 vector ec', '10 0 vector 21', '10 0 on']);
  });

  test('a handler counts as hard interrupt, what it left to do runs when it ends and can be interrupted', () => {
    const { cpus, execution, run, at, log, note } = recorded();
    let pending = true;
    cpus.setVectorHandler(0x30, () => note(`hard ${cpus.preemptCount() === HARDIRQ_OFFSET} ${cpus.irqsDisabled()}`));
    cpus.setVectorHandler(0x31, () => note(`nested ${cpus.preemptCount() === HARDIRQ_OFFSET + SOFTIRQ_OFFSET}`));
    function* softirq(): Atomic<void> {
      pending = false;
      cpus.preemptCountAdd(SOFTIRQ_OFFSET);
      yield* cpus.enableIrqs();
      yield* cpus.busyUntil(100);
      note(`soft ${cpus.inTask()}`);
      cpus.localIrqDisable();
      cpus.preemptCountSub(SOFTIRQ_OFFSET);
    }
    execution.setHooks({ interruptExit: () => (pending ? softirq() : undefined) });
    function* task(): Sleepable<void> {
      yield* cpus.busyUntil(20);
      note(`task ${cpus.preemptible()}`);
    }
    at(0, 10, () => cpus.raiseVector(0, 0x30));
    at(0, 50, () => cpus.raiseVector(0, 0x31));
    execution.execute(0, task());
    run();
    expect(log).toEqual(['10 0 hard true true', '50 0 nested true', '100 0 soft false', '100 0 task true']);
  });

  test('an idle CPU is kicked by another one and asks what to do', () => {
    const { cpus, execution, run, log, note } = recorded({ nrCpus: 2 });
    function* work(): Sleepable<void> {
      yield* cpus.busyUntil(0);
      note('works');
    }
    execution.setHooks({ schedule: (cpu) => execution.execute(cpu, work()) });
    function* kicker(): Sleepable<void> {
      yield* cpus.busyUntil(40);
      execution.kick(1);
    }
    execution.execute(0, kicker());
    run();
    expect(log).toEqual(['40 1 works']);
  });
});

test('chooseCpu decides between CPUs that can act at the same instant, and only between them', () => {
  const { cpus, execution, run, log, note } = recorded({ nrCpus: 2, chooseCpu: (ready) => ready.at(-1) ?? 0 });
  function* work(): Sleepable<void> {
    note('first');
    yield* cpus.interleave();
    note('second');
  }
  execution.execute(0, work());
  execution.execute(1, work());
  run();
  expect(log).toEqual(['0 1 first', '0 1 second', '0 0 first', '0 0 second']);
});

test('options out of range are named', () => {
  expect(() => createEngine({ nrCpus: 65 })).toThrow('nrCpus: expected an integer from 1 to 64, got 65');
  expect(() => createEngine({ relaxNs: 0 })).toThrow('relaxNs: expected an integer from 1');
});
