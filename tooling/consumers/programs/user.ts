import { BuddyAllocator, type BuddyOptions } from "@kmem/buddy";
import { pageAllocatorSuite } from "@kmem/conformance";
import { GFP_KERNEL, NO_PAGE, type PageAllocator, type Pfn } from "@kmem/contracts";
import { createFrameTable, describeMachine, getProfile } from "@kmem/hw";

/** Code against the contract takes any implementation. */
export function first(pages: PageAllocator): Pfn | undefined {
  const pfn = pages.allocPages(GFP_KERNEL, 0);
  return pfn === NO_PAGE ? undefined : pfn;
}

const { zones, free, late, nrFrames } = describeMachine(getProfile("pc-160m"));
const options: BuddyOptions = { frames: createFrameTable({ nrFrames }), zones, free, late };
first(new BuddyAllocator(options));

export const suite: typeof pageAllocatorSuite = pageAllocatorSuite;

// @ts-expect-error -- a frame number is no set of flags: units are told apart in the published types, too.
new BuddyAllocator(options).allocPages(first(new BuddyAllocator(options)) ?? NO_PAGE, 0);
