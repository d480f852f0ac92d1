import { GFP_KERNEL, GFP_NOFS, isKernelBug, NO_PAGE, type KernelBug } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { load, oneZone } from '../../test/fixtures.js';
import { MemoryPressure, oomBadness, type OomDecision, type OomOptions, type OomTask } from '../index.js';

const task = (pid: number, anonRss: number, more: Partial<OomTask> = {}): OomTask => ({
  pid,
  name: `task${pid}`,
  totalVm: anonRss * 2,
  anonRss,
  kill: () => false,
  ...more,
});

describe('badness', () => {
  test.each<[string, Partial<OomTask>, number]>([
    ['pages in memory', {}, 100],
    ['of every kind', { fileRss: 20, shmemRss: 3 }, 123],
    ['swap', { swapents: 50 }, 150],
    ['page tables, whole pages of them', { pgtablesBytes: 5 * 4096 + 4095 }, 105],
    ['oom_score_adj, in thousandths of the machine', { oomScoreAdj: 500 }, 100 + 500 * 20],
    ['also downwards', { oomScoreAdj: -500 }, 100 - 500 * 20],
    ['-1000: never', { oomScoreAdj: -1000 }, -Infinity],
    ['kernel threads and init: never', { unkillable: true, oomScoreAdj: 1000 }, -Infinity],
  ])('%s', (_, more, points) => {
    expect(oomBadness(task(1, 100, more), 20384, 4096)).toBe(points);
  });
});

/** A machine without a free page whose tasks hold the frames from 100 on. */
function exhausted(tasks: readonly OomTask[], more: Partial<OomOptions> = {}) {
  const decisions: OomDecision[] = [];
  const bugs: KernelBug[] = [];
  const reclaim = new MemoryPressure({ oom: { tasks: () => tasks, ...more }, onOom: (decision) => decisions.push(decision) });
  const state = oneZone({ start_pfn: 0, spanned: 4096, types: new Array<number>(8).fill(0), pcp: { high: 0, batch: 1 } });
  const { pages } = load(state, { reclaim, reports: { report: (bug) => bugs.push(bug) } });
  return { pages, reclaim, decisions, bugs };
}

describe('who ends', () => {
  test('the worst, and the request gets from its pages', () => {
    const killed: number[] = [];
    const { pages, decisions, bugs, reclaim } = exhausted([
      task(1, 900, { unkillable: true }),
      task(2, 50),
      task(3, 100, { kill: () => (killed.push(3), pages.freePages(100, 0), true) }),
      task(4, 70),
    ]);
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(100);
    expect(killed).toEqual([3]);
    expect(decisions[0]).toMatchObject({ victim: { pid: 3 }, badness: 100, progress: true, panic: null });
    expect([bugs[0].code, bugs[0].severity, bugs[0].fields['pid']]).toEqual(['OOM_KILL', 'warn', 3]);
    expect(reclaim.events.oom_kill).toBe(1);
  });

  test('of equal ones the later', () => {
    const { pages, decisions } = exhausted([task(2, 50), task(3, 50)]);
    pages.allocPages(GFP_KERNEL, 0);
    expect(decisions[0].victim?.pid).toBe(3);
  });

  test('the one who asks, where it is set so', () => {
    const asking = task(2, 1);
    const { pages, decisions } = exhausted([asking, task(3, 50)], { killAllocatingTask: true, current: () => asking });
    pages.allocPages(GFP_KERNEL, 0);
    expect(decisions[0].victim?.pid).toBe(2);
    expect(decisions[0].lines.at(-1)).toContain('(oom_kill_allocating_task)');
  });

  test('nobody, when a notifier frees something', () => {
    let left = 1;
    const { pages, decisions } = exhausted([task(3, 50)], {
      notifiers: [() => (left-- > 0 ? (pages.freePages(100, 0), 1) : 0)],
    });
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(100);
    expect(decisions.map(({ victim }) => victim)).toEqual([null]);
  });

  test('nobody, for a request that must not enter a file system', () => {
    const { pages, decisions } = exhausted([task(3, 50)]);
    expect(pages.allocPages(GFP_NOFS, 0)).toBe(NO_PAGE);
    expect(decisions).toMatchObject([{ victim: null, progress: false, panic: null }]);
  });

  test('notifiers are asked for such a request too', () => {
    let left = 1;
    const { pages } = exhausted([task(3, 50)], { notifiers: [() => (left-- > 0 ? (pages.freePages(100, 0), 1) : 0)] });
    expect(pages.allocPages(GFP_NOFS, 0)).toBe(100);
  });

  test('each once: a task whose end brings nothing is followed by the next', () => {
    const killed: number[] = [];
    const stubborn = (pid: number, rss: number) => task(pid, rss, { kill: () => (killed.push(pid), true) });
    const { pages, bugs } = exhausted([stubborn(2, 50), stubborn(3, 100), stubborn(4, 70)]);
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(NO_PAGE);
    expect(killed).toEqual([3, 4, 2]);
    expect(bugs.map(({ code }) => code)).toEqual(['OOM_KILL', 'OOM_KILL', 'OOM_KILL', 'OOM_PANIC', 'ALLOC_FAILURE']);
  });
});

describe('when nobody may be ended the machine stops', () => {
  test.each<[string, readonly OomTask[], Partial<OomOptions>, RegExp]>([
    ['no task', [], {}, /no killable processes/],
    ['all protected', [task(1, 10, { oomScoreAdj: -1000 })], {}, /no killable processes/],
    ['panic_on_oom', [task(1, 10)], { panicOnOom: true }, /panic_on_oom/],
  ])('%s', (_, tasks, options, message) => {
    const { pages, bugs } = exhausted(tasks, options);
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(NO_PAGE);
    expect(bugs[0]).toMatchObject({ code: 'OOM_PANIC', severity: 'bug' });
    expect(bugs[0].message).toMatch(message);
  });

  test('without a sink the report is thrown, and the allocator stays whole', () => {
    const reclaim = new MemoryPressure({ oom: { tasks: () => [] } });
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 1024, pcp: { high: 0, batch: 1 } }), { reclaim });
    let error: unknown;
    try {
      pages.allocPages(GFP_KERNEL, 0);
    } catch (caught) {
      error = caught;
    }
    expect(isKernelBug(error) && error.code).toBe('OOM_PANIC');
    pages.assertValid();
  });
});
