import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_HIGHMEM,
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_NOWARN,
  __GFP_RECLAIMABLE,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_DMA,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
  KernelBug,
  NO_PAGE,
  PF_MEMALLOC_NOFS,
  PF_MEMALLOC_NOIO,
  PF_MEMALLOC_PIN,
  type ReportSink,
} from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { bootPc, load, lowMachine, oneZone, zoneOf } from '../test/fixtures.js';
import { BuddyAllocator } from './index.js';

/** 128 MiB, of which DMA below 1 MiB stays reserved. */
const boot128 = (options = {}) => bootPc(32768, [{ start: 256, end: 32768 }], options);

class Reports implements ReportSink {
  readonly bugs: KernelBug[] = [];
  report(bug: KernelBug): void {
    this.bugs.push(bug);
  }
}

describe('order', () => {
  test('19.1: beyond the largest block: no page, and one warning unless NOWARN', () => {
    const reports = new Reports();
    const { pages } = boot128({ reports });
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOWARN, 11)).toBe(NO_PAGE);
    expect(reports.bugs).toEqual([]);
    expect(pages.allocPages(GFP_KERNEL, 11)).toBe(NO_PAGE);
    expect(reports.bugs.map(({ code, severity }) => [code, severity])).toEqual([['BAD_ORDER', 'warn']]);
  });

  test('NOFAIL above order 1 is warned of once', () => {
    const reports = new Reports();
    const { pages } = boot128({ reports });
    for (const order of [0, 1, 2, 4, 2]) pages.allocPages(GFP_KERNEL | __GFP_NOFAIL, order);
    expect(reports.bugs.map(({ code, severity, fields }) => [code, severity, fields.found])).toEqual([['BAD_GFP', 'warn', 2]]);
  });

  test('a warning without a sink is dropped, a bug is thrown', () => {
    const { pages } = boot128();
    expect(pages.allocPages(GFP_KERNEL, 11)).toBe(NO_PAGE);
    for (const order of [-1, 0.5, Number.NaN]) {
      expect(() => pages.allocPages(GFP_KERNEL, order)).toThrow(/order is .*, expected an integer from 0 to 10/);
    }
    pages.assertValid();
  });
});

describe('the first pages of a fresh machine', () => {
  test('19.6: come from the first largest block, whose pageblocks become unmovable', () => {
    const { pages, events } = boot128();
    expect(pages.allocPages(GFP_KERNEL, 0)).toBe(4096);
    const { types } = zoneOf(pages, 'DMA32').pageblocks ?? { types: [] };
    expect(types.slice(0, 4)).toEqual([0, 0, 1, 1]);
    expect(events.take()[0]).toEqual(['X', 4096, 0, 10, 0, 1, 1]);
  });

  test('ascend within a refill, without touching the free areas again', () => {
    const { pages, events } = boot128();
    const { batch } = zoneOf(pages, 'DMA32').pcp;
    expect(batch).toBe(7);
    const first = pages.allocPages(GFP_KERNEL, 0);
    events.take();
    for (let i = 1; i < batch; i++) expect(pages.allocPages(GFP_KERNEL, 0)).toBe(first + i);
    expect(events.take().filter(([name]) => name !== 'A')).toEqual([]);
    pages.allocPages(GFP_KERNEL, 0);
    expect(events.take().filter(([name]) => name === 'Z')).toHaveLength(batch);
  });
});

describe('compound pages', () => {
  test('19.2: COMP means nothing at order 0', () => {
    const frames = createFrameTable({ nrFrames: 1024 });
    const pages = new BuddyAllocator({ frames });
    const pfn = pages.allocPages(GFP_KERNEL | __GFP_COMP, 0);
    expect(frames.flags[pfn]).toBe(0);
  });

  test('tails know their head; freeing wipes that', () => {
    const frames = createFrameTable({ nrFrames: 1024 });
    const pages = new BuddyAllocator({ frames });
    const pfn = pages.allocPages(GFP_KERNEL | __GFP_COMP, 2);
    expect([1, 2, 3].map((i) => frames.owner[pfn + i])).toEqual([pfn, pfn, pfn]);
    pages.freePages(pfn, 2);
    pages.drainLocalPages();
    expect([0, 1, 2, 3].map((i) => frames.owner[pfn + i] + frames.flags[pfn + i])).toEqual([0, 0, 0, 0]);
    pages.assertValid();
  });
});

describe('zero', () => {
  test('19.39: clears the whole block, and only when asked', () => {
    const memory = createMemory({ backing: 'dense', sizeBytes: 1024 * 4096 });
    memory.fill(0, 1024 * 4096, 0xa5);
    const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }), memory });
    const plain = pages.allocPages(GFP_KERNEL, 3) * 4096;
    expect(new Set(memory.view(plain, 32768))).toEqual(new Set([0xa5]));
    const zeroed = pages.allocPages(GFP_KERNEL | __GFP_ZERO, 3) * 4096;
    expect(new Set(memory.view(zeroed, 32768))).toEqual(new Set([0]));
    expect(memory.view(zeroed + 32768, 1)[0]).toBe(0xa5);
  });
});

describe('zones', () => {
  const dma = { start_pfn: 1, spanned: 4095, min: 22, low: 27, high: 32, lowmem_reserve: [0, 431, 431, 431] };
  const dma32 = { start_pfn: 4096, spanned: 4096 };

  test('19.27: a request for DMA gets no other memory', () => {
    const { pages } = load(lowMachine(dma, { ...dma32, free: { 10: { 1: [4096] } } }));
    expect(pages.allocPages(GFP_DMA | GFP_NOWAIT, 0)).toBe(NO_PAGE);
    expect(pages.allocPages(GFP_NOWAIT, 0)).toBe(4096);
  });

  test('19.28, 19.29: lowmem reserve: GFP_KERNEL leaves the last pages of DMA alone, GFP_DMA does not', () => {
    // 450 free pages: 256 + 128 + 64 + 2.
    const free = { 8: { 1: [256] }, 7: { 1: [512] }, 6: { 1: [640] }, 1: { 1: [704] } };
    const { pages } = load(lowMachine({ ...dma, free }, dma32));
    expect(zoneOf(pages, 'DMA').nr_free_pages).toBe(450);
    expect(pages.allocPages(GFP_KERNEL | __GFP_NOWARN, 0)).toBe(NO_PAGE);
    expect(pages.allocPages(GFP_DMA | GFP_KERNEL, 0)).toBeGreaterThan(0);
  });

  test('MOVABLE alone does not lead above Normal; movable user pages are of type movable', () => {
    const { pages, events } = boot128();
    events.take();
    pages.allocPages(GFP_HIGHUSER_MOVABLE, 0);
    expect(events.take().at(-1)?.at(-1)).toBe(1);
    pages.allocPages(GFP_KERNEL | __GFP_RECLAIMABLE, 0);
    expect(events.take().at(-1)?.at(-1)).toBe(2);
  });

  test('movable and reclaimable at a time is a bug', () => {
    const { pages } = boot128();
    expect(() => pages.allocPages(GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE, 0)).toThrow(/BAD_GFP|not both/);
  });
});

describe('nodes', () => {
  const node = (n: number, start: number, end: number) =>
    ({ kind: 'Normal', node: n, startPfn: start, spannedPages: end - start, present: [{ start, end }] }) as const;
  const make = () =>
    new BuddyAllocator({
      frames: createFrameTable({ nrFrames: 8192 }),
      zones: [node(0, 0, 4096), node(1, 4096, 8192)],
      tunables: { watermarkScaleFactor: 0, minFreeKbytes: 0, lowmemReserveRatio: {} },
    });

  test('a request starts at its node and goes on to the other', () => {
    const pages = make();
    expect(pages.allocPagesNode(1, GFP_NOWAIT, 10)).toBeGreaterThanOrEqual(4096);
    for (let i = 0; i < 3; i++) expect(pages.allocPagesNode(1, GFP_NOWAIT, 10)).toBeGreaterThanOrEqual(4096);
    expect(pages.allocPagesNode(1, GFP_NOWAIT, 10)).toBeLessThan(4096);
  });

  test('THISNODE does not', () => {
    const pages = make();
    for (let i = 0; i < 4; i++) pages.allocPagesNode(1, GFP_NOWAIT, 10);
    expect(pages.allocPagesNode(1, GFP_NOWAIT | __GFP_THISNODE, 10)).toBe(NO_PAGE);
    expect(() => pages.allocPagesNode(2, GFP_NOWAIT, 0)).toThrow('node is 2, expected an integer from 0 to 1');
  });
});

describe('what the task has restricted', () => {
  const used = (taskFlags: number, gfp: number) => {
    const cpus = { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags, realtime: false, oomVictim: false };
    const { pages, events } = boot128({ cpus });
    pages.allocPages(gfp, 0);
    return events.take().at(-1)?.[3];
  };

  test('NOIO takes IO and FS away, NOFS takes FS, PIN takes MOVABLE', () => {
    expect(used(PF_MEMALLOC_NOIO, GFP_KERNEL)).toBe(0xc00);
    expect(used(PF_MEMALLOC_NOFS, GFP_KERNEL)).toBe(0xc40);
    expect(used(PF_MEMALLOC_PIN, GFP_KERNEL | __GFP_MOVABLE)).toBe(0xcc0);
    expect(used(0, GFP_KERNEL)).toBe(0xcc0);
  });
});

describe('bulk', () => {
  test('19.42, 19.43: fills empty slots and leaves filled ones alone', () => {
    const { pages, events } = boot128();
    const slots = Int32Array.of(7, -1, -1);
    expect(pages.allocPagesBulk(GFP_KERNEL, 3, slots)).toBe(3);
    expect(slots[0]).toBe(7);
    expect(slots[2]).toBe(slots[1] + 1);
    // Pages of a bulk request emit no mm_page_alloc.
    expect(events.take().some(([name]) => name === 'A')).toBe(false);
  });

  test('19.43: a single page goes the ordinary way', () => {
    const { pages, events } = boot128();
    const slots = Int32Array.of(-1);
    expect(pages.allocPagesBulk(GFP_KERNEL, 1, slots)).toBe(1);
    expect(events.take().filter(([name]) => name === 'A')).toEqual([['A', slots[0], 0, GFP_KERNEL, 0]]);
  });

  test('19.44: accounted requests get one page', () => {
    const { pages } = boot128();
    expect(pages.allocPagesBulk(GFP_KERNEL | __GFP_ACCOUNT, 3, new Int32Array(3).fill(-1))).toBe(1);
  });

  test('nothing wanted, or nothing empty: nothing done', () => {
    const { pages, events } = boot128();
    expect(pages.allocPagesBulk(GFP_KERNEL, 0, Int32Array.of(-1))).toBe(0);
    expect(pages.allocPagesBulk(GFP_KERNEL, -3, Int32Array.of(-1))).toBe(0);
    expect(pages.allocPagesBulk(GFP_KERNEL, 2, Int32Array.of(5, 6))).toBe(2);
    expect(events.take()).toEqual([]);
  });

  test('more than the array has room for is a bug', () => {
    const { pages } = boot128();
    expect(() => pages.allocPagesBulk(GFP_KERNEL, 3, new Int32Array(2).fill(-1))).toThrow(/nrPages is 3, expected an integer up to the 2 slots/);
  });

  test('movable and reclaimable at a time is a bug here too', () => {
    const { pages } = boot128();
    pages.freePages(pages.allocPages(GFP_KERNEL, 1), 1);
    expect(() => pages.allocPagesBulk(GFP_KERNEL | __GFP_MOVABLE | __GFP_RECLAIMABLE, 4, new Int32Array(4).fill(-1))).toThrow(/not both/);
    pages.assertValid();
  });

  test('a shortage ends with what there was', () => {
    const { pages } = load(oneZone({ start_pfn: 0, spanned: 1024, free: { 1: { 0: [8] } } }));
    const slots = new Int32Array(4).fill(-1);
    expect(pages.allocPagesBulk(GFP_NOWAIT, 4, slots)).toBe(1);
  });
});

describe('exact', () => {
  test('19.40: five pages come from a block of eight; the rest goes to the tails at once', () => {
    const { pages, events } = load(oneZone({ start_pfn: 0, spanned: 1024, types: [0, 0], free: { 3: { 0: [16] }, 0: { 0: [41] }, 1: { 0: [50] } } }));
    expect(pages.allocPagesExact(5 * 4096, GFP_NOWAIT)).toBe(16);
    expect(zoneOf(pages, 'Normal').free).toEqual({ 0: { 0: [41, 21] }, 1: { 0: [50, 22] } });
    expect(events.take().filter(([name]) => name === 'F')).toEqual([['F', 21, 0], ['F', 22, 0], ['F', 23, 0]]);
    pages.freePagesExact(16, 5 * 4096);
    pages.drainLocalPages();
    expect(zoneOf(pages, 'Normal').free).toEqual({ 0: { 0: [41] }, 1: { 0: [50] }, 3: { 0: [16] } });
  });

  test('COMP and HIGHMEM are refused with a warning and dropped', () => {
    const reports = new Reports();
    const { pages, events } = boot128({ reports });
    pages.allocPagesExact(4096, GFP_KERNEL | __GFP_COMP | __GFP_HIGHMEM);
    expect(reports.bugs.map(({ code, severity }) => [code, severity])).toEqual([['BAD_GFP', 'warn']]);
    expect(events.take().at(-1)?.[3]).toBe(GFP_KERNEL);
  });

  test('no size, or more than the largest block', () => {
    const { pages } = boot128();
    expect(() => pages.allocPagesExact(0, GFP_KERNEL)).toThrow(/sizeBytes is 0/);
    expect(() => pages.allocPagesExact(1.5, GFP_KERNEL)).toThrow(/sizeBytes is 1.5/);
    expect(pages.allocPagesExact(2 ** 22 + 1, GFP_KERNEL)).toBe(NO_PAGE);
    expect(pages.allocPagesExact(2 ** 22, GFP_ATOMIC)).toBeGreaterThan(0);
  });
});
