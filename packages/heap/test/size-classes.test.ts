import { describe, expect, it } from 'vitest';
import { sizeClass, sizeTable, type SizeClass } from '../src/size-classes.js';

describe.each(['linux', 'fine'] as const)('sizes of the set %s', (set) => {
  const table = sizeTable(set);
  const granule = 2 ** table.granuleShift;
  // Those of the set, and those that structures may have.
  const all: SizeClass[] = [...table.classes];
  for (let size = 8; size <= 1024; size += 8) all.push(sizeClass(size, table));

  it('rise, and are multiples of 8', () => {
    const sizes = table.classes.map(({ sizeBytes }) => sizeBytes);
    expect(sizes).toEqual([...new Set(sizes)].sort((a, b) => a - b));
    for (const size of sizes) expect(size % 8).toBe(0);
  });

  it('leave less than a block at the end of a slab, and nothing behind 32', () => {
    for (const { sizeBytes, granules, blocks } of all) {
      const rest = granules * granule - blocks * sizeBytes;
      expect(blocks).toBeGreaterThanOrEqual(1);
      expect(blocks).toBeLessThanOrEqual(32);
      expect(rest).toBeGreaterThanOrEqual(0);
      expect(rest).toBeLessThan(blocks === 32 ? 1 : sizeBytes);
      expect(granules).toBeGreaterThanOrEqual(table.leastGranules);
    }
  });

  it('find the number of a block by multiplication', () => {
    for (const { sizeBytes, blocks } of all) {
      const magic = Math.ceil(2 ** 18 / sizeBytes);
      for (let block = 0; block < blocks; block++) expect(Math.imul(block * sizeBytes, magic) >>> 18).toBe(block);
    }
  });
});
