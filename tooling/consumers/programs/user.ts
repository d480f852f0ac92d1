import { GFP_KERNEL, NO_PAGE, type PageAllocator } from "@kmem/contracts";

export function first(pages: PageAllocator): boolean {
  return pages.allocPages(GFP_KERNEL, 0) !== NO_PAGE;
}
