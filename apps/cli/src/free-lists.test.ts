import type { ZoneState } from '@kmem/contracts';
import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { countFreeLists, drawFreeLists, largestFreeOrder } from './free-lists.js';

const ZONE: ZoneState = {
  zone: 'Normal',
  index: 0,
  start_pfn: 0,
  spanned: 32,
  present: 32,
  managed: 31,
  min: 0,
  low: 0,
  high: 0,
  promo: 0,
  watermark_boost: 0,
  nr_reserved_highatomic: 0,
  flags: 0,
  nr_free_pages: 10,
  nr_free_pages_cpu_diff: 0,
  stat_threshold: 0,
  percpu_drift_mark: 0,
  lowmem_reserve: [0],
  pcp: { cpu: 0, count: 3, high: 4, batch: 1, free_factor: 0, lists: {} },
  free: { '0': { '0': [3], '1': [5] }, '3': { '1': [8] } },
};
const EMPTY: ZoneState = { ...ZONE, zone: 'Movable', managed: 0, free: {} };

const plain = pc.createColors(false);

test('blocks are counted by migratetype and order; zones without memory are left out', () => {
  const [zone, ...rest] = countFreeLists({ zones: [ZONE, EMPTY] }, 4, 3);
  expect(rest).toEqual([]);
  expect(zone).toEqual({
    zone: 'Normal',
    freePages: 10,
    pcpPages: 3,
    managedPages: 31,
    nrBlocks: [
      [1, 0, 0, 0],
      [1, 0, 0, 1],
      [0, 0, 0, 0],
    ],
  });
  expect(largestFreeOrder(zone)).toBe(3);
});

test('the picture has a row for each migratetype that has free blocks', () => {
  expect(drawFreeLists(countFreeLists({ zones: [ZONE] }, 4, 3), plain)).toEqual([
    '  order            0     1     2     3',
    'Normal  10 of 31 pages free, 3 on per-CPU lists',
    '  Unmovable        1     ·     ·     ·',
    '  Movable          1     ·     ·     1',
    '  share            ▂                 ▇',
  ]);
});

test('a zone that has not changed is not drawn again', () => {
  const lists = countFreeLists({ zones: [ZONE] }, 4, 3);
  expect(drawFreeLists(lists, plain, lists)).toEqual(['Normal  10 of 31 pages free, 3 on per-CPU lists, as before']);
});

test('a zone without free blocks is one line', () => {
  const lists = countFreeLists({ zones: [{ ...ZONE, free: {} }] }, 4, 3);
  expect(drawFreeLists(lists, plain)).toEqual(['Normal  0 of 31 pages free, 3 on per-CPU lists']);
  expect(largestFreeOrder(lists[0])).toBe(-1);
});

test('colours do not change the text', () => {
  const lists = countFreeLists({ zones: [ZONE] }, 4, 3);
  const colored = drawFreeLists(lists, pc.createColors(true)).join('\n');
  expect(colored).toContain('\u001b[');
  expect(stripVTControlCharacters(colored)).toBe(drawFreeLists(lists, plain).join('\n'));
});
