import { readSlabCounts } from '@kmem/conformance';
import { expect, test } from 'vitest';
import { readText } from './recordings.js';
import { formatSlabinfo, formatSlabtop } from '../src/index.js';
import type { CacheCounts } from '../src/index.js';

const cache = (counts: Partial<CacheCounts>): CacheCounts => ({
  name: 'a',
  size: 64,
  objects: 64,
  order: 0,
  nrSlabs: 1,
  totalObjects: 64,
  freeInPartial: 0,
  ...counts,
});

test.each(['i386-m1200-1', 'm256-1', 'm256-2', 'm3600-1'])('slabinfo is what a real kernel printed of the same caches, %s', (moment) => {
  const name = `proc/${moment}/slab-state.jsonl`;
  const caches = readSlabCounts({ name, text: readText(name) });
  expect(caches.length).toBeGreaterThan(80);
  expect(formatSlabinfo(caches)).toBe(readText(`proc/${moment}/slabinfo`));
});

test('slabinfo counts free objects as active unless their slab is on the list of the node', () => {
  const text = formatSlabinfo([cache({ nrSlabs: 3, totalObjects: 192, freeInPartial: 40 })]);
  expect(text.split('\n')[2]).toBe('a                    152    192     64   64    1 : tunables    0    0    0 : slabdata      3      3      0');
});

test('slabtop sorts by objects and lays its rows out as the program does', () => {
  const caches = [
    cache({ name: 'idle', nrSlabs: 0, totalObjects: 0 }),
    cache({ name: 'extent_status', size: 40, objects: 102, nrSlabs: 4922, totalObjects: 502044 }),
    cache({ name: 'large', size: 8192, objects: 4, order: 3, nrSlabs: 2, totalObjects: 8, freeInPartial: 3 }),
  ];
  expect(formatSlabtop(caches).split('\n')).toEqual([
    ' Active / Total Objects (% used)    : 502049 / 502052 (100.0%)',
    ' Active / Total Slabs (% used)      : 4924 / 4924 (100.0%)',
    ' Active / Total Caches (% used)     : 2 / 3 (66.7%)',
    ' Active / Total Size (% used)       : 19651.09K / 19675.09K (99.9%)',
    ' Minimum / Average / Maximum Object : 0.04K / 0.04K / 8.00K',
    '',
    '  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME                   ',
    '502044 502044 100%    0.04K   4922      102     19688K extent_status          ',
    '     8      5  62%    8.00K      2        4        64K large                  ',
    '     0      0   0%    0.06K      0       64         0K idle                   ',
    '',
  ]);
});

test('slabtop of no caches divides by nothing', () => {
  expect(formatSlabtop([])).toContain(' Active / Total Objects (% used)    : 0 / 0 (0.0%)\n');
});
