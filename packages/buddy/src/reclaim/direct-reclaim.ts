/**
 * Direct reclaim: a task that got no page gives some up itself (buddy spec 11).
 */
import { __GFP_FS, __GFP_IO, __GFP_THISNODE, WMARK_MIN, type Gfp } from '@kmem/contracts';
import type { Kswapd } from './kswapd.js';
import { DEF_PRIORITY, shrinkNode, SWAP_CLUSTER_MAX, usableZones, type Vmscan } from './vmscan.js';

/**
 * Tells whether memory is so low that a task should wait for kswapd instead of competing with it.
 *
 * @param v - what to work on.
 * @param node - the node.
 * @param normal - index of zone Normal.
 * @returns true when the zones up to Normal have half of their min watermarks free, or less.
 * @kernelName allow_direct_reclaim
 */
export function mustThrottle(v: Vmscan, node: number, normal: number): boolean {
  const { target, pool } = v;
  let reserve = 0;
  let free = 0;
  for (const { id } of usableZones(target, node, normal)) {
    if (pool.pagesOfZone(id, false) + pool.pagesOfZone(id, true) === 0) continue;
    reserve += target.watermark(id, WMARK_MIN) + target.watermarkBoost(id);
    free += target.nrFreePages(id);
  }
  return reserve > 0 && free <= Math.floor(reserve / 2);
}

/**
 * Gives pages up until 32 are free again, or there is nothing left to look at.
 *
 * @param v - what to work on.
 * @param kswapds - by node; hear of progress.
 * @param gfp - flags of the request: without IO and FS dirty pages stay.
 * @param highestZone - index of the highest zone the request may use.
 * @param node - the node the request prefers; the others follow, unless it must stay there.
 * @returns pages freed.
 * @kernelName try_to_free_pages
 */
export function directReclaim(v: Vmscan, kswapds: readonly Kswapd[], gfp: Gfp, highestZone: number, node: number): number {
  const others = (gfp & __GFP_THISNODE) !== 0 ? [] : kswapds.keys();
  const nodes = [...new Set([node, ...others])];
  const mayWrite = (gfp & (__GFP_IO | __GFP_FS)) === (__GFP_IO | __GFP_FS);
  let reclaimed = 0;
  for (let priority = DEF_PRIORITY; priority >= 0 && reclaimed < SWAP_CLUSTER_MAX; priority--) {
    for (const from of nodes) {
      const nrToReclaim = SWAP_CLUSTER_MAX - reclaimed;
      if (nrToReclaim <= 0) break;
      const got = shrinkNode(v, from, { priority, highestZone, nrToReclaim, mayWrite, by: 'direct' });
      if (got.reclaimed > 0) kswapds[from].progress();
      reclaimed += got.reclaimed;
    }
  }
  return reclaimed;
}
