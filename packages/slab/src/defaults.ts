/** What an allocator goes by where its options say nothing. */
import type { CpuContext } from '@kmem/contracts';

/** The caller unless stated. */
export const SINGLE_CPU: CpuContext = Object.freeze({
  nrCpus: 1,
  cpu: 0,
  inInterrupt: false,
  inSoftirq: false,
  taskFlags: 0,
  realtime: false,
  oomVictim: false,
});

/**
 * Stands for a grace period where there are no readers.
 *
 * @param callback - runs at once.
 */
export function runNow(callback: () => void): void {
  callback();
}
