import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { emptyFolder, kmem, lines } from './kmem.js';

interface Row {
  readonly asked: number;
  readonly takes: number | null;
  readonly percent: number;
  readonly from: string;
  readonly ownCache: { readonly bytesPerObject: number; readonly saved: number } | null;
}

function rows(...args: string[]): Row[] {
  return (JSON.parse(kmem(['waste', '--json', ...args]).out) as { rows: Row[] }).rows;
}

test('without sizes: the table that a module of the books printed on a real kernel', () => {
  const served = rows().filter(({ takes }) => takes !== null);
  expect(served.map(({ asked }) => asked)).toEqual(Array.from({ length: 21 }, (_, i) => 100 + i * 204800));
  expect(served.map(({ percent }) => percent)).toEqual([28, 27, 27, 70, 27, 2, 70, 46, 27, 13, 2, 86, 70, 57, 46, 36, 27, 20, 13, 7, 2]);
  expect(rows().at(-1)).toMatchObject({ asked: 4300900, takes: null });
});

test('sizes come from the cache that a real kernel took them from', () => {
  const found = rows('0', '1', '97', '193', '8192', '8193', '4194304').map(({ takes, from }) => [takes, from]);
  expect(found).toEqual([
    [0, 'nothing'],
    [8, 'kmalloc-8'],
    [128, 'kmalloc-128'],
    [256, 'kmalloc-256'],
    [8192, 'kmalloc-8k'],
    [16384, '4 pages'],
    [4194304, '1024 pages'],
  ]);
});

test('a cache of its own pays by what its slabs hold', () => {
  // 39 objects of 104 bytes in a page; kmalloc-128 has 32.
  expect(rows('100')[0].ownCache).toEqual({ bytesPerObject: 4096 / 39, saved: 4096 / 32 - 4096 / 39 });
  expect(kmem(['waste', '100']).out).toContain('105.0 bytes an object: saves 23.0, 17 %');
  expect(kmem(['waste', '64']).out).toContain('does not pay');
});

test('the chart has a dot for each size, and the file is replaced as a whole', () => {
  const folder = emptyFolder();
  const file = join(folder, 'waste.svg');
  writeFileSync(file, 'old');
  const { code, err } = kmem(['waste', '--plot', file]);
  expect([code, err]).toEqual([0, `kmem: 205 sizes drawn in ${file}\n`]);
  const svg = readFileSync(file, 'utf8');
  expect(svg.match(/<circle /g)).toHaveLength(205);
  expect(svg).toContain('<title>100 bytes take 128: 28 % wasted</title>');
  expect(svg).toContain('<title>4178020 bytes take 4194304: 0 % wasted</title>');
  expect(readdirSync(folder)).toEqual(['waste.svg']);
});

test.each([
  [['waste', '12x'], 'Expected a number of bytes'],
  [['waste', '-5'], 'Expected a number of bytes'],
  [['waste', '5000000', '--plot', 'x.svg'], 'nothing to draw'],
  [['waste', '--plot', '/no/such/folder/x.svg'], '/no/such/folder/x.svg: cannot be written'],
])('%j is bad input', (args, message) => {
  const { code, out, err } = kmem(args);
  expect([code, out]).toEqual([2, '']);
  expect(err).toContain(message);
  expect(lines(err)).toHaveLength(1);
});
