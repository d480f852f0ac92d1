/**
 * The lesson on external fragmentation: memory can be half free and still be useless.
 *
 * Every number and every picture is read off a running allocator; the words around them are chosen by what it did.
 */
import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL, NO_PAGE, type Gfp } from '@kmem/contracts';
import { Random } from '@kmem/conformance';
import { drawFrameMap, type Holder } from '../frame-map.js';
import { drawFreeLists, largestFreeOrder } from '../free-lists.js';
import type { Terminal } from '../terminal.js';
import { count, memory, percent } from '../text.js';
import type { Demo } from './demo.js';
import { printSteps } from './lesson.js';
import { NR_FRAMES, TeachingMachine, type MachinePicture } from './teaching-machine.js';

/** Entry of the list of demos. */
export const FRAGMENTATION: Demo = {
  name: 'fragmentation',
  title: 'External fragmentation: half of the memory is free, and two pages in a row are too many',
  subsystem: 'buddy',
  source: 'Slides on the memory allocators of Linux: page allocator, external fragmentation',
};

/** A step of the lesson. */
export interface LessonStep {
  /** What is done. */
  readonly title: string;
  /** What is seen, a paragraph each. */
  readonly text: readonly string[];
  /** The state after it. */
  readonly pictures: readonly MachinePicture[];
}

/** Share of the requests in the last step that come from the kernel: one in this many. */
const KERNEL_EVERY = 4;
/** Requests of the last step: three quarters of the memory, so that no type has to take from another at the end. */
const MIXED_REQUESTS = (NR_FRAMES * 3) / 4;

/**
 * Gives the lesson.
 *
 * @param seed - decides the order in which the kernel and users ask for pages in the last step.
 * @returns the steps.
 */
export function fragmentationLesson(seed: number): LessonStep[] {
  const machine = new TeachingMachine();
  return [boot(machine), takeAll(machine), freeEverySecond(machine), freeTheRest(machine), groupByMobility(seed)];
}

function boot(machine: TeachingMachine): LessonStep {
  const bytes = 2 ** machine.pageShift;
  return {
    title: 'A fresh machine',
    text: [
      `${NR_FRAMES} page frames of ${bytes} bytes (${memory(NR_FRAMES, machine.pageShift)}). Frame 0 (x) is never handed out; ` +
        `the other ${machine.nrFreePages} are free, in blocks of 1 to ${2 ** (machine.maxOrder - 1)} pages. ` +
        'A block of order n has 2^n pages and starts at a multiple of its size.',
    ],
    pictures: [machine.picture('at boot')],
  };
}

function takeAll(machine: TeachingMachine): LessonStep {
  let taken = 0;
  while (machine.takePage('kernel', GFP_KERNEL) !== NO_PAGE) taken++;
  return {
    title: 'Take every page, one at a time',
    text: [`${count(taken, 'request')} of order 0 were served; the next one failed. Free pages: ${machine.nrFreePages}.`],
    pictures: [machine.picture('all pages in use')],
  };
}

function freeEverySecond(machine: TeachingMachine): LessonStep {
  machine.freePages(machine.heldBy('kernel').filter((pfn) => pfn % 2 === 0));
  const picture = machine.picture('every second page free');
  return {
    title: 'Free every second page',
    text: [
      `${machine.nrFreePages} of ${machine.managedPages} pages are free: ${percent(machine.nrFreePages, machine.managedPages)}.`,
      ...[0, 1].map((order) => requestText(machine, GFP_KERNEL, order)),
      'The buddy of every free page is in use, so no two of them can be joined. This is external fragmentation.',
      unusableText(picture),
    ],
    pictures: [picture],
  };
}

function freeTheRest(machine: TeachingMachine): LessonStep {
  const mergesBefore = machine.merges;
  const rest = machine.heldBy('kernel');
  machine.freePages(rest);
  const now = machine.picture('all pages free again');
  const boot = new TeachingMachine().picture('');
  const same = now.frames === boot.frames;
  return {
    title: 'Free their neighbours too',
    text: [
      `${count(rest.length, 'page')} freed, ${count(machine.merges - mergesBefore, 'merge')}: each page finds its buddy free, ` +
        `the pair becomes a block of order 1, that one finds its buddy free, and so on.`,
      `The free blocks are ${same ? 'the same as' : 'not those'} at boot.`,
      requestText(machine, GFP_KERNEL, machine.maxOrder - 1),
    ],
    pictures: [now],
  };
}

function groupByMobility(seed: number): LessonStep {
  const random = new Random(seed);
  const requests = Array.from({ length: MIXED_REQUESTS }, (): Holder =>
    random.below(KERNEL_EVERY) === 0 ? 'kernel' : 'user',
  );
  const mixed = serve(requests, GFP_KERNEL);
  const grouped = serve(requests, GFP_HIGHUSER_MOVABLE);
  // Before anything else is asked for: every request leaves its traces.
  const pictures = [mixed.picture('without grouping'), grouped.picture('with grouping')];
  const kernelPages = mixed.heldBy('kernel').length;
  // What is asked for afterwards: blocks of the size that grouping works in.
  const order = Math.log2(mixed.pageblockFrames);
  const verdict = (machine: TeachingMachine, { freeLists }: MachinePicture): string =>
    `the largest free block has order ${largestFreeOrder(freeLists)}, and ` +
    `${count(machine.countBlocks(GFP_KERNEL, order), 'block')} of order ${order} can be had`;
  return {
    title: 'The remedy: group pages by mobility',
    text: [
      `${count(requests.length, 'page')} are taken in random order (--seed ${seed}), about one in ${KERNEL_EVERY} by the kernel (#), the others by ` +
        `users (u). Then the users leave; ${count(kernelPages, 'kernel page')} stay. In both machines ${mixed.nrFreePages} of ` +
        `${mixed.managedPages} pages are free.`,
      `Everybody asks with GFP_KERNEL: ${verdict(mixed, pictures[0])}.`,
      `Users ask with GFP_HIGHUSER_MOVABLE, so that they get pageblocks (${mixed.pageblockFrames} pages) of their own: ${verdict(grouped, pictures[1])}.`,
    ],
    pictures,
  };
}

/** Runs the requests on a fresh machine; afterwards the users free what they have. */
function serve(requests: readonly Holder[], userGfp: Gfp): TeachingMachine {
  const machine = new TeachingMachine();
  for (const holder of requests) machine.takePage(holder, holder === 'kernel' ? GFP_KERNEL : userGfp);
  machine.freePages(machine.heldBy('user'));
  return machine;
}

function requestText(machine: TeachingMachine, gfp: Gfp, order: number): string {
  const pfn = machine.tryBlock(gfp, order);
  const pages = 2 ** order === 1 ? 'one page' : `${2 ** order} pages in a row`;
  return `A request of order ${order} (${pages}): ${pfn === NO_PAGE ? 'fails' : `served, frame ${pfn}`}.`;
}

function unusableText(picture: MachinePicture): string {
  const { unusableIndex } = picture;
  return (
    `unusable_index of order 0 to ${unusableIndex.length - 1}: ${unusableIndex.join(' ')} - the share of the free memory ` +
    'that is of no use for the order; 1.000 is all of it.'
  );
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printLesson(steps: readonly LessonStep[], terminal: Terminal): void {
  const { colors } = terminal;
  const legend = 'Maps of the memory: # page of the kernel, u of a user, · free page, [──] free block of several pages.';
  printSteps(FRAGMENTATION, legend, steps, terminal, ({ pictures }) =>
    pictures.flatMap(({ caption, frames, freeLists }) => ['', colors.dim(caption), ...drawFrameMap(frames, colors), ...drawFreeLists([freeLists], colors)]),
  );
}
