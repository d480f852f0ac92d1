/** The lessons on object allocators: pictures and numbers that hold together. */
import { expect, test } from 'vitest';
import { kmem, lines } from './kmem.js';

interface SlabStep {
  readonly title: string;
  readonly text: readonly string[];
  readonly slabs: readonly { readonly list: string; readonly pfn: number; readonly colour: number; readonly objects: string }[];
}

interface TableStep {
  readonly title: string;
  readonly text: readonly string[];
  readonly table: { readonly columns: readonly string[]; readonly rows: readonly (readonly (string | number)[])[] };
}

function lesson<Step>(name: string, ...args: string[]): Step[] {
  const { code, out, err } = kmem(['demo', name, '--json', ...args]);
  expect([code, err]).toEqual([0, '']);
  const { demo, steps } = JSON.parse(out) as { demo: string; steps: Step[] };
  expect(demo).toBe(name);
  return steps;
}

function countSign(text: string, sign: string): number {
  return text.split(sign).length - 1;
}

test.each(['slab-states', 'which-slab'])('%s fits the terminal, has colours only where they are wanted, and is the same each time', (name) => {
  const { code, out, err } = kmem(['demo', name]);
  expect([code, err]).toEqual([0, '']);
  for (const line of lines(out)) expect(line.length).toBeLessThanOrEqual(80);
  expect(out).not.toContain('\u001B');
  expect(kmem(['demo', name, '--no-color']).out).toBe(out);
  expect(kmem(['demo', name]).out).toBe(out);
  for (const { title } of lesson<TableStep>(name)) expect(out).toContain(title);
});

test('slab-states: a slab is on the list that its objects say', () => {
  for (const { slabs } of lesson<SlabStep>('slab-states')) {
    for (const { list, objects } of slabs) {
      const free = countSign(objects, '·');
      expect(list).toBe(free === 0 ? 'full' : free === objects.length ? 'empty' : 'partial');
      expect(objects).toHaveLength(8);
    }
  }
});

test('slab-states: as many objects are in use as the steps took and gave back', () => {
  const inUse = lesson<SlabStep>('slab-states').map(({ slabs }) => countSign(slabs.map(({ objects }) => objects).join(''), '#'));
  expect(inUse).toEqual([0, 1, 40, 34, 22, 28, 0, 0]);
});

test('slab-states: all three states are there at once, colours go round, and no slab is left in the end', () => {
  const steps = lesson<SlabStep>('slab-states');
  expect(new Set(steps[4].slabs.map(({ list }) => list))).toEqual(new Set(['full', 'partial', 'empty']));
  const colours = steps[2].slabs.map(({ colour }) => colour).reverse();
  expect(colours).toEqual([64, 128, 192, 0, 64]);
  expect(steps[7].slabs).toEqual([]);
  expect(kmem(['demo', 'slab-states']).out).toContain('no slabs');
});

test('which-slab: each allocator has its own order', () => {
  const [{ table }] = lesson<TableStep>('which-slab');
  expect(table.rows).toEqual([
    ['SLUB', '0 64 128 192 256 320', '320 256 192 128 64 0'],
    // Edge case of the specification: the first refill has 16 objects.
    ['SLAB', '960 896 832 768 704 640', '640 704 768 832 896 960'],
    ['SLOB', '0 64 128 192 256 320', '0 64 128 192 256 320'],
  ]);
});

test('which-slab: the same requests, rounded up by each in its own way', () => {
  const [, all, half, none] = lesson<TableStep>('which-slab');
  for (const { table } of [all, half]) {
    expect(new Set(table.rows.map(([, asked]) => asked)).size).toBe(1);
    for (const [, asked, usable, pages] of table.rows) {
      expect(Number(usable)).toBeGreaterThanOrEqual(Number(asked));
      expect(Number(pages) * 4096).toBeGreaterThan(Number(usable));
    }
    const [slub, slab, slob] = table.rows.map(([, , usable]) => Number(usable));
    // SLAB has no classes of 8 and 16 bytes.
    expect(slab).toBeGreaterThan(slub);
    expect(slob).toBeLessThan(slub);
  }
  expect(all.text[1]).toContain(`SLOB needs the fewest pages, ${all.table.rows[2][3]}.`);
  expect(none.table.rows.map(([name, , after]) => [name, after])).toEqual([['SLUB', 0], ['SLAB', 0], ['SLOB', 0]]);
  expect(none.table.rows[2][1]).toBe(0);
});

test('which-slab: the seed decides the sizes', () => {
  const asked = (seed: string): unknown => lesson<TableStep>('which-slab', '--seed', seed)[1].table.rows[0][1];
  expect(asked('3')).toBe(asked('3'));
  expect(asked('3')).not.toBe(asked('4'));
});
