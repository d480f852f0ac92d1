/** Reading the vmalloc range as /proc/kcore does: whatever is there, without a fault (vmalloc spec 10.1). */
import { VM_IOREMAP, type KAddr, type Mmu, type PhysicalMemory } from '@kmem/contracts';
import { bytesAt } from './mapped-bytes.js';
import type { VmAreas } from './vm-areas.js';

/**
 * Reads bytes. Holes, guard pages, memory of devices and addresses of vm_map_ram read as zeroes.
 *
 * @param areas - what areas there are.
 * @param mmu - what is mapped.
 * @param memory - RAM.
 * @param addr - first address.
 * @param into - receives the bytes.
 * @returns the length of `into`, or 0 when no area lies in the range.
 * @context task.
 * @kernelName vread
 */
export function vread(areas: VmAreas, mmu: Mmu, memory: PhysicalMemory, addr: KAddr, into: Uint8Array): number {
  const end = addr + into.length;
  const found = areas.exportState().areas.filter((area) => area.flags !== 0 && area.addr < end && area.addr + areas.usableBytes(area) > addr);
  if (found.length === 0) return 0;
  into.fill(0);
  for (const area of found) {
    if ((area.flags & VM_IOREMAP) !== 0) continue;
    const last = Math.min(end, area.addr + areas.usableBytes(area));
    for (let at = Math.max(addr, area.addr); at < last; ) {
      const { bytes, count } = bytesAt(mmu, memory, at, last - at);
      if (bytes !== null) into.set(bytes, at - addr);
      at += count;
    }
  }
  return into.length;
}
