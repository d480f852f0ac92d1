/**
 * ReferencePageAllocator: the PageAllocator contract as simply as it can be written.
 *
 * It is the model in property tests and the second implementation that keeps the contract honest. First
 * fit over one array entry a frame: obvious, and slow in proportion to the memory. It knows no zones,
 * migratetypes, watermarks or per-CPU lists, so every request is answered if a block is free anywhere.
 * Of the GFP flags only `__GFP_COMP` means something here.
 *
 * ```
 * refs[f]   references of frame f; tails of a block have none
 * order[f]  order of the block in use that starts at f, NO_ORDER elsewhere
 * head[f]   first frame of the compound block that f is in, otherwise f
 * used[f]   1 while f is in use
 *
 * managed = free + number of used frames
 * ```
 */
import { __GFP_COMP, KernelBug, NO_PAGE, NUMA_NO_NODE } from '@kmem/contracts';
import type { Gfp, KernelBugCode, NodeId, Order, PageAllocator, Pfn } from '@kmem/contracts';

/** Most references of a page. */
const MAX_REFERENCES = 2 ** 31 - 1;
/** Marks a frame at which no block in use starts. */
const NO_ORDER = -1;

/** What a reference allocator is made of. */
export interface ReferencePageAllocatorOptions {
  /** Frames to manage, at least 1. */
  readonly pages: number;
  /**
   * Number of orders.
   *
   * @defaultValue 11
   */
  readonly maxOrder?: number;
  /**
   * log2 of the page size in bytes.
   *
   * @defaultValue 12
   */
  readonly pageShift?: number;
}

/**
 * The naive page allocator.
 *
 * @example
 * ```ts
 * import { GFP_KERNEL } from '@kmem/contracts';
 * import { ReferencePageAllocator } from '@kmem/conformance';
 *
 * const pages = new ReferencePageAllocator({ pages: 1024 });
 * const pfn = pages.allocPages(GFP_KERNEL, 2);
 * pages.freePages(pfn, 2);
 * ```
 */
export class ReferencePageAllocator implements PageAllocator {
  readonly maxOrder: number;
  readonly pageShift: number;
  readonly managedPages: number;
  readonly nrPcpPages = 0;
  /** First managed frame: the largest block starts here, and frame 0 lies before it. */
  readonly #start: number;
  readonly #end: number;
  readonly #refs: Int32Array;
  readonly #order: Int8Array;
  readonly #head: Int32Array;
  readonly #used: Uint8Array;
  #nrFree: number;

  /**
   * @param options - size and shape of the memory.
   * @throws RangeError when an option is out of range.
   */
  constructor(options: ReferencePageAllocatorOptions) {
    const { pages, maxOrder = 11, pageShift = 12 } = options;
    if (!Number.isSafeInteger(pages) || pages < 1 || pages > 2 ** 24) {
      throw new RangeError(`pages: found ${pages}, expected an integer from 1 to ${2 ** 24}`);
    }
    if (!Number.isInteger(maxOrder) || maxOrder < 1 || maxOrder > 20) {
      throw new RangeError(`maxOrder: found ${maxOrder}, expected an integer from 1 to 20`);
    }
    this.maxOrder = maxOrder;
    this.pageShift = pageShift;
    this.managedPages = pages;
    this.#nrFree = pages;
    this.#start = 2 ** (maxOrder - 1);
    this.#end = this.#start + pages;
    this.#refs = new Int32Array(this.#end);
    this.#order = new Int8Array(this.#end).fill(NO_ORDER);
    this.#head = Int32Array.from({ length: this.#end }, (_, frame) => frame);
    this.#used = new Uint8Array(this.#end);
  }

  get nrFreePages(): number {
    return this.#nrFree;
  }

  allocPages(gfp: Gfp, order: Order): Pfn {
    requireOrder(order);
    if (order >= this.maxOrder) return NO_PAGE;
    const size = 2 ** order;
    for (let pfn = this.#start; pfn + size <= this.#end; pfn += size) {
      if (this.#used.subarray(pfn, pfn + size).includes(1)) continue;
      this.#used.fill(1, pfn, pfn + size);
      this.#refs[pfn] = 1;
      this.#order[pfn] = order;
      if ((gfp & __GFP_COMP) !== 0) this.#head.fill(pfn, pfn, pfn + size);
      this.#nrFree -= size;
      return pfn;
    }
    return NO_PAGE;
  }

  allocPagesNode(node: NodeId, gfp: Gfp, order: Order): Pfn {
    requireNode(node);
    return this.allocPages(gfp, order);
  }

  allocPagesNodemask(gfp: Gfp, order: Order, node: NodeId, nodemask: ReadonlySet<NodeId> | null): Pfn {
    if (nodemask === null || nodemask.has(0)) return this.allocPagesNode(node, gfp, order);
    requireNode(node);
    requireOrder(order);
    return NO_PAGE;
  }

  freePages(pfn: Pfn, order: Order): void {
    this.#checkBlock(pfn, order);
    this.#refs[pfn] -= 1;
    if (this.#refs[pfn] === 0) this.#release(pfn, 2 ** order);
    else if (!this.#isCompound(pfn, order)) {
      // Somebody still holds the first page, and only that one: the others go now.
      this.#order[pfn] = 0;
      this.#release(pfn + 1, 2 ** order - 1);
    }
  }

  allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    if (!Number.isSafeInteger(nrPages) || nrPages > pages.length) {
      throw bug('BAD_SIZE', `${nrPages} pages do not fit an array of ${pages.length}`, { nrPages });
    }
    for (let slot = 0; slot < nrPages; slot++) {
      if (pages[slot] !== NO_PAGE) continue;
      pages[slot] = this.allocPages(gfp, 0);
      if (pages[slot] === NO_PAGE) return slot;
    }
    return Math.max(nrPages, 0);
  }

  allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    const nrPages = this.#pagesOf(sizeBytes);
    const order = orderOf(nrPages);
    const pfn = this.allocPages(gfp & ~__GFP_COMP, order);
    if (pfn === NO_PAGE) return NO_PAGE;
    this.splitPage(pfn, order);
    for (let frame = pfn + nrPages; frame < pfn + 2 ** order; frame++) this.freePages(frame, 0);
    return pfn;
  }

  freePagesExact(pfn: Pfn, sizeBytes: number): void {
    const nrPages = this.#pagesOf(sizeBytes);
    for (let frame = pfn; frame < pfn + nrPages; frame++) this.freePages(frame, 0);
  }

  splitPage(pfn: Pfn, order: Order): void {
    this.#checkFrame(pfn);
    if (this.#order[pfn] !== order || this.#isCompound(pfn, order)) {
      throw bug('BAD_SPLIT', `frame ${pfn} starts no plain block of order ${order}`, { pfn, order });
    }
    this.#order.fill(0, pfn, pfn + 2 ** order);
    this.#refs.fill(1, pfn + 1, pfn + 2 ** order);
  }

  getPage(pfn: Pfn, references = 1): void {
    const head = this.#heldHead(pfn);
    requireReferences(references, MAX_REFERENCES - this.#refs[head]);
    this.#refs[head] += references;
  }

  putPage(pfn: Pfn, references = 1): void {
    const head = this.#heldHead(pfn);
    requireReferences(references, this.#refs[head]);
    this.#refs[head] -= references;
    if (this.#refs[head] > 0) return;
    // Of a plain block the kernel frees the first page alone; the others are lost.
    const order = this.#isCompound(head, this.#order[head]) ? this.#order[head] : 0;
    this.#release(head, 2 ** order);
  }

  pageCount(pfn: Pfn): number {
    this.#checkFrame(pfn);
    return this.#refs[this.#head[pfn]];
  }

  drainLocalPages(): void {
    // There are no per-CPU lists.
  }

  drainAllPages(): void {
    // There are no per-CPU lists.
  }

  assertValid(): void {
    let used = 0;
    for (let frame = 0; frame < this.#end; frame++) {
      used += this.#used[frame];
      const held = this.#refs[frame] > 0;
      if (held !== (this.#order[frame] !== NO_ORDER)) throw corrupt(`frame ${frame} is held or a block, not both`);
      if (held && this.#used[frame] === 0) throw corrupt(`frame ${frame} is held, but free`);
      if (frame < this.#start && this.#used[frame] !== 0) throw corrupt(`frame ${frame} is not managed, but in use`);
      const head = this.#head[frame];
      if (head !== frame && frame >= head + 2 ** this.#order[head]) throw corrupt(`frame ${frame} has no head`);
    }
    if (used + this.#nrFree !== this.managedPages) {
      throw corrupt(`${used} used + ${this.#nrFree} free pages are not the ${this.managedPages} managed ones`);
    }
  }

  #isCompound(pfn: Pfn, order: Order): boolean {
    return order > 0 && this.#head[pfn + 1] === pfn;
  }

  /** Marks frames that nobody holds as free. */
  #release(pfn: Pfn, nrPages: number): void {
    this.#order.fill(NO_ORDER, pfn, pfn + nrPages);
    this.#used.fill(0, pfn, pfn + nrPages);
    for (let frame = pfn; frame < pfn + nrPages; frame++) this.#head[frame] = frame;
    this.#nrFree += nrPages;
  }

  #checkFrame(pfn: Pfn): void {
    if (!Number.isInteger(pfn) || pfn < this.#start || pfn >= this.#end) {
      throw bug('BAD_FRAME', `frame ${pfn} is outside ${this.#start}..${this.#end - 1}`, { pfn });
    }
  }

  #checkBlock(pfn: Pfn, order: Order): void {
    if (!Number.isInteger(order) || order < 0 || order >= this.maxOrder) {
      throw bug('BAD_ORDER', `order ${order} is not in 0..${this.maxOrder - 1}`, { order });
    }
    this.#checkFrame(pfn);
    if (this.#used[pfn] === 0) throw bug('DOUBLE_FREE', `frame ${pfn} is free already`, { pfn, order });
    if (this.#order[pfn] !== order) {
      throw bug('BAD_FREE', `frame ${pfn} starts no block of order ${order} in use`, { pfn, order });
    }
  }

  /** The frame that carries the references of a frame in use. */
  #heldHead(pfn: Pfn): Pfn {
    this.#checkFrame(pfn);
    const head = this.#head[pfn];
    if (this.#refs[head] === 0) throw bug('REFCOUNT', `nobody holds frame ${pfn}`, { pfn });
    return head;
  }

  #pagesOf(sizeBytes: number): number {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
      throw bug('BAD_SIZE', `${sizeBytes} bytes is no size`, { sizeBytes });
    }
    return Math.ceil(sizeBytes / 2 ** this.pageShift);
  }
}

/** The smallest order whose block holds a number of pages. */
function orderOf(nrPages: number): Order {
  let order = 0;
  while (2 ** order < nrPages) order++;
  return order;
}

function requireOrder(order: Order): void {
  if (!Number.isInteger(order) || order < 0) throw bug('BAD_ORDER', `order ${order} is no order`, { order });
}

function requireNode(node: NodeId): void {
  if (node !== 0 && node !== NUMA_NO_NODE) throw bug('BAD_NODE', `node ${node} does not exist`, { node });
}

function requireReferences(references: number, most: number): void {
  if (!Number.isInteger(references) || references < 1 || references > most) throw bug('REFCOUNT', `${references} references are not in 1..${most}`, { references });
}

function bug(code: KernelBugCode, what: string, fields: Readonly<Record<string, number>>): KernelBug {
  return new KernelBug(code, what, fields);
}

function corrupt(what: string): KernelBug {
  return new KernelBug('CORRUPT_STATE', what);
}
