/**
 * The model test of the PageAllocator contract: random calls, checked against an owner map.
 *
 * The map is the naive model: one word a frame, which says who took it. It knows nothing of lists, zones or
 * orders, so it cannot be wrong in the same way as an allocator. Beside it stand the blocks that are held,
 * in typed arrays, so that a million calls take seconds:
 *
 * ```
 * owner[frame]    number of the call that took the frame, 0 while nobody holds it
 * pfn[i]          first frame of held block i
 * order[i]        its order
 * refs[i]         references we hold on it
 * compound[i]     1 for a compound block
 * ```
 */
import { __GFP_COMP, __GFP_MOVABLE, __GFP_NOWARN, __GFP_RECLAIMABLE, GFP_NOWAIT, NO_PAGE } from '@kmem/contracts';
import type { Gfp, Order, PageAllocator, Pfn } from '@kmem/contracts';
import { Random } from './random.js';

/** What a model test runs. */
export interface PageAllocatorModelOptions {
  /** The allocator. Nothing of it may be in use. */
  readonly allocator: PageAllocator;
  /** First frame number that the allocator can never hand out. */
  readonly endPfn: Pfn;
  /** Seed of the calls. */
  readonly seed: number;
  /** How many calls to make. */
  readonly operations: number;
  /**
   * After how many calls `assertValid()` is called.
   *
   * @defaultValue 4096
   */
  readonly validateEvery?: number;
  /**
   * Flags to choose from; compound requests add `__GFP_COMP`. None may sleep.
   *
   * @defaultValue unmovable, movable and reclaimable requests of GFP_NOWAIT
   */
  readonly gfps?: readonly Gfp[];
}

/** What a model test did. */
export interface PageAllocatorModelReport {
  /** Calls made. */
  readonly operations: number;
  /** Pages that were handed out, in all. */
  readonly pagesTaken: number;
  /** Requests that ended without a page. */
  readonly shortages: number;
  /** Most pages that were in use at a time. */
  readonly peakPages: number;
  /** Calls of `assertValid()`. */
  readonly validations: number;
}

const BASE_GFP: Gfp = GFP_NOWAIT | __GFP_NOWARN;
const DEFAULT_GFPS: readonly Gfp[] = [BASE_GFP, BASE_GFP | __GFP_MOVABLE, BASE_GFP | __GFP_RECLAIMABLE];

/** After so many calls the test turns from filling the memory to emptying it, and back. */
const PHASE_CALLS = 8192;
/** Most pages in one bulk call. */
const BULK_PAGES = 32;
/** Most pages in one exact call, unless the largest block is smaller. */
const EXACT_PAGES = 64;

/**
 * Runs random calls and checks each result.
 *
 * @param options - the allocator, the seed and the number of calls.
 * @returns what was done; at the end everything is free again and the per-CPU lists are empty.
 * @throws Error naming the seed and the call when a block overlaps another, is not aligned or is out of range,
 * when the counts do not add up, or when memory is missing at the end. Whatever the allocator throws.
 */
export function runPageAllocatorModel(options: PageAllocatorModelOptions): PageAllocatorModelReport {
  return new PageAllocatorModel(options).run();
}

class PageAllocatorModel {
  readonly #allocator: PageAllocator;
  readonly #options: PageAllocatorModelOptions;
  readonly #gfps: readonly Gfp[];
  readonly #random: Random;
  readonly #pageSize: number;

  readonly #owner: Int32Array;
  readonly #pfn: Int32Array;
  readonly #order: Uint8Array;
  readonly #refs: Uint8Array;
  readonly #compound: Uint8Array;
  readonly #slots = new Int32Array(BULK_PAGES);

  #held = 0;
  #used = 0;
  #call = 0;
  #pagesTaken = 0;
  #shortages = 0;
  #peakPages = 0;
  #validations = 0;

  constructor(options: PageAllocatorModelOptions) {
    const { allocator } = options;
    this.#allocator = allocator;
    this.#options = options;
    this.#gfps = options.gfps ?? DEFAULT_GFPS;
    this.#random = new Random(options.seed);
    this.#pageSize = 2 ** allocator.pageShift;
    this.#owner = new Int32Array(options.endPfn);
    this.#pfn = new Int32Array(allocator.managedPages);
    this.#order = new Uint8Array(allocator.managedPages);
    this.#refs = new Uint8Array(allocator.managedPages);
    this.#compound = new Uint8Array(allocator.managedPages);
  }

  run(): PageAllocatorModelReport {
    const { operations, validateEvery = 4096 } = this.#options;
    this.#checkCounts();
    while (this.#call < operations) {
      this.#call += 1;
      this.#step();
      this.#checkCounts();
      if (this.#call % validateEvery === 0) this.#validate();
    }
    while (this.#held > 0) this.#dropReference(this.#held - 1);
    this.#allocator.drainAllPages();
    this.#checkCounts();
    this.#validate();
    const { managedPages, nrFreePages } = this.#allocator;
    if (nrFreePages !== managedPages) this.#fail(`${nrFreePages} of ${managedPages} pages came back`);
    return {
      operations,
      pagesTaken: this.#pagesTaken,
      shortages: this.#shortages,
      peakPages: this.#peakPages,
      validations: this.#validations,
    };
  }

  #step(): void {
    const filling = Math.floor(this.#call / PHASE_CALLS) % 2 === 0;
    const dice = this.#random.below(1024);
    // Bulk and exact calls add many single pages, each of which takes a call to free: they are rare, so that
    // the memory really empties.
    if (dice < 8) this.#takeBulk();
    else if (dice < 24) this.#takeExact();
    else if (dice < 25) this.#allocator.drainLocalPages();
    else if (dice < 26) this.#allocator.drainAllPages();
    else if (dice < 44) this.#takeReference();
    else if (dice < 54) this.#split();
    else if (dice < (filling ? 640 : 250)) this.#takeBlock();
    else if (this.#held > 0) this.#dropReference(this.#random.below(this.#held));
  }

  #takeBlock(): void {
    // Half of the requests are single pages, a quarter pairs, and so on.
    const order = Math.min(Math.clz32(this.#random.next()), this.#allocator.maxOrder - 1);
    const compound = this.#random.below(4) === 0 && order > 0;
    const pfn = this.#allocator.allocPages(compound ? this.#gfp() | __GFP_COMP : this.#gfp(), order);
    if (pfn === NO_PAGE) this.#shortages += 1;
    else this.#add(pfn, order, compound);
  }

  #takeBulk(): void {
    const wanted = 1 + this.#random.below(BULK_PAGES);
    const slots = this.#slots.subarray(0, wanted).fill(NO_PAGE);
    const got = this.#allocator.allocPagesBulk(this.#gfp(), wanted, slots);
    if (!(got >= 0 && got <= wanted)) this.#fail(`bulk call for ${wanted} pages returned ${got}`);
    if (got < wanted) this.#shortages += 1;
    for (let slot = 0; slot < wanted; slot++) {
      if (slot < got) this.#add(slots[slot], 0, false);
      else if (slots[slot] !== NO_PAGE) this.#fail(`slot ${slot} is filled, but the bulk call returned ${got}`);
    }
  }

  #takeExact(): void {
    const largest = Math.min(EXACT_PAGES, 2 ** (this.#allocator.maxOrder - 1));
    // Small sizes are where the pages beyond the size make the difference: half of the calls.
    const nrPages = 1 + this.#random.below(this.#random.below(2) === 0 ? largest : Math.min(8, largest));
    const size = nrPages * this.#pageSize - this.#random.below(this.#pageSize);
    const pfn = this.#allocator.allocPagesExact(size, this.#gfp());
    if (pfn === NO_PAGE) {
      this.#shortages += 1;
      return;
    }
    for (let frame = pfn; frame < pfn + nrPages; frame++) this.#add(frame, 0, false);
    // Now and then through the exact call; otherwise the pages live on as the single pages they are.
    if (this.#random.below(2) === 0) {
      this.#allocator.freePagesExact(pfn, size);
      for (let page = 0; page < nrPages; page++) this.#remove(this.#held - 1);
    }
  }

  #takeReference(): void {
    if (this.#held === 0) return;
    const index = this.#random.below(this.#held);
    if (this.#refs[index] === 0xff) return;
    // A reference may be taken on any page of a compound block, elsewhere only on the first.
    const offset = this.#compound[index] === 1 ? this.#random.below(2 ** this.#order[index]) : 0;
    this.#allocator.getPage(this.#pfn[index] + offset);
    this.#refs[index] += 1;
  }

  #split(): void {
    if (this.#held === 0) return;
    const index = this.#random.below(this.#held);
    // A second reference would stay on the first page only; single pages are the other cases' business.
    if (this.#compound[index] === 1 || this.#refs[index] !== 1) return;
    const pfn = this.#pfn[index];
    const order = this.#order[index];
    this.#allocator.splitPage(pfn, order);
    this.#remove(index);
    for (let frame = pfn; frame < pfn + 2 ** order; frame++) this.#add(frame, 0, false);
    this.#pagesTaken -= 2 ** order;
  }

  /** Drops one of the references of a held block, by the call that fits. */
  #dropReference(index: number): void {
    const pfn = this.#pfn[index];
    const order = this.#order[index];
    const plain = this.#compound[index] === 0;
    const last = this.#refs[index] === 1;
    // putPage of a plain block's last reference would free the first page and lose the others.
    const put = !(last && plain && order > 0) && this.#random.below(2) === 0;
    if (put) this.#allocator.putPage(pfn);
    else this.#allocator.freePages(pfn, order);
    if (last) this.#remove(index);
    else {
      this.#refs[index] -= 1;
      if (!put && plain && order > 0) {
        // All pages but the first are gone, and that one is a block of its own.
        this.#owner.fill(0, pfn + 1, pfn + 2 ** order);
        this.#used -= 2 ** order - 1;
        this.#order[index] = 0;
      }
    }
  }

  #add(pfn: Pfn, order: Order, compound: boolean): void {
    const size = 2 ** order;
    if (!(pfn > 0 && pfn + size <= this.#owner.length)) this.#fail(`block ${pfn} of order ${order} is out of range`);
    if (pfn % size !== 0) this.#fail(`block ${pfn} of order ${order} is not aligned`);
    for (let frame = pfn; frame < pfn + size; frame++) {
      if (this.#owner[frame] !== 0) this.#fail(`frame ${frame} is held since call ${this.#owner[frame]}`);
      this.#owner[frame] = this.#call;
    }
    const index = this.#held++;
    this.#pfn[index] = pfn;
    this.#order[index] = order;
    this.#refs[index] = 1;
    this.#compound[index] = compound ? 1 : 0;
    this.#used += size;
    this.#pagesTaken += size;
    if (this.#used > this.#peakPages) this.#peakPages = this.#used;
  }

  /** Forgets a block; the last one takes its place. */
  #remove(index: number): void {
    const size = 2 ** this.#order[index];
    this.#owner.fill(0, this.#pfn[index], this.#pfn[index] + size);
    this.#used -= size;
    const last = --this.#held;
    this.#pfn[index] = this.#pfn[last];
    this.#order[index] = this.#order[last];
    this.#refs[index] = this.#refs[last];
    this.#compound[index] = this.#compound[last];
  }

  #gfp(): Gfp {
    return this.#gfps[this.#random.below(this.#gfps.length)];
  }

  #checkCounts(): void {
    const { managedPages, nrFreePages, nrPcpPages } = this.#allocator;
    if (managedPages !== nrFreePages + nrPcpPages + this.#used) {
      this.#fail(`managed ${managedPages} != free ${nrFreePages} + per-CPU ${nrPcpPages} + used ${this.#used}`);
    }
  }

  #validate(): void {
    this.#validations += 1;
    this.#allocator.assertValid();
  }

  #fail(what: string): never {
    throw new Error(`page allocator model, seed ${this.#options.seed}, call ${this.#call}: ${what}`);
  }
}
