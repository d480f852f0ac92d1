/**
 * WorkerNames: which recorded worker each worker of the replay stands for.
 *
 * Which idle worker takes an item depends on what the machine did before, so the number behind the colon is a matter of names: one to one,
 * fixed when a worker writes its first line. All other names are compared as they are.
 */
import type { CpuId } from '@kmem/contracts';

const WORKER = /^(kworker\/u?\d+:)\d+(H?)$/;

/** Names of workers. */
export class WorkerNames {
  readonly #recorded = new Map<string, string>();
  readonly #taken = new Set<string>();

  /**
   * Tells whether a task can be the recorded one.
   *
   * @param own - its name here.
   * @param recorded - the recorded name.
   * @returns true when it is, or when neither stands for another one yet.
   */
  canBe(own: string, recorded: unknown): boolean {
    if (typeof recorded !== 'string') return false;
    const pool = poolOf(own);
    if (pool === null) return own === recorded;
    const known = this.#recorded.get(own);
    if (known !== undefined) return known === recorded;
    return poolOf(recorded) === pool && !this.#taken.has(recorded);
  }

  /**
   * Gives a task its recorded name.
   *
   * @param own - its name here.
   * @param recorded - the name in the line that it writes.
   * @returns the recorded name of the task, its own if there is none.
   */
  show(own: string, recorded: unknown): string {
    if (typeof recorded === 'string' && !this.#recorded.has(own) && poolOf(own) !== null && this.canBe(own, recorded)) {
      this.#recorded.set(own, recorded);
      this.#taken.add(recorded);
    }
    return this.#recorded.get(own) ?? own;
  }
}

/** A pool of which workers were recorded. */
export interface RecordedPool {
  /** CPU of its workers; null: any. */
  readonly cpu: CpuId | null;
  /** Whether they are of high priority. */
  readonly highpri: boolean;
  /** How many were seen. */
  readonly count: number;
}

/**
 * Lists the pools of recorded workers.
 *
 * @param names - names of tasks, as often as they were seen; others are left out.
 * @param nrCpus - CPUs of the machine: pools without a CPU are numbered behind theirs, the normal one first.
 * @returns the pools.
 */
export function recordedPools(names: readonly unknown[], nrCpus: number): RecordedPool[] {
  const counts = new Map<string, number>();
  for (const name of new Set(names)) {
    const pool = typeof name === 'string' ? poolOf(name) : null;
    if (pool !== null) counts.set(pool, (counts.get(pool) ?? 0) + 1);
  }
  return Array.from(counts, ([pool, count]) => {
    const number = parseInt(pool.replace(/^kworker\/u?/, ''), 10);
    if (pool.startsWith('kworker/u')) return { cpu: null, highpri: number > nrCpus * 2, count };
    return { cpu: number, highpri: pool.endsWith('H'), count };
  });
}

/**
 * Tells whether a task is a worker by its name.
 *
 * @param name - name of a task.
 * @returns true for workers of all pools.
 */
export function isWorker(name: string): boolean {
  return WORKER.test(name);
}

function poolOf(name: string): string | null {
  const match = WORKER.exec(name);
  return match === null ? null : match[1] + match[2];
}
