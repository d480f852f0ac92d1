const { BuddyAllocator } = require("@kmem/buddy");
const { GFP_KERNEL, isKernelBug } = require("@kmem/contracts");
const { createFrameTable } = require("@kmem/hw");

const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 4096 }) });
const pfn = pages.allocPages(GFP_KERNEL, 3);
pages.freePages(pfn, 3);
let code = "none";
try {
  pages.freePages(pfn, 3);
} catch (error) {
  if (isKernelBug(error)) code = error.code;
}
pages.drainAllPages();
console.log(pfn % 8, code, pages.managedPages - pages.nrFreePages);
