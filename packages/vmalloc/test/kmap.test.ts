/** Addresses for HighMem frames (buddy spec 13; its edge case 54). */
import { isKernelBug, NULL, WOULD_BLOCK } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { Kmap } from '../src/index.js';
import { machine, type TestMachine } from './machine.js';

const PAGE = 4096;
const HIGH = 0x4_0000;

function kmaps(slots = 1024, nrCpus = 1): TestMachine & { readonly kmap: Kmap } {
  const made = machine({ profile: 'i386-1200m' });
  const { pkmapStart = 0, fixmapEnd = 0 } = made.profile.regions;
  return { ...made, kmap: new Kmap({ pkmapStart, pkmapEnd: pkmapStart + slots * PAGE, fixmapEnd, mmu: made.mmu, addresses: made.addresses, nrCpus }) };
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'nothing';
}

describe('kmap', () => {
  test('19.54: begins with slot 1; the same page has the same address; the count returns to 1', () => {
    const { kmap, seen, memory } = kmaps();
    const addr = kmap.tryKmap(HIGH);
    expect([addr, kmap.tryKmap(HIGH), kmap.users(HIGH)]).toEqual([0xff00_1000, 0xff00_1000, 3]);
    seen.store(addr + 4, 1, 9);
    expect(memory.view(HIGH * PAGE + 4, 1)[0]).toBe(9);
    kmap.kunmap(HIGH);
    kmap.kunmap(HIGH);
    expect([kmap.users(HIGH), kmap.pageAddress(HIGH)]).toEqual([1, addr]);
    expect(kmap.tryKmap(HIGH)).toBe(addr);
  });

  test('19.54: a slot that nobody uses is taken again only after the search came round, with one flush', () => {
    const { kmap, tlb } = kmaps(4);
    const [a, b, c] = [HIGH, HIGH + 1, HIGH + 2].map((pfn) => kmap.tryKmap(pfn));
    expect([a, b, c].map((addr) => (addr - 0xff00_0000) / PAGE)).toEqual([1, 2, 3]);
    kmap.kunmap(HIGH + 1);
    expect([kmap.users(HIGH + 1), tlb.counts.flushes]).toEqual([1, 0]);
    expect(kmap.tryKmap(HIGH + 3)).toBe(0xff00_0000);
    expect([kmap.users(HIGH + 1), kmap.pageAddress(HIGH + 1), tlb.counts.flushes]).toEqual([0, NULL, 1]);
    expect(kmap.tryKmap(HIGH + 4)).toBe(b);
    // All are in use.
    expect(kmap.tryKmap(HIGH + 5)).toBe(WOULD_BLOCK);
  });

  test('a page of lowmem has its direct address', () => {
    const { kmap } = kmaps();
    expect([kmap.tryKmap(100), kmap.pageAddress(100), kmap.kmapLocal(100)]).toEqual([0xc006_4000, 0xc006_4000, 0xc006_4000]);
    kmap.kunmap(100);
    kmap.kunmapLocal(0xc006_4000);
    expect(kmap.users(100)).toBe(0);
  });

  test('ending what did not begin is misuse', () => {
    const { kmap } = kmaps();
    expect(codeOf(() => kmap.kunmap(HIGH))).toBe('REFCOUNT');
    kmap.tryKmap(HIGH);
    kmap.kunmap(HIGH);
    expect(codeOf(() => kmap.kunmap(HIGH))).toBe('REFCOUNT');
    expect(() => kmaps(0)).toThrow('pkmapEnd: expected an integer');
  });
});

describe('kmap_local', () => {
  test('is a stack of each CPU: what was mapped last is unmapped first', () => {
    const { kmap, mmu, addresses } = kmaps(1024, 2);
    const [a, b] = [kmap.kmapLocal(HIGH), kmap.kmapLocal(HIGH)];
    const other = kmap.kmapLocal(HIGH, 1);
    expect(new Set([a, b, other]).size).toBe(3);
    expect([a, b, other].map((addr) => mmu.addrToPfn(addr))).toEqual([HIGH, HIGH, HIGH]);
    expect(codeOf(() => kmap.kunmapLocal(a))).toBe('BAD_MAPPING');
    kmap.kunmapLocal(b + 17);
    kmap.kunmapLocal(a);
    expect(mmu.addrToPfn(a)).toBe(-1);
    expect(codeOf(() => kmap.kunmapLocal(a))).toBe('BAD_MAPPING');
    expect(addresses.formatKAddr(a)).toBe('ffffe000');
  });

  test('has 16 slots', () => {
    const { kmap } = kmaps();
    for (let i = 0; i < 16; i++) kmap.kmapLocal(HIGH + i);
    expect(codeOf(() => kmap.kmapLocal(HIGH))).toBe('BAD_MAPPING');
  });
});
