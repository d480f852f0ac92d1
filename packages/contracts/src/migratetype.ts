/** Migratetypes: what the pages of a pageblock are expected to be used for (buddy spec 1). */

/** Pages that cannot be moved or dropped: most kernel allocations. */
export const MIGRATE_UNMOVABLE = 0;
/** Pages that can be migrated elsewhere: user memory, page cache. */
export const MIGRATE_MOVABLE = 1;
/** Pages that a shrinker can free. */
export const MIGRATE_RECLAIMABLE = 2;
/** Number of types that have per-CPU lists of their own; smaller types may also be merged and stolen. */
export const MIGRATE_PCPTYPES = 3;
/** Pageblocks kept for high-order atomic requests. */
export const MIGRATE_HIGHATOMIC = 3;
/** Pageblocks from which nothing may be allocated. Absent on machines without memory isolation. */
export const MIGRATE_ISOLATE = 4;

/** Names as /proc/pagetypeinfo prints them, by value. A machine without isolation has the first four. */
export const MIGRATETYPE_NAMES: readonly string[] = Object.freeze([
  'Unmovable',
  'Movable',
  'Reclaimable',
  'HighAtomic',
  'Isolate',
]);
