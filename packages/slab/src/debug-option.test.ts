import {
  SLAB_CONSISTENCY_CHECKS, SLAB_FAILSLAB, SLAB_HWCACHE_ALIGN, SLAB_NO_USER_FLAGS, SLAB_NOLEAKTRACE, SLAB_POISON, SLAB_RED_ZONE,
  SLAB_STORE_USER, SLAB_TRACE,
} from '@kmem/contracts';
import { describe, expect, test } from 'vitest';
import { readDebugOption } from './debug-option.js';

const FZPU = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;

describe('flags of a cache under slub_debug', () => {
  test.each([
    [null, 'a', 0],
    ['', 'a', FZPU],
    ['-', 'a', 0],
    ['F', 'a', SLAB_CONSISTENCY_CHECKS],
    ['fzputa', 'a', FZPU | SLAB_TRACE | SLAB_FAILSLAB],
    ['F,kmalloc-64', 'kmalloc-64', SLAB_CONSISTENCY_CHECKS],
    ['F,kmalloc-64', 'kmalloc-640', 0],
    ['F,kmalloc-64', 'kmalloc-6', 0],
    [',kmalloc-*', 'kmalloc-8k', FZPU],
    [',kmalloc-*', 'dentry', 0],
    ['Z,a,b', 'b', SLAB_RED_ZONE],
    ['P;F,a', 'a', SLAB_CONSISTENCY_CHECKS],
    ['P;F,a', 'b', SLAB_POISON],
    ['FZPU;-,a*', 'abc', 0],
    ['FO', 'a', SLAB_CONSISTENCY_CHECKS],
  ])('%j, cache %s', (text, name, expected) => {
    expect(readDebugOption(text).flagsOf(name, 0)).toBe(expected);
    expect(readDebugOption(text).flagsOf(name, SLAB_HWCACHE_ALIGN)).toBe(expected | SLAB_HWCACHE_ALIGN);
  });

  test('a cache may refuse; a leak checker\'s keeps no users unless it is named', () => {
    expect(readDebugOption('').flagsOf('a', SLAB_NO_USER_FLAGS)).toBe(SLAB_NO_USER_FLAGS);
    expect(readDebugOption('').flagsOf('a', SLAB_NOLEAKTRACE)).toBe(SLAB_NOLEAKTRACE | (FZPU & ~SLAB_STORE_USER));
    expect(readDebugOption(',a').flagsOf('a', SLAB_NOLEAKTRACE)).toBe(SLAB_NOLEAKTRACE | FZPU);
  });
});

test('O is about all caches, wherever it stands', () => {
  expect([null, '', 'FO', 'F;O,a', 'o'].map((text) => readDebugOption(text).keepsOrder)).toEqual([false, false, true, true, true]);
});

test('other letters are refused', () => {
  expect(() => readDebugOption('FX,a')).toThrow('debug: expected letters out of F Z P U T A O -, got X in "FX,a"');
  // A caller without types.
  expect(() => readDebugOption(5 as unknown as string)).toThrow('debug: expected a string, got number');
});
