/**
 * Two million random calls on each allocator against a model of intervals: every block in use has a tag in each of its 8 bytes, beside the
 * memory and at both ends in it. No tag may be there when a block is handed out, none may have changed when it comes back.
 */
import { BuddyAllocator } from '@kmem/buddy';
import { Random } from '@kmem/conformance';
import { __GFP_NOWARN, GFP_ATOMIC, NULL } from '@kmem/contracts';
import type { PageAllocator, FrameTable, PhysAddr, SlabAllocator, SlabCache } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { expect, test } from 'vitest';
import { createKmalloc, slab, SLAB_CLASSES, slob, slub } from '../src/index.js';
import type { Kmalloc } from '../src/index.js';

const OPERATIONS = 2_000_000;
const CHECK_EVERY = 100_000;
const TIMEOUT_MS = 300_000;
const NR_FRAMES = 8192;
const GRAIN = 8;
const GFP = GFP_ATOMIC | __GFP_NOWARN;
/** Blocks in use, from one wave to the next. */
const WAVES = [4000, 500, 9000, 50] as const;
/** Sizes and alignments of caches. */
const SHAPES = [[8, 0], [24, 0], [56, 64], [100, 0], [256, 0], [700, 16], [1024, 0], [3000, 0], [5000, 0]] as const;
/** Requests to kmalloc are below one of these. */
const KMALLOC_BELOW = [64, 300, 2000, 9000, 20_000] as const;

interface Allocator {
  readonly slabs: SlabAllocator;
  readonly kmalloc: Kmalloc;
}

/** The blocks in use, a column each. A block's number is its tag. */
class Intervals {
  readonly addrs: PhysAddr[] = [0];
  readonly sizes: number[] = [0];
  /** Cache of the block, null for kmalloc. */
  readonly caches: (SlabCache | null)[] = [null];
  readonly live: number[] = [];
  violations = 0;
  readonly #spare: number[] = [];
  readonly #tags = new Int32Array((NR_FRAMES * 4096) / GRAIN);
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  add(addr: PhysAddr, size: number, cache: SlabCache | null): void {
    const tag = this.#spare.pop() ?? this.addrs.length;
    if (addr % GRAIN !== 0) this.violations++;
    this.#retag(addr, size, 0, tag);
    this.#bytes[addr] = tag & 0xff;
    this.#bytes[addr + size - 1] = tag & 0xff;
    this.addrs[tag] = addr;
    this.sizes[tag] = size;
    this.caches[tag] = cache;
    this.live.push(tag);
  }

  /** Takes one of those in use out. */
  take(at: number): number {
    const tag = this.live[at];
    const last = this.live.pop() ?? 0;
    if (at < this.live.length) this.live[at] = last;
    const [addr, size] = [this.addrs[tag], this.sizes[tag]];
    if (this.#bytes[addr] !== (tag & 0xff) || this.#bytes[addr + size - 1] !== (tag & 0xff)) this.violations++;
    this.#retag(addr, size, tag, 0);
    this.#spare.push(tag);
    return tag;
  }

  #retag(addr: PhysAddr, size: number, from: number, to: number): void {
    const end = Math.ceil((addr + size) / GRAIN);
    for (let grain = Math.floor(addr / GRAIN); grain < end; grain++) {
      if (this.#tags[grain] !== from) this.violations++;
      this.#tags[grain] = to;
    }
  }
}

test.each<[string, (pages: PageAllocator, frames: FrameTable) => Allocator]>([
  ['slub', (pages, frames) => {
    const slabs = slub({ pages, frames });
    return { slabs, kmalloc: createKmalloc({ slabs, pages, frames }) };
  }],
  ['slab', (pages, frames) => {
    const slabs = slab({ pages, frames });
    return { slabs, kmalloc: createKmalloc({ slabs, pages, frames, classes: SLAB_CLASSES }) };
  }],
  ['slob', (pages, frames) => {
    const slabs = slob({ pages, frames });
    return { slabs, kmalloc: slabs.kmalloc };
  }],
])('%s', { timeout: TIMEOUT_MS }, (_name, make) => {
  const frames = createFrameTable({ nrFrames: NR_FRAMES });
  const pages = new BuddyAllocator({ frames });
  const memory = createMemory({ sizeBytes: NR_FRAMES * 4096, backing: 'dense' });
  const used = (): number => pages.managedPages - pages.nrFreePages - pages.nrPcpPages;
  const before = used();
  const { slabs, kmalloc: family } = make(pages, frames);
  const caches = SHAPES.map(([sizeBytes, align], i) => {
    const cache = slabs.createCache({ name: `c${String(i)}`, sizeBytes, align });
    if (cache === null) throw new Error('no cache');
    return cache;
  });
  const blocks = new Intervals(memory.view(0, NR_FRAMES * 4096));
  const random = new Random(7);

  const take = (): void => {
    const cache = random.below(2) === 0 ? caches[random.below(caches.length)] : null;
    const size = cache?.objectSize ?? 1 + random.below(KMALLOC_BELOW[random.below(KMALLOC_BELOW.length)]);
    const addr = cache === null ? family.kmalloc(size, GFP) : cache.alloc(GFP);
    if (addr !== NULL) blocks.add(addr, cache === null ? family.ksize(addr) : size, cache);
  };
  const give = (): void => {
    const tag = blocks.take(random.below(blocks.live.length));
    const cache = blocks.caches[tag];
    if (cache === null) family.kfree(blocks.addrs[tag]);
    else cache.free(blocks.addrs[tag]);
  };

  for (let i = 0; i < OPERATIONS; i++) {
    const aim = WAVES[Math.floor(i / 50_000) % WAVES.length];
    const isTaking = blocks.live.length === 0 || random.below(100) < (blocks.live.length < aim ? 70 : 30);
    if (isTaking) take();
    else give();
    if (i % CHECK_EVERY === 0) {
      slabs.assertValid();
      caches[random.below(caches.length)].shrink();
    }
  }
  slabs.assertValid();
  while (blocks.live.length > 0) give();
  for (const cache of slabs.caches()) cache.shrink();
  expect(blocks.violations).toBe(0);
  expect(used()).toBe(before);
});
