export { NO_RANGE, VirtualRangeAllocator } from './virtual-range-allocator.js';
export type { VirtualRangeAllocatorOptions } from './virtual-range-allocator.js';
export { VmAreas } from './vm-areas.js';
export type { VmAreasOptions } from './vm-areas.js';
export { formatVmallocinfo } from './vmallocinfo.js';
export type { VmallocinfoMachine } from './vmallocinfo.js';
