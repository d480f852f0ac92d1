/**
 * The report of a request that got no page (buddy spec 9.5).
 */
import { __GFP_DMA, __GFP_NOWARN, KernelBug, type Gfp } from '@kmem/contracts';
import { formatGfp } from './gfp.js';
import { memInfo } from './mem-info.js';
import { report } from './report.js';
import { Z_MANAGED, zoneWords, type BuddyState } from './state.js';

/** At most one report in this time, in nanoseconds. */
const INTERVAL_NS = 10e9;

/**
 * Reports a failed request, unless it asked for silence, wanted DMA memory on a machine without any, or another report was less
 * than ten seconds ago. Without a clock every failure is reported; without a sink none is.
 *
 * @param s - the state.
 * @param gfp - flags of the request.
 * @param order - its order.
 * @param nodemask - the nodes its caller has named, or null.
 * @kernelName warn_alloc
 */
export function reportAllocFailure(s: BuddyState, gfp: Gfp, order: number, nodemask: ReadonlySet<number> | null): void {
  if (s.reports === null || (gfp & __GFP_NOWARN) !== 0) return;
  if ((gfp & __GFP_DMA) !== 0 && !hasDma(s)) return;
  if (s.now !== null) {
    const now = s.now();
    if (now < s.nextFailureReport) return;
    s.nextFailureReport = now + INTERVAL_NS;
  }
  const nodes = formatRanges(Array.from({ length: s.nrNodes }, (_, node) => node));
  const mask = nodemask === null ? '(null)' : formatRanges([...nodemask]);
  const mode = `mode:0x${gfp.toString(16)}(${formatGfp(gfp)}), nodemask=${mask},cpuset=/,mems_allowed=${nodes}`;
  const text = [`page allocation failure: order:${String(order)}, ${mode}`, ...memInfo(s)].join('\n');
  report(s, new KernelBug('ALLOC_FAILURE', text, { order, gfp }, 'warn'));
}

function hasDma(s: BuddyState): boolean {
  return s.kinds.some((kind, zone) => kind === 'DMA' && s.words[zoneWords(zone) + Z_MANAGED] > 0);
}

/** Prints node numbers as the kernel prints bitmaps: `0-2,5`. */
function formatRanges(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const n of numbers.toSorted((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range?.[1] === n - 1) range[1] = n;
    else ranges.push([n, n]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${String(first)}-${String(last)}`)).join(',');
}
