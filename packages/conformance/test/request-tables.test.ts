import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { boot } from '@kmem/kernel';
import { expect, test } from 'vitest';
import { conform, type Conformance } from '../src/index.js';
import { IMPLEMENTATIONS } from './tiny.js';

const FILE = new URL('../../../tooling/recordings/irq/request-tables.jsonl.gz', import.meta.url);
const ROWS = gunzipSync(readFileSync(FILE)).toString().trim().split('\n');

function replay(rows: readonly string[]): Conformance {
  return conform({ name: 'request-tables', text: rows.join('\n') }, { ...IMPLEMENTATIONS, bootKernel: boot })[0];
}

test('every request of the tables comes to what it came to on the recorded kernel', () => {
  const { exact, total, difference } = replay(ROWS);
  expect([exact, total, difference]).toEqual([ROWS.length, ROWS.length, null]);
});

test('every other result is noticed', () => {
  const alter = (pattern: RegExp) => ROWS.map((row) => row.replace(pattern, (_all, name: string, ret: string) => `"${name}":${Number(ret) - 1}`));
  const altered = alter(/"(ret1?)":(-?\d+)/);
  expect(replay(altered)).toMatchObject({ exact: 0, total: ROWS.length });
  const withSecond = ROWS.filter((row) => row.includes('"ret2"')).length;
  expect(replay(alter(/"(ret2)":(-?\d+)/))).toMatchObject({ exact: ROWS.length - withSecond });
  expect(replay([ROWS[0], altered[1]]).difference).toMatchObject({ line: 2, what: 'request-matrix.ret', expected: '-1', got: '0' });
});

test('without a kernel there is nothing to make requests of', () => {
  expect(conform({ name: 'table', text: ROWS[0] }, IMPLEMENTATIONS)[0].unsupported).toBe('there is no kernel to request lines of');
});
