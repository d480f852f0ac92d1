/**
 * The lesson on per-CPU lists: how most requests get by without the free lists of the zone, and what that costs.
 *
 * Every number is counted on a running allocator, from its state and its trace events; the rules beside them are the kernel's (buddy
 * spec 6, 7).
 */
import type { BuddyAllocator } from '@kmem/buddy';
import { GFP_KERNEL, type PcpState, type Pfn, type TraceSink } from '@kmem/contracts';
import { bootPages } from '../machine.js';
import type { Terminal } from '../terminal.js';
import { count, drawTable, type Table } from '../text.js';
import type { Demo } from './demo.js';
import { printSteps } from './lesson.js';

/** Entry of the list of demos. */
export const PERCPU: Demo = {
  name: 'percpu',
  title: 'Per-CPU lists: pages without the free lists',
  subsystem: 'buddy',
  source: 'Slides on the memory allocators of Linux: per-CPU page caches, hot and cold pages',
};

const PROFILE = 'pc-160m';
/** The zone that GFP_KERNEL prefers there. */
const ZONE = 'DMA32';

/** A step of the lesson. */
export interface PercpuStep {
  /** What is done. */
  readonly title: string;
  /** What is seen, a paragraph each. */
  readonly text: readonly string[];
  /** Numbers that belong together. */
  readonly table: Table;
}

/** What has moved between the per-CPU list and the free lists. */
interface Moves {
  /** Blocks taken from the free lists to refill the list. */
  refilled: number;
  /** Blocks given back. */
  drained: number;
  /** Pairs of free buddies that became one block. */
  merged: number;
}

/** A machine whose moves are counted. */
class CountedPc {
  readonly pages: BuddyAllocator;
  #moves: Moves = { refilled: 0, drained: 0, merged: 0 };

  constructor() {
    this.pages = bootPages(PROFILE);
    this.pages.trace = countMoves(() => this.#moves);
  }

  /** The list as it is now. */
  get list(): PcpState {
    const zone = this.pages.exportState().zones.find(({ zone: name }) => name === ZONE);
    if (zone === undefined) throw new Error(`${PROFILE} has no zone ${ZONE}`);
    return zone.pcp;
  }

  /** Takes single pages. */
  take(n: number): Pfn[] {
    return Array.from({ length: n }, () => this.pages.allocPages(GFP_KERNEL, 0));
  }

  /** What moved while something was done. */
  during(act: () => void): Moves {
    this.#moves = { refilled: 0, drained: 0, merged: 0 };
    act();
    return this.#moves;
  }

  /** The row of a table: what was done, and how it stands. */
  row(what: string, act: () => void): (string | number)[] {
    const { refilled, drained } = this.during(act);
    return [what, refilled, drained, this.list.count, this.pages.nrFreePages];
  }
}

const COLUMNS = ['done', 'refilled', 'given back', 'on the list', 'free'];

/**
 * Gives the lesson.
 *
 * @returns the steps.
 */
export function percpuLesson(): PercpuStep[] {
  const pc = new CountedPc();
  const first = firstPages(pc);
  return [first, lastInFirstOut(pc), bursts(pc), emptied(pc)];
}

function firstPages(pc: CountedPc): PercpuStep {
  const { batch, count: waiting } = pc.list;
  let taken: Pfn[] = [];
  const rows = [
    pc.row('nothing yet', () => undefined),
    pc.row('one page taken', () => (taken = pc.take(1))),
    pc.row(`${batch - 1} more taken`, () => taken.push(...pc.take(batch - 1))),
    pc.row('one more taken', () => taken.push(...pc.take(1))),
  ];
  const inARow = taken.every((pfn, i) => pfn === taken[0] + i);
  return {
    title: 'One request fills the list, the next ones live on it',
    text: [
      `Each CPU keeps lists of pages for each zone. The first request finds its list empty and takes a batch of ${batch} pages from the free lists at once, ` +
        'under one lock. The others of that batch are served from the list without any lock.',
      `The ${waiting} pages that wait from the start are of another kind: movable ones, given to the allocator at the end of boot.`,
      `The pages came from one block that was split, so their frames are ${inARow ? 'in a row' : 'not in a row'}: ${taken[0]} to ${taken[taken.length - 1]}.`,
    ],
    table: { columns: COLUMNS, rows },
  };
}

function lastInFirstOut(pc: CountedPc): PercpuStep {
  const pfns = pc.take(3);
  const rows: (string | number)[][] = [];
  let again: Pfn[] = [];
  rows.push(pc.row(`${pfns.join(', ')} freed`, () => { for (const pfn of pfns) pc.pages.freePages(pfn, 0); }));
  rows.push(pc.row('three taken', () => (again = pc.take(3))));
  return {
    title: 'Last in, first out',
    text: [
      `The frames ${pfns.join(', ')} are freed in this order. The next three requests get ${again.join(', ')}: a freed page goes to the head of the list, from where requests are ` +
        'served, because it is likely to be in the cache still.',
      'Earlier kernels put "cold" pages at the tail on request; since 4.15 there is no such call. The list is drained from the tail, where the coldest pages are.',
    ],
    table: { columns: COLUMNS, rows },
  };
}

/** Frees many pages without a request between. */
function bursts(pc: CountedPc): PercpuStep {
  const { high, batch } = pc.list;
  const pfns = pc.take(3 * high);
  const rows: (string | number)[][] = [];
  let freed = 0;
  for (const pfn of pfns) {
    const before = pc.pages.nrFreePages;
    const { drained } = pc.during(() => { pc.pages.freePages(pfn, 0); });
    freed++;
    if (drained > 0) rows.push([`${freed} freed`, 0, pc.pages.nrFreePages - before, pc.list.count, pc.pages.nrFreePages]);
  }
  const portions = rows.map((row) => Number(row[2]));
  return {
    title: 'A burst of frees goes back in growing portions',
    text: [
      `${count(pfns.length, 'page')} are freed one after the other. Nothing goes back until ${high} pages are on the list: high. Then a portion goes, ` +
        `${batch} pages at first and twice as many each time, up to 32 times as many or all but one batch of them: ${portions.slice(0, 8).join(', ')}${portions.length > 8 ? ', ...' : ''}. ` +
        'A request in between halves the next portion.',
      'So pages that wander between a request and a free stay on the list, and a task that ends gives its memory back quickly.',
    ],
    table: { columns: COLUMNS, rows: rows.slice(0, 8) },
  };
}

function emptied(pc: CountedPc): PercpuStep {
  const waiting = pc.list.count;
  let merged = 0;
  const rows = [
    pc.row('before', () => undefined),
    pc.row('all lists drained', () => {
      ({ merged } = pc.during(() => { pc.pages.drainAllPages(); }));
    }),
  ];
  rows[1][2] = waiting;
  return {
    title: 'Pages on the lists are not free',
    text: [
      `${count(waiting, 'page')} wait on the list. They are in use by nobody, but they do not count as free: no watermark sees them, no other CPU can have them, ` +
        'and no buddy can merge with them.',
      `When memory runs short, the kernel drains the lists of all CPUs before it gives up. Here that let ${count(merged, 'pair')} of buddies merge.`,
    ],
    table: { columns: COLUMNS, rows },
  };
}

/** A sink that counts moves and nothing else. */
function countMoves(moves: () => Moves): TraceSink {
  const ignore = (): void => undefined;
  return {
    mmPageAlloc: ignore,
    mmPageFree: ignore,
    mmPageAllocZoneLocked: (_pfn, _order, _type, refill) => { if (refill) moves().refilled++; },
    mmPagePcpuDrain: () => { moves().drained++; },
    mmPageAllocExtfrag: ignore,
    blockSplit: ignore,
    blockMerge: () => { moves().merged++; },
  };
}

/**
 * Prints the lesson.
 *
 * @param steps - its steps.
 * @param terminal - where to.
 */
export function printPercpu(steps: readonly PercpuStep[], terminal: Terminal): void {
  const legend = `A PC of 160 MiB with one CPU, zone ${ZONE}, single pages with GFP_KERNEL. Columns count pages.`;
  printSteps(PERCPU, legend, steps, terminal, ({ table }) => ['', ...drawTable(table, terminal.colors)]);
}
