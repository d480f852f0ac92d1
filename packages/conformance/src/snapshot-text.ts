/** Writes a state of the page allocator as a file that can be read again: what a recording of a moment begins with. */
import type { PageState } from '@kmem/contracts';
import { PCP_LISTS } from './recording-meta.js';

/** What the state alone does not tell about its machine. */
export interface SnapshotShape {
  /** Number of orders. */
  readonly maxOrder: number;
  /** log2 of the frames in a pageblock. */
  readonly pageblockOrder: number;
  /** Number of migratetypes. */
  readonly nrMigratetypes: number;
  /** log2 of the page size in bytes. */
  readonly pageShift: number;
}

/**
 * Writes a state down.
 *
 * @param state - the state of a machine with one memory node.
 * @param shape - its machine.
 * @returns two lines of JSON: {@link readRecordedMachine} makes the same machine of them.
 */
export function formatSnapshot(state: PageState, shape: SnapshotShape): string {
  const present = state.zones.reduce((sum, zone) => sum + zone.present, 0);
  const meta = {
    recording: 'proc-snapshot',
    pageblock_order: shape.pageblockOrder,
    max_order: shape.maxOrder,
    migrate_types: shape.nrMigratetypes,
    pcp_lists: PCP_LISTS,
    // Zones without memory are not listed, but count for the reserves.
    nr_zones: state.zones[0].lowmem_reserve.length,
    mem_mb: Math.ceil((present * 2 ** shape.pageShift) / 2 ** 20),
    kernel: 'none: a state written down by kmem',
    dumps_before_and_after_equal: true,
  };
  return `${JSON.stringify(meta)}\n${JSON.stringify({ dump: 't0', zones: state.zones })}\n`;
}
