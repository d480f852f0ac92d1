import { expect, test } from 'vitest';
import * as types from './migratetype.js';

test('migratetypes have the values of Linux 6.1 without CMA, and the names of /proc/pagetypeinfo', () => {
  const values = [
    types.MIGRATE_UNMOVABLE,
    types.MIGRATE_MOVABLE,
    types.MIGRATE_RECLAIMABLE,
    types.MIGRATE_HIGHATOMIC,
    types.MIGRATE_ISOLATE,
  ];
  expect(values).toEqual([0, 1, 2, 3, 4]);
  expect(values.map((type) => types.MIGRATETYPE_NAMES[type])).toEqual([
    'Unmovable',
    'Movable',
    'Reclaimable',
    'HighAtomic',
    'Isolate',
  ]);
});

test('the types with per-CPU lists are the ones below HighAtomic', () => {
  expect(types.MIGRATE_PCPTYPES).toBe(types.MIGRATE_HIGHATOMIC);
});
