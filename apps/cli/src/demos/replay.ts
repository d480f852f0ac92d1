/**
 * Replay of a recording: what a real kernel's page allocator did, done again by ours, and how exact that was.
 *
 * The allocator starts from the recording's first dump; from then on it gets nothing but the calls. What is shown are
 * its own states and events; that they are the kernel's too is what the comparison at the end says.
 */
import type { BuddyOperation, BuddyRecording, Difference } from '@kmem/conformance';
import { replayBuddy } from '@kmem/conformance';
import type { PageState } from '@kmem/contracts';
import { countFreeLists, type FreeLists } from '../free-lists.js';
import { IMPLEMENTATIONS } from '../implementations.js';
import type { Demo } from './demo.js';
import { describeOperation, OperationEventSink, tellEvents, type OperationEvents } from './operation-story.js';

/** Entry of the list of demos. */
export const REPLAY: Demo = {
  name: 'replay',
  title: 'A recording of a real kernel, replayed: splits, merges, fallbacks, and how exact it was',
  subsystem: 'buddy',
  source: 'Recordings of Linux 6.1.192, tooling/recordings/memory/buddy',
};

/** The free lists at one moment. */
export interface Moment {
  /** The recording's name for it. */
  readonly label: string;
  /** The zones. */
  readonly zones: readonly FreeLists[];
}

/** An operation worth a closer look. */
export interface Highlight {
  /** Its number, from 1. */
  readonly number: number;
  /** The call. */
  readonly call: string;
  /** What happened inside, line by line. */
  readonly story: readonly string[];
}

/** How often things happened. */
export interface ReplayCounts {
  /** Operations that were replayed. */
  operations: number;
  /** Requests for memory. */
  requests: number;
  /** Those that failed. */
  failures: number;
  /** Calls that gave memory back. */
  frees: number;
  /** Blocks cut in two. */
  splits: number;
  /** Pairs of buddies that became one block. */
  merges: number;
  /** Requests served from another type's lists. */
  fallbacks: number;
  /** Those after which the pageblock had another owner. */
  ownerChanges: number;
  /** Operations that took blocks for a per-CPU list. */
  refills: number;
  /** Those blocks. */
  refilledBlocks: number;
  /** Operations that gave blocks of the per-CPU lists back. */
  drains: number;
  /** Those blocks. */
  drainedBlocks: number;
}

/** Everything the demo shows. */
export interface ReplayReport {
  /** The recorded kernel. */
  readonly kernel: string;
  /** Its RAM in MiB. */
  readonly memMb: number;
  /** What the recorded scenario is called. */
  readonly scenario: string;
  /** Before the first operation. */
  readonly before: Moment | null;
  /** After the scenario; the state at the first difference when it did not get that far. */
  readonly after: Moment | null;
  /** At the end, when everything that was still held had been freed. */
  readonly end: Moment | null;
  /** How often things happened. */
  readonly counts: ReplayCounts;
  /** A handful of operations. */
  readonly highlights: readonly Highlight[];
  /** Operations, check points and dumps that were compared and equal. */
  readonly exact: number;
  /** All that were to be compared. */
  readonly total: number;
  /** Trace events inside the operations that were equal. */
  readonly events: number;
  /** The first difference. */
  readonly difference: Difference | null;
}

/** An operation and what happened in it. */
interface Told {
  readonly operation: BuddyOperation;
  readonly events: OperationEvents;
}

/**
 * Replays a recording and gathers what there is to show.
 *
 * @param recording - the recording.
 * @param onProgress - hears the number of operations every now and then.
 * @returns the report.
 */
export function replayReport(recording: BuddyRecording, onProgress: (operations: number) => void): ReplayReport {
  const { machine, meta, total } = recording;
  const moments = new Map<string, Moment>();
  const counts = noCounts();
  const picks = new Picks();
  const sink = new OperationEventSink();
  let exact = 0;
  let nrEvents = 0;
  let difference: Difference | null = null;
  const remember = (label: string, state: PageState): void => {
    moments.set(label, { label, zones: countFreeLists(state, machine.maxOrder, machine.nrMigratetypes) });
  };
  for (const replayed of replayBuddy(recording, IMPLEMENTATIONS, sink)) {
    const { step, allocator } = replayed;
    const events = sink.take();
    if (replayed.difference !== null) {
      difference = replayed.difference;
      if (allocator !== null) remember('at the difference', allocator.exportState());
      break;
    }
    if (step.kind === 'note') continue;
    exact++;
    if (step.kind === 'dump' && allocator !== null) remember(step.label, allocator.exportState());
    if (step.kind !== 'operation') continue;
    nrEvents += step.events.length;
    addCounts(counts, step, events);
    picks.look({ operation: step, events });
    if (step.number % PROGRESS_EVERY === 0) onProgress(step.number);
  }
  return {
    kernel: meta.kernel,
    memMb: meta.memMb,
    scenario: meta.scenario,
    before: moments.get('t0') ?? null,
    after: moments.get('t1') ?? moments.get('at the difference') ?? null,
    end: moments.get('t2') ?? null,
    counts,
    highlights: picks.highlights(machine.pageblockOrder),
    exact,
    total,
    events: nrEvents,
    difference,
  };
}

const PROGRESS_EVERY = 1000;

function noCounts(): ReplayCounts {
  return {
    operations: 0,
    requests: 0,
    failures: 0,
    frees: 0,
    splits: 0,
    merges: 0,
    fallbacks: 0,
    ownerChanges: 0,
    refills: 0,
    refilledBlocks: 0,
    drains: 0,
    drainedBlocks: 0,
  };
}

function addCounts(counts: ReplayCounts, operation: BuddyOperation, events: OperationEvents): void {
  counts.operations++;
  if (operation.op === 'a' || operation.op === 'b' || operation.op === 'x') counts.requests++;
  if (operation.op === 'f' || operation.op === 'y') counts.frees++;
  counts.failures += events.failures;
  counts.splits += events.splits;
  counts.merges += events.merges;
  counts.fallbacks += events.fallbacks.length;
  counts.ownerChanges += events.fallbacks.filter((fallback) => fallback.isOwner).length;
  if (events.refilled > 0) counts.refills++;
  counts.refilledBlocks += events.refilled;
  if (events.drained > 0) counts.drains++;
  counts.drainedBlocks += events.drained;
}

/** What makes an operation worth a look, by kind: the one with the largest number is shown, the first of equals. */
const INTERESTS: readonly ((events: OperationEvents) => number)[] = [
  ({ fallbacks, splits }) => (fallbacks.some((f) => f.isOwner) ? 1 + splits : 0),
  ({ fallbacks, splits }) => (fallbacks.some((f) => !f.isOwner) ? 1 + splits : 0),
  ({ refilled }) => (refilled > 1 ? refilled : 0),
  ({ drained }) => drained,
  ({ merges, drained }) => (drained === 0 ? merges : 0),
  ({ failures }) => failures,
];

/** The most interesting operation of each kind. */
class Picks {
  readonly #best: { score: number; told: Told | null }[] = INTERESTS.map(() => ({ score: 0, told: null }));

  look(told: Told): void {
    INTERESTS.forEach((interest, i) => {
      const score = interest(told.events);
      if (score > this.#best[i].score) this.#best[i] = { score, told };
    });
  }

  highlights(pageblockOrder: number): Highlight[] {
    const told = new Set(this.#best.flatMap((best) => best.told ?? []));
    return [...told]
      .sort((a, b) => a.operation.number - b.operation.number)
      .map(({ operation, events }) => ({
        number: operation.number,
        call: describeOperation(operation),
        story: tellEvents(events, pageblockOrder),
      }));
  }
}
