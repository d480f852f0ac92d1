import { describe, expect, test } from 'vitest';
import { load, lowMachine, oneZone, type FreeLists } from '../test/fixtures.js';

const machine = (free: FreeLists) => load(oneZone({ start_pfn: 0, spanned: 4096, free })).pages;
const values = (text: string) => text.trimEnd().split(/\s+/).slice(4);

describe('unusable index', () => {
  test('the share of free memory in blocks too small for the order', () => {
    // 8 single pages and one block of 8: for orders 1 to 3 half of it is of no use.
    const singles = Array.from({ length: 8 }, (_, i) => 100 + 2 * i);
    expect(values(machine({ 0: { 1: singles }, 3: { 1: [256] } }).unusableIndex())).toEqual(
      ['0.000', '0.500', '0.500', '0.500', ...new Array<string>(7).fill('1.000')],
    );
  });

  test('19.50: without free memory all of it is unusable', () => {
    expect(values(machine({}).unusableIndex())).toEqual(new Array(11).fill('1.000'));
  });

  test('a third is cut to thousandths', () => {
    expect(values(machine({ 0: { 1: [100] }, 1: { 1: [200] } }).unusableIndex())[1]).toBe('0.333');
  });
});

describe('fragmentation index', () => {
  test('19.49: -1.000 where a block is there', () => {
    expect(values(machine({ 3: { 1: [256] } }).extfragIndex()).slice(0, 4)).toEqual(new Array(4).fill('-1.000'));
  });

  test('towards 1 for fragmentation, towards 0 for lack of memory', () => {
    const singles = Array.from({ length: 100 }, (_, i) => 100 + 2 * i);
    // 1000 - (1000 + 100000 / 2) / 100 = 490 at order 1; 1000 - (1000 + 100000 / 16) / 100 = 928 (rounded) at order 4.
    const index = values(machine({ 0: { 1: singles } }).extfragIndex());
    expect([index[1], index[4]]).toEqual(['0.490', '0.928']);
    expect(values(machine({}).extfragIndex())).toEqual(new Array(11).fill('0.000'));
  });

  test('rows are printed as the kernel prints them', () => {
    const { pages } = load(lowMachine({ start_pfn: 1, spanned: 4095 }, { start_pfn: 4096, spanned: 4096, free: { 10: { 1: [4096] } } }));
    expect(pages.extfragIndex()).toBe(
      `Node 0, zone      DMA ${' 0.000 '.repeat(11)}\nNode 0, zone    DMA32 ${'-1.000 '.repeat(11)}\n`,
    );
  });
});
