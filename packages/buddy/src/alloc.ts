/**
 * Allocation: from a request to a block (buddy spec 7.1, 9, 9.1, 10).
 *
 * The fast path tests the low watermark of each zone in turn and takes a block from the per-CPU lists or the
 * free areas. When no zone may serve, slow-path.ts takes over.
 */
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_HIGHMEM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  __GFP_THISNODE,
  __GFP_ZERO,
  BLOCK_TAIL,
  BLOCK_ZONE_SHIFT,
  GFP_ZONEMASK,
  MIGRATE_HIGHATOMIC,
  MIGRATE_PCPTYPES,
  NO_PAGE,
  PG_head,
  type Gfp,
} from '@kmem/contracts';
import {
  ALLOC_HIGHATOMIC,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
  formatGfp,
  PF_SCOPE_MASK,
  scopedGfp,
} from './alloc-flags.js';
import { hasPcpList, takeSmallest } from './free-area.js';
import { takeWithFallback } from './fallback.js';
import { reserveHighAtomic } from './high-atomic.js';
import { badArgument, report } from './report.js';
import { takeFromPcp } from './per-cpu-lists.js';
import { slowPath } from './slow-path.js';
import { addFreePages, Z_BOOST, Z_FLAGS, Z_HIGHATOMIC, Z_INDEX, Z_LOW, Z_NODE, Z_NR_FREE, Z_RESERVE, ZONE_BOOSTED, ZONE_SHIFT, type BuddyState } from './state.js';
import { watermarkAllows } from './watermark.js';
import { zonelistRow } from './zonelist.js';

/**
 * Takes a block.
 *
 * @param s - the state.
 * @param node - node to start from.
 * @param gfp - flags of the request.
 * @param order - order.
 * @returns first frame or `NO_PAGE`.
 */
export function allocPages(s: BuddyState, node: number, gfp: Gfp, order: number): number {
  if (order >>> 0 !== order || order >= s.maxOrder) return refuseOrder(s, gfp, order);
  const taskFlags = s.cpus.taskFlags;
  const flags = (taskFlags & PF_SCOPE_MASK) === 0 ? gfp : scopedGfp(gfp, taskFlags);
  const type = s.groupingDisabled ? 0 : (flags & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) >> 3;
  if (type >= MIGRATE_PCPTYPES) return refuseMobility(s, gfp);
  const highest = s.gfpZone[flags & GFP_ZONEMASK];
  const row = zonelistRow(s, node, highest, (flags & __GFP_THISNODE) !== 0);
  const preferred = s.zonelists[row];
  let pfn = 0;
  if (preferred >= 0) {
    let allocFlags = ALLOC_WMARK_LOW | (flags & __GFP_KSWAPD_RECLAIM);
    if (s.avoidFragmentation[preferred] !== 0) allocFlags |= ALLOC_NOFRAGMENT;
    pfn = walkZonelist(s, row, flags, order, type, highest, allocFlags);
    if (pfn === 0) pfn = slowPath(s, row, flags, order, type, highest);
  }
  if (s.trace !== null) s.trace.mmPageAlloc(pfn === 0 ? NO_PAGE : pfn, order, flags, type);
  return pfn === 0 ? NO_PAGE : pfn;
}

/**
 * Tries the zones of a row in turn.
 *
 * @param s - the state.
 * @param row - row of the zonelist.
 * @param gfp - flags of the request.
 * @param order - order.
 * @param type - migratetype.
 * @param highest - index of the highest zone.
 * @param allocFlags - `ALLOC_*` bits.
 * @returns first frame of a block made ready for use, or 0.
 */
export function walkZonelist(
  s: BuddyState,
  row: number,
  gfp: Gfp,
  order: number,
  type: number,
  highest: number,
  allocFlags: number,
): number {
  const w = s.words;
  for (let at = row; ; at++) {
    const zone = s.zonelists[at];
    if (zone < 0) {
      if ((allocFlags & ALLOC_NOFRAGMENT) === 0) return 0;
      // Rather mix types here than fail.
      return walkZonelist(s, row, gfp, order, type, highest, allocFlags & ~ALLOC_NOFRAGMENT);
    }
    const z = zone << ZONE_SHIFT;
    if ((allocFlags & ALLOC_NOFRAGMENT) !== 0 && at !== row && w[z + Z_NODE] !== w[(s.zonelists[row] << ZONE_SHIFT) + Z_NODE]) {
      // Memory of another node is worse than mixed types.
      return walkZonelist(s, row, gfp, order, type, highest, allocFlags & ~ALLOC_NOFRAGMENT);
    }
    // The common case of watermarkAllows in one line; a request that fails it gets the full test.
    const enough =
      order === 0 &&
      (allocFlags & ~(ALLOC_NOFRAGMENT | __GFP_KSWAPD_RECLAIM)) === ALLOC_WMARK_LOW &&
      w[z + Z_NR_FREE] - w[z + Z_HIGHATOMIC] > w[z + Z_LOW] + w[z + Z_BOOST] + w[z + Z_RESERVE + highest];
    if (
      !enough &&
      !watermarkAllows(s, zone, order, highest, allocFlags, gfp) &&
      (allocFlags & ALLOC_NO_WATERMARKS) === 0
    ) {
      continue;
    }
    const pfn = takeFromZone(s, zone, gfp, order, type, highest, allocFlags);
    if (pfn === 0) continue;
    s.refcount[pfn] = 1;
    if (((gfp & __GFP_ZERO) | ((gfp & __GFP_COMP) !== 0 ? order : 0)) !== 0) prepare(s, pfn, gfp, order);
    if ((allocFlags & ALLOC_HIGHATOMIC) !== 0) reserveHighAtomic(s, zone, pfn);
    return pfn;
  }
}

/**
 * Takes single pages into the empty slots of an array (buddy spec 10.1).
 *
 * @param s - the state.
 * @param node - node to start from.
 * @param gfp - flags.
 * @param nrPages - number of slots.
 * @param pages - slots; `NO_PAGE` marks an empty one.
 * @returns number of filled slots.
 */
export function allocPagesBulk(s: BuddyState, node: number, gfp: Gfp, nrPages: number, pages: Int32Array): number {
  if (!Number.isInteger(nrPages) || nrPages > pages.length) {
    report(s, badArgument('BAD_SIZE', 'nrPages', nrPages, `an integer up to the ${String(pages.length)} slots of the array`));
    return 0;
  }
  let filled = 0;
  while (filled < nrPages && pages[filled] !== NO_PAGE) filled++;
  if (nrPages <= 0 || filled === nrPages) return filled;
  const zone = nrPages - filled > 1 && (gfp & __GFP_ACCOUNT) === 0 ? bulkZone(s, node, gfp, nrPages) : -1;
  let got = 0;
  if (zone >= 0) {
    const type = s.groupingDisabled ? 0 : (gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) >> 3;
    for (; filled < nrPages; filled++) {
      if (pages[filled] !== NO_PAGE) continue;
      const pfn = takeFromPcp(s, zone, 0, type, ALLOC_WMARK_LOW, true);
      if (pfn === 0) break;
      s.refcount[pfn] = 1;
      if ((gfp & __GFP_ZERO) !== 0) prepare(s, pfn, gfp, 0);
      pages[filled] = pfn;
      got++;
    }
  }
  if (got === 0) {
    const pfn = allocPages(s, node, gfp, 0);
    if (pfn !== NO_PAGE) pages[filled++] = pfn;
  }
  return filled;
}

/** Takes a block from one zone: per-CPU lists first, free areas otherwise. */
function takeFromZone(s: BuddyState, zone: number, gfp: Gfp, order: number, type: number, highest: number, allocFlags: number): number {
  let pfn = hasPcpList(s, order) ? takeFromPcp(s, zone, order, type, allocFlags, false) : 0;
  if (pfn === 0) pfn = takeFromFreeAreas(s, zone, gfp, order, type, allocFlags);
  if ((s.words[(zone << ZONE_SHIFT) + Z_FLAGS] & ZONE_BOOSTED) !== 0) tellKswapd(s, zone, gfp, highest);
  return pfn;
}

function takeFromFreeAreas(s: BuddyState, zone: number, gfp: Gfp, order: number, type: number, allocFlags: number): number {
  if ((gfp & __GFP_NOFAIL) !== 0 && order > 1) {
    report(s, badArgument('BAD_GFP', 'order of a __GFP_NOFAIL request', order, '0 or 1', 'warn'));
  }
  let pfn = (allocFlags & ALLOC_HIGHATOMIC) !== 0 ? takeSmallest(s, zone, order, MIGRATE_HIGHATOMIC) : 0;
  if (pfn === 0) pfn = takeWithFallback(s, zone, order, type, allocFlags);
  if (pfn === 0 && (allocFlags & (ALLOC_OOM | ALLOC_NON_BLOCK)) !== 0) pfn = takeSmallest(s, zone, order, MIGRATE_HIGHATOMIC);
  if (pfn !== 0) addFreePages(s, zone, -(1 << order));
  return pfn;
}

function tellKswapd(s: BuddyState, zone: number, gfp: Gfp, highest: number): void {
  const z = zone << ZONE_SHIFT;
  s.words[z + Z_FLAGS] &= ~ZONE_BOOSTED;
  if (s.reclaim !== null) s.reclaim.wakeKswapd(s.words[z + Z_NODE], 0, Math.min(highest, s.words[z + Z_INDEX]), gfp);
}

/** Zeroes a block and makes it compound, as the flags ask. */
function prepare(s: BuddyState, pfn: number, gfp: Gfp, order: number): void {
  if ((gfp & __GFP_ZERO) !== 0 && s.memory !== null) {
    const shift = s.frames.pageShift;
    s.memory.fill(pfn * 2 ** shift, 2 ** (order + shift), 0);
  }
  if ((gfp & __GFP_COMP) !== 0 && order > 0) {
    const tail = (s.block[pfn] >>> BLOCK_ZONE_SHIFT << BLOCK_ZONE_SHIFT) | BLOCK_TAIL;
    s.flags[pfn] |= 1 << PG_head;
    for (let at = pfn + 1; at < pfn + (1 << order); at++) {
      s.block[at] = tail;
      s.owner[at] = pfn;
    }
  }
}

/** Finds the first local zone that can lose the whole bulk and stay above its low watermark, or -1. */
function bulkZone(s: BuddyState, node: number, gfp: Gfp, nrPages: number): number {
  const w = s.words;
  const row = zonelistRow(s, node, s.gfpZone[gfp & GFP_ZONEMASK], (gfp & __GFP_THISNODE) !== 0);
  if (s.zonelists[row] < 0) return -1;
  const preferred = w[(s.zonelists[row] << ZONE_SHIFT) + Z_INDEX];
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const z = s.zonelists[at] << ZONE_SHIFT;
    if (w[z + Z_NODE] !== node) continue;
    const mark = w[z + Z_LOW] + w[z + Z_BOOST] + nrPages;
    const free = Math.max(w[z + Z_NR_FREE], 0);
    if (free - Math.min(free, w[z + Z_HIGHATOMIC]) > mark + w[z + Z_RESERVE + preferred]) return s.zonelists[at];
  }
  return -1;
}

function refuseOrder(s: BuddyState, gfp: Gfp, order: number): number {
  if (Number.isInteger(order) && order >= s.maxOrder) {
    if ((gfp & __GFP_NOWARN) === 0) {
      report(s, badArgument('BAD_ORDER', 'order', order, `at most ${String(s.maxOrder - 1)}`, 'warn'));
    }
  } else {
    report(s, badArgument('BAD_ORDER', 'order', order, `an integer from 0 to ${String(s.maxOrder - 1)}`));
  }
  return NO_PAGE;
}

function refuseMobility(s: BuddyState, gfp: Gfp): number {
  report(s, badArgument('BAD_GFP', 'gfp', formatGfp(gfp), 'not both __GFP_MOVABLE and __GFP_RECLAIMABLE'));
  return NO_PAGE;
}

/**
 * Drops the flags that an exact allocation cannot honour.
 *
 * @param s - the state.
 * @param gfp - flags of the request.
 * @returns flags to use.
 */
export function exactGfp(s: BuddyState, gfp: Gfp): Gfp {
  const refused = gfp & (__GFP_COMP | __GFP_HIGHMEM);
  if (refused === 0) return gfp;
  report(s, badArgument('BAD_GFP', 'gfp of an exact allocation', formatGfp(gfp), `without ${formatGfp(refused)}`, 'warn'));
  return gfp & ~refused;
}
