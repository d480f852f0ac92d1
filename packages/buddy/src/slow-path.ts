/**
 * Slow path: what happens when no zone is above its low watermark (buddy spec 9.2, 9.3).
 *
 * What can be given up - pages to reclaim, pages to move, tasks to end - is asked of the Reclaim contract.
 * Without one, the only thing to give up are the pages on the per-CPU lists.
 */
import {
  __GFP_ATOMIC,
  __GFP_DIRECT_RECLAIM,
  __GFP_HARDWALL,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  COMPACT_COMPLETE,
  COMPACT_DEFERRED,
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  MIGRATE_MOVABLE,
  PF_MEMALLOC,
  type Gfp,
  type Reclaim,
} from '@kmem/contracts';
import {
  ALLOC_CPUSET,
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
} from './alloc-flags.js';
import { reportAllocFailure } from './alloc-failure.js';
import { formatGfp, reserveFlags, slowPathFlags } from './gfp.js';
import { unreserveHighAtomic } from './high-atomic.js';
import { compactGap } from './reclaim/compaction-limits.js';
import { badArgument, report, WARNED_HOPELESS_NOFAIL, warnOnce } from './report.js';
import { COSTLY_ORDER, P_COUNT, pcpWords, Z_BOOST, Z_NODE, Z_NR_FREE, Z_WMARK, ZONE_SHIFT, type BuddyState } from './state.js';
import { watermarkOk } from './watermark.js';

/** Rounds without progress before a request gives up. */
const MAX_RECLAIM_RETRIES = 16;
/** Rounds of compaction before its priority rises; a quarter of it for costly orders. */
const MAX_COMPACT_RETRIES = 16;

/** Tries the zones of a zonelist row in turn from entry `from` on, with the given `ALLOC_*` bits; returns a first frame or 0. */
export type WalkZonelist = (row: number, from: number, gfp: Gfp, order: number, type: number, highest: number, allocFlags: number) => number;

/** A request, as far as it follows from its arguments and the machine. */
export interface Request {
  /** Zonelist row, with the zones that may serve. */
  readonly row: number;
  /** The row with all nodes; the same, unless the caller has named nodes. */
  readonly allNodes: number;
  /** The nodes that the caller has named, or null. */
  readonly nodemask: ReadonlySet<number> | null;
  /** Flags. */
  readonly gfp: Gfp;
  /** Order. */
  readonly order: number;
  /** Migratetype. */
  readonly type: number;
  /** Index of the highest zone. */
  readonly highest: number;
}

/**
 * Serves a request that the fast path could not, and reports it when nobody can.
 *
 * @param s - the state.
 * @param walkZonelist - tries the zones.
 * @param request - the request; its row has at least one zone.
 * @returns first frame of a block made ready for use, or 0.
 */
export function slowPath(s: BuddyState, walkZonelist: WalkZonelist, request: Request): number {
  const pfn = tryEverything(s, walkZonelist, request);
  if (pfn === 0) reportAllocFailure(s, request.gfp, request.order, request.nodemask);
  return pfn;
}

/**
 * Runs work that frees memory for a task: what is asked meanwhile must not wait for it, nor begin it once more.
 *
 * @param s - the state.
 * @param work - the work.
 * @returns what the work returns.
 */
export function withoutReclaim<T>(s: BuddyState, work: () => T): T {
  s.reclaimDepth++;
  try {
    return work();
  } finally {
    s.reclaimDepth--;
  }
}

/** Tells whether the one who asks frees memory itself. */
function isMemalloc(s: BuddyState): boolean {
  return s.reclaimDepth > 0 || (s.cpus.taskFlags & PF_MEMALLOC) !== 0;
}

function tryEverything(s: BuddyState, walkZonelist: WalkZonelist, request: Request): number {
  const { order, type, highest } = request;
  let { row } = request;
  let gfp: number = request.gfp;
  const node = s.words[(s.zonelists[row] << ZONE_SHIFT) + Z_NODE];
  const mayReclaim = (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  const mayCompact = mayReclaim && (gfp & __GFP_IO) !== 0 && s.reclaim !== null && order > 0;
  const costly = order > COSTLY_ORDER;
  if (mayReclaim && (gfp & __GFP_ATOMIC) !== 0) {
    report(s, badArgument('BAD_GFP', 'gfp', formatGfp(gfp), 'not both __GFP_ATOMIC and __GFP_DIRECT_RECLAIM', 'warn'));
    gfp &= ~__GFP_ATOMIC;
  }
  const walk = (flags: number): number => walkZonelist(row, row, gfp, order, type, highest, flags);
  let allocFlags = slowPathFlags(gfp, order, s.cpus);
  let compactPriority = COMPACT_PRIO_SYNC_LIGHT;
  let compactRetries = 0;
  let noProgress = 0;

  wakeKswapds(s, row, gfp, order, highest);
  let pfn = walk(allocFlags);
  if (pfn !== 0) return pfn;

  let progress = 0;
  let hopeless = false;
  if (mayCompact && (costly || type !== MIGRATE_MOVABLE) && reserveFlags(gfp, s.cpus, isMemalloc(s)) === 0) {
    const result = compact(s, order, gfp, COMPACT_PRIO_ASYNC, highest, node);
    pfn = result > COMPACT_DEFERRED ? walk(allocFlags) : 0;
    if (pfn !== 0) return pfn;
    if (costly && (gfp & __GFP_NORETRY) !== 0) {
      hopeless = result === COMPACT_SKIPPED || result === COMPACT_DEFERRED;
      if ((gfp & __GFP_THISNODE) !== 0) hopeless = true;
      compactPriority = COMPACT_PRIO_ASYNC;
    }
  }

  /** Steps S5 to S12 until a page is found or the request gives up. */
  const tryRounds = (): number => {
    for (;;) {
      wakeKswapds(s, row, gfp, order, highest);
      const reserve = reserveFlags(gfp, s.cpus, isMemalloc(s));
      if (reserve !== 0) allocFlags = reserve | (allocFlags & ALLOC_KSWAPD);
      // For the system, not for a user: it matters less which node the memory is from.
      if ((allocFlags & ALLOC_CPUSET) === 0) row = request.allNodes;
      let found = walk(allocFlags);
      if (found !== 0) return found;
      if (!mayReclaim || isMemalloc(s)) return 0;

      progress = reclaim(s, order, gfp, highest, node);
      if (progress > 0) {
        found = walk(allocFlags);
        if (found !== 0) return found;
        unreserveHighAtomic(s, row, type, false);
        s.lists.drainAll();
        found = walk(allocFlags);
        if (found !== 0) return found;
      }
      const compaction = mayCompact ? compact(s, order, gfp, compactPriority, highest, node) : COMPACT_SKIPPED;
      if (compaction > COMPACT_DEFERRED) {
        found = walk(allocFlags);
        if (found !== 0) return found;
      }
      if ((gfp & __GFP_NORETRY) !== 0) return 0;
      if (costly && !((gfp & __GFP_RETRY_MAYFAIL) !== 0 && mayCompact)) return 0;

      noProgress = progress > 0 && !costly ? 0 : noProgress + 1;
      const hopeful = noProgress <= MAX_RECLAIM_RETRIES && (progress > 0 || s.reclaim !== null);
      if (hopeful && couldServe(s, row, order, highest, allocFlags)) continue;
      if (unreserveHighAtomic(s, row, type, true)) continue;
      if (progress > 0 && mayCompact) {
        const limit = costly ? MAX_COMPACT_RETRIES / 4 : MAX_COMPACT_RETRIES;
        const lowest = costly ? COMPACT_PRIO_SYNC_LIGHT : COMPACT_PRIO_SYNC_FULL;
        if (compaction === COMPACT_SUCCESS) compactRetries++;
        if (compaction === COMPACT_SKIPPED) {
          if (couldCompact(s, row, order, highest)) continue;
        } else if ((compaction === COMPACT_SUCCESS || compaction < COMPACT_COMPLETE) && compaction !== COMPACT_DEFERRED && compactRetries <= limit) {
          continue;
        } else if (compactPriority > lowest) {
          compactPriority--;
          compactRetries = 0;
          continue;
        }
      }
      if (s.reclaim === null) return 0;
      // Another task may have freed memory meanwhile: look once more, well above the watermarks, before a task dies.
      const lastFlags = (gfp | __GFP_HARDWALL) & ~__GFP_DIRECT_RECLAIM;
      found = walkZonelist(row, row, lastFlags, order, type, highest, ALLOC_WMARK_HIGH | ALLOC_CPUSET);
      if (found !== 0) return found;
      const freed = mayKill(s, gfp, order, highest) && outOfMemory(s, s.reclaim, order, gfp);
      if (freed && (gfp & __GFP_NOFAIL) !== 0) {
        found = walk(ALLOC_NO_WATERMARKS);
        if (found !== 0) return found;
      }
      if (s.cpus.oomVictim && ((allocFlags & ALLOC_OOM) !== 0 || (gfp & __GFP_NOMEMALLOC) !== 0)) return 0;
      if (!freed) return 0;
      noProgress = 0;
    }
  };

  for (;;) {
    progress = 0;
    pfn = hopeless ? 0 : tryRounds();
    if (pfn !== 0 || (gfp & __GFP_NOFAIL) === 0) return pfn;
    if (!mayReclaim) {
      report(s, badArgument('BAD_GFP', 'gfp', formatGfp(gfp), '__GFP_NOFAIL only together with __GFP_DIRECT_RECLAIM', 'warn'));
      return 0;
    }
    if (costly || isMemalloc(s)) {
      const expected = 'a task without PF_MEMALLOC and an order up to 3';
      warnOnce(s, WARNED_HOPELESS_NOFAIL, badArgument('BAD_GFP', '__GFP_NOFAIL request', `of order ${String(order)}`, expected, 'warn'));
    }
    // A request that must not fail: half of the min watermark is open to it.
    pfn = walk(ALLOC_WMARK_MIN | ALLOC_MIN_RESERVE);
    // Linux would go on for ever. Nothing else runs meanwhile here, so without progress there never will be any.
    if (pfn !== 0 || (progress === 0 && !hopeless)) return pfn;
    hopeless = false;
  }
}

/** Tells the reclaimer of every node in the row, once each. */
function wakeKswapds(s: BuddyState, row: number, gfp: Gfp, order: number, highest: number): void {
  if (s.reclaim === null || (gfp & __GFP_KSWAPD_RECLAIM) === 0) return;
  let last = -1;
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const node = s.words[(s.zonelists[at] << ZONE_SHIFT) + Z_NODE];
    if (node !== last) s.reclaim.wakeKswapd(node, order, highest, gfp);
    last = node;
  }
}

/** Asks for pages. Without a Reclaim, pages on per-CPU lists count as progress: draining them is all there is. */
function reclaim(s: BuddyState, order: number, gfp: Gfp, highest: number, node: number): number {
  const from = s.reclaim;
  if (from !== null) return withoutReclaim(s, () => from.reclaim(order, gfp, highest, node));
  let pages = 0;
  for (let cpu = 0; cpu < s.nrCpus; cpu++) {
    for (let zone = 0; zone < s.nrZones; zone++) pages += s.words[pcpWords(s, cpu, zone) + P_COUNT];
  }
  return pages;
}

function compact(s: BuddyState, order: number, gfp: Gfp, priority: number, highest: number, node: number): number {
  const by = s.reclaim;
  return by === null ? COMPACT_SKIPPED : withoutReclaim(s, () => by.compact(order, gfp, priority, highest, node));
}

function outOfMemory(s: BuddyState, by: Reclaim, order: number, gfp: Gfp): boolean {
  return withoutReclaim(s, () => by.outOfMemory(order, gfp));
}

/** Tells whether some zone would pass the min watermark if everything that can be reclaimed were free. */
function couldServe(s: BuddyState, row: number, order: number, highest: number, allocFlags: number): boolean {
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const zone = s.zonelists[at];
    const z = zone << ZONE_SHIFT;
    const mark = s.words[z + Z_WMARK + ALLOC_WMARK_MIN] + s.words[z + Z_BOOST];
    if (watermarkOk(s, zone, order, mark, highest, allocFlags, obtainable(s, zone))) return true;
  }
  return false;
}

/** Tells whether some zone would have room to compact in if everything that can be reclaimed were free (buddy spec 11). */
function couldCompact(s: BuddyState, row: number, order: number, highest: number): boolean {
  const level = order > COSTLY_ORDER ? ALLOC_WMARK_LOW : ALLOC_WMARK_MIN;
  for (let at = row; s.zonelists[at] >= 0; at++) {
    const zone = s.zonelists[at];
    const z = zone << ZONE_SHIFT;
    const mark = s.words[z + Z_WMARK + level] + s.words[z + Z_BOOST] + compactGap(order);
    if (watermarkOk(s, zone, 0, mark, highest, 0, obtainable(s, zone))) return true;
  }
  return false;
}

/** Counts the pages of a zone that are free or could be. */
function obtainable(s: BuddyState, zone: number): number {
  return s.words[(zone << ZONE_SHIFT) + Z_NR_FREE] + (s.reclaim === null ? 0 : s.reclaim.reclaimablePages(zone));
}

/** Requests for which ending a task would not help, or is not worth it (buddy spec 9.3, step 3). */
function mayKill(s: BuddyState, gfp: Gfp, order: number, highest: number): boolean {
  if (order > COSTLY_ORDER) return false;
  if ((gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0) return false;
  return highest >= s.kinds.indexOf('Normal');
}
