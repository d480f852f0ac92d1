/**
 * CallbackRuns: callbacks that run on one CPU while another waits for them.
 *
 * ```
 * begun[of] >= ended[of]    how often the callbacks of something have begun and ended
 * last[of]                  line in the file that the last one wrote at its end
 * ```
 *
 * A call that waits for callbacks must come back after they have ended, here as in the recording.
 */
import type { ScenarioRun } from './scenario-run.js';

/** Callbacks to wait for: whose they are, and how many of them have not even begun. */
export type AwaitedRuns = readonly [of: number, toBegin: number];

/** Callbacks of one kind, by the number of what they belong to. */
export class CallbackRuns {
  readonly #run: ScenarioRun;
  readonly #begun = new Map<number, number>();
  readonly #ended = new Map<number, number>();
  readonly #last = new Map<number, number>();

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
    count(this.#begun, of);
  }

  /**
   * Notes that one has ended and written its line.
   *
   * @param of - what it belongs to.
   */
  end(of: number): void {
    count(this.#ended, of);
    this.#last.set(of, this.#run.lastLine);
  }

  /**
   * Makes a call that waits for callbacks, and with several CPUs checks that it has done so.
   *
   * @param awaited - the callbacks.
   * @param call - the call.
   * @returns its result.
   * @throws LineDifference when one has not ended.
   */
  *awaited<Y>(awaited: readonly AwaitedRuns[], call: Generator<Y, unknown, void>): Generator<Y, unknown, void> {
    if (this.#run.scenario.nrCpus === 1) return yield* call;
    const due = awaited.map(([of, toBegin]) => ({ of, ends: (this.#begun.get(of) ?? 0) + toBegin }));
    const open = due.filter(({ of, ends }) => this.#ends(of) < ends);
    const ret = yield* call;
    for (const { of, ends } of open) {
      if (this.#ends(of) < ends) this.#run.fail('order', 'the end of a callback before this line', 'a callback that has not ended');
      this.#run.mustFollow(this.#last.get(of) ?? 0);
    }
    return ret;
  }

  #ends(of: number): number {
    return this.#ended.get(of) ?? 0;
  }
}

function count(counts: Map<number, number>, of: number): void {
  counts.set(of, (counts.get(of) ?? 0) + 1);
}
