// What is timed of the execution model: changing the task of a CPU, and bringing an interrupt to its handler.
import { SCHEDULE } from "@kmem/contracts";
import { createEngine } from "@kmem/hw";
import { boot } from "@kmem/kernel";

const RESUME = "bare generator resumed";
const CALL = "bare call through an event queue";
const OURS = "@kmem/kernel";
const VECTOR = 0x20;

/** A booted machine with one CPU on which two tasks give way to each other; a step is one switch. */
function makeSwitching() {
  const { sched, step } = boot();
  let turns = 0;
  function* giveWay() {
    for (;;) {
      turns++;
      yield* sched.schedule();
    }
  }
  for (const name of ["a", "b"]) sched.wakeUpProcess(sched.kthreadCreate(giveWay, name, 0));
  // The idle CPU has to be told first.
  step();
  return (steps) => {
    turns = 0;
    for (let i = 0; i < steps; i++) step();
    return steps - turns;
  };
}

/** The limit: one generator that yields a number; a step is one `next`. */
function makeResuming() {
  function* count() {
    for (;;) yield SCHEDULE;
  }
  const code = count();
  return (steps) => {
    let sum = 0;
    for (let i = 0; i < steps; i++) sum += code.next().value;
    return steps * SCHEDULE - sum;
  };
}

/** A booted machine whose idle CPU is interrupted; a step is one interrupt, from the device's event to the end of its handler. */
function makeInterrupted() {
  const { cpus, clock, at, step } = boot();
  let handled = 0;
  cpus.setVectorHandler(VECTOR, () => void handled++);
  const raise = () => cpus.raiseVector(0, VECTOR);
  return (steps) => {
    handled = 0;
    for (let i = 0; i < steps; i++) {
      at(0, clock.now() + 1, raise);
      step();
    }
    return steps - handled;
  };
}

/** The limit: the same event queue, calling the handler itself; a step is one call. */
function makeCalled() {
  const { clock, at, step } = createEngine();
  let handled = 0;
  const handle = () => void handled++;
  return (steps) => {
    handled = 0;
    for (let i = 0; i < steps; i++) {
      at(0, clock.now() + 1, handle);
      step();
    }
    return steps - handled;
  };
}

/** Each contestant is its loop. */
const asMade = (loop) => loop;

export const executionCases = {
  "context-switch": {
    title: "Two tasks that give way to each other",
    contestants: { [OURS]: { make: makeSwitching }, [RESUME]: { make: makeResuming } },
    ours: OURS,
    limit: RESUME,
    against: [RESUME],
    targets: { [RESUME]: 4 },
    loop: asMade,
  },
  interrupt: {
    title: "An interrupt of an idle CPU, from the device's event to the end of its handler",
    contestants: { [OURS]: { make: makeInterrupted }, [CALL]: { make: makeCalled } },
    ours: OURS,
    limit: CALL,
    against: [CALL],
    targets: { [CALL]: 10 },
    loop: asMade,
  },
};
