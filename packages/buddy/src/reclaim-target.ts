/**
 * The allocator as its Reclaim sees it (contract ReclaimTarget).
 *
 * Nothing here is on a hot path: it is asked when memory runs short.
 */
import { BLOCK_ORDER_MASK, BLOCK_TYPE_MASK, BLOCK_TYPE_SHIFT, BLOCK_ZONE_SHIFT, MIGRATE_ISOLATE, PAGE_TYPE_BUDDY, WMARK_MIN, type ReclaimTarget } from '@kmem/contracts';
import { fragmentationIndex } from './fragmentation.js';
import type { Freeing } from './free.js';
import { memInfo } from './mem-info.js';
import { report } from './report.js';
import { withoutReclaim } from './slow-path.js';
import {
  P_COUNT,
  P_DIFF,
  pcpWords,
  Z_BOOST,
  Z_DRIFT_MARK,
  Z_FLAGS,
  Z_INDEX,
  Z_MANAGED,
  Z_NODE,
  Z_NR_FREE,
  Z_SPANNED,
  Z_START,
  Z_WMARK,
  ZONE_RECLAIM_ACTIVE,
  zoneWords,
  type BuddyState,
} from './state.js';
import { updateFastMarks, watermarkOk } from './watermark.js';

/**
 * Makes the view.
 *
 * @param s - the state.
 * @param freeing - the ways to give pages back.
 * @returns functions over the state.
 */
export function createReclaimTarget(s: BuddyState, freeing: Freeing): ReclaimTarget {
  const w = s.words;

  function unusedPages(): number {
    let pages = 0;
    for (let zone = 0; zone < s.nrZones; zone++) {
      pages += w[zoneWords(zone) + Z_NR_FREE];
      for (let cpu = 0; cpu < s.nrCpus; cpu++) pages += w[pcpWords(s, cpu, zone) + P_DIFF] + w[pcpWords(s, cpu, zone) + P_COUNT];
    }
    return pages;
  }

  /** What CPUs have not folded in counts where it could make the difference (buddy spec 14). */
  function safeFreePages(zone: number): number {
    const z = zoneWords(zone);
    let pages = Math.max(w[z + Z_NR_FREE], 0);
    if (pages >= w[z + Z_DRIFT_MARK]) return pages;
    for (let cpu = 0; cpu < s.nrCpus; cpu++) pages += w[pcpWords(s, cpu, zone) + P_DIFF];
    return Math.max(pages, 0);
  }

  function isolateFreeBlock(pfn: number): number {
    const word = s.block[pfn];
    if ((word & PAGE_TYPE_BUDDY) === 0) return -1;
    const zone = word >>> BLOCK_ZONE_SHIFT;
    const order = word & BLOCK_ORDER_MASK;
    if ((word & BLOCK_TYPE_MASK) >> BLOCK_TYPE_SHIFT === MIGRATE_ISOLATE) return -1;
    const z = zoneWords(zone);
    // What is taken for a move must not make the zone fail the requests it is moved for.
    if (!watermarkOk(s, zone, 0, w[z + Z_WMARK + WMARK_MIN] + (1 << order), 0, 0, Math.max(w[z + Z_NR_FREE], 0))) return -1;
    s.areas.removeFreeBlock(pfn);
    s.areas.addFreePages(zone, -(1 << order));
    s.compactionTaken += 1 << order;
    s.block.fill(zone << BLOCK_ZONE_SHIFT, pfn, pfn + (1 << order));
    s.refcount.fill(1, pfn, pfn + (1 << order));
    return order;
  }

  return {
    frames: s.frames,
    maxOrder: s.maxOrder,
    memory: s.memory,
    zones: Array.from({ length: s.nrZones }, (_, id) => {
      const z = zoneWords(id);
      const kind = s.kinds[id % s.kinds.length];
      return { id, kind, node: w[z + Z_NODE], index: w[z + Z_INDEX], startPfn: w[z + Z_START], spannedPages: w[z + Z_SPANNED] };
    }),
    managedPages: (zone) => w[zoneWords(zone) + Z_MANAGED],
    nrFreePages: (zone) => Math.max(w[zoneWords(zone) + Z_NR_FREE], 0),
    unusedPages,
    watermark: (zone, level) => w[zoneWords(zone) + Z_WMARK + level],
    watermarkBoost: (zone) => w[zoneWords(zone) + Z_BOOST],
    lowerBoost: (zone, pages) => {
      w[zoneWords(zone) + Z_BOOST] -= Math.min(pages, w[zoneWords(zone) + Z_BOOST]);
      updateFastMarks(s, zone);
    },
    watermarkOkSafe: (zone, order, mark, highest) => watermarkOk(s, zone, order, mark, highest, 0, safeFreePages(zone)),
    watermarkOk: (zone, order, mark, highest) => watermarkOk(s, zone, order, mark, highest, 0, Math.max(w[zoneWords(zone) + Z_NR_FREE], 0)),
    fragmentationIndex: (zone, order) => fragmentationIndex(s, zone, order),
    setReclaimActive: (zone, active) => {
      const at = zoneWords(zone) + Z_FLAGS;
      w[at] = active ? w[at] | ZONE_RECLAIM_ACTIVE : w[at] & ~ZONE_RECLAIM_ACTIVE;
    },
    freePages: freeing.freePages,
    drainAllPages: s.lists.drainAll,
    isolateFreeBlock,
    withoutReclaim: (work) => withoutReclaim(s, work),
    memInfo: () => memInfo(s),
    report: (bug) => {
      report(s, bug);
    },
  };
}
