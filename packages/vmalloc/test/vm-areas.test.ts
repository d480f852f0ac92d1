import { isKernelBug, VM_ALLOC, VM_IOREMAP, VM_MAP, VM_NO_GUARD, VM_USERMAP, type VmArea } from '@kmem/contracts';
import { expect, test } from 'vitest';
import { formatVmallocinfo, VmAreas } from '../src/index.js';

const PAGE = 4096;
const MIB = 2 ** 20;
/** VMALLOC_START and VMALLOC_END of x86_64. */
const START = -0x3700_0000_0000;
const END = -0x1700_0000_0001;

function made(): VmAreas {
  return new VmAreas({ vmallocStart: START, vmallocEnd: END, space: { start: -(2 ** 47), end: -1 } });
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isKernelBug(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

test('an area has a guard page behind it, unless it asks for none', () => {
  const areas = made();
  const place = (sizeBytes: number, flags: number): (number | undefined)[] => {
    const area = areas.getVmArea(sizeBytes, flags, 'test');
    return [area === null ? undefined : area.addr - START, area?.size];
  };
  expect(place(1, VM_ALLOC)).toEqual([0, 2 * PAGE]);
  expect(place(5000, VM_ALLOC)).toEqual([2 * PAGE, 3 * PAGE]);
  expect(place(PAGE, VM_MAP | VM_NO_GUARD)).toEqual([5 * PAGE, PAGE]);
  expect(place(0, VM_ALLOC)).toEqual([undefined, undefined]);
  areas.assertValid();
});

test('memory of a device is aligned to its size, rounded up to a power of two, and to no more than the largest leaf', () => {
  const areas = made();
  areas.getVmArea(PAGE, VM_ALLOC, 'test');
  const at = (sizeBytes: number): number => (areas.getVmArea(sizeBytes, VM_IOREMAP, 'test') as VmArea).addr - START;
  expect(at(3 * PAGE) % (4 * PAGE)).toBe(0);
  expect(at(1) % PAGE).toBe(0);
  expect(at(5 * MIB) % (8 * MIB)).toBe(0);
  const small = new VmAreas({ vmallocStart: 0, vmallocEnd: 64 * MIB, ioremapMaxShift: 21 });
  small.getVmArea(PAGE, VM_ALLOC, 'test');
  expect(small.getVmArea(5 * MIB, VM_IOREMAP, 'test')?.addr).toBe(2 * MIB);
});

test('an area is found by any of its addresses, and removed by any', () => {
  const areas = made();
  const first = areas.getVmArea(2 * PAGE, VM_ALLOC, 'first') as VmArea;
  const second = areas.getVmArea(PAGE, VM_MAP, 'second') as VmArea;
  expect(areas.findVmArea(first.addr + PAGE + 5)).toBe(first);
  expect(areas.findVmArea(first.addr - 1)).toBeNull();
  expect(areas.removeVmArea(second.addr + PAGE)).toBe(second);
  expect(areas.findVmArea(second.addr)).toBeNull();
  expect(areas.removeVmArea(second.addr)).toBeNull();
  expect(areas.lazyPages).toBe(2);
  areas.assertValid();
});

test('lazy pages wake the worker when there are more than 32 MiB for each bit of the number of CPUs', () => {
  expect([1, 2, 3, 4, 7, 8].map((nrCpus) => new VmAreas({ vmallocStart: START, vmallocEnd: END, nrCpus }).lazyMaxPages)).toEqual([
    8192, 16384, 16384, 24576, 24576, 32768,
  ]);
  const areas = made();
  const held = Array.from({ length: 4097 }, () => areas.getVmArea(PAGE, VM_ALLOC, 'test') as VmArea);
  held.slice(0, 4096).forEach(({ addr }) => areas.removeVmArea(addr));
  areas.drainVmapAreaWork();
  expect(areas.lazyPages).toBe(8192);
  areas.removeVmArea(held[4096].addr);
  areas.drainVmapAreaWork();
  expect(areas.lazyPages).toBe(0);
});

test('removed addresses are not used again before a purge', () => {
  const areas = made();
  const [a, b] = [areas.getVmArea(PAGE, VM_ALLOC, 'a') as VmArea, areas.getVmArea(PAGE, VM_ALLOC, 'b') as VmArea];
  areas.removeVmArea(a.addr);
  expect(areas.getVmArea(PAGE, VM_ALLOC, 'c')?.addr).toBe(b.addr + b.size);
  expect([areas.purge(), areas.purge()]).toEqual([true, false]);
  expect(areas.getVmArea(PAGE, VM_ALLOC, 'd')?.addr).toBe(a.addr);
});

test('no addresses left is null, a size that makes no sense is misuse', () => {
  const areas = new VmAreas({ vmallocStart: 0, vmallocEnd: 16 * PAGE });
  expect(areas.getVmArea(16 * PAGE, VM_ALLOC, 'test')).toBeNull();
  expect(areas.getVmArea(15 * PAGE, VM_ALLOC, 'test')?.addr).toBe(0);
  for (const size of [-1, 0.5, NaN, Infinity, 2 ** 53]) expect(codeOf(() => areas.getVmArea(size, VM_ALLOC, 'test'))).toBe('BAD_SIZE');
  areas.assertValid();
});

test('a state goes out and in again', () => {
  const areas = made();
  const held = Array.from({ length: 20 }, (_, i) => areas.getVmArea((i + 1) * PAGE, i % 3 === 0 ? VM_IOREMAP : VM_ALLOC, `caller ${i}`) as VmArea);
  held.filter((_, i) => i % 4 === 1).forEach(({ addr }) => areas.removeVmArea(addr));
  const state = areas.exportState();
  const again = new VmAreas({ vmallocStart: START, vmallocEnd: END, space: { start: -(2 ** 47), end: -1 }, state });
  expect(again.exportState()).toEqual(state);
  expect(again.getVmArea(3 * PAGE, VM_IOREMAP, 'x')?.addr).toBe(areas.getVmArea(3 * PAGE, VM_IOREMAP, 'x')?.addr);
});

test('edge case 55: ranges that were not purged stand after the last area, and are not shown without one', () => {
  const areas = made();
  const [a, b, c] = ['a', 'b', 'c'].map((caller) => areas.getVmArea(PAGE, VM_ALLOC, caller) as VmArea);
  const text = (): string[] => {
    const { areas: used, lazy } = areas.exportState();
    return formatVmallocinfo(used, lazy, { bitsPerLong: 64 }).split('\n').map((row) => row.slice(row.indexOf(' ')).trim());
  };
  areas.removeVmArea(a.addr);
  areas.removeVmArea(c.addr);
  expect(text()).toEqual(['8192 b vmalloc', '8192 unpurged vm_area', '8192 unpurged vm_area', '']);
  areas.removeVmArea(b.addr);
  expect(text()).toEqual(['']);
});

test('rows of vmallocinfo say what fits the area, in the order of the kernel', () => {
  const area = (values: Partial<VmArea>): VmArea => ({ addr: 0x1000, size: 8192, flags: 0, nrPages: 0, physAddr: 0, caller: '', ...values });
  const row = (values: Partial<VmArea>, bitsPerLong: 32 | 64 = 32): string => formatVmallocinfo([area(values)], [], { bitsPerLong });
  expect(row({})).toBe('0x00001000-0x00003000    8192 vm_map_ram\n');
  expect(row({ caller: 'f+0x1/0x2', nrPages: 1, flags: VM_ALLOC | VM_USERMAP, physAddr: 0xfed0_0000 })).toBe(
    '0x00001000-0x00003000    8192 f+0x1/0x2 pages=1 phys=0xfed00000 vmalloc user\n',
  );
  // A list of 1024 pointers of 4 bytes fits a page; of 8 bytes, 512.
  expect([1024, 1025].map((nrPages) => row({ nrPages, flags: VM_ALLOC }).includes('vpages'))).toEqual([false, true]);
  expect([512, 513].map((nrPages) => row({ nrPages, flags: VM_ALLOC }, 64).includes('vpages'))).toEqual([false, true]);
  expect(formatVmallocinfo([area({ addr: START, flags: VM_ALLOC })], [{ addr: START + 8192, sizeBytes: 4096 }], { bitsPerLong: 64 })).toBe(
    '0xffffc90000000000-0xffffc90000002000    8192 vmalloc\n0xffffc90000002000-0xffffc90000003000    4096 unpurged vm_area\n',
  );
  expect(formatVmallocinfo([], [{ addr: START, sizeBytes: 4096 }], { bitsPerLong: 64 })).toBe('');
});
