/**
 * The pages of a cache's slabs (slab spec 5.1): taken and given back, marked, objects constructed. The flags of a slab's first
 * frame have PG_slab; `slabOf` leads from each of its frames to the slab.
 */
import {
  __GFP_DIRECT_RECLAIM, __GFP_NOFAIL, __GFP_NOMEMALLOC, __GFP_NORETRY, __GFP_NOWARN, __GFP_RECLAIM, __GFP_ZERO, BLOCK_ORDER_MASK, GFP_CONSTRAINT_MASK, GFP_RECLAIM_MASK,
  GFP_SLAB_BUG_MASK, KernelBug, NO_PAGE, PG_slab, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { Gfp, PhysAddr, Pfn } from '@kmem/contracts';
import { pageFlags } from './cache-attributes.js';
import { slabsFrom } from './cache-state.js';
import type { CacheGeometry } from './geometry.js';
import { report } from './reports.js';
import type { SlubMachine } from './slub-machine.js';
import { N_HEAD, N_OBJECTS, N_SLABS, S_CACHE, S_FROZEN, S_INUSE, S_OBJECTS, S_PFN, WAITING, type SlabSource, type SlubState } from './slub-state.js';

/** A cache, as its pages know it. */
export interface SlabPlan {
  /** Name of the cache. */
  readonly name: string;
  /** Number of the cache. */
  readonly number: number;
  /** `SLAB_*` bits. */
  readonly flags: number;
  /** Bytes of the largest object asked for. */
  objectSize: number;
  /** Sizes and places. */
  readonly geometry: CacheGeometry;
  /** Constructs one object, or null. */
  readonly ctor: ((addr: PhysAddr) => void) | null;
  /** True from its end on. */
  destroyed: boolean;
}

/**
 * Makes the source of a cache's slabs.
 *
 * @param machine - pages, frame table, reports.
 * @param plan - the cache.
 * @returns the source.
 */
export function createSlabPages(machine: SlubMachine, plan: SlabPlan): SlabSource {
  const { frames, pages, slabOf } = machine;
  const { ctor, geometry } = plan;
  const extra = pageFlags(plan.flags, geometry.order);

  function grow(s: SlubState, slab: number, gfp: Gfp): number {
    if (plan.destroyed) {
      report(machine, new KernelBug('DESTROYED_CACHE', `cache ${plan.name}: allocation after its end`, { cache: plan.name }));
      return 0;
    }
    warnOfFlags(machine, plan, gfp);
    const pfn = takePages(machine, plan, (gfp & (GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK)) | extra);
    if (pfn === NO_PAGE) {
      noteShortage(machine, plan, s, gfp);
      return 0;
    }
    const order = frames.block[pfn] & BLOCK_ORDER_MASK;
    const objects = order === geometry.order ? geometry.objects : geometry.minObjects;
    frames.flags[pfn] |= 1 << PG_slab;
    for (let i = 0; i < 1 << order; i++) slabOf[pfn + i] = slab;
    s.words[slab + S_PFN] = pfn;
    s.words[slab + S_CACHE] = plan.number;
    const first = pfn * 2 ** frames.pageShift + geometry.redLeftPad;
    s.writer?.prepare(first, objects, 2 ** (order + frames.pageShift));
    if (ctor !== null) {
      try {
        for (let i = 0; i < objects; i++) ctor(first + i * geometry.size);
      } catch (error) {
        givePages(pfn);
        throw error;
      }
    }
    return objects;
  }

  /** Readers that hold no reference may still look at a slab, so its pages wait for them, objects and all. */
  function releaseLater(s: SlubState, slab: number): void {
    s.words[slab + S_FROZEN] = WAITING;
    machine.callRcu(() => {
      release(s, slab);
    });
  }

  function release(s: SlubState, slab: number): void {
    givePages(s.words[slab + S_PFN]);
    s.putBlock(slab);
  }

  function givePages(pfn: Pfn): void {
    const order = frames.block[pfn] & BLOCK_ORDER_MASK;
    frames.flags[pfn] &= ~(1 << PG_slab);
    for (let i = 0; i < 1 << order; i++) slabOf[pfn + i] = 0;
    pages.freePages(pfn, order);
  }

  return { grow, release: isTypesafe(plan) ? releaseLater : release };
}

/**
 * Tells whether the pages of a cache stay its pages while readers without a reference may look at them.
 *
 * @param plan - the cache.
 * @returns true with `SLAB_TYPESAFE_BY_RCU`.
 */
export function isTypesafe({ flags }: Pick<SlabPlan, 'flags'>): boolean {
  return (flags & SLAB_TYPESAFE_BY_RCU) !== 0;
}

/** Tries the larger slab without insisting, then the smallest one with all that the caller allows. */
function takePages(machine: SlubMachine, plan: SlabPlan, gfp: Gfp): Pfn {
  const { order, minOrder } = plan.geometry;
  let gently = (gfp | __GFP_NOWARN | __GFP_NORETRY) & ~__GFP_NOFAIL;
  if ((gfp & __GFP_DIRECT_RECLAIM) !== 0 && order > minOrder) gently = (gently | __GFP_NOMEMALLOC) & ~__GFP_RECLAIM;
  const pfn = machine.pages.allocPages(gently, order);
  return pfn === NO_PAGE ? machine.pages.allocPages(gfp, minOrder) : pfn;
}

/** Says that there are no pages for a slab, unless the request asked for silence (slab spec 5, A6). */
function noteShortage(machine: SlubMachine, plan: SlabPlan, s: SlubState, gfp: Gfp): void {
  if (machine.reports === null || (gfp & __GFP_NOWARN) !== 0) return;
  const { name } = plan;
  const { minOrder, order, size } = plan.geometry;
  const { node, words } = s;
  const [slabs, objects] = [words[node + N_SLABS], words[node + N_OBJECTS]];
  const free = slabsFrom(s, words[node + N_HEAD]).reduce((sum, slab) => sum + words[slab + S_OBJECTS] - words[slab + S_INUSE], 0);
  const text = [
    `SLUB: Unable to allocate memory on node -1, gfp=0x${gfp.toString(16)}`,
    `  cache: ${name}, object size: ${String(plan.objectSize)}, buffer size: ${String(size)}, default order: ${String(order)}, min order: ${String(minOrder)}`,
    `  node 0: slabs: ${String(slabs)}, objs: ${String(objects)}, free: ${String(free)}`,
  ].join('\n');
  report(machine, new KernelBug('ALLOC_FAILURE', `cache ${name}: no pages for a slab`, { cache: name, gfp, slabs, objects, free, text }, 'warn'));
}

/** Warns of flags that a request for new pages should not have, and that are ignored. */
function warnOfFlags(machine: SlubMachine, plan: SlabPlan, gfp: Gfp): void {
  const bad = gfp & GFP_SLAB_BUG_MASK;
  const fields = { cache: plan.name, gfp };
  if (bad !== 0) {
    report(machine, new KernelBug('BAD_GFP', `cache ${plan.name}: GFP bits 0x${bad.toString(16)} are ignored`, fields, 'warn'));
  }
  if (plan.ctor !== null && (gfp & __GFP_ZERO) !== 0 && !machine.warnedZero) {
    machine.warnedZero = true;
    report(machine, new KernelBug('BAD_GFP', `cache ${plan.name}: __GFP_ZERO spoils constructed objects`, fields, 'warn'));
  }
}
