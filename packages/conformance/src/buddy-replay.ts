/**
 * Replays a recording of the page allocator through an implementation.
 *
 * Only inputs of the recording reach the implementation; every output is compared: results, the events of
 * each operation in order, check points, dumps with the order of every list. After the first difference
 * the two states are no longer the same, so nothing after it could be compared, and the replay ends there.
 */
import { NO_PAGE } from '@kmem/contracts';
import type { PageState, TraceSink, ZoneState } from '@kmem/contracts';
import { OPERATIONS } from './buddy-operations.js';
import type { BuddyOperation, OperationField, RecordedEvent } from './buddy-operations.js';
import type { BuddyRecording, BuddyStep, CheckPoint, CheckPointValues } from './buddy-recording.js';
import { compareValues, quoteError, quoteValue } from './compare-values.js';
import type { ValueDifference } from './compare-values.js';
import type { Difference } from './conformance-result.js';
import { EventLog } from './event-log.js';
import type { Implementations, PageAllocatorUnderTest } from './implementations.js';
import { describePageState } from './page-state-text.js';

/** One step of a recording after it was replayed and compared. */
export interface ReplayedStep {
  /** The step as recorded. */
  readonly step: BuddyStep;
  /** The allocator right after the step; null when it could not even be made. */
  readonly allocator: PageAllocatorUnderTest | null;
  /** What differs; the step is the last one then. Null when everything is as recorded. */
  readonly difference: Difference | null;
}

/** Calls into the implementation end like this when it throws. */
class ImplementationFailure extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super('the implementation threw');
    this.thrown = thrown;
  }
}

/**
 * Replays a recording step by step: the allocator can be looked at between any two of them.
 *
 * @param recording - the recording.
 * @param implementations - what to replay it through.
 * @param observer - receives every trace event, splits and merges included.
 * @returns the steps, from dump `t0`, taken right after loading, to `t2` or the first difference.
 * @example
 * ```ts
 * for (const { step, allocator, difference } of replayBuddy(recording, implementations)) {
 *   if (difference !== null) console.log(step.line, difference.what, difference.expected, difference.got);
 *   else if (step.kind === 'dump') console.log(step.label, allocator?.nrFreePages);
 * }
 * ```
 */
export function* replayBuddy(
  recording: BuddyRecording,
  implementations: Implementations,
  observer: TraceSink | null = null,
): Generator<ReplayedStep, void, undefined> {
  const log = new EventLog(observer);
  let allocator: PageAllocatorUnderTest | null = null;
  let operation = 0;
  for (const [index, step] of recording.steps.entries()) {
    let found: ValueDifference | null;
    try {
      allocator ??= guarded(() => implementations.loadPages({ ...recording.machine, trace: log }));
      if (step.kind === 'operation') operation = step.number;
      found = replayStep(step, allocator, log);
    } catch (error) {
      if (!(error instanceof ImplementationFailure)) throw error;
      found = { what: describeCall(step), expected: 'no error', got: quoteError(error.thrown) };
    }
    if (found === null) {
      yield { step, allocator, difference: null };
      continue;
    }
    const state = stateAround(recording, implementations, index, allocator);
    yield { step, allocator, difference: { operation, line: step.line, ...found, state } };
    return;
  }
}

/** Compares one step; makes the call first when it is an operation. */
function replayStep(step: BuddyStep, allocator: PageAllocatorUnderTest, log: EventLog): ValueDifference | null {
  switch (step.kind) {
    case 'note':
      return null;
    case 'operation': {
      const results = guarded(() => callOperation(step, allocator));
      return compareResults(step, results) ?? compareEvents(step.events, log.take());
    }
    case 'check point':
      return compareCheckPoint(step, guarded(() => allocator.exportState()));
    case 'dump':
      return compareDump(step.label, step.state, guarded(() => allocator.exportState()));
  }
}

/** Makes the recorded call and returns its outputs by name. */
function callOperation(step: BuddyOperation, allocator: PageAllocatorUnderTest): Readonly<Record<string, unknown>> {
  switch (step.op) {
    case 'a':
      return { pfn: allocator.allocPages(step.gfp, step.order) };
    case 'f':
      allocator.freePages(step.pfn, step.order);
      return {};
    case 'b': {
      const pages = new Int32Array(step.wanted).fill(NO_PAGE);
      const got = allocator.allocPagesBulk(step.gfp, step.wanted, pages);
      return { got, pfns: Array.from(pages).filter((pfn) => pfn !== NO_PAGE) };
    }
    case 'x':
      return { pfn: allocator.allocPagesExact(step.bytes, step.gfp) };
    case 'y':
      allocator.freePagesExact(step.pfn, step.bytes);
      return {};
    case 's':
      allocator.splitPage(step.pfn, step.order);
      return {};
    case 'd':
      allocator.drainLocalPages();
      return {};
  }
}

function compareResults(step: BuddyOperation, results: Readonly<Record<string, unknown>>): ValueDifference | null {
  const fields: readonly OperationField[] = OPERATIONS[step.op].fields;
  // Every operation is an object of the fields that OPERATIONS names for its letter.
  const recorded = step as unknown as Readonly<Record<string, unknown>>;
  for (const { name, role } of fields) {
    if (role === 'input') continue;
    const found = compareValues(recorded[name], results[name], `${OPERATIONS[step.op].call} ${name}`);
    if (found !== null) return found;
  }
  return null;
}

function compareEvents(expected: readonly RecordedEvent[], got: readonly RecordedEvent[]): ValueDifference | null {
  for (let i = 0; i < Math.max(expected.length, got.length); i++) {
    // Shown whole: one wrong field is often the sign of another event.
    if (compareValues(expected[i], got[i], '') !== null) {
      return { what: `event ${i + 1}`, expected: quoteValue(expected[i]), got: quoteValue(got[i]) };
    }
  }
  return null;
}

function compareCheckPoint(step: CheckPoint, state: PageState): ValueDifference | null {
  const zone = state.zones[step.zone];
  const got = zone === undefined ? undefined : checkPointOf(zone, step.values.nr_free.length);
  return compareValues(step.values, got, `check point zone ${step.zone}`);
}

function checkPointOf(zone: ZoneState, orders: number): CheckPointValues {
  return {
    nr_free_pages: zone.nr_free_pages,
    cpu_diff: zone.nr_free_pages_cpu_diff,
    pcp_count: zone.pcp.count,
    free_factor: zone.pcp.free_factor,
    watermark_boost: zone.watermark_boost,
    nr_reserved_highatomic: zone.nr_reserved_highatomic,
    flags: zone.flags,
    nr_free: Array.from({ length: orders }, (_, order) =>
      Object.values(zone.free[order] ?? {}).reduce((sum, pfns) => sum + pfns.length, 0),
    ),
  };
}

/**
 * Compares a dump, except for what only loading needs: how the pages in use are used.
 *
 * @param label - name of the dump.
 * @param recorded - the recorded state.
 * @param exported - the implementation's state.
 * @returns the first difference, or null.
 */
export function compareDump(label: string, recorded: PageState, exported: PageState): ValueDifference | null {
  return compareValues(recorded.zones.map(withoutUse), exported.zones.map(withoutUse), `dump ${label} zones`);
}

function withoutUse(zone: ZoneState): object {
  return { ...zone, lru_or_movable_ranges: undefined };
}

function describeCall(step: BuddyStep): string {
  if (step.kind === 'operation') return OPERATIONS[step.op].call;
  return step.kind === 'dump' && step.label === 't0' ? 'loading dump t0' : 'exportState';
}

/** State before the step and after it, as far as the implementation can show them. */
function stateAround(
  recording: BuddyRecording,
  implementations: Implementations,
  index: number,
  allocator: PageAllocatorUnderTest | null,
): string {
  const step = recording.steps[index];
  const orders = ordersOf(step);
  const after = `after:\n${describeAllocator(() => allocator, orders)}`;
  if (step.kind !== 'operation') return after;
  return `before:\n${describeAllocator(() => replayInputs(recording, implementations, index), orders)}\n${after}`;
}

function describeAllocator(make: () => PageAllocatorUnderTest | null, orders: ReadonlySet<number>): string {
  try {
    const allocator = make();
    return allocator === null ? '(no allocator)' : describePageState(allocator.exportState(), orders);
  } catch (error) {
    // The state only illustrates a difference that is reported anyway.
    return `(no state: ${quoteError(error)})`;
  }
}

/** Makes the calls before a step once more, with nothing compared. */
function replayInputs(recording: BuddyRecording, implementations: Implementations, end: number): PageAllocatorUnderTest {
  const allocator = implementations.loadPages({ ...recording.machine, trace: new EventLog(null) });
  for (const step of recording.steps.slice(0, end)) {
    if (step.kind === 'operation') callOperation(step, allocator);
  }
  return allocator;
}

/** Orders that a step has to do with: those of the call and of its events. */
function ordersOf(step: BuddyStep): ReadonlySet<number> {
  const orders = new Set<number>();
  if (step.kind !== 'operation') return orders;
  if ('order' in step) orders.add(step.order);
  for (const event of step.events) {
    if (event[0] === 'X') orders.add(event[3]);
    orders.add(event[2]);
  }
  return orders;
}

function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new ImplementationFailure(error);
  }
}
