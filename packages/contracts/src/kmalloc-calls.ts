/** KmallocCalls: memory of any size by physical address, as parts of a kernel need it for themselves. */
import type { Gfp, PhysAddr } from './units.js';

/** The two calls. */
export interface KmallocCalls {
  /**
   * Takes memory.
   *
   * @param sizeBytes - bytes; 0 takes nothing.
   * @param gfp - what may be done to get it.
   * @returns the first byte, `ZERO_SIZE_PTR` for 0 bytes, or `NULL`.
   * @context any; the flags must not allow direct reclaim where sleeping is forbidden.
   * @kernelName kmalloc
   */
  readonly kmalloc: (sizeBytes: number, gfp: Gfp) => PhysAddr;
  /**
   * Gives memory back. `NULL` and `ZERO_SIZE_PTR` are nothing.
   *
   * @param addr - what `kmalloc` returned.
   * @context any but NMI.
   * @kernelName kfree
   */
  readonly kfree: (addr: PhysAddr) => void;
}
