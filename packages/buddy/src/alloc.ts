/**
 * Allocation: from a request to a block (buddy spec 7.1, 9, 9.1, 10).
 *
 * The fast path tests the low watermark of each zone in turn and takes a block from the per-CPU lists or the
 * free areas. When no zone may serve, slow-path.ts takes over.
 */
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
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
  NUMA_NO_NODE,
  PF_MEMALLOC_NOFS,
  PF_MEMALLOC_NOIO,
  PF_MEMALLOC_PIN,
  PG_head,
  type Gfp,
} from '@kmem/contracts';
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
} from './alloc-flags.js';
import { reportAllocFailure } from './alloc-failure.js';
import { takeFromOtherTypes } from './fallback.js';
import { formatGfp, scopedGfp } from './gfp.js';
import { reserveHighAtomic } from './high-atomic.js';
import { LAST_CPU, LAST_ENDS, LAST_GFP, LAST_MARK, LAST_NODE, LAST_NONEMPTY, LAST_ORDER, LAST_PCP, LAST_SHIFT, LAST_TYPE, LAST_ZONE } from './last-request.js';
import { badArgument, report, WARNED_NOFAIL, WARNED_ORDER, warnOnce } from './report.js';
import { slowPath, type Request } from './slow-path.js';
import {
  hasPcpList,
  ORDERS_LIMIT,
  pcpListEnds,
  pcpWords,
  Z_BOOST,
  Z_FAST_MARK,
  Z_FLAGS,
  Z_HIGHATOMIC,
  Z_INDEX,
  Z_LOW,
  Z_NODE,
  Z_NONEMPTY,
  Z_NR_FREE,
  Z_RESERVE,
  ZONE_BOOSTED,
  ZONE_SHIFT,
  type BuddyState,
} from './state.js';
import { updateFastMarks, watermarkAllows } from './watermark.js';
import { maskedRow, zonelistRow } from './zonelist.js';

/** The ways to take pages. `node` is where a request starts from, or `NUMA_NO_NODE`. */
export interface Allocation {
  /** Takes a block. Returns its first frame or `NO_PAGE`. */
  readonly allocPages: (node: number, gfp: Gfp, order: number) => number;
  /** Takes a block from one of the given nodes, or from any for `null`. Returns its first frame or `NO_PAGE`. */
  readonly allocPagesNodemask: (node: number, gfp: Gfp, order: number, nodemask: ReadonlySet<number> | null) => number;
  /** Takes single pages into the empty slots of an array (buddy spec 10.1). Returns the number of filled slots. */
  readonly allocPagesBulk: (node: number, gfp: Gfp, nrPages: number, pages: Int32Array) => number;
}

/**
 * Makes the ways to take pages. The functions hold the arrays themselves: V8 then knows their addresses.
 *
 * @param s - the state.
 * @returns functions over it.
 */
export function createAllocation(s: BuddyState): Allocation {
  const { words: w, refcount, zonelists, gfpZone, avoidFragmentation, nodeOfCpu, cpus, maxOrder } = s;
  const { take, takeFrom } = s.lists;
  const { takeSmallest, addFreePages } = s.areas;
  // Where pageblock types are not kept apart, every request is of type 0.
  const mobilityMask = s.groupingDisabled ? 0 : __GFP_MOVABLE | __GFP_RECLAIMABLE;
  // By order: what the last plain request came down to. All of it follows from the request and the machine.
  const last = new Int32Array(ORDERS_LIMIT << LAST_SHIFT).fill(-1);

  function allocPages(node: number, gfp: Gfp, order: number): number {
    const pfn = takeAgain(node, gfp, order);
    if (pfn === 0) return allocAnew(node, gfp, order, null);
    if (s.trace !== null) s.trace.mmPageAlloc(pfn, order, gfp, (gfp & mobilityMask) >> 3);
    return pfn;
  }

  /**
   * Serves a request like the last one of its order, if all is as simple as it was then: the zone has pages to spare,
   * a free block of the type is there, and for orders with per-CPU lists one waits on its list. Returns 0 otherwise,
   * and has changed nothing.
   */
  function takeAgain(node: number, gfp: Gfp, order: number): number {
    const m = (order & (ORDERS_LIMIT - 1)) << LAST_SHIFT;
    if (last[m + LAST_GFP] !== gfp || last[m + LAST_ORDER] !== order || last[m + LAST_NODE] !== node || last[m + LAST_CPU] !== cpus.cpu) return 0;
    const z = last[m + LAST_ZONE];
    const isRoom = w[z + Z_NR_FREE] - w[last[m + LAST_MARK]] >= 1 << order && w[last[m + LAST_NONEMPTY]] >>> order !== 0;
    if (!isRoom || (cpus.taskFlags & (PF_MEMALLOC_NOIO | PF_MEMALLOC_NOFS | PF_MEMALLOC_PIN)) !== 0) return 0;
    const ends = last[m + LAST_ENDS];
    if (ends === 0) return takeFromOwnType(z >> ZONE_SHIFT, order, last[m + LAST_TYPE]);
    const pfn = takeFrom(last[m + LAST_PCP], ends, order);
    if (pfn !== 0) refcount[pfn] = 1;
    return pfn;
  }

  function takeFromOwnType(zone: number, order: number, type: number): number {
    const pfn = takeSmallest(zone, order, type);
    addFreePages(zone, -(1 << order));
    refcount[pfn] = 1;
    return pfn;
  }

  /** Writes down what a request came down to, for {@link takeAgain}. */
  function remember(node: number, gfp: Gfp, order: number, type: number, highest: number, zone: number): void {
    const m = order << LAST_SHIFT;
    last[m + LAST_GFP] = gfp;
    last[m + LAST_ORDER] = order;
    last[m + LAST_NODE] = node;
    last[m + LAST_CPU] = cpus.cpu;
    last[m + LAST_ZONE] = zone << ZONE_SHIFT;
    last[m + LAST_MARK] = (zone << ZONE_SHIFT) + Z_FAST_MARK + highest;
    last[m + LAST_NONEMPTY] = (zone << ZONE_SHIFT) + Z_NONEMPTY + type;
    last[m + LAST_PCP] = pcpWords(s, cpus.cpu, zone);
    last[m + LAST_ENDS] = hasPcpList(s, order) ? pcpListEnds(s, cpus.cpu, zone, s.pcpIndexOf[(order << 3) | type]) : 0;
    last[m + LAST_TYPE] = type;
  }

  function allocPagesNodemask(node: number, gfp: Gfp, order: number, nodemask: ReadonlySet<number> | null): number {
    if (nodemask === null) return allocPages(node, gfp, order);
    // What a Reclaim asks for meanwhile may need the row for itself.
    const outer = zonelists.slice(-(s.nrZones + 1));
    try {
      return allocAnew(node, gfp, order, nodemask);
    } finally {
      zonelists.set(outer, zonelists.length - outer.length);
    }
  }

  function allocAnew(node: number, gfp: Gfp, order: number, nodemask: ReadonlySet<number> | null): number {
    if (order >>> 0 !== order || order >= maxOrder) return refuseOrder(s, gfp, order);
    const flags = scopedGfp(gfp, cpus.taskFlags);
    const type = (flags & mobilityMask) >> 3;
    if (type >= MIGRATE_PCPTYPES) return refuseMobility(s, gfp);
    if ((flags & __GFP_NOFAIL) !== 0 && order > 1) {
      warnOnce(s, WARNED_NOFAIL, badArgument('BAD_GFP', 'order of a __GFP_NOFAIL request', order, '0 or 1', 'warn'));
    }
    const highest = gfpZone[flags & GFP_ZONEMASK];
    const allNodes = zonelistRow(s, node === NUMA_NO_NODE ? nodeOfCpu[cpus.cpu] : node, highest, flags & __GFP_THISNODE);
    const row = nodemask === null ? allNodes : maskedRow(s, allNodes, nodemask);
    const preferred = zonelists[row];
    const allocFlags = ALLOC_WMARK_LOW | (flags & __GFP_KSWAPD_RECLAIM) | (preferred >= 0 ? avoidFragmentation[preferred] : 0);
    let pfn = preferred >= 0 ? tryZone(preferred, flags, order, type, highest, allocFlags) : 0;
    if (pfn === 0) pfn = tryOtherZones({ row, allNodes, nodemask, gfp: flags, order, type, highest }, allocFlags);
    else if (nodemask === null && flags === gfp && (gfp & (__GFP_ZERO | __GFP_COMP)) === 0) remember(node, gfp, order, type, highest, preferred);
    if (s.trace !== null) s.trace.mmPageAlloc(pfn, order, flags, type);
    return pfn;
  }

  /** Takes a block from one zone and makes it ready for use; returns its first frame, or 0. */
  function tryZone(zone: number, gfp: Gfp, order: number, type: number, highest: number, allocFlags: number): number {
    const z = zone << ZONE_SHIFT;
    // The plain request in one line; any other one, and a plain one that fails, gets the full test.
    const isPlain = (allocFlags & ~(ALLOC_NOFRAGMENT | ALLOC_KSWAPD)) === ALLOC_WMARK_LOW;
    const isRoom = w[z + Z_NR_FREE] - w[z + Z_FAST_MARK + highest] >= 1 << order && w[z + Z_NONEMPTY + type] >>> order !== 0;
    if (!(isPlain && isRoom) && !watermarkAllows(s, zone, order, highest, allocFlags, gfp) && (allocFlags & ALLOC_NO_WATERMARKS) === 0) {
      return 0;
    }
    let pfn = hasPcpList(s, order) ? take(zone, order, type, allocFlags, false) : 0;
    if (pfn === 0) pfn = takeFromFreeAreas(zone, order, type, allocFlags);
    if ((w[z + Z_FLAGS] & ZONE_BOOSTED) !== 0) tellKswapd(s, zone, gfp);
    if (pfn === 0) return 0;
    refcount[pfn] = 1;
    if ((gfp & (__GFP_ZERO | __GFP_COMP)) !== 0) prepare(s, pfn, gfp, order);
    if ((allocFlags & ALLOC_HIGHATOMIC) !== 0) reserveHighAtomic(s, zone, pfn);
    return pfn;
  }

  /** Serves a request that its preferred zone did not: from the rest of the row, or by the slow path. */
  function tryOtherZones(request: Request, allocFlags: number): number {
    const { row, gfp, order, type, highest } = request;
    if (zonelists[row] < 0) {
      reportAllocFailure(s, gfp, order, request.nodemask);
      return NO_PAGE;
    }
    let pfn = walkZonelist(row, row + 1, gfp, order, type, highest, allocFlags);
    if (pfn === 0) pfn = slowPath(s, walkZonelist, request);
    return pfn === 0 ? NO_PAGE : pfn;
  }

  /** Tries the zones of a row in turn, beginning with entry `from`; returns a first frame, or 0. */
  function walkZonelist(row: number, from: number, gfp: Gfp, order: number, type: number, highest: number, allocFlags: number): number {
    const node = w[(zonelists[row] << ZONE_SHIFT) + Z_NODE];
    for (let at = from; zonelists[at] >= 0; at++) {
      const zone = zonelists[at];
      // Memory of another node is worse than mixed types.
      if ((allocFlags & ALLOC_NOFRAGMENT) !== 0 && w[(zone << ZONE_SHIFT) + Z_NODE] !== node) break;
      const pfn = tryZone(zone, gfp, order, type, highest, allocFlags);
      if (pfn !== 0) return pfn;
    }
    // Rather mix types than fail.
    return (allocFlags & ALLOC_NOFRAGMENT) === 0 ? 0 : walkZonelist(row, row, gfp, order, type, highest, allocFlags & ~ALLOC_NOFRAGMENT);
  }

  function takeFromFreeAreas(zone: number, order: number, type: number, allocFlags: number): number {
    let pfn = (allocFlags & ALLOC_HIGHATOMIC) !== 0 ? takeSmallest(zone, order, MIGRATE_HIGHATOMIC) : 0;
    if (pfn === 0) pfn = takeSmallest(zone, order, type);
    if (pfn === 0) pfn = takeFromOtherTypes(s, zone, order, type, allocFlags);
    if (pfn === 0 && (allocFlags & (ALLOC_OOM | ALLOC_NON_BLOCK)) !== 0) pfn = takeSmallest(zone, order, MIGRATE_HIGHATOMIC);
    if (pfn !== 0) addFreePages(zone, -(1 << order));
    return pfn;
  }

  function allocPagesBulk(node: number, gfp: Gfp, nrPages: number, pages: Int32Array): number {
    if (!Number.isInteger(nrPages) || nrPages > pages.length) {
      report(s, badArgument('BAD_SIZE', 'nrPages', nrPages, `an integer up to the ${String(pages.length)} slots of the array`));
      return 0;
    }
    let filled = 0;
    while (filled < nrPages && pages[filled] !== NO_PAGE) filled++;
    if (nrPages <= 0 || filled === nrPages) return filled;
    const type = (gfp & mobilityMask) >> 3;
    if (type >= MIGRATE_PCPTYPES) {
      refuseMobility(s, gfp);
      return filled;
    }
    const zone = nrPages - filled > 1 && (gfp & __GFP_ACCOUNT) === 0 ? bulkZone(s, node === NUMA_NO_NODE ? nodeOfCpu[cpus.cpu] : node, gfp, nrPages) : -1;
    let got = 0;
    if (zone >= 0) {
      for (; filled < nrPages; filled++) {
        if (pages[filled] !== NO_PAGE) continue;
        const pfn = take(zone, 0, type, ALLOC_WMARK_LOW, true);
        if (pfn === 0) break;
        refcount[pfn] = 1;
        if ((gfp & __GFP_ZERO) !== 0) prepare(s, pfn, gfp, 0);
        pages[filled] = pfn;
        got++;
      }
    }
    if (got === 0) {
      const pfn = allocPages(node, gfp, 0);
      if (pfn !== NO_PAGE) pages[filled++] = pfn;
    }
    return filled;
  }

  return { allocPages, allocPagesNodemask, allocPagesBulk };
}

function tellKswapd(s: BuddyState, zone: number, gfp: Gfp): void {
  const z = zone << ZONE_SHIFT;
  s.words[z + Z_FLAGS] &= ~ZONE_BOOSTED;
  updateFastMarks(s, zone);
  if (s.reclaim !== null) s.reclaim.wakeKswapd(s.words[z + Z_NODE], 0, s.words[z + Z_INDEX], gfp);
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

/** Finds the first zone on the node of the preferred one that can lose the whole bulk and stay above its low watermark, or -1. */
function bulkZone(s: BuddyState, node: number, gfp: Gfp, nrPages: number): number {
  const w = s.words;
  const row = zonelistRow(s, node, s.gfpZone[gfp & GFP_ZONEMASK], gfp & __GFP_THISNODE);
  if (s.zonelists[row] < 0) return -1;
  const preferred = s.zonelists[row] << ZONE_SHIFT;
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const z = s.zonelists[at] << ZONE_SHIFT;
    if (w[z + Z_NODE] !== w[preferred + Z_NODE]) break;
    const mark = w[z + Z_LOW] + w[z + Z_BOOST] + nrPages;
    const free = Math.max(w[z + Z_NR_FREE], 0);
    if (free - Math.min(free, w[z + Z_HIGHATOMIC]) > mark + w[z + Z_RESERVE + w[preferred + Z_INDEX]]) return s.zonelists[at];
  }
  return -1;
}

function refuseOrder(s: BuddyState, gfp: Gfp, order: number): number {
  if (Number.isInteger(order) && order >= s.maxOrder) {
    if ((gfp & __GFP_NOWARN) === 0) {
      warnOnce(s, WARNED_ORDER, badArgument('BAD_ORDER', 'order', order, `at most ${String(s.maxOrder - 1)}`, 'warn'));
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
