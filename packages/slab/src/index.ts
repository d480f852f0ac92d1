export { cacheGeometry } from './geometry.js';
export type { CacheGeometry, CacheShape } from './geometry.js';
