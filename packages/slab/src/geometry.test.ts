import {
  SLAB_CONSISTENCY_CHECKS,
  SLAB_HWCACHE_ALIGN,
  SLAB_KMALLOC,
  SLAB_POISON,
  SLAB_RED_ZONE,
  SLAB_STORE_USER,
  SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { cacheGeometry } from './geometry.js';
import type { CacheShape } from './geometry.js';

const FZPU_KMALLOC = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_KMALLOC;

function slab(shape: CacheShape): string {
  const geometry = cacheGeometry(shape);
  return geometry === null ? 'none' : `${String(geometry.order)}/${String(geometry.objects)}`;
}

describe('slabs grow with the number of CPUs', () => {
  test.each([
    [64, ['0/64', '0/64', '0/64', '0/64', '0/64']],
    [192, ['0/21', '0/21', '0/21', '0/21', '1/42']],
    [256, ['0/16', '0/16', '0/16', '1/32', '1/32']],
    [512, ['0/8', '1/16', '1/16', '2/32', '2/32']],
    [1024, ['1/8', '2/16', '2/16', '3/32', '3/32']],
    [2048, ['2/8', '3/16', '3/16', '3/16', '3/16']],
    [4096, ['3/8', '3/8', '3/8', '3/8', '3/8']],
    [8192, ['3/4', '3/4', '3/4', '3/4', '3/4']],
  ])('%i bytes on 1, 2, 4, 8 and 16 CPUs', (size, want) => {
    const got = [1, 2, 4, 8, 16].map((nrCpus) => slab({ objectSize: size, nrCpus }));
    expect(got).toEqual(want);
  });

  test.each([
    [104, '0/39'],
    [640, '1/12'],
    [700, '2/23'],
    [1344, '2/12'],
    [1984, '3/16'],
    [2304, '3/14'],
    [3000, '3/10'],
  ])('%i bytes on two CPUs: %s', (objectSize, want) => {
    expect(slab({ objectSize, nrCpus: 2 })).toBe(want);
  });
});

describe('limits of partial slabs on two CPUs', () => {
  test.each([
    [8, 5, 120, 1],
    [64, 5, 120, 4],
    [192, 5, 120, 12],
    [512, 5, 52, 7],
    [2048, 5, 24, 3],
    [4096, 6, 6, 2],
    [8192, 6, 6, 3],
  ])('%i bytes', (objectSize, minPartial, cpuPartial, cpuPartialSlabs) => {
    expect(cacheGeometry({ objectSize, nrCpus: 2 })).toMatchObject({ minPartial, cpuPartial, cpuPartialSlabs });
  });
});

describe('debugging makes objects larger', () => {
  test.each([
    [8, 112, '0/36'],
    [16, 128, '0/32'],
    [32, 160, '0/25'],
    [64, 256, '0/16'],
    [128, 384, '1/21'],
    [256, 768, '2/21'],
    [1024, 3072, '3/10'],
    [8192, 24576, '3/1'],
  ])('kmalloc-%i has a stride of %i', (objectSize, size, want) => {
    const shape = { objectSize, align: objectSize, flags: FZPU_KMALLOC, nrCpus: 2 };
    expect(cacheGeometry(shape)).toMatchObject({ size, redLeftPad: Math.max(8, objectSize), cpuPartial: 0, cpuPartialSlabs: 0 });
    expect(slab(shape)).toBe(want);
  });
});

test('21.20, 21.21: the link of a free object stands behind what must stay readable', () => {
  expect(cacheGeometry({ objectSize: 64, hasConstructor: true })).toMatchObject({ size: 72, freePointer: 64 });
  expect(cacheGeometry({ objectSize: 96, flags: SLAB_TYPESAFE_BY_RCU })).toMatchObject({ size: 104, freePointer: 96 });
  expect(cacheGeometry({ objectSize: 64 })).toMatchObject({ size: 64, freePointer: 32 });
});

test('21.22: objects start at an even part of a cache line when asked', () => {
  expect(cacheGeometry({ objectSize: 20, flags: SLAB_HWCACHE_ALIGN })).toMatchObject({ align: 32, size: 32 });
  expect(cacheGeometry({ objectSize: 100, flags: SLAB_HWCACHE_ALIGN })).toMatchObject({ align: 64, size: 128 });
});

test('an object larger than the largest block has no geometry', () => {
  expect(slab({ objectSize: 4 * 2 ** 20 })).toBe('10/1');
  expect(slab({ objectSize: 4 * 2 ** 20 + 1 })).toBe('none');
  expect(slab({ objectSize: 5000, maxOrder: 1 })).toBe('none');
});

test('members out of range are named', () => {
  expect(() => cacheGeometry({ objectSize: 0 })).toThrow('objectSize: expected an integer from 1 to 2147483647, got 0');
  expect(() => cacheGeometry({ objectSize: NaN })).toThrow(RangeError);
  expect(() => cacheGeometry({ objectSize: 8, align: 24 })).toThrow('align: expected 0 or a power of two, got 24');
  expect(() => cacheGeometry({ objectSize: 8, nrCpus: 0.5 })).toThrow('nrCpus');
});
