export { boot } from './boot.js';
export type { BootOptions, Kernel } from './boot.js';
