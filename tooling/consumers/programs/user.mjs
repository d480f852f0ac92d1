import { BuddyAllocator } from "@kmem/buddy";
import { GFP_KERNEL, isKernelBug } from "@kmem/contracts";
import { createFrameTable } from "@kmem/hw";

const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 4096 }) });
const pfn = pages.allocPages(GFP_KERNEL, 3);
pages.freePages(pfn, 3);
let code = "none";
try {
  pages.freePages(pfn, 3);
} catch (error) {
  // Several copies of the contracts in one program must agree on what a KernelBug is.
  if (isKernelBug(error)) code = error.code;
}
pages.drainAllPages();
console.log(pfn % 8, code, pages.managedPages - pages.nrFreePages);
