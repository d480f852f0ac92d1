export { TaskWaitQueues } from './task-wait-queues.js';
export type { TaskWaitQueuesOptions } from './task-wait-queues.js';
