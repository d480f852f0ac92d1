import { __GFP_MOVABLE, GFP_NOWAIT, PAGE_TYPE_BUDDY, type FrameTable } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { BuddyAllocator } from './index.js';

/** An allocator with blocks on free lists and pages on per-CPU lists, and its table to damage. */
function used(): { pages: BuddyAllocator; frames: FrameTable; pcp: number; free: number } {
  const frames = createFrameTable({ nrFrames: 65536 });
  const pages = new BuddyAllocator({
    frames,
    zones: [{ kind: 'Normal', node: 0, startPfn: 0, spannedPages: 65536, present: [{ start: 0, end: 65536 }] }],
  });
  const held = Array.from({ length: 40 }, () => pages.allocPages(GFP_NOWAIT | __GFP_MOVABLE, 0));
  for (const pfn of held.slice(0, 10)) pages.freePages(pfn, 0);
  const zone = pages.exportState().zones[0];
  pages.assertValid();
  return { pages, frames, pcp: zone.pcp.lists[1].pfns[2], free: zone.free[10]['1'][1] };
}

describe('each damage breaks an equation', () => {
  test.each<[string, (parts: ReturnType<typeof used>) => void, RegExp]>([
    ['a reference to a free frame', ({ frames, free }) => (frames.refcount[free + 3] = 1), /a free frame has no references/],
    ['a flag on a free frame', ({ frames, free }) => (frames.flags[free + 3] = 1), /a free frame has no flags/],
    ['the order of a free block', ({ frames, free }) => (frames.block[free] ^= 1), /block word = zone, BUDDY, type, order/],
    ['a back link', ({ frames, free }) => (frames.prev[free] = 8), /prev\(next\(block\)\) = block/],
    ['a lost tail', ({ frames, free }) => (frames.next[free] = 0), /tail word is the last block|NR_BLOCKS|NR_FREE/],
    ['a cycle', ({ frames, free }) => (frames.next[free] = free), /prev\(next\(block\)\) = block|two blocks/],
    ['a list that leaves the zone', ({ frames, free }) => (frames.next[free] = 70000), /a block lies inside its zone/],
    ['a misaligned block', ({ frames, free }) => (frames.next[free] = 2050), /pfn % 2 \*\* order = 0/],
    ['the mark of a per-CPU page', ({ frames, pcp }) => (frames.block[pcp] = 0), /block word = zone, PCP, order/],
    ['a per-CPU page that got lost', ({ frames, pcp }) => (frames.next[pcp] = 0), /tail word is the last block/],
    ['a frame marked free on no list', ({ frames }) => (frames.block[1025] = PAGE_TYPE_BUDDY), /a frame marked free is the first of a block on a list/],
  ])('%s', (_, damage, equation) => {
    const parts = used();
    damage(parts);
    expect(() => parts.pages.assertValid()).toThrow(equation);
    expect(() => parts.pages.assertValid()).toThrow(/CORRUPT_STATE/);
  });
});
