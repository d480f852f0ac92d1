/** Zones, as whoever describes a machine hands them to a page allocator. */
import type { NodeId, Pfn } from './units.js';

/** What kind of memory a zone holds. The order of the kinds decides which requests may use a zone. */
export type ZoneKind = 'DMA' | 'DMA32' | 'Normal' | 'HighMem' | 'Movable' | 'Device';

/** Frames from `start` up to but not including `end`. */
export interface PfnRange {
  /** First frame. */
  readonly start: Pfn;
  /** First frame past the range. */
  readonly end: Pfn;
}

/** One zone of one node. Unpopulated zones are listed too: zone indices are positions in this order. */
export interface ZoneSpec {
  /** Which kind of memory. Also the name that /proc prints. */
  readonly kind: ZoneKind;
  /** The node it belongs to. */
  readonly node: NodeId;
  /** First frame of the span; 0 for an empty zone. */
  readonly startPfn: Pfn;
  /** Frames from the first to the last one, holes included. */
  readonly spannedPages: number;
  /** Frames in the span that exist, ascending and disjoint. */
  readonly present: readonly PfnRange[];
}
