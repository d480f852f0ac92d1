/**
 * PageState: the full state of a page allocator as data.
 *
 * This is the form in which a real kernel was recorded, field names included, so a recorded state can be
 * loaded and a computed one compared field by field. Counts are pages unless a field says blocks.
 */

/** Per-CPU lists of a zone on one CPU. */
export interface PcpState {
  /** The CPU. */
  readonly cpu: number;
  /** Pages on the lists. */
  readonly count: number;
  /** At this count pages are given back. */
  readonly high: number;
  /** Pages moved at a time. */
  readonly batch: number;
  /** How often in a row pages were given back: each time doubles the portion. */
  readonly free_factor: number;
  /**
   * The lists that are not empty, by index `3 * order + migratetype`, and two more for huge pages. First
   * frames of the blocks, head of the list first; `migratetypes` only where one differs from the list's own,
   * and always on the lists for huge pages, which have no type of their own.
   */
  readonly lists: Readonly<Record<string, { readonly pfns: readonly number[]; readonly migratetypes?: readonly number[] }>>;
}

/** One zone. */
export interface ZoneState {
  /** Name as /proc prints it. */
  readonly zone: string;
  /** Zone index within its node. */
  readonly index: number;
  /** First frame of the span. */
  readonly start_pfn: number;
  /** Frames of the span, holes included. */
  readonly spanned: number;
  /** Frames that exist. */
  readonly present: number;
  /** Frames under management. */
  readonly managed: number;
  /** Watermark min without boost. */
  readonly min: number;
  /** Watermark low without boost. */
  readonly low: number;
  /** Watermark high without boost. */
  readonly high: number;
  /** Watermark promo. */
  readonly promo: number;
  /** Added to every watermark for the time being. */
  readonly watermark_boost: number;
  /** Pages in pageblocks kept for high-order atomic requests. */
  readonly nr_reserved_highatomic: number;
  /** Bit 0: boosted and kswapd not told yet. Bit 1: reclaim active. */
  readonly flags: number;
  /** The counter that watermark checks read. */
  readonly nr_free_pages: number;
  /** Part of the count that CPU 0 has not folded in yet. */
  readonly nr_free_pages_cpu_diff: number;
  /** Magnitude above which that part is folded in. */
  readonly stat_threshold: number;
  /** Below this many free pages a check sums the parts of all CPUs. */
  readonly percpu_drift_mark: number;
  /** Pages kept from requests that could use a higher zone, by that zone's index. */
  readonly lowmem_reserve: readonly number[];
  /** Per-CPU lists of CPU 0. */
  readonly pcp: PcpState;
  /** First frames of the free blocks, by order, by migratetype, head of the list first. */
  readonly free: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  /** Type of each pageblock from `first_pfn` on; 255 where no memory is present. Absent for an empty zone. */
  readonly pageblocks?: {
    readonly first_pfn: number;
    readonly pages_per_block: number;
    readonly types: readonly number[];
  };
  /** Frames in use that count as movable when a pageblock is claimed: `[first frame, pages]`. */
  readonly lru_or_movable_ranges?: readonly (readonly [pfn: number, pages: number])[];
}

/** The whole allocator. */
export interface PageState {
  /** The zones of the machine, in index order. */
  readonly zones: readonly ZoneState[];
}
