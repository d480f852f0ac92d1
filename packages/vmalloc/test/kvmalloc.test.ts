/** The kvmalloc family (slab spec 11; vmalloc spec 17, cases 24 and 25). */
import { __GFP_NOWARN, __GFP_RETRY_MAYFAIL, GFP_ATOMIC, GFP_KERNEL, NULL } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { machine, rationed } from './machine.js';

const MIB = 2 ** 20;

describe('kvmalloc', () => {
  test('edge case 24: of what kmalloc has comes from there, at an address of the direct map', () => {
    const { kv, vmalloc, profile, kmalloc } = machine();
    const before = kmalloc.largePages();
    const addr = kv.kvmalloc(16384, GFP_KERNEL);
    expect([vmalloc.isVmallocAddr(addr), addr >= profile.regions.pageOffset, kmalloc.largePages() - before]).toEqual([false, true, 4]);
    kv.kvfree(addr);
    expect(kmalloc.largePages()).toBe(before);
    const small = kv.kvmalloc(100, GFP_KERNEL);
    expect(kv.kvmalloc(100, GFP_KERNEL) - small).toBe(128);
  });

  test('edge case 25: of 5 MiB always comes from vmalloc, silently, in large leaves', () => {
    const { kv, vmalloc, reports } = machine();
    const addr = kv.kvmalloc(5 * MIB, GFP_KERNEL);
    expect([vmalloc.isVmallocAddr(addr), vmalloc.findVmArea(addr)?.nrPages, reports]).toEqual([true, 3 * 512, []]);
    kv.kvfree(addr);
    expect(vmalloc.findVmArea(addr)).toBeNull();
  });

  test('falls back when there is no block; not for a page or less, and not where sleeping is forbidden', () => {
    const ration = { singles: Infinity, blocks: 1000, bulk: [] as number[] };
    const { kv, vmalloc, kmalloc } = machine({ wrapPages: (pages) => rationed(pages, ration) });
    vmalloc.vfree(vmalloc.vmalloc(MIB));
    const fill: number[] = [];
    ration.blocks = 0;
    expect(vmalloc.isVmallocAddr(kv.kvmalloc(MIB, GFP_KERNEL))).toBe(true);
    expect(vmalloc.isVmallocAddr(kv.kvmalloc(MIB, GFP_KERNEL | __GFP_RETRY_MAYFAIL))).toBe(true);
    expect(kv.kvmalloc(MIB, GFP_ATOMIC)).toBe(NULL);
    for (let addr = kmalloc.kmalloc(4096, GFP_KERNEL | __GFP_NOWARN); addr !== NULL; addr = kmalloc.kmalloc(4096, GFP_KERNEL | __GFP_NOWARN)) fill.push(addr);
    expect(kv.kvmalloc(4096, GFP_KERNEL | __GFP_NOWARN)).toBe(NULL);
  });

  test('of more than 2^31 - 1 bytes gives NULL, with a warning unless it is unwanted', () => {
    const { kv, reports } = machine();
    expect([kv.kvmalloc(2 ** 31, GFP_KERNEL), kv.kvmalloc(2 ** 31, GFP_KERNEL | __GFP_NOWARN)]).toEqual([NULL, NULL]);
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['ALLOC_FAILURE', 'warn']]);
  });

  test('of nothing is ZERO_SIZE_PTR, which like NULL may be freed', () => {
    const { kv, reports } = machine();
    expect([kv.kvmalloc(0, GFP_KERNEL), kv.kvcalloc(3, 0, GFP_KERNEL)]).toEqual([16, 16]);
    kv.kvfree(16);
    kv.kvfree(NULL);
    expect(reports).toEqual([]);
  });
});

test('arrays: an overflow gives NULL; kvcalloc and kvzalloc are full of zeroes', () => {
  const { kv, seen } = machine();
  expect(kv.kvmallocArray(2 ** 62, 8, GFP_KERNEL)).toBe(NULL);
  expect(kv.kvmallocArray(10, 10, GFP_KERNEL)).not.toBe(NULL);
  for (const size of [100, 8192, 5 * MIB]) {
    const dirty = kv.kvmalloc(size, GFP_KERNEL);
    seen.fill(dirty, 0xff, size);
    kv.kvfree(dirty);
    for (const addr of [kv.kvzalloc(size, GFP_KERNEL), kv.kvcalloc(size / 4, 4, GFP_KERNEL)]) {
      const bytes = new Uint8Array(size);
      seen.read(addr, bytes);
      expect(bytes.every((byte) => byte === 0)).toBe(true);
      kv.kvfree(addr);
    }
  }
});

test('kvrealloc keeps what fits, copies what was there, and leaves it alone when there is no memory', () => {
  const { kv, seen, vmalloc } = machine();
  const addr = kv.kvmalloc(6000, GFP_KERNEL);
  seen.fill(addr, 7, 6000);
  expect(kv.kvrealloc(addr, 6000, 100, GFP_KERNEL)).toBe(addr);
  const larger = kv.kvrealloc(addr, 6000, 5 * MIB, GFP_KERNEL);
  expect(vmalloc.isVmallocAddr(larger)).toBe(true);
  const bytes = new Uint8Array(6000);
  seen.read(larger, bytes);
  expect(bytes.every((byte) => byte === 7)).toBe(true);
  expect(kv.kvrealloc(larger, 5 * MIB, 2 ** 31, GFP_KERNEL | __GFP_NOWARN)).toBe(NULL);
  expect(seen.load(larger, 1)).toBe(7);
});
