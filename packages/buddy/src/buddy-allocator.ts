/**
 * BuddyAllocator: the page allocator of Linux 6.1 as a PageAllocator.
 *
 * Read on from here: alloc.ts and free.ts are the two ways through, per-cpu-lists.ts the front, free-area.ts the
 * buddy system, fallback.ts what happens when a type runs out, slow-path.ts when memory does; state.ts has
 * the layout and the invariants. Where speed counts, functions are made once for each allocator, around its arrays.
 */
import type {
  CpuId,
  Gfp,
  NodeId,
  Order,
  PageAllocator,
  PageState,
  Pfn,
  TraceSink,
  ZoneKind,
} from '@kmem/contracts';
import { NO_PAGE, NUMA_NO_NODE } from '@kmem/contracts';
import { createAllocation, type Allocation } from './alloc.js';
import { assertValid } from './assert-valid.js';
import { boot, releaseLate } from './boot.js';
import { checkOptions, checkState, checkTunables, checkZones } from './check-options.js';
import { allocPagesExact, freePagesExact } from './exact.js';
import { createFreeing, getPage, pageCount, splitPage, type Freeing } from './free.js';
import { createReclaimTarget } from './reclaim-target.js';
import { numaObserver, type NumaCounters } from './numa-stats.js';
import { observeAllocation } from './observe-allocation.js';
import { makeState, oneZone, type BuddyOptions } from './options.js';
import { PageEventCounter, unusedPages, type PageEvents } from './page-events.js';
import { exportPageState, loadPageState } from './page-state.js';
import { formatBuddyinfo, formatExtfragIndex, formatPagetypeinfo, formatUnusableIndex } from './proc.js';
import { badArgument, report } from './report.js';
import { P_COUNT, P_DIFF, pcpWords, Z_MANAGED, Z_NR_FREE, zoneWords, type BuddyState } from './state.js';
import { changeZoneLimits, LINUX_TUNABLES, NO_LIMITS, type ZoneTunables } from './zone-limits.js';

/**
 * The page allocator of Linux 6.1: zones, migratetypes, per-CPU lists, buddy system.
 *
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 *
 * const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
 * const pfn = pages.allocPages(GFP_KERNEL, 3);
 * pfn % 8; // -> 0
 * pages.freePages(pfn, 3);
 * ```
 */
export class BuddyAllocator implements PageAllocator {
  readonly #state: BuddyState;
  readonly #allocation: Allocation;
  readonly #freeing: Freeing;
  readonly #numa: readonly NumaCounters[];
  readonly #events: PageEventCounter | null;
  readonly #nrReserves: number;
  #tunables: ZoneTunables = LINUX_TUNABLES;

  /**
   * Makes an allocator and hands it the free frames, or the state to go on from.
   *
   * @param options - the frame table, and what differs from the defaults.
   * @throws RangeError when an option is out of range, naming it.
   */
  constructor(options: BuddyOptions) {
    checkOptions(options);
    const { frames, state } = options;
    if (state !== undefined) {
      checkState(options, state);
      // Just found to be one.
      this.#state = makeState(options, state.zones.map((zone) => zone.zone as ZoneKind), 1);
      this.#nrReserves = state.zones[0]?.lowmem_reserve.length ?? 0;
      loadPageState(this.#state, state);
    } else {
      const zones = options.zones ?? [oneZone(frames)];
      const free = options.free ?? zones.flatMap((zone) => zone.present);
      checkZones(options, zones, free);
      const kinds = zones.filter((zone) => zone.node === 0).map((zone) => zone.kind);
      this.#state = makeState(options, kinds, zones.length / kinds.length);
      this.#nrReserves = kinds.length;
      const limits = options.zones === undefined ? NO_LIMITS : LINUX_TUNABLES;
      this.#tunables = { ...limits, ...options.tunables };
      boot(this.#state, zones, free, this.#tunables);
    }
    this.#numa = Array.from({ length: this.#state.nrZones }, () => ({ numa_hit: 0, numa_miss: 0, numa_foreign: 0, numa_interleave: 0, numa_local: 0, numa_other: 0 }));
    // Boot has freed all that is unused by now; a state that was loaded is where counting starts.
    this.#events = options.countEvents === true ? new PageEventCounter(this.#state, state === undefined ? 0 : unusedPages(this.#state)) : null;
    this.#allocation = this.#observed(createAllocation(this.#state));
    this.#freeing = createFreeing(this.#state);
    options.reclaim?.attach?.(createReclaimTarget(this.#state, this.#freeing));
    if (options.late !== undefined) releaseLate(this.#state, this.#freeing, options.late);
  }

  /** Number of orders; the largest block has order `maxOrder - 1`. */
  get maxOrder(): number {
    return this.#state.maxOrder;
  }

  /** log2 of the page size in bytes. */
  get pageShift(): number {
    return this.#state.frames.pageShift;
  }

  /** Frames under management. */
  get managedPages(): number {
    return sumZones(this.#state, Z_MANAGED);
  }

  /** Frames on the free lists. */
  get nrFreePages(): number {
    return sumZones(this.#state, Z_NR_FREE) + sumPcp(this.#state, P_DIFF);
  }

  /** Frames waiting on per-CPU lists. */
  get nrPcpPages(): number {
    return sumPcp(this.#state, P_COUNT);
  }

  /** KiB kept free in all; 0 for a state that was loaded, until it is set. @kernelName min_free_kbytes */
  get minFreeKbytes(): number {
    return this.#state.minFreeKbytes;
  }

  /**
   * Changes tunables as a write to /proc/sys/vm does. New watermarks forget a boost, and the sizes of per-CPU lists follow
   * them (buddy spec 8.3).
   *
   * @param changes - the tunables to change.
   * @throws RangeError naming the tunable that is out of range; nothing is changed.
   * @context task.
   */
  setTunables(changes: Partial<ZoneTunables>): void {
    checkTunables(changes);
    this.#tunables = { ...this.#tunables, ...changes };
    changeZoneLimits(this.#state, this.#tunables, changes);
  }

  /** Receiver of trace events, or null. */
  get trace(): TraceSink | null {
    return this.#state.trace;
  }

  set trace(sink: TraceSink | null) {
    this.#state.trace = sink;
  }

  /**
   * Takes a block. See {@link PageAllocator.allocPages}.
   *
   * @param gfp - flags of the request.
   * @param order - order.
   * @returns first frame or `NO_PAGE`.
   * @throws KernelBug `BAD_ORDER`, `BAD_GFP`.
   * @context any.
   * @kernelName alloc_pages
   */
  allocPages(gfp: Gfp, order: Order): Pfn {
    return this.#allocation.allocPages(NUMA_NO_NODE, gfp, order);
  }

  /**
   * Takes a block, from the given node if it can. See {@link PageAllocator.allocPagesNode}.
   *
   * @param node - node to start from, or `NUMA_NO_NODE`.
   * @param gfp - flags of the request.
   * @param order - order.
   * @returns first frame or `NO_PAGE`.
   * @throws KernelBug `BAD_NODE`, `BAD_ORDER`, `BAD_GFP`.
   * @context any.
   * @kernelName alloc_pages_node
   */
  allocPagesNode(node: NodeId, gfp: Gfp, order: Order): Pfn {
    return this.#isNode(node) ? this.#allocation.allocPages(node, gfp, order) : NO_PAGE;
  }

  /**
   * Takes a block from one of the given nodes. See {@link PageAllocator.allocPagesNodemask}.
   *
   * @param gfp - flags of the request.
   * @param order - order.
   * @param node - node to start from, or `NUMA_NO_NODE`.
   * @param nodemask - the nodes that may serve; `null` for all.
   * @returns first frame or `NO_PAGE`.
   * @throws KernelBug `BAD_NODE`, `BAD_ORDER`, `BAD_GFP`.
   * @context any.
   * @kernelName __alloc_pages
   */
  allocPagesNodemask(gfp: Gfp, order: Order, node: NodeId, nodemask: ReadonlySet<NodeId> | null): Pfn {
    return this.#isNode(node) ? this.#allocation.allocPagesNodemask(node, gfp, order, nodemask) : NO_PAGE;
  }

  /**
   * Drops a reference to a block; the last one frees it. See {@link PageAllocator.freePages}.
   *
   * @param pfn - first frame.
   * @param order - order.
   * @throws KernelBug `BAD_FRAME`, `BAD_ORDER`, `DOUBLE_FREE`, `BAD_FREE`, `BAD_PAGE`.
   * @context any.
   * @kernelName __free_pages
   */
  freePages(pfn: Pfn, order: Order): void {
    this.#freeing.freePages(pfn, order);
  }

  /**
   * Takes single pages into the empty slots of an array. See {@link PageAllocator.allocPagesBulk}.
   *
   * @param gfp - flags.
   * @param nrPages - number of slots.
   * @param pages - slots; `NO_PAGE` marks an empty one.
   * @returns number of filled slots.
   * @throws KernelBug `BAD_SIZE`.
   * @context any.
   * @kernelName alloc_pages_bulk_array
   */
  allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    return this.#allocation.allocPagesBulk(NUMA_NO_NODE, gfp, nrPages, pages);
  }

  /**
   * Takes as many contiguous pages as a size needs. See {@link PageAllocator.allocPagesExact}.
   *
   * @param sizeBytes - size in bytes.
   * @param gfp - flags; compound and highmem are dropped.
   * @returns first frame or `NO_PAGE`.
   * @throws KernelBug `BAD_SIZE`.
   * @context any.
   * @kernelName alloc_pages_exact
   */
  allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    return allocPagesExact(this.#state, this.#allocation, NUMA_NO_NODE, sizeBytes, gfp);
  }

  /**
   * Frees pages taken with {@link BuddyAllocator.allocPagesExact}.
   *
   * @param pfn - first frame.
   * @param sizeBytes - size in bytes.
   * @throws KernelBug as {@link BuddyAllocator.freePages}.
   * @context any.
   * @kernelName free_pages_exact
   */
  freePagesExact(pfn: Pfn, sizeBytes: number): void {
    freePagesExact(this.#state, this.#freeing, pfn, sizeBytes);
  }

  /**
   * Makes independent pages of a block.
   *
   * @param pfn - first frame of a block in use that is not compound.
   * @param order - its order.
   * @throws KernelBug `BAD_SPLIT`.
   * @context any.
   * @kernelName split_page
   */
  splitPage(pfn: Pfn, order: Order): void {
    splitPage(this.#state, pfn, order);
  }

  /**
   * Takes references. See {@link PageAllocator.getPage}.
   *
   * @param pfn - a frame in use.
   * @param references - how many.
   * @throws KernelBug `REFCOUNT`.
   * @context any.
   * @kernelName get_page, page_ref_add
   */
  getPage(pfn: Pfn, references = 1): void {
    getPage(this.#state, pfn, references);
  }

  /**
   * Drops references. See {@link PageAllocator.putPage}.
   *
   * @param pfn - a frame in use.
   * @param references - how many.
   * @throws KernelBug `REFCOUNT`.
   * @context any.
   * @kernelName put_page, folio_put_refs
   */
  putPage(pfn: Pfn, references = 1): void {
    this.#freeing.putPage(pfn, references);
  }

  /**
   * Reads how many references a page has.
   *
   * @param pfn - a frame; a tail of a compound page answers for the head.
   * @returns references; 0 for a free page, and for all but the first page of a plain block.
   * @throws KernelBug `BAD_FRAME`.
   * @context any.
   * @kernelName page_count
   */
  pageCount(pfn: Pfn): number {
    return pageCount(this.#state, pfn);
  }

  /**
   * Gives the current CPU's lists back to the free lists, zone by zone.
   *
   * @context task, bound to its CPU.
   * @kernelName drain_local_pages
   */
  drainLocalPages(): void {
    const s = this.#state;
    for (let zone = 0; zone < s.nrZones; zone++) s.lists.drain(s.cpus.cpu, zone);
  }

  /**
   * Gives every CPU's lists back to the free lists.
   *
   * @context task.
   * @kernelName drain_all_pages
   */
  drainAllPages(): void {
    this.#state.lists.drainAll();
  }

  /**
   * Checks every invariant of state.ts.
   *
   * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
   * @context any.
   */
  assertValid(): void {
    assertValid(this.#state);
  }

  /**
   * Reads how often memory came from the node that was wanted.
   *
   * @returns a copy of the counters, by zone id; all 0 on a machine with one node.
   * @context any.
   */
  numaCounters(): NumaCounters[] {
    return this.#numa.map((counters) => ({ ...counters }));
  }

  /**
   * Counts the pages handed out and given back since boot, or since a state was loaded. See `vmEvents`.
   *
   * @returns the counts, or null without the option `countEvents`.
   * @context any.
   */
  pageEvents(): PageEvents | null {
    return this.#events?.read() ?? null;
  }

  /**
   * Writes the state down in the form in which real kernels are recorded.
   *
   * @param cpu - the CPU whose lists are written.
   * @returns a copy that shares nothing with the allocator.
   * @throws RangeError for a CPU that does not exist.
   * @context any.
   */
  exportState(cpu: CpuId = 0): PageState {
    const { nrCpus } = this.#state;
    if (!(Number.isInteger(cpu) && cpu >= 0 && cpu < nrCpus)) {
      throw new RangeError(`cpu is ${String(cpu)}, expected an integer from 0 to ${String(nrCpus - 1)}`);
    }
    return exportPageState(this.#state, this.#nrReserves, cpu);
  }

  /**
   * Prints /proc/buddyinfo.
   *
   * @returns one line a populated zone.
   * @context any.
   */
  buddyinfo(): string {
    return formatBuddyinfo(this.#state);
  }

  /**
   * Prints /proc/pagetypeinfo.
   *
   * @returns the whole text.
   * @context any.
   */
  pagetypeinfo(): string {
    return formatPagetypeinfo(this.#state);
  }

  /**
   * Prints debugfs extfrag/unusable_index: the share of free memory that cannot serve an order.
   *
   * @returns one line a populated zone.
   * @context any.
   */
  unusableIndex(): string {
    return formatUnusableIndex(this.#state);
  }

  /**
   * Prints debugfs extfrag/extfrag_index: lack of memory (towards 0) or fragmentation (towards 1).
   *
   * @returns one line a populated zone.
   * @context any.
   */
  extfragIndex(): string {
    return formatExtfragIndex(this.#state);
  }

  /** Lets those hear of blocks taken who count them. */
  #observed(allocation: Allocation): Allocation {
    const counted = this.#events === null ? allocation : observeAllocation(allocation, this.#events.observe);
    return this.#state.nrNodes === 1 ? counted : observeAllocation(counted, numaObserver(this.#state, this.#numa));
  }

  #isNode(node: NodeId): boolean {
    const { nrNodes } = this.#state;
    if (Number.isInteger(node) && node >= NUMA_NO_NODE && node < nrNodes) return true;
    report(this.#state, badArgument('BAD_NODE', 'node', node, `an integer from 0 to ${String(nrNodes - 1)}`));
    return false;
  }
}

function sumZones(s: BuddyState, word: number): number {
  let sum = 0;
  for (let zone = 0; zone < s.nrZones; zone++) sum += s.words[zoneWords(zone) + word];
  return sum;
}

function sumPcp(s: BuddyState, word: number): number {
  let sum = 0;
  for (let cpu = 0; cpu < s.nrCpus; cpu++) {
    for (let zone = 0; zone < s.nrZones; zone++) sum += s.words[pcpWords(s, cpu, zone) + word];
  }
  return sum;
}
