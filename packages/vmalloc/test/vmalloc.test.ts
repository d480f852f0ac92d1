/** The edge cases of the vmalloc family, each by its rule (vmalloc spec 4, 5, 6, 14, 17). */
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_NOWARN,
  EBUSY,
  EINVAL,
  GFP_ATOMIC,
  GFP_KERNEL,
  GFP_NOFS,
  isKernelBug,
  NO_PAGE,
  NULL,
  PAGE_KERNEL,
  VM_ALLOC,
  VM_IOREMAP,
  VM_MAP,
  VM_MAP_PUT_PAGES,
  VM_NO_GUARD,
  VM_USERMAP,
  type Pfn,
  type PhysAddr,
} from '@kmem/contracts';
import { getProfile, identityProfile } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { formatVmallocinfo, Vmalloc, vread } from '../src/index.js';
import { machine, rationed, type TestMachine } from './machine.js';

const PAGE = 4096;
const MIB = 2 ** 20;

/** Pages behind an area. */
function pfnsOf({ vmalloc }: TestMachine, addr: number, count: number): Pfn[] {
  return Array.from({ length: count }, (_, i) => vmalloc.vmallocToPfn(addr + i * PAGE));
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

/** A fault's kind and the bytes beyond the area. */
function faultOf(act: () => unknown): Record<string, unknown> {
  try {
    act();
  } catch (error) {
    if (isKernelBug(error)) return { ...error.fields };
    throw error;
  }
  return {};
}

describe('vmalloc', () => {
  test('edge case 1: of 0 bytes gives NULL and warns once', () => {
    const { vmalloc, reports } = machine();
    expect([vmalloc.vmalloc(0), vmalloc.vmalloc(0)]).toEqual([NULL, NULL]);
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['BAD_SIZE', 'warn']]);
  });

  test('edge cases 2, 3: of 1 byte on an empty space starts the range, and takes 8192 bytes; the next lies behind', () => {
    const { vmalloc, start } = machine();
    expect(vmalloc.vmalloc(1)).toBe(start);
    expect(vmalloc.findVmArea(start)?.size).toBe(8192);
    expect(vmalloc.vmalloc(4096)).toBe(start + 0x2000);
  });

  test('edge case 4: of 5000 bytes has 2 pages and takes 12288', () => {
    const { vmalloc, start } = machine();
    vmalloc.vmalloc(5000, 'my_init+0x1/0x2');
    expect(vmalloc.findVmArea(start)).toEqual({ addr: start, size: 12288, flags: VM_ALLOC, nrPages: 2, physAddr: 0, caller: 'my_init+0x1/0x2' });
  });

  test('edge case 5: the byte behind it is in the guard page: the fault says which area, by how many bytes, allocated where', () => {
    const { vmalloc, seen, start } = machine();
    vmalloc.vmalloc(4096, 'my_init+0x1/0x2');
    seen.store(start + 4092, 4, 7);
    expect(faultOf(() => seen.store(start + 4096, 1, 0))).toMatchObject({ kind: 'guard page', area: start, areaBytes: 4096, beyondBytes: 1, caller: 'my_init+0x1/0x2' });
    expect(faultOf(() => seen.load(start + 4094, 4))).toMatchObject({ kind: 'guard page', beyondBytes: 1 });
    expect(faultOf(() => seen.load(start + 8191, 1))).toMatchObject({ kind: 'guard page', beyondBytes: 4096 });
    expect(faultOf(() => seen.load(start + 8192, 1))).toMatchObject({ kind: 'vmalloc hole' });
    vmalloc.vfree(start);
    expect(faultOf(() => seen.load(start, 1))).toMatchObject({ kind: 'freed area', area: start, caller: 'my_init+0x1/0x2' });
  });

  test('edge case 6: of more than all RAM gives NULL with a warning and uses no address', () => {
    const { vmalloc, pages, reports, start } = machine();
    expect(vmalloc.vmalloc((pages.managedPages + 1) * PAGE)).toBe(NULL);
    expect(reports[0].message).toContain('exceeds total pages');
    vmalloc.vmallocGfp((pages.managedPages + 1) * PAGE, GFP_KERNEL | __GFP_NOWARN);
    expect(reports.length).toBe(1);
    expect(vmalloc.vmalloc(1)).toBe(start);
  });

  test('edge cases 7, 8: a freed address is not used again before a purge', () => {
    const { vmalloc, start } = machine();
    const [, b] = [vmalloc.vmalloc(1), vmalloc.vmalloc(1), vmalloc.vmalloc(1)];
    vmalloc.vfree(b);
    expect(vmalloc.vmalloc(1)).toBe(start + 3 * 0x2000);
    vmalloc.vmUnmapAliases();
    expect(vmalloc.vmalloc(1)).toBe(b);
  });

  test('the worked table of addresses', () => {
    const { vmalloc, start } = machine();
    const at = (addr: number): number => addr - start;
    const stack = (): number => at(vmalloc.areas.getVmArea(16384, VM_ALLOC, '', { align: 16384 })?.addr ?? NULL);
    const [, b, c, d, e] = [vmalloc.vmalloc(1), vmalloc.vmalloc(8192), vmalloc.vmalloc(4096), vmalloc.ioremap(0xfed0_0000, 8192), vmalloc.vmalloc(1)];
    expect([b, c, d, e].map(at)).toEqual([0x2000, 0x5000, 0x8000, 0xb000]);
    vmalloc.vfree(b);
    expect(at(vmalloc.vmalloc(4096))).toBe(0xd000);
    vmalloc.vmUnmapAliases();
    expect([at(vmalloc.vmalloc(4096)), at(vmalloc.vmalloc(1)), stack(), at(vmalloc.vmalloc(8192))]).toEqual([0x2000, 0xf000, 0x14000, 0x11000]);
    vmalloc.vfree(c);
    vmalloc.iounmap(d);
    const lazy = (): number[][] => vmalloc.areas.exportState().lazy.map(({ addr, sizeBytes }) => [at(addr), sizeBytes]);
    expect(lazy()).toEqual([[0x5000, 0x2000], [0x8000, 0x3000]]);
    vmalloc.vfree(e);
    expect(lazy()).toEqual([[0x5000, 0x2000], [0x8000, 0x5000]]);
    vmalloc.vmUnmapAliases();
    expect(at(vmalloc.vmalloc(0x7000))).toBe(0x4000);
  });

  test('edge case 14: of 3 MiB: the list of its 768 pages is an area itself, behind it; pages are asked for by 100', () => {
    const ration = { singles: Infinity, blocks: Infinity, bulk: [] as number[] };
    const { vmalloc, start } = machine({ wrapPages: (pages) => rationed(pages, ration) });
    const addr = vmalloc.vmalloc(3 * MIB, 'f+0x1/0x2');
    expect(addr).toBe(start);
    const { areas } = vmalloc.areas.exportState();
    expect(areas.map(({ addr: at, nrPages, size }) => [at - start, size, nrPages])).toEqual([[0, 3 * MIB + PAGE, 768], [3 * MIB + PAGE, 3 * PAGE, 2]]);
    expect(formatVmallocinfo(areas, [], { bitsPerLong: 64 }).split('\n')[0]).toBe('0xffffc90000000000-0xffffc90000301000 3149824 f+0x1/0x2 pages=768 vmalloc vpages');
    expect(ration.bulk).toEqual([2, 100, 100, 100, 100, 100, 100, 100, 68]);
    vmalloc.vfree(addr);
    expect(vmalloc.areas.exportState().areas).toEqual([]);
  });

  test('edge case 15: of 2 MiB: the list of 512 pages comes from kmalloc', () => {
    const { vmalloc, kmalloc, start } = machine();
    const before = kmalloc.largePages();
    const addr = vmalloc.vmalloc(2 * MIB);
    expect(vmalloc.areas.exportState().areas.length).toBe(1);
    expect([addr, kmalloc.largePages()]).toEqual([start, before]);
    vmalloc.assertValid();
  });

  test('edge case 16: when a bulk request comes short, the rest is asked for page by page', () => {
    let asked = 0;
    const { vmalloc } = machine({
      wrapPages: (pages) =>
        new Proxy(pages, {
          get: (target, member) => {
            if (member === 'allocPagesBulk') return (gfp: number, nrPages: number, slots: Int32Array) => target.allocPagesBulk(gfp, Math.min(nrPages, 3), slots);
            if (member === 'allocPages') return (gfp: number, order: number) => (asked++, target.allocPages(gfp, order));
            const value: unknown = Reflect.get(target, member, target);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        }),
    });
    vmalloc.vmalloc(10 * PAGE);
    asked = 0;
    expect(vmalloc.vmalloc(10 * PAGE)).not.toBe(NULL);
    expect(asked).toBe(7);
  });

  test('edge case 17: when pages run out, those obtained are freed, the area is removed, and the warning says how far it came', () => {
    const ration = { singles: 60, blocks: 60, bulk: [] as number[] };
    const { vmalloc, reports, usedPages, pages, kmalloc } = machine({ wrapPages: (inner) => rationed(inner, ration) });
    const settle = (): number => {
      for (const cache of kmalloc.caches) cache.shrink();
      pages.drainAllPages();
      return usedPages();
    };
    vmalloc.vfree(vmalloc.vmalloc(1));
    const before = settle();
    ration.singles = 30;
    expect(vmalloc.vmalloc(100 * PAGE)).toBe(NULL);
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['ALLOC_FAILURE', 'warn']]);
    expect(reports[0].message).toMatch(/failed to allocate pages after 1(1[0-9]{4}|2[0-9]{4}) bytes$/);
    expect(vmalloc.areas.exportState().areas).toEqual([]);
    expect(settle()).toBe(before);
  });

  test('edge case 18: pages of two calls on one CPU come in the order of its list', () => {
    const made = machine();
    made.vmalloc.vmalloc(1);
    const a = pfnsOf(made, made.vmalloc.vmalloc(4 * PAGE), 4);
    const b = pfnsOf(made, made.vmalloc.vmalloc(4 * PAGE), 4);
    for (const run of [a, b]) expect(run.map((pfn) => pfn - run[0])).toEqual([0, 1, 2, 3]);
    expect(b[0]).toBe(a[3] + 1);
  });

  test('freed pages come back in descending order of their index', () => {
    const made = machine();
    const addr = made.vmalloc.vmalloc(4 * PAGE);
    const before = pfnsOf(made, addr, 4);
    made.vmalloc.vfree(addr);
    expect(Array.from({ length: 4 }, () => made.pages.allocPages(GFP_KERNEL, 0))).toEqual(before.reverse());
  });

  test('edge case 54: vzalloc and vmalloc_user are full of zeroes, even when the pages were used', () => {
    const { vmalloc, seen } = machine();
    const dirty = vmalloc.vmalloc(2 * PAGE);
    seen.fill(dirty, 0xff, 2 * PAGE);
    vmalloc.vfree(dirty);
    const addr = vmalloc.vzalloc(2 * PAGE);
    const bytes = new Uint8Array(2 * PAGE);
    seen.read(addr, bytes);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(vmalloc.findVmArea(vmalloc.vmallocUser(1))?.flags).toBe(VM_ALLOC | VM_USERMAP);
  });

  test('edge case 49: vmalloc_32 takes pages below 4 GiB', () => {
    const made = machine({ profile: 'pc-4g' });
    const top = 2 ** 32 / PAGE;
    expect(pfnsOf(made, made.vmalloc.vmalloc(1), 1)[0]).toBeGreaterThanOrEqual(top);
    for (const pfn of pfnsOf(made, made.vmalloc.vmalloc32(50 * PAGE), 50)) expect(pfn).toBeLessThan(top);
  });

  test('edge case 50: VmallocUsed counts pages of vmalloc, not of mappings', () => {
    const { vmalloc, pages } = machine();
    vmalloc.vmalloc(10 * PAGE);
    expect(vmalloc.nrVmallocPages).toBe(10);
    vmalloc.vmap([pages.allocPages(GFP_KERNEL, 0)], VM_MAP, PAGE_KERNEL);
    vmalloc.ioremap(0xfed0_0000, 8192);
    expect(vmalloc.nrVmallocPages).toBe(10);
  });

  test('edge cases 29, 30: flags that do not allow to sleep, and an interrupt, are misuse', () => {
    const { vmalloc, cpus, reports, pages } = machine();
    expect(vmalloc.vmallocGfp(1, GFP_ATOMIC)).toBe(NULL);
    cpus.inInterrupt = true;
    expect(vmalloc.vmalloc(1)).toBe(NULL);
    expect(vmalloc.vmap([pages.allocPages(GFP_KERNEL, 0)], VM_MAP, PAGE_KERNEL)).toBe(NULL);
    expect(vmalloc.ioremap(0xfed0_0000, 8192)).toBe(NULL);
    expect(reports.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'SLEEP_IN_ATOMIC'));
  });

  test('a size that is none is misuse', () => {
    const { vmalloc, reports } = machine();
    for (const size of [-1, 1.5, NaN, Infinity, 2 ** 60]) expect(vmalloc.vmalloc(size)).toBe(NULL);
    expect(reports.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => 'BAD_SIZE'));
  });

  test('edge case 56: GFP_NOFS: pages of tables are taken without FS as well', () => {
    const gfps: number[] = [];
    const { vmalloc } = machine({
      wrapPages: (pages) =>
        new Proxy(pages, {
          get: (target, member) => {
            if (member === 'allocPages') return (gfp: number, order: number) => (gfps.push(gfp), target.allocPages(gfp, order));
            const value: unknown = Reflect.get(target, member, target);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        }),
    });
    vmalloc.vmallocGfp(1, GFP_NOFS);
    expect(gfps.length).toBeGreaterThan(1);
    for (const gfp of gfps) expect(gfp & (GFP_KERNEL & ~__GFP_DIRECT_RECLAIM & ~GFP_NOFS)).toBe(0);
  });
});

describe('vmalloc_huge', () => {
  test('edge cases 19, 47: of 2 MiB is one block, aligned in both address spaces', () => {
    const made = machine();
    made.vmalloc.vmalloc(1);
    const addr = made.vmalloc.vmallocHuge(2 * MIB, GFP_KERNEL);
    expect((addr - made.start) % (2 * MIB)).toBe(0);
    const pfns = pfnsOf(made, addr, 512);
    expect(pfns[0] % 512).toBe(0);
    expect(pfns).toEqual(Array.from({ length: 512 }, (_, i) => pfns[0] + i));
    expect(made.vmalloc.findVmArea(addr)?.size).toBe(2 * MIB + PAGE);
    expect(made.vmalloc.vmallocToPfn(addr + 0x5000)).toBe(pfns[0] + 5);
    expect(made.vmalloc.vmallocToPfn(addr + 2 * MIB)).toBe(NO_PAGE);
    made.vmalloc.assertValid();
    made.vmalloc.vfree(addr);
    expect(made.vmalloc.nrVmallocPages).toBe(1);
  });

  test('edge cases 20, 21: of a byte less has small pages, of a byte more has two blocks', () => {
    const made = machine();
    expect(made.vmalloc.vmallocHuge(2 * MIB - 1, GFP_KERNEL)).toBe(made.start);
    const addr = made.vmalloc.vmallocHuge(2 * MIB + 1, GFP_KERNEL);
    expect(made.vmalloc.findVmArea(addr)).toMatchObject({ size: 4 * MIB + PAGE, nrPages: 1024 });
  });

  test('edge case 22: without a free block it is tried again with small pages, at another address', () => {
    const ration = { singles: Infinity, blocks: Infinity, bulk: [] as number[] };
    const made = machine({ wrapPages: (pages) => rationed(pages, ration) });
    // The caches of what describes areas have their slabs.
    made.vmalloc.vfree(made.vmalloc.vmalloc(2 * MIB));
    made.vmalloc.vmUnmapAliases();
    ration.blocks = 0;
    const addr = made.vmalloc.vmallocHuge(2 * MIB, GFP_KERNEL);
    expect(addr).toBe(made.start + 2 * MIB + PAGE);
    expect(made.vmalloc.areas.exportState().lazy).toEqual([{ addr: made.start, sizeBytes: 2 * MIB + PAGE }]);
    expect(made.reports.map(({ code }) => code)).toEqual(['ALLOC_FAILURE']);
  });

  test('blocks may lie where single pages lay before: their empty tables are freed', () => {
    const made = machine();
    const tables = (): number => ('tableFrames' in made.mmu ? (made.mmu.tableFrames as readonly number[]).length : 0);
    made.vmalloc.vfree(made.vmalloc.vmalloc(2 * MIB));
    made.vmalloc.vmUnmapAliases();
    const before = tables();
    expect(made.vmalloc.vmallocHuge(2 * MIB, GFP_KERNEL)).toBe(made.start);
    expect([tables(), made.reports]).toEqual([before - 1, []]);
  });

  test('edge case 23: vmalloc itself never takes blocks', () => {
    const made = machine();
    const ration = { singles: Infinity, blocks: 0, bulk: [] as number[] };
    const poor = machine({ wrapPages: (pages) => rationed(pages, ration), vmalloc: { kmalloc: made.kmalloc } });
    expect(poor.vmalloc.vmalloc(2 * MIB)).not.toBe(NULL);
  });

  test('off: small pages', () => {
    const made = machine({ vmalloc: { hugePages: false } });
    expect(made.vmalloc.vmallocHuge(2 * MIB + 1, GFP_KERNEL)).toBe(made.start);
    expect(made.vmalloc.findVmArea(made.start)?.size).toBe(2 * MIB + 2 * PAGE);
  });
});

describe('vfree', () => {
  test('edge case 26: of NULL is nothing; of an address inside a page, of a freed area and of none it warns', () => {
    const { vmalloc, reports, kmalloc, addresses } = machine();
    const addr = vmalloc.vmalloc(1);
    vmalloc.vfree(NULL);
    vmalloc.vfree(addr + 1);
    expect(vmalloc.findVmArea(addr)).not.toBeNull();
    vmalloc.vfree(addr);
    vmalloc.vfree(addr);
    vmalloc.vfree(addresses.pageAddress(kmalloc.kmalloc(4096, GFP_KERNEL) / PAGE));
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['BAD_AREA', 'warn'], ['BAD_AREA', 'warn'], ['BAD_AREA', 'warn']]);
    expect(reports[0].message).toContain('Trying to vfree() bad address');
    expect(reports[1].message).toContain('Trying to vfree() nonexistent vm area');
  });

  test('edge case 27: of any page of an area frees the area', () => {
    const { vmalloc, reports } = machine();
    const addr = vmalloc.vmalloc(3 * PAGE);
    vmalloc.vfree(addr + PAGE);
    expect([vmalloc.findVmArea(addr), reports]).toEqual([null, []]);
  });

  test('edge case 28: in an interrupt the memory is released only when the work item runs', () => {
    const made = machine();
    const { vmalloc, cpus, pages, seen } = made;
    const [a, b] = [vmalloc.vmalloc(3 * PAGE), vmalloc.vmalloc(1)];
    const pfns = pfnsOf(made, a, 3);
    cpus.inInterrupt = true;
    vmalloc.vfree(a);
    cpus.inInterrupt = false;
    vmalloc.vfreeAtomic(b);
    vmalloc.vfreeAtomic(NULL);
    expect([vmalloc.nrVmallocPages, vmalloc.areas.lazyPages, made.scheduled]).toEqual([4, 0, 2]);
    expect([pfns.map((pfn) => pages.pageCount(pfn)), seen.load(a, 4)]).toEqual([[1, 1, 1], 0]);
    vmalloc.runDeferredWork();
    expect([vmalloc.nrVmallocPages, vmalloc.areas.lazyPages, vmalloc.findVmArea(a), vmalloc.findVmArea(b)]).toEqual([0, 6, null, null]);
    expect(pfns.map((pfn) => pages.pageCount(pfn))).toEqual([0, 0, 0]);
    expect(codeOf(() => seen.load(a, 4))).toBe('PAGE_FAULT');
  });

  test('in an NMI is misuse', () => {
    const { vmalloc, reports } = machine({ vmalloc: { cpus: { nrCpus: 1, cpu: 0, inInterrupt: true, inNmi: () => 1 } } });
    vmalloc.vfree(4096);
    expect(reports.map(({ code }) => code)).toEqual(['BAD_FREE']);
  });

  test('gives everything back but the pages of page tables', () => {
    const { vmalloc, usedPages, pages, mmu, kmalloc } = machine();
    const keep = kmalloc.kmalloc(64, GFP_KERNEL);
    for (const size of [1, 5000, 100 * PAGE, 3 * MIB]) vmalloc.vfree(vmalloc.vmalloc(size));
    for (const cache of kmalloc.caches) cache.shrink();
    pages.drainAllPages();
    const tables = 'tableFrames' in mmu ? (mmu.tableFrames as readonly number[]).length : 0;
    expect(usedPages()).toBe(tables + 1);
    kmalloc.kfree(keep);
  });
});

describe('lazy addresses', () => {
  test('edge cases 9, 10: guard pages count; exactly the limit asks for nothing, one page more asks for the worker', () => {
    const made = machine({ nrCpus: 2, profile: 'pc-512m' });
    const { vmalloc } = made;
    expect(vmalloc.areas.lazyMaxPages).toBe(16384);
    const addrs = Array.from({ length: 8193 }, () => vmalloc.vmalloc(1));
    for (const addr of addrs.slice(0, 8192)) vmalloc.vfree(addr);
    expect([vmalloc.areas.lazyPages, made.scheduled]).toEqual([16384, 0]);
    vmalloc.vfree(addrs[8192]);
    expect([vmalloc.areas.lazyPages, made.scheduled]).toEqual([16386, 1]);
    vmalloc.runDeferredWork();
    expect(vmalloc.areas.lazyPages).toBe(0);
  });

  test('edge cases 11, 55: neighbours merge into one row, which stands after the last area', () => {
    const { vmalloc, start } = machine();
    const addrs = [1, 2, 3, 4].map(() => vmalloc.vmalloc(1));
    vmalloc.vfree(addrs[0]);
    vmalloc.vfree(addrs[1]);
    const { areas, lazy } = vmalloc.areas.exportState();
    expect(formatVmallocinfo(areas, lazy, { bitsPerLong: 64 })).toBe(
      '0xffffc90000004000-0xffffc90000006000    8192 pages=1 vmalloc\n' +
        '0xffffc90000006000-0xffffc90000008000    8192 pages=1 vmalloc\n' +
        '0xffffc90000000000-0xffffc90000004000   16384 unpurged vm_area\n',
    );
    expect(lazy).toEqual([{ addr: start, sizeBytes: 0x4000 }]);
  });

  test('a purge flushes every CPU once for all of them, from the lowest to the highest', () => {
    const { vmalloc, tlb } = machine({ nrCpus: 2 });
    const addrs = [1, 2, 3].map(() => vmalloc.vmalloc(PAGE));
    vmalloc.vfree(addrs[2]);
    vmalloc.vfree(addrs[0]);
    expect(tlb.counts.flushes).toBe(0);
    vmalloc.vmUnmapAliases();
    expect(tlb.counts).toMatchObject({ flushes: 1, fullFlushes: 0, pagesFlushed: 12 });
    vmalloc.vmUnmapAliases();
    expect(tlb.counts.flushes).toBe(1);
  });

  test('edge case 12: when addresses run out, what is lazy is purged, and the call succeeds', () => {
    const end = getProfile('pc-160m').regions.vmallocStart + 4 * PAGE;
    const { vmalloc, reports, start } = machine({ vmalloc: { vmallocEnd: end } });
    const [a] = [vmalloc.vmalloc(1), vmalloc.vmalloc(1)];
    vmalloc.vfree(a);
    expect([vmalloc.vmalloc(1), vmalloc.areas.lazyPages, reports]).toEqual([start, 0, []]);
  });

  test('edge case 13: with nothing to purge and nobody to ask it is NULL and EBUSY inside, with a warning unless unwanted', () => {
    const end = getProfile('pc-160m').regions.vmallocStart + 4 * PAGE;
    const { vmalloc, reports } = machine({ vmalloc: { vmallocEnd: end } });
    for (let i = 0; i < 2; i++) vmalloc.vmalloc(1);
    expect(vmalloc.vmallocGfp(1, GFP_KERNEL | __GFP_NOWARN)).toBe(NULL);
    expect(reports).toEqual([]);
    expect(vmalloc.vmalloc(1)).toBe(NULL);
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['ALLOC_FAILURE', 'warn'], ['ALLOC_FAILURE', 'warn']]);
    expect(reports[0].message).toContain('vmap allocation for size 8192 failed: use vmalloc=<size> to increase size');
    expect(reports[0].fields['error']).toBe(EBUSY);
    expect(reports[1].message).toContain('vmalloc error: size 1, vm_struct allocation failed');
  });

  test('whoever registered is asked for addresses, again as long as it gives some up', () => {
    const end = getProfile('pc-160m').regions.vmallocStart + 6 * PAGE;
    const { vmalloc } = machine({ vmalloc: { vmallocEnd: end } });
    const held = [1, 2, 3].map(() => vmalloc.vmalloc(1));
    let asked = 0;
    vmalloc.areas.registerVmapPurgeNotifier(() => {
      asked++;
      const addr = held.pop();
      if (addr !== undefined) vmalloc.vfree(addr);
      return addr === undefined ? 0 : 1;
    });
    // Two areas of two pages make room for one of four.
    expect(vmalloc.vmalloc(3 * PAGE)).toBe(end - 4 * PAGE);
    expect([asked, held.length]).toEqual([2, 1]);
    expect(vmalloc.vmalloc(5 * PAGE)).toBe(NULL);
    expect(asked).toBe(4);
  });
});

describe('vmap', () => {
  test('edge case 31: of 3 pages shows them; vunmap leaves their references alone', () => {
    const made = machine();
    const { vmalloc, pages, seen, memory } = made;
    const pfns = [3, 1, 2].map(() => pages.allocPages(GFP_KERNEL, 0)).reverse();
    const addr = vmalloc.vmap(pfns, VM_MAP, PAGE_KERNEL);
    expect(pfnsOf(made, addr, 4)).toEqual([...pfns, NO_PAGE]);
    seen.store(addr + PAGE, 1, 0x5a);
    expect(memory.view(pfns[1] * PAGE, 1)[0]).toBe(0x5a);
    expect(vmalloc.findVmArea(addr)).toMatchObject({ size: 4 * PAGE, flags: VM_MAP, nrPages: 0 });
    vmalloc.vunmap(addr);
    expect(pfns.map((pfn) => pages.pageCount(pfn))).toEqual([1, 1, 1]);
    vmalloc.vfree(vmalloc.vmap(pfns, VM_MAP, PAGE_KERNEL));
    expect(pfns.map((pfn) => pages.pageCount(pfn))).toEqual([1, 1, 1]);
    expect(faultOf(() => seen.fetch(vmalloc.vmap(pfns, VM_MAP, PAGE_KERNEL & ~0x1000)))).toMatchObject({ kind: 'no-exec' });
  });

  test('edge case 31: with MAP_PUT_PAGES vfree drops one reference of each page', () => {
    const { vmalloc, pages } = machine();
    const pfns = [1, 2].map(() => pages.allocPages(GFP_KERNEL, 0));
    pages.getPage(pfns[0]);
    vmalloc.vfree(vmalloc.vmap(pfns, VM_MAP | VM_MAP_PUT_PAGES, PAGE_KERNEL));
    expect(pages.pageCount(pfns[0])).toBe(1);
    expect(pages.pageCount(pfns[1])).toBe(0);
  });

  test('edge cases 32, 33: of no pages, of a missing page and of what is no page gives NULL; without a guard page is refused', () => {
    const { vmalloc, pages, reports } = machine();
    const pfn = pages.allocPages(GFP_KERNEL, 0);
    expect(vmalloc.vmap([], VM_MAP, PAGE_KERNEL)).toBe(NULL);
    expect(vmalloc.vmap([pfn, NO_PAGE], VM_MAP, PAGE_KERNEL)).toBe(NULL);
    expect(vmalloc.vmap(new Int32Array(pages.managedPages + 1), VM_MAP, PAGE_KERNEL)).toBe(NULL);
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['BAD_MAPPING', 'warn']]);
    expect(vmalloc.areas.exportState().areas).toEqual([]);
    expect(vmalloc.findVmArea(vmalloc.vmap([pfn], VM_MAP | VM_NO_GUARD, PAGE_KERNEL))?.size).toBe(8192);
    vmalloc.vunmap(12345 * PAGE);
    expect(reports.slice(1).map(({ code }) => code)).toEqual(['BAD_AREA', 'BAD_AREA']);
  });
});

describe('vm_map_ram', () => {
  const shown = (made: TestMachine, count: number): number => made.vmalloc.vmMapRam(Array.from({ length: count }, (_, i) => 300 + i));

  test('edge case 34: takes powers of two from a block, one after the other; what ended is not used again', () => {
    const made = machine();
    const first = shown(made, 1);
    expect((first - made.start) % (4 * MIB)).toBe(0);
    expect([shown(made, 3), shown(made, 1)].map((addr) => (addr - first) / PAGE)).toEqual([1, 5]);
    expect(made.vmalloc.vmallocToPfn(first + 2 * PAGE)).toBe(301);
    made.vmalloc.vmUnmapRam(first, 1);
    expect(made.vmalloc.vmallocToPfn(first)).toBe(NO_PAGE);
    expect((shown(made, 1) - first) / PAGE).toBe(6);
    const { areas } = made.vmalloc.areas.exportState();
    expect(formatVmallocinfo(areas, [], { bitsPerLong: 64 })).toBe('0xffffc90000000000-0xffffc90000400000 4194304 vm_map_ram\n');
  });

  test('edge cases 35, 37: a full block leaves the list, and is lazy when everything in it ended', () => {
    const made = machine();
    const addrs = Array.from({ length: 16 }, () => shown(made, 64));
    expect(addrs.map((addr) => (addr - addrs[0]) / PAGE)).toEqual(Array.from({ length: 16 }, (_, i) => 64 * i));
    expect(shown(made, 64) - addrs[0]).toBe(4 * MIB);
    for (const addr of addrs.slice(1)) made.vmalloc.vmUnmapRam(addr, 64);
    expect(made.vmalloc.areas.lazyPages).toBe(0);
    made.vmalloc.vmUnmapRam(addrs[0], 64);
    expect(made.vmalloc.areas.exportState().lazy).toEqual([{ addr: addrs[0], sizeBytes: 4 * MIB }]);
  });

  test('edge case 36: of 65 pages takes addresses of its own, without a guard page', () => {
    const made = machine();
    const addr = shown(made, 65);
    expect(made.vmalloc.areas.exportState().areas).toEqual([{ addr, size: 65 * PAGE, flags: 0, nrPages: 0, physAddr: 0, caller: '' }]);
    expect(made.vmalloc.findVmArea(addr)).toBeNull();
    made.vmalloc.vmUnmapRam(addr, 65);
    expect(made.vmalloc.areas.lazyPages).toBe(65);
  });

  test('edge case 38: each CPU has blocks of its own', () => {
    const made = machine({ nrCpus: 2 });
    const first = shown(made, 1);
    made.cpus.cpu = 1;
    expect(shown(made, 1) - first).toBe(4 * MIB);
  });

  test('vm_unmap_aliases drops a block of which nothing is shown, and flushes what ended in others', () => {
    const made = machine();
    const first = shown(made, 4);
    const kept = shown(made, 1);
    made.vmalloc.vmUnmapRam(first, 4);
    made.vmalloc.vmUnmapAliases();
    expect(made.tlb.counts).toMatchObject({ flushes: 1, pagesFlushed: 4 });
    made.vmalloc.vmUnmapRam(kept, 1);
    made.vmalloc.vmUnmapAliases();
    expect(made.tlb.counts).toMatchObject({ flushes: 2, fullFlushes: 1 });
    expect(made.vmalloc.areas.exportState().areas).toEqual([]);
    expect(shown(made, 1)).toBe(first);
  });

  test('a block of which nothing is shown is dropped when addresses run out', () => {
    const made = machine({ vmalloc: { vmallocEnd: getProfile('pc-160m').regions.vmallocStart + 1025 * PAGE } });
    made.vmalloc.vmUnmapRam(shown(made, 1), 1);
    expect(made.vmalloc.vmalloc(100 * PAGE)).toBe(made.start);
  });

  test('what is not shown cannot end, no pages are not shown, and a page that is none leaves nothing', () => {
    const made = machine();
    const addr = shown(made, 2);
    for (const [at, count] of [[addr + 2 * PAGE, 1], [addr + 1, 1], [made.start - PAGE, 1], [addr, 0], [addr, 65], [addr + 8 * MIB, 1]]) made.vmalloc.vmUnmapRam(at, count);
    expect(made.reports.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 'BAD_AREA'));
    expect(made.vmalloc.vmMapRam([])).toBe(NULL);
    expect(made.vmalloc.vmMapRam([300, NO_PAGE])).toBe(NULL);
    expect(made.vmalloc.vmallocToPfn(addr + 2 * PAGE)).toBe(NO_PAGE);
  });
});

describe('ioremap', () => {
  test('edge case 39: shows whole pages, and gives the address of the very byte', () => {
    const { vmalloc, start } = machine();
    expect(vmalloc.ioremap(0xfed0_0000, 1024)).toBe(start);
    expect(vmalloc.findVmArea(start)).toMatchObject({ size: 8192, flags: VM_IOREMAP, physAddr: 0xfed0_0000 });
    const addr = vmalloc.ioremap(0xfed0_0010, 16);
    expect(addr).toBe(start + 0x2010);
    expect(vmalloc.vmallocToPfn(addr)).toBe(0xfed00);
    expect(vmalloc.findVmArea(vmalloc.ioremap(0xfed0_0ff0, 32))?.size).toBe(3 * PAGE);
    vmalloc.iounmap(addr);
    expect(vmalloc.findVmArea(addr)).toBeNull();
  });

  test('edge case 40: of 3 pages is aligned to 16 KiB', () => {
    const { vmalloc, start } = machine();
    vmalloc.vmalloc(1);
    expect(vmalloc.ioremap(0xfed0_0000, 3 * PAGE)).toBe(start + 0x4000);
  });

  test('edge case 41: of RAM, of nothing and beyond physical addresses gives NULL', () => {
    const { vmalloc, reports } = machine();
    expect([vmalloc.ioremap(0x200_0000, 4096), vmalloc.ioremap(0xfed0_0000, 0), vmalloc.ioremap(2 ** 46 - 1, 2), vmalloc.ioremap(-1, 8)]).toEqual([NULL, NULL, NULL, NULL]);
    expect(reports.map(({ code, severity }) => [code, severity])).toEqual([['BAD_MAPPING', 'warn'], ['BAD_MAPPING', 'warn']]);
  });

  test('iounmap ignores what lies below the range, and reports what is no mapping of a device', () => {
    const { vmalloc, reports, start } = machine();
    vmalloc.iounmap(start - PAGE);
    vmalloc.iounmap(vmalloc.vmalloc(1));
    vmalloc.iounmap(start + 64 * PAGE);
    expect(reports.map(({ code }) => code)).toEqual(['BAD_AREA', 'BAD_AREA']);
  });
});

describe('is_vmalloc_addr and vread', () => {
  test('the range decides, not whether something is there', () => {
    const { vmalloc, start, profile } = machine();
    expect([start - 1, start, profile.regions.vmallocEnd - 1, profile.regions.vmallocEnd, profile.regions.modulesStart].map((addr) => vmalloc.isVmallocAddr(addr))).toEqual([false, true, true, false, false]);
  });

  test('edge case 46: reading across an area and its guard page gives data, then zeroes; a hole gives nothing', () => {
    const { vmalloc, seen, mmu, memory, start } = machine();
    vmalloc.vmalloc(PAGE);
    seen.fill(start, 7, PAGE);
    vmalloc.ioremap(0xfed0_0000, PAGE);
    const into = new Uint8Array(4 * PAGE).fill(0xee);
    expect(vread(vmalloc.areas, mmu, memory, start + 4000, into)).toBe(4 * PAGE);
    expect([into.subarray(0, 96).every((byte) => byte === 7), into.subarray(96).every((byte) => byte === 0)]).toEqual([true, true]);
    expect(vread(vmalloc.areas, mmu, memory, start + 100 * PAGE, into)).toBe(0);
    vmalloc.vmMapRam([300]);
    expect(vread(vmalloc.areas, mmu, memory, start + 4 * MIB, into)).toBe(0);
  });
});

test('edge case 48: remap_vmalloc_range: only areas for user space, only whole pages, only what there is', () => {
  const made = machine();
  const { vmalloc } = made;
  const [plain, user] = [vmalloc.vmalloc(3 * PAGE), vmalloc.vmallocUser(3 * PAGE)];
  const shown: number[] = [];
  const insert = (pfn: number): number => shown.push(pfn) * 0;
  expect(vmalloc.remapVmallocRange(user, 2 * PAGE - 1, 1, insert)).toBe(0);
  expect(shown).toEqual(pfnsOf(made, user + PAGE, 2));
  expect([[plain, PAGE, 0], [user + 1, PAGE, 0], [user, 3 * PAGE + 1, 0], [user, PAGE, 3], [user, PAGE, -1], [NULL, PAGE, 0]].map(([addr, size, first]) => vmalloc.remapVmallocRange(addr, size, first, insert))).toEqual(
    Array.from({ length: 6 }, () => -EINVAL),
  );
  expect(vmalloc.remapVmallocRange(user, PAGE, 0, () => -EBUSY)).toBe(-EBUSY);
});

describe('i386', () => {
  test('edge case 53: pages come from HighMem first, the list of them from lowmem', () => {
    const taken: PhysAddr[] = [];
    const made = machine({ profile: 'i386-1200m' });
    const { kmalloc } = made;
    const vmalloc = new Vmalloc({
      ...made.profile.regions,
      bitsPerLong: 32,
      pages: made.pages,
      mmu: made.mmu,
      kmalloc: {
        kmalloc: (size, gfp) => {
          const addr = kmalloc.kmalloc(size, gfp);
          taken.push(addr);
          return addr;
        },
        kfree: kmalloc.kfree,
      },
    });
    const lowmem = made.profile.regions.lowmemBytes;
    const addr = vmalloc.vmalloc(10 * PAGE);
    expect(addr).toBe(made.start);
    for (const pfn of pfnsOf({ ...made, vmalloc }, addr, 10)) expect(pfn * PAGE).toBeGreaterThanOrEqual(lowmem);
    // The vm_struct, and the list.
    expect(taken.map((phys) => phys < lowmem)).toEqual([true, true]);
  });

  test('edge case 52: of 120 MiB in a fragmented space of 128 MiB is NULL, although more is free', () => {
    const { vmallocStart } = getProfile('i386-1200m').regions;
    const { vmalloc, start } = machine({ profile: 'i386-1200m', vmalloc: { vmallocEnd: vmallocStart + 128 * MIB } });
    vmalloc.vmalloc(1);
    const hole = vmalloc.vmalloc(3 * MIB);
    vmalloc.vmalloc(1);
    vmalloc.vfree(hole);
    vmalloc.vmUnmapAliases();
    vmalloc.vmalloc(5 * MIB);
    const end = start + 128 * MIB;
    const free = vmalloc.areas.exportState().free.filter(({ addr }) => addr >= start && addr < end);
    const bytes = free.map(({ addr, sizeBytes }) => Math.min(addr + sizeBytes, end) - addr);
    expect(bytes.length).toBe(2);
    expect(bytes[0] + bytes[1]).toBeGreaterThan(120 * MIB);
    expect(vmalloc.vmalloc(120 * MIB)).toBe(NULL);
    expect(vmalloc.vmalloc(119 * MIB)).not.toBe(NULL);
  });
});

describe('a machine without page tables', () => {
  test('x86_64-linear: bytes lie in the window, frames are counted, faults are found; pages are not shown twice', () => {
    const made = machine({ profile: 'x86_64-linear' });
    const { vmalloc, seen, memory, pages, reports, start } = made;
    const before = made.usedPages();
    const addr = vmalloc.vzalloc(2 * PAGE, 'f+0x1/0x2');
    expect(addr).toBe(start);
    seen.store(addr + PAGE, 4, 0x1234);
    expect(memory.view((addr + PAGE) >>> 0, 2)).toEqual(Uint8Array.of(0x34, 0x12));
    expect(made.usedPages() - before).toBeGreaterThanOrEqual(2);
    expect(faultOf(() => seen.load(addr + 2 * PAGE, 1))).toMatchObject({ kind: 'guard page', beyondBytes: 1, caller: 'f+0x1/0x2' });
    expect(vmalloc.vmap([pages.allocPages(GFP_KERNEL, 0)], VM_MAP, PAGE_KERNEL)).toBe(NULL);
    expect(reports[0].message).toContain('the memory of this machine is seen at one place only');
    expect(vmalloc.vmMapRam([300])).toBe(NULL);
    vmalloc.assertValid();
    vmalloc.vfree(addr);
    expect(codeOf(() => seen.load(addr, 1))).toBe('PAGE_FAULT');
  });

  test('identity: the window lies behind the memory that is handed out', () => {
    const { vmalloc, seen, memory } = machine({ profile: identityProfile({ sizeBytes: 16 * MIB, vmallocBytes: MIB }) });
    const addr = vmalloc.vzalloc(2 * PAGE);
    expect(addr).toBe(16 * MIB);
    seen.store(addr, 4, 7);
    expect(memory.view(Number(addr), 1)[0]).toBe(7);
    expect(vmalloc.vmalloc(MIB)).toBe(NULL);
  });
});
