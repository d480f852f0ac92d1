/**
 * The scene of the lesson on running out of memory: a small PC, four tasks, caches, and a note of each decision.
 */
import { oomBadness, type OomDecision, type OomTask } from '@kmem/buddy';
import { GFP_KERNEL, NO_PAGE, type Pfn } from '@kmem/contracts';
import type { Table } from '../text.js';
import { SmallPc } from './small-pc.js';

/** Memory of the machine: that of the recording in `tooling/recordings/memory/oom`. */
export const RAM_MIB = 96;
/** log2 of its page size in bytes. */
export const PAGE_SHIFT = 12;
/** Pages of the page cache. */
export const FILE_PAGES = 3000;
/** Those of them that a driver holds: they count as reclaimable, and are not. */
export const HELD_PAGES = 400;
/** Objects of a cache of directory entries, a page each. */
export const DENTRIES = 500;

/** A task that holds pages. */
export class Task implements OomTask {
  /** Its pages. */
  readonly pages: Pfn[] = [];
  /** False once it was ended. */
  isAlive = true;

  /**
   * @param pid - process number.
   * @param name - name.
   * @param oomScoreAdj - from -1000, never, to 1000, first of all.
   * @param free - gives a page back.
   */
  constructor(
    readonly pid: number,
    readonly name: string,
    readonly oomScoreAdj: number,
    private readonly free: (pfn: Pfn) => void,
  ) {}

  /** All of its pages are anonymous and in memory. */
  get anonRss(): number {
    return this.pages.length;
  }

  /** And it has no others. */
  get totalVm(): number {
    return this.pages.length;
  }

  /** Ends it. */
  kill(): boolean {
    this.isAlive = false;
    this.pages.splice(0).forEach(this.free);
    return true;
  }
}

/** A decision of the OOM killer. */
export interface OomMoment {
  /** What was decided. */
  readonly decision: OomDecision;
  /** The tasks before it. */
  readonly tasks: Table;
  /** Pages that `leak` had. */
  readonly held: number;
  /** Pages that the victim had. */
  readonly freed: number;
  /** Times the request had reclaimed for itself. */
  readonly reclaims: number;
}

/** The scene. */
export class OomScene {
  /** The machine. */
  readonly pc: SmallPc;
  /** `sshd`, which must not end, `editor`, `backup`, which should end first, and `leak`. */
  readonly tasks: readonly Task[];
  /** The task that wants all memory. */
  readonly leak: Task;
  /** Decisions so far. */
  readonly moments: OomMoment[] = [];
  readonly #dentries: Pfn[] = [];
  #before: Table = { columns: [], rows: [] };
  #freeBefore = 0;
  #reclaimsBefore = 0;

  /**
   * Sets it: tasks and caches take their pages.
   *
   * @param leakAdj - oom_score_adj of `leak`.
   */
  constructor(leakAdj: number) {
    this.pc = new SmallPc(RAM_MIB, {
      oom: { tasks: () => this.#listTasks(), current: () => this.leak },
      onOom: (decision) => this.#note(decision),
    });
    const { pages, reclaim } = this.pc;
    const task = (pid: number, name: string, adj: number, nrPages: number): Task => {
      const made = new Task(pid, name, adj, (pfn) => pages.freePages(pfn, 0));
      made.pages.push(...this.#take(nrPages));
      return made;
    };
    this.leak = task(44, 'leak', leakAdj, 0);
    this.tasks = [task(21, 'sshd', -1000, 200), task(30, 'editor', 0, 1500), task(34, 'backup', 500, 400), this.leak];
    this.#take(FILE_PAGES).forEach((pfn, i) => {
      reclaim.pool.add(pfn);
      if (i < HELD_PAGES) pages.getPage(pfn);
    });
    this.#dentries.push(...this.#take(DENTRIES));
    reclaim.shrinkers.register({ name: 'dentries', count: () => this.#dentries.length, scan: (nr) => this.#shrink(nr) });
  }

  /** Objects of the cache of directory entries that are left. */
  get nrDentries(): number {
    return this.#dentries.length;
  }

  /** Times a request has reclaimed for itself. */
  get reclaims(): number {
    return this.pc.reclaim.events.allocstall.reduce((sum, n) => sum + n, 0);
  }

  /**
   * Asks for a page for `leak`; then kswapd gets the CPU until it sleeps.
   *
   * @returns true when there was one.
   */
  grow(): boolean {
    this.#reclaimsBefore = this.reclaims;
    const pfn = this.pc.pages.allocPages(GFP_KERNEL, 0);
    if (pfn !== NO_PAGE) this.leak.pages.push(pfn);
    this.pc.reclaim.runBackground();
    return pfn !== NO_PAGE;
  }

  /** The tasks and what ending them would bring. */
  table(): Table {
    const managed = this.pc.levels().reduce((sum, level) => sum + level.managed, 0);
    const badness = (task: Task): string => {
      const points = oomBadness(task, managed, 2 ** PAGE_SHIFT);
      return points === -Infinity ? 'never' : String(points);
    };
    return {
      columns: ['pid', 'task', 'pages', 'oom_score_adj', 'badness'],
      rows: this.tasks.filter(({ isAlive }) => isAlive).map((task) => [task.pid, task.name, task.pages.length, task.oomScoreAdj, badness(task)]),
    };
  }

  #take(nrPages: number): Pfn[] {
    return Array.from({ length: nrPages }, () => this.pc.pages.allocPages(GFP_KERNEL, 0));
  }

  #shrink(nr: number): number {
    const gone = this.#dentries.splice(0, nr);
    for (const pfn of gone) this.pc.pages.freePages(pfn, 0);
    return gone.length;
  }

  /** Asked for once a decision, before it is made. */
  #listTasks(): Task[] {
    this.#before = this.table();
    this.#freeBefore = this.pc.pages.nrFreePages;
    return this.tasks.filter(({ isAlive }) => isAlive);
  }

  #note(decision: OomDecision): void {
    this.moments.push({
      decision,
      tasks: this.#before,
      held: Number(this.#before.rows.find(([, name]) => name === 'leak')?.[2] ?? 0),
      freed: this.pc.pages.nrFreePages - this.#freeBefore,
      reclaims: this.reclaims - this.#reclaimsBefore,
    });
  }
}
