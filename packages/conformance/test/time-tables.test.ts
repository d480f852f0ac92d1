import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { boot } from '@kmem/kernel';
import { createTimeMath } from '@kmem/time';
import { expect, test } from 'vitest';
import { conform, type Implementations } from '../src/index.js';
import { IMPLEMENTATIONS } from './tiny.js';

const USING: Implementations = { ...IMPLEMENTATIONS, bootKernel: boot, timeMath: (bitsPerLong) => createTimeMath({ bitsPerLong }) };
const lines = gunzipSync(readFileSync(new URL('../../../tooling/recordings/time/conversions.jsonl.gz', import.meta.url)))
  .toString()
  .trim()
  .split('\n');
const replay = (rows: readonly string[], using = USING) => conform({ name: 'table', text: rows.join('\n') }, using)[0];

interface Row {
  readonly fn: string;
  readonly out: Record<string, unknown>;
}

test('every row is as recorded', () => {
  const { exact, total, difference } = replay(lines);
  expect(difference).toBeNull();
  expect([exact, total]).toEqual([lines.length, lines.length]);
});

test('a change of any output of any function is noticed', () => {
  const seen = new Set<string>();
  for (const line of lines) {
    // The file was replayed before, so its rows have these members; arrays are objects too.
    const row = JSON.parse(line) as Row;
    if (seen.has(row.fn)) continue;
    seen.add(row.fn);
    for (const [name, value] of Object.entries(row.out)) {
      const out = Object.assign(Array.isArray(row.out) ? [...Array.from<unknown>(row.out)] : { ...row.out }, { [name]: typeof value === 'number' ? value + 1 : `${String(value)}1` });
      expect([row.fn, name, replay([JSON.stringify({ ...row, out })]).exact]).toEqual([row.fn, name, 0]);
    }
  }
  expect(seen.size).toBeGreaterThan(30);
});

test('a function that is not known is unsupported, by name; so is a table that nothing can convert', () => {
  expect(replay(['{"fn":"weeks_to_jiffies","in":["1"],"out":["1"]}']).unsupported).toBe('1 rows of weeks_to_jiffies, which is not known');
  expect(replay(lines, IMPLEMENTATIONS).unsupported).toBe('there is nothing that converts');
});
