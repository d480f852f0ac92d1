export { HostTimers } from './host-timers.js';
export type { HostTimersOptions } from './host-timers.js';
