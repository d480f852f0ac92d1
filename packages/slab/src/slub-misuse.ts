/** Reports of calls that a cache refuses: addresses that cannot be freed, and an end with objects in use. */
import { KernelBug, SLAB_CONSISTENCY_CHECKS } from '@kmem/contracts';
import type { PhysAddr } from '@kmem/contracts';
import { slabsFrom } from './cache-state.js';
import type { ObjectAddresses } from './object-address.js';
import type { SlubCachePlan } from './slub-cache.js';
import { badAddress, hex, report } from './reports.js';
import type { SlubMachine } from './slub-machine.js';
import { long, slabNow, type SlabReports } from './slub-report.js';
import { LIVE, N_HEAD, N_SLABS, NO_OBJECT, S_CACHE, S_FREE, S_OBJECTS, S_PFN, SLAB_WORDS, type SlubState } from './slub-state.js';

/** A cache and what its reports are made with. */
export interface MisusedCache {
  /** Its words. */
  readonly state: SlubState;
  /** What all caches share. */
  readonly machine: SlubMachine;
  /** Name, number, flags. */
  readonly plan: SlubCachePlan;
  /** Where objects are. */
  readonly addresses: ObjectAddresses;
  /** How reports read. */
  readonly reports: SlabReports;
}

/**
 * Reports an address that this cache cannot take back.
 *
 * @param misused - the cache.
 * @param addr - no object of it that is in use.
 */
export function reportBadFree(misused: MisusedCache, addr: PhysAddr): void {
  const { addresses, machine, plan, reports, state } = misused;
  const slab = machine.slabAt(addr);
  const pfn = Math.floor(addr / plan.limits.pageSize);
  const isChecked = (plan.flags & SLAB_CONSISTENCY_CHECKS) !== 0;
  const notFreed = `FIX ${plan.name}: Object at ${long(addr)} not freed`;
  if (slab === 0) {
    report(machine, badAddress('BAD_OBJECT', plan.name, addr, 'not in a page of a cache'));
    return;
  }
  const owner = state.words[slab + S_CACHE];
  const other = owner === plan.number ? null : machine.caches[owner];
  if (other !== null && isChecked) {
    // Thrown where nobody receives reports: then nothing changes.
    const text = `cache_from_obj: Wrong slab cache. ${plan.name} but object is from ${other.name}`;
    const fields = { pfn, text: [text, ...other.whoHad(addr)].join('\n') };
    report(machine, badAddress('WRONG_CACHE', plan.name, addr, `the object is from ${other.name} and goes back there`, fields));
    other.free(addr);
    return;
  }
  if (other !== null) {
    report(machine, badAddress('WRONG_CACHE', plan.name, addr, 'the page belongs to another cache', { pfn }));
    return;
  }
  const moment = slabNow(state, slab, state.words[slab + S_FREE]);
  if (addresses.objectAt(addr) === NO_OBJECT) {
    const lines = [...reports.header(`Invalid object pointer ${long(addr)}`), reports.slabLine(moment), notFreed];
    report(machine, badAddress('BAD_OBJECT', plan.name, addr, 'not the start of an object', { pfn, ...(isChecked && { text: lines.join('\n') }) }));
  } else {
    // The kernel has cut the object's link by the time that it looks.
    const lines = [...reports.header('Object already free'), ...reports.trailer(moment, addr, 0), notFreed];
    report(machine, badAddress('DOUBLE_FREE', plan.name, addr, 'the object is free already', { pfn, ...(isChecked && { text: lines.join('\n') }) }));
  }
}

/**
 * Names the objects that keep a cache alive, slab by slab of the node list; full slabs are not searched (slab spec 2.2).
 *
 * @param misused - the cache.
 */
export function reportLiveObjects(misused: MisusedCache): void {
  const { addresses, machine, plan, reports, state } = misused;
  const { words } = state;
  const { name } = plan;
  for (const slab of slabsFrom(state, words[state.node + N_HEAD])) {
    const title = `Objects remaining in ${name} on __kmem_cache_shutdown()`;
    let above = [...reports.header(title), reports.slabLine(slabNow(state, slab, words[slab + S_FREE]))];
    for (let i = 0; i < words[slab + S_OBJECTS]; i++) {
      const object = slab + SLAB_WORDS + i;
      if (words[object] !== LIVE) continue;
      const addr = addresses.addressOf(object);
      const offset = addr - words[slab + S_PFN] * plan.limits.pageSize;
      const lines = [...above, `Object ${long(addr)} @offset=${String(offset)}`, ...reports.tracks(addr)];
      above = [];
      const fields = { cache: name, addr, offset, text: lines.join('\n') };
      report(machine, new KernelBug('LIVE_OBJECTS', `cache ${name}: object ${hex(addr)} is still in use`, fields, 'warn'));
    }
  }
  const slabs = words[state.node + N_SLABS];
  const text = `kmem_cache_destroy ${name}: Slab cache still has objects`;
  const what = `cache ${name}: still has objects, in ${String(slabs)} slabs; it is kept`;
  report(machine, new KernelBug('LIVE_OBJECTS', what, { cache: name, slabs, text }, 'warn'));
}
