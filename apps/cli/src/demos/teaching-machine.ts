/**
 * TeachingMachine: a page allocator small enough to be drawn frame by frame, and a note of who holds what.
 *
 * It has one zone without watermarks, so that every page can be handed out. Pages that are freed are drained from the
 * per-CPU lists at once: the lesson is about the free lists behind them.
 */
import { BuddyAllocator } from '@kmem/buddy';
import { NO_PAGE, type Gfp, type Pfn, type TraceSink, type ZoneState } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { frameSigns, type Holder } from '../frame-map.js';
import { countFreeLists, type FreeLists } from '../free-lists.js';

/** Frames of the machine: two lines of the map. */
export const NR_FRAMES = 128;
const MAX_ORDER = 6;
const PAGEBLOCK_ORDER = 4;
const NR_MIGRATETYPES = 5;

/** State of a teaching machine, for a picture or as data. */
export interface MachinePicture {
  /** Which machine, or which moment. */
  readonly caption: string;
  /** The map of its frames, one character each. */
  readonly frames: string;
  /** Its free lists. */
  readonly freeLists: FreeLists;
  /** Share of the free memory that cannot serve an order, by order, as debugfs prints it. */
  readonly unusableIndex: readonly string[];
}

/** One small machine. */
export class TeachingMachine {
  readonly #pages: BuddyAllocator;
  readonly #holders = new Map<Pfn, Holder>();
  #merges = 0;

  /** Boots it. */
  constructor() {
    this.#pages = new BuddyAllocator({
      frames: createFrameTable({ nrFrames: NR_FRAMES, maxOrder: MAX_ORDER, pageblockOrder: PAGEBLOCK_ORDER }),
      maxOrder: MAX_ORDER,
      nrMigratetypes: NR_MIGRATETYPES,
      trace: countMerges(() => this.#merges++),
    });
  }

  /** Pages on the free lists. */
  get nrFreePages(): number {
    return this.#pages.nrFreePages;
  }

  /** Pages that can be handed out in all. */
  get managedPages(): number {
    return this.#pages.managedPages;
  }

  /** How often two free buddies became one block since boot. */
  get merges(): number {
    return this.#merges;
  }

  /** log2 of the page size in bytes. */
  get pageShift(): number {
    return this.#pages.pageShift;
  }

  /** Orders of the blocks: from 0 to this, exclusive. */
  get maxOrder(): number {
    return this.#pages.maxOrder;
  }

  /** Frames that share a migratetype. */
  get pageblockFrames(): number {
    return 2 ** PAGEBLOCK_ORDER;
  }

  /** Takes one page for somebody, or returns `NO_PAGE`. */
  takePage(holder: Holder, gfp: Gfp): Pfn {
    const pfn = this.#pages.allocPages(gfp, 0);
    if (pfn !== NO_PAGE) this.#holders.set(pfn, holder);
    return pfn;
  }

  /** Frees single pages and drains them to the free lists. */
  freePages(pfns: Iterable<Pfn>): void {
    for (const pfn of pfns) {
      this.#pages.freePages(pfn, 0);
      this.#holders.delete(pfn);
    }
    this.#pages.drainAllPages();
  }

  /** The pages that somebody holds, ascending. */
  heldBy(holder: Holder): Pfn[] {
    return [...this.#holders].flatMap(([pfn, who]) => (who === holder ? [pfn] : [])).sort((a, b) => a - b);
  }

  /**
   * Asks for a block and gives it back at once.
   *
   * @returns the first frame, or `NO_PAGE`.
   */
  tryBlock(gfp: Gfp, order: number): Pfn {
    const pfn = this.#pages.allocPages(gfp, order);
    if (pfn !== NO_PAGE) {
      this.#pages.freePages(pfn, order);
      this.#pages.drainAllPages();
    }
    return pfn;
  }

  /** Counts how many blocks of an order can be had at once, and gives them back. */
  countBlocks(gfp: Gfp, order: number): number {
    const taken: Pfn[] = [];
    for (let pfn = this.#pages.allocPages(gfp, order); pfn !== NO_PAGE; pfn = this.#pages.allocPages(gfp, order)) {
      taken.push(pfn);
    }
    for (const pfn of taken) this.#pages.freePages(pfn, order);
    this.#pages.drainAllPages();
    return taken.length;
  }

  /** Takes a picture. */
  picture(caption: string): MachinePicture {
    const state = this.#pages.exportState();
    const [freeLists] = countFreeLists(state, MAX_ORDER, NR_MIGRATETYPES);
    return {
      caption,
      frames: frameSigns(theZone(state.zones), (pfn) => this.#holders.get(pfn) ?? 'nobody'),
      freeLists,
      unusableIndex: this.#pages.unusableIndex().trim().split(/\s+/).slice(-MAX_ORDER),
    };
  }
}

function theZone(zones: readonly ZoneState[]): ZoneState {
  const [zone] = zones;
  return zone;
}

/** A sink that hears of merges and of nothing else. */
function countMerges(onMerge: () => void): TraceSink {
  const ignore = (): void => undefined;
  return {
    mmPageAlloc: ignore,
    mmPageFree: ignore,
    mmPageAllocZoneLocked: ignore,
    mmPagePcpuDrain: ignore,
    mmPageAllocExtfrag: ignore,
    blockSplit: ignore,
    blockMerge: onMerge,
  };
}
