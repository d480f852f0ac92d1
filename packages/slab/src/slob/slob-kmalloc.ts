/**
 * The kmalloc family over SLOB: any size from its heap, with a header that tells the size (slab spec 10.5).
 *
 * ```
 *  below a page less the header    | header 8 | memory |     the memory is aligned, the header before it is not
 *  from there on                   a block of pages, without header
 * ```
 */
import { __GFP_ZERO, KernelBug, NULL, NUMA_NO_NODE, ZERO_SIZE_PTR } from '@kmem/contracts';
import type { Gfp, NodeId, PhysAddr } from '@kmem/contracts';
import { requireInteger } from '../option-checks.js';
import { badAddress, isCount, report } from '../reports.js';
import type { Kmalloc, KmallocCore } from '../kmalloc.js';
import { createKmallocStrings } from '../kmalloc-strings.js';
import { createLargeKmalloc } from '../large-kmalloc.js';
import { FREE, KMALLOC_OWNER, type SlobMachine } from './slob-machine.js';
import { UNIT, unitsOf } from './slob-pages.js';

/** Bytes of the header, and the least alignment. */
const HEADER = 8;

/**
 * Makes the family.
 *
 * @param machine - whose heap is used.
 * @returns the calls; there are no caches.
 */
export function createSlobKmalloc(machine: SlobMachine): Kmalloc {
  const core = createCore(machine);
  return { ...core, ...createKmallocStrings(core, machine.memory) };
}

/**
 * Rounds a request up to what may be used of it, as far as the kernel tells beforehand.
 *
 * @param sizeBytes - bytes, 0 to 2 ** 53 - 1.
 * @returns the next multiple of 8.
 * @throws RangeError when the size is out of range.
 * @context any.
 * @kernelName kmalloc_size_roundup
 */
export function slobSizeRoundup(sizeBytes: number): number {
  requireInteger('sizeBytes', sizeBytes, 0, Number.MAX_SAFE_INTEGER);
  return Math.ceil(sizeBytes / HEADER) * HEADER;
}

function createCore(machine: SlobMachine): KmallocCore {
  const { blockAt, give, memory, ownerOf, pageSize, shared } = machine;
  const large = createLargeKmalloc({ ...machine, leastOrder: 0 });
  /** Requests from here on have pages of their own. */
  const largeFrom = pageSize - HEADER;

  function kmalloc(sizeBytes: number, gfp: Gfp): PhysAddr {
    return kmallocNode(sizeBytes, gfp, NUMA_NO_NODE);
  }

  function kmallocNode(sizeBytes: number, gfp: Gfp, node: NodeId): PhysAddr {
    if (sizeBytes === 0) return ZERO_SIZE_PTR;
    if (!(sizeBytes > 0 && sizeBytes < largeFrom) || !Number.isInteger(sizeBytes)) return large.alloc(sizeBytes, gfp, node);
    if (node !== NUMA_NO_NODE && node !== 0) {
      report(machine, new KernelBug('BAD_NODE', `node is ${String(node)}, the heap has node 0`, { node }));
      return NULL;
    }
    const align = (sizeBytes & (sizeBytes - 1)) === 0 ? Math.max(sizeBytes, HEADER) : HEADER;
    const block = shared.take(sizeBytes + HEADER, align, HEADER, gfp, KMALLOC_OWNER);
    if (block === NULL) return NULL;
    if ((gfp & __GFP_ZERO) !== 0) memory?.fill(block + HEADER, sizeBytes, 0);
    return block + HEADER;
  }

  function kfree(addr: PhysAddr): void {
    if (addr === NULL || addr === ZERO_SIZE_PTR) return;
    if (!machine.isOurs(addr)) {
      large.free(addr);
      return;
    }
    const bug = problemOf(addr);
    if (bug === null) give(addr - HEADER);
    else report(machine, bug);
  }

  function kfreeBulk(count: number, addrs: Float64Array): void {
    if (isCount(machine, count, addrs)) for (let i = 0; i < count; i++) kfree(addrs[i]);
  }

  function ksize(addr: PhysAddr): number {
    if (addr === NULL || addr === ZERO_SIZE_PTR) return 0;
    if (!machine.isOurs(addr)) return large.sizeOf(addr);
    const bug = problemOf(addr);
    if (bug === null) return unitsOf(bytesAt(addr)) * UNIT;
    report(machine, bug);
    return 0;
  }

  /** Bytes that were asked for. */
  function bytesAt(addr: PhysAddr): number {
    return machine.sizeOf(addr - HEADER) - HEADER;
  }

  /** What is wrong with an address in a page of the heap; null when kmalloc handed it out. */
  function problemOf(addr: PhysAddr): KernelBug | null {
    const start = blockAt(addr);
    const owner = start === NULL ? FREE : ownerOf(start);
    if (start !== NULL && owner === FREE) return badAddress('DOUBLE_FREE', 'slob', addr, 'the memory is free already');
    if (owner === KMALLOC_OWNER && start === addr - HEADER) return null;
    return badAddress('BAD_OBJECT', 'slob', addr, 'not memory that kmalloc handed out');
  }

  return { caches: [], largePages: large.nrPages, kmalloc, kmallocNode, kfree, kfreeBulk, ksize };
}
