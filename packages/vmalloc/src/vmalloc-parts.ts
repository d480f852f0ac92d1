/** What the calls of the vmalloc family share: the machine, the parts they work with, and what they know of each area. */
import {
  __GFP_FS,
  __GFP_IO,
  GFP_KERNEL,
  KernelBug,
  type AddressRanges,
  type CpuContext,
  type Gfp,
  type KAddr,
  type KernelBugCode,
  type KernelBugFields,
  type KmallocCalls,
  type Mmu,
  type NodeId,
  type PageAllocator,
  type PfnRange,
  type PhysAddr,
  type ReportSink,
  type Scheduler,
  type SlabAllocator,
  type SleepTimeout,
  type VmArea,
} from '@kmem/contracts';
import type { VirtualRangeAllocatorOptions } from './virtual-range-allocator.js';
import type { VmAreas } from './vm-areas.js';

/** How a task sleeps for some jiffies. */
export interface TaskSleep extends SleepTimeout, Pick<Scheduler, 'setCurrentState'> {}

/** Options of {@link Vmalloc}. */
export interface VmallocOptions {
  /** VMALLOC_START. */
  readonly vmallocStart: KAddr;
  /** VMALLOC_END; no area ends above it. */
  readonly vmallocEnd: KAddr;
  /** Width of an address. @default 64 */
  readonly bitsPerLong?: 32 | 64;
  /** Gives the pages. */
  readonly pages: PageAllocator;
  /** Maps them. */
  readonly mmu: Mmu;
  /** Gives memory for what describes areas. */
  readonly kmalloc: KmallocCalls;
  /** Who calls. @default a task on CPU 0 of one */
  readonly cpus?: Pick<CpuContext, 'nrCpus' | 'cpu' | 'inInterrupt'> & { readonly inNmi?: () => number };
  /** Makes the `vmap_area` of each range of addresses. @default they take no memory */
  readonly slabs?: Pick<SlabAllocator, 'createCache'>;
  /** Tells whether the task that calls is being killed: then it gets no more pages. @default none ever is */
  readonly fatalSignalPending?: () => boolean;
  /** Lets a task sleep, for {@link Vmalloc.vmallocNofail}. @default nobody can sleep */
  readonly sleep?: TaskSleep;
  /** Nodes with memory. @default 1 */
  readonly nrNodes?: number;
  /** Frames that are RAM, which ioremap refuses. @default none: nothing is refused for that */
  readonly ram?: readonly PfnRange[];
  /** Bits of a physical address. @default 46, or 32 with addresses of 32 bits */
  readonly physBits?: number;
  /** True when areas may be mapped in larger leaves. @default true with addresses of 64 bits */
  readonly hugePages?: boolean;
  /** Makes what finds the addresses. @default a {@link VirtualRangeAllocator} */
  readonly createRanges?: (options: VirtualRangeAllocatorOptions) => AddressRanges;
  /** Is called when {@link Vmalloc.runDeferredWork} has something to do. @default the caller sees to it */
  readonly scheduleWork?: () => void;
  /** Receives misuse and warnings. Without it a `bug` is thrown and a `warn` dropped. */
  readonly reports?: ReportSink;
}

/** A request for memory, of which only the size is needed. */
export interface VmallocRangeRequest {
  /** Bytes. */
  readonly sizeBytes: number;
  /** Alignment in bytes, a power of two. @default 1 */
  readonly align?: number;
  /** Lowest address. @default VMALLOC_START */
  readonly start?: KAddr;
  /** First address past the highest. @default VMALLOC_END */
  readonly end?: KAddr;
  /** Flags. @default GFP_KERNEL */
  readonly gfp?: Gfp;
  /** Protection. @default PAGE_KERNEL */
  readonly prot?: number;
  /** `VM_*` bits. @default none */
  readonly flags?: number;
  /** Node that its pages come from. @default any */
  readonly node?: NodeId;
  /** Who asks. @default nobody */
  readonly caller?: string;
}

/** An area, and what was taken for it. */
export interface HeldArea {
  /** The area. */
  readonly area: VmArea;
  /** Its `vm_struct`. */
  readonly struct: PhysAddr;
  /** Its pages; of a mapping those of the caller. */
  pages: Int32Array;
  /** The memory that holds the list of its pages: by physical address, or itself an area; NULL for none. */
  list: { readonly phys: PhysAddr } | { readonly addr: KAddr } | null;
}

/** The parts. */
export interface VmallocParts {
  /** Addresses. */
  readonly areas: VmAreas;
  /** By first address. */
  readonly held: Map<KAddr, HeldArea>;
  /** Gives the pages. */
  readonly pages: PageAllocator;
  /** Maps them. */
  readonly mmu: Mmu;
  /** Gives memory for what describes areas. */
  readonly kmalloc: KmallocCalls;
  /** Who calls. */
  readonly cpus: NonNullable<VmallocOptions['cpus']>;
  /** Tells whether the task that calls is being killed. */
  readonly fatalSignalPending: () => boolean;
  /** Page size in bytes. */
  readonly pageSize: number;
  /** Bytes of a pointer. */
  readonly pointerBytes: number;
  /** Takes a report; throws a `bug` when nobody does. */
  readonly complain: (code: KernelBugCode, what: string, fields?: KernelBugFields, severity?: 'bug' | 'warn') => void;
}

/**
 * Computes flags for pages of tables: those of the kernel, without what the request must not do (vmalloc spec 4.2).
 *
 * @param gfp - flags of the request.
 * @returns the flags.
 */
export function tableGfp(gfp: Gfp): Gfp {
  return GFP_KERNEL & (gfp | ~(__GFP_FS | __GFP_IO));
}

/**
 * Makes the receiver of reports.
 *
 * @param reports - who is told; null when nobody is.
 * @returns takes a report.
 */
export function complainer(reports: ReportSink | null): VmallocParts['complain'] {
  return (code, what, fields = {}, severity = 'bug') => {
    const bug = new KernelBug(code, what, fields, severity);
    if (reports !== null) reports.report(bug);
    else if (severity === 'bug') throw bug;
  };
}
