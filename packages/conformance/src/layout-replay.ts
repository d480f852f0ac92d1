/**
 * Holds an implementation against recorded bytes of slots: links, red zones, poison, padding, tracks.
 *
 * A page comes with the bytes of its last owner. Those that the kernel leaves as they are were not recorded by themselves: they are
 * what the first step shows. The page is given to the implementation with exactly these, and with other bytes wherever the
 * kernel writes (slab spec 3, 8.2), so that too few bytes written show as much as too many. Inputs are also the tracks: callers,
 * stacks, tasks, times. CPUs in tracks are outputs.
 *
 * Links are addresses in the kernel's direct map; they count from the slab, whose place was not recorded. The first link
 * that is seen says where it was.
 */
import { __GFP_ZERO, GFP_KERNEL, NO_PAGE, NULL, SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER } from '@kmem/contracts';
import type { PageAllocator, PhysAddr, PhysicalMemory, SlabCacheOptions, SlabTrack } from '@kmem/contracts';
import { compareValues, quoteError, quoteValue, type ValueDifference } from './compare-values.js';
import { unsupportedResult, type Conformance, type Difference } from './conformance-result.js';
import type { Implementations, RecordingInput, SlabCacheUnderTest } from './implementations.js';
import { LAYOUT_STEPS, readLayoutRecording, type RecordedSlot } from './layout-recording.js';
import { ATTRIBUTES } from './slub-recording.js';

const NR_FRAMES = 1024;
const FILL = 0xee;
const WORD = 8;
const TRACK = 32;
const PAGE = 4096;
/** What the recorded constructor wrote at the beginning of an object. */
const CONSTRUCTED = Uint8Array.of(0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11);
/** Steps whose bytes show a track for the first time: [step, which of both], in the order of the calls. */
const TRACK_CALLS = [[0, 0], [2, 1], [3, 0], [4, 1], [4, 0]] as const;

type Found = ValueDifference & { readonly line: number };

/**
 * Replays a recording of bytes and compares every byte.
 *
 * @param input - the recording.
 * @param implementations - what makes caches over a memory.
 * @returns the result, which counts caches, places, and slots.
 * @throws RecordingError when the recording is not as it should be.
 */
export function conformLayout(input: RecordingInput, implementations: Implementations): Conformance {
  const { name } = input;
  const { makeSlabBytes } = implementations;
  if (makeSlabBytes === undefined) return unsupportedResult(name, 'layout', 'no implementation keeps bytes of caches');
  const slots = readLayoutRecording(input);
  const total = slots.length * (2 + LAYOUT_STEPS.length);
  const result = { name, kind: 'layout', total, stated: [], unsupported: null };
  let exact = 0;
  for (const slot of slots) {
    let found: Found | null = null;
    try {
      for (const outcome of replaySlot(slot, makeSlabBytes)) {
        found = outcome;
        if (found !== null) break;
        exact++;
      }
    } catch (error) {
      found = { line: slot.line + (exact % (2 + LAYOUT_STEPS.length)), what: slot.request.name, expected: 'no error', got: quoteError(error) };
    }
    if (found === null) continue;
    const difference: Difference = { operation: exact + 1, ...found, state: `request: ${JSON.stringify(slot.request)}` };
    return { ...result, exact, difference };
  }
  return { ...result, exact, difference: null };
}

/** Compares line by line: null for each that is equal. */
function* replaySlot(slot: RecordedSlot, makeSlabBytes: NonNullable<Implementations['makeSlabBytes']>): Generator<Found | null, void, undefined> {
  const { attributes, line, request } = slot;
  const shown = (found: ValueDifference | null, at: number): Found | null => found && { ...found, line: at };
  let slab: PhysAddr = NULL;
  let tracked = 0;
  const slabs = makeSlabBytes({
    cpus: { nrCpus: 1, cpu: 0, inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false },
    nrFrames: NR_FRAMES,
    merge: false,
    observe: (pages) => watchFirst(pages, (addr) => {
      slab = addr;
      slabs.memory.view(addr, slot.bytes[0].length).set(usedPage(slot));
    }),
    tracks: () => recordedTrack(slot, tracked++),
  });
  const { memory } = slabs;
  const cache = slabs.createCache(optionsOf(slot, memory));
  if (cache === null) throw new Error('no cache was made');
  const got: Readonly<Record<string, number>> = { ...cache.exportAttributes() };
  yield shown(compareValues(attributes, Object.fromEntries(ATTRIBUTES.map((name) => [name, got[name]])), request.name), line);

  const object = cache.alloc(GFP_KERNEL);
  const start = object - attributes.red_left_pad - slab;
  const places = { slot_index: start / attributes.size, slot_address_minus_slab: start, object_address_minus_slab: object - slab };
  yield shown(compareValues(slot.places, places, request.name), line + 1);

  const base = recordedBase(slot);
  for (const step of LAYOUT_STEPS.keys()) {
    makeStep(step, cache, object, memory, attributes.object_size);
    const bytes = memory.view(slab + start, slot.bytes[step].length).slice();
    rebaseLink(bytes, slot, slab, base);
    yield shown(compareBytes(slot.bytes[step], bytes, `${request.name} after ${LAYOUT_STEPS[step]}`), line + 2 + step);
  }
}

/** Makes the calls of a step; the first one has been made. The same object must come back each time. */
function makeStep(step: number, cache: SlabCacheUnderTest, object: PhysAddr, memory: PhysicalMemory, sizeBytes: number): void {
  if (step === 1) memory.fill(object, sizeBytes, FILL);
  if (step === 2 || step === 4) cache.free(object);
  if (step < 3) return;
  const again = cache.alloc(step === 3 ? GFP_KERNEL : GFP_KERNEL | __GFP_ZERO);
  if (again !== object) throw new Error(`another object was handed out: ${quoteValue(again)}, not ${quoteValue(object)}`);
}

function optionsOf({ request }: RecordedSlot, memory: PhysicalMemory): SlabCacheOptions {
  const { align, flags, hasConstructor, name, sizeBytes } = request;
  const ctor = (addr: PhysAddr): void => {
    memory.view(addr, CONSTRUCTED.length).set(CONSTRUCTED);
  };
  return { name, sizeBytes, align, flags, ...(hasConstructor && { ctor }) };
}

/** Tells of the first pages that are taken, before the caller has them. */
function watchFirst(pages: PageAllocator, onFirst: (addr: PhysAddr) => void): PageAllocator {
  let first = true;
  const allocPages: PageAllocator['allocPages'] = (gfp, order) => {
    const pfn = pages.allocPages(gfp, order);
    if (pfn !== NO_PAGE && first) {
      first = false;
      onFirst(pfn * 2 ** pages.pageShift);
    }
    return pfn;
  };
  return new Proxy(pages, {
    get(target, key) {
      if (key === 'allocPages') return allocPages;
      const value: unknown = Reflect.get(target, key);
      // A function bound is a function still; its type is not known either way.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The slot as its pages come: what the first step shows, but turned round wherever the kernel writes. */
function usedPage(slot: RecordedSlot): Uint8Array {
  return slot.bytes[0].map((byte, at) => (isWritten(slot, at) ? byte ^ 0xff : byte));
}

/** Whether the kernel writes a byte of a slot by the time that its object is handed out; the others are the page's last owner's. */
function isWritten(slot: RecordedSlot, at: number): boolean {
  const { flags, hasConstructor } = slot.request;
  const { inuse, object_size: objectSize, offset, red_left_pad: pad } = slot.attributes;
  const place = at - pad;
  const within = (from: number, bytes: number): boolean => place >= from && place < from + bytes;
  if ((flags & SLAB_POISON) !== 0 || within(offset, WORD)) return true;
  if (hasConstructor && within(0, CONSTRUCTED.length)) return true;
  if ((flags & SLAB_RED_ZONE) !== 0 && (place < 0 || within(objectSize, inuse - objectSize))) return true;
  return (flags & SLAB_STORE_USER) !== 0 && within(tracksPlace(slot), 2 * TRACK);
}

function tracksPlace({ attributes: { inuse, offset } }: RecordedSlot): number {
  return offset >= inuse ? offset + WORD : inuse;
}

/** Who made a call, by the bytes that show it first; nobody where they were not written down. */
function recordedTrack(slot: RecordedSlot, call: number): SlabTrack {
  const [step, which] = TRACK_CALLS[call];
  const at = slot.attributes.red_left_pad + tracksPlace(slot) + which * TRACK;
  const bytes = slot.bytes[step];
  if (at + TRACK > bytes.length) return { caller: 0n, stack: 0, pid: 0, time: 0 };
  const words = new DataView(bytes.buffer, at, TRACK);
  return {
    caller: words.getBigUint64(0, true),
    stack: words.getUint32(8, true),
    pid: words.getUint32(16, true),
    time: Number(words.getBigUint64(24, true)),
  };
}

function linkPlace({ attributes }: RecordedSlot): number {
  return attributes.red_left_pad + attributes.offset;
}

/** Where the recorded slab lay, by the link in the first step; 0n where the link was not written down. */
function recordedBase(slot: RecordedSlot): bigint {
  const at = linkPlace(slot);
  const [bytes] = slot.bytes;
  if (at + WORD > bytes.length) return 0n;
  const { order, red_left_pad: pad, size } = slot.attributes;
  const next = new DataView(bytes.buffer).getBigUint64(at, true);
  // A slab begins where its block of pages does.
  return ((next - BigInt(size + pad)) / BigInt(PAGE << order)) * BigInt(PAGE << order);
}

/** Writes a link into the slab as the recorded one would be. */
function rebaseLink(bytes: Uint8Array, slot: RecordedSlot, slab: PhysAddr, base: bigint): void {
  const at = linkPlace(slot);
  if (at + WORD > bytes.length) return;
  const words = new DataView(bytes.buffer);
  const place = words.getBigUint64(at, true) - BigInt(slab);
  if (place >= 0n && place < BigInt(PAGE << slot.attributes.order)) words.setBigUint64(at, base + place, true);
}

function compareBytes(expected: Uint8Array, got: Uint8Array, what: string): ValueDifference | null {
  const hex = (bytes: Uint8Array): readonly string[] => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  return compareValues(hex(expected), hex(got), what);
}
