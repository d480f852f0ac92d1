/** Page tables, translation, flushes and faults (vmalloc spec 5, 6.4, 12). */
import {
  __GFP_ZERO,
  _PAGE_PSE,
  EBUSY,
  EINVAL,
  ENOMEM,
  GFP_KERNEL,
  isKernelBug,
  NO_PAGE,
  PAGE_KERNEL,
  PAGE_KERNEL_EXEC,
  PAGE_KERNEL_IO,
  PAGE_KERNEL_RO,
  PTE_FRAME,
  type KernelBug,
  type Mmu,
  type OwnedAddresses,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { createMemory, createMmu, getProfile, identityProfile, PageTables, TABLE_SHAPES, Tlb, VirtualMemory, type MachineProfile, type TableShape } from '@kmem/hw';

const PAGE = 4096;
const MIB = 2 ** 20;
const START = -0x3700_0000_0000;

/** A source of pages that counts up, and notes flags and what comes back. */
interface PageSource {
  readonly allocPages: (gfp: number) => number;
  readonly freePages: (pfn: number) => void;
  readonly taken: number[];
  readonly gfps: number[];
  readonly freed: number[];
}

function pageSource(first = 1000, count = Infinity): PageSource {
  const taken: number[] = [];
  const gfps: number[] = [];
  const freed: number[] = [];
  return {
    taken,
    gfps,
    freed,
    freePages: (pfn) => void freed.push(pfn),
    allocPages: (gfp) => {
      if (taken.length >= count) return NO_PAGE;
      gfps.push(gfp);
      return first + taken.push(first + taken.length) - 1;
    },
  };
}

function tables(shape: TableShape = TABLE_SHAPES.x86_64, count = Infinity): { mmu: PageTables; pages: PageSource; warnings: KernelBug[] } {
  const pages = pageSource(1000, count);
  const warnings: KernelBug[] = [];
  return { mmu: new PageTables({ shape, pages, nrFrames: 4096, reports: { report: (bug) => warnings.push(bug) } }), pages, warnings };
}

describe('page tables of x86_64', () => {
  test('one zeroed page for each missing PMD and PTE table; the tables above are made by boot; none is given back', () => {
    const { mmu, pages } = tables();
    expect(mmu.mapPages(START, [5, 9], PAGE_KERNEL, GFP_KERNEL)).toBe(0);
    expect(pages.taken).toEqual([1000, 1001]);
    expect(pages.gfps).toEqual([GFP_KERNEL | __GFP_ZERO, GFP_KERNEL | __GFP_ZERO]);
    // The same 2 MiB, the next 2 MiB, the next 1 GiB.
    mmu.mapPages(START + 10 * PAGE, [6], PAGE_KERNEL, GFP_KERNEL);
    expect(pages.taken.length).toBe(2);
    mmu.mapPages(START + 2 * MIB, [7], PAGE_KERNEL, GFP_KERNEL);
    expect(pages.taken.length).toBe(3);
    mmu.mapPages(START + 1024 * MIB, [8], PAGE_KERNEL, GFP_KERNEL);
    expect(pages.taken.length).toBe(5);
    expect(mmu.tableFrames).toEqual([1000, 1001, 1002, 1003, 1004]);
    mmu.unmapRange(START, 2048 * MIB);
    expect(mmu.addrToPfn(START + 2 * MIB)).toBe(NO_PAGE);
    expect(mmu.mapPages(START, [5], PAGE_KERNEL, GFP_KERNEL)).toBe(0);
    expect(mmu.tableFrames.length).toBe(5);
  });

  test('an address is translated page by page', () => {
    const { mmu } = tables();
    mmu.mapPages(START, [5, 9], PAGE_KERNEL, GFP_KERNEL);
    expect([0, 4095, 4096, 8191, 8192, -1].map((at) => mmu.addrToPfn(START + at))).toEqual([5, 5, 9, 9, NO_PAGE, NO_PAGE]);
    expect(mmu.pte(START + 5000)).toBe(9 * PTE_FRAME + PAGE_KERNEL);
    expect(mmu.walk(START).map((entry) => entry.toString(16))).toEqual(['63', '3e8063', '3e9063', '8000000000005163']);
    expect(mmu.walk(START + 8192).at(-1)).toBe(0n);
  });

  test('addresses at both ends of the address space do not meet', () => {
    const { mmu } = tables();
    mmu.mapPages(-(2 ** 47), [1], PAGE_KERNEL, GFP_KERNEL);
    mmu.mapPages(-PAGE, [2], PAGE_KERNEL, GFP_KERNEL);
    mmu.mapPages(0, [3], PAGE_KERNEL, GFP_KERNEL);
    expect([-(2 ** 47), -1, 0, PAGE, 2 ** 47, -(2 ** 47) - 1].map((addr) => mmu.addrToPfn(addr))).toEqual([1, 2, 3, NO_PAGE, NO_PAGE, NO_PAGE]);
  });

  test('a page that is mapped already, no page and no frame are refused with a warning; what was mapped before stays', () => {
    const { mmu, warnings } = tables();
    expect(mmu.mapPages(START, [5, NO_PAGE, 6], PAGE_KERNEL, GFP_KERNEL)).toBe(-ENOMEM);
    expect(mmu.mapPages(START, [7], PAGE_KERNEL, GFP_KERNEL)).toBe(-EBUSY);
    expect(mmu.mapPages(START + PAGE, [4096], PAGE_KERNEL, GFP_KERNEL)).toBe(-EINVAL);
    expect(mmu.addrToPfn(START)).toBe(5);
    expect(mmu.addrToPfn(START + PAGE)).toBe(NO_PAGE);
    expect(warnings.map(({ code, fields, severity }) => [code, fields['error'], severity])).toEqual([
      ['BAD_MAPPING', ENOMEM, 'warn'],
      ['BAD_MAPPING', EBUSY, 'warn'],
      ['BAD_MAPPING', EINVAL, 'warn'],
    ]);
  });

  test('without a page for a table nothing is mapped, and later it can be', () => {
    const { mmu, pages } = tables(TABLE_SHAPES.x86_64, 1);
    expect(mmu.mapPages(START, [5], PAGE_KERNEL, GFP_KERNEL)).toBe(-ENOMEM);
    expect(pages.taken).toEqual([1000]);
    expect(mmu.addrToPfn(START)).toBe(NO_PAGE);
  });

  test('a range gets the largest leaves that address, physical address and rest allow', () => {
    const { mmu, pages } = tables();
    const leaf = (at: number): boolean => (mmu.pte(START + at) & _PAGE_PSE) !== 0;
    expect(mmu.mapRange(START, 0x4000_0000, 4 * MIB + PAGE, PAGE_KERNEL_IO, GFP_KERNEL, 30)).toBe(0);
    expect([0, 2 * MIB, 4 * MIB].map(leaf)).toEqual([true, true, false]);
    expect(mmu.addrToPfn(START + 0x5000)).toBe(0x40005);
    expect(mmu.addrToPfn(START + 4 * MIB)).toBe(0x40400);
    expect(pages.taken.length).toBe(2);
    expect(mmu.mapPages(START + 0x3000, [5], PAGE_KERNEL, GFP_KERNEL)).toBe(-EBUSY);
    mmu.unmapRange(START, 4 * MIB + PAGE);
    expect(mmu.pte(START)).toBe(0);
    // Physical address not aligned; leaves forbidden; one of a gigabyte.
    mmu.mapRange(START, 0x4000_1000, 2 * MIB, PAGE_KERNEL_IO, GFP_KERNEL, 30);
    expect(leaf(0)).toBe(false);
    mmu.mapRange(START + 1024 * MIB, 0, 2 * MIB, PAGE_KERNEL_IO, GFP_KERNEL, 12);
    expect(leaf(1024 * MIB)).toBe(false);
    mmu.mapRange(START + 2048 * MIB, 0x4000_0000, 1024 * MIB, PAGE_KERNEL_IO, GFP_KERNEL, 30);
    expect(mmu.walk(START + 2048 * MIB).length).toBe(2);
  });
});

describe('a larger leaf where a table lies', () => {
  test('x86_64: an empty table is freed, and its place serves later tables', () => {
    const { mmu, pages } = tables();
    mmu.mapPages(START, [5], PAGE_KERNEL, GFP_KERNEL);
    mmu.mapPages(START + 2 * MIB, [6], PAGE_KERNEL, GFP_KERNEL);
    expect(mmu.mapRange(START, 0x4000_0000, 2 * MIB, PAGE_KERNEL, GFP_KERNEL, 21)).toBe(-EBUSY);
    mmu.unmapRange(START, PAGE);
    expect(mmu.mapRange(START, 0x4000_0000, 2 * MIB, PAGE_KERNEL, GFP_KERNEL, 21)).toBe(0);
    expect([pages.freed, mmu.tableFrames, mmu.addrToPfn(START + 0x5000)]).toEqual([[1001], [1000, 1002], 0x40005]);
    mmu.unmapRange(START, 2 * MIB);
    mmu.mapPages(START + PAGE, [7], PAGE_KERNEL, GFP_KERNEL);
    expect([mmu.addrToPfn(START), mmu.addrToPfn(START + PAGE), mmu.addrToPfn(START + 2 * MIB)]).toEqual([NO_PAGE, 7, 6]);
    expect(mmu.tableFrames).toEqual([1000, 1003, 1002]);
  });

  test('x86_64: a leaf of a gigabyte frees the tables of two levels, the lower ones first', () => {
    const { mmu, pages } = tables();
    for (const at of [0, 2 * MIB]) mmu.mapPages(START + at, [5], PAGE_KERNEL, GFP_KERNEL);
    mmu.unmapRange(START, PAGE);
    expect(mmu.mapRange(START, 0x4000_0000, 1024 * MIB, PAGE_KERNEL, GFP_KERNEL, 30)).toBe(-EBUSY);
    expect(pages.freed).toEqual([]);
    mmu.unmapRange(START + 2 * MIB, PAGE);
    expect(mmu.mapRange(START, 0x4000_0000, 1024 * MIB, PAGE_KERNEL, GFP_KERNEL, 30)).toBe(0);
    expect([pages.freed, mmu.tableFrames]).toEqual([[1001, 1002, 1000], []]);
  });

  test('i386: the table stays, and the pages are mapped in it', () => {
    const { mmu, pages } = tables(TABLE_SHAPES.i386);
    mmu.mapPages(0xf800_0000, [5], PAGE_KERNEL, GFP_KERNEL);
    mmu.unmapRange(0xf800_0000, PAGE);
    expect(mmu.mapRange(0xf800_0000, 0xe000_0000, 8 * MIB, PAGE_KERNEL_IO, GFP_KERNEL, 22)).toBe(0);
    expect([0, 4 * MIB].map((at) => (mmu.pte(0xf800_0000 + at) & _PAGE_PSE) !== 0)).toEqual([false, true]);
    expect([mmu.addrToPfn(0xf800_0000 + 4 * MIB - 1), pages.freed]).toEqual([0xe03ff, []]);
  });
});

test('what is no address is not mapped', () => {
  const { mmu, warnings } = tables();
  for (const addr of [2 ** 47, -(2 ** 47) - PAGE]) expect(mmu.mapPages(addr, [5], PAGE_KERNEL, GFP_KERNEL)).toBe(-EINVAL);
  mmu.mapPages(-(2 ** 47), [5], PAGE_KERNEL, GFP_KERNEL);
  mmu.unmapRange(2 ** 47, PAGE);
  expect([warnings.length, mmu.addrToPfn(-(2 ** 47))]).toEqual([2, 5]);
});

test('tables of i386: one page for 4 MiB; with PAE for 2 MiB', () => {
  for (const [shape, bytes] of [[TABLE_SHAPES.i386, 4 * MIB], [TABLE_SHAPES['i386-pae'], 2 * MIB]] as const) {
    const { mmu, pages } = tables(shape);
    mmu.mapPages(0xf800_0000, [5], PAGE_KERNEL, GFP_KERNEL);
    mmu.mapPages(0xf800_0000 + bytes - PAGE, [6], PAGE_KERNEL, GFP_KERNEL);
    const first = pages.taken.length;
    mmu.mapPages(0xf800_0000 + bytes, [7], PAGE_KERNEL, GFP_KERNEL);
    expect(pages.taken.length).toBe(first + 1);
    expect([0, bytes - 1, bytes].map((at) => mmu.addrToPfn(0xf800_0000 + at))).toEqual([5, 6, 7]);
    expect(mmu.addrToPfn(-1)).toBe(NO_PAGE);
    expect(mmu.addrToPfn(2 ** 32)).toBe(NO_PAGE);
  }
});

describe('the direct map', () => {
  test.each(['pc-160m', 'pc-3600m', 'server-64g', 'i386-1200m', 'x86_64-linear', 'identity'])('of %s takes no page, and reaches each byte of RAM that has an address', (name) => {
    const profile = getProfile(name);
    const pages = pageSource();
    const mmu = createMmu(profile, { pages });
    const { lowmemBytes, pageOffset } = profile.regions;
    for (const { start, end } of profile.nodes.flatMap(({ ram }) => ram)) {
      for (const phys of [start, end - 1]) {
        if (end - start < PAGE) continue;
        const isMapped = phys < lowmemBytes && (Math.floor(phys / PAGE) + 1) * PAGE <= end && Math.floor(phys / PAGE) * PAGE >= start;
        expect(mmu.addrToPfn(pageOffset + phys)).toBe(isMapped ? Math.floor(phys / PAGE) : NO_PAGE);
      }
    }
    expect(pages.taken).toEqual([]);
  });

  test('has leaves of a gigabyte where memory is that large', () => {
    const mmu = createMmu(getProfile('server-64g'), { pages: pageSource() });
    expect(mmu instanceof PageTables && mmu.walk(getProfile('server-64g').regions.pageOffset + 6 * 2 ** 30).length).toBe(2);
  });

  test('tables of an architecture that is not modelled are refused', () => {
    expect(() => createMmu(getProfile('raspberry-pi'), { pages: pageSource() })).toThrow('got arm: its page tables are not modelled');
  });
});

describe('linear memory', () => {
  const profile = getProfile('x86_64-linear');
  const { vmallocStart } = profile.regions;

  function linear(): { mmu: Mmu; memory: ReturnType<typeof createMemory>; seen: VirtualMemory; warnings: KernelBug[] } {
    const memory = createMemory({ sizeBytes: 576 * MIB, backing: 'sparse' });
    const warnings: KernelBug[] = [];
    const mmu = createMmu(profile, { pages: pageSource(), memory, reports: { report: (bug) => warnings.push(bug) } });
    return { mmu, memory, seen: new VirtualMemory({ profile, mmu, memory }), warnings };
  }

  test('bytes of a mapped frame lie at the low 32 bits of the address, and return to the frame', () => {
    const { mmu, memory, seen } = linear();
    memory.view(700 * PAGE, PAGE).fill(7);
    expect(mmu.aliases).toBe(false);
    expect(mmu.mapPages(vmallocStart + PAGE, [700], PAGE_KERNEL, GFP_KERNEL)).toBe(0);
    expect(mmu.addrToPfn(vmallocStart + PAGE)).toBe(700);
    expect(memory.view((vmallocStart + PAGE) >>> 0, 1)[0]).toBe(7);
    expect(seen.load(vmallocStart + PAGE, 4)).toBe(0x07070707);
    seen.store(vmallocStart + PAGE, 1, 9);
    mmu.unmapRange(vmallocStart, 3 * PAGE);
    expect(memory.view(700 * PAGE, 2)).toEqual(Uint8Array.of(9, 7));
    expect(mmu.pte(vmallocStart + PAGE)).toBe(0);
  });

  test('what cannot be mapped is refused', () => {
    const { mmu, warnings } = linear();
    mmu.mapPages(vmallocStart, [700], PAGE_KERNEL, GFP_KERNEL);
    expect(mmu.mapPages(vmallocStart, [701], PAGE_KERNEL, GFP_KERNEL)).toBe(-EBUSY);
    expect(mmu.mapPages(vmallocStart + PAGE, [NO_PAGE], PAGE_KERNEL, GFP_KERNEL)).toBe(-ENOMEM);
    expect(mmu.mapPages(vmallocStart + PAGE, [65536], PAGE_KERNEL, GFP_KERNEL)).toBe(-EINVAL);
    expect(mmu.mapPages(profile.regions.vmallocEnd + 1, [5], PAGE_KERNEL, GFP_KERNEL)).toBe(-EINVAL);
    expect(warnings.length).toBe(4);
    expect(mmu.mapRange(vmallocStart + PAGE, 0xfed0_0000, PAGE, PAGE_KERNEL_IO, GFP_KERNEL, 12)).toBe(0);
    expect(mmu.addrToPfn(vmallocStart + PAGE)).toBe(0xfed00);
  });

  test('identity: an address is its offset', () => {
    const identity = identityProfile({ sizeBytes: MIB });
    const memory = createMemory({ sizeBytes: MIB, backing: 'dense' });
    const mmu = createMmu(identity, { pages: pageSource(), memory });
    new VirtualMemory({ profile: identity, mmu, memory }).store(0x5004, 4, 0x01020304);
    expect(memory.view(0x5004, 4)).toEqual(Uint8Array.of(4, 3, 2, 1));
  });
});

describe('access', () => {
  interface Machine {
    readonly mmu: PageTables;
    readonly seen: VirtualMemory;
    readonly memory: ReturnType<typeof createMemory>;
    readonly tlb: Tlb;
  }
  const owners = new Map<number, OwnedAddresses>();
  const areaAt = (kind: OwnedAddresses['kind']): OwnedAddresses => ({ kind, addr: START, sizeBytes: 2 * PAGE, caller: 'my_init+0x10/0x80' });

  function machine(profile: MachineProfile = getProfile('pc-160m'), stale = false): Machine {
    const memory = createMemory({ sizeBytes: 16 * MIB, backing: 'sparse' });
    const tlb = new Tlb({ nrCpus: 2 });
    const shape = profile.arch === 'i386' ? TABLE_SHAPES.i386 : TABLE_SHAPES.x86_64;
    const mmu = new PageTables({ shape, pages: pageSource(), nrFrames: 4096, tlb });
    const owner = { ownerOf: (addr: number) => owners.get(addr) ?? areaAt('guard') };
    return { mmu, memory, tlb, seen: new VirtualMemory({ profile, mmu, memory, owner, ...(stale && { tlb }) }) };
  }

  function fault(act: () => unknown): KernelBug {
    try {
      act();
    } catch (error) {
      if (isKernelBug(error)) return error;
      throw error;
    }
    return expect.fail('there was no fault');
  }

  test('crosses from one frame to another that lies elsewhere', () => {
    const { mmu, seen, memory } = machine();
    mmu.mapPages(START, [900, 17], PAGE_KERNEL, GFP_KERNEL);
    expect(seen.write(START + PAGE - 2, Uint8Array.of(1, 2, 3, 4))).toBe(4);
    expect([...memory.view(901 * PAGE - 2, 2), ...memory.view(17 * PAGE, 2)]).toEqual([1, 2, 3, 4]);
    expect(seen.load(START + PAGE - 2, 4)).toBe(0x04030201);
    expect(seen.fill(START, 0xaa, 2 * PAGE)).toBe(2 * PAGE);
    expect(seen.load(START + PAGE + 100, 1)).toBe(0xaa);
  });

  test('of the guard page says which area, by how many bytes, allocated where', () => {
    const { mmu, seen, memory } = machine();
    mmu.mapPages(START, [900, 17], PAGE_KERNEL, GFP_KERNEL);
    const bug = fault(() => seen.write(START + 2 * PAGE - 1, Uint8Array.of(1, 2)));
    expect(bug.code).toBe('PAGE_FAULT');
    expect(bug.fields).toEqual({ addr: START + 2 * PAGE, access: 'write', kind: 'guard page', errorCode: 2, area: START, areaBytes: 8192, caller: 'my_init+0x10/0x80', beyondBytes: 1 });
    expect(bug.message).toBe(
      'BUG: PAGE_FAULT: write at ffffc90000002000, error code 0x0002: guard page; 1 byte beyond the 8192 bytes at ffffc90000000000 that my_init+0x10/0x80 allocated',
    );
    // What lies before the guard page is done.
    expect(memory.view(18 * PAGE - 1, 1)[0]).toBe(1);
    expect(seen.oopsText()).toBe(
      'BUG: unable to handle page fault for address: ffffc90000002000\n' +
        '#PF: supervisor write access in kernel mode\n' +
        '#PF: error_code(0x0002) - not-present page\n' +
        'PGD 63 P4D 63 PUD 3e8063 PMD 3e9063 PTE 0\n' +
        'Oops: 0002 [#1] PREEMPT SMP\n',
    );
  });

  test.each([
    ['read', 8, 'null pointer', 0],
    ['write', 0x40_0000, 'user address', 2],
    ['read', 2 ** 47, 'non-canonical', 0],
    ['read', -(2 ** 47) - 8, 'non-canonical', 0],
    ['read', -0x7780_0000_0000 + 2 ** 40, 'direct-map hole', 0],
    ['execute', -4096, 'unmapped', 0x10],
  ] as const)('a %s at %d is a fault of kind %s', (access, addr, kind, errorCode) => {
    const { seen } = machine();
    const bug = fault(() => (access === 'execute' ? seen.fetch(addr) : access === 'write' ? seen.store(addr, 1, 0) : seen.load(addr, 1)));
    expect(bug.fields).toEqual({ addr, access, kind, errorCode });
    expect(bug.code).toBe(kind === 'non-canonical' ? 'GENERAL_PROTECTION' : 'PAGE_FAULT');
  });

  test('protection: what may only be read is not written, what may not be executed is not', () => {
    const { mmu, seen } = machine();
    mmu.mapPages(START, [5], PAGE_KERNEL_RO, GFP_KERNEL);
    mmu.mapPages(START + PAGE, [6], PAGE_KERNEL_EXEC, GFP_KERNEL);
    expect(seen.load(START, 4)).toBe(0);
    expect(fault(() => seen.store(START, 4, 1)).fields).toMatchObject({ kind: 'read-only', errorCode: 3 });
    expect(seen.oopsText()).toContain('#PF: error_code(0x0003) - permissions violation\n');
    expect(fault(() => seen.fetch(START)).fields).toMatchObject({ kind: 'no-exec', errorCode: 0x11 });
    expect(seen.fetch(START + PAGE)).toBe(true);
  });

  test('of a freed area says whose it was; of a hole nothing is claimed', () => {
    const { seen } = machine();
    owners.set(START + 100, areaAt('freed'));
    owners.set(START + 200, { kind: 'hole', addr: null, sizeBytes: 0, caller: '' });
    expect(fault(() => seen.load(START + 100, 1)).message).toMatch(/freed area; it was in the 8192 bytes at ffffc90000000000 that my_init\+0x10\/0x80 allocated, which is freed$/);
    expect(fault(() => seen.load(START + 200, 1)).fields).toEqual({ addr: START + 200, access: 'read', kind: 'vmalloc hole', errorCode: 0 });
    owners.clear();
  });

  test('a fault that somebody receives ends the access', () => {
    const found: KernelBug[] = [];
    const seen = new VirtualMemory({
      profile: getProfile('pc-160m'),
      mmu: machine().mmu,
      memory: createMemory({ sizeBytes: MIB, backing: 'dense' }),
      reports: { report: (bug) => found.push(bug) },
    });
    expect(seen.oopsText()).toBe('');
    expect(seen.read(8, new Uint8Array(4))).toBe(0);
    expect(seen.load(8, 4)).toBe(0);
    expect(seen.fetch(8)).toBe(false);
    expect(found.length).toBe(3);
    expect(seen.oopsText()).toBe(
      'BUG: kernel NULL pointer dereference, address: 0000000000000008\n#PF: supervisor instruction fetch in kernel mode\n' +
        '#PF: error_code(0x0010) - not-present page\nPGD 0 P4D 0\nOops: 0010 [#1] PREEMPT SMP\n',
    );
  });

  test('on i386 addresses have eight digits and two entries', () => {
    const { mmu, seen } = machine(getProfile('i386-1200m'));
    owners.set(0xf800_1000, { kind: 'guard', addr: 0xf800_0000, sizeBytes: PAGE, caller: '' });
    mmu.mapPages(0xf800_0000, [5], PAGE_KERNEL, GFP_KERNEL);
    fault(() => seen.load(0xf800_1000, 1));
    expect(seen.oopsText()).toContain('address: f8001000\n');
    owners.clear();
    expect(seen.oopsText()).toContain('*pde = 003e8063 *pte = 00000000\n');
  });

  test('a size or an address that is none is refused', () => {
    const { seen } = machine();
    for (const addr of [NaN, 1.5, Infinity]) expect(fault(() => seen.read(addr, new Uint8Array(1))).code).toBe('BAD_SIZE');
    expect(fault(() => seen.fill(START, 0, -1)).code).toBe('BAD_SIZE');
  });

  test('a CPU that remembers a page uses it until it is flushed; another CPU never saw it', () => {
    const cpus = { cpu: 0 };
    const { mmu, memory, tlb } = machine();
    const seen = new VirtualMemory({ profile: getProfile('pc-160m'), mmu, memory, tlb, cpus });
    mmu.mapPages(START, [900], PAGE_KERNEL, GFP_KERNEL);
    seen.store(START, 4, 42);
    mmu.unmapRange(START, PAGE);
    expect(seen.load(START, 4)).toBe(42);
    cpus.cpu = 1;
    expect(fault(() => seen.load(START, 4)).code).toBe('PAGE_FAULT');
    cpus.cpu = 0;
    mmu.flushTlbKernelRange(START, START + PAGE);
    expect(fault(() => seen.load(START, 4)).code).toBe('PAGE_FAULT');
    expect(tlb.counts).toEqual({ hits: 1, misses: 3, flushes: 1, fullFlushes: 0, pagesFlushed: 2 });
  });

  test('33 pages are flushed one by one, 34 all at once', () => {
    const { mmu, tlb } = machine();
    mmu.flushTlbKernelRange(START, START + 33 * PAGE);
    expect(tlb.counts).toMatchObject({ flushes: 1, fullFlushes: 0, pagesFlushed: 66 });
    mmu.flushTlbKernelRange(START, START + 34 * PAGE);
    expect(tlb.counts).toMatchObject({ flushes: 2, fullFlushes: 1, pagesFlushed: 66 });
  });

  test('a CPU forgets what it has remembered longest when it is full', () => {
    const tlb = new Tlb({ entries: 2 });
    for (const page of [1, 2, 3]) tlb.translate(0, page, () => page * PTE_FRAME);
    expect(tlb.translate(0, 2, () => 0)).toBe(2 * PTE_FRAME);
    expect(tlb.translate(0, 1, () => 0)).toBe(0);
  });
});
