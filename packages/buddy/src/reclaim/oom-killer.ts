/**
 * The OOM killer: which task ends when memory has run out (buddy spec 9.3).
 *
 * ```
 *   badness = rss + swap entries + page tables + oom_score_adj * (total pages / 1000)         in pages
 * ```
 * Tasks are the caller's: it names them, and frees their memory when one is chosen.
 */
import { __GFP_FS, type Gfp } from '@kmem/contracts';
import { formatGfp } from '../gfp.js';

/** oom_score_adj of a task that is never chosen. */
export const OOM_SCORE_ADJ_MIN = -1000;

/** A task, as the OOM killer sees it. Amounts are pages. */
export interface OomTask {
  /** Process number. */
  readonly pid: number;
  /** Name. */
  readonly name: string;
  /** User. @defaultValue 0 */
  readonly uid?: number;
  /** Address space. */
  readonly totalVm: number;
  /** Anonymous pages in memory. */
  readonly anonRss: number;
  /** Pages of files in memory. @defaultValue 0 */
  readonly fileRss?: number;
  /** Pages of shared memory in memory. @defaultValue 0 */
  readonly shmemRss?: number;
  /** Swap entries. @defaultValue 0 */
  readonly swapents?: number;
  /** Page tables in bytes. @defaultValue 0 */
  readonly pgtablesBytes?: number;
  /** From -1000, never, to 1000, first of all. @defaultValue 0 */
  readonly oomScoreAdj?: number;
  /** True for kernel threads and init. @defaultValue false */
  readonly unkillable?: boolean;
  /**
   * Ends the task and frees its pages by ordinary calls.
   *
   * @returns true when memory was freed or will be.
   */
  kill(): boolean;
}

/** Options of an {@link OomKiller}. */
export interface OomOptions {
  /** Lists the tasks there are, the same object each time for the same task. One that was ended is not ended again. */
  readonly tasks: () => Iterable<OomTask>;
  /** Tells which task is asking, for the report and `killAllocatingTask`. */
  readonly current?: () => OomTask | undefined;
  /** Called before a task dies; each frees what it can and returns the number of pages. */
  readonly notifiers?: readonly (() => number)[];
  /** Pages of swap. @defaultValue 0 */
  readonly swapPages?: number;
  /** panic_on_oom. @defaultValue false */
  readonly panicOnOom?: boolean;
  /** oom_kill_allocating_task. @defaultValue false */
  readonly killAllocatingTask?: boolean;
}

/** What came of running out of memory. */
export interface OomDecision {
  /** The task that ended; null when a notifier helped or nobody could be ended. */
  readonly victim: OomTask | null;
  /** Its badness in pages. */
  readonly badness: number;
  /** Whether the request may hope. */
  readonly progress: boolean;
  /** Why the machine stops, or null. */
  readonly panic: string | null;
  /** The report, a line each. */
  readonly lines: readonly string[];
}

/**
 * Computes how much is gained by ending a task.
 *
 * @param task - the task.
 * @param totalPages - managed pages and swap of the machine.
 * @param pageSize - in bytes.
 * @returns points in pages, or -Infinity for a task that must not end.
 * @kernelName oom_badness
 */
export function oomBadness(task: OomTask, totalPages: number, pageSize: number): number {
  const adj = task.oomScoreAdj ?? 0;
  if (task.unkillable === true || adj === OOM_SCORE_ADJ_MIN) return -Infinity;
  const tables = Math.floor((task.pgtablesBytes ?? 0) / pageSize);
  return rssOf(task) + (task.swapents ?? 0) + tables + adj * Math.floor(totalPages / 1000);
}

/** Chooses and ends tasks. */
export class OomKiller {
  readonly #options: OomOptions;
  readonly #ended = new WeakSet<OomTask>();

  /**
   * Makes it.
   *
   * @param options - tasks and settings.
   */
  constructor(options: OomOptions) {
    this.#options = options;
  }

  /**
   * Gets memory back by all means.
   *
   * @param gfp - flags of the request.
   * @param order - its order.
   * @param managedPages - of the machine.
   * @param pageSize - in bytes.
   * @param memInfo - the state of memory, for the report.
   * @returns what was done. The machine stops when nobody may be ended, or `panicOnOom` is set.
   * @kernelName out_of_memory
   */
  outOfMemory(gfp: Gfp, order: number, managedPages: number, pageSize: number, memInfo: () => readonly string[]): OomDecision {
    const { tasks, current, notifiers = [], swapPages = 0, panicOnOom = false, killAllocatingTask = false } = this.#options;
    const freed = notifiers.reduce((sum, notify) => sum + notify(), 0);
    // Linux lets a request that must not enter a file system wait until another one ends a task. Here nobody else runs.
    if (freed > 0 || (gfp & __GFP_FS) === 0) return { victim: null, badness: 0, progress: freed > 0, panic: null, lines: [] };
    const asking = current?.();
    const all = [...tasks()];
    const total = managedPages + swapPages;
    const mode = `gfp_mask=0x${gfp.toString(16)}(${formatGfp(gfp)}), order=${String(order)}`;
    const lines = [`${asking?.name ?? 'task'} invoked oom-killer: ${mode}, oom_score_adj=${String(asking?.oomScoreAdj ?? 0)}`, ...memInfo(), ...describeTasks(all)];
    const stop = (panic: string): OomDecision => ({ victim: null, badness: 0, progress: false, panic, lines });
    if (panicOnOom) return stop('Out of memory: panic_on_oom is set');
    const isAsking = killAllocatingTask && asking !== undefined && !this.#ended.has(asking) && oomBadness(asking, total, pageSize) > -Infinity;
    const victim = isAsking ? asking : chooseVictim(all.filter((task) => !this.#ended.has(task)), total, pageSize);
    if (victim === null) return stop('System is deadlocked on memory: no killable processes');
    this.#ended.add(victim);
    lines.push(
      `oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),global_oom,task_memcg=/,task=${victim.name},pid=${String(victim.pid)},uid=${String(victim.uid ?? 0)}`,
      `Out of memory${isAsking ? ' (oom_kill_allocating_task)' : ''}: Killed process ${describeVictim(victim, pageSize)}`,
    );
    return { victim, badness: oomBadness(victim, total, pageSize), progress: victim.kill(), panic: null, lines };
  }
}

/** Finds the task with the most points; of equal ones the later one. */
function chooseVictim(tasks: readonly OomTask[], totalPages: number, pageSize: number): OomTask | null {
  let chosen: OomTask | null = null;
  let most = -Infinity;
  for (const task of tasks) {
    const points = oomBadness(task, totalPages, pageSize);
    if (points === -Infinity || points < most) continue;
    chosen = task;
    most = points;
  }
  return chosen;
}

/** The table of tasks that can be ended, as the kernel prints it. */
function describeTasks(tasks: readonly OomTask[]): string[] {
  const pad = (value: number | string, width: number): string => String(value).padStart(width);
  return [
    'Tasks state (memory values in pages):',
    '[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name',
    ...tasks
      .filter((task) => task.unkillable !== true)
      .map(
        (task) =>
          `[${pad(task.pid, 7)}] ${pad(task.uid ?? 0, 5)} ${pad(task.pid, 5)} ${pad(task.totalVm, 8)} ${pad(rssOf(task), 8)} ` +
          `${String(task.pgtablesBytes ?? 0).padStart(8)} ${pad(task.swapents ?? 0, 8)}         ${pad(task.oomScoreAdj ?? 0, 5)} ${task.name}`,
      ),
  ];
}

function describeVictim(task: OomTask, pageSize: number): string {
  const kb = (pages: number): string => `${String((pages * pageSize) / 1024)}kB`;
  return (
    `${String(task.pid)} (${task.name}) total-vm:${kb(task.totalVm)}, anon-rss:${kb(task.anonRss)}, file-rss:${kb(task.fileRss ?? 0)}, ` +
    `shmem-rss:${kb(task.shmemRss ?? 0)}, UID:${String(task.uid ?? 0)} pgtables:${String(Math.floor((task.pgtablesBytes ?? 0) / 1024))}kB ` +
    `oom_score_adj:${String(task.oomScoreAdj ?? 0)}`
  );
}

function rssOf(task: OomTask): number {
  return task.anonRss + (task.fileRss ?? 0) + (task.shmemRss ?? 0);
}
