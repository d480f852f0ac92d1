/**
 * The lesson on watermarks: how low free memory gets before something happens, and for whom.
 *
 * Every number is read off a running allocator; the rules beside them are the kernel's (buddy spec 3.7, 8, 11).
 */
import { __GFP_HIGH, GFP_ATOMIC, GFP_DMA, GFP_KERNEL, GFP_NOWAIT, PF_MEMALLOC, type Gfp, type Pfn } from '@kmem/contracts';
import { formatGfp } from '@kmem/buddy';
import type { Terminal } from '../terminal.js';
import { count, memory, type Table } from '../text.js';
import type { ZoneLevel } from '../zone-levels.js';
import type { Demo } from './demo.js';
import { printLevelSteps, type LevelStep } from './lesson.js';
import { SmallPc } from './small-pc.js';

/** Entry of the list of demos. */
export const WATERMARKS: Demo = {
  name: 'watermarks',
  title: 'Watermarks: how low free memory may get, and for whom',
  subsystem: 'buddy',
  source: 'Slides on the memory allocators of Linux: zones, watermarks, kswapd',
};

const RAM_MIB = 160;
const PAGE_SHIFT = 12;

/** A kind of request, and how far down it may go. */
interface Privilege {
  readonly gfp: Gfp;
  /** `PF_*` bits of the task that asks, and their name. */
  readonly task?: readonly [flags: number, name: string];
  /** The mark, for people. */
  readonly mark: string;
}

/** From the least privileged to the most. */
const PRIVILEGES: readonly Privilege[] = [
  { gfp: GFP_NOWAIT, mark: 'min + protection' },
  { gfp: GFP_NOWAIT | GFP_DMA, mark: 'min: asks for no higher zone' },
  { gfp: GFP_KERNEL | __GFP_HIGH, mark: '1/2 min + protection' },
  { gfp: GFP_ATOMIC, mark: '3/8 min + protection' },
  { gfp: GFP_KERNEL, task: [PF_MEMALLOC, 'PF_MEMALLOC'], mark: 'none: it frees memory' },
];

/**
 * Gives the lesson.
 *
 * @returns the steps.
 */
export function watermarksLesson(): LevelStep[] {
  const pc = new SmallPc(RAM_MIB);
  const first = boot(pc);
  const { step: second, taken } = untilKswapd(pc);
  return [first, second, downToNothing(pc), kswapdWorks(pc, taken)];
}

function boot(pc: SmallPc): LevelStep {
  const levels = pc.levels();
  const managed = levels.reduce((sum, level) => sum + level.managed, 0);
  const kept = Math.floor((pc.minFreeKbytes * 1024) / 2 ** PAGE_SHIFT);
  return {
    title: 'What is kept free',
    text: [
      `A PC with ${RAM_MIB} MiB manages ${managed} pages (${memory(managed, PAGE_SHIFT)}) after boot. min_free_kbytes is ${pc.minFreeKbytes}: the square root of ` +
        `16 times the KiB that were free when limits were computed. These ${kept} pages are shared out by the sizes of the zones: min. A quarter of ` +
        'min more is low, two quarters are high.',
      'protection is what a zone keeps from requests that could be served from a higher one: it is added to every mark for them. Boosts, which raise the marks for a while ' +
        'after types were mixed, are off here.',
    ],
    table: levelTable(levels),
    levels,
  };
}

function levelTable(levels: readonly ZoneLevel[]): Table {
  return {
    columns: ['zone', 'managed', 'free', 'min', 'low', 'high', 'protection'],
    rows: levels.map(({ zone, managed, free, min, low, high, protection }) => [zone, managed, free, min, low, high, protection]),
  };
}

/** Takes pages until kswapd is woken, and gives the one back whose request woke it. */
function untilKswapd(pc: SmallPc): { step: LevelStep; taken: Pfn[] } {
  const before = pc.levels();
  const kswapd = pc.reclaim.kswapd(0);
  const taken = pc.takeAll(GFP_KERNEL, () => kswapd.state === 'awake');
  const last = taken.pop();
  if (last !== undefined) pc.pages.freePages(last, 0);
  const levels = pc.levels();
  const served = levels.map(({ zone, free }, i) => `${before[i].free - free} from ${zone}`).reverse();
  const marks = levels.map(({ zone, low, protection }) => `${zone} at ${low}${protection > 0 ? ` + ${protection}` : ''}`).reverse();
  return {
    step: {
      title: 'Down to low: the next zone, then kswapd',
      text: [
        `${count(taken.length, 'request')} with GFP_KERNEL were served, ${served.join(' and ')}: a zone that has no more than low and its protection free ` +
          `passes requests on to the next one (${marks.join(', ')}).`,
        `When none was left, the next request woke kswapd, which is now ${kswapd.state}. It gets no CPU yet.`,
      ],
      levels,
    },
    taken,
  };
}

function downToNothing(pc: SmallPc): LevelStep {
  const rows = PRIVILEGES.map(({ gfp, task: [flags, name] = [0, ''], mark }) => {
    pc.caller.taskFlags = flags;
    const served = pc.takeAll(gfp).length;
    pc.caller.taskFlags = 0;
    return [name === '' ? formatGfp(gfp) : `${formatGfp(gfp)}, ${name}`, served, ...pc.levels().map(({ free }) => free), mark];
  });
  const names = pc.levels().map(({ zone }) => zone);
  return {
    title: 'Below low: who may go how far',
    text: [
      'With kswapd woken, requests are tested against min. One kind after the other takes pages until it fails; each digs deeper than the one before. ' +
        'A request fails when the pages free are no more than its mark. Below the names of the zones is what each kind left free.',
    ],
    table: { columns: ['request', 'served', ...names, 'mark'], rows },
    levels: pc.levels(),
  };
}

/** Lets the pages of step 2 be contents of files, and kswapd work. */
function kswapdWorks(pc: SmallPc, cached: readonly Pfn[]): LevelStep {
  for (const pfn of cached) pc.reclaim.pool.add(pfn);
  const kswapd = pc.reclaim.kswapd(0);
  const round = kswapd.run();
  const napping = kswapd.state;
  kswapd.endNap();
  const levels = pc.levels();
  const enough = levels.filter(({ free, high, protection }) => free > high + protection).map(({ zone }) => zone);
  return {
    title: 'kswapd brings it back',
    text: [
      `Let the ${cached.length} pages of step 2 be contents of files, which can be read again, and kswapd get the CPU. It freed ${round?.reclaimed ?? 0} of them, ` +
        `oldest first, a part of the list at a time: a 4096th, then a 2048th and so on; it got to 1 / ${2 ** (round?.priority ?? 0)}.`,
      `It stops as soon as one zone has more than high and its protection free: ${enough.join(' and ')}. It is ${napping}; a tenth of a second later nothing has changed, and it is ${kswapd.state}.`,
    ],
    table: levelTable(levels),
    levels,
  };
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printWatermarks(steps: readonly LevelStep[], terminal: Terminal): void {
  printLevelSteps(WATERMARKS, steps, terminal);
}
