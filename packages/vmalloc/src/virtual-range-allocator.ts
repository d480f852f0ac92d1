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
import { KernelBug, type AddressSpaceState } from '@kmem/contracts';
import { assertValidRanges } from './assert-valid.js';
import { giveBack } from './give-back.js';
import { alignUp, createLowestFit, type LowestFit } from './lowest-fit.js';
import { requireInteger } from './option-checks.js';
import { BUSY, createRangeNodes, END, FREE, growRangeNodes, LAZY, nrSpare, takeNode, type RangeNodes } from './range-nodes.js';
import { exportRanges, loadRanges } from './range-state.js';
import { createRangeTree, type RangeTree } from './range-tree.js';

/** What allocations return when no range fits. It is below every address. */
export const NO_RANGE = -(2 ** 53);

const FIRST_CAPACITY = 64;
/** What one allocation may take: a node for the range, one for a rest. */
const NODES_AN_ALLOCATION = 2;

/** Options of {@link VirtualRangeAllocator}. */
export interface VirtualRangeAllocatorOptions {
  /** First address: a safe integer, negative or not. @default 0 */
  readonly start?: number;
  /** First address past the space; at most 2^53 - 1 above `start`. */
  readonly end: number;
  /** The unit of sizes and addresses, a power of two: the page size of a kernel. @default 1 */
  readonly granule?: number;
  /** Bytes that may wait for a purge; one more makes a free purge at once. Infinity leaves it to the caller. @default 0 */
  readonly lazyMax?: number;
  /** A state to go on from; it must fill the space. Without one all of it is free. */
  readonly state?: AddressSpaceState;
}

/** Hands out ranges of an address space. Nothing is stored at the addresses. */
export class VirtualRangeAllocator {
  /** First address of the space. */
  readonly start: number;
  /** First address past it. */
  readonly end: number;
  /** Unit of sizes and addresses. */
  readonly granule: number;
  /** Bytes that may wait for a purge. */
  readonly lazyMax: number;
  #nodes = createRangeNodes(FIRST_CAPACITY);
  #free: RangeTree = createRangeTree(this.#nodes, FREE);
  #busy: RangeTree = createRangeTree(this.#nodes, BUSY);
  #lazy: RangeTree = createRangeTree(this.#nodes, LAZY);
  #fit: LowestFit = createLowestFit(this.#nodes, this.#free);
  #usedBytes = 0;
  #lazyBytes = 0;

  /**
   * @param options - the space, or a state of it.
   * @throws TypeError or RangeError when an option is out of range.
   * @throws KernelBug with `CORRUPT_STATE` when a state breaks a rule.
   */
  constructor(options: VirtualRangeAllocatorOptions) {
    const { start = 0, end, granule = 1, lazyMax = 0, state } = options;
    requireInteger('start', start, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    requireInteger('end', end, start + 1, Math.min(start + Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER));
    requireInteger('granule', granule, 1, 2 ** 52);
    if (!isPowerOfTwo(granule)) throw new RangeError(`granule: expected a power of two, got ${granule}`);
    if (lazyMax !== Infinity) requireInteger('lazyMax', lazyMax, 0, Number.MAX_SAFE_INTEGER);
    this.start = start;
    this.end = end;
    this.granule = granule;
    this.lazyMax = lazyMax;
    if (state === undefined) {
      this.#free.insert(takeNode(this.#nodes, start, end));
      return;
    }
    const { free, used, lazy } = state;
    this.#reserveNodes(free.length + used.length + lazy.length);
    loadRanges(this.#nodes, [this.#free, this.#busy, this.#lazy], state);
    this.#usedBytes = used.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.#lazyBytes = lazy.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.assertValid();
  }

  /**
   * Bytes of the ranges in use.
   *
   * @returns the sum.
   */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Bytes that were freed and wait for a purge.
   *
   * @returns the sum.
   */
  get lazyBytes(): number {
    return this.#lazyBytes;
  }

  /**
   * Bytes that can be handed out.
   *
   * @returns the sum.
   */
  get freeBytes(): number {
    return this.end - this.start - this.#usedBytes - this.#lazyBytes;
  }

  /**
   * Takes a range. For alignments of one granule it is the lowest that fits; above, see {@link LowestFit}. When none fits, what was freed
   * is purged and the search made once more.
   *
   * @param sizeBytes - size, a multiple of the granule.
   * @param align - alignment of the address, a power of two.
   * @param from - lowest address allowed.
   * @param to - first address past what is allowed.
   * @returns the address, or {@link NO_RANGE}. It takes O(log n) steps of the n ranges.
   * @throws KernelBug `BAD_SIZE` for a size, `BAD_RANGE` for an alignment or bounds that make no sense.
   * @context any.
   * @kernelName alloc_vmap_area
   */
  allocRange(sizeBytes: number, align = this.granule, from = this.start, to = this.end): number {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % this.granule !== 0) {
      throw new KernelBug('BAD_SIZE', `a size must be a positive multiple of ${this.granule}, got ${sizeBytes}`, { sizeBytes });
    }
    if (!isPowerOfTwo(align)) throw new KernelBug('BAD_RANGE', `an alignment must be a power of two, got ${align}`, { align });
    if (!(from >= this.start && to <= this.end && Number.isSafeInteger(from) && Number.isSafeInteger(to))) {
      throw new KernelBug('BAD_RANGE', `bounds must lie in ${this.start}..${this.end}, got ${from}..${to}`, { from, to });
    }
    if (nrSpare(this.#nodes) < NODES_AN_ALLOCATION) this.#grow();
    const addr = this.#takeLowest(sizeBytes, Math.max(align, this.granule), from, to);
    if (addr !== NO_RANGE || this.#lazyBytes === 0) return addr;
    this.purge();
    return this.#takeLowest(sizeBytes, Math.max(align, this.granule), from, to);
  }

  /**
   * Frees a range. It becomes lazy and merges with lazy neighbours; when more than `lazyMax` bytes are lazy then, all are purged.
   *
   * @param addr - its first address.
   * @throws KernelBug `BAD_RANGE` when no range in use starts there.
   * @context any.
   * @kernelName free_vmap_area_noflush
   */
  freeRange(addr: number): void {
    const node = this.#busy.floor(addr);
    if (node === 0 || this.#nodes.words[node] !== addr) {
      throw new KernelBug('BAD_RANGE', `no range in use starts at ${addr}`, { addr });
    }
    const sizeBytes = this.#nodes.words[node + END] - addr;
    this.#busy.erase(node);
    this.#usedBytes -= sizeBytes;
    if (sizeBytes > this.lazyMax && this.#lazyBytes === 0) {
      // It would be purged at once, alone.
      giveBack(this.#nodes, this.#free, node);
      return;
    }
    this.#lazyBytes += sizeBytes;
    giveBack(this.#nodes, this.#lazy, node);
    if (this.#lazyBytes > this.lazyMax) this.purge();
  }

  /**
   * Makes all lazy ranges free, the lowest first.
   *
   * @returns bytes that became free.
   * @context any.
   * @kernelName __purge_vmap_area_lazy
   */
  purge(): number {
    const purged = this.#lazyBytes;
    for (let node = this.#lazy.first(); node !== 0; node = this.#lazy.first()) {
      this.#lazy.erase(node);
      giveBack(this.#nodes, this.#free, node);
    }
    this.#lazyBytes = 0;
    return purged;
  }

  /**
   * Finds the range in use that an address lies in.
   *
   * @param addr - any address.
   * @returns the first address of the range, or {@link NO_RANGE}.
   * @kernelName find_vmap_area
   */
  findRange(addr: number): number {
    const node = this.#busy.floor(addr);
    return node !== 0 && addr < this.#nodes.words[node + END] ? this.#nodes.words[node] : NO_RANGE;
  }

  /**
   * Writes the state down.
   *
   * @returns a copy: ranges by address, and the shape of the free tree.
   */
  exportState(): AddressSpaceState {
    return exportRanges(this.#nodes, [this.#free, this.#busy, this.#lazy]);
  }

  /**
   * Checks every rule at the head of the files here.
   *
   * @throws KernelBug `CORRUPT_STATE` when one does not hold.
   */
  assertValid(): void {
    const sums = assertValidRanges(this.#nodes, this.start, this.end);
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
    this.#busy.insert(takeNode(this.#nodes, addr, addr + sizeBytes));
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
    this.#busy = createRangeTree(nodes, BUSY);
    this.#lazy = createRangeTree(nodes, LAZY);
    this.#fit = createLowestFit(nodes, this.#free);
  }
}

function isPowerOfTwo(value: number): boolean {
  if (!Number.isSafeInteger(value) || value <= 0) return false;
  return value <= 2 ** 30 ? (value & (value - 1)) === 0 : 2 ** Math.round(Math.log2(value)) === value;
}
