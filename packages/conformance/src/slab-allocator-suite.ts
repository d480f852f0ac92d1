/**
 * The conformance suite of the SlabAllocator contract.
 *
 * The rules are those of the contract, not of an implementation: they hold for the naive reference, for SLUB, and through
 * every wrapper around either. The test runner is passed in.
 */
import { __GFP_NOWARN, __GFP_ZERO, GFP_ATOMIC, GFP_KERNEL, NULL, SLAB_PANIC } from '@kmem/contracts';
import type { PhysAddr, PhysicalMemory, SlabAllocator, SlabCache, SlabCacheOptions } from '@kmem/contracts';
import { Random } from './random.js';
import { check, checkBug, checkEqual, type Register } from './register.js';

/** An allocator with what it stands on. */
export interface SlabAllocatorUnderTest {
  /** The allocator, without caches. */
  readonly slab: SlabAllocator;
  /** RAM, with bytes behind it, which the allocator zeroes. */
  readonly memory: PhysicalMemory;
  /**
   * Counts pages.
   *
   * @returns how many are in use, the allocator's own included.
   */
  readonly usedPages: () => number;
}

/** An implementation, as the suite needs it. */
export interface SlabAllocatorFixture {
  /** Name in the titles of the tests. */
  readonly name: string;
  /**
   * Makes an allocator over 1,000 to 2,000 pages of 4 KiB, with blocks of up to 2^10 pages; it throws bugs and drops warnings.
   *
   * @returns a fresh one that shares nothing with earlier ones.
   */
  create(): SlabAllocatorUnderTest;
  /** Abilities that an implementation may lack. Without an entry the ability is there. */
  readonly supports?: SlabAllocatorAbilities;
}

/** What an implementation can do. */
export interface SlabAllocatorAbilities {
  /**
   * Free objects are objects still: they are found as free, stay constructed, and their cache knows which are in use. False for
   * an allocator whose free memory is nobody's: there a constructor runs whenever an object is handed out, and a cache can end
   * while objects are in use.
   * @defaultValue true
   */
  readonly freeObjects?: boolean;
}

/** Sizes of objects that the rules are tried with, alignments asked for behind them. */
const SHAPES = [[8, 0], [24, 0], [24, 64], [100, 0], [700, 16], [1000, 1024], [4096, 0], [9000, 0]] as const;
/** More objects than fit. */
const TOO_MANY = 20_000;

/**
 * Registers every rule of the SlabAllocator contract as a test.
 *
 * @param register - takes the tests.
 * @param fixture - the implementation to test.
 */
export function slabAllocatorSuite(register: Register, fixture: SlabAllocatorFixture): void {
  const rule = (text: string, body: (under: SlabAllocatorUnderTest) => void): void => {
    register(`${fixture.name}: ${text}`, () => {
      const under = fixture.create();
      body(under);
      under.slab.assertValid();
    });
  };
  registerObjectRules(rule);
  if (fixture.supports?.freeObjects ?? true) registerFreeObjectRules(rule);
  else registerNoFreeObjectRules(rule);
  registerCacheRules(rule);
  registerMisuseRules(rule);
  rule('random calls keep objects apart, and give everything back', runIntervals);
}

type Rule = (text: string, body: (under: SlabAllocatorUnderTest) => void) => void;

function registerObjectRules(rule: Rule): void {
  rule('objects are aligned, do not overlap, and every byte leads to its object', ({ slab }) => {
    for (const [sizeBytes, align] of SHAPES) {
      const cache = made(slab, { name: `of-${sizeBytes}-${align}`, sizeBytes, align });
      const objects = take(cache, 20).sort((a, b) => a - b);
      objects.forEach((start, i) => {
        checkEqual(start % Math.max(align, 8), 0, 'offset from the alignment');
        check(i === 0 || start - objects[i - 1] >= sizeBytes, `objects at ${objects[i - 1]} and ${start} overlap`);
        for (const addr of [start, start + sizeBytes - 1]) {
          const found = slab.find(addr);
          check(found?.cache === cache && found.start === start && found.live, `address ${addr} does not lead to ${start}`);
        }
        check(slab.cacheOf(start) === cache, `the page of ${start} is not the cache's`);
      });
    }
  });

  rule('a freed object is in use no more, and comes again', ({ slab }) => {
    const cache = made(slab, { name: 'again', sizeBytes: 64 });
    const [first] = take(cache, 1);
    cache.free(first);
    check(slab.find(first)?.live !== true, 'it is found in use');
    checkEqual(cache.alloc(GFP_KERNEL), first, 'the next object');
  });

  rule('an object goes back by its address alone, to the cache that it is of', ({ slab, usedPages }) => {
    const before = usedPages();
    const caches = [24, 200, 3000].map((sizeBytes) => made(slab, { name: `of-${sizeBytes}`, sizeBytes }));
    const objects = caches.flatMap((cache) => take(cache, 40));
    for (const addr of objects) {
      check(slab.free(addr), `nobody took ${addr} back`);
      check(slab.find(addr)?.live !== true, `${addr} is in use still`);
    }
    check(caches.every((cache) => cache.shrink()), 'a shrunk cache has pages');
    checkEqual(usedPages(), before, 'pages in use');
    for (const addr of [objects[0], NULL, 0.5, -1, NaN]) check(!slab.free(addr), `${addr} was taken back`);
  });

  rule('zeroed objects are zero', ({ slab, memory }) => {
    const cache = made(slab, { name: 'zeroed', sizeBytes: 50 });
    const [addr] = take(cache, 1);
    memory.fill(addr, 50, 0xee);
    cache.free(addr);
    checkEqual(cache.alloc(GFP_KERNEL | __GFP_ZERO), addr, 'the next object');
    check(memory.view(addr, 50).every((byte) => byte === 0), 'a byte is not zero');
  });

  rule('when memory is out there is NULL, of several objects none, and everything comes back', ({ slab, usedPages }) => {
    const before = usedPages();
    const cache = made(slab, { name: 'out', sizeBytes: 1000 });
    const objects: PhysAddr[] = [];
    for (let addr = cache.alloc(GFP_ATOMIC | __GFP_NOWARN); addr !== NULL; addr = cache.alloc(GFP_ATOMIC | __GFP_NOWARN)) objects.push(addr);
    cache.free(objects.pop() ?? NULL);
    const several = new Float64Array(TOO_MANY);
    checkEqual(cache.allocBulk(GFP_ATOMIC | __GFP_NOWARN, TOO_MANY, several), 0, 'objects of a bulk request');
    check(several.every((addr) => addr === NULL), 'the array was written to');
    cache.freeBulk(objects.length, Float64Array.from(objects));
    check(cache.shrink(), 'the shrunk cache has pages');
    checkEqual(usedPages(), before, 'pages in use');
  });
}

function registerFreeObjectRules(rule: Rule): void {
  rule('a freed object is found as free', ({ slab }) => {
    const cache = made(slab, { name: 'found', sizeBytes: 64 });
    const [first] = take(cache, 1);
    cache.free(first);
    check(slab.find(first)?.live === false, 'it is not');
  });

  rule('a constructor runs once for every object before it is handed out', ({ slab }) => {
    const built = new Set<PhysAddr>();
    const cache = made(slab, { name: 'built', sizeBytes: 72, ctor: (addr) => {
      check(!built.has(addr), `${addr} was constructed twice`);
      built.add(addr);
    } });
    for (let round = 0; round < 3; round++) {
      const objects = take(cache, 100);
      check(objects.every((addr) => built.has(addr)), 'an object was not constructed');
      cache.freeBulk(100, Float64Array.from(objects));
    }
  });

  rule('a cache with objects in use is not destroyed', ({ slab, usedPages }) => {
    const before = usedPages();
    const cache = made(slab, { name: 'busy', sizeBytes: 40 });
    const [addr] = take(cache, 1);
    check(!cache.destroy(), 'it was destroyed');
    check(slab.find(addr)?.live === true, 'the object is gone');
    cache.free(addr);
    check(cache.destroy(), 'it was not destroyed without objects');
    checkEqual(usedPages(), before, 'pages in use');
  });
}

function registerNoFreeObjectRules(rule: Rule): void {
  rule('a constructor runs whenever an object is handed out', ({ slab, memory }) => {
    let built: PhysAddr[] = [];
    const ctor = (addr: PhysAddr): void => {
      memory.fill(addr, 72, 0xcc);
      built.push(addr);
    };
    const cache = made(slab, { name: 'built', sizeBytes: 72, ctor });
    for (let round = 0; round < 3; round++) {
      const objects = take(cache, 100);
      check(objects.every((addr, i) => built[i] === addr), 'it did not, or in another order');
      check(objects.every((addr) => memory.view(addr, 72).every((byte) => byte === 0xcc)), 'an object is not as constructed');
      cache.freeBulk(100, Float64Array.from(objects));
      built = [];
    }
  });

  rule('a cache ends though objects of it are in use', ({ slab }) => {
    const cache = made(slab, { name: 'busy', sizeBytes: 40 });
    take(cache, 1);
    check(cache.destroy(), 'it was not destroyed');
    checkEqual(slab.caches().length, 0, 'caches');
  });
}

function registerCacheRules(rule: Rule): void {
  rule('the newest cache is listed first; a destroyed one is not', ({ slab }) => {
    const a = made(slab, { name: 'a', sizeBytes: 40 });
    const b = made(slab, { name: 'b', sizeBytes: 400 });
    check(slab.caches()[0] === b && slab.caches()[1] === a, 'the order is another');
    check(a.destroy(), 'the cache was not destroyed');
    checkEqual(slab.caches().length, 1, 'caches');
    checkBug(['DESTROYED_CACHE'], () => a.destroy());
    checkBug(['DESTROYED_CACHE'], () => a.alloc(GFP_KERNEL));
  });

  rule('a cache that cannot be is null, with SLAB_PANIC a bug; a bad option is a RangeError', ({ slab }) => {
    const huge = { name: 'huge', sizeBytes: 2 ** 23 };
    check(slab.createCache(huge) === null, 'a cache of 8 MiB was made');
    checkBug(['BAD_CACHE'], () => slab.createCache({ ...huge, flags: SLAB_PANIC }));
    for (const bad of [{ name: '' }, { sizeBytes: 0 }, { sizeBytes: 1.5 }, { align: 24 }, { userOffset: -1 }, { userSize: 0.5 }]) {
      let thrown: unknown = null;
      try {
        slab.createCache({ name: 'bad', sizeBytes: 64, ...bad });
      } catch (error) {
        thrown = error;
      }
      check(thrown instanceof RangeError, `${JSON.stringify(bad)} was taken`);
    }
    checkEqual(slab.caches().length, 0, 'caches');
  });

  rule('a part for users that does not fit is none', ({ slab }) => {
    for (const [userOffset, userSize, kept] of [[60, 5, 0], [8, 0, 0], [60, 4, 4], [0, 64, 64]]) {
      const cache = made(slab, { name: 'part', sizeBytes: 64, userOffset, userSize });
      checkEqual(cache.userSize, kept, `bytes for users of ${userSize} from ${userOffset} on`);
      checkEqual(cache.userOffset, kept === 0 ? 0 : userOffset, 'where they begin');
    }
  });
}

function registerMisuseRules(rule: Rule): void {
  rule('misuse is reported and changes nothing', ({ slab }) => {
    const cache = made(slab, { name: 'mine', sizeBytes: 64 });
    const other = made(slab, { name: 'other', sizeBytes: 200 });
    const [a, b] = take(cache, 2);
    cache.free(b);
    checkBug(['DOUBLE_FREE'], () => cache.free(b));
    checkBug(['BAD_OBJECT'], () => cache.free(a + 8));
    checkBug(['WRONG_CACHE'], () => other.free(a));
    for (const addr of [NULL, -64, 0.5, NaN, 2 ** 50]) checkBug(['BAD_OBJECT'], () => cache.free(addr));
    checkBug(['DOUBLE_FREE'], () => cache.freeBulk(2, Float64Array.of(a, a)));
    checkBug(['DOUBLE_FREE'], () => cache.freeBulk(2, Float64Array.of(a, b)));
    checkBug(['BAD_SIZE'], () => cache.freeBulk(2, Float64Array.of(a)));
    checkBug(['BAD_SIZE'], () => cache.allocBulk(GFP_KERNEL, -1, new Float64Array(1)));
    check(slab.find(a)?.live === true && slab.find(b)?.live !== true, 'an object changed');
    checkEqual(cache.alloc(GFP_KERNEL), b, 'the next object');
  });
}

/** Random calls against a list of intervals in use. */
function runIntervals({ slab, memory, usedPages }: SlabAllocatorUnderTest): void {
  const before = usedPages();
  const random = new Random(5);
  const caches = SHAPES.map(([sizeBytes, align], i) => made(slab, { name: `random-${i}`, sizeBytes, align }));
  const live: { readonly cache: SlabCache; readonly addr: PhysAddr; readonly mark: number }[] = [];
  for (let step = 0; step < 3000; step++) {
    const cache = caches[random.below(caches.length)];
    if (random.below(100) < 55) {
      const addr = cache.alloc(GFP_ATOMIC | __GFP_NOWARN);
      if (addr === NULL) continue;
      const mark = random.below(256);
      memory.fill(addr, cache.objectSize, mark);
      live.push({ cache, addr, mark });
    } else if (live.length > 0) {
      const [{ addr, cache: owner, mark }] = live.splice(random.below(live.length), 1);
      check(memory.view(addr, owner.objectSize).every((byte) => byte === mark), `step ${step}: the object at ${addr} was written to`);
      owner.free(addr);
    }
    if (step % 500 === 0) {
      cache.shrink();
      slab.assertValid();
    }
  }
  for (const { addr, cache } of live) cache.free(addr);
  for (const cache of caches) check(cache.destroy(), `${cache.name} was not destroyed`);
  checkEqual(usedPages(), before, 'pages in use');
}

function made(slab: SlabAllocator, options: SlabCacheOptions): SlabCache {
  const cache = slab.createCache(options);
  check(cache !== null, `no cache ${options.name}`);
  return cache;
}

function take(cache: SlabCache, count: number): PhysAddr[] {
  return Array.from({ length: count }, () => {
    const addr = cache.alloc(GFP_KERNEL);
    check(addr !== NULL, 'no memory');
    return addr;
  });
}
