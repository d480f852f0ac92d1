/** The same rules over a sorted list: slow, and plain to read. */

/** A range of the list. */
interface ListRange {
  readonly start: number;
  end: number;
  use: 'free' | 'used' | 'lazy';
}

/** An address space as one list of all its ranges. */
export class SortedList {
  readonly #ranges: ListRange[];

  constructor(start: number, end: number) {
    this.#ranges = [{ start, end, use: 'free' }];
  }

  /** The lowest address where an aligned range fits; null when there is none. */
  lowestFit(size: number, align: number, from: number, to: number): number | null {
    for (const { start, end, use } of this.#ranges) {
      if (use !== 'free') continue;
      const addr = Math.ceil(Math.max(start, from) / align) * align;
      if (addr + size <= Math.min(end, to)) return addr;
    }
    return null;
  }

  /** Tells whether addresses are all free. */
  isFree(addr: number, size: number): boolean {
    const { end, use } = this.#ranges[this.#at(addr)];
    return use === 'free' && addr + size <= end;
  }

  /** Takes addresses that are free. */
  take(addr: number, size: number): void {
    this.#split(addr);
    this.#split(addr + size);
    this.#ranges[this.#at(addr)].use = 'used';
  }

  /** Makes the range in use that starts at an address lazy. */
  free(addr: number): void {
    this.#ranges[this.#at(addr)].use = 'lazy';
  }

  /** Makes what is lazy free. */
  purge(): void {
    for (const range of this.#ranges) if (range.use === 'lazy') range.use = 'free';
    const merged: ListRange[] = [];
    for (const range of this.#ranges) {
      const last = merged.at(-1);
      if (last?.use === 'free' && range.use === 'free') last.end = range.end;
      else merged.push(range);
    }
    this.#ranges.splice(0, Infinity, ...merged);
  }

  /** Ranges of one use; lazy neighbours count as one. */
  list(use: ListRange['use']): { addr: number; sizeBytes: number }[] {
    const found: { addr: number; sizeBytes: number }[] = [];
    for (const range of this.#ranges.filter((r) => r.use === use)) {
      const last = found.at(-1);
      if (use === 'lazy' && last !== undefined && last.addr + last.sizeBytes === range.start) last.sizeBytes += range.end - range.start;
      else found.push({ addr: range.start, sizeBytes: range.end - range.start });
    }
    return found;
  }

  /** Index of the range that an address lies in. */
  #at(addr: number): number {
    let low = 0;
    let high = this.#ranges.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#ranges[middle].start <= addr) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #split(addr: number): void {
    const at = this.#at(addr);
    const range = this.#ranges[at];
    if (range.start === addr || range.end === addr) return;
    this.#ranges.splice(at + 1, 0, { start: addr, end: range.end, use: range.use });
    range.end = addr;
  }
}
