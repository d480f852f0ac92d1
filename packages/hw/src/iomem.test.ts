import { expect, test } from 'vitest';
import { iomemRows } from './iomem.js';
import type { MemoryResource } from './machine-profile.js';
import type { ByteRange } from './memory-map.js';

const MIB = 2 ** 20;

function rows(ram: readonly ByteRange[], resources: readonly MemoryResource[] = []): string[] {
  return iomemRows({ nodes: [{ node: 0, nrCpus: 1, ram }], resources }).map(({ text }) => text);
}

function at(name: string, start: number, end: number): MemoryResource {
  return { name, start, end, found: false };
}

test('the end of RAM is buffered up to a round address: 64 KiB below 1 MiB, 1 MiB below 16 MiB, 64 MiB above', () => {
  expect(rows([{ start: 0, end: 0x9_fc00 }])[1]).toBe('0009fc00-0009ffff : RAM buffer');
  expect(rows([{ start: MIB, end: 4 * MIB + 4096 }])[1]).toBe('00401000-004fffff : RAM buffer');
  expect(rows([{ start: MIB, end: 16 * MIB }])[1]).toBe('01000000-03ffffff : RAM buffer');
  expect(rows([{ start: MIB, end: 64 * MIB }])).toHaveLength(1);
});

test('a RAM buffer is split around what is there', () => {
  expect(rows([{ start: MIB, end: 60 * MIB }], [at('device', 61 * MIB, 62 * MIB)])).toEqual([
    '00100000-03bfffff : System RAM',
    '03c00000-03cfffff : RAM buffer',
    '03d00000-03dfffff : device',
    '03e00000-03ffffff : RAM buffer',
  ]);
});

test('memory of nodes that touch is one row', () => {
  const nodes = [
    { node: 0, nrCpus: 1, ram: [{ start: 0, end: 64 * MIB }] },
    { node: 1, nrCpus: 1, ram: [{ start: 64 * MIB, end: 128 * MIB }] },
  ];
  expect(iomemRows({ nodes, resources: [] })).toEqual([{ text: '00000000-07ffffff : System RAM', stated: null }]);
});

test('rows nest, two blanks a level, also beside an inner row and inside an equal one', () => {
  const resources = [at('inner', 16, 32), at('bus', 0, 64), at('twin', 16, 32), at('other', 32, 48), at('next', 64, 65)];
  expect(rows([], resources)).toEqual([
    '00000000-0000003f : bus',
    '  00000010-0000001f : inner',
    '    00000010-0000001f : twin',
    '  00000020-0000002f : other',
    '00000040-00000040 : next',
  ]);
});

test('what boot finds is stated by its name', () => {
  const rom = { name: 'Video ROM', start: 0, end: 2 ** 36, found: true };
  expect(iomemRows({ nodes: [], resources: [rom] })).toEqual([{ text: '00000000-fffffffff : Video ROM', stated: 'Video ROM' }]);
});

test('a resource that partly overlaps another is refused', () => {
  expect(() => rows([{ start: 0, end: 64 * MIB }], [at('device', 4096, 65 * MIB)])).toThrow(
    'resources: must not overlap in part, got 00001000-040fffff : device and 00000000-03ffffff : System RAM',
  );
});
