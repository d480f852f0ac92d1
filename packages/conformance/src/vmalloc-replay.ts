/**
 * Replays a recording of vmalloc areas through an implementation: addresses only, no page is taken and nothing is mapped.
 *
 * ```
 * inputs    the first dump; of a call its kind, id and number of pages; that "purged" was dumped after a purge
 * outputs   where the area lies, its size, flags and pages; lazy pages after each call; all of every dump; when the worker purges
 * stated    the call for 2^50 bytes: it is refused for want of RAM, before addresses are looked for
 * ```
 * A call of vmalloc for more pages than one page has pointers takes a second area, for the list of its pages (vmalloc spec 4.2). The worker that
 * purges gets its turn after each call, for the machine has one CPU.
 */
import { VM_ALLOC, VM_IOREMAP, VM_MAP, VM_USERMAP } from '@kmem/contracts';
import { compareValues, quoteError, type ValueDifference } from './compare-values.js';
import { unsupportedResult, type Conformance } from './conformance-result.js';
import type { Implementations, VmAreasUnderTest } from './implementations.js';
import type { MakingCall, VmallocCall, VmallocRecording, VmallocStep } from './vmalloc-recording.js';

/** Who made the recorded calls. */
const CALLER = 'ovm_init [ovmalloc]';
const POINTER_BYTES = 8;
const STATED = 'vmalloc_1<<50: more than all RAM';
/** Areas, free ranges and lazy ranges that are shown with a difference. */
const SHOWN = 8;

/** Flags of the areas that calls make. */
const FLAGS: Readonly<Record<MakingCall['op'], number>> = {
  vmalloc: VM_ALLOC,
  vzalloc: VM_ALLOC,
  vmalloc_user: VM_ALLOC | VM_USERMAP,
  vmalloc_32: VM_ALLOC,
  vmalloc_big: VM_ALLOC,
  vmap: VM_MAP,
  ioremap: VM_IOREMAP,
};

/**
 * Replays a recording and compares every output.
 *
 * @param recording - the recording.
 * @param implementations - what to replay it through.
 * @returns the result.
 */
export function conformVmalloc(recording: VmallocRecording, implementations: Implementations): Conformance {
  const { name, steps } = recording;
  const { loadVmAreas } = implementations;
  if (loadVmAreas === undefined) return unsupportedResult(name, 'vmalloc', 'no implementation reserves vmalloc areas');
  const isStated = (step: VmallocStep): boolean => step.kind === 'operation' && step.call.op === 'vmalloc_1<<50';
  const total = steps.filter((step) => !isStated(step)).length;
  const stated: string[] = [];
  let exact = 0;
  let operation = 0;
  let replay: VmallocReplay | null = null;
  for (const step of steps) {
    if (step.kind === 'operation') operation++;
    let found: ValueDifference | null;
    try {
      replay ??= new VmallocReplay(recording, loadVmAreas(recording.machine));
      found = replay.step(step);
    } catch (error) {
      found = { what: step.kind === 'operation' ? step.call.op : `dump ${step.name}`, expected: 'no error', got: quoteError(error) };
    }
    if (found !== null) {
      const difference = { operation, line: step.line, ...found, state: replay?.describe() ?? '(no state)' };
      return { name, kind: 'vmalloc', exact, total, stated, difference, unsupported: null };
    }
    if (isStated(step)) stated.push(STATED);
    else exact++;
  }
  return { name, kind: 'vmalloc', exact, total, stated, difference: null, unsupported: null };
}

class VmallocReplay {
  readonly #areas: VmAreasUnderTest;
  readonly #lazyMaxPages: number;
  readonly #pageSize: number;
  /** By id: the area, and the one of its list of pages behind it. */
  readonly #held = new Map<number, readonly number[]>();

  constructor({ lazyMaxPages, machine }: VmallocRecording, areas: VmAreasUnderTest) {
    this.#areas = areas;
    this.#lazyMaxPages = lazyMaxPages;
    this.#pageSize = 2 ** machine.pageShift;
  }

  step(step: VmallocStep): ValueDifference | null {
    if (step.kind === 'dump') return this.#compareDump(step);
    const found = this.#call(step.call);
    this.#areas.drainVmapAreaWork();
    return found ?? compareValues(step.lazy, this.#areas.lazyPages, 'lazy');
  }

  #call(call: VmallocCall): ValueDifference | null {
    switch (call.op) {
      case 'vfree':
      case 'vunmap':
      case 'iounmap':
        // The reader has seen to it that the id is held.
        for (const addr of this.#held.get(call.id) ?? []) this.#areas.removeVmArea(addr);
        this.#held.delete(call.id);
        return null;
      case 'vm_unmap_aliases':
        this.#areas.purge();
        return null;
      case 'vmalloc_zero':
        return compareValues(null, this.#areas.getVmArea(0, VM_ALLOC, CALLER), 'addr');
      case 'vmalloc_1<<50':
      case 'sleep':
        return null;
      default:
        return this.#make(call);
    }
  }

  #make({ id, made, op, pages }: MakingCall): ValueDifference | null {
    const flags = FLAGS[op];
    const area = this.#areas.getVmArea(pages * this.#pageSize, flags, CALLER);
    if (area === null) return compareValues(made, null, op);
    const addrs = [area.addr];
    const listBytes = pages * POINTER_BYTES;
    if ((flags & VM_ALLOC) !== 0) {
      area.nrPages = pages;
      const list = listBytes > this.#pageSize ? this.#areas.getVmArea(listBytes, VM_ALLOC, CALLER) : null;
      if (list !== null) {
        list.nrPages = Math.ceil(listBytes / this.#pageSize);
        addrs.push(list.addr);
      }
    }
    this.#held.set(id, addrs);
    return compareValues(made, { addr: area.addr, size: area.size, flags: area.flags, nr_pages: area.nrPages }, '');
  }

  #compareDump({ lazyPages, name, state }: VmallocStep & { readonly kind: 'dump' }): ValueDifference | null {
    if (name === 'purged') this.#areas.purge();
    const { areas, free, lazy } = this.#areas.exportState();
    const isFirst = name === 't0';
    const ranges = isFirst ? free : free.map(({ addr, sizeBytes }) => ({ addr, sizeBytes }));
    // Of areas that were there at first the physical address is not known.
    const own = areas.map((area) => ({ ...area, physAddr: 0 }));
    return (
      compareValues(lazyPages, this.#areas.lazyPages, 'lazy_pages') ??
      compareValues(state.areas, own, 'used') ??
      compareValues(state.free, ranges, isFirst ? 'free_tree' : 'free') ??
      compareValues(state.lazy, lazy, 'lazy') ??
      (isFirst ? compareValues(this.#lazyMaxPages, this.#areas.lazyMaxPages, 'lazy_max_pages') : null)
    );
  }

  describe(): string {
    try {
      const { areas, free, lazy } = this.#areas.exportState();
      const text = (title: string, ranges: readonly { readonly addr: number }[]): string =>
        `${title} (${ranges.length}, the last ${Math.min(ranges.length, SHOWN)}):\n${ranges.slice(-SHOWN).map((range) => `  ${JSON.stringify(range)}\n`).join('')}`;
      return text('areas', areas) + text('free', free) + text('lazy', lazy);
    } catch (error) {
      // The state only illustrates a difference that is reported anyway.
      return `(no state: ${quoteError(error)})`;
    }
  }
}
