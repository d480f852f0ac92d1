export { InterruptLines } from './interrupt-lines.js';
export type { InterruptLinesOptions } from './interrupt-lines.js';
export { SoftirqSet } from './softirq-set.js';
export type { SoftirqSetOptions } from './softirq-set.js';
export { TaskletLists } from './tasklet-lists.js';
export type { TaskletListsOptions } from './tasklet-lists.js';
