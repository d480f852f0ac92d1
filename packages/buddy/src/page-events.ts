/**
 * Events of /proc/vmstat that the page allocator knows: pages handed out and pages given back (buddy spec 14).
 *
 * Only the first are counted, where a block is taken; the others follow:
 * ```
 *   pgfree - pgalloc = unused pages now - unused pages at the start + pages that compaction took from the free lists
 *
 *   unused pages     = free pages, those in isolated pageblocks included, and pages on per-CPU lists
 * ```
 * At boot no page is unused until it is given to the allocator, so what boot frees counts, as in the kernel.
 */
import { BLOCK_ZONE_SHIFT, MIGRATE_ISOLATE, type ZoneKind } from '@kmem/contracts';
import type { AllocationObserver } from './observe-allocation.js';
import { freeListEnds, P_COUNT, P_DIFF, pcpWords, Z_NR_FREE, Z_NR_ISOLATED, zoneWords, type BuddyState } from './state.js';

/** Pages handed out and given back since the start. */
export interface PageEvents {
  /** Zone kinds in index order. */
  readonly kinds: readonly ZoneKind[];
  /** Pages handed out by zones of each kind. */
  readonly pgalloc: readonly number[];
  /** Pages given back. */
  readonly pgfree: number;
}

/** Counts the events of one allocator. */
export class PageEventCounter {
  readonly #s: BuddyState;
  readonly #unusedAtStart: number;
  /** By zone kind. Int32 would be full after 8 TiB. */
  readonly #pgalloc: Float64Array;

  /**
   * Starts counting.
   *
   * @param s - the state.
   * @param unusedAtStart - unused pages from which frees are counted.
   */
  constructor(s: BuddyState, unusedAtStart: number) {
    this.#s = s;
    this.#unusedAtStart = unusedAtStart;
    this.#pgalloc = new Float64Array(s.kinds.length);
  }

  /** Hears of each block taken. */
  readonly observe: AllocationObserver = (_node, _gfp, order, _nodemask, pfn) => {
    const s = this.#s;
    this.#pgalloc[(s.block[pfn] >>> BLOCK_ZONE_SHIFT) % s.kinds.length] += 2 ** order;
  };

  /**
   * Reads the counts.
   *
   * @returns a copy.
   */
  read(): PageEvents {
    const pgalloc = Array.from(this.#pgalloc);
    const taken = pgalloc.reduce((sum, pages) => sum + pages, this.#s.compactionTaken);
    return { kinds: this.#s.kinds, pgalloc, pgfree: taken + unusedPages(this.#s) - this.#unusedAtStart };
  }
}

/**
 * Counts the pages that nobody uses.
 *
 * @param s - the state.
 * @returns free pages, isolated ones included, and pages on per-CPU lists.
 */
export function unusedPages(s: BuddyState): number {
  let pages = 0;
  for (let zone = 0; zone < s.nrZones; zone++) {
    pages += s.words[zoneWords(zone) + Z_NR_FREE] + isolatedPages(s, zone);
    for (let cpu = 0; cpu < s.nrCpus; cpu++) pages += s.words[pcpWords(s, cpu, zone) + P_DIFF] + s.words[pcpWords(s, cpu, zone) + P_COUNT];
  }
  return pages;
}

/** Free pages in isolated pageblocks, which no counter has. */
function isolatedPages(s: BuddyState, zone: number): number {
  let pages = 0;
  if (s.words[zoneWords(zone) + Z_NR_ISOLATED] === 0) return 0;
  for (let order = 0; order < s.maxOrder; order++) {
    for (let pfn = s.words[freeListEnds(s, zone, order, MIGRATE_ISOLATE)]; pfn !== 0; pfn = s.next[pfn]) pages += 2 ** order;
  }
  return pages;
}
