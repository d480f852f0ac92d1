/**
 * The conformance suite of the AddressRanges contract: rules that hold for a tree, for a plain list, and for whatever else hands out
 * ranges. The test runner is passed in.
 */
import { NO_RANGE, type AddressRanges, type AddressRangesOptions } from '@kmem/contracts';
import { Random } from './random.js';
import { check, checkBug, checkEqual, type Register } from './register.js';

/** An implementation, as the suite needs it. */
export interface AddressRangesFixture {
  /** Name in the titles of the tests. */
  readonly name: string;
  /**
   * Makes an allocator.
   *
   * @param options - its space.
   * @returns a fresh one.
   */
  create(options: AddressRangesOptions): AddressRanges;
}

const GRANULE = 4096;
const GRANULES = 4000;
const OPERATIONS = 30_000;
const COMPARE_EVERY = 1000;

/**
 * Registers every rule of the AddressRanges contract as a test.
 *
 * @param register - takes the tests.
 * @param fixture - the implementation to test.
 */
export function addressRangesSuite(register: Register, fixture: AddressRangesFixture): void {
  const rule = (text: string, options: Omit<AddressRangesOptions, 'end'> & { readonly end?: number }, body: (ranges: AddressRanges) => void): void => {
    register(`${fixture.name}: ${text}`, () => {
      const ranges = fixture.create({ end: 100, ...options });
      body(ranges);
      ranges.assertValid();
    });
  };
  const seen: string[] = [];

  rule('the lowest range that fits is taken', {}, (ranges) => {
    const taken = [10, 20, 30].map((size) => ranges.allocRange(size));
    checkEqual(taken.join() === '0,10,30' ? 0 : 1, 0, `addresses ${taken.join()}`);
    ranges.freeRange(10);
    checkEqual(ranges.allocRange(21), 60, 'what does not fit the hole');
    checkEqual(ranges.allocRange(5), 10, 'what fits it');
    checkEqual(ranges.findRange(12), 10, 'the range of an address inside');
    checkEqual(ranges.findRange(15), NO_RANGE, 'the range of an address behind');
  });

  rule('the last free range at or below an address is found', {}, (ranges) => {
    ranges.allocRange(10, 1, 20, 30);
    ranges.allocRange(10, 1, 30, 40);
    const at = (addr: number): string => {
      const found = ranges.findFreeRange(addr);
      return found === null ? 'none' : `${found.addr}+${found.sizeBytes}`;
    };
    const found = [-1, 0, 19, 25, 39, 40, 1000].map(at).join(' ');
    check(found === 'none 0+20 0+20 0+20 0+20 40+60 40+60', `free ranges ${found}`);
  });

  rule('bytes are used, lazy or free', { lazyMax: 30 }, (ranges) => {
    ranges.allocRange(10);
    ranges.allocRange(20);
    ranges.freeRange(0);
    checkEqual(ranges.usedBytes, 20, 'used');
    checkEqual(ranges.lazyBytes, 10, 'lazy');
    checkEqual(ranges.freeBytes, 70, 'free');
    checkEqual(ranges.purge(), 10, 'purged');
    checkEqual(ranges.purge(), 0, 'purged again');
    checkEqual(ranges.freeBytes, 80, 'free after the purge');
  });

  rule('lazy ranges are not handed out before more than the limit are, or nothing else fits', { lazyMax: 30 }, (ranges) => {
    for (const size of [10, 20, 30]) ranges.allocRange(size);
    ranges.freeRange(0);
    checkEqual(ranges.allocRange(10), 60, 'with 10 lazy');
    ranges.freeRange(10);
    checkEqual(ranges.lazyBytes, 30, 'lazy');
    checkEqual(ranges.allocRange(30), 70, 'with 30 lazy');
    checkEqual(ranges.allocRange(30), 0, 'when nothing else fits');
    ranges.freeRange(0);
    ranges.freeRange(60);
    checkEqual(ranges.lazyBytes, 0, 'lazy above the limit');
  });

  rule('bounds and alignments are kept', {}, (ranges) => {
    checkEqual(ranges.allocRange(5, 1, 33, 50), 33, 'from 33');
    checkEqual(ranges.allocRange(5, 16, 33), 48, 'aligned to 16 from 33');
    checkEqual(ranges.allocRange(30, 1, 60, 89), NO_RANGE, '30 in 29');
    checkEqual(ranges.allocRange(16, 16, 64, 80), 64, 'a bound that leaves no choice');
  });

  rule('who asks to be told is told of shortage first, then of the purge', { lazyMax: 100, onShortage: () => seen.push('shortage'), onPurge: (start, end) => seen.push(`${start} to ${end}`) }, (ranges) => {
    for (const size of [10, 20, 70]) ranges.allocRange(size);
    ranges.freeRange(0);
    ranges.freeRange(30);
    seen.length = 0;
    checkEqual(ranges.allocRange(71), NO_RANGE, 'more than there is in one piece');
    check(seen.join('; ') === 'shortage; 0 to 100', `told of ${seen.join('; ')}`);
  });

  rule('negative addresses are addresses', { start: -50, end: 50 }, (ranges) => {
    checkEqual(ranges.allocRange(30), -50, 'the first');
    checkEqual(ranges.allocRange(32, 32), 0, 'aligned');
    checkEqual(ranges.allocRange(4, 4), -20, 'aligned below 0');
  });

  rule('sizes, alignments, bounds and addresses that make no sense are misuse, and change nothing', { granule: 4, end: 400 }, (ranges) => {
    ranges.allocRange(8);
    for (const size of [0, -4, 2, 1.5, NaN, Infinity]) checkBug(['BAD_SIZE'], () => ranges.allocRange(size));
    for (const align of [0, 3, -4, NaN]) checkBug(['BAD_RANGE'], () => ranges.allocRange(4, align));
    for (const [from, to] of [[-4, 400], [0, 404], [0.5, 400], [NaN, 400]]) checkBug(['BAD_RANGE'], () => ranges.allocRange(4, 4, from, to));
    for (const addr of [4, -4, 8, 400, NaN]) checkBug(['BAD_RANGE'], () => ranges.freeRange(addr));
    checkEqual(ranges.usedBytes, 8, 'used');
  });

  rule('a state is gone on from', { lazyMax: 40 }, (ranges) => {
    for (const size of [10, 20, 30]) ranges.allocRange(size);
    ranges.freeRange(10);
    const again = fixture.create({ end: 100, lazyMax: 40, state: ranges.exportState() });
    for (const each of [ranges, again]) {
      checkEqual(each.lazyBytes, 20, 'lazy');
      checkEqual(each.allocRange(40), 60, 'the next address');
      checkEqual(each.allocRange(20), 10, 'the next after a purge');
    }
  });

  for (const alignments of [1, 16]) {
    register(`${fixture.name}: random calls, aligned to up to ${alignments} granules: nothing overlaps, nothing is lost`, () => runRandom(fixture, alignments));
  }
}

/** Random calls against a byte a granule. */
function runRandom(fixture: AddressRangesFixture, alignments: number): void {
  const start = -GRANULE * 1000;
  const end = start + GRANULE * GRANULES;
  const ranges = fixture.create({ start, end, granule: GRANULE, lazyMax: 300 * GRANULE });
  const random = new Random(alignments);
  /** 0 free, 1 in use, 2 lazy. */
  const map = new Uint8Array(GRANULES);
  const live: { readonly addr: number; readonly size: number }[] = [];
  const at = (addr: number): number => (addr - start) / GRANULE;
  for (let i = 1; i <= OPERATIONS; i++) {
    if (live.length === 0 || random.below(100) < (Math.floor(i / 2000) % 2 === 0 ? 60 : 40)) {
      const size = GRANULE * (1 + random.below(40));
      const align = GRANULE * 2 ** random.below(Math.log2(alignments) + 1);
      const addr = ranges.allocRange(size, align);
      if (ranges.lazyBytes === 0) purge(map);
      if (addr === NO_RANGE) continue;
      const taken = map.subarray(at(addr), at(addr) + size / GRANULE);
      check(addr % align === 0 && addr >= start && addr + size <= end, `call ${i}: ${addr} is out of place`);
      check(taken.every((use) => use === 0), `call ${i}: ${size} bytes at ${addr} are not free`);
      taken.fill(1);
      live.push({ addr, size });
    } else {
      const [{ addr, size }] = live.splice(random.below(live.length), 1);
      ranges.freeRange(addr);
      map.fill(2, at(addr), at(addr) + size / GRANULE);
      if (ranges.lazyBytes === 0) purge(map);
    }
    if (i % COMPARE_EVERY === 0) {
      ranges.assertValid();
      for (const [use, bytes] of [ranges.freeBytes, ranges.usedBytes, ranges.lazyBytes].entries()) {
        checkEqual(bytes, GRANULE * map.filter((one) => one === use).length, `call ${i}: bytes of use ${use}`);
      }
    }
  }
  for (const { addr } of live) ranges.freeRange(addr);
  ranges.purge();
  const { free } = ranges.exportState();
  check(free.length === 1 && free[0].addr === start && free[0].sizeBytes === end - start, 'the space is not free in one piece again');
}

function purge(map: Uint8Array): void {
  for (const [i, use] of map.entries()) if (use === 2) map[i] = 0;
}
