/** Random calls under memory pressure against a map of who owns which frame: nothing is lost, nothing is given to two, contents stay. */
import { __GFP_NORETRY, __GFP_RETRY_MAYFAIL, GFP_ATOMIC, GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_NOFS, GFP_NOWAIT, isKernelBug, NO_PAGE, type Pfn } from '@kmem/contracts';
import { Random } from '@kmem/conformance';
import { createFrameTable, createMemory } from '@kmem/hw';
import { expect, test } from 'vitest';
import { BuddyAllocator, MemoryPressure, PagePool, type OomTask } from '../src/index.js';

const PAGE = 256;
const NR_FRAMES = 2048;
const GFPS = [GFP_KERNEL, GFP_HIGHUSER_MOVABLE, GFP_NOWAIT, GFP_ATOMIC, GFP_NOFS, GFP_KERNEL | __GFP_NORETRY, GFP_KERNEL | __GFP_RETRY_MAYFAIL];

/** The machine, and what its callers know: blocks, pages of files by their stamp, and who holds a page on top. */
class Model {
  readonly random: Random;
  readonly pages: BuddyAllocator;
  readonly reclaim: MemoryPressure;
  readonly memory = createMemory({ sizeBytes: NR_FRAMES * PAGE, backing: 'dense' });
  /** Blocks in use: first frame to order. */
  readonly blocks = new Map<Pfn, number>();
  /** Pages in the pool: frame to the stamp it was filled with. */
  readonly files = new Map<Pfn, number>();
  readonly pinned = new Set<Pfn>();
  /** Pages of the cache that shrinks. */
  readonly objects: Pfn[] = [];
  readonly owned = new Uint8Array(NR_FRAMES);
  shortages = 0;
  kills = 0;
  #stamp = 0;

  constructor(seed: number) {
    this.random = new Random(seed);
    const pool = new PagePool({
      reclaimed: (pfn) => {
        this.#checkStamp(pfn);
        expect(this.pinned.has(pfn)).toBe(false);
        this.files.delete(pfn);
        this.owned[pfn] = 0;
      },
      moved: (from, to) => {
        this.#claim(to, 0);
        this.files.set(to, this.files.get(from) ?? -1);
        this.files.delete(from);
        this.owned[from] = 0;
      },
    });
    this.reclaim = new MemoryPressure({ pool, oom: { tasks: () => [this.#task()] } });
    this.reclaim.shrinkers.register({ name: 'objects', batch: 8, count: () => this.objects.length, scan: (nr) => this.#shrink(nr) });
    const frames = createFrameTable({ nrFrames: NR_FRAMES, pageShift: 8, maxOrder: 8, pageblockOrder: 6 });
    this.pages = new BuddyAllocator({ frames, maxOrder: 8, memory: this.memory, reclaim: this.reclaim, tunables: { minFreeKbytes: 12 } });
  }

  step(): void {
    const { random, reclaim } = this;
    const dice = random.below(100);
    if (dice < 40) this.#alloc();
    else if (dice < 60) this.#free();
    else if (dice < 85) this.#cache();
    else if (dice < 90) this.#usePage();
    else if (dice < 93) this.#pin();
    else if (dice < 96) reclaim.compact(1 + random.below(7), GFP_KERNEL, random.below(3), 0, 0);
    else if (dice < 99) reclaim.runBackground();
    else this.pages.drainAllPages();
  }

  /** Gives everything back. */
  end(): void {
    for (const [pfn, order] of this.blocks) this.pages.freePages(pfn, order);
    for (const pfn of this.pinned) this.pages.putPage(pfn);
    for (const pfn of this.files.keys()) {
      this.#checkStamp(pfn);
      this.reclaim.pool.remove(pfn);
      this.pages.freePages(pfn, 0);
    }
    for (const pfn of this.objects) this.pages.freePages(pfn, 0);
    this.pages.drainAllPages();
  }

  #alloc(): void {
    const order = Math.min(this.random.below(8), this.random.below(8));
    const pfn = this.#ask(GFPS[this.random.below(GFPS.length)], order);
    if (pfn === NO_PAGE) return;
    this.blocks.set(pfn, order);
  }

  #free(): void {
    const [pfn, order] = [...this.blocks][this.random.below(this.blocks.size + 1)] ?? [0, 0];
    if (pfn === 0) return;
    this.#release(pfn, order);
  }

  /** A page of a file, or an object. */
  #cache(): void {
    const pfn = this.#ask(GFP_HIGHUSER_MOVABLE | __GFP_NORETRY, 0);
    if (pfn === NO_PAGE) return;
    if (this.random.below(4) === 0) {
      this.objects.push(pfn);
      return;
    }
    this.#stamp = (this.#stamp + 1) & 0xff;
    this.memory.fill(pfn * PAGE, PAGE, this.#stamp);
    this.files.set(pfn, this.#stamp);
    this.reclaim.pool.add(pfn);
  }

  #usePage(): void {
    const pfn = [...this.files.keys()][this.random.below(this.files.size + 1)];
    if (pfn === undefined) return;
    if (this.random.below(2) === 0) this.reclaim.pool.touch(pfn);
    else this.reclaim.pool.setDirty(pfn);
  }

  #pin(): void {
    const [held] = this.pinned;
    if (held !== undefined && this.random.below(2) === 0) {
      this.pages.putPage(held);
      this.pinned.delete(held);
      return;
    }
    const pfn = [...this.files.keys()][this.random.below(this.files.size + 1)];
    if (pfn === undefined || this.pinned.has(pfn)) return;
    this.pages.getPage(pfn);
    this.pinned.add(pfn);
  }

  #ask(gfp: number, order: number): Pfn {
    let pfn: Pfn = NO_PAGE;
    try {
      pfn = this.pages.allocPages(gfp, order);
    } catch (error) {
      // Nobody is left to end: the kernel would stop here.
      if (!isKernelBug(error) || error.code !== 'OOM_PANIC') throw error;
    }
    if (pfn === NO_PAGE) this.shortages++;
    else this.#claim(pfn, order);
    return pfn;
  }

  #claim(pfn: Pfn, order: number): void {
    const part = this.owned.subarray(pfn, pfn + 2 ** order);
    expect(part.every((owned) => owned === 0)).toBe(true);
    part.fill(1);
  }

  #release(pfn: Pfn, order: number): void {
    this.blocks.delete(pfn);
    this.owned.fill(0, pfn, pfn + 2 ** order);
    this.pages.freePages(pfn, order);
  }

  #checkStamp(pfn: Pfn): void {
    expect(new Set(this.memory.view(pfn * PAGE, PAGE))).toEqual(new Set([this.files.get(pfn)]));
  }

  #shrink(nr: number): number {
    const gone = this.objects.splice(0, nr);
    for (const pfn of gone) {
      this.owned[pfn] = 0;
      this.pages.freePages(pfn, 0);
    }
    return gone.length;
  }

  /** All blocks belong to one task, which begins again when it was ended. */
  #task(): OomTask {
    return {
      ...{ pid: 1, name: 'all', totalVm: 0, anonRss: this.blocks.size },
      unkillable: this.blocks.size === 0,
      kill: () => {
        this.kills++;
        for (const [pfn, order] of [...this.blocks]) this.#release(pfn, order);
        return true;
      },
    };
  }
}

test.each([1, 2, 3, 4, 5, 6])('seed %i', { timeout: 60_000 }, (seed) => {
  const model = new Model(seed);
  const { pages, reclaim } = model;
  const managed = pages.managedPages;
  for (let i = 0; i < 6000; i++) {
    model.step();
    if (i % 50 === 0) pages.assertValid();
    const used = model.owned.reduce((sum, owned) => sum + owned, 0);
    expect(managed - pages.nrFreePages - pages.nrPcpPages).toBe(used);
  }
  // The run meant something.
  const { events } = reclaim;
  expect(model.shortages).toBeGreaterThan(10);
  expect(Math.min(events.pgsteal_direct, events.pgsteal_kswapd, events.pgmigrate_success, events.slabs_scanned, events.compact_success)).toBeGreaterThan(10);
  expect(model.kills).toBeGreaterThan(0);
  model.end();
  pages.assertValid();
  expect(pages.nrFreePages).toBe(managed);
});
