/**
 * How much CPUs keep of a SLAB cache, and its node (slab spec 9.2).
 *
 * ```
 *  bytes of an object    ..256   ..1024   ..4096   ..131072   more
 *  limit of an array       120       54       24          8      1
 * ```
 * ```
 *   1 <= batchcount <= limit
 *   the node keeps (1 + CPUs) * batchcount + num free objects, and no free slab beyond them
 * ```
 */

/** Bytes above which an array has fewer places, and how many. */
const LIMITS = [[131072, 1], [4096, 8], [1024, 24], [256, 54]] as const;
const MOST = 120;
/** Batches that the array of all CPUs holds. */
const SHARED_FACTOR = 8;

/** The tunables, under the names of /proc/slabinfo. */
export interface ClassicTunables {
  /** Places in the array of a CPU. */
  readonly limit: number;
  /** Objects that are moved at once. */
  readonly batchcount: number;
  /** Batches in the array that all CPUs share; 0 for none. */
  readonly sharedfactor: number;
}

/**
 * Computes the tunables that a cache begins with.
 *
 * @param size - bytes from one object to the next.
 * @param nrCpus - CPUs of the machine.
 * @param pageSize - bytes of a page.
 * @returns them.
 * @kernelName enable_cpucache
 */
export function firstTunables(size: number, nrCpus: number, pageSize: number): ClassicTunables {
  const limit = LIMITS.find(([bytes]) => size > bytes)?.[1] ?? MOST;
  return { limit, batchcount: Math.floor((limit + 1) / 2), sharedfactor: nrCpus > 1 && size <= pageSize ? SHARED_FACTOR : 0 };
}

/**
 * Tells whether tunables can be.
 *
 * @param tunables - integers.
 * @returns false for those that the kernel takes without effect.
 */
export function areTunables({ batchcount, limit, sharedfactor }: ClassicTunables): boolean {
  return limit >= 1 && batchcount >= 1 && batchcount <= limit && sharedfactor >= 0;
}
