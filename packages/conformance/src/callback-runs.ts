/**
 * CallbackRuns: callbacks that run on one CPU while another waits for them.
 *
 * A call that waits for a callback must come back after the callback has ended, here as in the recording.
 */
import type { ScenarioRun } from './scenario-run.js';

/** Callbacks of one kind, by the number of what they belong to. */
export class CallbackRuns {
  readonly #run: ScenarioRun;
  readonly #running = new Map<number, number>();
  /** Line in the file that the last one wrote at its end. */
  readonly #ended = new Map<number, number>();

  /**
   * @param run - the scenario.
   */
  constructor(run: ScenarioRun) {
    this.#run = run;
  }

  /**
   * Notes that one begins.
   *
   * @param of - what it belongs to.
   */
  begin(of: number): void {
    this.#running.set(of, this.#count(of) + 1);
  }

  /**
   * Notes that one has ended and written its line.
   *
   * @param of - what it belongs to.
   */
  end(of: number): void {
    this.#running.set(of, this.#count(of) - 1);
    this.#ended.set(of, this.#run.lastLine);
  }

  /**
   * Makes a call that waits for callbacks, and checks that it has done so.
   *
   * @param of - what they belong to.
   * @param call - the call.
   * @returns its result.
   * @throws LineDifference when one still runs.
   */
  *awaited<Y>(of: number, call: Generator<Y, unknown, void>): Generator<Y, unknown, void> {
    const mustWait = this.#run.scenario.nrCpus > 1 && this.#count(of) > 0;
    const ret = yield* call;
    if (!mustWait) return ret;
    if (this.#count(of) > 0) this.#run.fail('order', 'the end of a callback before this line', 'a callback that still runs');
    this.#run.mustFollow(this.#ended.get(of) ?? 0);
    return ret;
  }

  #count(of: number): number {
    return this.#running.get(of) ?? 0;
  }
}
