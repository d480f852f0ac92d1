/**
 * SortedRangeList: ranges of an address space as one sorted list, searched from the lowest on.
 *
 * ```
 *   starts   | start | ... |        each range ends where the next one starts, the last one at the end of the space
 *   uses     | FREE, USED or LAZY |   no two free ranges touch, no two lazy ranges touch
 * ```
 * Plain to read, and O(n) where {@link VirtualRangeAllocator} takes O(log n) steps. Unlike that one it takes the lowest place for every
 * alignment, which is not where Linux goes.
 */
import { KernelBug, NO_RANGE, type AddressRange, type AddressRanges, type AddressRangesOptions, type AddressSpaceState, type FreeAddressRange } from '@kmem/contracts';
import { alignUp } from './lowest-fit.js';
import { checkRequest, checkSpace } from './option-checks.js';

type Use = 'free' | 'used' | 'lazy';

/** A stretch of the space. */
interface Stretch {
  readonly start: number;
  end: number;
  use: Use;
}

/** Hands out ranges of an address space, by a list. */
export class SortedRangeList implements AddressRanges {
  readonly start: number;
  readonly end: number;
  readonly granule: number;
  readonly lazyMax: number;
  readonly #onShortage: (() => void) | undefined;
  readonly #onPurge: ((start: number, end: number) => void) | undefined;
  readonly #list: Stretch[];

  /**
   * @param options - the space, or a state of it.
   * @throws RangeError when an option is out of range.
   * @throws KernelBug with `CORRUPT_STATE` when a state breaks a rule.
   */
  constructor(options: AddressRangesOptions) {
    const { onPurge, onShortage, state } = options;
    const { start, end, granule, lazyMax } = checkSpace(options);
    this.start = start;
    this.end = end;
    this.granule = granule;
    this.lazyMax = lazyMax;
    this.#onPurge = onPurge;
    this.#onShortage = onShortage;
    this.#list = state === undefined ? [{ start, end, use: 'free' }] : load(state);
    this.assertValid();
  }

  get usedBytes(): number {
    return this.#sum('used');
  }

  get lazyBytes(): number {
    return this.#sum('lazy');
  }

  get freeBytes(): number {
    return this.#sum('free');
  }

  allocRange(sizeBytes: number, align = this.granule, from = this.start, to = this.end): number {
    checkRequest(this, sizeBytes, align, from, to);
    const step = Math.max(align, this.granule);
    const addr = this.#take(sizeBytes, step, from, to);
    if (addr !== NO_RANGE) return addr;
    this.#onShortage?.();
    return this.purge() === 0 ? NO_RANGE : this.#take(sizeBytes, step, from, to);
  }

  freeRange(addr: number): void {
    const at = this.#at(addr);
    if (at < 0 || this.#list[at].use !== 'used' || this.#list[at].start !== addr) {
      throw new KernelBug('BAD_RANGE', `no range in use starts at ${addr}`, { addr });
    }
    this.#list[at].use = 'lazy';
    this.#mergeAround(at);
    if (this.lazyBytes > this.lazyMax) this.purge();
  }

  purge(): number {
    const purged = this.#list.filter(({ use }) => use === 'lazy');
    if (purged.length === 0) return 0;
    this.#onPurge?.(purged[0].start, purged[purged.length - 1].end);
    for (const range of purged) range.use = 'free';
    const merged: Stretch[] = [];
    for (const range of this.#list) {
      const last = merged.at(-1);
      if (last?.use === 'free' && range.use === 'free') last.end = range.end;
      else merged.push(range);
    }
    const bytes = purged.reduce((sum, { start, end }) => sum + end - start, 0);
    this.#list.splice(0, this.#list.length, ...merged);
    return bytes;
  }

  findRange(addr: number): number {
    const at = this.#at(addr);
    return at >= 0 && this.#list[at].use === 'used' && addr < this.#list[at].end ? this.#list[at].start : NO_RANGE;
  }

  findFreeRange(addr: number): AddressRange | null {
    const found = this.#list.findLast(({ start, use }) => use === 'free' && start <= addr);
    return found === undefined ? null : { addr: found.start, sizeBytes: found.end - found.start };
  }

  exportState(): AddressSpaceState {
    const listed = (wanted: Use): AddressRange[] =>
      this.#list.filter(({ use }) => use === wanted).map(({ start, end }) => ({ addr: start, sizeBytes: end - start }));
    const free = listed('free');
    const leaning: FreeAddressRange[] = free.map((range, i) => ({ ...range, left: null, right: free.at(i + 1)?.addr ?? null, black: true }));
    return { free: leaning, root: free[0]?.addr ?? null, used: listed('used'), lazy: listed('lazy') };
  }

  assertValid(): void {
    let addr = this.start;
    let last: Use | null = null;
    for (const { start, end, use } of this.#list) {
      if (start !== addr || end <= start) throw new KernelBug('CORRUPT_STATE', `a range starts at ${start} where ${addr} was expected`);
      if (use === last && use !== 'used') throw new KernelBug('CORRUPT_STATE', `two ${use} ranges touch at ${start}`);
      addr = end;
      last = use;
    }
    if (addr !== this.end) throw new KernelBug('CORRUPT_STATE', `the ranges end at ${addr}, not ${this.end}`);
  }

  #take(size: number, align: number, from: number, to: number): number {
    for (const [at, { start, end, use }] of this.#list.entries()) {
      if (use !== 'free') continue;
      const addr = alignUp(Math.max(start, from), align);
      if (addr + size > Math.min(end, to)) continue;
      const parts: Stretch[] = [{ start, end: addr, use: 'free' }, { start: addr, end: addr + size, use: 'used' }, { start: addr + size, end, use: 'free' }];
      this.#list.splice(at, 1, ...parts.filter((part) => part.end > part.start));
      return addr;
    }
    return NO_RANGE;
  }

  #mergeAround(at: number): void {
    for (const i of [at + 1, at]) {
      const [below, above] = [this.#list.at(i - 1), this.#list.at(i)];
      if (i === 0 || below?.use !== 'lazy' || above?.use !== 'lazy') continue;
      below.end = above.end;
      this.#list.splice(i, 1);
    }
  }

  #sum(wanted: Use): number {
    return this.#list.reduce((sum, { start, end, use }) => (use === wanted ? sum + end - start : sum), 0);
  }

  /** Index of the last range that starts at or below an address; -1 when there is none. */
  #at(addr: number): number {
    let low = -1;
    let high = this.#list.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#list[middle].start <= addr) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function load({ free, lazy, used }: AddressSpaceState): Stretch[] {
  const named = ([['free', free], ['used', used], ['lazy', lazy]] as const).flatMap(([use, ranges]) =>
    ranges.map(({ addr, sizeBytes }): Stretch => ({ start: addr, end: addr + sizeBytes, use })),
  );
  return named.sort((a, b) => a.start - b.start);
}
