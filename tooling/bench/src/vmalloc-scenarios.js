// The ten scenarios of the kernel's own test of vmalloc, test_vmalloc, over a machine without bytes.
import { BuddyAllocator } from "@kmem/buddy";
import { __GFP_NOWARN, GFP_KERNEL, NULL } from "@kmem/contracts";
import { createFrameTable, createMmu, describeMachine, getProfile } from "@kmem/hw";
import { createKmalloc, slub } from "@kmem/slab";
import { SortedRangeList, Vmalloc } from "@kmem/vmalloc";
import { xorshift32 } from "./workload.js";

const PAGE = 4096;
const THREAD_ALIGN = 4 * PAGE;
const QUIET = GFP_KERNEL | __GFP_NOWARN;
const PROFILE = "pc-512m";
/** Pages that may be lazy with one CPU: as many areas lie on either side of the holes of full_fit. */
const JUNK = 8192;
const BUSY = 15000;
/** Areas that wait for one grace period. */
const GRACE = 64;

/**
 * Boots a machine with vmalloc.
 *
 * @param createRanges - makes what finds the addresses; without it the tree.
 * @returns what the scenarios use.
 */
export function makeMachine(createRanges) {
  const profile = getProfile(PROFILE);
  const { zones, free, nrFrames } = describeMachine(profile);
  const { maxOrder, nrMigratetypes, pageblockOrder, regions } = profile;
  const frames = createFrameTable({ nrFrames, pageblockOrder, maxOrder });
  const pages = new BuddyAllocator({ frames, zones, free, maxOrder, nrMigratetypes });
  const slabs = slub({ pages, frames });
  const mmu = createMmu(profile, { pages });
  const kmalloc = createKmalloc({ slabs, pages, frames });
  const vmalloc = new Vmalloc({
    vmallocStart: regions.vmallocStart,
    vmallocEnd: regions.vmallocEnd,
    pages,
    mmu,
    kmalloc,
    slabs,
    scheduleWork: () => void (isDue = true),
    ...(createRanges && { createRanges }),
  });
  let isDue = false;
  const breathe = () => {
    if (!isDue) return;
    isDue = false;
    vmalloc.runDeferredWork();
  };
  const random = xorshift32(1);
  return { vmalloc, pages, mmu, slabs, breathe, random: (limit) => random() % limit };
}

/** The machine with a sorted list in place of the tree. */
export const makeListMachine = () => makeMachine((options) => new SortedRangeList(options));

/** Takes an area, looks up its first page as the kernel's test writes to it, and gives it back. 1 when there was none. */
function takeAndFree({ vmalloc, mmu, breathe }, request) {
  const addr = vmalloc.vmallocNodeRange(request);
  if (addr === NULL) return 1;
  const isMapped = mmu.pte(addr) !== 0;
  vmalloc.vfree(addr);
  breathe();
  return isMapped ? 0 : 1;
}

/** By name: makes a step, which returns how many requests failed in it, and says how many requests a step makes. */
export const scenarios = {
  fix_size_alloc_test: {
    title: "areas of one page",
    make: (machine) => () => takeAndFree(machine, { sizeBytes: PAGE }),
  },
  full_fit_alloc_test: {
    title: `areas of one page with ${JUNK} holes of just that size`,
    make: (machine) => {
      const junk = [];
      for (let i = 0; i < JUNK; i++) {
        machine.vmalloc.vmalloc(PAGE);
        junk.push(machine.vmalloc.vmalloc(PAGE));
      }
      for (const addr of junk) machine.vmalloc.vfree(addr);
      machine.vmalloc.vmUnmapAliases();
      return () => takeAndFree(machine, { sizeBytes: PAGE });
    },
  },
  long_busy_list_alloc_test: {
    title: `an area of 100 pages and one of one page, behind ${BUSY} others`,
    make: (machine) => {
      for (let i = 0; i < BUSY; i++) machine.vmalloc.vmalloc(PAGE);
      return () => takeAndFree(machine, { sizeBytes: 100 * PAGE }) + takeAndFree(machine, { sizeBytes: PAGE });
    },
  },
  random_size_alloc_test: {
    title: "areas of 1 to 100 pages",
    make: (machine) => () => takeAndFree(machine, { sizeBytes: (1 + machine.random(100)) * PAGE }),
  },
  fix_align_alloc_test: {
    title: "areas of 5 pages, aligned to twice a kernel stack",
    make: (machine) => () => takeAndFree(machine, { sizeBytes: 5 * PAGE, align: 2 * THREAD_ALIGN, gfp: GFP_KERNEL }),
  },
  random_size_align_alloc_test: {
    title: "areas of 1 to 10 pages, aligned to 1 byte to 4 MiB",
    make: (machine) => () => takeAndFree(machine, { sizeBytes: (1 + machine.random(10)) * PAGE, align: 2 ** machine.random(23) }),
  },
  align_shift_alloc_test: {
    title: "one page at each alignment from 1 byte to 2^50; it ends where none fits",
    // The kernel's goes on to 2^63, and fails as well.
    make: (machine) => () => {
      for (let shift = 0; shift <= 50; shift++) if (takeAndFree(machine, { sizeBytes: PAGE, align: 2 ** shift, gfp: QUIET }) > 0) return 1;
      return 0;
    },
    fails: true,
  },
  pcpu_alloc_test: {
    title: "areas of per-CPU memory for two groups of CPUs",
    make: (machine) => {
      const request = { offsets: [0, 8 * 2 ** 20], sizes: [2 ** 21, 2 ** 21], align: 2 ** 21, caller: "pcpu_get_vm_areas" };
      return () => {
        const addrs = machine.vmalloc.pcpuGetVmAreas(request);
        if (addrs === null) return 1;
        machine.vmalloc.pcpuFreeVmAreas(addrs);
        machine.breathe();
        return 0;
      };
    },
  },
  kvfree_rcu_1_arg_vmalloc_test: {
    title: "areas of one page, each freed after a grace period of its own",
    make: (machine) => () => deferred(machine, 1),
  },
  kvfree_rcu_2_arg_vmalloc_test: {
    title: `areas of one page, ${GRACE} of them freed after one grace period; a step is all of them`,
    make: (machine) => () => deferred(machine, GRACE),
  },
};

/** Takes areas and leaves their freeing to the worker, which gets its turn when the grace period is over. */
function deferred({ vmalloc }, count) {
  let failures = 0;
  for (let i = 0; i < count; i++) {
    const addr = vmalloc.vmalloc(PAGE);
    if (addr === NULL) failures++;
    else vmalloc.vfreeAtomic(addr);
  }
  vmalloc.runDeferredWork();
  return failures;
}
