/** Areas of per-CPU memory, and what describes them (vmalloc spec 8, 13). */
import { __GFP_ZERO, GFP_KERNEL, NULL, type KAddr, type PhysAddr } from '@kmem/contracts';
import { dropArea, takeStruct } from './area-pages.js';
import type { PcpuRequest } from './vm-areas.js';
import type { VmallocParts } from './vmalloc-parts.js';

/**
 * Reserves areas for all groups of CPUs.
 *
 * @param parts - the parts.
 * @param request - the groups.
 * @returns their addresses by group; null when there is no room or no memory.
 */
export function takePcpuAreas(parts: VmallocParts, request: Omit<PcpuRequest, 'takeStruct'>): KAddr[] | null {
  const { areas, complain, held, kmalloc, pointerBytes } = parts;
  const { offsets } = request;
  const takeList = (): PhysAddr => kmalloc.kmalloc(offsets.length * pointerBytes, GFP_KERNEL | __GFP_ZERO);
  const lists = [takeList(), takeList()];
  const structs: PhysAddr[] = [];
  const takeNext = (): boolean => {
    const struct = takeStruct(parts, GFP_KERNEL);
    if (struct !== NULL) structs.push(struct);
    return struct !== NULL;
  };
  const found = lists.includes(NULL) ? null : areas.pcpuGetVmAreas({ ...request, takeStruct: takeNext });
  if (found === null) {
    for (const addr of [...structs, ...lists]) if (addr !== NULL) kmalloc.kfree(addr);
    complain('ALLOC_FAILURE', `pcpu: no room for areas of ${request.sizes.join()} bytes`, { nrGroups: offsets.length }, 'warn');
    return null;
  }
  kmalloc.kfree(lists[1]);
  found.forEach((area, group) => {
    // The list of the areas goes with the first one.
    held.set(area.addr, { area, struct: structs[group], pages: new Int32Array(0), list: group === 0 ? { phys: lists[0] } : null });
  });
  return found.map(({ addr }) => addr);
}

/**
 * Gives areas back. Their addresses become lazy.
 *
 * @param parts - the parts.
 * @param addrs - what {@link takePcpuAreas} returned.
 * @returns false, and nothing is done, when they are something else.
 */
export function freePcpuAreas(parts: VmallocParts, addrs: readonly KAddr[]): boolean {
  const found = addrs.map((addr) => parts.held.get(addr)).filter((area) => area !== undefined);
  const list = found.at(0)?.list ?? null;
  const isWhole = found.length === addrs.length && found.every(({ area }) => area.nrPages === 0);
  if (!isWhole || list === null || !('phys' in list)) return false;
  for (const area of found) dropArea(parts, area, false);
  parts.kmalloc.kfree(list.phys);
  return true;
}
