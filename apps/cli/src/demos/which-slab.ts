/**
 * The lesson on the three object allocators: the same work on SLUB, SLAB and SLOB, and what it costs each.
 *
 * Every number is counted on running allocators: pages as the page allocator has them, addresses as they were handed out.
 */
import { BuddyAllocator } from '@kmem/buddy';
import { Random } from '@kmem/conformance';
import { GFP_KERNEL, type FrameTable, type PageAllocator, type PhysAddr, type SlabAllocator, type SlabCache } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { createKmalloc, slab, SLAB_CLASSES, slob, slub, type Kmalloc } from '@kmem/slab';
import type { Terminal } from '../terminal.js';
import { drawTable, percent, type Table } from '../text.js';
import type { Demo } from './demo.js';
import { printSteps } from './lesson.js';

/** Entry of the list of demos. */
export const WHICH_SLAB: Demo = {
  name: 'which-slab',
  title: 'SLUB, SLAB and SLOB: the same work, three ways to do it',
  subsystem: 'slab',
  source: 'Slides on the memory allocators of Linux: SLOB, SLAB and SLUB compared',
};

const NR_FRAMES = 8192;
/** Requests of the mix, and the largest of them in bytes. */
const REQUESTS = 2000;
const LARGEST = 1500;
/** Objects whose order is shown. */
const SHOWN = 6;
/** And their bytes. */
const OBJECT_BYTES = 64;

/** A step of the lesson. */
export interface WhichSlabStep {
  /** What is done. */
  readonly title: string;
  /** What is seen, a paragraph each. */
  readonly text: readonly string[];
  /** A row for each allocator. */
  readonly table: Table;
}

/** One of the allocators on a machine of its own. */
interface Contestant {
  readonly name: string;
  readonly slabs: SlabAllocator;
  readonly kmalloc: Kmalloc;
  readonly usedPages: () => number;
}

function contestant(name: string, make: (pages: PageAllocator, frames: FrameTable) => Pick<Contestant, 'slabs' | 'kmalloc'>): Contestant {
  const frames = createFrameTable({ nrFrames: NR_FRAMES });
  const pages = new BuddyAllocator({ frames });
  return { name, ...make(pages, frames), usedPages: () => pages.managedPages - pages.nrFreePages - pages.nrPcpPages };
}

function contestants(): Contestant[] {
  return [
    contestant('SLUB', (pages, frames) => {
      const slabs = slub({ pages, frames });
      return { slabs, kmalloc: createKmalloc({ slabs, pages, frames }) };
    }),
    contestant('SLAB', (pages, frames) => {
      const slabs = slab({ pages, frames });
      return { slabs, kmalloc: createKmalloc({ slabs, pages, frames, classes: SLAB_CLASSES }) };
    }),
    contestant('SLOB', (pages, frames) => {
      const slabs = slob({ pages, frames });
      return { slabs, kmalloc: slabs.kmalloc };
    }),
  ];
}

/**
 * Gives the lesson.
 *
 * @param seed - decides sizes and order of the mix.
 * @returns the steps.
 */
export function whichSlabLesson(seed: number): WhichSlabStep[] {
  const all = contestants();
  // Before anything else is asked for: SLOB would begin behind it.
  const first = order(all);
  const mixes = all.map((each) => ({ each, mix: new Mix(each, seed) }));
  return [first, footprint(mixes), half(mixes), empty(mixes)];
}

function order(all: readonly Contestant[]): WhichSlabStep {
  const rows = all.map(({ name, slabs }) => {
    const cache = slabs.createCache({ name: 'objects', sizeBytes: OBJECT_BYTES });
    if (cache === null) throw new Error(`${name} makes no cache`);
    const objects = takeObjects(cache, SHOWN);
    const base = Math.floor(Math.min(...objects) / 4096) * 4096;
    for (const addr of objects) cache.free(addr);
    const again = takeObjects(cache, SHOWN);
    for (const addr of again) cache.free(addr);
    cache.destroy();
    return [name, objects.map((addr) => addr - base).join(' '), again.map((addr) => addr - base).join(' ')];
  });
  return {
    title: 'The order of addresses',
    text: [
      `${SHOWN} objects of ${OBJECT_BYTES} bytes from a new cache, as bytes from the start of their page; then all are given back, first to last, and ${SHOWN} are taken again.`,
      'SLUB hands a new slab out in ascending order, and what was freed last comes first. SLAB moves 16 objects into the array of the CPU and takes from its end, so it begins with the sixteenth. ' +
        'SLOB always takes the first place that fits, so what was freed is forgotten.',
    ],
    table: { columns: ['', 'taken', 'taken again'], rows },
  };
}

function takeObjects(cache: SlabCache, n: number): PhysAddr[] {
  return Array.from({ length: n }, () => cache.alloc(GFP_KERNEL));
}

/** The same random requests to kmalloc. */
class Mix {
  /** Bytes asked for by those that are there. */
  asked = 0;
  readonly #family: Kmalloc;
  readonly #usedPages: () => number;
  readonly #before: number;
  readonly #random: Random;
  #held: { readonly addr: PhysAddr; readonly bytes: number }[] = [];

  constructor({ kmalloc, usedPages }: Contestant, seed: number) {
    this.#family = kmalloc;
    this.#usedPages = usedPages;
    this.#before = usedPages();
    this.#random = new Random(seed);
    for (let i = 0; i < REQUESTS; i++) {
      // Small ones are more frequent, as in a kernel.
      const bytes = 1 + this.#random.below(1 + this.#random.below(LARGEST));
      this.#held.push({ addr: kmalloc.kmalloc(bytes, GFP_KERNEL), bytes });
      this.asked += bytes;
    }
  }

  /** Pages that the requests have taken. */
  get pages(): number {
    return this.#usedPages() - this.#before;
  }

  /** Bytes that may be used of what was taken. */
  get usable(): number {
    return this.#held.reduce((sum, { addr }) => sum + this.#family.ksize(addr), 0);
  }

  /** Gives a share of what is left back, in random order. */
  give(share: number): void {
    const kept: { readonly addr: PhysAddr; readonly bytes: number }[] = [];
    for (const block of this.#held) {
      if (this.#random.below(100) >= share) {
        kept.push(block);
        continue;
      }
      this.#family.kfree(block.addr);
      this.asked -= block.bytes;
    }
    this.#held = kept;
  }
}

type Mixes = readonly { readonly each: Contestant; readonly mix: Mix }[];

const COLUMNS = ['', 'asked for', 'usable', 'pages', 'of the pages used'];

function footprint(mixes: Mixes): WhichSlabStep {
  const [least] = [...mixes].sort((a, b) => a.mix.pages - b.mix.pages);
  return {
    title: 'The same requests to kmalloc',
    text: [
      `${REQUESTS} requests of 1 to ${LARGEST} bytes, small ones more often. Usable is what ksize tells: SLUB and SLAB round up to a size class, SLAB to 32 bytes at least; ` +
        'SLOB rounds up to 2 bytes and puts a header of 8 bytes before each block.',
      `${least.each.name} needs the fewest pages, ${least.mix.pages}.`,
    ],
    table: { columns: COLUMNS, rows: mixes.map(mixRow) },
  };
}

function half(mixes: Mixes): WhichSlabStep {
  for (const { mix } of mixes) mix.give(50);
  return {
    title: 'Half of them come back',
    text: [
      'Every second block is freed at random. A page goes back only when nothing in it is in use: what is free in the others can be had by requests of the same size class alone, ' +
        'with SLOB by any that is small enough.',
    ],
    table: { columns: COLUMNS, rows: mixes.map(mixRow) },
  };
}

function empty(mixes: Mixes): WhichSlabStep {
  const kept = mixes.map(({ mix }) => {
    mix.give(100);
    return mix.pages;
  });
  const rows = mixes.map(({ each, mix }, i) => {
    for (const cache of each.slabs.caches()) cache.shrink();
    return [each.name, kept[i], mix.pages];
  });
  return {
    title: 'All of them come back',
    text: [
      'SLUB keeps some empty slabs for each cache and CPU, SLAB objects in the arrays and free slabs up to a limit; SLOB gives a page back with its last block. When the caches are shrunk, all pages are back.',
    ],
    table: { columns: ['', 'pages kept', 'after shrinking'], rows },
  };
}

function mixRow({ each, mix }: Mixes[number]): (string | number)[] {
  return [each.name, mix.asked, mix.usable, mix.pages, percent(mix.asked, mix.pages * 4096)];
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printWhichSlab(steps: readonly WhichSlabStep[], terminal: Terminal): void {
  printSteps(WHICH_SLAB, 'Three machines with one CPU, alike but for the object allocator.', steps, terminal, ({ table }) => ['', ...drawTable(table, terminal.colors)]);
}
