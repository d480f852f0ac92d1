/**
 * Steps about when timers of the wheel fire: many armed inside one jiffy, or a few in a given order.
 *
 * `fired` lines say when each fired. With `rows`, [delta, idx, fired_after, order] each, their deltas are also what is armed.
 * Jiffies in the other lines count from the one in which the first timer was armed.
 */
import type { Atomic, Sleepable, TimerId } from '@kmem/contracts';
import { TASK_UNINTERRUPTIBLE, TIMER_PINNED } from '@kmem/contracts';
import type { ScenarioRun } from './scenario-run.js';
import { TICK_NS } from './scenario-run.js';
import { numberOf, type StepFamily } from './step-kinds.js';

/** Jiffies for which an idle driver sleeps before it looks whether all have fired. */
const LOOK_JIFFIES = 25_000;

/** What these steps are called, and the resource they are about. */
export const WHEEL_FAMILY = {
  resources: ['timers'],
  steps: ['local_irq_disable', 'local_irq_enable', 'add_timers', 'add_timer', 'log', 'wait_fired', 'fired_rows'],
};

/** A timer that was armed. */
interface ArmedTimer {
  readonly id: number;
  readonly timer: TimerId;
  readonly expires: number;
  /** Jiffy in which it fired, and how many had fired by then; 0 before that. */
  firedAt: number;
  order: number;
  preemptCount: number;
}

/**
 * Makes the steps of such a script.
 *
 * @param run - the scenario.
 * @returns the steps.
 */
export function wheelSteps(run: ScenarioRun): StepFamily {
  const { cpus, clock, sched, timers } = run.kernel;
  const armed: ArmedTimer[] = [];
  let fired = 0;
  let base = 0;

  function arm(id: number, expires: number): ArmedTimer {
    const timer = timers.create();
    const own = { id, timer, expires, firedAt: 0, order: 0, preemptCount: 0 };
    const fire = (): void => {
      Object.assign(own, { firedAt: timers.jiffies, order: ++fired, preemptCount: cpus.preemptCount() });
    };
    timers.timerSetup(timer, fire, TIMER_PINNED);
    timers.addTimer(timer, expires);
    armed.push(own);
    return own;
  }

  /** Rows of a recorded line; none for a line without. */
  const rowsOf = (members: { readonly rows?: unknown }): readonly (readonly number[])[] =>
    // A line that has rows has arrays of numbers in them.
    Array.isArray(members.rows) ? (members.rows as readonly (readonly number[])[]) : [];

  /** Timers of the system have moved the clock of the wheel, so it is an input. */
  function takeClock(clk: number): void {
    if (armed.length === 0) base = timers.jiffies;
    timers.setBaseClock(cpus.cpu, clk);
  }

  function* waitFired(how: unknown, limit: number): Sleepable<void> {
    const begin = timers.jiffies;
    while (fired < armed.length) {
      if (how === 'idle') {
        const left = begin + limit - timers.jiffies;
        if (left <= 0) return;
        sched.setCurrentState(TASK_UNINTERRUPTIBLE);
        yield* timers.scheduleTimeout(Math.min(left, LOOK_JIFFIES));
        continue;
      }
      yield* cpus.busyUntil(clock.now() - (clock.now() % TICK_NS) + TICK_NS);
      if (how === 'busy-yield') yield* sched.condResched();
    }
  }

  function writeFired(): void {
    const inOrder = [...armed].sort((a, b) => a.order - b.order);
    for (let at = 0; at < armed.length; ) {
      const nr = rowsOf(run.next?.members ?? {}).length;
      if (nr === 0) {
        const { order, id, expires, firedAt } = inOrder[at++];
        run.writeRow('fired', { a: { order, id, expires: expires - base, at: firedAt - base } });
        continue;
      }
      const own = armed.slice(at, at + nr);
      at += nr;
      const values = own.map(({ id, timer, firedAt, order }) => [id, timers.bucket(timer), firedAt - base, order]);
      run.writeRow('fired', { cols: 'delta,idx,fired_after,order', rows: values });
    }
  }

  return {
    atomic: {
      *local_irq_disable() {
        yield* run.catchUp();
        cpus.localIrqDisable();
      },
      local_irq_enable: () => cpus.enableIrqs(),
      *add_timers() {
        yield* run.catchUp();
        takeClock(Number(run.next?.a['clk']));
        for (const { members } of run.scenario.lines) for (const [delta] of rowsOf(members)) arm(delta, base + delta);
      },
      *add_timer(step): Atomic<void> {
        yield* run.catchUp();
        const wasOff = cpus.localIrqSave();
        const clk = Number(run.next?.a['clk']);
        takeClock(armed.length === 0 ? timers.jiffies + clk : base + clk);
        const { id, timer, expires } = arm(numberOf(step, 'timer'), base + numberOf(step, 'at'));
        run.write('arm', { id, expires: expires - base, idx: timers.bucket(timer), clk });
        cpus.localIrqRestore(wasOff);
      },
      *log(step) {
        yield* run.catchUp();
        if (step['ev'] === 'context') run.write('context', { callback_preempt_count: armed[0].preemptCount });
        // What it says of the clock before and after is an input.
        else run.write('armed', { ...run.next?.a, jiffies: String(timers.jiffies), count: armed.length });
      },
      *fired_rows() {
        yield* run.catchUp();
        writeFired();
      },
    },
    sleepable: { wait_fired: (step) => waitFired(step['how'], numberOf(step, 'limit')) },
  };
}
