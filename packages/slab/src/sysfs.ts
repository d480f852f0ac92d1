/**
 * The files about one cache below /sys/kernel/slab (slab spec 8.5), as texts.
 *
 * ```
 *  read    most: one number and the end of the line
 *          slabs_cpu_partial: objects(slabs) of all stacks, then C<cpu>=objects(slabs) for each CPU that has one; slabs count as half full
 *  write   min_partial, cpu_partial: a number      shrink, validate: 1
 * ```
 * One node, so nothing is given by node, and remote_node_defrag_ratio is not there.
 */
import {
  EINVAL, EIO, ENOENT, SLAB_ACCOUNT, SLAB_CACHE_DMA, SLAB_CACHE_DMA32, SLAB_CONSISTENCY_CHECKS, SLAB_FAILSLAB, SLAB_HWCACHE_ALIGN,
  SLAB_POISON, SLAB_RECLAIM_ACCOUNT, SLAB_RED_ZONE, SLAB_SKIP_KFENCE, SLAB_STORE_USER, SLAB_TRACE, SLAB_TYPESAFE_BY_RCU,
} from '@kmem/contracts';
import type { SlabCacheState } from '@kmem/contracts';
import { DEBUG_FLAGS } from './geometry.js';
import type { SlubCache } from './slub-cache.js';

/** Files about flags. */
const FLAG_FILES = [
  ['hwcache_align', SLAB_HWCACHE_ALIGN],
  ['reclaim_account', SLAB_RECLAIM_ACCOUNT],
  ['destroy_by_rcu', SLAB_TYPESAFE_BY_RCU],
  ['sanity_checks', SLAB_CONSISTENCY_CHECKS],
  ['trace', SLAB_TRACE],
  ['red_zone', SLAB_RED_ZONE],
  ['poison', SLAB_POISON],
  ['store_user', SLAB_STORE_USER],
  ['cache_dma', SLAB_CACHE_DMA],
  ['failslab', SLAB_FAILSLAB],
  ['skip_kfence', SLAB_SKIP_KFENCE],
] as const;
/** Letters by which caches that may be joined are told apart, in the order in which they are written. */
const NAME_LETTERS = [
  ['d', SLAB_CACHE_DMA],
  ['D', SLAB_CACHE_DMA32],
  ['a', SLAB_RECLAIM_ACCOUNT],
  ['F', SLAB_CONSISTENCY_CHECKS],
  ['A', SLAB_ACCOUNT],
] as const;
const SIZE_DIGITS = 7;

/**
 * Names the directory of a cache.
 *
 * @param cache - the cache.
 * @returns its name; of a cache that others may join, a name that says what all its users have in common.
 * @context any.
 * @kernelName create_unique_id
 * @example
 * ```ts
 * import { BuddyAllocator } from '@kmem/buddy';
 * import { SLAB_ACCOUNT } from '@kmem/contracts';
 * import { createFrameTable } from '@kmem/hw';
 * import { slub, sysfsName } from '@kmem/slab';
 *
 * const frames = createFrameTable({ nrFrames: 1024 });
 * const cache = slub({ pages: new BuddyAllocator({ frames }), frames }).createCache({ name: 'inodes', sizeBytes: 1020, flags: SLAB_ACCOUNT });
 * cache && sysfsName(cache); // -> ':A-0001024'
 * ```
 */
export function sysfsName(cache: SlubCache): string {
  if (!cache.isMergeable) return cache.name;
  const letters = NAME_LETTERS.filter(([, flag]) => (cache.flags & flag) !== 0).map(([letter]) => letter);
  return `:${letters.join('')}${letters.length > 0 ? '-' : ''}${String(cache.size).padStart(SIZE_DIGITS, '0')}`;
}

/**
 * Prints all files of a cache.
 *
 * @param cache - the cache.
 * @returns the texts by file name; those that can only be written are empty.
 * @context any.
 */
export function sysfsFiles(cache: SlubCache): Readonly<Record<string, string>> {
  const state = cache.exportState();
  const { align, cpu_partial: cpuPartial, min_partial: minPartial, object_size: objectSize, objects, order, refcount, size, usersize } = cache.exportAttributes();
  const usedInPartial = state.partial.reduce((sum, [, inuse]) => sum + inuse, 0);
  const freeInPartial = state.partial.reduce((sum, [, inuse, all]) => sum + all - inuse, 0);
  const stacked = state.cpus.reduce((sum, cpu) => sum + cpu.partial_slabs_field, 0);
  const numbers = {
    slab_size: size,
    object_size: objectSize,
    objs_per_slab: objects,
    order,
    min_partial: minPartial,
    cpu_partial: cpuPartial,
    objects: state.total_objects - freeInPartial,
    objects_partial: usedInPartial,
    partial: state.nr_partial,
    cpu_slabs: state.cpus.filter(({ slab }) => slab !== null).length + stacked,
    aliases: refcount - 1,
    align,
    total_objects: state.total_objects,
    slabs: state.nr_slabs,
    usersize,
    ...Object.fromEntries(FLAG_FILES.map(([name, flag]) => [name, (cache.flags & flag) !== 0 ? 1 : 0])),
  };
  return {
    ...Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, `${String(value)}\n`])),
    ctor: cache.hasConstructor ? `${cache.ctorName}\n` : '',
    slabs_cpu_partial: stacksText(state, objects),
    shrink: '',
    validate: '',
  };
}

/**
 * Writes to a file of a cache.
 *
 * @param cache - the cache.
 * @param file - its name.
 * @param text - what is written, an end of line included or not.
 * @returns 0; `-ENOENT` when there is no such file, `-EIO` when it can only be read, `-EINVAL` when the text, or the cache, is not what
 * the file takes.
 * @throws KernelBug `CORRUPT_OBJECT` when `validate` finds damage and nobody receives reports.
 * @context task.
 */
export function writeSysfsFile(cache: SlubCache, file: string, text: string): number {
  const value = text.trimEnd();
  if (file === 'shrink' || file === 'validate') {
    if (value !== '1' || (file === 'validate' && (cache.flags & DEBUG_FLAGS) === 0)) return -EINVAL;
    if (file === 'shrink') cache.shrink();
    else cache.validate();
    return 0;
  }
  if (file !== 'min_partial' && file !== 'cpu_partial') return Object.hasOwn(sysfsFiles(cache), file) ? -EIO : -ENOENT;
  const number = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(number <= (file === 'cpu_partial' ? 2 ** 32 - 1 : Number.MAX_SAFE_INTEGER))) return -EINVAL;
  if (file === 'cpu_partial') return cache.setCpuPartial(number);
  cache.setMinPartial(number);
  return 0;
}

function stacksText(state: SlabCacheState, objects: number): string {
  const count = (slabs: number): string => `${String(Math.floor((slabs * objects) / 2))}(${String(slabs)})`;
  const stacked = state.cpus.filter(({ partial_slabs_field: slabs }) => slabs > 0);
  const all = stacked.reduce((sum, { partial_slabs_field: slabs }) => sum + slabs, 0);
  return `${[count(all), ...stacked.map(({ cpu, partial_slabs_field: slabs }) => `C${String(cpu)}=${count(slabs)}`)].join(' ')}\n`;
}
