export { NO_RANGE, VirtualRangeAllocator } from './virtual-range-allocator.js';
export type { VirtualRangeAllocatorOptions } from './virtual-range-allocator.js';
