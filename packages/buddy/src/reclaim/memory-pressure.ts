/**
 * MemoryPressure: a Reclaim of its own - a pool of reclaimable pages, caches that shrink, background reclaimers, compaction,
 * and tasks that may be ended.
 *
 * ```
 *   allocator ── wakeKswapd ──> kswapd.ts            background: run by whoever owns the time
 *             ── reclaim ─────> direct-reclaim.ts ─┐
 *                                                  ├──> vmscan.ts ──> page-pool.ts, shrinker.ts
 *                               kswapd.ts ─────────┘
 *             ── compact ─────> compaction.ts ──> page-pool.ts
 *             ── outOfMemory ─> oom-killer.ts
 * ```
 */
import {
  COMPACT_COMPLETE,
  COMPACT_DEFERRED,
  COMPACT_NOT_SUITABLE_ZONE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  __GFP_THISNODE,
  KernelBug,
  type Gfp,
  type NodeId,
  type Order,
  type Reclaim,
  type ReclaimTarget,
  type ReclaimZone,
} from '@kmem/contracts';
import { requireNode, requireOrder, requireZone } from './call-checks.js';
import { ZoneCompactor } from './compaction.js';
import { directReclaim, mustThrottle } from './direct-reclaim.js';
import { noEvents, type PressureEvents } from './events.js';
import { Kswapd } from './kswapd.js';
import { OomKiller, type OomDecision, type OomOptions } from './oom-killer.js';
import { PagePool } from './page-pool.js';
import { ShrinkerList, type ShrinkRecord } from './shrinker.js';
import { usableZones, type Vmscan } from './vmscan.js';

/** Options of {@link MemoryPressure}. */
export interface MemoryPressureOptions {
  /** Reclaimable pages. @defaultValue an empty pool */
  readonly pool?: PagePool;
  /** Caches that can shrink. @defaultValue none */
  readonly shrinkers?: ShrinkerList;
  /** Tasks that may be ended. Without it nobody is. */
  readonly oom?: OomOptions;
  /** Hears of each call of a shrinker. */
  readonly onShrink?: (record: ShrinkRecord) => void;
  /** Hears of each decision of the OOM killer. */
  readonly onOom?: (decision: OomDecision) => void;
}

/** All that belongs to one allocator, from the moment it is attached. */
interface Attached {
  readonly v: Vmscan;
  readonly kswapds: readonly Kswapd[];
  readonly compactors: readonly ZoneCompactor[];
  /** By node: order and highest zone that the background compactor was woken for. */
  readonly kcompactd: ({ readonly order: number; readonly highestZone: number } | null)[];
}

/**
 * What can be given up when memory runs short.
 *
 * @example
 * ```ts
 * import { BuddyAllocator, MemoryPressure } from '@kmem/buddy';
 * import { GFP_HIGHUSER_MOVABLE } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 *
 * const reclaim = new MemoryPressure();
 * const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), reclaim });
 * for (let i = 0; i < 1023; i++) reclaim.pool.add(pages.allocPages(GFP_HIGHUSER_MOVABLE, 0));
 * pages.allocPages(GFP_HIGHUSER_MOVABLE, 0) > 0; // -> true
 * reclaim.events.pgsteal_direct; // -> 57
 * ```
 */
export class MemoryPressure implements Reclaim {
  /** The reclaimable pages. */
  readonly pool: PagePool;
  /** The caches. */
  readonly shrinkers: ShrinkerList;
  readonly #options: MemoryPressureOptions;
  readonly #oom: OomKiller | null;
  #attached: Attached | null = null;

  /**
   * Makes it; pass it to an allocator next.
   *
   * @param options - what there is to give up.
   */
  constructor(options: MemoryPressureOptions = {}) {
    this.#options = options;
    this.pool = options.pool ?? new PagePool();
    this.shrinkers = options.shrinkers ?? new ShrinkerList();
    this.#oom = options.oom === undefined ? null : new OomKiller(options.oom);
  }

  /** What has happened so far. */
  get events(): PressureEvents {
    return this.#get().v.events;
  }

  /**
   * Meets the allocator it serves.
   *
   * @param target - the allocator.
   * @throws Error when it serves one already.
   */
  attach(target: ReclaimTarget): void {
    this.pool.attach(target.frames, target.zones);
    const { onShrink } = this.#options;
    const nodes = [...new Set(target.zones.map(({ node }) => node))];
    const v: Vmscan = { target, pool: this.pool, shrinkers: this.shrinkers, events: noEvents(target.zones.length / nodes.length), onShrink };
    this.#attached = {
      v,
      kswapds: nodes.map((node) => new Kswapd(v, node, (order, highestZone) => {
        this.#wakeKcompactd(node, order, highestZone);
      })),
      compactors: target.zones.map((zone) => new ZoneCompactor(v, zone)),
      kcompactd: nodes.map(() => null),
    };
  }

  /**
   * Finds the background reclaimer of a node.
   *
   * @param node - the node.
   * @returns its kswapd.
   * @throws KernelBug `BAD_NODE`.
   */
  kswapd(node: NodeId): Kswapd {
    const { kswapds } = this.#get();
    requireNode(kswapds.length, node);
    return kswapds[node];
  }

  /**
   * Lets every background reclaimer and compactor that was woken work until it sleeps.
   *
   * @returns rounds of kswapd.
   * @context where nothing else runs: a moment at which the machine is idle.
   */
  runBackground(): number {
    const { kswapds, kcompactd } = this.#get();
    let rounds = 0;
    for (const kswapd of kswapds) {
      while (kswapd.state !== 'asleep') {
        if (kswapd.run() !== null) rounds++;
        kswapd.endNap();
      }
    }
    for (const node of kcompactd.keys()) this.runKcompactd(node);
    return rounds;
  }

  /**
   * Lets the background compactor of a node do what it was woken for.
   *
   * @param node - the node.
   * @returns one of `COMPACT_*`; `COMPACT_NOT_SUITABLE_ZONE` when it was not woken.
   * @throws KernelBug `BAD_NODE`.
   * @context kcompactd.
   */
  runKcompactd(node: NodeId): number {
    const { kcompactd, v } = this.#get();
    requireNode(kcompactd.length, node);
    const wanted = kcompactd[node];
    if (wanted === null) return COMPACT_NOT_SUITABLE_ZONE;
    kcompactd[node] = null;
    const zones = usableZones(v.target, node, wanted.highestZone);
    // Nobody waits for the first block: every zone gets its turn.
    const results = v.target.withoutReclaim(() => zones.map((zone) => this.#compactZones([zone], wanted.order, COMPACT_PRIO_SYNC_LIGHT, wanted.highestZone)));
    return Math.max(COMPACT_SKIPPED, ...results);
  }

  /**
   * Wakes the background reclaimer of a node. See {@link Reclaim.wakeKswapd}.
   *
   * @param node - the node.
   * @param order - order of the request.
   * @param highestZone - index of its highest zone.
   * @param gfp - its flags.
   * @throws KernelBug `BAD_NODE`, `BAD_ORDER`, `BAD_ZONE`.
   */
  wakeKswapd(node: NodeId, order: Order, highestZone: number, gfp: Gfp): void {
    this.kswapd(node).wake(order, highestZone, gfp);
  }

  /**
   * Gives up pages for the caller. When memory is very low, kswapd works first: the caller would wait for it.
   *
   * @param order - order of the request.
   * @param gfp - its flags.
   * @param highestZone - index of its highest zone.
   * @param node - the node it prefers.
   * @returns pages freed.
   * @throws KernelBug `BAD_NODE`, `BAD_ORDER`, `BAD_ZONE`; what a shrinker or the owner of a page throws.
   */
  reclaim(order: Order, gfp: Gfp, highestZone: number, node: NodeId): number {
    const { v, kswapds } = this.#get();
    this.#require(node, order, highestZone);
    const kswapd = this.kswapd(node);
    const normal = v.target.zones.findIndex(({ kind }) => kind === 'Normal');
    if (!kswapd.isHopeless && mustThrottle(v, node, normal)) {
      v.events.pgscan_direct_throttle++;
      kswapd.wake(0, highestZone, gfp);
      kswapd.run();
    }
    v.events.allocstall[highestZone]++;
    return directReclaim(v, kswapds, gfp, highestZone, node);
  }

  /**
   * Counts what a zone could still give up.
   *
   * @param zoneId - zone id.
   * @returns pages of the pool. Caches do not count: nobody knows which zone theirs are in.
   * @throws KernelBug `BAD_ZONE`.
   * @kernelName zone_reclaimable_pages
   */
  reclaimablePages(zoneId: number): number {
    return this.pool.pagesOfZone(zoneId, false) + this.pool.pagesOfZone(zoneId, true);
  }

  /**
   * Moves pages of the pool together. See {@link Reclaim.compact}.
   *
   * @param order - order that is wanted.
   * @param gfp - flags of the request.
   * @param priority - one of `COMPACT_PRIO_*`.
   * @param highestZone - index of the highest zone.
   * @param node - the node the request prefers.
   * @returns one of `COMPACT_*`.
   * @throws KernelBug `BAD_NODE`, `BAD_ORDER`, `BAD_ZONE`; what the owner of a page throws.
   */
  compact(order: Order, gfp: Gfp, priority: number, highestZone: number, node: NodeId): number {
    const { v, kswapds } = this.#get();
    this.#require(node, order, highestZone);
    const others = (gfp & __GFP_THISNODE) !== 0 ? [] : kswapds.keys();
    const nodes = [...new Set([node, ...others])];
    const zones = nodes.flatMap((from) => usableZones(v.target, from, highestZone).reverse());
    const result = this.#compactZones(zones, order, priority, highestZone);
    if (result <= COMPACT_DEFERRED) return result;
    v.events.compact_stall++;
    if (result === COMPACT_SUCCESS) v.events.compact_success++;
    else v.events.compact_fail++;
    return result;
  }

  /**
   * Ends a task, unless a notifier frees something or the request must not enter a file system. See {@link Reclaim.outOfMemory}.
   *
   * @param order - order of the request.
   * @param gfp - its flags.
   * @returns true when something was freed or will be.
   * @throws KernelBug `OOM_PANIC` when nobody may be ended and reports are not collected, `BAD_ORDER`.
   */
  outOfMemory(order: Order, gfp: Gfp): boolean {
    const { target, events } = this.#get().v;
    requireOrder(target, order);
    if (this.#oom === null) return false;
    const managed = target.zones.reduce((sum, { id }) => sum + target.managedPages(id), 0);
    const decision = this.#oom.outOfMemory(gfp, order, managed, 2 ** target.frames.pageShift, () => target.memInfo());
    this.#options.onOom?.(decision);
    const { panic, victim, lines } = decision;
    if (panic !== null) target.report(new KernelBug('OOM_PANIC', [panic, ...lines].join('\n'), { order, gfp }));
    if (victim !== null) {
      events.oom_kill++;
      target.report(new KernelBug('OOM_KILL', lines.join('\n'), { order, gfp, pid: victim.pid, badness: decision.badness }, 'warn'));
    }
    return decision.progress;
  }

  /**
   * Reads a counter of the pool's pages, which are pages of files, or whether the zone's node is hopeless.
   *
   * @param name - as /proc/vmstat or /proc/zoneinfo prints it.
   * @param zoneId - zone id.
   * @returns pages; 1 or 0 for `node_unreclaimable`; 0 for a name it does not know.
   * @throws KernelBug `BAD_ZONE`.
   */
  counter(name: string, zoneId: number): number {
    requireZone(this.#get().v.target.zones.length, 'zoneId', zoneId);
    if (name === 'node_unreclaimable') return Number(this.kswapd(this.#get().v.target.zones[zoneId].node).isHopeless);
    if (name === 'nr_inactive_file' || name === 'nr_zone_inactive_file') return this.pool.pagesOfZone(zoneId, false);
    if (name === 'nr_active_file' || name === 'nr_zone_active_file') return this.pool.pagesOfZone(zoneId, true);
    return name === 'nr_file_pages' ? this.reclaimablePages(zoneId) : 0;
  }

  /** Tries zone after zone until one has a block. */
  #compactZones(zones: readonly ReclaimZone[], order: number, priority: number, highestZone: number): number {
    const { compactors } = this.#get();
    let best = COMPACT_SKIPPED;
    for (const { id } of zones) {
      const compactor = compactors[id];
      if (priority > COMPACT_PRIO_SYNC_FULL && compactor.deferral.isDeferred(order)) {
        best = Math.max(best, COMPACT_DEFERRED);
        continue;
      }
      const result = compactor.compact({ order, highestZone, priority });
      best = Math.max(best, result);
      if (result === COMPACT_SUCCESS) {
        compactor.deferral.succeeded(order);
        break;
      }
      const hasFailed = result === COMPACT_COMPLETE || result === COMPACT_PARTIAL_SKIPPED;
      if (hasFailed && priority !== COMPACT_PRIO_ASYNC) compactor.deferral.failed(order);
    }
    return best;
  }

  #require(node: NodeId, order: Order, highestZone: number): void {
    const { kswapds, v } = this.#get();
    requireNode(kswapds.length, node);
    requireOrder(v.target, order);
    requireZone(v.target.zones.length / kswapds.length, 'highestZone', highestZone);
  }

  #wakeKcompactd(node: NodeId, order: number, highestZone: number): void {
    const { kcompactd, v } = this.#get();
    const before = kcompactd[node];
    if (order === 0) return;
    if (before === null) v.events.compact_daemon_wake++;
    kcompactd[node] = {
      order: Math.max(order, before?.order ?? 0),
      highestZone: Math.max(highestZone, before?.highestZone ?? 0),
    };
  }

  #get(): Attached {
    if (this.#attached === null) throw new Error('MemoryPressure is not attached: pass it to an allocator first');
    return this.#attached;
  }
}
