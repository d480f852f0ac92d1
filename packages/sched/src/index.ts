export { TaskScheduler } from './task-scheduler.js';
export type { TaskSchedulerOptions } from './task-scheduler.js';
