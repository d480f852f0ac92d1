/**
 * Tlb: what each CPU remembers of page tables, and what it costs to make it forget (vmalloc spec 6.4).
 *
 * ```
 * a CPU remembers    at most `entries` pages; the one remembered longest goes first
 * a flush of         up to 33 pages: each of them on every CPU          more: everything on every CPU
 * ```
 * What is remembered is used until it is flushed, whatever the tables say meanwhile.
 */
import type { CpuId } from '@kmem/contracts';
import { requireInteger } from '../option-checks.js';

/** Pages up to which each is flushed by itself. */
const FLUSH_CEILING = 33;

/** Options of {@link Tlb}. */
export interface TlbOptions {
  /** CPUs. @default 1 */
  readonly nrCpus?: number;
  /** Pages that a CPU remembers. @default 1536 */
  readonly entries?: number;
}

/** Counts since the machine was made. */
export interface TlbCounts {
  /** Translations that were remembered. */
  hits: number;
  /** Translations that were looked up in the tables. */
  misses: number;
  /** Calls that flush. */
  flushes: number;
  /** Those of them that flushed everything. */
  fullFlushes: number;
  /** Pages flushed by themselves, times CPUs. */
  pagesFlushed: number;
}

/** Remembered translations of all CPUs. */
export class Tlb {
  /** Counts. */
  readonly counts: TlbCounts = { hits: 0, misses: 0, flushes: 0, fullFlushes: 0, pagesFlushed: 0 };
  readonly #cpus: readonly Map<number, number>[];
  readonly #entries: number;

  /**
   * @param options - its size.
   * @throws TypeError or RangeError when an option is out of range.
   */
  constructor(options: TlbOptions = {}) {
    const { nrCpus = 1, entries = 1536 } = options;
    requireInteger('nrCpus', nrCpus, 1, 8192);
    requireInteger('entries', entries, 1, 2 ** 20);
    this.#cpus = Array.from({ length: nrCpus }, () => new Map<number, number>());
    this.#entries = entries;
  }

  /**
   * Translates as a CPU does: from memory, or else from the tables.
   *
   * @param cpu - the CPU.
   * @param page - number of the page: address divided by page size.
   * @param look - reads the tables; gives 0 when nothing is mapped, which is not remembered.
   * @returns the entry.
   */
  translate(cpu: CpuId, page: number, look: () => number): number {
    const known = this.#cpus[cpu];
    const remembered = known.get(page);
    if (remembered !== undefined) {
      this.counts.hits++;
      return remembered;
    }
    this.counts.misses++;
    const entry = look();
    if (entry === 0) return 0;
    if (known.size >= this.#entries) {
      // The first of the keys is the one that was added first.
      for (const oldest of known.keys()) {
        known.delete(oldest);
        break;
      }
    }
    known.set(page, entry);
    return entry;
  }

  /**
   * Makes every CPU forget pages.
   *
   * @param first - number of the first page.
   * @param past - number of the first page past them.
   */
  flushRange(first: number, past: number): void {
    this.counts.flushes++;
    if (past - first > FLUSH_CEILING) {
      this.counts.fullFlushes++;
      for (const known of this.#cpus) known.clear();
      return;
    }
    for (const known of this.#cpus) for (let page = first; page < past; page++) known.delete(page);
    this.counts.pagesFlushed += (past - first) * this.#cpus.length;
  }
}
