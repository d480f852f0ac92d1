import {
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOMEMALLOC,
  __GFP_NOWARN,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  GFP_TRANSHUGE,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { fillGfpZone, formatGfp, reserveFlags, slowPathFlags } from './gfp.js';

const CPU = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };

describe('flags to highest zone', () => {
  const table = (kinds: Parameters<typeof fillGfpZone>[0]) => {
    const zones = new Uint8Array(16);
    fillGfpZone(kinds, zones);
    return (gfp: number) => kinds[zones[gfp]];
  };

  test('x86_64', () => {
    const zone = table(['DMA', 'DMA32', 'Normal', 'Movable', 'Device']);
    expect([0, 8, 1, 9, 4, 0xc, 2, 0xa].map(zone)).toEqual(['Normal', 'Normal', 'DMA', 'DMA', 'DMA32', 'DMA32', 'Normal', 'Movable']);
    expect([3, 5, 6, 7, 0xb, 0xd, 0xe, 0xf].map(zone)).toEqual(new Array(8).fill('DMA'));
  });

  test('i386', () => {
    const zone = table(['DMA', 'Normal', 'HighMem', 'Movable']);
    expect([0, 1, 2, 4, 0xa].map(zone)).toEqual(['Normal', 'DMA', 'HighMem', 'Normal', 'Movable']);
  });

  test('one zone', () => {
    const zone = table(['Normal']);
    expect([0, 1, 2, 4, 0xa].map(zone)).toEqual(new Array(5).fill('Normal'));
  });
});

describe('flags of the slow path', () => {
  const CPUSET = 0x40;
  const KSWAPD = 0x800;
  const NON_BLOCK = 0x10;
  const MIN_RESERVE = 0x20;
  const HIGHATOMIC = 0x200;

  test.each([
    ['GFP_ATOMIC', GFP_ATOMIC, 0, MIN_RESERVE | KSWAPD | NON_BLOCK],
    ['GFP_ATOMIC of order 1', GFP_ATOMIC, 1, MIN_RESERVE | KSWAPD | NON_BLOCK | HIGHATOMIC],
    ['GFP_NOWAIT', GFP_NOWAIT, 3, CPUSET | KSWAPD | NON_BLOCK],
    ['GFP_KERNEL', GFP_KERNEL, 3, CPUSET | KSWAPD],
    ['GFP_ATOMIC with NOMEMALLOC', GFP_ATOMIC | __GFP_NOMEMALLOC, 1, MIN_RESERVE | KSWAPD],
  ])('%s', (_, gfp, order, flags) => {
    expect(slowPathFlags(gfp, order, CPU)).toBe(flags);
  });

  test('a realtime task digs deeper, outside interrupts', () => {
    expect(slowPathFlags(GFP_KERNEL, 0, { ...CPU, realtime: true })).toBe(CPUSET | KSWAPD | MIN_RESERVE);
    expect(slowPathFlags(GFP_KERNEL, 0, { ...CPU, realtime: true, inInterrupt: true })).toBe(CPUSET | KSWAPD);
  });

  test('reserves: NOMEMALLOC wins over everything', () => {
    const victim = { ...CPU, oomVictim: true };
    expect(reserveFlags(__GFP_MEMALLOC | __GFP_NOMEMALLOC, victim, true)).toBe(0);
    expect(reserveFlags(__GFP_MEMALLOC, CPU, false)).toBe(4);
    expect(reserveFlags(GFP_KERNEL, victim, true)).toBe(4);
    expect(reserveFlags(GFP_KERNEL, victim, false)).toBe(8);
    expect(reserveFlags(GFP_KERNEL, CPU, false)).toBe(0);
  });
});

describe('text of flags', () => {
  test.each([
    [0, 'none'],
    [GFP_KERNEL, 'GFP_KERNEL'],
    [GFP_KERNEL | __GFP_COMP | __GFP_NOWARN, 'GFP_KERNEL|__GFP_NOWARN|__GFP_COMP'],
    [GFP_HIGHUSER_MOVABLE, 'GFP_HIGHUSER_MOVABLE'],
    [GFP_TRANSHUGE, 'GFP_TRANSHUGE'],
    [GFP_ATOMIC, 'GFP_ATOMIC'],
    [__GFP_DIRECT_RECLAIM, '__GFP_DIRECT_RECLAIM'],
    [GFP_KERNEL | 0x10000000, 'GFP_KERNEL|0x10000000'],
  ])('%i', (gfp, text) => {
    expect(formatGfp(gfp)).toBe(text);
  });
});
