/** The objects that describe ranges of addresses: how many are taken and given back, and when (vmalloc spec 3.2, 3.5, 13). */
import { GFP_KERNEL, NULL, VM_ALLOC, VM_FLUSH_RESET_PERMS } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { machine, type TestMachine } from './machine.js';

const PAGE = 4096;

/** A machine whose ranges have objects, and what the objects in use come to during a call. */
function counted(nrCpus = 1): TestMachine & { readonly during: (act: () => unknown) => number } {
  const made = machine({ nrCpus, withObjects: true });
  return {
    ...made,
    during: (act) => {
      const before = made.vmalloc.areas.objectsInUse;
      act();
      return made.vmalloc.areas.objectsInUse - before;
    },
  };
}

describe('vmap_area objects', () => {
  test('edge case 44: the first area on a CPU takes two, the next one; one more when a free range was cut in two', () => {
    const { cpus, during, vmalloc } = counted(2);
    // The space is one free range that begins far below. Its cut leaves a rest, which uses up what was put in store.
    expect(during(() => vmalloc.vmalloc(1))).toBe(2);
    // So the store is filled again; a cut at the lower end leaves no rest.
    expect(during(() => vmalloc.vmalloc(1))).toBe(2);
    expect(during(() => vmalloc.vmalloc(1))).toBe(1);
    // A hole is left below, so the range is cut in two.
    expect(during(() => vmalloc.ioremap(0xfed0_0000, 4 * PAGE))).toBe(1);
    expect(during(() => vmalloc.vmalloc(20 * PAGE))).toBe(2);
    cpus.cpu = 1;
    expect(during(() => vmalloc.vmalloc(20 * PAGE))).toBe(2);
    expect(during(() => vmalloc.vmalloc(20 * PAGE))).toBe(1);
  });

  test('edge case 45: what is freed between two free neighbours becomes one with them, and two objects go back', () => {
    const { during, vmalloc } = counted();
    const addrs = Array.from({ length: 4 }, () => vmalloc.vmalloc(1));
    for (const addr of [addrs[0], addrs[2]]) vmalloc.vfree(addr);
    vmalloc.vmUnmapAliases();
    const before = vmalloc.areas.exportState().free.length;
    expect(during(() => vmalloc.vfree(addrs[1]))).toBe(0);
    expect(during(() => vmalloc.vmUnmapAliases())).toBe(-2);
    expect(vmalloc.areas.exportState().free.length).toBe(before - 1);
  });

  test('lazy neighbours merge at once: one object for each', () => {
    const { during, vmalloc } = counted();
    const addrs = Array.from({ length: 4 }, () => vmalloc.vmalloc(1));
    expect([0, 1, 3, 2].map((i) => during(() => vmalloc.vfree(addrs[i])))).toEqual([0, -1, 0, -2]);
  });

  test('a range that is used up gives its object back', () => {
    const { during, vmalloc } = counted();
    const [, b] = [vmalloc.vmalloc(1), vmalloc.vmalloc(1), vmalloc.vmalloc(1)];
    vmalloc.vfree(b);
    vmalloc.vmUnmapAliases();
    expect(during(() => vmalloc.vmalloc(1))).toBe(0);
  });

  test('an area without addresses leaves none; all of them are in the cache', () => {
    const made = counted();
    const { during, vmalloc, slabs } = made;
    vmalloc.vmalloc(1);
    vmalloc.vmalloc(1);
    expect(during(() => vmalloc.areas.getVmArea(2 ** 50, VM_ALLOC, ''))).toBe(0);
    const cache = slabs.caches().find(({ name }) => name === 'vmap_area');
    expect(cache?.objectSize).toBe(64);
    const { free, areas, lazy } = vmalloc.areas.exportState();
    expect(vmalloc.areas.objectsInUse).toBe(free.length + areas.length + lazy.length + 1);
  });
});

test('VM_FLUSH_RESET_PERMS: freed addresses are free at once, after a flush', () => {
  const { tlb, vmalloc } = machine();
  const addr = vmalloc.vmallocNodeRange({ sizeBytes: PAGE, flags: VM_FLUSH_RESET_PERMS });
  vmalloc.vfree(addr);
  expect([vmalloc.areas.lazyPages, tlb.counts.flushes, vmalloc.vmalloc(1)]).toEqual([0, 1, addr]);
});

test('a module has addresses of its own range, in the same tree, and its own protection', () => {
  const { profile, seen, vmalloc } = machine();
  const { modulesEnd, modulesStart } = profile.regions;
  const addr = vmalloc.vmallocNodeRange({ sizeBytes: 3 * PAGE, align: PAGE, start: modulesStart, end: modulesEnd, prot: 0x163, caller: 'module_alloc' });
  expect([addr, vmalloc.isVmallocAddr(addr), seen.fetch(addr)]).toEqual([modulesStart, false, true]);
  expect(vmalloc.findVmArea(addr)?.caller).toBe('module_alloc');
  expect(vmalloc.vmallocNodeRange({ sizeBytes: modulesEnd - modulesStart, start: modulesStart, end: modulesEnd, gfp: GFP_KERNEL | 0x2000 })).toBe(NULL);
  vmalloc.vfree(addr);
  vmalloc.assertValid();
});

test('a task that is being killed gets no more pages, and nobody is told', () => {
  let isKilled = false;
  const { reports, vmalloc } = machine({
    vmalloc: { fatalSignalPending: () => isKilled },
    wrapPages: (pages) => new Proxy(pages, { get: (target, member) => (member === 'allocPagesBulk' ? () => 0 : bound(target, member)) }),
  });
  expect(vmalloc.vmalloc(10 * PAGE)).not.toBe(NULL);
  isKilled = true;
  expect(vmalloc.vmalloc(10 * PAGE)).toBe(NULL);
  expect([reports, vmalloc.areas.lazyPages]).toEqual([[], 11]);
});

function bound(target: object, member: string | symbol): unknown {
  const value: unknown = Reflect.get(target, member, target);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}

test('arrays: an overflow gives NULL, vcalloc is full of zeroes', () => {
  const { seen, vmalloc } = machine();
  expect([vmalloc.vmallocArray(2 ** 52, 8), vmalloc.vcalloc(2 ** 52, 8)]).toEqual([NULL, NULL]);
  const dirty = vmalloc.vmallocArray(2, PAGE);
  seen.fill(dirty, 0xff, 2 * PAGE);
  vmalloc.vfree(dirty);
  const addr = vmalloc.vcalloc(2, PAGE);
  expect([seen.load(addr, 4), seen.load(addr + 2 * PAGE - 4, 4)]).toEqual([0, 0]);
});

test('pages of a node: the area has those of that node as long as there are some', () => {
  const made = machine({ profile: 'server-64g' });
  const nodeOf = (node: number): number[] => {
    const addr = made.vmalloc.vmallocNodeRange({ sizeBytes: 3 * PAGE, node });
    return [0, 1, 2].map((i) => Math.floor(made.vmalloc.vmallocToPfn(addr + i * PAGE) / (32 * 2 ** 18)));
  };
  expect([nodeOf(0), nodeOf(1)].map((halves) => new Set(halves).size)).toEqual([1, 1]);
  expect(nodeOf(1)[0]).toBeGreaterThan(nodeOf(0)[0]);
});
