/** Bytes behind kernel addresses, page by page. */
import { PTE_FRAME, type KAddr, type Mmu, type PhysicalMemory } from '@kmem/contracts';

/**
 * Copies bytes from one place to another; pages where nothing is mapped are left out.
 *
 * @param mmu - what is mapped.
 * @param memory - RAM.
 * @param to - first address to write to.
 * @param from - first address to read from.
 * @param sizeBytes - how many; the two stretches do not overlap.
 */
export function copyBytes(mmu: Mmu, memory: PhysicalMemory, to: KAddr, from: KAddr, sizeBytes: number): void {
  for (let done = 0; done < sizeBytes; ) {
    const source = bytesAt(mmu, memory, from + done, sizeBytes - done);
    const count = Math.min(source.count, bytesLeft(mmu, to + done, sizeBytes - done));
    const target = bytesAt(mmu, memory, to + done, count);
    if (source.bytes !== null && target.bytes !== null) target.bytes.set(source.bytes.subarray(0, count));
    done += count;
  }
}

/**
 * Finds the bytes of one page.
 *
 * @param mmu - what is mapped.
 * @param memory - RAM.
 * @param addr - first address.
 * @param most - bytes wanted.
 * @returns how many of them lie in the page, and the bytes themselves; null when nothing is mapped, or no RAM.
 */
export function bytesAt(mmu: Mmu, memory: PhysicalMemory, addr: KAddr, most: number): { readonly count: number; readonly bytes: Uint8Array | null } {
  const pageSize = 2 ** mmu.pageShift;
  const count = bytesLeft(mmu, addr, most);
  const entry = mmu.pte(addr);
  const phys = Math.floor(entry / PTE_FRAME) * pageSize + (addr - Math.floor(addr / pageSize) * pageSize);
  return { count, bytes: entry === 0 || phys + count > memory.sizeBytes ? null : memory.view(phys, count) };
}

function bytesLeft(mmu: Mmu, addr: KAddr, most: number): number {
  const pageSize = 2 ** mmu.pageShift;
  return Math.min(most, (Math.floor(addr / pageSize) + 1) * pageSize - addr);
}
