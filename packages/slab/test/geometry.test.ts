import {
  SLAB_CONSISTENCY_CHECKS,
  SLAB_HWCACHE_ALIGN,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { readLines } from './recordings.js';
import { cacheGeometry } from '../src/index.js';
import type { CacheGeometry, CacheShape } from '../src/index.js';

const FZPU = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

/** A cache as the recordings describe it: names of the kernel's fields. */
type Recorded = Readonly<Record<string, number>>;

/** A geometry under the kernel's names. */
function recorded(geometry: CacheGeometry | null): Recorded | null {
  if (geometry === null) return null;
  return {
    size: geometry.size,
    inuse: geometry.inuse,
    offset: geometry.freePointer,
    align: geometry.align,
    red_left_pad: geometry.redLeftPad,
    order: geometry.order,
    objects: geometry.objects,
    min_partial: geometry.minPartial,
    cpu_partial: geometry.cpuPartial,
    cpu_partial_slabs: geometry.cpuPartialSlabs,
    min_order: geometry.minOrder,
    min_objects: geometry.minObjects,
  };
}

/** Shapes that the recorded table was taken with, by the number of the variant. */
const VARIANTS: readonly Omit<CacheShape, 'objectSize'>[] = [
  {},
  { flags: SLAB_HWCACHE_ALIGN },
  { hasConstructor: true },
  { flags: FZPU },
  { flags: SLAB_RED_ZONE },
  { align: 64 },
  { flags: SLAB_TYPESAFE_BY_RCU },
];

describe('geometry is what a real kernel computed', () => {
  test('for every recorded size and kind of cache', () => {
    // The first line names the columns of the others.
    const [head, ...rows] = readLines('slub/geometry.jsonl.gz') as [{ columns: string[]; rows: number }, ...number[][]];
    expect(rows.length).toBe(head.rows);
    const wrong = rows.filter((row) => {
      const named = Object.fromEntries(head.columns.map((name, i) => [name, row[i]]));
      const { variant, req_size: objectSize, object_size: kept, ...want } = named;
      const got = recorded(cacheGeometry({ ...VARIANTS[variant], objectSize }));
      return kept !== objectSize || !sameNumbers(want, got);
    });
    expect(wrong).toEqual([]);
  });

  test.each([
    ['geometry-large.jsonl', 30],
    ['boot-caches-nomerge.jsonl', 100],
  ])('for every cache in %s', (file, least) => {
    // Lines of these files are objects of numbers, apart from the name.
    const caches = (readLines(`slub/${file}`) as Recorded[]).filter((line) => 'cache' in line);
    expect(caches.length).toBeGreaterThan(least);
    const wrong = caches.filter((cache) => {
      const got = recorded(cacheGeometry(shapeOf(cache)));
      if ('error' in cache) return got !== null;
      return got === null || !sameNumbers(Object.fromEntries(Object.keys(got).map((name) => [name, cache[name]])), got);
    });
    expect(wrong).toEqual([]);
  });
});

/** What was asked for. Of the caches made at boot only the outcome is known: there, object and alignment count as the request. */
function shapeOf(cache: Recorded): CacheShape {
  const { req_size: size, req_align: align = 0, req_flags: flags = 0, ctor = 0 } = cache;
  if (size > 0) return { objectSize: size, align, flags, hasConstructor: ctor === 1 };
  return { objectSize: cache['object_size'], align: cache['align'], flags: cache['flags'], hasConstructor: ctor === 1 };
}

function sameNumbers(want: Recorded, got: Recorded | null): boolean {
  return got !== null && Object.keys(want).length === 12 && Object.entries(want).every(([name, value]) => got[name] === value);
}
