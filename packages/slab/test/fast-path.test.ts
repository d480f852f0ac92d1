/** The fast path: the same calls give the same objects wherever the memory lies; a wrong address never gets through. */
import { BuddyAllocator } from '@kmem/buddy';
import { GFP_KERNEL, KernelBug } from '@kmem/contracts';
import { createFrameTable } from '@kmem/hw';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { slub } from '../src/index.js';
import type { Slub, SlubCache } from '../src/index.js';

const FRAMES = 1024;
/** First frames of memory below 2 GiB, where addresses are small integers, and above 4 GiB. */
const LOW = 2 ** 12;
const HIGH = 2 ** 20;

interface Place {
  readonly base: number;
  readonly slab: Slub;
  readonly cache: SlubCache;
}

function place(firstFrame: number, sizeBytes: number): Place {
  const frames = createFrameTable({ nrFrames: firstFrame + FRAMES });
  const slab = slub({ pages: new BuddyAllocator({ frames, free: [{ start: firstFrame, end: firstFrame + FRAMES }] }), frames });
  const cache = slab.createCache({ name: 'objects', sizeBytes });
  if (cache === null) throw new Error('not made');
  return { base: firstFrame * 4096, slab, cache };
}

function code(call: () => void): string {
  try {
    call();
  } catch (error) {
    if (error instanceof KernelBug) return error.code;
    throw error;
  }
  return 'nothing';
}

test('random calls come out alike below 2 GiB and above 4 GiB', () => {
  const sizes = fc.constantFrom(8, 24, 64, 96, 200, 704, 1024, 4096, 6000);
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(999), { maxLength: 400 }), (sizeBytes, picks) => {
      const places = [place(LOW, sizeBytes), place(HIGH, sizeBytes)];
      const held: number[] = [];
      for (const pick of picks) {
        if (pick % 2 === 0 || held.length === 0) {
          const [low, high] = places.map(({ base, cache }) => cache.alloc(GFP_KERNEL) - base);
          expect(high).toBe(low);
          held.push(low);
        } else {
          const [offset] = held.splice(pick % held.length, 1);
          for (const { base, cache } of places) cache.free(base + offset);
          for (const { base, cache } of places) expect(code(() => { cache.free(base + offset); })).toBe('DOUBLE_FREE');
        }
      }
      for (const { slab } of places) slab.assertValid();
    }),
    { numRuns: 30 },
  );
});

test.each([LOW, HIGH])('addresses beside an object are refused, frame %d', (firstFrame) => {
  const { slab, cache } = place(firstFrame, 96);
  const held = Array.from({ length: 100 }, () => cache.alloc(GFP_KERNEL));
  // The first is in a slab that the CPU has left, the last in the CPU's own.
  for (const addr of [held[0], held[99]]) {
    for (const wrong of [addr + 1, addr - 1, addr + 48, addr + 0.5, addr + 2 ** 32, addr - 2 ** 32, addr + 2 ** 31, 0 - addr, NaN, Infinity]) {
      expect(code(() => { cache.free(wrong); }), String(wrong)).toBe('BAD_OBJECT');
    }
    cache.free(addr);
    expect(code(() => { cache.free(addr); })).toBe('DOUBLE_FREE');
  }
  slab.assertValid();
});
