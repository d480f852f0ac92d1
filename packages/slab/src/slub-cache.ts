/** SlubCache: one cache. Addresses outside, object numbers inside. */
import {
  __GFP_ZERO, BLOCK_ORDER_MASK, EINVAL, KernelBug, NULL, PG_slab, SLAB_CONSISTENCY_CHECKS, SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER, SLAB_TRACE,
  SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { CpuId, Gfp, PhysAddr, SlabCache, SlabCacheAttributes, SlabCacheState, SlabObject } from '@kmem/contracts';
import { assertCacheValid } from './assert-valid.js';
import { cacheAttributes } from './cache-attributes.js';
import { exportCacheState, slabsFrom } from './cache-state.js';
import { fastCache } from './fast-path.js';
import { stackedSlabs, type CacheGeometry } from './geometry.js';
import { isMergeable } from './merging.js';
import { createObjectChecks } from './object-checks.js';
import { createObjectBytes } from './object-bytes.js';
import { createObjectAddresses, type ObjectAddresses } from './object-address.js';
import { createTracing } from './object-trace.js';
import { requireInteger } from './option-checks.js';
import { createSlabPages, type SlabPlan } from './slab-pages.js';
import type { CacheCounts } from './slabinfo.js';
import { takeObject } from './slub-alloc.js';
import { allocObjects, findUnfreeable } from './slub-bulk.js';
import { freeObjects, giveObject } from './slub-free.js';
import { isCount, report } from './reports.js';
import type { SlubMachine } from './slub-machine.js';
import { reportBadFree, reportLiveObjects, type MisusedCache } from './slub-misuse.js';
import { createSlabReports } from './slub-report.js';
import { flushCpus, releaseEmptySlabs, shrinkNode } from './slub-shrink.js';
import {
  LIVE, N_FULL_HEAD, N_HEAD, N_OBJECTS, N_SLABS, NO_OBJECT, S_CACHE, S_INUSE, S_OBJECTS, S_PFN, SLAB_WORDS, SlubState, type ObjectChecks, type SlubLimits,
} from './slub-state.js';

/** What a cache was made for, beside its pages' plan. */
export interface SlubCachePlan extends SlabPlan {
  /** Where the part behind the object begins. */
  inuse: number;
  /** Uses of the cache. */
  refcount: number;
  /** First byte of the part that may be copied. */
  readonly userOffset: number;
  /** Bytes of that part. */
  readonly userSize: number;
  /** What decides the way of objects. */
  readonly limits: SlubLimits;
}

/** A cache of `slub()`. */
export class SlubCache implements SlabCache {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly flags: number;
  readonly userOffset: number;
  readonly userSize: number;
  /** Sizes and places inside slot and slab. */
  readonly geometry: CacheGeometry;
  readonly alloc: (gfp: Gfp) => PhysAddr;
  readonly free: (addr: PhysAddr) => void;
  /** Gives an object back whose frame leads to the given slab. */
  readonly freeIn: (addr: PhysAddr, slab: number) => void;
  readonly #machine: SlubMachine;
  readonly #plan: SlubCachePlan;
  readonly #state: SlubState;
  readonly #addresses: ObjectAddresses;
  readonly #misused: MisusedCache;
  #inspect: ObjectChecks | null = null;
  readonly #onDestroy: (state: SlubState) => void;

  /**
   * @param machine - what all caches share.
   * @param plan - what the cache is for.
   * @param onDestroy - is told of its end.
   */
  constructor(machine: SlubMachine, plan: SlubCachePlan, onDestroy: (state: SlubState) => void) {
    this.name = plan.name;
    this.size = plan.geometry.size;
    this.align = plan.geometry.align;
    this.flags = plan.flags;
    this.userOffset = plan.userOffset;
    this.userSize = plan.userSize;
    this.geometry = plan.geometry;
    this.#machine = machine;
    this.#plan = plan;
    this.#onDestroy = onDestroy;
    this.#state = new SlubState(plan.limits, createSlabPages(machine, plan), machine.shared);
    this.#addresses = createObjectAddresses(this.#state, machine, plan);
    this.#misused = this.#watchBytes();
    const { fast, shared, slabAt } = machine;
    const { number } = plan;
    const known = fastCache(this.#state, plan);
    // The fast path writes no bytes.
    const isSlow = plan.limits.isDebug || this.#state.writer !== null;
    const allocSlowly = (gfp: Gfp): PhysAddr => this.#allocSlowly(gfp);
    const freeSlowly = (addr: PhysAddr): void => {
      this.#freeSlowly(addr);
    };
    const freeIn = (addr: PhysAddr, slab: number): void => {
      if (!fast.free(known, addr, slab)) freeSlowly(addr);
    };
    this.alloc = isSlow ? allocSlowly : (gfp) => ((gfp & __GFP_ZERO) === 0 ? fast.alloc(known, gfp) : allocSlowly(gfp));
    this.freeIn = isSlow ? freeSlowly : freeIn;
    this.free = isSlow
      ? freeSlowly
      : (addr) => {
          const slab = slabAt(addr);
          if (shared.words[slab + S_CACHE] === number) freeIn(addr, slab);
          else freeSlowly(addr);
        };
  }

  /** Bytes of the largest object asked for. */
  get objectSize(): number {
    return this.#plan.objectSize;
  }

  /** What of an object its user may touch (slab spec 1.6). */
  get usableSize(): number {
    if ((this.flags & (SLAB_RED_ZONE | SLAB_POISON)) !== 0) return this.objectSize;
    if ((this.flags & (SLAB_TYPESAFE_BY_RCU | SLAB_STORE_USER)) !== 0) return this.#plan.inuse;
    return this.size;
  }

  /** Whether objects are constructed. */
  get hasConstructor(): boolean {
    return this.#plan.ctor !== null;
  }

  /** What the function that constructs objects is called; empty without one. */
  get ctorName(): string {
    return this.#plan.ctor?.name ?? '';
  }

  /** Whether others may be joined with the cache. */
  get isMergeable(): boolean {
    return this.#machine.merge && isMergeable(this);
  }

  allocBulk(gfp: Gfp, count: number, objects: Float64Array): number {
    if (!isCount(this.#machine, count, objects)) return 0;
    const numbers = new Int32Array(count);
    if (!allocObjects(this.#state, this.#machine.cpus.cpu, gfp, numbers)) return 0;
    for (let i = 0; i < count; i++) {
      objects[i] = this.#addresses.addressOf(numbers[i]);
      if ((gfp & __GFP_ZERO) !== 0) this.#machine.memory?.fill(objects[i], this.objectSize, 0);
    }
    return count;
  }

  freeBulk(count: number, objects: Float64Array): void {
    if (!isCount(this.#machine, count, objects)) return;
    const numbers = new Int32Array(count);
    for (let i = 0; i < count; i++) numbers[i] = this.#addresses.objectAt(objects[i]);
    const bad = findUnfreeable(this.#state, numbers);
    if (bad >= 0) reportBadFree(this.#misused, objects[bad]);
    else if (this.#state.checks === null || numbers.every(this.#state.checks.mayGive)) freeObjects(this.#state, this.#machine.cpus.cpu, numbers, count);
  }

  shrink(): boolean {
    return this.shrinkInOrder(this.#cpuNumbers());
  }

  /**
   * Shrinks as {@link SlubCache.shrink}, CPUs being flushed in a given order.
   *
   * @param order - every CPU once.
   * @returns true when the cache has no pages left.
   * @context task.
   */
  shrinkInOrder(order: readonly CpuId[]): boolean {
    flushCpus(this.#state, order);
    return shrinkNode(this.#state);
  }

  destroy(): boolean {
    return this.destroyInOrder(this.#cpuNumbers());
  }

  /**
   * Destroys the cache as {@link SlubCache.destroy}, CPUs being flushed in a given order.
   *
   * @param order - every CPU once.
   * @returns false when objects are in use: the cache stays.
   * @throws KernelBug `DESTROYED_CACHE`.
   * @context task.
   */
  destroyInOrder(order: readonly CpuId[]): boolean {
    if (this.#plan.destroyed) {
      report(this.#machine, new KernelBug('DESTROYED_CACHE', `cache ${this.name}: destroyed twice`, { cache: this.name }));
      return true;
    }
    if (this.#plan.refcount > 1) {
      this.#plan.refcount--;
      return true;
    }
    flushCpus(this.#state, order);
    if (!releaseEmptySlabs(this.#state)) {
      reportLiveObjects(this.#misused);
      return false;
    }
    this.#plan.destroyed = true;
    this.#onDestroy(this.#state);
    return true;
  }

  /**
   * Lets another user in.
   *
   * @param sizeBytes - bytes of the objects that it wants.
   */
  join(sizeBytes: number): void {
    this.#plan.refcount++;
    this.#plan.objectSize = Math.max(this.#plan.objectSize, sizeBytes);
    this.#plan.inuse = Math.max(this.#plan.inuse, Math.ceil(sizeBytes / 8) * 8);
  }

  /**
   * Counts slabs and objects, as /proc/slabinfo shows them.
   *
   * @returns the counts.
   * @context any.
   */
  counts(): CacheCounts {
    const { words } = this.#state;
    const { objects, order } = this.geometry;
    const listed = slabsFrom(this.#state, words[this.#state.node + N_HEAD]);
    return {
      name: this.name,
      size: this.size,
      objects,
      order,
      nrSlabs: words[this.#state.node + N_SLABS],
      totalObjects: words[this.#state.node + N_OBJECTS],
      freeInPartial: listed.reduce((sum, slab) => sum + words[slab + S_OBJECTS] - words[slab + S_INUSE], 0),
    };
  }

  /**
   * Writes down what the cache is.
   *
   * @returns the kernel's values under the kernel's names.
   * @context any.
   */
  exportAttributes(): SlabCacheAttributes {
    const { flags, hasConstructor, objectSize, userSize } = this;
    const { inuse, limits, refcount } = this.#plan;
    const { cpuPartial, cpuPartialSlabs, minPartial } = limits;
    const geometry = { ...this.geometry, inuse, cpuPartial, cpuPartialSlabs, minPartial };
    return cacheAttributes({ flags, geometry, objectSize, userSize, hasConstructor, refcount });
  }

  /**
   * Sets the number of slabs on the node list from which on an empty one is given back.
   *
   * @param slabs - from 0.
   * @throws RangeError when it is not an integer from 0 on.
   * @context any.
   */
  setMinPartial(slabs: number): void {
    requireInteger('slabs', slabs, 0, Number.MAX_SAFE_INTEGER);
    this.#plan.limits.minPartial = slabs;
  }

  /**
   * Sets the number of free objects that a CPU may keep on its stack, and flushes all CPUs.
   *
   * @param objects - from 0; a debugged cache takes 0 only.
   * @returns 0, or `-EINVAL` for a debugged cache.
   * @throws RangeError when it is not an integer from 0 to 2 ** 32 - 1.
   * @context task.
   */
  setCpuPartial(objects: number): number {
    requireInteger('objects', objects, 0, 2 ** 32 - 1);
    const { limits } = this.#plan;
    if (objects > 0 && limits.isDebug) return -EINVAL;
    limits.cpuPartial = objects;
    limits.cpuPartialSlabs = stackedSlabs(objects, this.geometry.objects);
    flushCpus(this.#state, this.#cpuNumbers());
    return 0;
  }

  /**
   * Writes the lists down.
   *
   * @returns a copy.
   * @context any.
   */
  exportState(): SlabCacheState {
    return exportCacheState(this.#state);
  }

  /**
   * Finds the object around an address in a page of this cache.
   *
   * @param addr - the address.
   * @returns the object; null in bytes that belong to none.
   * @context any.
   */
  find(addr: PhysAddr): SlabObject | null {
    const { size } = this.geometry;
    const slab = this.#machine.slabAt(addr);
    if (slab === 0) return null;
    const first = this.#state.firstObject(slab);
    const index = Math.floor((addr - first) / size);
    const start = first + index * size;
    if (index < 0 || index >= this.#state.words[slab + S_OBJECTS] || addr - start >= this.objectSize) return null;
    const live = this.#state.words[slab + SLAB_WORDS + index] === LIVE;
    return { cache: this, start, index, live };
  }

  /**
   * Tells who took an object and who gave it back, as a cache with `SLAB_STORE_USER` has it noted.
   *
   * @param addr - first byte of an object.
   * @returns the lines of a report about it; none for what is no object, or not noted.
   * @context any.
   */
  whoHad(addr: PhysAddr): readonly string[] {
    return this.#addresses.objectAt(addr) === NO_OBJECT ? [] : this.#misused.reports.tracks(addr);
  }

  /**
   * Looks at all bytes of a debugged cache that are nobody's, or a free object's, and reports and mends what was overwritten.
   * Full slabs are looked at where they are listed, with `SLAB_STORE_USER`.
   *
   * @returns reports made; 0 also for a cache that is not debugged or has no memory.
   * @throws KernelBug `CORRUPT_OBJECT`, without a receiver of reports.
   * @context any.
   * @kernelName validate_slab_cache
   */
  validate(): number {
    const { node, words } = this.#state;
    const listed = [N_HEAD, N_FULL_HEAD].flatMap((ends) => slabsFrom(this.#state, words[node + ends]));
    return listed.reduce((found, slab) => found + (this.#inspect?.validate(slab) ?? 0), 0);
  }

  /**
   * Checks every invariant of the cache.
   *
   * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
   * @context any.
   */
  assertValid(): void {
    assertCacheValid(this.#state, this.name);
    const { frames, slabOf } = this.#machine;
    const { words } = this.#state;
    for (const slab of this.#state.slabs()) {
      const head = words[slab + S_PFN];
      const end = head + 2 ** (frames.block[head] & BLOCK_ORDER_MASK);
      const isMarked = (frames.flags[head] & (1 << PG_slab)) !== 0 && words[slab + S_CACHE] === this.#plan.number;
      if (isMarked && slabOf.subarray(head, end).every((found) => found === slab)) continue;
      const what = `the frames of a slab lead to it, and it to its cache: frames ${String(head)} to ${String(end - 1)} do not`;
      throw new KernelBug('CORRUPT_STATE', what, { cache: this.name, slab, pfn: head });
    }
  }

  #allocSlowly(gfp: Gfp): PhysAddr {
    const object = takeObject(this.#state, this.#machine.cpus.cpu, gfp);
    if (object === NO_OBJECT) return NULL;
    const addr = this.#addresses.addressOf(object);
    if ((gfp & __GFP_ZERO) !== 0) this.#machine.memory?.fill(addr, this.objectSize, 0);
    return addr;
  }

  #freeSlowly(addr: PhysAddr): void {
    const object = this.#addresses.objectAt(addr);
    if (object === NO_OBJECT || this.#state.words[object] !== LIVE) reportBadFree(this.#misused, addr);
    else giveObject(this.#state, this.#machine.cpus.cpu, object);
  }

  /** Has bytes written and checked as far as the flags ask for it and there are bytes. */
  #watchBytes(): MisusedCache {
    const state = this.#state;
    const machine = this.#machine;
    const plan = this.#plan;
    const addresses = this.#addresses;
    const { freePointers, memory, onTrace } = machine;
    const reports = createSlabReports(state, machine, memory, plan, addresses);
    if (memory !== null && (freePointers || plan.limits.isDebug)) {
      state.writer = createObjectBytes(state, machine, memory, plan, addresses);
      if (plan.limits.isDebug) this.#inspect = createObjectChecks(state, machine, memory, plan, addresses, reports);
      if ((plan.flags & SLAB_CONSISTENCY_CHECKS) !== 0) state.checks = this.#inspect;
    }
    if ((plan.flags & SLAB_TRACE) !== 0 && onTrace !== null) state.writer = createTracing(state, addresses, reports, onTrace, state.writer);
    return { state, machine, plan, addresses, reports };
  }

  #cpuNumbers(): CpuId[] {
    return Array.from({ length: this.#machine.cpus.nrCpus }, (_, cpu) => cpu);
  }
}
