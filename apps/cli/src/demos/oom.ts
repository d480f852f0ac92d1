/**
 * The lesson on running out of memory: what is given up first, who decides, and whom it hits.
 *
 * Every number is read off a running allocator; the rules beside them are the kernel's (buddy spec 9.3, 11).
 */
import { formatGfp } from '@kmem/buddy';
import { __GFP_RETRY_MAYFAIL, __GFP_THISNODE, GFP_DMA, GFP_KERNEL, GFP_NOFS, GFP_NOWAIT, NO_PAGE, type Gfp } from '@kmem/contracts';
import type { Terminal } from '../terminal.js';
import { count, memory } from '../text.js';
import { NORMAL } from '../zone-levels.js';
import type { Demo } from './demo.js';
import { printLevelSteps, type LevelStep } from './lesson.js';
import { DENTRIES, FILE_PAGES, HELD_PAGES, OomScene, PAGE_SHIFT, RAM_MIB, type OomMoment } from './oom-scene.js';

/** Entry of the list of demos. */
export const OOM: Demo = {
  name: 'oom',
  title: 'Out of memory: what is given up first, who decides, and whom it hits',
  subsystem: 'buddy',
  source: 'Linux Kernel Programming, chapter 9: oom_killer_try, the side of the kernel',
};

/** Requests for which nobody is ended, and why. */
const HARMLESS: readonly (readonly [gfp: Gfp, order: number, why: string])[] = [
  [GFP_KERNEL, 4, 'would bring no block'],
  [GFP_KERNEL | __GFP_RETRY_MAYFAIL, 0, 'the caller copes'],
  [GFP_KERNEL | __GFP_THISNODE, 0, 'other nodes may do'],
  [GFP_KERNEL | GFP_DMA, 0, 'tasks have little there'],
  [GFP_NOFS, 0, 'leaves it to others'],
  [GFP_NOWAIT, 0, 'does not even reclaim'],
];

/**
 * Gives the lesson.
 *
 * @returns the steps.
 */
export function oomLesson(): LevelStep[] {
  const scene = new OomScene(0);
  return [...untilKill(scene), protectedLeak(), harmlessRequests()];
}

/** From the beginning to the end of the task that took all. */
function untilKill(scene: OomScene): LevelStep[] {
  const { pc, leak } = scene;
  const { events } = pc.reclaim;
  const managed = pc.levels().reduce((sum, level) => sum + level.managed, 0);
  const first: LevelStep = {
    title: 'Four tasks',
    text: [
      `A PC with ${RAM_MIB} MiB manages ${managed} pages (${memory(managed, PAGE_SHIFT)}). Besides the tasks there are ${FILE_PAGES} pages of files and ${DENTRIES} of directory ` +
        `entries, which can be read again. ${HELD_PAGES} of the files' are held by a driver.`,
      'badness is what ending a task would bring, in pages: those it has, its swap and page tables, and oom_score_adj thousandths of the machine.',
    ],
    table: scene.table(),
    levels: pc.levels(),
  };

  while (events.pageoutrun === 0) scene.grow();
  const free = leak.pages.length;
  while (pc.reclaim.kswapd(0).state === 'asleep' && !pc.reclaim.kswapd(0).isHopeless && scene.moments.length === 0) scene.grow();
  const second: LevelStep = {
    title: 'leak takes page after page',
    text: [
      `It got ${count(free, 'page')} until the zones were down to low and kswapd was woken, and ${leak.pages.length - free} more while kswapd freed ` +
        `${events.pgsteal_kswapd} pages of files and ${DENTRIES - scene.nrDentries} of directory entries.`,
      `kswapd worked ${events.pageoutrun} times. The last ${pc.reclaim.kswapd(0).failures} brought nothing: it has given up, and requests are on their own.`,
    ],
    levels: pc.levels(),
  };

  while (scene.moments.length === 0) scene.grow();
  const [moment] = scene.moments;
  return [first, second, decision(moment), afterwards(scene)];
}

function decision({ decision: { victim, badness, lines }, tasks, held, reclaims }: OomMoment): LevelStep {
  return {
    title: 'The request reclaims for itself, then the OOM killer decides',
    text: [
      `With ${count(held, 'page')} held, leak's next request found every zone at min. What a driver holds counts as reclaimable, so it was worth a retry, 16 ` +
        `times at most: ${reclaims} times the request reclaimed for itself. Without a page it looked at the zones once more and asked for a task to be ended.`,
      `The one with the most badness: ${victim?.name ?? 'nobody'}, ${badness}.`,
    ],
    table: tasks,
    log: [lines[0], ...lines.slice(-1)],
  };
}

function afterwards({ pc, tasks, moments }: OomScene): LevelStep {
  const [{ freed }] = moments;
  return {
    title: 'Afterwards',
    text: [
      `${freed} pages came back; the request that asked got one of them. ${tasks.filter(({ isAlive }) => isAlive).map(({ name }) => name).join(', ')} go on.`,
    ],
    levels: pc.levels(),
  };
}

/** The same once more, with the culprit out of reach. */
function protectedLeak(): LevelStep {
  const scene = new OomScene(-1000);
  while (scene.grow());
  const victims = scene.moments.filter(({ decision: { victim } }) => victim !== null);
  const last = scene.moments.at(-1)?.decision.panic ?? '';
  return {
    title: 'The same, with leak protected: oom_score_adj -1000',
    text: [
      'Now others end: the one with a high oom_score_adj first, although it has less, then the next. When nobody is left that may be ended the kernel stops: ' +
        `"${last}".`,
    ],
    table: {
      columns: ['decision', 'victim', 'badness', 'pages freed', 'leak had'],
      rows: victims.map(({ decision: { victim, badness }, freed, held }, i) => [i + 1, victim?.name ?? '', badness, freed, held]),
    },
  };
}

function harmlessRequests(): LevelStep {
  const scene = new OomScene(0);
  const { pc } = scene;
  // As far down as requests get that may neither wait nor use reserves.
  do for (const gfp of [GFP_NOWAIT, GFP_NOWAIT | GFP_DMA]) pc.takeAll(gfp);
  while (pc.reclaim.reclaim(0, GFP_KERNEL, NORMAL, 0) > 0);
  const ended = (): number => scene.moments.filter(({ decision: { victim } }) => victim !== null).length;
  const ask = (gfp: Gfp, order: number, why: string): (string | number)[] => {
    const before = ended();
    const pfn = pc.pages.allocPages(gfp, order);
    return [`${formatGfp(gfp)}${order > 0 ? `, order ${order}` : ''}`, pfn === NO_PAGE ? 'fails' : 'served', ended() - before, why];
  };
  return {
    title: 'Requests that end no task',
    text: ['In the same need, with the caches gone:'],
    table: {
      columns: ['request', 'result', 'ended', 'because'],
      rows: [...HARMLESS.map(([gfp, order, why]) => ask(gfp, order, why)), ask(GFP_KERNEL, 0, 'must be served')],
    },
  };
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printOom(steps: readonly LevelStep[], terminal: Terminal): void {
  printLevelSteps(OOM, steps, terminal);
}
