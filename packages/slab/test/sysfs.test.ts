import {
  EINVAL, EIO, ENOENT, SLAB_ACCOUNT, SLAB_CACHE_DMA, SLAB_CACHE_DMA32, SLAB_CONSISTENCY_CHECKS, SLAB_HWCACHE_ALIGN, SLAB_POISON,
  SLAB_RECLAIM_ACCOUNT, SLAB_RED_ZONE,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { sysfsFiles, sysfsName, writeSysfsFile } from '../src/index.js';
import { madeCache, takeObjects, testMachine } from './slub-machine.js';

describe('names of directories', () => {
  test.each([
    [192, 0, ':0000192'],
    [1024, SLAB_ACCOUNT, ':A-0001024'],
    [104, SLAB_RECLAIM_ACCOUNT, ':a-0000104'],
    [64, SLAB_CACHE_DMA | SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT | SLAB_CONSISTENCY_CHECKS, ':daFA-0000064'],
    [64, SLAB_CACHE_DMA32, ':D-0000064'],
    [64, SLAB_POISON, 'test-64'],
  ])('%i bytes, flags %i: %s', (sizeBytes, flags, name) => {
    expect(sysfsName(madeCache(testMachine().slab, { sizeBytes, flags }))).toBe(name);
  });

  test('a cache that cannot be joined goes by its own', () => {
    expect(sysfsName(madeCache(testMachine({ merge: false }).slab, { sizeBytes: 64 }))).toBe('test-64');
    expect(sysfsName(madeCache(testMachine().slab, { sizeBytes: 64, userSize: 64 }))).toBe('test-64');
    expect(sysfsName(madeCache(testMachine().slab, { sizeBytes: 64, ctor: () => undefined }))).toBe('test-64');
  });
});

describe('what the files say', () => {
  test('of a new cache', () => {
    const { slab } = testMachine({ nrCpus: 2 });
    const cache = madeCache(slab, { name: 'inodes', sizeBytes: 1000, flags: SLAB_HWCACHE_ALIGN | SLAB_RECLAIM_ACCOUNT, ctor: function initOnce() { /* nothing */ } });
    expect(sysfsFiles(cache)).toEqual({
      slab_size: '1024\n', object_size: '1000\n', objs_per_slab: '16\n', order: '2\n', align: '64\n', usersize: '0\n', ctor: 'initOnce\n',
      min_partial: '5\n', cpu_partial: '24\n', aliases: '0\n',
      hwcache_align: '1\n', reclaim_account: '1\n', destroy_by_rcu: '0\n', cache_dma: '0\n', failslab: '0\n', skip_kfence: '0\n',
      sanity_checks: '0\n', trace: '0\n', red_zone: '0\n', poison: '0\n', store_user: '0\n',
      slabs: '0\n', partial: '0\n', cpu_slabs: '0\n', objects: '0\n', objects_partial: '0\n', total_objects: '0\n', slabs_cpu_partial: '0(0)\n',
      shrink: '', validate: '',
    });
  });

  test('of slabs on the list of the node, on stacks, and of CPUs', () => {
    const { cpus, slab } = testMachine({ nrCpus: 2 });
    const cache = madeCache(slab, { sizeBytes: 1024 });
    expect(cache.geometry).toMatchObject({ objects: 16, cpuPartialSlabs: 3 });
    const slabs = Array.from({ length: 6 }, () => takeObjects(cache, 16));
    // Four pushes empty the stack once: three slabs with one free object each go to the node, one is stacked.
    for (const [first] of slabs.slice(0, 4)) cache.free(first);
    cpus.cpu = 1;
    for (const addr of slabs[4].slice(0, 3)) cache.free(addr);
    takeObjects(cache, 1);
    const { slabs_cpu_partial: stacks, ...files } = sysfsFiles(cache);
    expect(files).toMatchObject({ slabs: '6\n', total_objects: '96\n', partial: '3\n', objects_partial: '45\n', objects: '93\n', cpu_slabs: '3\n' });
    expect(stacks).toBe('8(1) C0=8(1)\n');
  });

  test('aliases are the other users', () => {
    const { slab } = testMachine();
    madeCache(slab, { name: 'a', sizeBytes: 64 });
    expect(sysfsFiles(madeCache(slab, { name: 'b', sizeBytes: 60 }))['aliases']).toBe('1\n');
  });
});

describe('what can be written', () => {
  test('limits of partial slabs, which hold from then on', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    expect([writeSysfsFile(cache, 'min_partial', '0\n'), writeSysfsFile(cache, 'cpu_partial', '200')]).toEqual([0, 0]);
    expect(sysfsFiles(cache)).toMatchObject({ min_partial: '0\n', cpu_partial: '200\n' });
    expect(cache.exportAttributes()).toMatchObject({ min_partial: 0, cpu_partial: 200, cpu_partial_slabs: 7 });
    const [addr] = takeObjects(cache, 1);
    cache.free(addr);
    writeSysfsFile(cache, 'cpu_partial', '0');
    expect(cache.exportState().nr_slabs).toBe(0);
  });

  test('limits that are no counts are refused', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64 });
    for (const bad of [-1, 0.5, NaN]) {
      expect(() => { cache.setMinPartial(bad); }).toThrow('slabs: expected an integer from 0');
      expect(() => cache.setCpuPartial(bad)).toThrow('objects: expected an integer from 0');
    }
  });

  test('a debugged cache keeps no objects for CPUs', () => {
    const cache = madeCache(testMachine().slab, { sizeBytes: 64, flags: SLAB_RED_ZONE });
    expect([writeSysfsFile(cache, 'cpu_partial', '1'), writeSysfsFile(cache, 'cpu_partial', '0')]).toEqual([-EINVAL, 0]);
  });

  test('shrink gives empty slabs back; validate looks for damage, in debugged caches', () => {
    const titles: unknown[] = [];
    const { memory, slab } = testMachine({ withMemory: true, reports: { report: ({ fields }) => void titles.push(fields['title']) } });
    const [plain, poisoned] = [0, SLAB_POISON].map((flags) => madeCache(slab, { sizeBytes: 64, flags }));
    for (const cache of [plain, poisoned]) cache.free(takeObjects(cache, 1)[0]);
    const [addr] = takeObjects(poisoned, 1);
    poisoned.free(addr);
    memory?.fill(addr, 1, 0);
    expect([writeSysfsFile(plain, 'validate', '1'), writeSysfsFile(poisoned, 'validate', '1\n')]).toEqual([-EINVAL, 0]);
    expect(titles).toEqual(['Poison overwritten']);
    expect([writeSysfsFile(plain, 'shrink', '1'), plain.exportState().nr_slabs]).toEqual([0, 0]);
  });

  test.each([
    ['order', '1', -EIO],
    ['slabs', '', -EIO],
    ['remote_node_defrag_ratio', '1', -ENOENT],
    ['toString', '1', -ENOENT],
    ['min_partial', '-1', -EINVAL],
    ['min_partial', 'x', -EINVAL],
    ['min_partial', '', -EINVAL],
    ['cpu_partial', '4294967296', -EINVAL],
    ['shrink', '0', -EINVAL],
    ['validate', '', -EINVAL],
  ])('%s takes no %j', (file, text, expected) => {
    expect(writeSysfsFile(madeCache(testMachine().slab, { sizeBytes: 64 }), file, text)).toBe(expected);
  });
});
