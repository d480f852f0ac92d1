/**
 * Copies of a heap: the words of its state, up to the last row and granule that say something, and the bytes of memory that
 * were ever part of a block.
 */
import type { HeapAllocator } from './heap-allocator.js';
import type { HeapMemory } from './heap-memory.js';
import { CAPACITY, CLASSES, CLASS_WORDS, COUNT, END, GRANULE_SHIFT, NEXT_ROW, PARTIAL, SIZE, START, TOP, classRow, type HeapState } from './heap-state.js';

/** A copy of a heap. */
export interface HeapSnapshot {
  /** Header, bins, classes and runs. */
  readonly words: Int32Array;
  /** Rows of the granules. */
  readonly owner: Int32Array;
  /** Bytes from address 0 to the last one that was ever handed out; null for a heap of addresses alone. */
  readonly bytes: Uint8Array | null;
}

/**
 * Copies a heap.
 *
 * @param memory - of the heap.
 * @param allocator - of the heap.
 * @returns the copy.
 * @throws TypeError when the allocator cannot be copied.
 */
export function takeSnapshot(memory: HeapMemory, allocator: HeapAllocator): HeapSnapshot {
  const { words, owner, granuleShift } = stateOf(allocator);
  return {
    words: words.slice(0, words[NEXT_ROW]),
    owner: owner.slice(0, words[END]),
    bytes: memory.hasBytes ? memory.views.u8.slice(0, words[TOP] * 2 ** granuleShift) : null,
  };
}

/**
 * Makes a heap what it was.
 *
 * @param memory - of the heap.
 * @param allocator - of the heap.
 * @param snapshot - of a heap of the same layout.
 * @throws RangeError when it does not fit.
 */
export function restoreHeap(memory: HeapMemory, allocator: HeapAllocator, snapshot: HeapSnapshot): void {
  const state = stateOf(allocator);
  const { words, owner, granuleShift } = state;
  checkFit(state, snapshot, memory);
  const end = words[END];
  const later = words.slice(classRow(snapshot.words[CLASSES]), classRow(words[CLASSES]));
  const nrClasses = Math.max(words[CLASSES], snapshot.words[CLASSES]);
  words.set(snapshot.words);
  owner.fill(0);
  owner.set(snapshot.owner);
  if (snapshot.bytes !== null) memory.views.u8.set(snapshot.bytes);
  // Classes that came after the snapshot are kept for those who have them, without slabs.
  words.set(later, classRow(snapshot.words[CLASSES]));
  for (let row = classRow(snapshot.words[CLASSES]); row < classRow(nrClasses); row += CLASS_WORDS) words[row + COUNT] = words[row + PARTIAL] = 0;
  words[CLASSES] = nrClasses;
  if (end > words[END]) allocator.extend(words[END] * 2 ** granuleShift, end * 2 ** granuleShift);
}

function checkFit({ words }: HeapState, snapshot: HeapSnapshot, memory: HeapMemory): void {
  for (const [field, name] of [[GRANULE_SHIFT, 'granule'], [CAPACITY, 'capacity'], [START, 'start']] as const) {
    if (snapshot.words[field] !== words[field]) {
      throw new RangeError(`snapshot: its ${name} is ${snapshot.words[field]}, this heap's is ${words[field]}`);
    }
  }
  if (snapshot.words[END] > words[END]) {
    throw new RangeError(`snapshot: it has ${snapshot.words[END]} granules, this heap has ${words[END]}: it must grow first`);
  }
  if ((snapshot.bytes !== null) !== memory.hasBytes) {
    throw new RangeError(`snapshot: it is of a heap with${snapshot.bytes === null ? 'out' : ''} bytes, this one is not`);
  }
  const common = Math.min(snapshot.words[CLASSES], words[CLASSES]);
  for (let number = 0; number < common; number++) {
    const [theirs, ours] = [snapshot.words[classRow(number) + SIZE], words[classRow(number) + SIZE]];
    if (theirs !== ours) throw new RangeError(`snapshot: size ${number} is ${theirs} bytes, this heap's is ${ours}`);
  }
}

function stateOf(allocator: HeapAllocator): HeapState {
  if (allocator.state === null) throw new TypeError('snapshot: the allocator of this heap cannot be copied');
  return allocator.state;
}
