import { expect, test } from 'vitest';
import * as table from './frame-table.js';

test('the fields of a block word do not overlap', () => {
  const fields = [
    table.BLOCK_ORDER_MASK,
    table.BLOCK_TYPE_MASK,
    table.PAGE_TYPE_BUDDY,
    table.PAGE_TYPE_OFFLINE,
    table.PAGE_TYPE_TABLE,
    table.PAGE_TYPE_GUARD,
    table.BLOCK_PCP,
    table.BLOCK_TAIL,
    0xff << table.BLOCK_ZONE_SHIFT,
  ];
  expect(fields.reduce((all, bits) => all + bits)).toBe(fields.reduce((all, bits) => all | bits));
  expect(table.BLOCK_TYPE_MASK).toBe(0x7 << table.BLOCK_TYPE_SHIFT);
});

test('a free head shows the page type that the kernel shows', () => {
  expect(~(table.PAGE_TYPE_BUDDY & table.PAGE_TYPE_MASK) >>> 0).toBe(0xffffff7f);
});

test('the bits of a pageblock byte do not overlap', () => {
  const bits = [table.PB_TYPE_MASK, table.PB_SKIP, table.PB_TOUCHED, table.PB_ABSENT, table.PB_SHARED];
  expect(bits.reduce((all, b) => all + b)).toBe(bits.reduce((all, b) => all | b));
  expect(Math.max(...bits)).toBeLessThan(256);
});

test('the 22 page flags have the bits of Linux 6.1, from bit 0 on', () => {
  const inOrder = [
    ...['locked', 'referenced', 'uptodate', 'dirty', 'lru', 'active', 'workingset', 'waiters', 'error', 'slab', 'owner_priv_1', 'arch_1'],
    ...['reserved', 'private', 'private_2', 'writeback', 'head', 'mappedtodisk', 'reclaim', 'swapbacked', 'unevictable', 'mlocked'],
  ];
  const byBit = [...table.PAGE_FLAG_NAMES].sort(([, a], [, b]) => a - b);
  expect(byBit).toEqual(inOrder.map((name, bit) => [name, bit]));
});

test('the kernel prints waiters and error before referenced', () => {
  const names = table.PAGE_FLAG_NAMES.map(([name]) => name);
  expect(names.slice(0, 9)).toEqual(['locked', 'waiters', 'error', 'referenced', 'uptodate', 'dirty', 'lru', 'active', 'workingset']);
});

test('what a freed page must not have are the flags of somebody who still uses it', () => {
  const forbidden = table.PAGE_FLAG_NAMES.filter(([, bit]) => ((table.PAGE_FLAGS_FORBIDDEN_AT_FREE >> bit) & 1) !== 0);
  const names = ['locked', 'lru', 'active', 'slab', 'reserved', 'private', 'private_2', 'writeback', 'unevictable', 'mlocked'];
  expect(forbidden.map(([name]) => name).sort()).toEqual(names.sort());
});
