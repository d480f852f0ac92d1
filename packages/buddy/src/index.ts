export { formatGfp } from './gfp.js';
export { BuddyAllocator } from './buddy-allocator.js';
export type { BuddyOptions } from './options.js';
export { LINUX_TUNABLES, NO_LIMITS } from './zone-limits.js';
export type { ZoneTunables } from './zone-limits.js';
