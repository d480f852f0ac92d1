import { describe, expect, it } from 'vitest';
import { createHeap, type Heap } from '../src/index.js';

const STEPS = 2_000_000;
const SLOTS = 4000;
const BYTES = 8 * 2 ** 20;

/** Marsaglia's xorshift32. */
function xorshift32(seed: number): () => number {
  let s = seed;
  return () => {
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    s >>>= 0;
    return s;
  };
}

/** Who has which 8 bytes: the slot and one, or 0. */
class Model {
  readonly #owner = new Uint16Array(BYTES / 8);
  violations = 0;

  take(addr: number, bytes: number, slot: number): void {
    for (let unit = addr >>> 3; unit < (addr + bytes + 7) >>> 3; unit++) {
      if (this.#owner[unit] !== 0) this.violations++;
      this.#owner[unit] = slot + 1;
    }
  }

  give(addr: number, bytes: number, slot: number): void {
    for (let unit = addr >>> 3; unit < (addr + bytes + 7) >>> 3; unit++) {
      if (this.#owner[unit] !== slot + 1) this.violations++;
      this.#owner[unit] = 0;
    }
  }
}

/** Mostly small, sometimes many pages. */
function sizeFrom(random: number): number {
  const kind = random & 15;
  const value = random >>> 4;
  if (kind < 12) return 4 + (value % 500);
  return kind < 15 ? 4 + (value % 9000) : 4 + (value % 100_000);
}

function run(heap: Heap): { violations: number; failures: number } {
  const random = xorshift32(0x2545f491);
  const model = new Model();
  const addrs = new Float64Array(SLOTS);
  const sizes = new Uint32Array(SLOTS);
  const { u32 } = heap.views;
  let failures = 0;

  const tag = (slot: number): void => {
    u32[addrs[slot] >>> 2] = slot ^ sizes[slot];
  };
  const checkTag = (slot: number): void => {
    if (u32[addrs[slot] >>> 2] !== (slot ^ sizes[slot])) model.violations++;
  };
  const hold = (slot: number, addr: number, bytes: number): void => {
    if (addr === 0) {
      failures++;
      return;
    }
    addrs[slot] = addr;
    sizes[slot] = bytes;
    model.take(addr, bytes, slot);
    tag(slot);
  };
  const drop = (slot: number): void => {
    checkTag(slot);
    model.give(addrs[slot], sizes[slot], slot);
    heap.free(addrs[slot]);
    addrs[slot] = 0;
  };
  const resize = (slot: number, bytes: number): void => {
    checkTag(slot);
    const old = { addr: addrs[slot], bytes: sizes[slot] };
    const addr = heap.realloc(old.addr, bytes);
    if (addr === 0) {
      failures++;
      return;
    }
    model.give(old.addr, old.bytes, slot);
    if (u32[addr >>> 2] !== (slot ^ old.bytes)) model.violations++;
    hold(slot, addr, bytes);
  };

  for (let step = 0; step < STEPS; step++) {
    const slot = random() % SLOTS;
    const bytes = sizeFrom(random());
    const what = random() & 15;
    if (addrs[slot] === 0) {
      if (what === 0) {
        const align = 8 << (random() % 10);
        const addr = heap.alignedAlloc(align, bytes);
        if (addr % align !== 0) model.violations++;
        hold(slot, addr, bytes);
      } else hold(slot, heap.malloc(bytes), bytes);
    } else if (what < 4) resize(slot, bytes);
    else drop(slot);
    if (step % 250_000 === 0) heap.assertValid();
  }
  for (let slot = 0; slot < SLOTS; slot++) if (addrs[slot] !== 0) drop(slot);
  heap.trim();
  heap.assertValid();
  return { violations: model.violations, failures };
}

describe.each(['linux', 'fine'] as const)('two million random calls, %s', (sizes) => {
  it('never overlap, keep every tag, survive shortage, and give everything back', () => {
    const heap = createHeap({ bytes: BYTES, sizes });
    const { violations, failures } = run(heap);
    expect(violations).toBe(0);
    // The heap is small enough to run out now and then.
    expect(failures).toBeGreaterThan(0);
    const { blocks, freeBytes, sizeBytes, longestFreeBytes } = heap.stats();
    expect([blocks, freeBytes, longestFreeBytes]).toEqual([0, sizeBytes, sizeBytes]);
  }, 120_000);
});
