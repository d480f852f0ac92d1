/**
 * SlobCache: one cache of SLOB, hardly more than a size (slab spec 10.6).
 *
 * ```
 *  below a page      a block of the pages that all caches share
 *  from a page on    a block of pages of its own
 * ```
 * A constructor runs whenever an object is handed out: free memory is nobody's, so nothing stays constructed. For the same reason
 * a cache has no pages to shrink, and can end while objects of it are in use.
 */
import { __GFP_ZERO, KernelBug, NO_PAGE, NULL, SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import type { Gfp, Order, PhysAddr, SlabCache, SlabObject } from '@kmem/contracts';
import { badAddress, isCount, report } from '../reports.js';
import { FREE, type SlobMachine } from './slob-machine.js';
import { UNIT } from './slob-pages.js';

/** Bytes behind an object that readers may still look at: a link, a function, the size. */
export const RCU_FOOTER = 24;

/** What a cache was made for. */
export interface SlobPlan {
  /** Name of the cache. */
  readonly name: string;
  /** Number of the cache, behind `KMALLOC_OWNER`. */
  readonly number: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Bytes of an object. */
  readonly objectSize: number;
  /** Bytes that it takes. */
  readonly size: number;
  /** Alignment of every object in bytes. */
  readonly align: number;
  /** log2 of the pages of an object that does not share one; 0 for all others. */
  readonly order: Order;
  /** Constructs one object, or null. */
  readonly ctor: ((addr: PhysAddr) => void) | null;
  /** First byte of the part that may be copied. */
  readonly userOffset: number;
  /** Bytes of that part. */
  readonly userSize: number;
}

/** A cache of `slob()`. */
export class SlobCache implements SlabCache {
  readonly name: string;
  readonly objectSize: number;
  readonly size: number;
  readonly usableSize: number;
  readonly align: number;
  readonly flags: number;
  readonly userOffset: number;
  readonly userSize: number;
  readonly #machine: SlobMachine;
  readonly #plan: SlobPlan;
  readonly #onDestroy: () => void;
  readonly #sharesPages: boolean;
  readonly #waitsForReaders: boolean;
  #destroyed = false;

  /**
   * @param machine - what all caches share.
   * @param plan - what the cache is for.
   * @param onDestroy - is told of its end.
   */
  constructor(machine: SlobMachine, plan: SlobPlan, onDestroy: () => void) {
    this.name = plan.name;
    this.objectSize = plan.objectSize;
    this.size = plan.size;
    this.usableSize = plan.objectSize;
    this.align = plan.align;
    this.flags = plan.flags;
    this.userOffset = plan.userOffset;
    this.userSize = plan.userSize;
    this.#machine = machine;
    this.#plan = plan;
    this.#onDestroy = onDestroy;
    this.#sharesPages = plan.size < machine.pageSize;
    this.#waitsForReaders = (plan.flags & SLAB_TYPESAFE_BY_RCU) !== 0;
  }

  alloc(gfp: Gfp): PhysAddr {
    const { memory, shared } = this.#machine;
    const { align, ctor, number, objectSize, size } = this.#plan;
    if (this.#destroyed) {
      report(this.#machine, new KernelBug('DESTROYED_CACHE', `cache ${this.name}: allocation after its end`, { cache: this.name }));
      return NULL;
    }
    const addr = this.#sharesPages ? shared.take(size, align, 0, gfp, number) : this.#takePages(gfp);
    if (addr === NULL) return NULL;
    if ((gfp & __GFP_ZERO) !== 0) memory?.fill(addr, objectSize, 0);
    if (ctor !== null) ctor(addr);
    return addr;
  }

  free(addr: PhysAddr): void {
    const bug = this.#problemOf(addr);
    if (bug !== null) report(this.#machine, bug);
    else this.#give(addr);
  }

  allocBulk(gfp: Gfp, count: number, objects: Float64Array): number {
    if (!isCount(this.#machine, count, objects)) return 0;
    const taken = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const addr = this.alloc(gfp);
      if (addr === NULL) {
        for (let left = 0; left < i; left++) this.#give(taken[left]);
        return 0;
      }
      taken[i] = addr;
    }
    objects.set(taken);
    return count;
  }

  freeBulk(count: number, objects: Float64Array): void {
    if (!isCount(this.#machine, count, objects)) return;
    const seen = new Set<PhysAddr>();
    for (const addr of objects.subarray(0, count)) {
      const bug = seen.has(addr) ? badAddress('DOUBLE_FREE', this.name, addr, 'the object is in the array twice') : this.#problemOf(addr);
      if (bug !== null) {
        report(this.#machine, bug);
        return;
      }
      seen.add(addr);
    }
    for (const addr of seen) this.#give(addr);
  }

  /**
   * Does nothing: pages go as soon as they are empty.
   *
   * @returns true.
   * @context task.
   */
  shrink(): boolean {
    return true;
  }

  /**
   * Ends the cache. Objects in use stay where they are, and nobody is told.
   *
   * @returns true.
   * @throws KernelBug `DESTROYED_CACHE`.
   * @context task.
   */
  destroy(): boolean {
    if (this.#destroyed) report(this.#machine, new KernelBug('DESTROYED_CACHE', `cache ${this.name}: destroyed twice`, { cache: this.name }));
    else this.#onDestroy();
    this.#destroyed = true;
    return true;
  }

  /**
   * Finds the object around an address.
   *
   * @param addr - the address.
   * @returns the object; null when none of this cache is there.
   * @context any.
   */
  find(addr: PhysAddr): SlabObject | null {
    const { blockAt, ownerOf } = this.#machine;
    const start = blockAt(addr);
    if (start === NULL || Math.abs(ownerOf(start)) !== this.#plan.number || addr - start >= this.objectSize) return null;
    const index = this.#sharesPages ? (start % this.#machine.pageSize) / UNIT : 0;
    return { cache: this, start, index, live: ownerOf(start) > 0 };
  }

  /**
   * Writes down what the cache is.
   *
   * @returns the kernel's values under the kernel's names.
   * @context any.
   */
  exportAttributes(): Readonly<Record<'object_size' | 'size' | 'align' | 'flags', number>> {
    const { align, flags, objectSize, size } = this;
    return { object_size: objectSize, size, align, flags };
  }

  #takePages(gfp: Gfp): PhysAddr {
    const { pages, pageSize, noteAlone } = this.#machine;
    const { number, order } = this.#plan;
    const pfn = pages.allocPages(gfp & ~__GFP_ZERO, order);
    if (pfn === NO_PAGE) return NULL;
    noteAlone(pfn, order, number);
    return pfn * pageSize;
  }

  /** What is wrong with freeing an address; null when nothing is. */
  #problemOf(addr: PhysAddr): KernelBug | null {
    const { blockAt, ownerOf } = this.#machine;
    const { number } = this.#plan;
    const start = blockAt(addr);
    if (start === NULL) return badAddress('BAD_OBJECT', this.name, addr, 'not in memory that the allocator handed out');
    const owner = ownerOf(start);
    if (owner === FREE || (start === addr && owner === -number)) return badAddress('DOUBLE_FREE', this.name, addr, 'the memory is free already');
    if (start !== addr) return badAddress('BAD_OBJECT', this.name, addr, 'not the start of an object');
    return owner === number ? null : badAddress('WRONG_CACHE', this.name, addr, 'the memory belongs to another cache, or to kmalloc');
  }

  #give(addr: PhysAddr): void {
    const { callRcu, give, setOwner } = this.#machine;
    if (!this.#waitsForReaders) {
      give(addr);
      return;
    }
    setOwner(addr, -this.#plan.number);
    callRcu(() => {
      give(addr);
    });
  }
}
