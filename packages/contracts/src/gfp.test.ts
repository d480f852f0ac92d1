import { describe, expect, test } from 'vitest';
import * as gfp from './gfp.js';

const flags = Object.entries(gfp).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
const value = new Map(flags);

/** The bits of several flags together. */
const union = (...names: readonly string[]): number => names.reduce((bits, name) => bits | (value.get(name) ?? NaN), 0);

describe('GFP flags', () => {
  test('each single flag is one bit, and no two share one', () => {
    const single = flags.filter(([name]) => name.startsWith('__GFP_') && !['__GFP_RECLAIM', '__GFP_BITS_MASK'].includes(name));
    expect(single).toHaveLength(24);
    expect(single.map(([, bits]) => Math.log2(bits)).sort((a, b) => a - b)).toEqual([...Array(24).keys()]);
  });

  test('single flags have the bits of Linux 6.1, from bit 0 on', () => {
    const inOrder = [
      ...['DMA', 'HIGHMEM', 'DMA32', 'MOVABLE', 'RECLAIMABLE', 'HIGH', 'IO', 'FS', 'ZERO', 'ATOMIC', 'DIRECT_RECLAIM', 'KSWAPD_RECLAIM'],
      ...['WRITE', 'NOWARN', 'RETRY_MAYFAIL', 'NOFAIL', 'NORETRY', 'MEMALLOC', 'COMP', 'NOMEMALLOC', 'HARDWALL', 'THISNODE', 'ACCOUNT'],
      'ZEROTAGS',
    ];
    expect(inOrder.map((name) => value.get(`__GFP_${name}`))).toEqual(inOrder.map((_, bit) => 2 ** bit));
  });

  test.each([
    ['__GFP_RECLAIM', ['__GFP_DIRECT_RECLAIM', '__GFP_KSWAPD_RECLAIM']],
    ['GFP_ATOMIC', ['__GFP_HIGH', '__GFP_ATOMIC', '__GFP_KSWAPD_RECLAIM']],
    ['GFP_KERNEL', ['__GFP_RECLAIM', '__GFP_IO', '__GFP_FS']],
    ['GFP_KERNEL_ACCOUNT', ['GFP_KERNEL', '__GFP_ACCOUNT']],
    ['GFP_NOWAIT', ['__GFP_KSWAPD_RECLAIM']],
    ['GFP_NOIO', ['__GFP_RECLAIM']],
    ['GFP_NOFS', ['__GFP_RECLAIM', '__GFP_IO']],
    ['GFP_USER', ['GFP_KERNEL', '__GFP_HARDWALL']],
    ['GFP_HIGHUSER', ['GFP_USER', '__GFP_HIGHMEM']],
    ['GFP_HIGHUSER_MOVABLE', ['GFP_HIGHUSER', '__GFP_MOVABLE']],
    ['GFP_TRANSHUGE', ['GFP_TRANSHUGE_LIGHT', '__GFP_DIRECT_RECLAIM']],
    ['GFP_ZONEMASK', ['__GFP_DMA', '__GFP_HIGHMEM', '__GFP_DMA32', '__GFP_MOVABLE']],
    ['GFP_CONSTRAINT_MASK', ['__GFP_HARDWALL', '__GFP_THISNODE']],
  ])('%s is the union of its parts', (name, parts) => {
    expect(value.get(name)).toBe(union(...parts));
  });

  test('GFP_TRANSHUGE_LIGHT may not reclaim', () => {
    const parts = union('GFP_HIGHUSER_MOVABLE', '__GFP_COMP', '__GFP_NOMEMALLOC', '__GFP_NOWARN');
    expect(gfp.GFP_TRANSHUGE_LIGHT).toBe(parts & ~gfp.__GFP_RECLAIM);
  });

  test('what a cache passes down is what says how hard to try', () => {
    const effort = ['RECLAIM', 'HIGH', 'IO', 'FS', 'NOWARN', 'RETRY_MAYFAIL', 'NOFAIL', 'NORETRY', 'MEMALLOC', 'NOMEMALLOC', 'ATOMIC'];
    expect(gfp.GFP_RECLAIM_MASK).toBe(union(...effort.map((name) => `__GFP_${name}`)));
  });

  test('the list of names has the values of the flags', () => {
    for (const [name, bits] of gfp.GFP_NAMES) expect([name, bits]).toEqual([name, value.get(name)]);
  });

  test('in the list of names the larger composites come first', () => {
    const composites = gfp.GFP_NAMES.filter(([name]) => name.startsWith('GFP_'));
    const late = composites.flatMap(([name, bits], i) =>
      composites.slice(i + 1).flatMap(([other, more]) => ((more & bits) === bits ? [`${other} after ${name}`] : [])),
    );
    expect(late).toEqual([]);
  });

  test('names of older kernels mean flags that still exist', () => {
    expect(gfp.LEGACY_GFP).toMatchObject({
      __GFP_WAIT: gfp.__GFP_RECLAIM,
      __GFP_REPEAT: gfp.__GFP_RETRY_MAYFAIL,
      GFP_TEMPORARY: gfp.GFP_KERNEL | gfp.__GFP_RECLAIMABLE,
      GFP_IOFS: gfp.__GFP_IO | gfp.__GFP_FS,
    });
    for (const bits of Object.values(gfp.LEGACY_GFP)) expect(bits & ~gfp.__GFP_BITS_MASK).toBe(0);
  });
});
