/** What is asked of an allocator when a cache is to be made: checked, and refused where it cannot be (slab spec 2). */
import {
  KernelBug, SLAB_ACCOUNT, SLAB_CACHE_DMA, SLAB_CACHE_DMA32, SLAB_CONSISTENCY_CHECKS, SLAB_DEBUG_OBJECTS, SLAB_FAILSLAB,
  SLAB_HWCACHE_ALIGN, SLAB_KASAN, SLAB_KMALLOC, SLAB_MEM_SPREAD, SLAB_NO_USER_FLAGS, SLAB_NOLEAKTRACE, SLAB_PANIC, SLAB_POISON,
  SLAB_RECLAIM_ACCOUNT, SLAB_RED_ZONE, SLAB_SKIP_KFENCE, SLAB_STORE_USER, SLAB_TRACE, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { ReportSink, SlabCacheOptions } from '@kmem/contracts';
import { requireInteger } from './option-checks.js';
import { report } from './reports.js';

/** Bytes of a machine word; every alignment is a multiple of it. */
const WORD = 8;
/** Bytes of a cache line. */
const CACHE_LINE = 64;
const KNOWN_FLAGS =
  SLAB_ACCOUNT | SLAB_CACHE_DMA | SLAB_CACHE_DMA32 | SLAB_CONSISTENCY_CHECKS | SLAB_HWCACHE_ALIGN | SLAB_KMALLOC |
  SLAB_PANIC | SLAB_POISON | SLAB_RECLAIM_ACCOUNT | SLAB_RED_ZONE | SLAB_STORE_USER | SLAB_TRACE | SLAB_TYPESAFE_BY_RCU |
  SLAB_DEBUG_OBJECTS | SLAB_FAILSLAB | SLAB_KASAN | SLAB_MEM_SPREAD | SLAB_NO_USER_FLAGS | SLAB_NOLEAKTRACE | SLAB_SKIP_KFENCE;

/** Who receives reports about requests. */
interface Reporter {
  /** Receiver of reports, or null. */
  readonly reports: ReportSink | null;
}

/**
 * Checks the options of a cache.
 *
 * @param asked - the options.
 * @throws RangeError or TypeError naming the first that is out of range.
 */
export function checkCacheOptions(asked: SlabCacheOptions): void {
  const { align = 0, flags = 0, name, sizeBytes, userOffset = 0, userSize = 0 } = asked;
  if (typeof name !== 'string') throw new TypeError(`name: expected a string, got ${typeof name}`);
  if (name === '') throw new RangeError('name: expected at least one character, got none');
  requireInteger('sizeBytes', sizeBytes, 1, 2 ** 31 - 1);
  requireAlign(align);
  requireInteger('flags', flags, 0, 2 ** 32 - 1);
  requireInteger('userOffset', userOffset, 0, 2 ** 31 - 1);
  requireInteger('userSize', userSize, 0, 2 ** 31 - 1);
}

/**
 * Requires an alignment.
 *
 * @param align - bytes.
 * @throws RangeError unless it is 0 or a power of two up to 4 MiB.
 */
export function requireAlign(align: number): void {
  requireInteger('align', align, 0, 2 ** 22);
  if ((align & (align - 1)) !== 0) throw new RangeError(`align: expected 0 or a power of two, got ${String(align)}`);
}

/**
 * Computes the alignment of the objects: the one asked for, at least a word, with `SLAB_HWCACHE_ALIGN` a part of a line.
 *
 * @param objectSize - bytes of an object.
 * @param asked - alignment asked for.
 * @param flags - `SLAB_*` bits.
 * @returns bytes.
 * @kernelName calculate_alignment
 */
export function objectAlign(objectSize: number, asked: number, flags: number): number {
  let align = asked;
  if ((flags & SLAB_HWCACHE_ALIGN) !== 0) {
    let line = CACHE_LINE;
    while (objectSize <= line / 2) line /= 2;
    align = Math.max(align, line);
  }
  return Math.ceil(Math.max(align, WORD) / WORD) * WORD;
}

/**
 * Refuses flags that are not known.
 *
 * @param reporter - who is told.
 * @param asked - the options.
 * @returns true when the cache cannot be made.
 * @throws KernelBug `BAD_CACHE` with `SLAB_PANIC`.
 */
export function refuseUnknownFlags(reporter: Reporter, asked: SlabCacheOptions): boolean {
  const unknown = (asked.flags ?? 0) & ~KNOWN_FLAGS;
  if (unknown === 0) return false;
  refuseCache(reporter, asked, `the flags 0x${unknown.toString(16)} are not known`);
  return true;
}

/**
 * Says that a cache cannot be made: stops the machine if the flags say so, otherwise warns.
 *
 * @param reporter - who is told.
 * @param asked - the options.
 * @param why - what is wrong with them, in words.
 * @returns null, in place of a cache.
 * @throws KernelBug `BAD_CACHE` with `SLAB_PANIC`.
 */
export function refuseCache(reporter: Reporter, asked: SlabCacheOptions, why: string): null {
  const { flags = 0, name, sizeBytes } = asked;
  const severity = (flags & SLAB_PANIC) !== 0 ? 'bug' : 'warn';
  report(reporter, new KernelBug('BAD_CACHE', `cache ${name}: ${why}`, { cache: name, sizeBytes, flags }, severity));
  return null;
}

/**
 * Finds the part of an object that may be copied to and from user space. One that does not fit is none.
 *
 * @param reporter - who is told then.
 * @param asked - the options.
 * @returns its first byte and its bytes.
 */
export function userPart(reporter: Reporter, asked: SlabCacheOptions): { readonly userOffset: number; readonly userSize: number } {
  const { name, sizeBytes, userOffset = 0, userSize = 0 } = asked;
  if (userOffset + userSize <= sizeBytes && (userSize > 0 || userOffset === 0)) return { userOffset, userSize };
  const what = `cache ${name}: ${String(userSize)} bytes from ${String(userOffset)} on are no part of ${String(sizeBytes)}; nothing may be copied`;
  report(reporter, new KernelBug('BAD_CACHE', what, { cache: name, sizeBytes, userOffset, userSize }, 'warn'));
  return { userOffset: 0, userSize: 0 };
}
