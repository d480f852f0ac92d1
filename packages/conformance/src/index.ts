export type { Register } from './register.js';
export { pageAllocatorSuite } from './page-allocator-suite.js';
export type { PageAllocatorAbilities, PageAllocatorFixture } from './page-allocator-suite.js';
export { ReferencePageAllocator } from './reference-page-allocator.js';
export type { ReferencePageAllocatorOptions } from './reference-page-allocator.js';
export { runPageAllocatorModel } from './page-allocator-model.js';
export type { PageAllocatorModelOptions, PageAllocatorModelReport } from './page-allocator-model.js';
export { Random } from './random.js';
