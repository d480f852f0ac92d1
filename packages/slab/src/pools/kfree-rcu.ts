/**
 * kfree_rcu: memory that is freed once no reader can hold it any more, in batches (slab spec 11).
 *
 * ```
 *  kfreeRcu(addr)   | addr | addr | ... |      a block of up to 510
 *  drain            the block waits for a grace period, all of it is freed at once, first in, first out
 * ```
 * A full block is drained by itself; when others are, whoever uses this decides: the kernel does so 5 seconds after the first address
 * of a block came in.
 */
import { NULL, ZERO_SIZE_PTR } from '@kmem/contracts';
import type { PhysAddr } from '@kmem/contracts';

/** Addresses of a block: a page of them, less its head. */
const BLOCK_ADDRESSES = 510;

/** Options of {@link createKfreeRcu}. */
export interface KfreeRcuOptions {
  /** Gives several pieces of memory back, as kfreeBulk of a kmalloc family does. */
  readonly kfreeBulk: (count: number, addrs: Float64Array) => void;
  /** Runs functions after a grace period each, in the order in which they come. */
  readonly callRcu: (callback: () => void) => void;
}

/** The calls. */
export interface KfreeRcu {
  /** Addresses that wait for their block to be drained. */
  readonly pending: number;
  /**
   * Frees memory after a grace period. Until then it may be read, and is nobody else's.
   *
   * @param addr - what one of the kmalloc family returned; `NULL` and `ZERO_SIZE_PTR` are nothing.
   * @context any but NMI.
   * @kernelName kfree_rcu
   */
  readonly kfreeRcu: (addr: PhysAddr) => void;
  /**
   * Lets the block that is being filled wait for a grace period as it is.
   *
   * @context any.
   * @kernelName kfree_rcu_monitor
   */
  readonly drain: () => void;
}

/**
 * Makes the calls.
 *
 * @param options - how memory is freed, and after what.
 * @returns the calls.
 * @example
 * ```ts
 * import { createKfreeRcu } from '@kmem/slab';
 *
 * const freed: number[] = [];
 * const waiting: (() => void)[] = [];
 * const kfreeBulk = (count: number, addrs: Float64Array): void => void freed.push(...addrs.subarray(0, count));
 * const { drain, kfreeRcu } = createKfreeRcu({ kfreeBulk, callRcu: (callback) => void waiting.push(callback) });
 * kfreeRcu(4096);
 * drain();
 * freed.length; // -> 0
 * for (const callback of waiting) callback();
 * freed[0]; // -> 4096
 * ```
 */
export function createKfreeRcu({ callRcu, kfreeBulk }: KfreeRcuOptions): KfreeRcu {
  let block = new Float64Array(BLOCK_ADDRESSES);
  let count = 0;

  function kfreeRcu(addr: PhysAddr): void {
    if (addr === NULL || addr === ZERO_SIZE_PTR) return;
    block[count++] = addr;
    if (count === BLOCK_ADDRESSES) drain();
  }

  function drain(): void {
    if (count === 0) return;
    const full = block;
    const filled = count;
    block = new Float64Array(BLOCK_ADDRESSES);
    count = 0;
    callRcu(() => {
      kfreeBulk(filled, full);
    });
  }

  return {
    get pending() { return count; },
    kfreeRcu,
    drain,
  };
}
