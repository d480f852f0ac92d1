/** A million random calls against a table of who has each page of the range. */
import { Random } from '@kmem/conformance';
import { NULL } from '@kmem/contracts';
import { getProfile } from '@kmem/hw';
import { expect, test } from 'vitest';
import { machine } from './machine.js';

const PAGE = 4096;
const OPERATIONS = 1_000_000;
const TIMEOUT_MS = 120_000;
const RANGE_PAGES = 6000;
const FREE = 0;
const LAZY = -1;

test('a million calls: no areas overlap, guard pages are kept, everything is given back', { timeout: TIMEOUT_MS }, () => {
  const { vmallocStart } = getProfile('pc-160m').regions;
  const made = machine({ vmalloc: { vmallocEnd: vmallocStart + RANGE_PAGES * PAGE } });
  const { mmu, pages, usedPages, vmalloc, kmalloc } = made;
  const settle = (): number => {
    for (const cache of kmalloc.caches) cache.shrink();
    pages.drainAllPages();
    return usedPages();
  };
  // Page tables are not given back: all of those that the range needs are made here.
  vmalloc.vfree(vmalloc.vmalloc((RANGE_PAGES - 20) * PAGE));
  vmalloc.vmUnmapAliases();
  const before = settle();
  const random = new Random(11);
  /** By page of the range: number of the area, FREE or LAZY. */
  const owner = new Int32Array(RANGE_PAGES);
  const addrs: number[] = [];
  const sizes: number[] = [];
  let refused = 0;
  for (let i = 1; i <= OPERATIONS; i++) {
    const grows = random.below(100) < (Math.floor(i / 5000) % 2 === 0 ? 70 : 35);
    if (grows || addrs.length === 0) {
      const nrPages = 1 + random.below(12);
      const addr = vmalloc.vmallocGfp(nrPages * PAGE, 0xcc0 | 0x2000);
      if (vmalloc.areas.lazyPages === 0) owner.forEach((one, page) => one === LAZY && (owner[page] = FREE));
      if (addr === NULL) {
        refused++;
        continue;
      }
      const first = (addr - vmallocStart) / PAGE;
      for (let page = first; page <= first + nrPages; page++) {
        if (owner[page] !== FREE) expect.fail(`call ${i}: page ${page} is not free`);
        if ((mmu.pte(vmallocStart + page * PAGE) !== 0) !== page < first + nrPages) expect.fail(`call ${i}: page ${page} is mapped wrongly`);
        owner[page] = i;
      }
      addrs.push(addr);
      sizes.push(nrPages);
    } else {
      const at = random.below(addrs.length);
      const first = (addrs[at] - vmallocStart) / PAGE;
      vmalloc.vfree(addrs[at]);
      owner.fill(LAZY, first, first + sizes[at] + 1);
      addrs[at] = addrs[addrs.length - 1];
      sizes[at] = sizes[sizes.length - 1];
      addrs.pop();
      sizes.pop();
    }
    if (i % 100_000 === 0) vmalloc.assertValid();
  }
  expect(refused).toBeGreaterThan(1000);
  for (const addr of addrs) vmalloc.vfree(addr);
  vmalloc.vmUnmapAliases();
  expect([vmalloc.nrVmallocPages, settle()]).toEqual([0, before]);
  expect(vmalloc.areas.exportState()).toMatchObject({ areas: [], lazy: [], free: [{ addr: -(2 ** 47), sizeBytes: 2 ** 47 - 1 }] });
});
