/**
 * VirtualRangeAllocator: hands out ranges of an address space as Linux 6.1 does for vmalloc areas (vmalloc spec 3, 6).
 *
 * ```
 *   start                                                                      end
 *     | free | in use | in use | lazy | in use | free | lazy |      free        |
 *
 * every address is in exactly one range:   free + used + lazy bytes = end - start
 * no two free ranges touch, no two lazy ranges touch
 * after each call   lazyBytes <= lazyMax
 * ```
 * A range that is freed waits among the lazy ones until a purge makes all of them free at once. So its addresses are not handed out
 * again soon, and whoever must flush something about freed addresses - a TLB - does it once for many.
 */
import { KernelBug, NO_RANGE, type AddressRange, type AddressRanges, type AddressRangesOptions, type AddressSpaceState } from '@kmem/contracts';
import { assertValidRanges } from './assert-valid.js';
import { alignUp, createLowestFit, type LowestFit } from './lowest-fit.js';
import { checkRequest, checkSpace } from './option-checks.js';
import { createRangeIndex } from './range-index.js';
import { createRangeNodes, END, FREE, growRangeNodes, LAZY, nrSpare, takeNode, type RangeNodes, type RangeRecords } from './range-nodes.js';
import { exportRanges, loadRanges } from './range-state.js';
import { createRangeTree, type RangeTree } from './range-tree.js';

/** Options of {@link VirtualRangeAllocator}. */
export interface VirtualRangeAllocatorOptions extends AddressRangesOptions {
  /** Keeps something for each range: the kernel its `struct vmap_area`. @default nobody does */
  readonly records?: RangeRecords;
}

const FIRST_CAPACITY = 64;
/** What one allocation may take: a node for the range, one for a rest. */
const NODES_AN_ALLOCATION = 2;

/**
 * Hands out ranges of an address space, each call in O(log n) steps of the n ranges. Where several fit an alignment above one granule,
 * see {@link LowestFit}.
 */
export class VirtualRangeAllocator implements AddressRanges {
  readonly start: number;
  readonly end: number;
  readonly granule: number;
  readonly lazyMax: number;
  readonly #onShortage: (() => void) | undefined;
  readonly #onPurge: ((start: number, end: number) => void) | undefined;
  readonly #used = createRangeIndex();
  #nodes: RangeNodes;
  #free: RangeTree;
  #lazy: RangeTree;
  #fit: LowestFit;
  #usedBytes = 0;
  #lazyBytes = 0;

  /**
   * @param options - the space, or a state of it.
   * @throws TypeError or RangeError when an option is out of range.
   * @throws KernelBug with `CORRUPT_STATE` when a state breaks a rule.
   */
  constructor(options: VirtualRangeAllocatorOptions) {
    const { onPurge, onShortage, records = null, state } = options;
    const { start, end, granule, lazyMax } = checkSpace(options);
    this.start = start;
    this.end = end;
    this.granule = granule;
    this.lazyMax = lazyMax;
    this.#onPurge = onPurge;
    this.#onShortage = onShortage;
    this.#nodes = createRangeNodes(FIRST_CAPACITY, records);
    this.#free = createRangeTree(this.#nodes, FREE);
    this.#lazy = createRangeTree(this.#nodes, LAZY);
    this.#fit = createLowestFit(this.#nodes, this.#free);
    if (state === undefined) {
      this.#free.insert(takeNode(this.#nodes, start, end, true));
      return;
    }
    const { free, used, lazy } = state;
    this.#reserveNodes(free.length + used.length + lazy.length);
    loadRanges(this.#nodes, { free: this.#free, used: this.#used, lazy: this.#lazy }, state);
    this.#usedBytes = used.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.#lazyBytes = lazy.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.assertValid();
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get lazyBytes(): number {
    return this.#lazyBytes;
  }

  get freeBytes(): number {
    return this.end - this.start - this.#usedBytes - this.#lazyBytes;
  }

  allocRange(sizeBytes: number, align = this.granule, from = this.start, to = this.end): number {
    checkRequest(this, sizeBytes, align, from, to);
    if (nrSpare(this.#nodes) < NODES_AN_ALLOCATION) this.#grow();
    const addr = this.#takeLowest(sizeBytes, Math.max(align, this.granule), from, to);
    if (addr !== NO_RANGE) return addr;
    this.#onShortage?.();
    if (this.purge() === 0) return NO_RANGE;
    return this.#takeLowest(sizeBytes, Math.max(align, this.granule), from, to);
  }

  freeRange(addr: number): void {
    const node = this.#used.erase(addr);
    if (node === 0) throw new KernelBug('BAD_RANGE', `no range in use starts at ${addr}`, { addr });
    const sizeBytes = this.#nodes.words[node + END] - addr;
    this.#usedBytes -= sizeBytes;
    if (sizeBytes > this.lazyMax && this.#lazyBytes === 0) {
      // It would be purged at once, alone.
      this.#onPurge?.(addr, addr + sizeBytes);
      this.#free.merge(node);
      return;
    }
    this.#lazyBytes += sizeBytes;
    this.#lazy.merge(node);
    if (this.#lazyBytes > this.lazyMax) this.purge();
  }

  purge(): number {
    const purged = this.#lazyBytes;
    if (purged === 0) return 0;
    if (this.#onPurge !== undefined) this.#onPurge(this.#nodes.words[this.#lazy.first()], this.#nodes.words[this.#lazy.floor(this.end) + END]);
    for (let node = this.#lazy.first(); node !== 0; node = this.#lazy.first()) {
      this.#lazy.erase(node);
      this.#free.merge(node);
    }
    this.#lazyBytes = 0;
    return purged;
  }

  findRange(addr: number): number {
    const node = this.#used.floor(addr);
    return node !== 0 && addr < this.#nodes.words[node + END] ? this.#nodes.words[node] : NO_RANGE;
  }

  findFreeRange(addr: number): AddressRange | null {
    const node = this.#free.floor(addr);
    const { words } = this.#nodes;
    return node === 0 ? null : { addr: words[node], sizeBytes: words[node + END] - words[node] };
  }

  exportState(): AddressSpaceState {
    return exportRanges(this.#nodes, { free: this.#free, used: this.#used, lazy: this.#lazy });
  }

  assertValid(): void {
    const sums = assertValidRanges(this.#nodes, this.#used, this.start, this.end);
    if (sums.used !== this.#usedBytes || sums.lazy !== this.#lazyBytes) {
      throw new KernelBug('CORRUPT_STATE', `counted ${this.#usedBytes} used and ${this.#lazyBytes} lazy bytes, found ${sums.used} and ${sums.lazy}`);
    }
  }

  #takeLowest(sizeBytes: number, align: number, from: number, to: number): number {
    // A bound that leaves no choice needs no room for aligning.
    const length = align === this.granule || to - from === sizeBytes ? sizeBytes : sizeBytes + align - 1;
    const node = this.#fit.find(sizeBytes, length, align, from);
    if (node === 0) return NO_RANGE;
    const first = this.#nodes.words[node];
    const addr = alignUp(first > from ? first : from, align);
    if (addr + sizeBytes > to) return NO_RANGE;
    this.#fit.cut(node, addr, sizeBytes);
    this.#used.insert(addr, takeNode(this.#nodes, addr, addr + sizeBytes, false));
    this.#usedBytes += sizeBytes;
    return addr;
  }

  #reserveNodes(count: number): void {
    while (nrSpare(this.#nodes) < count) this.#grow();
  }

  /** Doubles the nodes. The functions around the arrays are made anew around the new ones. */
  #grow(): void {
    const nodes: RangeNodes = growRangeNodes(this.#nodes);
    this.#nodes = nodes;
    this.#free = createRangeTree(nodes, FREE);
    this.#lazy = createRangeTree(nodes, LAZY);
    this.#fit = createLowestFit(nodes, this.#free);
  }
}
