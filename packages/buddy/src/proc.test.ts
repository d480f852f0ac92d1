import { describe, expect, test } from 'vitest';
import { createFrameTable } from '@kmem/hw';
import { load, lowMachine, oneZone } from '../test/fixtures.js';
import { BuddyAllocator } from './index.js';

describe('buddyinfo', () => {
  test('one row for each zone that has memory, blocks of all types together', () => {
    const { pages } = load(
      lowMachine({ start_pfn: 1, spanned: 4095, free: { 0: { 0: [100], 1: [200, 300] } } }, { start_pfn: 4096, spanned: 4096, free: { 10: { 1: [4096] } } }),
    );
    expect(pages.buddyinfo()).toBe(
      'Node 0, zone      DMA      3      0      0      0      0      0      0      0      0      0      0 \n' +
        'Node 0, zone    DMA32      0      0      0      0      0      0      0      0      0      0      1 \n',
    );
  });

  test('one column for each order there is', () => {
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 64, maxOrder: 4, pageblockOrder: 2 }), maxOrder: 4 });
    expect(pages.buddyinfo()).toBe('Node 0, zone   Normal      1      1      1      7 \n');
  });
});

describe('pagetypeinfo', () => {
  test('the whole text', () => {
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 64, maxOrder: 4, pageblockOrder: 2 }), maxOrder: 4, nrMigratetypes: 4 });
    pages.allocPages(0, 3);
    expect(pages.pagetypeinfo()).toBe(
      [
        'Page block order: 2',
        'Pages per block:  4',
        '',
        'Free pages count per migrate type at order       0      1      2      3 ',
        'Node    0, zone   Normal, type    Unmovable      0      0      0      0 ',
        'Node    0, zone   Normal, type      Movable      1      1      1      6 ',
        'Node    0, zone   Normal, type  Reclaimable      0      0      0      0 ',
        'Node    0, zone   Normal, type   HighAtomic      0      0      0      0 ',
        '',
        'Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic ',
        'Node 0, zone   Normal            2           14            0            0 ',
        '',
      ].join('\n'),
    );
  });

  test('long lists are not counted to the end', () => {
    const pfns = Array.from({ length: 100001 }, (_, i) => 2 * i + 2);
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 262144, free: { 0: { 1: pfns } } }));
    expect(pages.pagetypeinfo()).toContain('type      Movable >100000      0');
    expect(pages.buddyinfo()).toContain('Normal 100001      0');
  });
});
