export { initialJiffies, jiffiesToMsecs, msecsToJiffies } from './conversions.js';
export { WheelTimers } from './wheel-timers.js';
export type { WheelTimersOptions } from './wheel-timers.js';
