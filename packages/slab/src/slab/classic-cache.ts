/** ClassicCache: one cache of SLAB. Addresses outside, object numbers inside. */
import { __GFP_ZERO, BLOCK_ORDER_MASK, KernelBug, NULL, PG_slab } from '@kmem/contracts';
import type { CpuId, Gfp, PhysAddr, SlabArrayState, SlabCache, SlabObject } from '@kmem/contracts';
import { divideExactly, exactDivisor } from '../exact-division.js';
import { isMergeable } from '../merging.js';
import { badAddress, isCount, report } from '../reports.js';
import type { CacheCounts } from '../slabinfo.js';
import { giveObject, takeObject } from './classic-alloc.js';
import { assertClassicValid } from './classic-assert-valid.js';
import { exportClassicState } from './classic-export.js';
import type { ClassicMachine, ClassicPlan } from './classic-machine.js';
import { createClassicPages } from './classic-pages.js';
import { drainAll, reapCpu, reapNode, retune } from './classic-reap.js';
import {
  A_AVAIL, FREE, FREE_LIST, FULL, LEAVING, LIVE, N_FREE_OBJECTS, N_FREE_SLABS, N_SLABS, NO_OBJECT, NODE_WORDS, PARTIAL, S_CACHE, S_COLOUR, S_PFN, SLAB_WORDS, slabOf,
  slabsOn, type ClassicState,
} from './classic-state.js';
import { areTunables, firstTunables, type ClassicTunables } from './classic-tunables.js';
import { drainFree } from './node-lists.js';

/** Flags that the kernel has for where indices stand. */
const INDICES_IN_OBJECT = 0x40000000;
const INDICES_OFF_SLAB = 0x80000000;

/** What a SLAB cache is, under the kernel's names. */
export interface ClassicAttributes {
  /** Bytes of an object. */
  readonly object_size: number;
  /** Bytes from one object to the next. */
  readonly size: number;
  /** Alignment. */
  readonly align: number;
  /** `SLAB_*` bits and the kernel's own. */
  readonly flags: number;
  /** Objects in a slab. */
  readonly num: number;
  /** log2 of its pages. */
  readonly gfporder: number;
  /** Colours there are. */
  readonly colour: number;
  /** Bytes from one to the next. */
  readonly colour_off: number;
  /** Bytes of a slab's indices. */
  readonly freelist_size: number;
  /** Places in the array of a CPU. */
  readonly limit: number;
  /** Objects that are moved at once. */
  readonly batchcount: number;
  /** Batches in the shared array. */
  readonly shared: number;
  /** 1 when indices stand off the slab. */
  readonly off_slab: number;
}

/** A cache of `slab()`. */
export class ClassicCache implements SlabCache {
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly flags: number;
  readonly userOffset: number;
  readonly userSize: number;
  readonly alloc: (gfp: Gfp) => PhysAddr;
  readonly free: (addr: PhysAddr) => void;
  readonly #machine: ClassicMachine;
  readonly #plan: ClassicPlan;
  readonly #state: ClassicState;
  readonly #objectAt: (addr: PhysAddr) => number;
  readonly #onDestroy: () => void;

  /**
   * @param machine - what all caches share.
   * @param plan - what the cache is for.
   * @param onDestroy - is told of its end.
   */
  constructor(machine: ClassicMachine, plan: ClassicPlan, onDestroy: () => void) {
    const { geometry } = plan;
    this.name = plan.name;
    this.size = geometry.size;
    this.align = geometry.align;
    this.flags = plan.flags;
    this.userOffset = plan.userOffset;
    this.userSize = plan.userSize;
    this.#machine = machine;
    this.#plan = plan;
    this.#onDestroy = onDestroy;
    const s = createState(machine, plan);
    this.#state = s;
    const { cpus, frames, memory, shared, slabAt } = machine;
    const { number } = plan;
    const { num, size } = geometry;
    const pageSize = 2 ** frames.pageShift;
    const { inverse, evenBits } = exactDivisor(size);
    const toObject = SLAB_WORDS + num;

    /** The object of this cache that begins at an address. */
    const objectAt = (addr: PhysAddr): number => {
      const slab = slabAt(addr);
      const { words } = shared;
      if (slab === 0 || words[slab + S_CACHE] !== number) return NO_OBJECT;
      const offset = addr - words[slab + S_PFN] * pageSize - words[slab + S_COLOUR];
      const index = divideExactly(offset, inverse, evenBits) >>> 0;
      return (offset | 0) === offset && index < num ? slab + toObject + index : NO_OBJECT;
    };
    this.#objectAt = objectAt;
    this.alloc = (gfp) => {
      if (plan.destroyed) {
        report(machine, new KernelBug('DESTROYED_CACHE', `cache ${plan.name}: allocation after its end`, { cache: plan.name }));
        return NULL;
      }
      const object = takeObject(s, cpus.cpu, gfp);
      if (object === NO_OBJECT) return NULL;
      const slab = slabOf(s, object);
      const { words } = shared;
      const addr = words[slab + S_PFN] * pageSize + words[slab + S_COLOUR] + (object - slab - toObject) * size;
      if ((gfp & __GFP_ZERO) !== 0) memory?.fill(addr, plan.objectSize, 0);
      return addr;
    };
    this.free = (addr) => {
      const object = objectAt(addr);
      if (object === NO_OBJECT || shared.words[object] !== LIVE) this.#reportBadFree(addr);
      else giveObject(s, cpus.cpu, object);
    };
  }

  /** Bytes of the largest object asked for. */
  get objectSize(): number {
    return this.#plan.objectSize;
  }

  /** As many bytes as were asked for. */
  get usableSize(): number {
    return this.#plan.objectSize;
  }

  /** Whether objects are constructed. */
  get hasConstructor(): boolean {
    return this.#plan.ctor !== null;
  }

  /** Whether others may be joined with the cache. */
  get isMergeable(): boolean {
    return this.#machine.merge && isMergeable(this);
  }

  allocBulk(gfp: Gfp, count: number, objects: Float64Array): number {
    if (!isCount(this.#machine, count, objects)) return 0;
    const taken = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      taken[i] = this.alloc(gfp);
      if (taken[i] === NULL) {
        for (let left = 0; left < i; left++) this.free(taken[left]);
        return 0;
      }
    }
    objects.set(taken);
    return count;
  }

  freeBulk(count: number, objects: Float64Array): void {
    if (!isCount(this.#machine, count, objects)) return;
    const { words } = this.#state.shared;
    const numbers = Array.from(objects.subarray(0, count), this.#objectAt);
    let good = 0;
    for (; good < count && numbers[good] !== NO_OBJECT && words[numbers[good]] === LIVE; good++) words[numbers[good]] = LEAVING;
    for (let i = 0; i < good; i++) words[numbers[i]] = LIVE;
    if (good < count) this.#reportBadFree(objects[good]);
    else for (const object of numbers) giveObject(this.#state, this.#machine.cpus.cpu, object);
  }

  shrink(): boolean {
    const { words } = this.#state.shared;
    drainAll(this.#state);
    drainFree(this.#state, Infinity);
    return words[this.#state.node + N_SLABS] === 0;
  }

  destroy(): boolean {
    const plan = this.#plan;
    const { name } = plan;
    if (plan.destroyed) {
      report(this.#machine, new KernelBug('DESTROYED_CACHE', `cache ${name}: destroyed twice`, { cache: name }));
      return true;
    }
    if (plan.refcount > 1) {
      plan.refcount--;
      return true;
    }
    if (!this.shrink()) {
      const slabs = this.#state.shared.words[this.#state.node + N_SLABS];
      const text = `kmem_cache_destroy ${name}: Slab cache still has objects`;
      const what = `cache ${name}: still has objects, in ${String(slabs)} slabs; it is kept`;
      report(this.#machine, new KernelBug('LIVE_OBJECTS', what, { cache: name, slabs, text }, 'warn'));
      return false;
    }
    plan.destroyed = true;
    this.#onDestroy();
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
  }

  /**
   * Takes from a CPU's array what nobody used of late, as the kernel does every two seconds.
   *
   * @param cpu - the CPU.
   * @context task.
   */
  reapCpu(cpu: CpuId): void {
    reapCpu(this.#state, cpu);
  }

  /**
   * Gives free slabs back that nobody used of late, as the kernel does every four seconds.
   *
   * @context task.
   */
  reapNode(): void {
    reapNode(this.#state);
  }

  /**
   * Sets the tunables, as a line written to /proc/slabinfo does. Values that cannot be are taken without effect.
   *
   * @param tunables - integers.
   * @context task.
   * @kernelName do_tune_cpucache
   */
  tune(tunables: ClassicTunables): void {
    if (areTunables(tunables)) retune(this.#state, tunables);
  }

  /**
   * Counts slabs and objects, as /proc/slabinfo shows them.
   *
   * @returns the counts.
   * @context any.
   */
  counts(): CacheCounts {
    const { num, order } = this.#plan.geometry;
    const { node, shared, sharedArray, tunables } = this.#state;
    const { words } = shared;
    return {
      name: this.name,
      size: this.size,
      objects: num,
      order,
      nrSlabs: words[node + N_SLABS],
      totalObjects: words[node + N_SLABS] * num,
      freeInPartial: words[node + N_FREE_OBJECTS],
      arrays: { ...tunables, freeSlabs: words[node + N_FREE_SLABS], sharedavail: sharedArray === 0 ? 0 : words[sharedArray + A_AVAIL] },
    };
  }

  /**
   * Writes down what the cache is.
   *
   * @returns the kernel's values under the kernel's names.
   * @context any.
   */
  exportAttributes(): ClassicAttributes {
    const { colours, colourStep, indices, num, order, size } = this.#plan.geometry;
    const { batchcount, limit, sharedfactor } = this.#state.tunables;
    const own = { object: INDICES_IN_OBJECT, 'off slab': INDICES_OFF_SLAB, 'on slab': 0 }[indices];
    return {
      object_size: this.objectSize,
      size,
      align: this.align,
      flags: (this.flags | own) >>> 0,
      num,
      gfporder: order,
      colour: colours,
      colour_off: colourStep,
      freelist_size: num,
      limit,
      batchcount,
      shared: sharedfactor,
      off_slab: indices === 'off slab' ? 1 : 0,
    };
  }

  /**
   * Writes the lists down.
   *
   * @param cpu - whose array.
   * @returns a copy.
   * @context any.
   */
  exportState(cpu: CpuId = 0): SlabArrayState {
    return exportClassicState(this.#state, this.size, cpu);
  }

  /**
   * Finds the object around an address in a page of this cache.
   *
   * @param addr - the address.
   * @returns the object; null in bytes that belong to none.
   * @context any.
   */
  find(addr: PhysAddr): SlabObject | null {
    const { frames, shared, slabAt } = this.#machine;
    const slab = slabAt(addr);
    if (slab === 0) return null;
    const first = shared.words[slab + S_PFN] * 2 ** frames.pageShift + shared.words[slab + S_COLOUR];
    const index = Math.floor((addr - first) / this.size);
    const start = first + index * this.size;
    if (index < 0 || index >= this.#state.num || addr - start >= this.objectSize) return null;
    return { cache: this, start, index, live: shared.words[slab + SLAB_WORDS + this.#state.num + index] === LIVE };
  }

  /**
   * Checks every invariant of the cache.
   *
   * @throws KernelBug `CORRUPT_STATE` naming the first equation that does not hold.
   * @context any.
   */
  assertValid(): void {
    assertClassicValid(this.#state, this.name);
    const { frames, slabOf: slabOfFrame } = this.#machine;
    const { words } = this.#state.shared;
    for (const slab of [PARTIAL, FULL, FREE_LIST].flatMap((list) => slabsOn(this.#state, list))) {
      const head = words[slab + S_PFN];
      const end = head + 2 ** (frames.block[head] & BLOCK_ORDER_MASK);
      const isMarked = (frames.flags[head] & (1 << PG_slab)) !== 0 && words[slab + S_CACHE] === this.#plan.number;
      if (isMarked && slabOfFrame.subarray(head, end).every((found) => found === slab)) continue;
      const what = `the frames of a slab lead to it, and it to its cache: frames ${String(head)} to ${String(end - 1)} do not`;
      throw new KernelBug('CORRUPT_STATE', what, { cache: this.name, slab, pfn: head });
    }
  }

  #reportBadFree(addr: PhysAddr): void {
    const { shared, slabAt } = this.#machine;
    const slab = slabAt(addr);
    const object = this.#objectAt(addr);
    const isDouble = object !== NO_OBJECT && shared.words[object] >= FREE;
    if (slab === 0) report(this.#machine, badAddress('BAD_OBJECT', this.name, addr, 'not in a page of a cache'));
    else if (shared.words[slab + S_CACHE] !== this.#plan.number) report(this.#machine, badAddress('WRONG_CACHE', this.name, addr, 'the page belongs to another cache'));
    else if (isDouble) report(this.#machine, badAddress('DOUBLE_FREE', this.name, addr, 'the object is free already'));
    else report(this.#machine, badAddress('BAD_OBJECT', this.name, addr, 'not the start of an object'));
  }
}

function createState(machine: ClassicMachine, plan: ClassicPlan): ClassicState {
  const { cpus, frames, shared } = machine;
  const { colours, colourStep, num, size } = plan.geometry;
  const slabBits = Math.ceil(Math.log2(SLAB_WORDS + 2 * num));
  const node = shared.take(Math.log2(NODE_WORDS));
  const s: ClassicState = {
    shared, num, colours, colourStep, slabBits, node,
    nrCpus: cpus.nrCpus,
    arrays: [],
    sharedArray: 0,
    tunables: { limit: 0, batchcount: 0, sharedfactor: 0 },
    freeLimit: 0,
    source: { takePages: () => false, construct: nothing, release: nothing },
  };
  s.source = createClassicPages(machine, plan, s);
  retune(s, firstTunables(size, cpus.nrCpus, 2 ** frames.pageShift));
  return s;
}

function nothing(): void {
  // Stands in until the state is there that the real ones need.
}
