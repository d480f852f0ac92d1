/** SlobState: the lists of SLOB as data. Member names are those in which a real kernel was recorded. */
import type { Pfn } from './units.js';

/** A page: its frame, free units, and free blocks in address order as [offset, length] in units of 2 bytes. */
export type SlobPageState = readonly [pfn: Pfn, free: number, blocks: readonly (readonly [offset: number, length: number])[]];

/** The pages with free units, in the order in which they are searched. */
export interface SlobState {
  /** For requests below 256 bytes. */
  readonly small: readonly SlobPageState[];
  /** Below 1024 bytes. */
  readonly medium: readonly SlobPageState[];
  /** All others that fit a page. */
  readonly large: readonly SlobPageState[];
}
