/**
 * Replays a recording of one of the three object allocators.
 *
 * Every cache gets a machine of its own. Only inputs reach the implementation; compared are what was made of each request, where all
 * memory lies, pages taken and given back, and every recorded state.
 *
 * What cannot be decided is counted apart: of the mix of kmalloc requests all on SLUB, and on SLAB what kmalloc-mix.ts says. It took from
 * the caches of the running kernel, and in which state these were nobody wrote down. The lists of SLOB were, so there the mix is compared
 * like all else.
 */
import { __GFP_ZERO, GFP_KERNEL } from '@kmem/contracts';
import type { CpuContext, PageAllocator, PhysAddr, SlabCache, SlobState } from '@kmem/contracts';
import { readAlternativeRecording, type AllocatorName, type AlternativeCache, type AlternativeOperation, type AlternativeStep, type GeometryRow } from './alternative-recording.js';
import { compareValues, quoteError, quoteValue, type ValueDifference } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { AlternativeMachine, AlternativeUnderTest, DescribedCache, Implementations, RecordingInput } from './implementations.js';
import type { JsonObject } from './json-line.js';
import { KmallocMix, type MixOutcome } from './kmalloc-mix.js';
import { PageWatch } from './page-watch.js';

/** Frames of the machine: more than any recorded cache takes. */
const NR_FRAMES = 2 ** 15;
/** Longest state that is shown with a difference, in characters. */
const STATE_LENGTH = 2000;

/** A difference with the line it is in, where that is not the step's. */
type Found = ValueDifference & { readonly line?: number };
type Make = (machine: AlternativeMachine) => AlternativeUnderTest;

/**
 * Replays a recording and compares every output.
 *
 * @param input - the recording.
 * @param implementations - what to replay it through.
 * @param onStep - is told of every step that was equal: how many so far, and how many there are.
 * @returns the result.
 * @throws RecordingError when the recording itself is wrong.
 */
export function conformAlternative(input: RecordingInput, implementations: Implementations, onStep: (exact: number, total: number) => void): Conformance {
  const { allocator, caches, geometry } = readAlternativeRecording(input);
  const kind = allocator.toLowerCase();
  const make = implementations.alternatives?.[allocator];
  if (make === undefined) return unsupportedResult(input.name, kind, `no implementation of ${allocator}`);
  const steps = caches.reduce((sum, cache) => sum + cache.steps.length + (cache.request === null ? 0 : 1), geometry.length);
  const stated: string[] = [];
  let exact = 0;
  let difference: Difference | null = null;
  for (const outcome of compareAll(allocator, caches, geometry, make)) {
    if (typeof outcome === 'string') stated.push(outcome);
    else if (outcome === null) onStep(++exact, steps);
    else {
      difference = outcome;
      break;
    }
  }
  return { name: input.name, kind, exact, total: steps - stated.length, stated, difference, unsupported: null };
}

/** One after the other what every cache, every step and every row came to: null for equal, a text for what is not decided. */
function* compareAll(allocator: AllocatorName, caches: readonly AlternativeCache[], geometry: readonly GeometryRow[], make: Make): Generator<Difference | string | null, void, undefined> {
  for (const cache of caches) {
    if (cache.request === null && allocator !== 'SLOB') {
      yield* compareMix(cache, make);
      continue;
    }
    const replay = new AlternativeReplay(cache, make);
    if (cache.request !== null) yield replay.compareCache();
    for (const step of cache.steps) yield replay.compareStep(step);
  }
  if (geometry.length === 0) return;
  const under = make(machineWith((pages) => pages, null));
  for (const row of geometry) yield compareGeometry(row, under);
}

/** The mix of kmalloc requests, where the state that it began in was not recorded. */
function* compareMix(cache: AlternativeCache, make: Make): Generator<Difference | string | null, void, undefined> {
  const under = make(machineWith((pages) => pages, null));
  const mix = KmallocMix.fits(cache, under) ? new KmallocMix(under) : null;
  for (const { line, number, ...step } of cache.steps) {
    if (step.kind === 'state') continue;
    const outcome: MixOutcome = mix?.step(step.call) ?? { undecided: 'which slab was the CPU\'s was not recorded' };
    if ('undecided' in outcome) yield `line ${String(line)}: ${outcome.undecided}`;
    else yield outcome.found && { operation: number, line, ...outcome.found, state: `cache ${cache.name}` };
  }
}

function compareGeometry({ attributes, line, sizeBytes }: GeometryRow, under: AlternativeUnderTest): Difference | null {
  const cache = under.createCache({ name: 'geometry', sizeBytes });
  const found = compareValues(attributes, pick(cache?.exportAttributes() ?? {}, Object.keys(attributes)), 'cache');
  cache?.destroy();
  return found === null ? null : { operation: 0, line, ...found, state: `a cache of ${String(sizeBytes)} bytes` };
}

function machineWith(observe: (pages: PageAllocator) => PageAllocator, state: AlternativeMachine['state']): AlternativeMachine {
  const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
  const cpus: CpuContext = { nrCpus: 1, cpu: 0, ...nobody };
  return { cpus, merge: false, nrFrames: NR_FRAMES, observe, state };
}

class AlternativeReplay {
  readonly #recorded: AlternativeCache;
  readonly #watch = new PageWatch();
  readonly #under: AlternativeUnderTest;
  readonly #held = new Map<number, PhysAddr>();
  #cache: DescribedCache | null = null;
  #pageSize = 0;

  constructor(recorded: AlternativeCache, make: Make) {
    this.#recorded = recorded;
    const observe = (pages: PageAllocator): PageAllocator => {
      this.#pageSize = 2 ** pages.pageShift;
      return this.#watch.observe(pages);
    };
    const { start } = recorded;
    this.#under = make(machineWith(observe, start && ((pages) => this.#takeState(start, pages))));
    this.#watch.events = [];
  }

  /** Makes the cache and compares what it is. */
  compareCache(): Difference | null {
    const { attributes, line, name, request } = this.#recorded;
    return this.#guard({ line, number: 0 }, 'the cache', () => {
      const { align, flags, hasConstructor, sizeBytes } = request ?? { align: 0, flags: 0, hasConstructor: false, sizeBytes: 1 };
      this.#cache = this.#under.createCache({ name, sizeBytes, align, flags, ...(hasConstructor && { ctor: () => undefined }) });
      if (this.#cache === null) return { what: 'the cache', expected: 'made', got: quoteValue(null) };
      return compareValues(attributes, pick(this.#cache.exportAttributes(), Object.keys(attributes)), 'cache');
    });
  }

  /** Makes one step and compares it. */
  compareStep(step: AlternativeStep): Difference | null {
    if (step.kind === 'state') return this.#guard(step, 'the state', () => compareValues(step.state, this.#state(), 'state'));
    return this.#guard(step, step.call.op, () => this.#call(step.call) ?? this.#compareEvents(step.line, step.call));
  }

  #guard({ line, number }: Pick<AlternativeStep, 'line' | 'number'>, doing: string, compare: () => Found | null): Difference | null {
    let found: Found | null;
    try {
      found = compare();
    } catch (error) {
      found = { what: doing, expected: 'no error', got: quoteError(error) };
    }
    if (found === null) return null;
    const text = `cache ${this.#recorded.name}, after: ${JSON.stringify(this.#state())}`;
    return { operation: number, line, ...found, state: text.slice(0, STATE_LENGTH) };
  }

  /** Makes the recorded call and compares where its memory lies. */
  #call({ bytes, id, op, place }: AlternativeOperation): Found | null {
    if (op === 'a' || op === 'k') {
      const addr = op === 'a' ? this.#needCache().alloc(GFP_KERNEL & ~__GFP_ZERO) : this.#needHeap().kmalloc(bytes, GFP_KERNEL);
      this.#held.set(id, addr);
      return compareValues(place, this.#placeOf(addr), 'taken');
    }
    if (op === 'f') {
      const addr = this.#held.get(id) ?? 0;
      this.#held.delete(id);
      if (this.#recorded.request === null) this.#needHeap().kfree(addr);
      else this.#needCache().free(addr);
      return null;
    }
    if (op === 'shrink') this.#needCache().shrink();
    else return compareValues(true, this.#needCache().destroy(), 'destroyed');
    return null;
  }

  #needCache(): SlabCache {
    if (this.#cache === null) throw new Error('there is no cache');
    return this.#cache;
  }

  #needHeap(): NonNullable<AlternativeUnderTest['kmalloc']> {
    if (this.#under.kmalloc === undefined) throw new Error('there is no kmalloc');
    return this.#under.kmalloc;
  }

  #placeOf(addr: PhysAddr): readonly [number, number] {
    const pfn = Math.floor(addr / this.#pageSize);
    return [this.#watch.ordinal(pfn), addr - this.#watch.firstFrame(pfn) * this.#pageSize];
  }

  #compareEvents(line: number, { pages }: AlternativeOperation): Found | null {
    const got = this.#watch.events;
    this.#watch.events = [];
    for (let i = 0; i < Math.max(pages.length, got.length); i++) {
      const want = pages.at(i);
      const event = got.at(i);
      const found = compareValues(
        want === undefined ? 'nothing' : `${want.sign} page ${String(want.page)} order ${String(want.order)}`,
        event === undefined ? 'nothing' : `${event.sign} page ${String(event.slab)} order ${String(event.order)}`,
        `pages ${String(i + 1)}`,
      );
      // An event too many would have stood in the line after the last one.
      if (found !== null) return { ...found, line: want?.line ?? (pages.at(-1)?.line ?? line) + 1 };
    }
    return null;
  }

  /** The lists, with ordinals in place of frames; null where there are none to compare. */
  #state(): unknown {
    return this.#byOrdinal(this.#under.exportState?.(this.#cache) ?? null);
  }

  /** Every list but the innermost has entries that begin with a frame. */
  #byOrdinal(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((entry: readonly unknown[]) => [this.#watch.ordinal(Number(entry[0])), ...entry.slice(1)]);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, this.#byOrdinal(entry)]));
  }

  /** Takes as many pages as the state has, so that it can stand in them. */
  #takeState(state: SlobState, pages: PageAllocator): SlobState {
    const place = (list: SlobState['small']): SlobState['small'] =>
      list.map(([, free, blocks]) => [pages.allocPages(GFP_KERNEL, 0), free, blocks]);
    return { small: place(state.small), medium: place(state.medium), large: place(state.large) };
  }
}

function pick(from: object, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));
}
