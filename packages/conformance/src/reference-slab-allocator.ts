/**
 * ReferenceSlabAllocator: the SlabAllocator contract as simply as it can be written.
 *
 * Every object has a block of pages of its own and begins at its first byte. Caches are never joined, nothing is tracked by
 * CPU, flags but `SLAB_PANIC` mean nothing. It is the second implementation that keeps the contract honest, not one to use.
 *
 * ```
 *  blocks: first frame -> { cache, live }      free: first frames, the last freed at the end
 *  free objects of a cache = its blocks that are not live
 * ```
 */
import { __GFP_ZERO, KernelBug, NO_PAGE, NULL, SLAB_PANIC } from '@kmem/contracts';
import type {
  Gfp, KernelBugCode, PageAllocator, Pfn, PhysAddr, PhysicalMemory, SlabAllocator, SlabCache, SlabCacheOptions, SlabObject,
} from '@kmem/contracts';

/** What the allocator stands on. */
export interface ReferenceSlabAllocatorOptions {
  /** Where pages come from. */
  readonly pages: PageAllocator;
  /** RAM, so that `__GFP_ZERO` has something to zero. */
  readonly memory?: PhysicalMemory;
}

/** The naive object allocator. */
export class ReferenceSlabAllocator implements SlabAllocator {
  readonly #pages: PageAllocator;
  readonly #memory: PhysicalMemory | null;
  #newestFirst: ReferenceSlabCache[] = [];

  /**
   * @param options - pages and memory.
   */
  constructor(options: ReferenceSlabAllocatorOptions) {
    this.#pages = options.pages;
    this.#memory = options.memory ?? null;
  }

  createCache(options: SlabCacheOptions): SlabCache | null {
    const { align = 0, flags = 0, name, sizeBytes, userOffset = 0, userSize = 0 } = options;
    if (name === '') throw new RangeError('name: expected at least one character, got none');
    if (!Number.isInteger(sizeBytes) || sizeBytes < 1) throw new RangeError(`sizeBytes: expected an integer from 1, got ${sizeBytes}`);
    if (align < 0 || (align & (align - 1)) !== 0) throw new RangeError(`align: expected 0 or a power of two, got ${align}`);
    for (const part of [userOffset, userSize]) if (!Number.isInteger(part) || part < 0) throw new RangeError(`userOffset, userSize: expected integers from 0, got ${part}`);
    if (Math.max(sizeBytes, align) > 2 ** (this.#pages.pageShift + this.#pages.maxOrder - 1)) {
      if ((flags & SLAB_PANIC) !== 0) throw new KernelBug('BAD_CACHE', `cache ${name}: no block of pages holds an object`, { cache: name });
      return null;
    }
    const cache: ReferenceSlabCache = new ReferenceSlabCache(this.#pages, this.#memory, options, () => {
      this.#newestFirst = this.#newestFirst.filter((other) => other !== cache);
    }, (addr) => this.cacheOf(addr) !== null);
    this.#newestFirst = [cache, ...this.#newestFirst];
    return cache;
  }

  caches(): readonly SlabCache[] {
    return this.#newestFirst;
  }

  cacheOf(addr: PhysAddr): SlabCache | null {
    return this.#newestFirst.find((cache) => cache.owns(addr)) ?? null;
  }

  free(addr: PhysAddr): boolean {
    const cache = this.cacheOf(addr);
    cache?.free(addr);
    return cache !== null;
  }

  find(addr: PhysAddr): SlabObject | null {
    return this.#newestFirst.find((cache) => cache.owns(addr))?.find(addr) ?? null;
  }

  assertValid(): void {
    for (const cache of this.#newestFirst) cache.assertValid();
  }
}

class ReferenceSlabCache implements SlabCache {
  readonly name: string;
  readonly objectSize: number;
  readonly size: number;
  readonly align: number;
  readonly flags: number;
  readonly userOffset: number;
  readonly userSize: number;
  readonly #pages: PageAllocator;
  readonly #memory: PhysicalMemory | null;
  readonly #ctor: (addr: PhysAddr) => void;
  readonly #onDestroy: () => void;
  readonly #isOurs: (addr: PhysAddr) => boolean;
  readonly #order: number;
  readonly #live = new Map<Pfn, boolean>();
  readonly #free: Pfn[] = [];
  #destroyed = false;

  constructor(pages: PageAllocator, memory: PhysicalMemory | null, options: SlabCacheOptions, onDestroy: () => void, isOurs: (addr: PhysAddr) => boolean) {
    this.name = options.name;
    this.objectSize = options.sizeBytes;
    this.align = Math.max(options.align ?? 0, 8);
    this.flags = options.flags ?? 0;
    const { userOffset = 0, userSize = 0 } = options;
    const fits = userSize > 0 && userOffset + userSize <= this.objectSize;
    this.userOffset = fits ? userOffset : 0;
    this.userSize = fits ? userSize : 0;
    this.#pages = pages;
    this.#memory = memory;
    this.#ctor = options.ctor ?? (() => undefined);
    this.#onDestroy = onDestroy;
    this.#isOurs = isOurs;
    const pageSize = 2 ** pages.pageShift;
    this.#order = Math.ceil(Math.log2(Math.max(this.objectSize, this.align, pageSize) / pageSize));
    this.size = pageSize * 2 ** this.#order;
  }

  alloc(gfp: Gfp): PhysAddr {
    if (this.#destroyed) throw new KernelBug('DESTROYED_CACHE', `cache ${this.name}: allocation after its end`, { cache: this.name });
    const pfn = this.#free.pop() ?? this.#grow(gfp);
    if (pfn === NO_PAGE) return NULL;
    this.#live.set(pfn, true);
    const addr = pfn * 2 ** this.#pages.pageShift;
    if ((gfp & __GFP_ZERO) !== 0) this.#memory?.fill(addr, this.objectSize, 0);
    return addr;
  }

  free(addr: PhysAddr): void {
    const problem = this.#problemOf(addr);
    if (problem !== null) throw new KernelBug(problem, `cache ${this.name}: address ${addr} cannot be freed`, { cache: this.name, addr });
    const pfn = addr / 2 ** this.#pages.pageShift;
    this.#live.set(pfn, false);
    this.#free.push(pfn);
  }

  allocBulk(gfp: Gfp, count: number, objects: Float64Array): number {
    this.#checkCount(count, objects);
    const taken: PhysAddr[] = [];
    while (taken.length < count) {
      const addr = this.alloc(gfp);
      if (addr === NULL) {
        for (const object of taken) this.free(object);
        return 0;
      }
      taken.push(addr);
    }
    objects.set(taken);
    return count;
  }

  freeBulk(count: number, objects: Float64Array): void {
    this.#checkCount(count, objects);
    const seen = new Set<PhysAddr>();
    for (const addr of objects.subarray(0, count)) {
      const problem = seen.has(addr) ? 'DOUBLE_FREE' : this.#problemOf(addr);
      if (problem !== null) throw new KernelBug(problem, `cache ${this.name}: address ${addr} cannot be freed`, { cache: this.name, addr });
      seen.add(addr);
    }
    for (const addr of seen) this.free(addr);
  }

  shrink(): boolean {
    for (const pfn of this.#free.splice(0)) {
      this.#live.delete(pfn);
      this.#pages.freePages(pfn, this.#order);
    }
    return this.#live.size === 0;
  }

  destroy(): boolean {
    if (this.#destroyed) throw new KernelBug('DESTROYED_CACHE', `cache ${this.name}: destroyed twice`, { cache: this.name });
    this.#destroyed = this.shrink();
    if (this.#destroyed) this.#onDestroy();
    return this.#destroyed;
  }

  get usableSize(): number {
    return this.size;
  }

  owns(addr: PhysAddr): boolean {
    return this.#blockOf(addr) !== NO_PAGE;
  }

  find(addr: PhysAddr): SlabObject | null {
    const pfn = this.#blockOf(addr);
    const start = pfn * 2 ** this.#pages.pageShift;
    if (pfn === NO_PAGE || addr - start >= this.objectSize) return null;
    return { cache: this, start, index: 0, live: this.#live.get(pfn) === true };
  }

  assertValid(): void {
    const free = [...this.#live.values()].filter((live) => !live).length;
    if (free === this.#free.length) return;
    throw new KernelBug('CORRUPT_STATE', `free objects = blocks that are not live: found ${this.#free.length}, expected ${free}`, { cache: this.name });
  }

  #grow(gfp: Gfp): Pfn {
    const pfn = this.#pages.allocPages(gfp & ~__GFP_ZERO, this.#order);
    if (pfn === NO_PAGE) return NO_PAGE;
    this.#live.set(pfn, false);
    this.#ctor(pfn * 2 ** this.#pages.pageShift);
    return pfn;
  }

  /** First frame of the block around an address. */
  #blockOf(addr: PhysAddr): Pfn {
    const pfn = Math.floor(addr / this.size) * 2 ** this.#order;
    return this.#live.has(pfn) ? pfn : NO_PAGE;
  }

  #problemOf(addr: PhysAddr): KernelBugCode | null {
    const pfn = this.#blockOf(addr);
    if (pfn === NO_PAGE) return this.#isOurs(addr) ? 'WRONG_CACHE' : 'BAD_OBJECT';
    if (addr !== pfn * 2 ** this.#pages.pageShift) return 'BAD_OBJECT';
    return this.#live.get(pfn) === true ? null : 'DOUBLE_FREE';
  }

  #checkCount(count: number, objects: Float64Array): void {
    if (Number.isInteger(count) && count >= 0 && count <= objects.length) return;
    throw new KernelBug('BAD_SIZE', `count is ${count}, expected an integer from 0 to ${objects.length}`, { argument: 'count', found: count });
  }
}
