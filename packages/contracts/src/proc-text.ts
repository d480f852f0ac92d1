/**
 * Texts of /proc, row by row, with the origin of each row.
 *
 * A page allocator knows free lists, limits and per-CPU lists. The texts also show what others count: pages on reclaim lists,
 * slab, events since boot. Such values are inputs, and a row that only repeats an input proves nothing about the allocator.
 */

/** What a text shows and the page allocator does not keep. */
export interface ProcInputs {
  /**
   * Reads a counter of pages in use.
   *
   * @param name - as /proc/vmstat prints it, such as `nr_active_file`.
   * @param zoneId - position of the zone, node by node in index order. A node's counter is the sum over its zones.
   * @returns the counter; 0 for what is not counted.
   */
  counter(name: string, zoneId: number): number;
  /** Values by the name of their row, in the order of the rows: events of vmstat, KiB of meminfo. */
  readonly values: ReadonlyMap<string, number>;
}

/** One line of a text. */
export interface ProcRow {
  /** The line without its end. */
  readonly text: string;
  /** The input that the line follows from alone; null where the allocator's state decides it. */
  readonly stated: string | null;
}
