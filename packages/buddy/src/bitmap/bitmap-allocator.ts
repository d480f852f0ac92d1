/**
 * A page allocator of bitmaps: for ranges whose frame table would cost too much, and for addresses that should stay low.
 *
 * ```
 * free[o]      set of the free blocks of order o, by number of the block
 * page[f]      one byte a frame:  order (5 bits) | TAIL | HEAD | USED
 * extra        references of a block beyond the first, for the few blocks that have more
 *
 *   USED   : a block in use starts here; its order is that of the byte
 *   HEAD   : that block is compound          TAIL : inside a compound block of the byte's order, whose head follows by alignment
 *   all other frames : 0
 *
 *   managed = free + pages in use            two free buddies of one order : never, except of the largest order
 * ```
 * A request gets the smallest block that is large enough, and among those the one with the lowest address. There are no zones, migratetypes,
 * watermarks and per-CPU lists; of the GFP flags only `__GFP_COMP` and `__GFP_ZERO` mean something.
 */
import { __GFP_COMP, __GFP_ZERO, KernelBug, NO_PAGE, NUMA_NO_NODE, type Gfp, type KernelBugCode, type NodeId, type Order, type PageAllocator, type Pfn, type PhysicalMemory } from '@kmem/contracts';
import { BitTree } from './bit-tree.js';

const ORDER_MASK = 31;
const TAIL = 1 << 5;
const HEAD = 1 << 6;
const USED = 1 << 7;
/** Most frames: block numbers and frame numbers stay integers of 32 bits. */
/** Most references of a page. */
const MAX_REFERENCES = 2 ** 31 - 1;
const MAX_FRAMES = 2 ** 30;

/** Options of {@link bitmapAllocator}. */
export interface BitmapAllocatorOptions {
  /** Frames to manage, at least 1; the last one is below 2^30. */
  readonly nrPages: number;
  /**
   * First of them, at least 1.
   * @defaultValue the size of the largest block
   */
  readonly startPfn?: Pfn;
  /**
   * Number of orders, 1 to 20: the largest block has `2 ** (maxOrder - 1)` frames.
   * @defaultValue 11
   */
  readonly maxOrder?: number;
  /**
   * log2 of the page size in bytes, 0 to 30.
   * @defaultValue 12
   */
  readonly pageShift?: number;
  /** RAM, so that `__GFP_ZERO` has something to zero. */
  readonly memory?: PhysicalMemory;
}

/**
 * Makes a page allocator that needs about one byte and a quarter for a frame.
 *
 * @param options - which frames, and what differs from the defaults.
 * @returns the allocator, all its frames free.
 * @throws RangeError when an option is out of range, naming it.
 * @example
 * ```ts
 * import { bitmapAllocator } from '@kmem/buddy';
 * import { GFP_KERNEL } from '@kmem/contracts';
 *
 * const pages = bitmapAllocator({ nrPages: 4096 });
 * pages.allocPages(GFP_KERNEL, 2); // -> 1024
 * pages.allocPages(GFP_KERNEL, 0); // -> 1028
 * ```
 */
export function bitmapAllocator(options: BitmapAllocatorOptions): PageAllocator {
  return new BitmapAllocator(options);
}

class BitmapAllocator implements PageAllocator {
  readonly maxOrder: number;
  readonly pageShift: number;
  readonly managedPages: number;
  readonly nrPcpPages = 0;
  readonly #memory: PhysicalMemory | null;
  /** Frame that bit 0 and byte 0 stand for: a multiple of the largest block. */
  readonly #base: number;
  /** Managed frames, counted from the base. */
  readonly #start: number;
  readonly #end: number;
  readonly #free: readonly BitTree[];
  readonly #page: Uint8Array;
  readonly #extra = new Map<number, number>();
  #nrFree = 0;

  constructor(options: BitmapAllocatorOptions) {
    const { nrPages, maxOrder = 11, pageShift = 12, memory } = options;
    requireInteger('maxOrder', maxOrder, 1, 20);
    requireInteger('pageShift', pageShift, 0, 30);
    const largest = 2 ** (maxOrder - 1);
    const { startPfn = largest } = options;
    requireInteger('startPfn', startPfn, 1, MAX_FRAMES - 1);
    requireInteger('nrPages', nrPages, 1, MAX_FRAMES - startPfn);
    this.maxOrder = maxOrder;
    this.pageShift = pageShift;
    this.managedPages = nrPages;
    this.#memory = memory ?? null;
    this.#base = startPfn - (startPfn % largest);
    this.#start = startPfn - this.#base;
    this.#end = this.#start + nrPages;
    this.#page = new Uint8Array(this.#end);
    const whole = Math.ceil(this.#end / largest) * largest;
    this.#free = Array.from({ length: maxOrder }, (_, order) => new BitTree(whole / 2 ** order));
    this.#release(this.#start, nrPages);
  }

  get nrFreePages(): number {
    return this.#nrFree;
  }

  allocPages(gfp: Gfp, order: Order): Pfn {
    if (order >>> 0 !== order) return this.#refuseOrder(order);
    for (let from = order; from < this.maxOrder; from++) {
      let number = this.#free[from].first();
      if (number < 0) continue;
      this.#free[from].delete(number);
      for (let at = from; at > order; at--) {
        number *= 2;
        this.#free[at - 1].add(number + 1);
      }
      return this.#use(number << order, order, gfp);
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
    return this.#refuseOrder(order);
  }

  freePages(pfn: Pfn, order: Order): void {
    const at = this.#blockAt(pfn, order);
    if (this.#dropExtra(at, 1)) {
      if (order === 0 || (this.#page[at] & HEAD) !== 0) return;
      // Somebody still holds the first page, and only that one: the others go now.
      this.#page[at] = USED;
      this.#release(at + 1, 2 ** order - 1);
    } else {
      this.#page.fill(0, at, at + 2 ** order);
      this.#freeBlock(at, order);
    }
  }

  allocPagesBulk(gfp: Gfp, nrPages: number, pages: Int32Array): number {
    if (!Number.isSafeInteger(nrPages) || nrPages > pages.length) throw bug('BAD_SIZE', 'nrPages', nrPages, `an integer up to ${pages.length}`);
    for (let slot = 0; slot < nrPages; slot++) {
      if (pages[slot] !== NO_PAGE) continue;
      pages[slot] = this.allocPages(gfp, 0);
      if (pages[slot] === NO_PAGE) return slot;
    }
    return Math.max(nrPages, 0);
  }

  allocPagesExact(sizeBytes: number, gfp: Gfp): Pfn {
    const nrPages = this.#pagesOf(sizeBytes);
    if (nrPages > 2 ** (this.maxOrder - 1)) return NO_PAGE;
    const order = Math.ceil(Math.log2(nrPages));
    const pfn = this.allocPages(gfp & ~__GFP_COMP, order);
    if (pfn === NO_PAGE) return NO_PAGE;
    const at = pfn - this.#base;
    this.#page.fill(USED, at, at + nrPages);
    this.#release(at + nrPages, 2 ** order - nrPages);
    return pfn;
  }

  freePagesExact(pfn: Pfn, sizeBytes: number): void {
    const nrPages = this.#pagesOf(sizeBytes);
    // All of them are looked at before the first is freed: a refused call changes nothing.
    for (let i = 0; i < nrPages; i++) this.#blockAt(pfn + i, 0);
    for (let i = 0; i < nrPages; i++) this.freePages(pfn + i, 0);
  }

  splitPage(pfn: Pfn, order: Order): void {
    const at = this.#at(pfn);
    if (order >>> 0 !== order || this.#page[at] !== (USED | order)) throw bug('BAD_SPLIT', 'pfn', pfn, `the start of a plain block of order ${order}`);
    this.#page.fill(USED, at, at + 2 ** order);
  }

  getPage(pfn: Pfn, references = 1): void {
    const head = this.#heldHead(pfn);
    const extra = this.#extra.get(head) ?? 0;
    requireReferences(references, MAX_REFERENCES - 1 - extra);
    this.#extra.set(head, extra + references);
  }

  putPage(pfn: Pfn, references = 1): void {
    const head = this.#heldHead(pfn);
    const extra = this.#extra.get(head) ?? 0;
    requireReferences(references, 1 + extra);
    if (references <= extra) {
      this.#dropExtra(head, references);
      return;
    }
    this.#extra.delete(head);
    // Of a plain block the kernel frees the first page alone; the others are lost.
    const order = (this.#page[head] & HEAD) !== 0 ? this.#page[head] & ORDER_MASK : 0;
    this.#page.fill(0, head, head + 2 ** order);
    this.#freeBlock(head, order);
  }

  pageCount(pfn: Pfn): number {
    const head = this.#headOf(this.#at(pfn));
    return (this.#page[head] & USED) === 0 ? 0 : 1 + (this.#extra.get(head) ?? 0);
  }

  drainLocalPages(): void {
    // There are no per-CPU lists.
  }

  drainAllPages(): void {
    // There are no per-CPU lists.
  }

  assertValid(): void {
    let free = 0;
    let lastEnd = 0;
    for (let at = 0; at < this.#end; at++) {
      const order = this.#free.findIndex((blocks, o) => at % 2 ** o === 0 && blocks.has(at >>> o));
      const byte = this.#page[at];
      if (order < 0) {
        if ((byte & TAIL) !== 0 && (this.#page[this.#headOf(at)] & ~ORDER_MASK) !== (USED | HEAD)) throw corrupt(`frame ${this.#base + at} is the tail of no compound block`);
        continue;
      }
      const end = at + 2 ** order;
      if (at < Math.max(lastEnd, this.#start) || end > this.#end) throw corrupt(`the free block ${this.#base + at} of order ${order} overlaps another, or leaves the memory`);
      if (this.#page.subarray(at, end).some((other) => other !== 0)) throw corrupt(`a frame of the free block ${this.#base + at} is in use`);
      if (order < this.maxOrder - 1 && this.#free[order].has((at >>> order) ^ 1)) throw corrupt(`the free buddies of block ${this.#base + at} are not merged`);
      lastEnd = end;
      free += 2 ** order;
    }
    if (free !== this.#nrFree) throw corrupt(`${free} pages are in free blocks, counted are ${this.#nrFree}`);
    for (const [at, extra] of this.#extra) {
      if (extra < 1 || (this.#page[at] & USED) === 0) throw corrupt(`frame ${this.#base + at} has ${extra} references beyond the first`);
    }
  }

  /** Marks a block that has been taken out of the sets. */
  #use(at: number, order: Order, gfp: Gfp): Pfn {
    this.#nrFree -= 2 ** order;
    this.#page[at] = USED | order;
    if ((gfp & __GFP_COMP) !== 0 && order > 0) {
      this.#page[at] |= HEAD;
      this.#page.fill(TAIL | order, at + 1, at + 2 ** order);
    }
    const pfn = this.#base + at;
    if ((gfp & __GFP_ZERO) !== 0) this.#memory?.fill(pfn * 2 ** this.pageShift, 2 ** (order + this.pageShift), 0);
    return pfn;
  }

  /** Puts a block back, merged with its buddies as far as they are free. */
  #freeBlock(at: number, order: Order): void {
    this.#nrFree += 2 ** order;
    let number = at >>> order;
    let into = order;
    for (; into < this.maxOrder - 1 && this.#free[into].has(number ^ 1); into++) {
      this.#free[into].delete(number ^ 1);
      number >>>= 1;
    }
    this.#free[into].add(number);
  }

  /** Frees a range without references, in blocks as large as their alignment allows. */
  #release(at: number, nrPages: number): void {
    this.#page.fill(0, at, at + nrPages);
    for (let from = at, left = nrPages; left > 0; ) {
      const aligned = from === 0 ? this.maxOrder - 1 : 31 - Math.clz32(from & -from);
      const order = Math.min(aligned, 31 - Math.clz32(left), this.maxOrder - 1);
      this.#freeBlock(from, order);
      from += 2 ** order;
      left -= 2 ** order;
    }
  }

  /** Drops references beyond the first, where there are any. */
  #dropExtra(head: number, references: number): boolean {
    const extra = this.#extra.size === 0 ? undefined : this.#extra.get(head);
    if (extra === undefined) return false;
    if (extra === references) this.#extra.delete(head);
    else this.#extra.set(head, extra - references);
    return true;
  }

  /** What is too large for any block cannot be served; what is no order is a mistake. */
  #refuseOrder(order: Order): Pfn {
    if (Number.isInteger(order) && order >= 0) return NO_PAGE;
    throw bug('BAD_ORDER', 'order', order, `an integer from 0 to ${this.maxOrder - 1}`);
  }

  #at(pfn: Pfn): number {
    const at = pfn - this.#base;
    // One comparison refuses NaN, fractions and negative numbers alike.
    if (at >>> 0 !== at || at < this.#start || at >= this.#end) throw bug('BAD_FRAME', 'pfn', pfn, `an integer from ${this.#base + this.#start} to ${this.#base + this.#end - 1}`);
    return at;
  }

  /** Finds a block in use by what a caller of free says about it. */
  #blockAt(pfn: Pfn, order: Order): number {
    if (order >>> 0 !== order || order >= this.maxOrder) throw bug('BAD_ORDER', 'order', order, `an integer from 0 to ${this.maxOrder - 1}`);
    const at = this.#at(pfn);
    const byte = this.#page[at];
    if ((byte & USED) === 0) {
      const isFree = byte === 0 && this.#free.some((blocks, o) => blocks.has(at >>> o));
      throw bug(isFree ? 'DOUBLE_FREE' : 'BAD_FREE', 'pfn', pfn, 'the first frame of a block in use');
    }
    if ((byte & ORDER_MASK) !== order) throw bug('BAD_ORDER', 'order', order, `${byte & ORDER_MASK}, with which frame ${pfn} was taken`);
    return at;
  }

  #headOf(at: number): number {
    const byte = this.#page[at];
    return (byte & TAIL) === 0 ? at : at & -(1 << (byte & ORDER_MASK));
  }

  /** The frame that carries the references of a frame in use. */
  #heldHead(pfn: Pfn): number {
    const head = this.#headOf(this.#at(pfn));
    if ((this.#page[head] & USED) === 0) throw bug('REFCOUNT', 'pfn', pfn, 'a frame that somebody holds');
    return head;
  }

  #pagesOf(sizeBytes: number): number {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) throw bug('BAD_SIZE', 'sizeBytes', sizeBytes, 'a positive safe integer');
    return Math.ceil(sizeBytes / 2 ** this.pageShift);
  }
}

function bug(code: KernelBugCode, name: string, found: number, expected: string): KernelBug {
  return new KernelBug(code, `${name} is ${String(found)}, expected ${expected}`, { argument: name, found, expected });
}

function corrupt(what: string): KernelBug {
  return new KernelBug('CORRUPT_STATE', what);
}

function requireNode(node: NodeId): void {
  if (node !== 0 && node !== NUMA_NO_NODE) throw bug('BAD_NODE', 'node', node, '0');
}

function requireReferences(references: number, most: number): void {
  if (!Number.isInteger(references) || references < 1 || references > most) throw bug('REFCOUNT', 'references', references, `an integer from 1 to ${most}`);
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(`${name} is ${String(value)}, expected an integer from ${min} to ${max}`);
}
