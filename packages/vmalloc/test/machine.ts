/** A machine with all that vmalloc works with: pages, page tables, kmalloc, RAM. */
import { BuddyAllocator } from '@kmem/buddy';
import type { KernelBug, PageAllocator, PhysicalMemory } from '@kmem/contracts';
import { AddressMap, createFrameTable, createMemory, createMmu, describeMachine, getProfile, Tlb, VirtualMemory, type MachineProfile } from '@kmem/hw';
import { createKmalloc, slub, type Kmalloc, type Slub } from '@kmem/slab';
import { createKvmalloc, Vmalloc, type Kvmalloc, type VmallocOptions } from '../src/index.js';

/** More than the windows of machines without page tables reach beyond the RAM. */
const WINDOW_BYTES = 512 * 2 ** 20;

/** Options of {@link machine}. */
export interface TestMachineOptions {
  readonly profile?: MachineProfile | string;
  /** Wraps the page allocator that vmalloc is given. */
  readonly wrapPages?: (pages: PageAllocator) => PageAllocator;
  readonly vmalloc?: Partial<VmallocOptions>;
  readonly nrCpus?: number;
  /** True to have a `vmap_area` object for each range. */
  readonly withObjects?: boolean;
}

/** The machine. */
export interface TestMachine {
  readonly profile: MachineProfile;
  readonly pages: BuddyAllocator;
  readonly memory: PhysicalMemory;
  readonly slabs: Slub;
  readonly kmalloc: Kmalloc;
  readonly mmu: ReturnType<typeof createMmu>;
  readonly tlb: Tlb;
  readonly vmalloc: Vmalloc;
  readonly kv: Kvmalloc;
  readonly seen: VirtualMemory;
  readonly addresses: AddressMap;
  readonly cpus: { nrCpus: number; cpu: number; inInterrupt: boolean };
  /** Reports that vmalloc and the MMU made. */
  readonly reports: KernelBug[];
  /** Times that work was asked for. */
  scheduled: number;
  /** Where areas start. */
  readonly start: number;
  readonly usedPages: () => number;
}

/** Boots one. */
export function machine(options: TestMachineOptions = {}): TestMachine {
  const profile = typeof options.profile === 'object' ? options.profile : getProfile(options.profile ?? 'pc-160m');
  const { zones, free, nrFrames } = describeMachine(profile);
  const { bitsPerLong, maxOrder, nrMigratetypes, pageblockOrder, pageShift, regions } = profile;
  const frames = createFrameTable({ nrFrames, pageShift, pageblockOrder, maxOrder });
  const memory = createMemory({ sizeBytes: nrFrames * 2 ** pageShift + WINDOW_BYTES, backing: 'sparse' });
  const pages = new BuddyAllocator({ frames, zones, free, maxOrder, nrMigratetypes, memory });
  const wrapped = options.wrapPages?.(pages) ?? pages;
  const reports: KernelBug[] = [];
  const sink = { report: (bug: KernelBug) => void reports.push(bug) };
  const cpus = { nrCpus: options.nrCpus ?? 1, cpu: 0, inInterrupt: false };
  const tlb = new Tlb({ nrCpus: cpus.nrCpus });
  const mmu = createMmu(profile, { pages: wrapped, memory, tlb, reports: sink });
  const slabs = slub({ pages: wrapped, frames, memory });
  const kmalloc = createKmalloc({ slabs, pages: wrapped, frames, memory });
  const addresses = new AddressMap(profile);
  const ram = profile.nodes.flatMap((node) => node.ram).map(({ start, end }) => ({ start: Math.floor(start / 4096), end: Math.ceil(end / 4096) }));
  const vmalloc: Vmalloc = new Vmalloc({
    vmallocStart: regions.vmallocStart,
    vmallocEnd: regions.vmallocEnd,
    bitsPerLong,
    pages: wrapped,
    mmu,
    kmalloc,
    cpus,
    ram,
    reports: sink,
    ...(options.withObjects === true && { slabs }),
    scheduleWork: () => {
      made.scheduled++;
    },
    ...options.vmalloc,
  });
  const made: TestMachine = {
    profile,
    pages,
    memory,
    slabs,
    kmalloc,
    mmu,
    tlb,
    vmalloc,
    kv: createKvmalloc({ kmalloc, vmalloc, addresses, mmu, memory, reports: sink }),
    seen: new VirtualMemory({ profile, mmu, memory, owner: vmalloc.areas, cpus }),
    addresses,
    cpus,
    reports,
    scheduled: 0,
    start: regions.vmallocStart,
    usedPages: () => pages.managedPages - pages.nrFreePages - pages.nrPcpPages,
  };
  return made;
}

/** A page allocator that gives single pages and blocks as long as there is an allowance, and notes bulk requests. */
export function rationed(pages: PageAllocator, ration: { singles: number; blocks: number; bulk: number[] }): PageAllocator {
  const allowed = (order: number) => ration[order === 0 ? 'singles' : 'blocks']-- > 0;
  return new Proxy(pages, {
    get: (target, member) => {
      if (member === 'allocPages') return (gfp: number, order: number) => (allowed(order) ? target.allocPages(gfp, order) : -1);
      if (member === 'allocPagesNode') {
        return (node: number, gfp: number, order: number) => (allowed(order) ? target.allocPagesNode(node, gfp, order) : -1);
      }
      if (member === 'allocPagesBulk') {
        return (gfp: number, nrPages: number, slots: Int32Array) => {
          ration.bulk.push(nrPages);
          const count = Math.min(nrPages, Math.max(ration.singles, 0));
          ration.singles -= count;
          return target.allocPagesBulk(gfp, count, slots);
        };
      }
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
