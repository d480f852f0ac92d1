export { SoftirqSet } from './softirq-set.js';
export type { SoftirqSetOptions } from './softirq-set.js';
