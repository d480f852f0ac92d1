/** SlabTrack: who took or gave back an object, as a debugged cache notes it beside the object. */

/** One entry. */
export interface SlabTrack {
  /** Address of the code that called; 0n when it is not known. */
  readonly caller: bigint;
  /** Number under which the caller's stack is kept; 0 when it is not. */
  readonly stack: number;
  /** Task that ran. */
  readonly pid: number;
  /** Time in ticks. */
  readonly time: number;
}
