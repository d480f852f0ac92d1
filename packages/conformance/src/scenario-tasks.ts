/**
 * ScenarioTasks: which task goes on, as the recording says.
 *
 * Which of several runnable tasks goes on is the scheduler's choice, and which idle worker takes an item depends on what the machine did
 * besides: both are taken from the tasks of the lines that follow. That the task can go on, and what it does, is compared.
 */
import type { TaskId } from '@kmem/contracts';
import type { ScenarioRun } from './scenario-run.js';
import { isWorker, WorkerNames } from './worker-names.js';

/** The tasks of one scenario. */
export class ScenarioTasks {
  /** Tells whether all that a runnable task has to do is to go to sleep. */
  onlySleeps: (task: TaskId) => boolean = () => false;
  /** While true, a task that can go on does: the recorded one did. */
  keepsCpu = false;
  readonly #run: ScenarioRun;
  readonly #workers = new WorkerNames();
  readonly #writers: ReadonlySet<unknown>;

  /**
   * @param run - the scenario.
   */
  constructor(run: ScenarioRun) {
    this.#run = run;
    this.#writers = new Set(run.scenario.lines.map(({ members }) => members['task']));
  }

  /**
   * Chooses the task that writes the next line.
   *
   * @param runnable - the tasks there are.
   * @returns one that writes no line at all: it is done before others write theirs; otherwise the current one if it writes that line or is about
   * to sleep; otherwise one that is about to sleep; otherwise the task of the next line.
   */
  chooseTask(runnable: readonly TaskId[]): TaskId {
    const { current } = this.#run.kernel.sched;
    const goesOn = runnable.includes(current);
    if (goesOn && this.keepsCpu) return current;
    const silent = runnable.find((task) => this.#isSilent(task));
    if (silent !== undefined) return silent;
    if (goesOn && (this.onlySleeps(current) || this.isWriter(current))) return current;
    return runnable.find((task) => this.onlySleeps(task)) ?? runnable.find((task) => this.isWriter(task)) ?? runnable[0];
  }

  /**
   * Chooses the worker that writes first from now on.
   *
   * @param idle - the workers there are.
   * @returns one of them; the first when none writes.
   */
  chooseWorker(idle: readonly TaskId[]): TaskId {
    const { kernel, scenario, written } = this.#run;
    for (let i = written; i < scenario.lines.length; i++) {
      const { task: name } = scenario.lines[i].members;
      const found = idle.find((task) => this.#workers.canBe(kernel.sched.comm(task), name));
      if (found !== undefined) return found;
    }
    return idle[0];
  }

  /**
   * Tells whether a task can write the next line.
   *
   * @param task - which one.
   * @returns true when it has the name in that line.
   */
  isWriter(task: TaskId): boolean {
    return this.#workers.canBe(this.#run.kernel.sched.comm(task), this.#run.next?.members['task']);
  }

  /**
   * Says what the current task is called in lines.
   *
   * @param full - more of its name, as that of a worker with its queue. @default its name
   * @returns the name, with the recorded number of a worker.
   */
  name(full?: string): string {
    const { sched } = this.#run.kernel;
    const own = sched.comm(sched.current);
    return this.#workers.show(own, this.#run.next?.members['task']) + (full ?? own).slice(own.length);
  }

  /** Tells whether a task writes no line at all. Of a worker nobody can say. */
  #isSilent(task: TaskId): boolean {
    const comm = this.#run.kernel.sched.comm(task);
    return !this.#writers.has(comm) && !isWorker(comm);
  }
}
