export { initialJiffies, jiffiesToMsecs, msecsToJiffies } from './conversions.js';
export { HrTimerQueues } from './hrtimer-queues.js';
export type { HrTimerQueuesOptions } from './hrtimer-queues.js';
export { TaskDelays } from './task-delays.js';
export type { TaskDelaysOptions } from './task-delays.js';
export { WheelTimers } from './wheel-timers.js';
export type { WheelTimersOptions } from './wheel-timers.js';
export { createTimeMath } from './time-math.js';
export type { TimeMathOptions } from './time-math.js';
