/**
 * PagePool: pages that can be given up, in the order in which they should be.
 *
 * ```
 * per node     active      head  o o o o o  tail ──────┐ not referenced lately
 *              inactive    head  o o o o o  tail ──> given up first
 *                                ^ new pages, and those that wait for their write
 * ```
 * A page that is used (`touch`) is marked referenced; used again, it becomes active. Reclaim takes inactive pages from the
 * tail: a referenced one becomes active instead, a dirty one is written first, one that somebody else holds stays. The owner of the contents hears of each page
 * that goes or moves.
 *
 * ```
 *   on a list of the pool      : flag lru; active there = flag active; linked through next and prev of the frame table
 *   size of the lists          = pages counted for the zones of the node
 * ```
 */
import { requireNode, requireZone } from './call-checks.js';
import { KernelBug, PG_active, PG_dirty, PG_head, PG_lru, PG_referenced, PG_reserved, PG_slab, type FrameTable, type Pfn, type ReclaimZone } from '@kmem/contracts';

const LRU = 1 << PG_lru;
const ACTIVE = 1 << PG_active;
const REFERENCED = 1 << PG_referenced;
const DIRTY = 1 << PG_dirty;
/** What no page may be that a pool takes over: in a pool already, or somebody's for good. */
const NOT_RECLAIMABLE = LRU | (1 << PG_head) | (1 << PG_reserved) | (1 << PG_slab);

/** Who has put pages into a pool. */
export interface PageOwner {
  /**
   * Hears that a page was given up; its frame is free from now on.
   *
   * @param pfn - the frame.
   */
  reclaimed?(pfn: Pfn): void;
  /**
   * Hears that the contents of a page have another frame now.
   *
   * @param from - the frame until now.
   * @param to - the new one.
   */
  moved?(from: Pfn, to: Pfn): void;
  /**
   * Writes a dirty page out, so that it can be given up the next time.
   *
   * @param pfn - the frame.
   */
  write?(pfn: Pfn): void;
}

/** What one look at a stretch of inactive pages came to. */
export interface ShrinkResult {
  /** Pages looked at. */
  readonly scanned: number;
  /** Pages given up. */
  readonly reclaimed: number;
}

/** Numbers of a list in the words of a pool. */
const HEAD = 0;
const TAIL = 1;
const SIZE = 2;
const LIST_WORDS = 4;

/** Reclaimable pages with active and inactive lists. */
export class PagePool {
  readonly #owner: PageOwner;
  #frames: FrameTable | null = null;
  #zones: readonly ReclaimZone[] = [];
  #nrNodes = 0;
  #lists = new Int32Array(0);
  /** Pages by zone: inactive, active. */
  #ofZone = new Int32Array(0);

  /**
   * Makes an empty pool.
   *
   * @param owner - who hears of pages that go or move.
   */
  constructor(owner: PageOwner = {}) {
    this.#owner = owner;
  }

  /**
   * Tells the pool whose pages it will hold. Called by what the pool is passed to.
   *
   * @param frames - the frame table.
   * @param zones - the zones.
   * @throws Error when the pool holds pages of an allocator already.
   */
  attach(frames: FrameTable, zones: readonly ReclaimZone[]): void {
    if (this.#frames !== null) throw new Error('a PagePool serves one allocator');
    this.#frames = frames;
    this.#zones = zones;
    this.#nrNodes = 1 + Math.max(...zones.map(({ node }) => node));
    this.#lists = new Int32Array(this.#nrNodes * 2 * LIST_WORDS);
    this.#ofZone = new Int32Array(zones.length * 2);
  }

  /**
   * Takes over a page in use. From now on it may go at any time.
   *
   * @param pfn - a frame of order 0 with one reference, its caller's.
   * @throws KernelBug `BAD_FRAME` when it is no such page or in the pool already.
   */
  add(pfn: Pfn): void {
    this.#requireOutside(pfn);
    this.#table().flags[pfn] |= LRU;
    this.#link(pfn, false);
  }

  /**
   * Takes a page out; it is its caller's again.
   *
   * @param pfn - a frame in the pool.
   * @throws KernelBug `BAD_FRAME` when it is not in the pool.
   */
  remove(pfn: Pfn): void {
    this.#require(pfn);
    this.#unlink(pfn);
    this.#table().flags[pfn] &= ~(LRU | ACTIVE | REFERENCED | DIRTY);
  }

  /**
   * Notes that a page was used.
   *
   * @param pfn - a frame in the pool.
   * @throws KernelBug `BAD_FRAME` when it is not in the pool.
   * @kernelName mark_page_accessed
   */
  touch(pfn: Pfn): void {
    this.#require(pfn);
    const { flags } = this.#table();
    if ((flags[pfn] & (REFERENCED | ACTIVE)) === REFERENCED) {
      this.#unlink(pfn);
      flags[pfn] &= ~REFERENCED;
      this.#link(pfn, true);
    } else {
      flags[pfn] |= REFERENCED;
    }
  }

  /**
   * Notes that a page's contents differ from where they came from: it must be written before it can go.
   *
   * @param pfn - a frame in the pool.
   * @throws KernelBug `BAD_FRAME` when it is not in the pool.
   */
  setDirty(pfn: Pfn): void {
    this.#require(pfn);
    this.#table().flags[pfn] |= DIRTY;
  }

  /**
   * Tells whether a page is in the pool.
   *
   * @param pfn - any frame number.
   * @returns true when it may be given up or moved.
   */
  has(pfn: Pfn): boolean {
    return this.#frames !== null && (this.#frames.flags[pfn] & LRU) !== 0;
  }

  /**
   * Counts the pages of a zone.
   *
   * @param zone - zone id.
   * @param active - which list.
   * @returns pages.
   * @throws KernelBug `BAD_ZONE`.
   */
  pagesOfZone(zone: number, active: boolean): number {
    this.#table();
    requireZone(this.#zones.length, 'zone', zone);
    return this.#ofZone[zone * 2 + Number(active)];
  }

  /**
   * Counts the pages of a node.
   *
   * @param node - the node.
   * @param active - which list.
   * @returns pages.
   * @throws KernelBug `BAD_NODE`.
   */
  pagesOfNode(node: number, active: boolean): number {
    this.#table();
    return this.#lists[this.#list(node, active) + SIZE];
  }

  /**
   * Gives up inactive pages, oldest first.
   *
   * @param node - the node.
   * @param highestZone - index of the highest zone whose pages help; others are passed over.
   * @param nrToScan - how many pages to look at.
   * @param mayWrite - whether dirty pages may be written.
   * @param free - gives a frame back.
   * @returns pages looked at and given up.
   * @throws KernelBug `BAD_NODE`; what the owner throws.
   */
  shrink(node: number, highestZone: number, nrToScan: number, mayWrite: boolean, free: (pfn: Pfn) => void): ShrinkResult {
    const { flags, refcount } = this.#table();
    const list = this.#list(node, false);
    let scanned = 0;
    let reclaimed = 0;
    for (let left = this.#lists[list + SIZE]; left > 0 && scanned < nrToScan; left--) {
      const pfn = this.#lists[list + TAIL];
      // The owner may have taken pages out meanwhile.
      if (pfn === 0) break;
      const helps = this.#zones[this.#zoneOf(pfn)].index <= highestZone;
      if (helps) scanned++;
      this.#unlink(pfn);
      if (helps && refcount[pfn] === 1 && (flags[pfn] & (REFERENCED | DIRTY)) === 0) {
        flags[pfn] &= ~LRU;
        this.#owner.reclaimed?.(pfn);
        free(pfn);
        reclaimed++;
        continue;
      }
      const isUsed = helps && (flags[pfn] & REFERENCED) !== 0;
      if (isUsed) flags[pfn] &= ~REFERENCED;
      this.#link(pfn, isUsed);
      if (helps && !isUsed && mayWrite && (flags[pfn] & DIRTY) !== 0) this.#write(pfn);
    }
    return { scanned, reclaimed };
  }

  /**
   * Makes active pages inactive, oldest first; one used lately stays and loses the mark.
   *
   * @param node - the node.
   * @param nrToScan - how many pages to look at.
   * @throws KernelBug `BAD_NODE`.
   */
  age(node: number, nrToScan: number): void {
    const { flags } = this.#table();
    const list = this.#list(node, true);
    for (let left = Math.min(nrToScan, this.#lists[list + SIZE]); left > 0; left--) {
      const pfn = this.#lists[list + TAIL];
      this.#unlink(pfn);
      const isUsed = (flags[pfn] & REFERENCED) !== 0;
      flags[pfn] &= ~REFERENCED;
      this.#link(pfn, isUsed);
    }
  }

  /**
   * Gives a page another frame: flags and place on its list go over. The caller copies the contents.
   *
   * @param from - a frame in the pool; afterwards in use and outside.
   * @param to - a frame with one reference, outside the pool.
   * @throws KernelBug `BAD_FRAME` when one of them is not so; what the owner throws.
   */
  move(from: Pfn, to: Pfn): void {
    this.#require(from);
    this.#requireOutside(to);
    const { flags } = this.#table();
    const isActive = (flags[from] & ACTIVE) !== 0;
    const kept = flags[from] & (LRU | REFERENCED | DIRTY);
    this.#unlink(from);
    flags[from] &= ~(LRU | REFERENCED | DIRTY);
    flags[to] |= kept;
    this.#link(to, isActive);
    this.#owner.moved?.(from, to);
  }

  #write(pfn: Pfn): void {
    this.#owner.write?.(pfn);
    this.#table().flags[pfn] &= ~DIRTY;
  }

  #link(pfn: Pfn, active: boolean): void {
    const { flags, next, prev } = this.#table();
    const zone = this.#zoneOf(pfn);
    const list = this.#list(this.#zones[zone].node, active);
    const head = this.#lists[list + HEAD];
    if (active) flags[pfn] |= ACTIVE;
    next[pfn] = head;
    prev[pfn] = 0;
    if (head === 0) this.#lists[list + TAIL] = pfn;
    else prev[head] = pfn;
    this.#lists[list + HEAD] = pfn;
    this.#lists[list + SIZE]++;
    this.#ofZone[zone * 2 + Number(active)]++;
  }

  /** Takes a page off its list and forgets which one that was. */
  #unlink(pfn: Pfn): void {
    const { flags, next, prev } = this.#table();
    const active = (flags[pfn] & ACTIVE) !== 0;
    const zone = this.#zoneOf(pfn);
    const list = this.#list(this.#zones[zone].node, active);
    const before = prev[pfn];
    const after = next[pfn];
    if (before === 0) this.#lists[list + HEAD] = after;
    else next[before] = after;
    if (after === 0) this.#lists[list + TAIL] = before;
    else prev[after] = before;
    flags[pfn] &= ~ACTIVE;
    this.#lists[list + SIZE]--;
    this.#ofZone[zone * 2 + Number(active)]--;
  }

  #list(node: number, active: boolean): number {
    requireNode(this.#nrNodes, node);
    return (node * 2 + Number(active)) * LIST_WORDS;
  }

  #zoneOf(pfn: Pfn): number {
    return this.#table().block[pfn] >>> 16;
  }

  #requireOutside(pfn: Pfn): void {
    const { nrFrames, refcount, flags } = this.#table();
    if (pfn >>> 0 === pfn && pfn < nrFrames && refcount[pfn] === 1 && (flags[pfn] & NOT_RECLAIMABLE) === 0) return;
    throw new KernelBug('BAD_FRAME', `pfn ${String(pfn)}: not a single page with one reference outside the pool`, { pfn });
  }

  #require(pfn: Pfn): void {
    if (!this.has(pfn)) throw new KernelBug('BAD_FRAME', `pfn ${String(pfn)}: not in the pool`, { pfn });
  }

  #table(): FrameTable {
    if (this.#frames === null) throw new Error('the PagePool is not attached: pass it to an allocator first');
    return this.#frames;
  }
}
