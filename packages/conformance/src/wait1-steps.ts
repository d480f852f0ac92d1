/**
 * Steps about the character device `wait1`: a ring that passes on single bytes, and processes that read and write it.
 *
 * ```
 * ring[0 .. ringsize - 1]    head: next byte to read; tail: where the next one goes
 * head = tail                empty
 * (tail + 1) % ringsize = head   full: one slot stays free
 * ```
 *
 * Readers and writers wait in one queue. How long a process needs between its calls is not recorded: it makes its next
 * call when the recording has a line of it. (waitq spec 11.2)
 */
import type { Sleepable, TaskId } from '@kmem/contracts';
import {
  EAGAIN,
  EFAULT,
  EINTR,
  SIGKILL,
  SIGSTOP,
  SIGUSR1,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_STOPPED,
  TASK_UNINTERRUPTIBLE,
} from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun, Step } from './scenario-run.js';
import { numberOf, type SleepableStep, type StepFamily } from './step-kinds.js';

/** Signals that reach a process; it ignores others. */
const SIGNALS: Readonly<Record<string, number>> = { SIGUSR1, SIGKILL, SIGSTOP };
/** Interrupted reads after which a reader gives up. */
const MAX_INTERRUPTED_READS = 3;

/** What these steps are called, and the resource they are about. */
export const WAIT1_FAMILY = {
  resources: ['device'],
  steps: ['fork', 'wait', 'kill', 'proc_state', 'read', 'write', 'plan', 'usleep', 'log'],
};

/** The device. */
class Wait1Device {
  readonly #run: ScenarioRun;
  readonly #ring: Uint8Array;
  readonly #queue: number;
  #head = 0;
  #tail = 0;

  constructor(run: ScenarioRun, ringSize: number) {
    this.#run = run;
    this.#ring = new Uint8Array(ringSize);
    this.#queue = run.kernel.waitQueues.createHead();
  }

  /** Reads a byte; returns it, or a negative errno. */
  *read(count: number, nonblock: boolean, badPointer: boolean): Sleepable<number> {
    this.#run.write('read', { count, ...this.#indices(), nonblock: nonblock ? 1 : 0 });
    const failed = yield* this.#waitWhile(() => this.#isEmpty(), 'read', 'empty', nonblock);
    if (failed !== 0) return failed;
    const byte = this.#ring[this.#head];
    this.#head = (this.#head + 1) % this.#ring.length;
    yield* this.#run.kernel.sched.mightSleep();
    // It is lost.
    if (badPointer) return -EFAULT;
    this.#run.write('read-byte', { byte, ...this.#indices() });
    this.#wake();
    return byte;
  }

  /** Writes a byte; returns 1, or a negative errno. */
  *write(count: number, byte: number, nonblock: boolean, badPointer: boolean): Sleepable<number> {
    this.#run.write('write', { count, ...this.#indices() });
    const failed = yield* this.#waitWhile(() => this.#isFull(), 'write', 'full', nonblock);
    if (failed !== 0) return failed;
    yield* this.#run.kernel.sched.mightSleep();
    if (badPointer) return -EFAULT;
    this.#ring[this.#tail] = byte;
    this.#tail = (this.#tail + 1) % this.#ring.length;
    this.#run.write('write-byte', { byte, ...this.#indices() });
    this.#wake();
    return 1;
  }

  *#waitWhile(condition: () => boolean, call: string, name: string, nonblock: boolean): Sleepable<number> {
    const { sched, waitQueues } = this.#run.kernel;
    while (condition()) {
      if (nonblock) {
        this.#run.write(`${call}-eagain`, { x: 0 });
        return -EAGAIN;
      }
      this.#run.write(`${call}-sleep`, { x: 0 });
      const ret = yield* waitQueues.waitEvent(this.#queue, () => !condition(), TASK_INTERRUPTIBLE);
      const hasSignal = sched.signalPending(sched.current);
      this.#run.write(`${call}-wake`, { ret, signal_pending: hasSignal ? 1 : 0, [name]: condition() ? 1 : 0 });
      if (hasSignal) return -EINTR;
    }
    return 0;
  }

  #indices(): { head: number; tail: number } {
    return { head: this.#head, tail: this.#tail };
  }

  #isEmpty(): boolean {
    return this.#head === this.#tail;
  }

  #isFull(): boolean {
    return (this.#tail + 1) % this.#ring.length === this.#head;
  }

  #wake(): void {
    this.#run.kernel.waitQueues.wakeUp(this.#queue, TASK_INTERRUPTIBLE, 1);
  }
}

/**
 * Makes the device of a script, and its steps.
 *
 * @param run - the scenario.
 * @returns the steps.
 */
export function wait1Steps(run: ScenarioRun): StepFamily {
  const { sched, delays } = run.kernel;
  // Without it the script belongs to another family.
  const ringSize = numberOf(run.scenario.script['device'] as JsonObject, 'ringsize');
  const device = new Wait1Device(run, ringSize);
  const processes = new Map<unknown, TaskId>();
  /** Processes that are between two calls. */
  const waiting = new Map<string, TaskId>();
  let ended = 0;
  let nonblock = false;
  let main: TaskId = 0;

  run.onWritten = () => {
    const task = waiting.get(String(run.next?.members['task']));
    if (task !== undefined) sched.wakeUpProcess(task);
  };

  /** Waits, as a process in user space, until the recording goes on with it. */
  function* turn(): Sleepable<void> {
    const name = sched.comm(sched.current);
    while (run.next?.members['task'] !== name) {
      waiting.set(name, sched.current);
      sched.setCurrentState(TASK_IDLE);
      yield* sched.schedule();
    }
    waiting.delete(name);
  }

  /** What comes of signals when a call returns; false when the process ends of them. */
  function* signals(): Sleepable<boolean> {
    const self = sched.current;
    if (sched.signalPendingState(TASK_STOPPED, self)) return false;
    if (stopped.delete(self)) {
      sched.flushSignals(self);
      sched.setCurrentState(TASK_STOPPED);
      yield* sched.schedule();
    }
    // A handler that does nothing.
    sched.flushSignals(self);
    return true;
  }
  /** Processes that were sent SIGSTOP and have not noticed. */
  const stopped = new Set<TaskId>();

  function* reader(reads: number): Sleepable<void> {
    let interrupted = 0;
    for (let got = 0; got < reads; ) {
      yield* turn();
      const byte = yield* device.read(1, nonblock, false);
      if (!(yield* signals())) return;
      if (byte >= 0) got++;
      else if (byte !== -EINTR || ++interrupted > MAX_INTERRUPTED_READS) return;
    }
  }

  function* writer(text: string, chunk: number): Sleepable<void> {
    for (let sent = 0; sent < text.length; ) {
      yield* turn();
      const ret = yield* device.write(Math.min(chunk, text.length - sent), text.charCodeAt(sent), nonblock, false);
      if (!(yield* signals())) return;
      if (ret > 0) sent += ret;
      else if (ret !== -EINTR) return;
    }
  }

  function* process(program: JsonObject): Sleepable<number> {
    for (const sig of Object.values(SIGNALS)) sched.allowSignal(sig);
    if ('reads' in program) yield* reader(numberOf(program, 'reads'));
    else yield* writer(String(program['writes']), numberOf(program, 'chunk'));
    ended++;
    sched.wakeUpProcess(main);
    return 0;
  }

  function kill(step: Step): void {
    const task = processes.get(step['who']);
    if (task === undefined) throw new TypeError(`no process ${String(step['who'])}`);
    const sig = SIGNALS[String(step['sig'])];
    if (step['sig'] === 'SIGCONT') sched.tryToWakeUp(task, TASK_STOPPED, 0);
    if (sig === undefined) return;
    if (sig === SIGSTOP) stopped.add(task);
    sched.sendSig(sig, task);
  }

  const sleepable: Record<string, SleepableStep> = {
    *fork(step) {
      yield* run.catchUp();
      const name = String(step['name']);
      // Every fork of a script has a program.
      const task = sched.kthreadCreate(() => process(step['program'] as JsonObject), name, 0);
      processes.set(name, task);
      sched.wakeUpProcess(task);
    },
    *wait(step) {
      main = sched.current;
      while (ended < numberOf(step, 'children')) {
        sched.setCurrentState(TASK_UNINTERRUPTIBLE);
        yield* sched.schedule();
      }
      ended -= numberOf(step, 'children');
    },
    usleep: (step) => delays.usleepRange(numberOf(step, 'us'), numberOf(step, 'us')),
    *kill(step) {
      yield* run.catchUp();
      kill(step);
    },
    *log(step) {
      yield* run.catchUp();
      // A line of a script has values.
      run.write(String(step['ev']), step['a'] as JsonObject);
    },
    *'set:nonblock'(step) {
      yield* run.catchUp();
      nonblock = numberOf(step, 'nonblock') !== 0;
    },
    read: (step) => device.read(numberOf(step, 'count'), nonblock, numberOf(step, 'bad_pointer') !== 0),
    write: (step) =>
      device.write(numberOf(step, 'count'), String(step['bytes']).charCodeAt(0), nonblock, numberOf(step, 'bad_pointer') !== 0),
    // What these two print is in another recording.
    plan: () => run.catchUp(),
    proc_state: () => run.catchUp(),
  };
  return {
    atomic: {},
    sleepable,
    begun: () => run.write('setup', { ringsize: ringSize }),
    hasEnd: false,
  };
}
