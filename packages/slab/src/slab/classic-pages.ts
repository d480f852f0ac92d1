/**
 * The pages of a cache's slabs (slab spec 9.4): taken and given back, marked, objects constructed. The flags of a slab's first frame have PG_slab;
 * `slabOf` leads from each of its frames to the slab.
 */
import {
  __GFP_COMP, __GFP_NOWARN, __GFP_ZERO, GFP_CONSTRAINT_MASK, GFP_RECLAIM_MASK, GFP_SLAB_BUG_MASK, KernelBug, NO_PAGE, NULL, PG_slab, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { Gfp, Pfn, PhysAddr } from '@kmem/contracts';
import { pageFlags } from '../cache-attributes.js';
import { report } from '../reports.js';
import type { ClassicMachine, ClassicPlan } from './classic-machine.js';
import { N_FREE_OBJECTS, N_FREE_SLABS, N_SLABS, S_CACHE, S_COLOUR, S_LIST, S_PFN, WAITING, type ClassicSource, type ClassicState } from './classic-state.js';

/**
 * Makes the source of a cache's slabs.
 *
 * @param machine - pages, frame table, reports.
 * @param plan - the cache.
 * @param s - its words.
 * @returns the source.
 */
export function createClassicPages(machine: ClassicMachine, plan: ClassicPlan, s: ClassicState): ClassicSource {
  const { callRcu, frames, pages, shared, slabOf } = machine;
  const { ctor, geometry, name } = plan;
  const { indices, num, order, size } = geometry;
  const isTypesafe = (plan.flags & SLAB_TYPESAFE_BY_RCU) !== 0;
  const extra = pageFlags(plan.flags, order) | __GFP_COMP;
  /** Where the indices of slabs stand that have them off the slab. */
  const indicesOf = new Map<number, PhysAddr>();

  function takePages(slab: number, gfp: Gfp): boolean {
    warnOfFlags(gfp);
    const allowed = gfp & (GFP_RECLAIM_MASK | GFP_CONSTRAINT_MASK);
    const pfn = pages.allocPages(allowed | extra, order);
    if (pfn === NO_PAGE) {
      noteShortage(gfp);
      return false;
    }
    if (indices === 'off slab' && !takeIndices(slab, allowed)) {
      pages.freePages(pfn, order);
      return false;
    }
    frames.flags[pfn] |= 1 << PG_slab;
    slabOf.fill(slab, pfn, pfn + 2 ** order);
    shared.words[slab + S_PFN] = pfn;
    shared.words[slab + S_CACHE] = plan.number;
    return true;
  }

  function construct(slab: number): void {
    if (ctor === null) return;
    const pfn = shared.words[slab + S_PFN];
    const first = pfn * 2 ** frames.pageShift + shared.words[slab + S_COLOUR];
    try {
      for (let i = 0; i < num; i++) ctor(first + i * size);
    } catch (error) {
      givePages(pfn);
      giveIndices(slab);
      throw error;
    }
  }

  function release(slab: number): void {
    giveIndices(slab);
    if (!isTypesafe) {
      releasePages(slab);
      return;
    }
    // Readers that hold no reference may still look at a slab, so its pages wait for them.
    shared.words[slab + S_LIST] = WAITING;
    callRcu(() => {
      releasePages(slab);
    });
  }

  function releasePages(slab: number): void {
    givePages(shared.words[slab + S_PFN]);
    shared.words[slab + S_PFN] = 0;
    shared.put(s.slabBits, slab);
  }

  function givePages(pfn: Pfn): void {
    frames.flags[pfn] &= ~(1 << PG_slab);
    slabOf.fill(0, pfn, pfn + 2 ** order);
    pages.freePages(pfn, order);
  }

  /** The indices take memory of kmalloc's, as long as the slab lives. */
  function takeIndices(slab: number, gfp: Gfp): boolean {
    const addr = machine.kmallocCache(num)?.alloc(gfp) ?? NULL;
    if (addr !== NULL) indicesOf.set(slab, addr);
    return addr !== NULL;
  }

  function giveIndices(slab: number): void {
    const addr = indicesOf.get(slab);
    if (addr === undefined) return;
    indicesOf.delete(slab);
    machine.kmallocCache(num)?.free(addr);
  }

  function noteShortage(gfp: Gfp): void {
    if (machine.reports === null || (gfp & __GFP_NOWARN) !== 0) return;
    const { words } = shared;
    const [slabs, freeSlabs, free] = [N_SLABS, N_FREE_SLABS, N_FREE_OBJECTS].map((word) => words[s.node + word]);
    const text = [
      `SLAB: Unable to allocate memory on node 0, gfp=0x${gfp.toString(16)}`,
      `  cache: ${name}, object size: ${String(size)}, order: ${String(order)}`,
      `  node 0: slabs: ${String(slabs - freeSlabs)}/${String(slabs)}, objs: ${String(slabs * num - free)}/${String(slabs * num)}`,
    ].join('\n');
    report(machine, new KernelBug('ALLOC_FAILURE', `cache ${name}: no pages for a slab`, { cache: name, gfp, slabs, free, text }, 'warn'));
  }

  /** Warns of flags that a request for new pages should not have, and that are ignored. */
  function warnOfFlags(gfp: Gfp): void {
    const bad = gfp & GFP_SLAB_BUG_MASK;
    if (bad !== 0) report(machine, new KernelBug('BAD_GFP', `cache ${name}: GFP bits 0x${bad.toString(16)} are ignored`, { cache: name, gfp }, 'warn'));
    if (ctor !== null && (gfp & __GFP_ZERO) !== 0 && !machine.warnedZero) {
      machine.warnedZero = true;
      report(machine, new KernelBug('BAD_GFP', `cache ${name}: __GFP_ZERO spoils constructed objects`, { cache: name, gfp }, 'warn'));
    }
  }

  return { takePages, construct, release };
}
