import { describe, expect, test } from 'vitest';
import { load, lowMachine } from '../../test/fixtures.js';
import { formatRows, meminfoRows, vmstatRows, zoneinfoRows } from '../index.js';

const { pages } = load(lowMachine({ start_pfn: 1, spanned: 4095, free: { 0: { 0: [100] } } }, { start_pfn: 4096, spanned: 4096, free: { 10: { 1: [4096] } } }));

/** The recorded text of a zone, cut down to the rows that matter here. */
function zone(name: string, state = pages.exportState()): string {
  return formatRows(zoneinfoRows([state])).split(/^(?=Node )/m).find((text) => text.includes(`zone ${name.padStart(8)}`)) ?? '';
}

describe('zoneinfo', () => {
  test('watermarks are printed with their boost', () => {
    const state = pages.exportState();
    const [first, ...others] = state.zones;
    const boosted = { zones: [{ ...first, min: 10, low: 12, high: 14, watermark_boost: 512 }, ...others] };
    expect(zone('DMA', boosted)).toContain('        boost    512\n        min      522\n        low      524\n        high     526\n');
  });

  test('counters of a node stand below its first zone with memory, summed over its zones', () => {
    const state = pages.exportState();
    const [first, ...others] = state.zones;
    const rows = zoneinfoRows([{ zones: [{ ...first, present: 0 }, ...others] }], { counter: (name, id) => (name === 'nr_dirty' ? 10 + id : 0), values: new Map() });
    const at = rows.findIndex(({ text }) => text === '  per-node stats');
    expect(rows[at - 1].text).toBe('Node 0, zone    DMA32');
    const sum = state.zones.reduce((total, _, id) => total + 10 + id, 0);
    expect(rows.filter(({ text }) => text === `      nr_dirty     ${sum}`)).toEqual([{ text: `      nr_dirty     ${sum}`, stated: 'nr_dirty' }]);
  });

  test('each CPU has its rows, and there must be one', () => {
    const state = pages.exportState();
    const text = formatRows(zoneinfoRows([state, state, state]));
    const populated = state.zones.filter(({ present }) => present > 0).length;
    expect(text.match(/^ {4}cpu: 2$/gm)).toHaveLength(populated);
    expect(() => zoneinfoRows([])).toThrow(RangeError);
  });
});

describe('meminfo', () => {
  test('what is available is what is free without the reserves, and reclaimable memory beyond the low watermarks', () => {
    const [first, ...others] = pages.exportState().zones;
    const empty = others.map((other) => ({ ...other, managed: 0, nr_free_pages: 0, low: 0, high: 0 }));
    const one = { ...first, managed: 1000, nr_free_pages: 500, low: 30, high: 40, watermark_boost: 0, lowmem_reserve: first.lowmem_reserve.map(() => 0).with(-1, 60) };
    const available = (counters: Readonly<Record<string, number>>): string =>
      meminfoRows({ zones: [one, ...empty] }, 12, { counter: (name, id) => (id === 0 ? (counters[name] ?? 0) : 0), values: new Map() })[2].text;
    expect(available({})).toBe(`MemAvailable:   ${String((500 - 100) * 4).padStart(8)} kB`);
    // Half of few pages stays, of many pages the low watermark does.
    expect(available({ nr_inactive_file: 20, nr_slab_reclaimable: 200 })).toBe(`MemAvailable:   ${String((400 + 10 + 170) * 4).padStart(8)} kB`);
  });

  test('values without a place of their own follow at the end, pages without a unit', () => {
    const rows = meminfoRows(pages.exportState(), 13, { counter: () => 0, values: new Map([['Percpu', 5], ['SwapTotal', 8], ['HugePages_Free', 3]]) });
    expect(rows.slice(-3).map(({ text }) => text)).toEqual([
      `CommitLimit:    ${String(Math.floor(pages.managedPages / 2) * 8 + 8).padStart(8)} kB`,
      'Percpu:                5 kB',
      'HugePages_Free:        3',
    ]);
  });
});

test('vmstat sums over the zones', () => {
  const rows = vmstatRows(pages.exportState(), { counter: (name) => (name === 'nr_bounce' ? 2 : 0), values: new Map([['pgfree', 9]]) });
  expect(rows[0]).toEqual({ text: `nr_free_pages ${pages.nrFreePages}`, stated: null });
  expect(rows.find(({ stated }) => stated === 'nr_bounce')?.text).toBe(`nr_bounce ${2 * pages.exportState().zones.length}`);
  expect(rows.at(-1)).toEqual({ text: 'pgfree 9', stated: 'pgfree' });
});
