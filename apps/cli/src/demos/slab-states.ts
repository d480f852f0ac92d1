/**
 * The lesson on the states of a slab: full, partial and empty, as objects come and go.
 *
 * Every picture is read off a running SLAB; the words around it are chosen by what it did.
 */
import { BuddyAllocator } from '@kmem/buddy';
import { GFP_KERNEL, type PhysAddr } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { slab, type ClassicCache, type Slab } from '@kmem/slab';
import { drawSlabs, slabLines, type SlabLine } from '../slab-map.js';
import type { Terminal } from '../terminal.js';
import { count } from '../text.js';
import type { Demo } from './demo.js';
import { printSteps } from './lesson.js';

/** Entry of the list of demos. */
export const SLAB_STATES: Demo = {
  name: 'slab-states',
  title: 'The states of a slab: full, partial and empty',
  subsystem: 'slab',
  source: 'Slides on the memory allocators of Linux: slab allocator, states of a slab',
};

const NR_FRAMES = 1024;
/** Eight to a page, and enough left over for some colours. */
const OBJECT_BYTES = 480;
/** A small array, so that objects reach their slabs soon. */
const ARRAY = { limit: 4, batchcount: 4, sharedfactor: 0 } as const;
/** Objects that the lesson works with. */
const OBJECTS = 40;

/** A step of the lesson. */
export interface SlabStep {
  /** What is done. */
  readonly title: string;
  /** What is seen, a paragraph each. */
  readonly text: readonly string[];
  /** The slabs after it. */
  readonly slabs: readonly SlabLine[];
}

/** A machine with one cache. */
class SlabLab {
  readonly cache: ClassicCache;
  readonly #slabs: Slab;
  readonly #pages: BuddyAllocator;
  readonly #pageSize: number;
  /** Objects in use, in the order in which they were taken. */
  readonly #held: PhysAddr[] = [];

  constructor() {
    const frames = createFrameTable({ nrFrames: NR_FRAMES });
    this.#pages = new BuddyAllocator({ frames });
    this.#pageSize = 2 ** frames.pageShift;
    this.#slabs = slab({ pages: this.#pages, frames });
    const cache = this.#slabs.createCache({ name: 'lesson', sizeBytes: OBJECT_BYTES });
    if (cache === null) throw new Error('the cache of the lesson cannot be made');
    cache.tune(ARRAY);
    this.cache = cache;
  }

  /** Pages in use. */
  get usedPages(): number {
    return this.#pages.managedPages - this.#pages.nrFreePages - this.#pages.nrPcpPages;
  }

  /** Frames of the slabs, in the order in which they were first used. */
  get frames(): number[] {
    return [...new Set(this.#held.map((addr) => Math.floor(addr / this.#pageSize)))];
  }

  take(n: number): void {
    for (let i = 0; i < n; i++) this.#held.push(this.cache.alloc(GFP_KERNEL));
  }

  /** Gives objects of a slab back, the oldest first. */
  giveOf(pfn: number, n: number): void {
    const ofSlab = this.#held.filter((addr) => Math.floor(addr / this.#pageSize) === pfn).slice(0, n);
    for (const addr of ofSlab) {
      this.#held.splice(this.#held.indexOf(addr), 1);
      this.cache.free(addr);
    }
  }

  step(title: string, ...text: string[]): SlabStep {
    const { num } = this.cache.exportAttributes();
    const isLive = (pfn: number, offset: number): boolean => this.#slabs.find(pfn * this.#pageSize + offset)?.live === true;
    return { title, text, slabs: slabLines({ isLive, num, size: this.cache.size, state: this.cache.exportState() }) };
  }
}

/**
 * Gives the lesson.
 *
 * @returns the steps.
 */
export function slabStatesLesson(): SlabStep[] {
  const lab = new SlabLab();
  return [newCache(lab), firstObject(lab), manyObjects(lab), someBack(lab), oneSlabBack(lab), takenAgain(lab), allBack(lab), shrunk(lab)];
}

function newCache(lab: SlabLab): SlabStep {
  const { colour, colour_off: step, num } = lab.cache.exportAttributes();
  return lab.step(
    'A new cache has no slabs',
    `It is to hold objects of ${OBJECT_BYTES} bytes: ${num} fit into a page, and what is left over makes ${count(colour, 'colour')} of ${step} bytes. ` +
      `The array of the CPU holds ${ARRAY.limit} objects and moves ${ARRAY.batchcount} at a time, instead of 54 and 27 as usual, so that the slabs are seen to change.`,
  );
}

function firstObject(lab: SlabLab): SlabStep {
  lab.take(1);
  const { cpu } = lab.cache.exportState();
  return lab.step(
    'One object is taken',
    `A page comes from the page allocator and becomes a slab. ${count(ARRAY.batchcount, 'object')} of it went to the array of the CPU; the last of them was handed out, ${cpu.avail} waits there. ` +
      'The slab is partial: some of its objects are free.',
  );
}

function manyObjects(lab: SlabLab): SlabStep {
  lab.take(OBJECTS - 1);
  const { full, partial, total_slabs: slabs } = lab.cache.exportState();
  return lab.step(
    `${OBJECTS - 1} more are taken`,
    `There are ${slabs} slabs: ${full.length} full, ${partial.length} partial. The last object of the array was handed out, and the next request will need a new slab. A full slab is not looked at when objects are asked for. ` +
      'Each slab begins at the next colour, so that the first objects of all slabs do not fight for the same cache lines.',
  );
}

function someBack(lab: SlabLab): SlabStep {
  const [first] = lab.frames;
  lab.giveOf(first, 6);
  const { cpu } = lab.cache.exportState();
  return lab.step(
    `Six objects of frame ${first} come back`,
    `They go to the array first; when it is full, its ${ARRAY.batchcount} oldest objects go back to their slab. ${cpu.avail} are in the array now and count as in use for the slab. ` +
      'A full slab that gets an object back becomes partial, at the end of that list.',
  );
}

function oneSlabBack(lab: SlabLab): SlabStep {
  const [, second, third] = lab.frames;
  lab.giveOf(second, OBJECTS);
  lab.giveOf(third, 4);
  const { free } = lab.cache.exportState();
  return lab.step(
    `All objects of frame ${second} come back, and four of frame ${third}`,
    `${count(free.length, 'slab is', 'slabs are')} empty now. An empty slab is kept: the next burst of requests will not have to ask the page allocator. ` +
      'All three states are there.',
  );
}

function takenAgain(lab: SlabLab): SlabStep {
  const before = lab.usedPages;
  lab.take(6);
  const { partial } = lab.cache.exportState();
  return lab.step(
    'Six objects are taken again',
    'The array is emptied from its end: what was freed last is handed out first, and is likely to be in the cache still. Then partial slabs give what they have, before any empty one is touched.',
    `${count(lab.usedPages - before, 'page')} had to be asked for; ${count(partial.length, 'slab is', 'slabs are')} partial.`,
  );
}

function allBack(lab: SlabLab): SlabStep {
  for (const pfn of lab.frames) lab.giveOf(pfn, OBJECTS);
  const { cpu, free, free_limit: limit, free_objects: freeObjects, partial } = lab.cache.exportState();
  return lab.step(
    'All objects come back',
    `${count(free.length, 'slab is', 'slabs are')} empty, ${partial.length} partial on account of the ${count(cpu.avail, 'object')} in the array. ` +
      `The cache keeps up to ${limit} free objects and has ${freeObjects}: empty slabs beyond that have gone back to the page allocator.`,
  );
}

function shrunk(lab: SlabLab): SlabStep {
  const before = lab.usedPages;
  lab.cache.shrink();
  return lab.step('The cache is shrunk', `The array is emptied, and every empty slab goes: ${count(before - lab.usedPages, 'page')} came back to the page allocator.`);
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printSlabStates(steps: readonly SlabStep[], terminal: Terminal): void {
  const { colors } = terminal;
  const legend = 'A line is a slab, a character an object: # in use, a in the array of the CPU, · free.';
  printSteps(SLAB_STATES, legend, steps, terminal, ({ slabs }) => ['', ...drawSlabs(slabs, colors)]);
}
