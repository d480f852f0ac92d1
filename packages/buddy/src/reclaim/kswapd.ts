/**
 * kswapd: the reclaimer of a node that works in the background (buddy spec 11).
 *
 * ```
 *                 wake                     balanced or hopeless              HZ/10 later, undisturbed and balanced
 *   asleep  ────────────────>  awake  ────────────────────────>  napping  ─────────────────────────────────────> asleep
 *                                ^                                  │
 *                                └── wake, or no longer balanced ───┘
 * ```
 * It does nothing by itself: whoever owns the time calls `run` when it gets the CPU, and `endNap` a tenth of a second after
 * it went to nap. A node is balanced when some zone has its high watermark and the boost free, and a block of the order. When twice
 * the block was freed and it still is not there, fragmentation is the reason: then only pages count, and the block is kcompactd's
 * business. After 16 rounds in a row that freed nothing a node is hopeless: kswapd sleeps, and tasks must reclaim for themselves.
 */
import { __GFP_DIRECT_RECLAIM, WMARK_HIGH, type Gfp, type ReclaimZone } from '@kmem/contracts';
import { requireOrder, requireZone } from './call-checks.js';
import { compactGap } from './compaction-limits.js';
import { ageActive, DEF_PRIORITY, shrinkNode, SWAP_CLUSTER_MAX, usableZones, type Vmscan } from './vmscan.js';

/** Rounds in a row without a page after which a node is hopeless. */
const MAX_RECLAIM_RETRIES = 16;

/** What kswapd is doing. */
export type KswapdState = 'asleep' | 'napping' | 'awake';

/** What one round came to. */
export interface KswapdRound {
  /** The priority it got down to. */
  readonly priority: number;
  /** Pages freed. */
  readonly reclaimed: number;
  /** Boost taken back, in pages. */
  readonly boostTaken: number;
}

/** The background reclaimer of one node. */
export class Kswapd {
  readonly #v: Vmscan;
  readonly #node: number;
  readonly #wakeKcompactd: (order: number, highestZone: number) => void;
  /** Largest order that was asked for, and the one that a round still tries to reach: the same, or 0. */
  #order = 0;
  #reclaimOrder = 0;
  #highestZone = 0;
  #failures = 0;
  #state: KswapdState = 'asleep';

  /**
   * Makes it, asleep.
   *
   * @param v - what it works on.
   * @param node - its node.
   * @param wakeKcompactd - wakes the background compactor of the node.
   */
  constructor(v: Vmscan, node: number, wakeKcompactd: (order: number, highestZone: number) => void) {
    this.#v = v;
    this.#node = node;
    this.#wakeKcompactd = wakeKcompactd;
  }

  /** What it is doing. */
  get state(): KswapdState {
    return this.#state;
  }

  /** Rounds in a row that freed nothing. */
  get failures(): number {
    return this.#failures;
  }

  /** True when nothing it does helps. */
  get isHopeless(): boolean {
    return this.#failures >= MAX_RECLAIM_RETRIES;
  }

  /**
   * Asks for memory. It stays asleep when there is enough or no hope.
   *
   * @param order - order that was asked for.
   * @param highestZone - index of the highest zone the request may use.
   * @param gfp - flags of the request.
   * @throws KernelBug `BAD_ORDER`, `BAD_ZONE`.
   * @kernelName wakeup_kswapd
   */
  wake(order: number, highestZone: number, gfp: Gfp): void {
    this.#require(order, highestZone);
    this.#order = Math.max(this.#order, order);
    this.#reclaimOrder = Math.max(this.#reclaimOrder, order);
    this.#highestZone = Math.max(this.#highestZone, highestZone);
    if (this.#state === 'awake') return;
    if (this.isHopeless || (this.isBalanced(order, highestZone) && this.#boosts(highestZone).size === 0)) {
      if ((gfp & __GFP_DIRECT_RECLAIM) === 0) this.#wakeKcompactd(order, highestZone);
      return;
    }
    if (this.#state === 'napping') this.#v.events.kswapd_low_wmark_hit_quickly++;
    this.#state = 'awake';
  }

  /**
   * Does one round, if it is awake; then it naps or goes on.
   *
   * @returns what the round came to, or null when it sleeps.
   * @context kswapd.
   * @throws what a shrinker or the owner of a page throws; it stays awake.
   * @kernelName balance_pgdat
   */
  run(): KswapdRound | null {
    if (this.#state !== 'awake') return null;
    const round = this.#v.target.withoutReclaim(() => this.#balance());
    if (this.#maySleep()) this.#state = 'napping';
    return round;
  }

  /**
   * Ends a nap: it goes to sleep for good, or to work again.
   *
   * @kernelName kswapd_try_to_sleep
   */
  endNap(): void {
    if (this.#state !== 'napping') return;
    if (this.#maySleep()) {
      this.#state = 'asleep';
      this.#wakeKcompactd(this.#order, this.#highestZone);
      this.#order = 0;
      this.#reclaimOrder = 0;
      this.#highestZone = 0;
      return;
    }
    this.#v.events.kswapd_high_wmark_hit_quickly++;
    this.#state = 'awake';
  }

  /** Hears that pages were reclaimed: there is hope again. */
  progress(): void {
    this.#failures = 0;
  }

  /**
   * Tells whether some zone has its high watermark free. What CPUs have not yet folded into the counters counts too.
   *
   * @param order - order that a block must be there for.
   * @param highestZone - index of the highest zone that counts.
   * @returns true also when the node has no zone to look at.
   * @throws KernelBug `BAD_ORDER`, `BAD_ZONE`.
   * @kernelName pgdat_balanced
   */
  isBalanced(order: number, highestZone: number): boolean {
    this.#require(order, highestZone);
    const { target } = this.#v;
    const zones = usableZones(target, this.#node, highestZone);
    return (
      zones.length === 0 ||
      zones.some(({ id }) => target.watermarkOkSafe(id, order, target.watermark(id, WMARK_HIGH) + target.watermarkBoost(id), highestZone))
    );
  }

  #require(order: number, highestZone: number): void {
    const { target } = this.#v;
    requireOrder(target, order);
    requireZone(target.zones.filter(({ node }) => node === this.#node).length, 'highestZone', highestZone);
  }

  #maySleep(): boolean {
    return this.isHopeless || this.isBalanced(this.#reclaimOrder, this.#highestZone);
  }

  #balance(): KswapdRound {
    const { target, events } = this.#v;
    const zones = usableZones(target, this.#node, this.#highestZone);
    const boosts = this.#boosts(this.#highestZone);
    events.pageoutrun++;
    for (const { id } of zones) target.setReclaimActive(id, true);
    try {
      const got = this.#reclaimUntilBalanced(zones, [...boosts.values()].reduce((sum, pages) => sum + pages, 0));
      return { ...got, boostTaken: this.#takeBoost(boosts) };
    } finally {
      for (const { id } of zones) target.setReclaimActive(id, false);
    }
  }

  #reclaimUntilBalanced(zones: readonly ReclaimZone[], boost: number): { priority: number; reclaimed: number } {
    const { target } = this.#v;
    let boostLeft = boost;
    let priority = DEF_PRIORITY;
    let reclaimed = 0;
    let isDone = false;
    while (priority >= 1) {
      const isBalanced = this.isBalanced(this.#reclaimOrder, this.#highestZone);
      if (!isBalanced && boostLeft > 0) {
        // Memory is really short: what the boost asked for comes after that.
        boostLeft = 0;
        priority = DEF_PRIORITY;
        continue;
      }
      isDone = isBalanced && boostLeft === 0;
      if (isDone) break;
      const isGentle = boostLeft > 0 && priority === DEF_PRIORITY - 2;
      ageActive(this.#v, this.#node, priority);
      const wanted = zones.reduce((sum, { id }) => sum + Math.max(target.watermark(id, WMARK_HIGH) + target.watermarkBoost(id), SWAP_CLUSTER_MAX), 0);
      const sc = { priority, highestZone: this.#highestZone, nrToReclaim: wanted, mayWrite: boostLeft === 0, by: 'kswapd' } as const;
      const got = shrinkNode(this.#v, this.#node, sc);
      reclaimed += got.reclaimed;
      if (reclaimed >= compactGap(this.#reclaimOrder)) this.#reclaimOrder = 0;
      if (boostLeft > 0 && got.reclaimed === 0) break;
      boostLeft = Math.max(boostLeft - got.reclaimed, 0);
      if (got.reclaimed === 0 || (got.scanned < wanted && !isGentle)) priority--;
    }
    if (reclaimed > 0) this.#failures = 0;
    else if (!isDone) this.#failures++;
    return { priority, reclaimed };
  }

  /** Takes back the boost that was there when the round began; more may have come since. */
  #takeBoost(boosts: ReadonlyMap<number, number>): number {
    let taken = 0;
    for (const [id, pages] of boosts) {
      this.#v.target.lowerBoost(id, pages);
      taken += pages;
    }
    if (taken > 0) this.#wakeKcompactd(this.#v.target.frames.pageblockOrder, this.#highestZone);
    return taken;
  }

  #boosts(highestZone: number): Map<number, number> {
    const { target } = this.#v;
    const zones = usableZones(target, this.#node, highestZone);
    return new Map(zones.map(({ id }) => [id, target.watermarkBoost(id)] as const).filter(([, pages]) => pages > 0));
  }
}
