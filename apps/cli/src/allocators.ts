/** Vmalloc and kvmalloc on top of a machine that has pages and a kmalloc. */
import type { KmallocCalls, Mmu, PageAllocator, PhysicalMemory, ReportSink, SlabAllocator } from '@kmem/contracts';
import { AddressMap, createMmu, type MachineProfile } from '@kmem/hw';
import { createKvmalloc, Vmalloc, type Kvmalloc } from '@kmem/vmalloc';

/** What they stand on. */
export interface VmallocParts {
  /** Pages. */
  readonly pages: PageAllocator;
  /** RAM. */
  readonly memory: PhysicalMemory;
  /** Memory for what describes areas. */
  readonly kmalloc: KmallocCalls;
  /** Makes the cache of `vmap_area` objects. @default they take no memory */
  readonly slabs?: Pick<SlabAllocator, 'createCache'>;
  /** Receives reports. */
  readonly reports: ReportSink;
}

/** Addresses, and memory at them. */
export interface VmallocMachine {
  /** What is mapped. */
  readonly mmu: Mmu;
  /** The direct map. */
  readonly addresses: AddressMap;
  /** Memory of any size, contiguous in addresses. */
  readonly vmalloc: Vmalloc;
  /** Whichever of kmalloc and vmalloc has it. */
  readonly kv: Kvmalloc;
}

/**
 * Makes them.
 *
 * @param profile - the machine.
 * @param parts - what they stand on.
 * @returns both, and the page tables below.
 * @throws RangeError for an architecture whose page tables are not modelled.
 */
export function addVmalloc(profile: MachineProfile, parts: VmallocParts): VmallocMachine {
  const { bitsPerLong, nodes, nrCpus, pageShift, regions } = profile;
  const pageSize = 2 ** pageShift;
  const mmu = createMmu(profile, parts);
  const ram = nodes.flatMap((node) => node.ram).map(({ start, end }) => ({ start: Math.floor(start / pageSize), end: Math.ceil(end / pageSize) }));
  const { vmallocStart, vmallocEnd } = regions;
  const vmalloc = new Vmalloc({ ...parts, vmallocStart, vmallocEnd, bitsPerLong, mmu, ram, cpus: { nrCpus, cpu: 0, inInterrupt: false } });
  const addresses = new AddressMap(profile);
  return { mmu, addresses, vmalloc, kv: createKvmalloc({ ...parts, vmalloc, addresses, mmu }) };
}
