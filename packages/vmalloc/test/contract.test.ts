import { addressRangesSuite, virtualAllocatorSuite, type VirtualAllocatorUnderTest } from '@kmem/conformance';
import { isKernelBug, type AddressRangesOptions } from '@kmem/contracts';
import { test } from 'vitest';
import { SortedRangeList, VirtualRangeAllocator, type VmallocOptions } from '../src/index.js';
import { machine, type TestMachineOptions } from './machine.js';

addressRangesSuite(test, { name: 'tree', create: (options) => new VirtualRangeAllocator(options) });
addressRangesSuite(test, { name: 'sorted list', create: (options) => new SortedRangeList(options) });

function under(options: TestMachineOptions, vmalloc: Partial<VmallocOptions> = {}): VirtualAllocatorUnderTest {
  const sink = {
    report: (bug: unknown) => {
      if (isKernelBug(bug) && bug.severity === 'bug') throw bug;
    },
  };
  const made = machine({ ...options, vmalloc: { reports: sink, ...vmalloc } });
  const usedPages = (): number => {
    for (const cache of made.kmalloc.caches) cache.shrink();
    made.pages.drainAllPages();
    return made.usedPages() - ('tableFrames' in made.mmu ? (made.mmu.tableFrames as readonly number[]).length : 0);
  };
  return { vmalloc: made.vmalloc, mmu: made.mmu, pages: made.pages, cpus: made.cpus, usedPages };
}

const byList = { createRanges: (options: AddressRangesOptions) => new SortedRangeList(options) };
virtualAllocatorSuite(test, { name: 'x86_64, tree', create: () => under({}) });
virtualAllocatorSuite(test, { name: 'x86_64, sorted list', create: () => under({}, byList) });
virtualAllocatorSuite(test, { name: 'i386, tree', create: () => under({ profile: 'i386-1200m' }) });
virtualAllocatorSuite(test, { name: 'x86_64-linear, tree', create: () => under({ profile: 'x86_64-linear' }) });
