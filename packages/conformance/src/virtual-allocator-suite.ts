/**
 * The conformance suite of the VirtualAllocator contract. The rules hold for every way to find addresses, with page tables and without.
 * The test runner is passed in.
 */
import { __GFP_ZERO, GFP_KERNEL, NO_PAGE, NULL, PAGE_KERNEL, VM_MAP, type KAddr, type Mmu, type PageAllocator, type VirtualAllocator } from '@kmem/contracts';
import { Random } from './random.js';
import { check, checkBug, checkEqual, type Register } from './register.js';

/** An allocator with what it stands on. */
export interface VirtualAllocatorUnderTest {
  /** The allocator, without areas; it throws bugs and drops warnings. */
  readonly vmalloc: VirtualAllocator;
  /** What it maps with. */
  readonly mmu: Mmu;
  /** Where it takes pages from. */
  readonly pages: PageAllocator;
  /** Where the kernel's calls appear to come from. */
  readonly cpus: { inInterrupt: boolean };
  /**
   * Counts pages.
   *
   * @returns how many are in use besides those of page tables, after everything that is kept for later was given back.
   */
  readonly usedPages: () => number;
}

/** An implementation, as the suite needs it. */
export interface VirtualAllocatorFixture {
  /** Name in the titles of the tests. */
  readonly name: string;
  /**
   * Makes an allocator over at least 64 MiB of RAM with pages of 4 KiB.
   *
   * @returns a fresh one that shares nothing with earlier ones.
   */
  create(): VirtualAllocatorUnderTest;
}

const PAGE = 4096;
const OPERATIONS = 6000;

/**
 * Registers every rule of the VirtualAllocator contract as a test.
 *
 * @param register - takes the tests.
 * @param fixture - the implementation to test.
 */
export function virtualAllocatorSuite(register: Register, fixture: VirtualAllocatorFixture): void {
  const rule = (text: string, body: (under: VirtualAllocatorUnderTest) => void): void => {
    register(`${fixture.name}: ${text}`, () => {
      const under = fixture.create();
      body(under);
      under.vmalloc.assertValid();
    });
  };

  rule('every usable page is mapped to a page of its own, and behind them lies one that is not', (under) => {
    const seen = new Set<number>();
    for (const sizeBytes of [1, PAGE, PAGE + 1, 5 * PAGE, 600 * PAGE]) {
      const addr = under.vmalloc.vmalloc(sizeBytes);
      const nrPages = Math.ceil(sizeBytes / PAGE);
      for (const pfn of pagesAt(under, addr, nrPages)) {
        check(pfn !== NO_PAGE && !seen.has(pfn), `frame ${pfn} lies behind two addresses`);
        seen.add(pfn);
      }
      checkEqual(under.vmalloc.vmallocToPfn(addr + nrPages * PAGE), NO_PAGE, 'the frame behind the guard page');
      checkEqual(under.vmalloc.findVmArea(addr + nrPages * PAGE)?.addr ?? NULL, addr, 'the area of the guard page');
    }
  });

  rule('a freed area is unmapped at once, and its pages are free', (under) => {
    const before = under.usedPages();
    const addr = under.vmalloc.vzalloc(10 * PAGE);
    under.vmalloc.vfree(addr);
    checkEqual(under.vmalloc.vmallocToPfn(addr), NO_PAGE, 'the frame');
    check(under.vmalloc.findVmArea(addr) === null, 'the area is still there');
    checkEqual(under.usedPages(), before, 'pages in use');
  });

  rule('an address is used again after vm_unmap_aliases, and not before', ({ vmalloc }) => {
    const [first] = [vmalloc.vmalloc(1), vmalloc.vmalloc(1)];
    vmalloc.vfree(first);
    check(vmalloc.vmalloc(1) !== first, 'it was used again at once');
    vmalloc.vmUnmapAliases();
    checkEqual(vmalloc.vmalloc(1), first, 'the next address');
  });

  rule('nothing and more than there is are refused', ({ vmalloc, pages }) => {
    checkEqual(vmalloc.vmalloc(0), NULL, '0 bytes');
    checkEqual(vmalloc.vmalloc((pages.managedPages + 1) * PAGE), NULL, 'more than all RAM');
    for (const sizeBytes of [-1, 1.5, NaN]) checkBug(['BAD_SIZE'], () => vmalloc.vmalloc(sizeBytes));
  });

  rule('vfree in an interrupt waits for the work item', (under) => {
    const addr = under.vmalloc.vmalloc(1);
    under.cpus.inInterrupt = true;
    under.vmalloc.vfree(addr);
    checkBug(['SLEEP_IN_ATOMIC'], () => under.vmalloc.vmalloc(1));
    under.cpus.inInterrupt = false;
    check(under.vmalloc.vmallocToPfn(addr) !== NO_PAGE, 'it was freed in the interrupt');
    under.vmalloc.runDeferredWork();
    checkEqual(under.vmalloc.vmallocToPfn(addr), NO_PAGE, 'the frame after the work item');
  });

  rule('pages are shown where the machine can show a frame twice, and refused where it cannot', (under) => {
    const { mmu, pages, vmalloc } = under;
    const shown = [1, 2, 3].map(() => pages.allocPages(GFP_KERNEL, 0));
    const addr = vmalloc.vmap(shown, VM_MAP, PAGE_KERNEL);
    checkEqual(addr === NULL ? 0 : 1, mmu.aliases ? 1 : 0, 'shown');
    if (addr === NULL) return;
    check(pagesAt(under, addr, 3).join() === shown.join(), 'other frames are shown');
    vmalloc.vunmap(addr);
    for (const pfn of shown) checkEqual(pages.pageCount(pfn), 1, 'references');
  });

  rule('memory of a device is shown at the offset that it has in its page', ({ vmalloc }) => {
    const addr = vmalloc.ioremap(0xfed0_0010, 16);
    checkEqual(addr % PAGE < 0 ? (addr % PAGE) + PAGE : addr % PAGE, 0x10, 'the offset');
    checkEqual(vmalloc.vmallocToPfn(addr), 0xfed00, 'the frame');
    vmalloc.iounmap(addr);
    checkEqual(vmalloc.vmallocToPfn(addr), NO_PAGE, 'the frame afterwards');
  });

  rule('random calls: areas lie apart, guard pages are kept, and everything is given back', runRandom);
}

function pagesAt({ vmalloc }: VirtualAllocatorUnderTest, addr: KAddr, count: number): number[] {
  return Array.from({ length: count }, (_, i) => vmalloc.vmallocToPfn(addr + i * PAGE));
}

/** Random calls against what each area is known to be. */
function runRandom(under: VirtualAllocatorUnderTest): void {
  const { vmalloc } = under;
  const random = new Random(7);
  const before = under.usedPages();
  const live = new Map<KAddr, { readonly end: KAddr; readonly pfns: readonly number[] }>();
  for (let i = 1; i <= OPERATIONS; i++) {
    if (live.size < 5 || (live.size < 200 && random.below(2) === 0)) {
      const nrPages = 1 + random.below(30);
      const addr = random.below(2) === 0 ? vmalloc.vmalloc(nrPages * PAGE) : vmalloc.vmallocGfp(nrPages * PAGE, GFP_KERNEL | __GFP_ZERO);
      check(addr !== NULL, `call ${i}: no memory`);
      const end = addr + (nrPages + 1) * PAGE;
      for (const [other, { end: otherEnd }] of live) check(end <= other || addr >= otherEnd, `call ${i}: ${addr} lies in the area at ${other}`);
      live.set(addr, { end, pfns: pagesAt(under, addr, nrPages) });
    } else {
      const addr = [...live.keys()][random.below(live.size)];
      const area = live.get(addr);
      check(area !== undefined && pagesAt(under, addr, area.pfns.length).join() === area.pfns.join(), `call ${i}: other frames lie behind ${addr}`);
      vmalloc.vfree(addr);
      live.delete(addr);
      if (random.below(20) === 0) vmalloc.vmUnmapAliases();
      vmalloc.runDeferredWork();
    }
    if (i % 500 === 0) vmalloc.assertValid();
  }
  for (const addr of live.keys()) vmalloc.vfree(addr);
  vmalloc.vmUnmapAliases();
  checkEqual(vmalloc.nrVmallocPages, 0, 'pages of vmalloc');
  checkEqual(under.usedPages(), before, 'pages in use');
}
