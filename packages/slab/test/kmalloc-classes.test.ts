import { __GFP_ACCOUNT, __GFP_DMA, __GFP_RECLAIMABLE, type Gfp } from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { readLines } from './recordings.js';
import { cacheGeometry, KMALLOC_TYPES, kmallocAlign, kmallocCacheName, kmallocMaxSize, kmallocSizeRoundup, kmallocSizes, kmallocType } from '../src/index.js';

/** A request and its outcome, as recorded. */
interface Request {
  readonly kmalloc: number;
  readonly flags: string;
  readonly ok: boolean;
  readonly ksize?: number;
  readonly cache?: string;
  readonly order?: number;
}

/** A cache as the recording lists it. */
interface Cache {
  readonly cache: string;
  readonly object_size: number;
  readonly size: number;
  readonly align: number;
  readonly flags: number;
}

/** Zone DMA of the recorded machine has no block larger than this once the kernel has taken its part. */
const isDma = (flags: string): boolean => flags.includes('__GFP_DMA') && !flags.includes('DMA32');

/** The flags that decide about the row, by their names. */
const ROW_FLAGS: Readonly<Record<string, Gfp>> = {
  GFP_KERNEL_ACCOUNT: __GFP_ACCOUNT,
  __GFP_RECLAIMABLE,
  __GFP_DMA,
};

/** Reads what decides about the row from flags written with their names. */
function rowFlags(text: string): Gfp {
  return text.split('|').reduce((sum, name) => sum | (ROW_FLAGS[name] ?? 0), 0);
}

describe.each(['sizes.jsonl.gz', 'edges.jsonl.gz'])('kmalloc of a real kernel, %s', (file) => {
  const lines = readLines(`kmalloc/${file}`) as object[];
  const requests = lines.filter((line): line is Request => 'kmalloc' in line);

  test('every request takes the class, the cache and the pages it took there', () => {
    expect(requests.length).toBeGreaterThan(400);
    const wrong = requests.filter((request) => {
      const { kmalloc: asked, flags, ok, ksize, cache, order } = request;
      if (asked === 0) return ksize !== 0;
      if (asked > kmallocMaxSize()) return ok;
      // A request that zone DMA was too small for says nothing about classes.
      if (!ok) return !isDma(flags);
      const takes = kmallocSizeRoundup(asked);
      if (takes !== ksize) return true;
      if (takes > 8192) return cache !== '(pages)' || 4096 * 2 ** (order ?? -1) !== takes;
      const shape = { objectSize: takes, align: kmallocAlign(takes) };
      return cache !== kmallocCacheName(kmallocType(rowFlags(flags)), takes) || order !== cacheGeometry(shape)?.order;
    });
    expect(wrong).toEqual([]);
  });
});

test('kmalloc_size_roundup answers as recorded', () => {
  const rows = (readLines('kmalloc/edges.jsonl.gz') as object[]).filter(
    (line): line is { kmalloc_size_roundup: number; result: number } => 'kmalloc_size_roundup' in line,
  );
  expect(rows.length).toBeGreaterThan(400);
  expect(rows.filter((row) => kmallocSizeRoundup(row.kmalloc_size_roundup) !== row.result)).toEqual([]);
});

test('the recorded kernel has these caches and no other, with the same flags and alignment', () => {
  const recorded = (readLines('kmalloc/edges.jsonl.gz') as object[]).filter(
    (line): line is Cache => 'cache' in line && 'align' in line && /kmalloc-/.test(String(line.cache)),
  );
  /** A flag of the allocator itself: how it swaps its list heads. */
  const internal = 0x40000000;
  const ours = KMALLOC_TYPES.flatMap(({ flags }, type) =>
    kmallocSizes().map((size) => ({ cache: kmallocCacheName(type, size), object_size: size, size, align: kmallocAlign(size), flags })),
  );
  const byName = (a: { cache: string }, b: { cache: string }): number => (a.cache < b.cache ? -1 : 1);
  const theirs = recorded.map(({ cache, object_size, size, align, flags }) => ({ cache, object_size, size, align, flags: flags & ~internal }));
  expect(theirs.sort(byName)).toEqual(ours.sort(byName));
});
