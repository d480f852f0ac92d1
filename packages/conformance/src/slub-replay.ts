/**
 * Replays a recording of one object cache through an implementation.
 *
 * Only inputs of the recording reach the implementation; every output is compared: what was made of the request, where
 * each object lies, slabs made and given back in order, every list at every check point. Which slab is which follows from
 * the pages that the implementation takes: the replayer looks at its page allocator from outside.
 *
 * Two things were not recorded, and are not decided here:
 * ```
 *   in which order CPUs are flushed when a cache is destroyed: an implementation may do it in any one order,
 *   see conformSlub
 *   when a slab of an RCU cache goes: the kernel waits for a grace period. It must be given back no later than
 *   recorded, in the recorded order; how much earlier is open
 * ```
 */
import { __GFP_ZERO, GFP_KERNEL, NULL, SLAB_TYPESAFE_BY_RCU } from '@kmem/contracts';
import type { CpuContext, PhysAddr, SlabCacheState, SlabState } from '@kmem/contracts';
import { compareValues, quoteError, quoteValue, type ValueDifference } from './compare-values.js';
import type { Conformance, Difference } from './conformance-result.js';
import { unsupportedResult } from './conformance-result.js';
import type { Implementations, SlabCacheUnderTest, SlabMachine } from './implementations.js';
import { PageWatch } from './page-watch.js';
import { ATTRIBUTES, type RecordedPlace, type SlabEvent, type SlubOperation, type SlubRecording, type SlubStep } from './slub-recording.js';

/** Frames of the machine: more than any recorded cache takes. */
const NR_FRAMES = 2 ** 16;
/** Longest state that is shown with a difference, in characters. */
const STATE_LENGTH = 2000;

/** A difference with the line it is in, where that is not the step's. */
type Found = ValueDifference & { readonly line?: number };

/**
 * Replays a recording of one cache and compares every output.
 *
 * With several CPUs a destroy may flush them in any order: orders are tried until one gives everything as recorded.
 *
 * @param recording - the recording.
 * @param implementations - what to replay it through.
 * @param onStep - is told of every step that was equal.
 * @returns the result; of several orders the first one's, when none fits.
 */
export function conformSlub(recording: SlubRecording, implementations: Implementations, onStep: () => void = () => undefined): Conformance {
  const { makeSlabs } = implementations;
  const { name, nrCpus, steps } = recording;
  if (makeSlabs === undefined) return unsupportedResult(name, 'slub', 'no implementation makes caches');
  let first: Conformance | null = null;
  for (const order of ordersOf(nrCpus)) {
    const replay = new SlubReplay(recording, makeSlabs, order);
    let exact = 0;
    let difference: Difference | null = null;
    for (const step of steps) {
      difference = replay.step(step);
      if (difference !== null) break;
      exact++;
      if (first === null) onStep();
    }
    const result: Conformance = { name, kind: 'slub', exact, total: steps.length, stated: [], difference, unsupported: null };
    if (difference === null) return result;
    first ??= result;
    const at = steps[exact];
    if (!(at.kind === 'operation' && at.op === 'destroy')) break;
  }
  // There is at least one order.
  return first as Conformance;
}

/** All orders of CPUs, the ascending one first. */
function* ordersOf(nrCpus: number, start: readonly number[] = []): Generator<readonly number[], void, undefined> {
  if (start.length === nrCpus) yield start;
  for (let cpu = 0; cpu < nrCpus; cpu++) if (!start.includes(cpu)) yield* ordersOf(nrCpus, [...start, cpu]);
}

class SlubReplay {
  readonly #recording: SlubRecording;
  readonly #makeSlabs: NonNullable<Implementations['makeSlabs']>;
  readonly #destroyOrder: readonly number[];
  readonly #isRcu: boolean;
  readonly #watch = new PageWatch();
  readonly #cpus: CpuContext & { cpu: number };
  readonly #held = new Map<number, PhysAddr>();
  /** Slabs of an RCU cache that the implementation has given back and the recording not yet. */
  readonly #early: number[] = [];
  #cache: SlabCacheUnderTest | null = null;
  #pageShift = 0;
  #operation = 0;

  constructor(recording: SlubRecording, makeSlabs: NonNullable<Implementations['makeSlabs']>, destroyOrder: readonly number[]) {
    this.#recording = recording;
    this.#makeSlabs = makeSlabs;
    this.#destroyOrder = destroyOrder;
    this.#isRcu = (recording.request.flags & SLAB_TYPESAFE_BY_RCU) !== 0;
    const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
    this.#cpus = { nrCpus: recording.nrCpus, cpu: 0, ...nobody };
  }

  /** Makes one step and compares it. */
  step(step: SlubStep): Difference | null {
    let found: Found | null;
    try {
      found = this.#compare(step);
    } catch (error) {
      found = { what: step.kind === 'operation' ? step.op : step.kind, expected: 'no error', got: quoteError(error) };
    }
    if (found === null) return null;
    return { operation: this.#operation, line: step.line, ...found, state: this.#describe() };
  }

  #compare(step: SlubStep): Found | null {
    this.#cache ??= this.#make();
    const cache = this.#cache;
    if (cache === null) return { what: 'the cache', expected: 'made', got: quoteValue(null) };
    switch (step.kind) {
      case 'attributes': {
        const got: Readonly<Record<string, number>> = { ...cache.exportAttributes() };
        return compareValues(step.attributes, Object.fromEntries(ATTRIBUTES.map((name) => [name, got[name]])), 'cache');
      }
      case 'check point':
        return compareValues(step.state, this.#byOrdinal(cache.exportState()), 'check point');
      case 'operation':
        this.#operation = step.number;
        return this.#call(cache, step) ?? this.#compareEvents(step);
    }
  }

  #make(): SlabCacheUnderTest | null {
    const { align, flags, hasConstructor, name, sizeBytes } = this.#recording.request;
    const observe: SlabMachine['observe'] = (pages) => {
      this.#pageShift = pages.pageShift;
      return this.#watch.observe(pages);
    };
    const slabs = this.#makeSlabs({ cpus: this.#cpus, nrFrames: NR_FRAMES, merge: true, observe });
    return slabs.createCache({ name, sizeBytes, align, flags, ...(hasConstructor && { ctor: () => undefined }) });
  }

  /** Makes the recorded call and compares where its objects lie. */
  #call(cache: SlabCacheUnderTest, step: SlubOperation): Found | null {
    if (step.op === 'shrink') {
      cache.shrinkInOrder(step.flushOrder ?? [0]);
      return null;
    }
    if (step.op === 'destroy') return compareValues(true, cache.destroyInOrder(this.#destroyOrder), 'destroyed');
    this.#cpus.cpu = step.cpu;
    const count = step.ids.length;
    const objects = new Float64Array(count);
    if (step.op === 'a') objects[0] = cache.alloc(GFP_KERNEL & ~__GFP_ZERO);
    else if (step.op === 'A') {
      const got = cache.allocBulk(GFP_KERNEL, count, objects);
      if (got !== count) return { what: 'got', expected: quoteValue(count), got: quoteValue(got) };
    } else {
      step.ids.forEach((id, i) => {
        objects[i] = this.#held.get(id) ?? NULL;
      });
    }
    const places = Array.from(objects, (addr) => this.#placeOf(addr));
    const found = compareValues(step.places, places, step.op === 'a' || step.op === 'A' ? 'taken' : 'given back');
    if (found !== null) return found;
    if (step.op === 'f') cache.free(objects[0]);
    else if (step.op === 'F') cache.freeBulk(count, objects);
    step.ids.forEach((id, i) => {
      if (step.op === 'a' || step.op === 'A') this.#held.set(id, objects[i]);
      else this.#held.delete(id);
    });
    return null;
  }

  /** Slab and index of an object, by the recorded geometry. */
  #placeOf(addr: PhysAddr): RecordedPlace {
    const { red_left_pad: pad, size } = this.#recording.attributes;
    const pageSize = 2 ** this.#pageShift;
    const pfn = Math.floor(addr / pageSize);
    return [this.#watch.ordinal(pfn), (addr - this.#watch.firstFrame(pfn) * pageSize - pad) / size];
  }

  #compareEvents(step: SlubOperation): Found | null {
    const made = this.#watch.events;
    this.#watch.events = [];
    if (!this.#isRcu) return compareEvents(step, step.events, made);
    const isMade = ({ sign }: Pick<SlabEvent, 'sign'>): boolean => sign === '+';
    const found = compareEvents(step, step.events.filter(isMade), made.filter(isMade));
    if (found !== null) return found;
    this.#early.push(...made.filter((event) => !isMade(event)).map(({ slab }) => slab));
    for (const { line, slab } of step.events.filter((event) => !isMade(event))) {
      const got = this.#early.shift();
      if (got !== slab) return { line, what: 'slab given back', expected: quoteValue(slab), got: quoteValue(got) };
    }
    if (step.op !== 'destroy' || this.#early.length === 0) return null;
    return { what: 'slabs given back', expected: quoteValue(undefined), got: quoteValue(this.#early) };
  }

  /** Lists with ordinals in place of frames. */
  #byOrdinal(state: SlabCacheState): SlabCacheState {
    const slab = ([pfn, ...rest]: SlabState): SlabState => [this.#watch.ordinal(pfn), ...rest];
    return {
      ...state,
      cpus: state.cpus.map((cpu) => ({ ...cpu, slab: cpu.slab && slab(cpu.slab), partial: cpu.partial.map(slab) })),
      partial: state.partial.map(slab),
      full: state.full.map((pfn) => this.#watch.ordinal(pfn)),
    };
  }

  #describe(): string {
    try {
      if (this.#cache === null) return '(no cache)';
      const { cpus, full, partial, ...counts } = this.#byOrdinal(this.#cache.exportState());
      const lines = [JSON.stringify(counts), ...cpus.map((cpu) => JSON.stringify(cpu)), `partial ${JSON.stringify(partial)}`, `full ${JSON.stringify(full)}`];
      return `after, slabs as [slab,inuse,objects,frozen,[free list]]:\n${lines.join('\n')}`.slice(0, STATE_LENGTH);
    } catch (error) {
      // The state only illustrates a difference that is reported anyway.
      return `(no state: ${quoteError(error)})`;
    }
  }
}

function compareEvents(step: SlubOperation, expected: readonly SlabEvent[], got: readonly Pick<SlabEvent, 'sign' | 'slab'>[]): Found | null {
  const text = (event: Pick<SlabEvent, 'sign' | 'slab'> | undefined): string => (event === undefined ? 'nothing' : `${event.sign} slab ${event.slab}`);
  for (let i = 0; i < Math.max(expected.length, got.length); i++) {
    if (text(expected[i]) === text(got[i])) continue;
    // An event too many would have stood in the line after the last one.
    const line = expected[i]?.line ?? (expected.at(-1) ?? step).line + 1;
    return { line, what: `slab event ${i + 1}`, expected: text(expected[i]), got: text(got[i]) };
  }
  return null;
}
