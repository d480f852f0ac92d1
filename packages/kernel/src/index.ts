export { boot } from './boot.js';
export type { BootOptions, Kernel } from './boot.js';
export { procInterrupts, procSoftirqs } from './proc.js';
export type { ProcInterruptsOptions } from './proc.js';
