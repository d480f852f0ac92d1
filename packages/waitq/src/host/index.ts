export { closeByteRing, createByteRing } from './byte-ring.js';
export { ByteRingReader } from './byte-ring-reader.js';
export { ByteRingWriter } from './byte-ring-writer.js';
export { PromiseWaitQueue } from './promise-wait-queue.js';
export { createSharedWaitQueue, SharedWaitQueue } from './shared-wait-queue.js';
export type { SharedWaitQueueOptions } from './shared-wait-queue.js';
export type { SignalWaitOptions, WaitOptions } from './wait-options.js';
