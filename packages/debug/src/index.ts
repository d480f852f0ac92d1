export { counting } from './counting-page-allocator.js';
export type { CountingPageAllocator, PageAllocatorCounts } from './counting-page-allocator.js';
export { failing } from './failing-page-allocator.js';
export type { FailingPageAllocator, FailingPagesOptions } from './failing-page-allocator.js';
export type { FaultOptions } from './fault-attributes.js';
export { failingSlabs } from './failing-slab-allocator.js';
export type { FailingSlabAllocator, FailingSlabsOptions } from './failing-slab-allocator.js';
