/**
 * WaitKinds: what tasks of a script do, by the name of how they wait.
 *
 * ```
 * wait_event[_interruptible|_killable|_idle][_exclusive]     until cond
 * exclusive STATE                                            the same without looking before it is queued
 * one-shot STATE [exclusive]                                 until woken once
 * persistent entry STATE                                     three times, with one entry that stays queued
 * swait STATE, wait_for_completion[_interruptible|_killable], wait_on_bit
 * ```
 */
import type { BitWord, CompletionId, Sleepable, SwaitHeadId, WaitHeadId } from '@kmem/contracts';
import {
  SIGKILL,
  SIGUSR1,
  TASK_IDLE,
  TASK_INTERRUPTIBLE,
  TASK_KILLABLE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
  WOULD_BLOCK,
  WQ_FLAG_EXCLUSIVE,
} from '@kmem/contracts';
import type { JsonObject } from './json-line.js';
import type { ScenarioRun } from './scenario-run.js';

/** A task that waits. */
export interface WaitingTask {
  /** Its number in lines. */
  readonly id: number;
  /** How it waits. */
  readonly kind: string;
  /** What it waits for: 1 when it has come. */
  cond: number;
  /** It has written its last line. */
  finished: boolean;
}

const STATES: Readonly<Record<string, number>> = {
  INTERRUPTIBLE: TASK_INTERRUPTIBLE,
  UNINTERRUPTIBLE: TASK_UNINTERRUPTIBLE,
  KILLABLE: TASK_KILLABLE,
  IDLE: TASK_IDLE,
};
const NAMES = [
  /^(wait_event)(?:_(interruptible|killable|idle))?(_exclusive)?$/,
  /^(one-shot) (INTERRUPTIBLE|UNINTERRUPTIBLE|KILLABLE|IDLE)( exclusive)?$/,
  /^(exclusive|swait|persistent entry) (INTERRUPTIBLE|UNINTERRUPTIBLE|KILLABLE|IDLE)$/,
  /^(wait_for_completion)(?:_(interruptible|killable))?$/,
  /^(wait_on_bit)$/,
];
/** Wake-ups after which a task with a persistent entry stops. */
const PERSISTENT_ROUNDS = 3;

/**
 * Tells whether tasks can wait in some way.
 *
 * @param kind - the way.
 * @returns true when it is known.
 */
export function isWaitKind(kind: unknown): boolean {
  return NAMES.some((name) => name.test(String(kind)));
}

/** The code of such tasks, and what they wait in. */
export class WaitKinds {
  /** The queue. */
  readonly head: WaitHeadId;
  /** The simple queue. */
  readonly simpleHead: SwaitHeadId;
  /** The completion. */
  readonly completion: CompletionId;
  /** The word with the bit. */
  readonly word: BitWord;
  /** Whether the bit is set. */
  bitIsSet = true;
  /** No lines are written any more. */
  muted = false;
  readonly #run: ScenarioRun;
  readonly #bit: number;

  /**
   * @param run - the scenario.
   * @param bit - the bit that tasks wait for.
   */
  constructor(run: ScenarioRun, bit: number) {
    const { waitQueues, simpleWaitQueues, completions } = run.kernel;
    this.#run = run;
    this.#bit = bit;
    this.head = waitQueues.createHead();
    this.simpleHead = simpleWaitQueues.createHead();
    this.completion = completions.create();
    this.word = { address: 8, test: () => this.bitIsSet };
  }

  /**
   * Is the code of a task: says that it is about to sleep, waits, says how that ended.
   *
   * @param own - the task.
   * @returns 0.
   */
  *run(own: WaitingTask): Sleepable<number> {
    const { sched } = this.#run.kernel;
    sched.allowSignal(SIGUSR1);
    sched.allowSignal(SIGKILL);
    yield* this.#write('sleep', { id: own.id, kind: own.kind });
    const ret = yield* this.#wait(own);
    yield* this.#write('done', { id: own.id, ret, signal_pending: sched.signalPending(sched.current) ? 1 : 0 });
    own.finished = true;
    return 0;
  }

  #wait(own: WaitingTask): Sleepable<number> {
    const { waitQueues, simpleWaitQueues, completions, bitWaits } = this.#run.kernel;
    const found = NAMES.map((name) => name.exec(own.kind)).find((match) => match !== null);
    const [, how = '', stateName = 'UNINTERRUPTIBLE', exclusive] = found ?? [];
    const state = STATES[stateName.toUpperCase()];
    const condition = (): boolean => this.#evaluate(own);
    switch (how) {
      case 'wait_event':
        return waitQueues.waitEvent(this.head, condition, state, exclusive !== undefined);
      case 'exclusive':
        return this.#waitExclusive(condition, state);
      case 'one-shot':
        return this.#oneShot(own, state, exclusive !== undefined);
      case 'persistent entry':
        return this.#persistent(own, state);
      case 'swait':
        return simpleWaitQueues.swaitEvent(this.simpleHead, condition, state);
      case 'wait_for_completion':
        return completions.waitForCompletion(this.completion, state);
      default:
        return bitWaits.waitOnBit(this.word, this.#bit, state);
    }
  }

  *#waitExclusive(condition: () => boolean, state: number): Sleepable<number> {
    const { sched, waitQueues } = this.#run.kernel;
    const entry = waitQueues.createEntry();
    waitQueues.initEntry(entry, sched.current, waitQueues.autoremoveWake);
    waitQueues.setFlags(entry, WQ_FLAG_EXCLUSIVE);
    for (;;) {
      const result = waitQueues.tryWaitEvent(this.head, entry, condition, state);
      if (result !== WOULD_BLOCK) {
        waitQueues.destroy(entry);
        return result;
      }
      yield* sched.schedule();
    }
  }

  *#oneShot({ id }: WaitingTask, state: number, exclusive: boolean): Sleepable<number> {
    const { sched, waitQueues } = this.#run.kernel;
    const entry = waitQueues.createEntry();
    waitQueues.initEntry(entry, sched.current, waitQueues.autoremoveWake);
    if (exclusive) waitQueues.prepareToWaitExclusive(this.head, entry, state);
    else waitQueues.prepareToWait(this.head, entry, state);
    yield* sched.schedule();
    yield* this.#write('after-schedule', { id, entry_still_queued: waitQueues.isQueued(entry) ? 1 : 0 });
    waitQueues.finishWait(this.head, entry);
    waitQueues.destroy(entry);
    return 0;
  }

  *#persistent(own: WaitingTask, state: number): Sleepable<number> {
    const { sched, waitQueues } = this.#run.kernel;
    const entry = waitQueues.createEntry();
    waitQueues.initEntry(entry, sched.current, waitQueues.defaultWake);
    waitQueues.addWaitQueue(this.head, entry);
    for (let n = 0; n < PERSISTENT_ROUNDS && own.cond === 0; n++) {
      sched.setCurrentState(state);
      yield* sched.schedule();
      const hasSignal = sched.signalPending(sched.current);
      yield* this.#write('persistent-woken', { id: own.id, n, signal: hasSignal ? 1 : 0 });
      if (hasSignal) break;
    }
    sched.setCurrentState(TASK_RUNNING);
    waitQueues.removeWaitQueue(this.head, entry);
    waitQueues.destroy(entry);
    return 0;
  }

  /** The condition, with its line. It must not sleep, so time passes at once. */
  #evaluate({ id, cond }: WaitingTask): boolean {
    if (!this.muted) {
      this.#run.kernel.cpus.runNow(this.#run.catchUp());
      this.#run.write('eval', { id, cond });
    }
    return cond !== 0;
  }

  *#write(ev: string, a: JsonObject): Sleepable<void> {
    if (this.muted) return;
    yield* this.#run.catchUp();
    this.#run.write(ev, a);
  }
}
