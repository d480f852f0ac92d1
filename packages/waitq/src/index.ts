export { TaskWaitQueues } from './task-wait-queues.js';
export type { TaskWaitQueuesOptions } from './task-wait-queues.js';
export { HashedBitWaits } from './hashed-bit-waits.js';
export type { HashedBitWaitsOptions } from './hashed-bit-waits.js';
export { TaskCompletions } from './task-completions.js';
export { TaskSimpleWaitQueues } from './task-simple-wait-queues.js';
export type { TaskSimpleWaitQueuesOptions } from './task-simple-wait-queues.js';
export { Kfifo } from './kfifo.js';
export type { KfifoElements } from './kfifo.js';
