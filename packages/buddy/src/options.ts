/**
 * Options of a BuddyAllocator: what they mean, and the empty state they lead to.
 */
import {
  MIGRATETYPE_NAMES,
  type CpuContext,
  type FrameTable,
  type NodeId,
  type PageState,
  type PfnRange,
  type PhysicalMemory,
  type Reclaim,
  type ReportSink,
  type TraceSink,
  type ZoneKind,
  type ZoneSpec,
} from '@kmem/contracts';
import { createFreeAreas } from './free-area.js';
import { createPcpLists } from './per-cpu-lists.js';
import { BuddyState } from './state.js';
import type { ZoneTunables } from './zone-limits.js';

/** Options of the constructor. */
export interface BuddyOptions {
  /** The frame table to manage: all zeroes, and from now on written by the allocator. */
  readonly frames: FrameTable;
  /**
   * Number of orders, 1 to 16: the largest block has `2 ** (maxOrder - 1)` frames.
   * @defaultValue 11
   */
  readonly maxOrder?: number;
  /**
   * Number of migratetypes: 5, or 4 on a machine without memory isolation.
   * @defaultValue 5
   */
  readonly nrMigratetypes?: number;
  /**
   * Whether blocks of pageblock order go through per-CPU lists.
   * @defaultValue true
   */
  readonly hugePages?: boolean;
  /**
   * The current CPU and task.
   * @defaultValue one CPU, no task flags
   */
  readonly cpus?: CpuContext;
  /** RAM, so that `__GFP_ZERO` has something to zero. */
  readonly memory?: PhysicalMemory;
  /** What can be given up when memory runs short. Without it only per-CPU lists are drained. */
  readonly reclaim?: Reclaim;
  /** Receiver of trace events. */
  readonly trace?: TraceSink;
  /** Receiver of reports. Without it a `bug` is thrown and a `warn` dropped. */
  readonly reports?: ReportSink;
  /**
   * Whether pages handed out and given back are counted, for /proc/vmstat. It costs a few nanoseconds for each request.
   * @defaultValue false
   */
  readonly countEvents?: boolean;
  /**
   * Time in nanoseconds, from 0 on. Failed requests are reported once in ten seconds at most.
   * @defaultValue no clock: every one is reported
   */
  readonly now?: () => number;
  /**
   * All zones, node by node in index order, with the same kinds for every node. With them come Linux's
   * watermarks and reserves; without them every frame but 0 can be handed out.
   * @defaultValue one zone Normal over the whole frame table
   */
  readonly zones?: readonly ZoneSpec[];
  /**
   * Frames to hand out, ascending and disjoint. Present frames outside stay reserved.
   * @defaultValue all present frames
   */
  readonly free?: readonly PfnRange[];
  /**
   * Frames to hand out at the end of boot, in this order and page by page: init sections and initrd. Limits are
   * computed without them (buddy spec 8.3, 12). None of them may be in `free`.
   * @defaultValue none
   */
  readonly late?: readonly PfnRange[];
  /**
   * Node of each CPU. A node without CPUs is one of memory only.
   * @defaultValue CPUs numbered node by node, shared out evenly
   */
  readonly cpuNodes?: readonly NodeId[];
  /**
   * A state to go on from, for instance a recorded one: one node, per-CPU lists of CPU 0. Instead of zones
   * and free frames; brings its own limits.
   */
  readonly state?: PageState;
  /**
   * Limits of the zones.
   * @defaultValue Linux's where zones are given, otherwise none
   */
  readonly tunables?: Partial<ZoneTunables>;
}

/** Number of orders unless stated. */
export const DEFAULT_MAX_ORDER = 11;

/** The caller unless stated: one CPU, no interrupt, no task flags. */
export const SINGLE_CPU: CpuContext = Object.freeze({
  nrCpus: 1,
  cpu: 0,
  inInterrupt: false,
  inSoftirq: false,
  taskFlags: 0,
  realtime: false,
  oomVictim: false,
});

/**
 * Describes one zone over a whole frame table.
 *
 * @param frames - the frame table.
 * @returns zone Normal on node 0.
 */
export function oneZone(frames: FrameTable): ZoneSpec {
  const { nrFrames } = frames;
  return { kind: 'Normal', node: 0, startPfn: 0, spannedPages: nrFrames, present: [{ start: 0, end: nrFrames }] };
}

/**
 * Makes the empty state that the options ask for.
 *
 * @param options - checked options.
 * @param kinds - zone kinds of a node.
 * @param nrNodes - number of nodes.
 * @returns a state without memory.
 */
export function makeState(options: BuddyOptions, kinds: readonly ZoneKind[], nrNodes: number): BuddyState {
  const parts = {
    frames: options.frames,
    kinds,
    nrNodes,
    maxOrder: options.maxOrder ?? DEFAULT_MAX_ORDER,
    nrMigratetypes: options.nrMigratetypes ?? MIGRATETYPE_NAMES.length,
    hugePages: options.hugePages ?? true,
    cpus: options.cpus ?? SINGLE_CPU,
    cpuNodes: options.cpuNodes ?? null,
    memory: options.memory ?? null,
    reclaim: options.reclaim ?? null,
    trace: options.trace ?? null,
    reports: options.reports ?? null,
    now: options.now ?? null,
  };
  return new BuddyState(parts, createFreeAreas, createPcpLists);
}
