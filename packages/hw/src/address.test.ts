import { ENOMEM, NO_PAGE } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { AddressMap } from './address.js';
import { getProfile } from './profiles.js';

/** The 64-bit pattern of an address as a signed number, by another way than the code under test. */
const signed = (hex: string): number => Number(BigInt.asIntN(64, BigInt(`0x${hex}`)));

describe('x86_64', () => {
  const map = new AddressMap(getProfile('pc-3600m'));

  test('the direct map and the page descriptors begin where 6.1 has them', () => {
    expect(map.pageAddress(0)).toBe(signed('ffff888000000000'));
    expect(map.pageAddress(0x1234)).toBe(signed('ffff888001234000'));
    expect(map.pfnToPage(0)).toBe(signed('ffffea0000000000'));
    expect(map.pfnToPage(0x1234)).toBe(signed('ffffea0000048d00'));
  });

  test('addresses convert both ways, beyond 4 GiB too', () => {
    for (const pfn of [1, 0xfff, 0x100000, 0x120fff]) {
      expect(map.physToPfn(map.pfnToPhys(pfn))).toBe(pfn);
      expect(map.kaddrToPhys(map.pageAddress(pfn))).toBe(pfn * 4096);
      expect(map.pageToPfn(map.pfnToPage(pfn))).toBe(pfn);
    }
    expect(map.physToPfn(0x1_20ff_fff5)).toBe(0x120fff);
  });

  test('the 64 TiB of the direct map end below vmalloc', () => {
    const last = 2 ** 46 - 1;
    expect(map.physToKAddr(last)).toBe(signed('ffffc87fffffffff'));
    expect(map.physToKAddr(last + 1)).toBe(0);
    expect(map.physToKAddr(-1)).toBe(0);
  });

  test('an address outside the direct map has no physical address here', () => {
    for (const hex of ['ffffc90000000000', 'ffffffffa0000000', 'ffff887fffffffff', '0000000000001000']) {
      expect(map.kaddrToPhys(signed(hex))).toBe(0);
    }
  });

  test('an address that is no page descriptor belongs to no frame', () => {
    expect(map.pageToPfn(map.pfnToPage(7) + 8)).toBe(NO_PAGE);
    expect(map.pageToPfn(map.pfnToPage(0) - 64)).toBe(NO_PAGE);
  });

  test('an errno in a pointer is the number itself', () => {
    expect(map.errPtr(-ENOMEM)).toBe(-12);
    expect(map.ptrErr(map.errPtr(-ENOMEM))).toBe(-ENOMEM);
    expect([-1, -4095, -4096, 0, map.pageAddress(1)].map((p) => map.isErrPtr(p))).toEqual([true, true, false, false, false]);
  });

  test('addresses print as 16 digits', () => {
    for (const hex of ['ffff888000000000', 'ffffc90000000000', 'ffffffffffffffff', 'ffffffff00000000', '0000000000000010']) {
      expect(map.formatKAddr(signed(hex))).toBe(hex);
    }
  });

  test('a number that is no address is not printed', () => {
    for (const bad of [0.5, NaN, 2 ** 53, -Infinity]) expect(() => map.formatKAddr(bad)).toThrow(RangeError);
  });
});

describe('i386', () => {
  const map = new AddressMap(getProfile('i386-1200m'));

  test('addresses are unsigned words', () => {
    expect(map.pageAddress(0x1000)).toBe(0xc1000000);
    expect(map.formatKAddr(0xc1000000)).toBe('c1000000');
    expect(map.formatKAddr(0x10)).toBe('00000010');
    for (const bad of [-1, 2 ** 32]) expect(() => map.formatKAddr(bad)).toThrow('expected an address of 32 bits');
  });

  test('a HighMem frame has no address of its own', () => {
    // The recorded HighMem zone starts at frame 225278.
    expect(map.pageAddress(225277)).toBe(0xf6ffd000);
    expect(map.pageAddress(225278)).toBe(0);
    expect(map.kaddrToPhys(0xf6ffe000)).toBe(0);
  });

  test('an errno wraps around', () => {
    expect(map.errPtr(-ENOMEM)).toBe(0xfffffff4);
    expect(map.ptrErr(0xfffffff4)).toBe(-12);
    expect([0xffffffff, 0xfffff001, 0xfffff000, 0].map((p) => map.isErrPtr(p))).toEqual([true, true, false, false]);
  });
});

test('identity: a kernel address is the physical one, and the null page is no memory', () => {
  const map = new AddressMap(getProfile('identity'));
  expect(map.pageAddress(3)).toBe(0x3000);
  expect(map.kaddrToPhys(0x3000)).toBe(0x3000);
  expect(map.pageAddress(16384)).toBe(0); // 64 MiB
});

test('x86_64-linear: the low 32 bits of every kernel address are the offset in one memory', () => {
  const { regions } = getProfile('x86_64-linear');
  const map = new AddressMap(getProfile('x86_64-linear'));
  const MIB = 2 ** 20;
  expect(map.pageAddress(5) >>> 0).toBe(5 * 4096);
  expect(map.pfnToPage(0) >>> 0).toBe(252 * MIB);
  expect(map.pfnToPage(65535) >>> 0).toBe(256 * MIB - 64);
  expect([regions.vmallocStart >>> 0, regions.vmallocEnd >>> 0]).toEqual([256 * MIB, 512 * MIB - 1]);
  expect([regions.modulesStart >>> 0, regions.modulesEnd >>> 0]).toEqual([512 * MIB, 576 * MIB]);
});

test('errPtr refuses what IS_ERR would not recognize', () => {
  const map = new AddressMap(getProfile('pc-160m'));
  for (const bad of [0, 12, -4096, -1.5, NaN]) expect(() => map.errPtr(bad)).toThrow('from -4095 to -1');
});
