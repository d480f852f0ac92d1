import { BuddyAllocator } from '@kmem/buddy';
import { conform, isRecordingError } from '@kmem/conformance';
import type { Conformance, Implementations } from '@kmem/conformance';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { slub, type SlubOptions } from '../src/index.js';
import { readText } from './recordings.js';
import { madeCache, takeObjects, testMachine } from './slub-machine.js';

const text = readText('slub/layout.jsonl');
const CACHES = 42;
const LINES_PER_CACHE = 7;
/** Dozens of replays on a busy machine. */
const TIMEOUT_MS = 120_000;
const FILL = 0xee;

function implementations(options: Partial<SlubOptions> = {}): Implementations {
  return {
    loadPages: () => {
      throw new Error('no page allocator is recorded here');
    },
    makeSlabBytes: ({ cpus, merge, nrFrames, observe, tracks }) => {
      const frames = createFrameTable({ nrFrames });
      const memory = createMemory({ sizeBytes: nrFrames * 4096, backing: 'dense' });
      const pages = observe(new BuddyAllocator({ frames, cpus }));
      return { ...slub({ frames, cpus, merge, memory, tracks, freePointers: true, pages, ...options }), memory };
    },
  };
}

function replay(changed: string, options: Partial<SlubOptions> = {}): Conformance {
  return conform({ name: 'layout', text: changed }, implementations(options))[0];
}

test('every byte of the recorded slots is written as the kernel writes it', () => {
  expect(replay(text)).toMatchObject({ kind: 'layout', exact: CACHES * LINES_PER_CACHE, total: CACHES * LINES_PER_CACHE, difference: null });
});

test('without links, and without tracks, it is not', () => {
  expect(replay(text, { freePointers: false }).difference).not.toBeNull();
  expect(replay(text, { tracks: () => ({ caller: 1n, stack: 0, pid: 0, time: 0 }) }).difference).not.toBeNull();
});

/** Whether a change of the recording shows. */
function isFound(changed: string): boolean {
  try {
    return replay(changed).difference !== null;
  } catch (error) {
    if (isRecordingError(error)) return true;
    throw error;
  }
}

describe('every changed output is found', () => {
  const lines = text.trimEnd().split('\n');
  const heads = [...lines.keys()].filter((i) => lines[i].startsWith('{"layout"'));
  const changed = (at: number, member: string, change: (value: string) => string): string => {
    const row = JSON.parse(lines[at]) as Record<string, unknown>;
    const value = row[member];
    row[member] = typeof value === 'number' ? value + 1 : change(String(value));
    return `${lines.with(at, JSON.stringify(row)).join('\n')}\n`;
  };
  const flip = (byte: number) => (hex: string) => {
    const digits = ((parseInt(hex.slice(2 * byte, 2 * byte + 2), 16) ^ 1) & 0xff).toString(16).padStart(2, '0');
    return hex.slice(0, 2 * byte) + digits + hex.slice(2 * byte + 2);
  };

  test('places and sizes', () => {
    const missed: string[] = [];
    for (const at of heads.filter((_, i) => i % 9 === 0)) {
      for (const name of ['size', 'inuse', 'offset', 'objects', 'red_left_pad', 'refcount']) if (!isFound(changed(at, name, String))) missed.push(name);
      for (const name of ['slot_index', 'slot_address_minus_slab', 'object_address_minus_slab']) {
        if (!isFound(changed(at + 1, name, String))) missed.push(name);
      }
    }
    expect(missed).toEqual([]);
  });

  test.each(['o40dbg', 'o24a64', 'o64red', 'o96dbgctor', 'o72ctor'])('bytes of %s', { timeout: TIMEOUT_MS }, (name) => {
    const head = heads.find((at) => lines[at].includes(`"${name}"`)) ?? -1;
    expect(head).toBeGreaterThan(0);
    const missed: string[] = [];
    // Of the first step, bytes that the kernel left alone are what the page came with. Tracks are inputs where they are seen first.
    const isInput = (step: number, byte: number): boolean => {
      const { inuse, offset, object_size: size, red_left_pad: pad, req_flags: flags } = JSON.parse(lines[head]) as Record<string, number>;
      const place = byte - pad;
      const tracks = offset >= inuse ? offset + 8 : inuse;
      if ((flags & 0x10000) !== 0 && place >= tracks && place < tracks + 64) {
        const which = place < tracks + 32 ? 'alloc' : 'free';
        const inTrack = (place - tracks) % 32;
        const isOutput = (inTrack >= 12 && inTrack < 16) || (inTrack >= 20 && inTrack < 24);
        return !isOutput && ['0 alloc', '2 free', '3 alloc', '4 alloc', '4 free'].includes(`${String(step)} ${which}`);
      }
      return step === 0 && (flags & 0x800) === 0 && place >= 0 && place < size && !(place >= offset && place < offset + 8);
    };
    for (let step = 0; step < 5; step++) {
      for (let byte = 0; byte < 64; byte += 7) {
        const row = JSON.parse(lines[head + 2 + step]) as { hex: string; hex2?: string };
        for (const [member, hex] of [['hex', row.hex], ['hex2', row.hex2 ?? '']] as const) {
          const at = byte + (member === 'hex' ? 0 : 64);
          if (2 * byte >= hex.length || isInput(step, at)) continue;
          if (!isFound(changed(head + 2 + step, member, flip(byte)))) missed.push(`step ${String(step)} byte ${String(at)}`);
        }
      }
    }
    expect(missed).toEqual([]);
  });
});

describe('links of free objects', () => {
  const changedBytes = (freePointers: boolean): number[] => {
    const { memory, slab } = testMachine({ withMemory: true, freePointers });
    const cache = madeCache(slab, { sizeBytes: 64 });
    const [addr] = takeObjects(cache, 1);
    memory?.fill(addr, 64, FILL);
    cache.free(addr);
    return [...(memory?.view(addr, 64) ?? [])].flatMap((byte, i) => (byte === FILL ? [] : [i]));
  };

  test('21.33: a freed object of 64 bytes changes where its link stands only', () => {
    expect(changedBytes(true)).toEqual([32, 33, 34, 35, 36, 37, 38, 39]);
    expect(changedBytes(false)).toEqual([]);
  });

  test('they lead through all free objects, whatever was done before', () => {
    const { memory, slab } = testMachine({ withMemory: true, freePointers: true });
    const cache = madeCache(slab, { sizeBytes: 64 });
    const held = takeObjects(cache, 150);
    held.filter((_, i) => i % 3 !== 0).forEach((addr) => cache.free(addr));
    cache.shrink();
    const { partial } = cache.exportState();
    expect(partial.length).toBeGreaterThan(1);
    for (const [pfn, , , , free] of partial) {
      free.forEach((index, i) => {
        const bytes = memory?.view(pfn * 4096 + index * 64 + 32, 8) ?? new Uint8Array(8);
        const next = i + 1 < free.length ? pfn * 4096 + free[i + 1] * 64 : 0;
        expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(BigInt(next));
      });
    }
  });
});
