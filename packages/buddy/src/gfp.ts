/**
 * What a request's GFP flags mean to the allocator (buddy spec 3.3 to 3.7).
 */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
  __GFP_HIGH,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_MOVABLE,
  __GFP_NOMEMALLOC,
  GFP_NAMES,
  PF_MEMALLOC_NOFS,
  PF_MEMALLOC_NOIO,
  PF_MEMALLOC_PIN,
  type CpuContext,
  type Gfp,
  type ZoneKind,
} from '@kmem/contracts';
import {
  ALLOC_CPUSET,
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_MIN,
} from './alloc-flags.js';

/**
 * Fills the table from the four zone bits of a request to the index of the highest zone it may use.
 *
 * @param kinds - zone kinds of the machine in index order.
 * @param table - 16 entries, written.
 */
export function fillGfpZone(kinds: readonly ZoneKind[], table: Uint8Array): void {
  const normal = kinds.indexOf('Normal');
  const or = (kind: ZoneKind, otherwise: number): number => (kinds.includes(kind) ? kinds.indexOf(kind) : otherwise);
  const highmem = or('HighMem', normal);
  // Combinations the kernel does not allow read 0 from its table: the lowest zone.
  table.fill(0);
  table[0x0] = table[0x8] = normal;
  table[0x1] = table[0x9] = or('DMA', normal);
  table[0x2] = highmem;
  table[0x4] = table[0xc] = or('DMA32', normal);
  table[0xa] = or('Movable', highmem);
}

/**
 * Applies what the current task has restricted for a stretch of its code.
 *
 * @param gfp - flags of the request.
 * @param taskFlags - `PF_*` bits of the task.
 * @returns flags to use.
 */
export function scopedGfp(gfp: Gfp, taskFlags: number): Gfp {
  let flags: number = gfp;
  if ((taskFlags & PF_MEMALLOC_NOIO) !== 0) flags &= ~(__GFP_IO | __GFP_FS);
  else if ((taskFlags & PF_MEMALLOC_NOFS) !== 0) flags &= ~__GFP_FS;
  if ((taskFlags & PF_MEMALLOC_PIN) !== 0) flags &= ~__GFP_MOVABLE;
  return flags;
}

/**
 * Derives the flags of the slow path.
 *
 * @param gfp - flags of the request.
 * @param order - order of the request.
 * @param cpus - the caller.
 * @returns `ALLOC_*` bits.
 */
export function slowPathFlags(gfp: Gfp, order: number, cpus: CpuContext): number {
  let flags = ALLOC_WMARK_MIN | ALLOC_CPUSET | (gfp & __GFP_KSWAPD_RECLAIM);
  if ((gfp & __GFP_HIGH) !== 0) flags |= ALLOC_MIN_RESERVE;
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0) {
    if ((gfp & __GFP_NOMEMALLOC) === 0) {
      flags |= ALLOC_NON_BLOCK;
      if (order > 0 && (flags & ALLOC_MIN_RESERVE) !== 0) flags |= ALLOC_HIGHATOMIC;
    }
    if ((flags & ALLOC_MIN_RESERVE) !== 0) flags &= ~ALLOC_CPUSET;
  } else if (cpus.realtime && !cpus.inInterrupt) {
    flags |= ALLOC_MIN_RESERVE;
  }
  return flags;
}

/**
 * Tells whether the caller may go below the watermarks altogether.
 *
 * @param gfp - flags of the request.
 * @param cpus - the caller.
 * @param memalloc - whether the task frees memory itself: has PF_MEMALLOC.
 * @returns `ALLOC_NO_WATERMARKS`, `ALLOC_OOM` or 0.
 */
export function reserveFlags(gfp: Gfp, cpus: CpuContext, memalloc: boolean): number {
  if ((gfp & __GFP_NOMEMALLOC) !== 0) return 0;
  if ((gfp & __GFP_MEMALLOC) !== 0) return ALLOC_NO_WATERMARKS;
  if (cpus.inSoftirq && memalloc) return ALLOC_NO_WATERMARKS;
  if (cpus.inInterrupt) return 0;
  if (memalloc) return ALLOC_NO_WATERMARKS;
  return cpus.oomVictim ? ALLOC_OOM : 0;
}

/**
 * Spells GFP flags out as the kernel's traces and warnings do.
 *
 * @param gfp - flags.
 * @returns names joined by `|`, bits without a name in hex, `none` for 0.
 * @example
 * ```ts
 * import { formatGfp } from '@kmem/buddy';
 *
 * formatGfp(0xdc0); // -> 'GFP_KERNEL|__GFP_ZERO'
 * ```
 */
export function formatGfp(gfp: Gfp): string {
  const words: string[] = [];
  let left: number = gfp;
  for (const [name, bits] of GFP_NAMES) {
    if ((left & bits) !== bits) continue;
    words.push(name);
    left &= ~bits;
  }
  if (left !== 0) words.push(`0x${left.toString(16)}`);
  return words.length === 0 ? 'none' : words.join('|');
}
