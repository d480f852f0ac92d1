/** Events of memory pressure, by the names under which /proc/vmstat prints them. */

/** What has happened so far. */
export interface PressureEvents {
  /** Times a task reclaimed for itself, by index of the highest zone it could use. */
  readonly allocstall: Int32Array;
  /** Rounds of the background reclaimers. */
  pageoutrun: number;
  /** Pages looked at by kswapd. */
  pgscan_kswapd: number;
  /** Pages given up to kswapd. */
  pgsteal_kswapd: number;
  /** Pages looked at by tasks themselves. */
  pgscan_direct: number;
  /** Pages given up to tasks themselves. */
  pgsteal_direct: number;
  /** Times a task waited for kswapd. */
  pgscan_direct_throttle: number;
  /** Naps of kswapd cut short: the low watermark was missed at once. */
  kswapd_low_wmark_hit_quickly: number;
  /** Naps of kswapd that ended below the high watermark. */
  kswapd_high_wmark_hit_quickly: number;
  /** Objects that shrinkers looked at. */
  slabs_scanned: number;
  /** Times a task compacted for itself; where it was skipped or deferred in every zone does not count. */
  compact_stall: number;
  /** Times that led to a block. */
  compact_success: number;
  /** Times that did not. */
  compact_fail: number;
  /** Pages that compaction looked at to move them. */
  compact_migrate_scanned: number;
  /** Frames that compaction looked at to move pages to. */
  compact_free_scanned: number;
  /** Pages moved. */
  pgmigrate_success: number;
  /** Times kcompactd was woken. */
  compact_daemon_wake: number;
  /** Tasks ended. */
  oom_kill: number;
}

/**
 * Makes counters that are all 0.
 *
 * @param nrKinds - zones of a node.
 * @returns the counters.
 */
export function noEvents(nrKinds: number): PressureEvents {
  return {
    allocstall: new Int32Array(nrKinds),
    pageoutrun: 0,
    pgscan_kswapd: 0,
    pgsteal_kswapd: 0,
    pgscan_direct: 0,
    pgsteal_direct: 0,
    pgscan_direct_throttle: 0,
    kswapd_low_wmark_hit_quickly: 0,
    kswapd_high_wmark_hit_quickly: 0,
    slabs_scanned: 0,
    compact_stall: 0,
    compact_success: 0,
    compact_fail: 0,
    compact_migrate_scanned: 0,
    compact_free_scanned: 0,
    pgmigrate_success: 0,
    compact_daemon_wake: 0,
    oom_kill: 0,
  };
}
