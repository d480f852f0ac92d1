/** The lesson on the vmalloc region: maps that fit the text of /proc/vmallocinfo beside them. */
import { expect, test } from 'vitest';
import { kmem, lines } from './kmem.js';

interface Step {
  readonly title: string;
  readonly text: readonly string[];
  readonly map: string;
  readonly vmallocinfo: readonly string[];
}

const PAGE = 4096n;
const START = 0xffffc90000000000n;

function lesson(): Step[] {
  const { code, out, err } = kmem(['demo', 'vmalloc-map', '--json']);
  expect([code, err]).toEqual([0, '']);
  return (JSON.parse(out) as { steps: Step[] }).steps;
}

/** Draws the map from the rows: areas end with a guard page. */
function drawn(rows: readonly string[]): string {
  const map = new Array<string>(64).fill('.');
  for (const row of rows) {
    const [, from, to, , name] = /^0x([0-9a-f]+)-0x([0-9a-f]+) +(\d+) (\w)/.exec(row) ?? [];
    const [first, past] = [from, to].map((addr) => Number((BigInt(`0x${addr}`) - START) / PAGE));
    const isLazy = row.endsWith('unpurged vm_area');
    map.fill(isLazy ? '~' : name, first, past);
    if (!isLazy) map[past - 1] = '|';
  }
  return map.join('');
}

test('each map is what vmallocinfo says: areas, guard pages, lazy addresses, holes', () => {
  const steps = lesson();
  expect(steps.map(({ map, vmallocinfo }) => [map, drawn(vmallocinfo)])).toEqual(steps.map(({ map }) => [map, map]));
  expect(steps.map(({ map }) => map.replace(/\.+$/, ''))).toEqual([
    'aaa|bbbbbb|cc|',
    'aaa|bbbbbb|cc|e|dddddddd|',
    'aaa|bbbbbb|cc|e|dddddddd|',
    'aaa|~~~~~~~cc|e|dddddddd|ffff|',
    'aaa|gggg|..cc|e|dddddddd|ffff|',
  ]);
});

test('an access beyond an area says which, by how many bytes, allocated where', () => {
  expect(lesson()[2].text[0]).toContain('guard page; 1 byte beyond the 24576 bytes at ffffc90000004000 that b_init+0x10/0x80 allocated');
});

test('it fits the terminal and is the same each time', () => {
  const { code, out, err } = kmem(['demo', 'vmalloc-map']);
  expect([code, err]).toEqual([0, '']);
  for (const line of lines(out)) expect(line.length).toBeLessThanOrEqual(80);
  expect(kmem(['demo', 'vmalloc-map', '--no-color']).out).toBe(out);
  for (const { map, title } of lesson()) expect([out.includes(map), out.includes(title)]).toEqual([true, true]);
});
