/**
 * State of a page allocator: one Int32Array, carved by {@link layoutWords}, beside the frame table.
 *
 * ```
 * words   | zone 0 | zone 1 | ... | per-CPU set 0 | per-CPU set 1 | ... | ends of free list 0 | ends of free list 1 | ...
 *           64 words each           64 words each                         head, tail
 *
 * per-CPU set   cpu * (nrZones rounded up to a power of two) + zone: 8 words of numbers, then head and tail of each list
 * free list     zone * 128 + order * 8 + migratetype
 * ```
 * A list is linked through the frame table's `next` and `prev`; 0 ends it. A free block's place is known
 * from its own `block` word, so it can be taken out of the middle without a search.
 *
 * Invariants, checked by `assertValid`:
 * ```
 *   NR_FREE(zone) + sum over cpus of DIFF      = sum over free blocks that are not isolated of 2 ** order
 *   NR_BLOCKS(zone, order)                     = sum over types of length(list(zone, order, type))
 *   bit o of NONEMPTY(zone, type)              = 1 exactly when list(zone, o, type) is not empty
 *   COUNT(cpu, zone)                           = sum over the set's lists of pages
 *   FAST_MARK(zone, highest)                   = LOW + BOOST + HIGHATOMIC + RESERVE(highest), or more than there is while BOOSTED is set
 *   block in list(zone, order, type)           : block word = zone, BUDDY, type, order; pfn % 2 ** order = 0
 *   two free buddies of one order, one zone    : only from pageblock order on, where types may keep them apart
 *   frame 0                                    : on no list, no reference; batch of every per-CPU set >= 1
 * ```
 * There is no lock: one caller at a time.
 */
import type { CpuContext, FrameTable, PhysicalMemory, Reclaim, ReportSink, TraceSink, ZoneKind } from '@kmem/contracts';
import type { FreeAreas } from './free-area.js';
import type { PcpLists } from './per-cpu-lists.js';

/** Words of a zone; a power of two so that a zone's base is a shift. */
export const ZONE_SHIFT = 6;
/** Pages on the free lists, as folded in so far. */
export const Z_NR_FREE = 0;
/** Watermarks min, low, high follow each other: index with the watermark number. */
export const Z_WMARK = 1;
/** Watermark low. */
export const Z_LOW = 2;
/** Watermark high. */
export const Z_HIGH = 3;
/** Watermark promo. */
export const Z_PROMO = 4;
/** Added to every watermark. */
export const Z_BOOST = 5;
/** Pages in high-atomic pageblocks. */
export const Z_HIGHATOMIC = 6;
/** `ZONE_*` bits. */
export const Z_FLAGS = 7;
/** Pages under management. */
export const Z_MANAGED = 8;
/** First frame of the span. */
export const Z_START = 9;
/** Frames of the span. */
export const Z_SPANNED = 10;
/** Frames that exist. */
export const Z_PRESENT = 11;
/** Magnitude above which a CPU's counter part is folded in. */
export const Z_STAT_THRESHOLD = 12;
/** With fewer free pages than this the balance test of kswapd adds up every CPU's part (buddy spec 14). */
export const Z_DRIFT_MARK = 13;
/** Zone index within its node. */
export const Z_INDEX = 14;
/** Node. */
export const Z_NODE = 15;
/** Lowmem reserve, 8 words, by index of the highest zone of a request. */
export const Z_RESERVE = 16;
/** Number of free blocks, 16 words, by order. */
export const Z_NR_BLOCKS = 24;
/** Orders with a non-empty list as a bit mask, 8 words, by migratetype. */
export const Z_NONEMPTY = 40;
/** Pageblocks of type Isolate. */
export const Z_NR_ISOLATED = 48;
/** Free pages that a plain request leaves, 8 words, by index of its highest zone; see `updateFastMarks`. */
export const Z_FAST_MARK = 56;
/** Type of the first pageblock where it is shared with the zone below; see pageblock.ts. */
export const Z_SHARED_TYPE = 49;

/** Zone flag: boosted, and kswapd does not know yet. */
export const ZONE_BOOSTED = 1;
/** Zone flag: kswapd is at work here. */
export const ZONE_RECLAIM_ACTIVE = 2;

/** Words of a per-CPU set; a power of two so that a set's base is a shift. */
export const PCP_SHIFT = 6;
/** Pages on the set's lists. */
export const P_COUNT = 0;
/** At this count pages are given back. */
export const P_HIGH = 1;
/** Pages moved at a time. */
export const P_BATCH = 2;
/** How often in a row pages were given back. */
export const P_FREE_FACTOR = 3;
/** This CPU's part of the zone's free count that is not folded in yet. */
export const P_DIFF = 4;
/** Head and tail of each of the set's lists, two words a list. */
export const P_ENDS = 8;

/** Lists of a zone: 16 orders of 8 types. */
export const ZONE_LISTS_SHIFT = 7;
/** Largest order that always goes through per-CPU lists ("costly" orders are above it). */
export const COSTLY_ORDER = 3;
/** Index of the first of the two huge-page lists of a per-CPU set. */
export const PCP_HUGE_INDEX = 12;
/** Lists of a per-CPU set in use. */
export const PCP_NR_LISTS = 14;
/** In `pcpIndexOf`: such a block goes straight to the free areas. */
export const NO_PCP_LIST = 255;
/** Most orders the layout has room for. */
export const ORDERS_LIMIT = 16;

/** Where things are in the words, for given numbers of zones and CPUs. */
export interface WordLayout {
  /** First word of the per-CPU sets. */
  readonly pcp: number;
  /** A CPU's sets are `1 << cpuShift` apart. */
  readonly cpuShift: number;
  /** First word of the ends of the free lists. */
  readonly ends: number;
  /** Number of words. */
  readonly length: number;
}

/**
 * Lays the words out.
 *
 * @param nrZones - zones of all nodes, unpopulated ones included.
 * @param nrCpus - CPUs.
 * @returns offsets in words.
 */
function layoutWords(nrZones: number, nrCpus: number): WordLayout {
  const cpuShift = Math.ceil(Math.log2(nrZones));
  const pcp = nrZones << ZONE_SHIFT;
  const ends = pcp + ((nrCpus << cpuShift) << PCP_SHIFT);
  return { pcp, cpuShift, ends, length: ends + (nrZones << ZONE_LISTS_SHIFT) * 2 };
}

/** Fills the table `pcpIndexOf`. Pages of high-atomic pageblocks wait among the movable ones (buddy spec 6.1, 6.4). */
function pcpIndices(hugeOrder: number): Uint8Array {
  const table = new Uint8Array(ORDERS_LIMIT << 3).fill(NO_PCP_LIST);
  for (let order = 0; order <= COSTLY_ORDER; order++) table.set([0, 1, 2, 1].map((type) => order * 3 + type), order << 3);
  if (hugeOrder > COSTLY_ORDER) table.set([0, 1, 0, 1].map((movable) => PCP_HUGE_INDEX + movable), hugeOrder << 3);
  return table;
}

/** What a {@link BuddyState} is made of. */
export interface StateParts {
  /** The frame table; its columns are written to. */
  readonly frames: FrameTable;
  /** Zone kinds in index order; the same for every node. */
  readonly kinds: readonly ZoneKind[];
  /** Number of nodes. */
  readonly nrNodes: number;
  /** Number of orders. */
  readonly maxOrder: number;
  /** Number of migratetypes. */
  readonly nrMigratetypes: number;
  /** True when blocks of pageblock order go through per-CPU lists. */
  readonly hugePages: boolean;
  /** Current CPU and task. */
  readonly cpus: CpuContext;
  /** Node of each CPU; null shares them out evenly. */
  readonly cpuNodes: readonly number[] | null;
  /** RAM, to zero pages in. */
  readonly memory: PhysicalMemory | null;
  /** What can be given up when memory runs short. */
  readonly reclaim: Reclaim | null;
  /** Receiver of events. */
  readonly trace: TraceSink | null;
  /** Receiver of reports; without one they are thrown. */
  readonly reports: ReportSink | null;
  /** Time in nanoseconds, or null. */
  readonly now: (() => number) | null;
}

/** The state that every function of this package works on. Fields that are not readonly are settings and notes, explained where they are. */
export class BuddyState {
  /** See the head of this file. */
  readonly words: Int32Array;
  /** Offsets into {@link words}. */
  readonly layout: WordLayout;
  /** The frame table whose columns follow. */
  readonly frames: FrameTable;
  /** Column of the frame table. */
  readonly flags: Uint32Array;
  /** Column of the frame table. */
  readonly refcount: Int32Array;
  /** Column of the frame table. */
  readonly block: Int32Array;
  /** Column of the frame table. */
  readonly owner: Int32Array;
  /** Column of the frame table. */
  readonly next: Int32Array;
  /** Column of the frame table. */
  readonly prev: Int32Array;
  /** Column of the frame table. */
  readonly pageblocks: Uint8Array;
  /** log2 of the frames of a pageblock. */
  readonly pageblockOrder: number;
  /** Number of orders. */
  readonly maxOrder: number;
  /** Order that has the huge per-CPU lists, or -1. */
  readonly hugeOrder: number;
  /** Index of the per-CPU list for a block, by `order << 3 | migratetype`; NO_PCP_LIST where it does not wait on one. */
  readonly pcpIndexOf: Uint8Array;
  /** Number of migratetypes. */
  readonly nrMigratetypes: number;
  /** Zone kinds in index order. */
  readonly kinds: readonly ZoneKind[];
  /** Number of nodes. */
  readonly nrNodes: number;
  /** Zones of all nodes; zone id = node * kinds.length + index. */
  readonly nrZones: number;
  /** CPUs. */
  readonly nrCpus: number;
  /** Node of each CPU. */
  readonly nodeOfCpu: Int32Array;
  /** Highest zone index of a request, by its four zone bits. */
  readonly gfpZone: Uint8Array;
  /** Zone ids in order of preference; see zonelist.ts. */
  readonly zonelists: Int32Array;
  /** `ALLOC_NOFRAGMENT` where a request that prefers this zone avoids mixing pageblock types at first, otherwise 0. */
  readonly avoidFragmentation: Int32Array;
  /** Current CPU and task. */
  readonly cpus: CpuContext;
  /** RAM, to zero pages in. */
  readonly memory: PhysicalMemory | null;
  /** What can be given up when memory runs short. */
  readonly reclaim: Reclaim | null;
  /** Receiver of reports. */
  readonly reports: ReportSink | null;
  /** Time in nanoseconds, or null. */
  readonly now: (() => number) | null;
  /** No failed request is reported before this time. */
  nextFailureReport = 0;
  /** Receiver of events; may be replaced at any time. */
  trace: TraceSink | null;
  /** True when the machine is too small to keep pageblock types apart. */
  groupingDisabled = false;
  /** KiB kept free in all. */
  minFreeKbytes = 0;
  /** Boost factor in 1/10000 of the high watermark; 0 turns boosting off. */
  watermarkBoostFactor = 15000;
  /** `WARNED_*` bits: warnings that were given and are not repeated. */
  warned = 0;
  /** How many works that free memory are under way, one inside the other; see `withoutReclaim`. */
  reclaimDepth = 0;
  /** Pages that compaction has taken from the free lists so far. */
  compactionTaken = 0;
  /** Result of the last move of a pageblock: used pages in it that can be moved. */
  movedMovable = 0;
  /** The buddy system over these arrays. */
  readonly areas: FreeAreas;
  /** The per-CPU lists in front of it. */
  readonly lists: PcpLists;

  /**
   * Makes an empty state: no zone has memory.
   *
   * @param parts - what it is made of.
   * @param createAreas - makes its buddy system.
   * @param createLists - makes its per-CPU lists.
   */
  constructor(parts: StateParts, createAreas: (s: BuddyState) => FreeAreas, createLists: (s: BuddyState) => PcpLists) {
    const { frames } = parts;
    this.kinds = parts.kinds;
    this.nrNodes = parts.nrNodes;
    this.nrZones = parts.kinds.length * parts.nrNodes;
    this.nrCpus = parts.cpus.nrCpus;
    this.nodeOfCpu = Int32Array.from({ length: this.nrCpus }, (_, cpu) => parts.cpuNodes?.[cpu] ?? Math.floor((cpu * this.nrNodes) / this.nrCpus));
    this.layout = layoutWords(this.nrZones, this.nrCpus);
    const bytes = this.layout.length * Int32Array.BYTES_PER_ELEMENT;
    const shared = typeof SharedArrayBuffer !== 'undefined' && frames.buffer instanceof SharedArrayBuffer;
    this.words = new Int32Array(shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    this.frames = frames;
    this.flags = frames.flags;
    this.refcount = frames.refcount;
    this.block = frames.block;
    this.owner = frames.owner;
    this.next = frames.next;
    this.prev = frames.prev;
    this.pageblocks = frames.pageblocks;
    this.pageblockOrder = frames.pageblockOrder;
    this.maxOrder = parts.maxOrder;
    this.hugeOrder = parts.hugePages ? frames.pageblockOrder : -1;
    this.pcpIndexOf = pcpIndices(this.hugeOrder);
    this.nrMigratetypes = parts.nrMigratetypes;
    this.gfpZone = new Uint8Array(16);
    this.zonelists = new Int32Array((parts.nrNodes * 2 * 8 + 1) * (this.nrZones + 1)).fill(-1);
    this.avoidFragmentation = new Int32Array(this.nrZones);
    this.cpus = parts.cpus;
    this.memory = parts.memory;
    this.reclaim = parts.reclaim;
    this.trace = parts.trace;
    this.reports = parts.reports;
    this.now = parts.now;
    this.areas = createAreas(this);
    this.lists = createLists(this);
  }
}

/**
 * Finds a zone's words.
 *
 * @param zone - zone id.
 * @returns offset of its first word.
 */
export function zoneWords(zone: number): number {
  return zone << ZONE_SHIFT;
}

/**
 * Finds the words of a per-CPU set.
 *
 * @param s - the state.
 * @param cpu - CPU.
 * @param zone - zone id.
 * @returns offset of its first word.
 */
export function pcpWords(s: BuddyState, cpu: number, zone: number): number {
  return s.layout.pcp + (((cpu << s.layout.cpuShift) | zone) << PCP_SHIFT);
}

/**
 * Finds the ends of a free list.
 *
 * @param s - the state.
 * @param zone - zone id.
 * @param order - order.
 * @param type - migratetype.
 * @returns offset of the head word; the tail word follows.
 */
export function freeListEnds(s: BuddyState, zone: number, order: number, type: number): number {
  return s.layout.ends + (((zone << ZONE_LISTS_SHIFT) | (order << 3) | type) << 1);
}

/**
 * Finds the ends of a per-CPU list.
 *
 * @param s - the state.
 * @param cpu - CPU.
 * @param zone - zone id.
 * @param index - index of the list in the set.
 * @returns offset of the head word; the tail word follows.
 */
export function pcpListEnds(s: BuddyState, cpu: number, zone: number, index: number): number {
  return pcpWords(s, cpu, zone) + P_ENDS + index * 2;
}

/**
 * Tells whether blocks of an order go through per-CPU lists.
 *
 * @param s - the state.
 * @param order - order.
 * @returns true for orders 0 to 3, and for the pageblock order with huge pages on.
 */
export function hasPcpList(s: BuddyState, order: number): boolean {
  return s.pcpIndexOf[order << 3] !== NO_PCP_LIST;
}

/**
 * Finds the zone a frame belongs to. Slow: for frames that have not been through the allocator.
 *
 * @param s - the state.
 * @param pfn - frame.
 * @returns zone id or -1.
 */
export function zoneOfPfn(s: BuddyState, pfn: number): number {
  for (let zone = 0; zone < s.nrZones; zone++) {
    const start = s.words[zoneWords(zone) + Z_START];
    if (pfn >= start && pfn < start + s.words[zoneWords(zone) + Z_SPANNED]) return zone;
  }
  return -1;
}
