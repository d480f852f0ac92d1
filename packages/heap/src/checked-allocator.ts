/**
 * A wrapper around a HeapAllocator that finds what programs do wrong with their blocks.
 *
 * ```
 *   what the allocator underneath hands out:
 *   | front zone 0xbb | bytes asked for, filled with 0x5a | rear zone 0xcc, to the end |
 *                     ^ what the program gets
 *
 *   a freed block is filled with 0x6b and waits, with the last ones, before it may be handed out again
 * ```
 * Without memory there is nothing to fill; freeing twice, in the middle or elsewhere, and leaks are found all the same.
 */
import { KernelBug } from '@kmem/contracts';
import { requireBytes } from './block-size.js';
import type { HeapAllocator } from './heap-allocator.js';
import type { HeapMemory } from './heap-memory.js';

/** A block in use. */
export interface LiveBlock {
  /** Its address. */
  readonly addr: number;
  /** Bytes that were asked for. */
  readonly bytes: number;
  /** Blocks that had been taken before it. */
  readonly serial: number;
}

interface Block extends LiveBlock {
  /** Where the allocator underneath has it. */
  readonly base: number;
  readonly usable: number;
}

/** A checking allocator. */
export interface CheckedAllocator extends HeapAllocator {
  /** Blocks in use, the oldest first. */
  live: () => readonly LiveBlock[];
}

const ZONE_BYTES = 16;
const FRONT = 0xbb;
const FRESH = 0x5a;
const REAR = 0xcc;
const FREED = 0x6b;
/** Freed blocks that wait. */
const MOST_WAITING = 256;

/**
 * Wraps an allocator.
 *
 * @param inner - the allocator; nobody else may use it.
 * @param memory - the bytes behind its addresses.
 * @returns the wrapper.
 */
export function checkedAllocator(inner: HeapAllocator, memory: HeapMemory): CheckedAllocator {
  const live = new Map<number, Block>();
  // Maps keep the order in which blocks came.
  const waiting = new Map<number, Block>();
  let serial = 0;

  const fill = (from: number, to: number, value: number): void => {
    if (memory.hasBytes) memory.views.u8.fill(value, from, to);
  };
  const firstOther = (from: number, to: number, value: number): number => {
    if (!memory.hasBytes) return -1;
    const { u8 } = memory.views;
    for (let addr = from; addr < to; addr++) if (u8[addr] !== value) return addr;
    return -1;
  };

  const take = (base: number, front: number, bytes: number): number => {
    if (base === 0) return 0;
    const addr = base + front;
    const usable = inner.usableSize(base);
    live.set(addr, { addr, bytes, base, usable, serial: serial++ });
    fill(base, addr, FRONT);
    fill(addr, addr + bytes, FRESH);
    fill(addr + bytes, base + usable, REAR);
    return addr;
  };

  const checkZones = ({ addr, bytes, base, usable }: Block): void => {
    const after = firstOther(addr + bytes, base + usable, REAR);
    if (after >= 0) throw corrupt(addr, bytes, after, `${after - addr - bytes + 1} bytes past the end`);
    const before = firstOther(base, addr, FRONT);
    if (before >= 0) throw corrupt(addr, bytes, before, `${addr - before} bytes before the start`);
  };
  const checkFreed = ({ addr, bytes }: Block): void => {
    const at = firstOther(addr, addr + bytes, FREED);
    if (at >= 0) throw corrupt(addr, bytes, at, `at byte ${at - addr}, after it had been freed`);
  };

  const blockAt = (addr: number): Block => {
    const block = live.get(addr);
    if (block !== undefined) return block;
    if (waiting.has(addr)) throw new KernelBug('DOUBLE_FREE', `the block at ${addr} has been freed already`, { addr });
    for (const each of live.values()) {
      if (addr < each.base || addr >= each.base + each.usable) continue;
      throw new KernelBug('BAD_OBJECT', `no block starts at ${addr}: it is ${addr - each.addr} bytes into the block at ${each.addr}`, { addr, block: each.addr });
    }
    throw new KernelBug('BAD_OBJECT', `no block starts at ${addr}`, { addr });
  };

  const release = (): number => {
    for (const block of waiting.values()) {
      waiting.delete(block.addr);
      checkFreed(block);
      inner.free(block.base);
      return block.usable;
    }
    return 0;
  };

  /** Blocks that wait are given back before memory is said to be short. */
  const takeOrRelease = (takeBase: () => number): number => {
    let base = takeBase();
    while (base === 0 && release() > 0) base = takeBase();
    return base;
  };

  const malloc = (bytes: number): number => {
    requireBytes(bytes);
    return take(takeOrRelease(() => inner.malloc(bytes + 2 * ZONE_BYTES)), ZONE_BYTES, bytes);
  };

  return {
    malloc,

    alignedAlloc(align, bytes) {
      requireBytes(bytes);
      const front = Math.max(align, ZONE_BYTES);
      return take(takeOrRelease(() => inner.alignedAlloc(align, front + bytes + ZONE_BYTES)), front, bytes);
    },

    free(addr) {
      if (addr === 0) return;
      const block = blockAt(addr);
      checkZones(block);
      live.delete(addr);
      fill(addr, addr + block.bytes, FREED);
      waiting.set(addr, block);
      if (waiting.size > MOST_WAITING) release();
    },

    usableSize: (addr) => blockAt(addr).bytes,

    // A block always moves, so that old addresses of it are found out.
    resize(addr, bytes) {
      requireBytes(bytes);
      checkZones(blockAt(addr));
      return false;
    },

    fixedSize: (bytes) => () => malloc(bytes),

    trim() {
      while (release() > 0);
      return inner.trim();
    },

    extend: inner.extend,

    use() {
      const { usedBytes, slackBytes, ...use } = inner.use();
      let heldBytes = 0;
      for (const { usable } of waiting.values()) heldBytes += usable;
      return { ...use, usedBytes: usedBytes - heldBytes, slackBytes: slackBytes + heldBytes, blocks: live.size };
    },

    longestFree: inner.longestFree,

    assertValid() {
      inner.assertValid();
      live.forEach(checkZones);
      waiting.forEach(checkFreed);
    },

    // What is known beside the memory is not in it.
    state: null,
    live: () => [...live.values()].map(({ addr, bytes, serial: number }) => ({ addr, bytes, serial: number })),
  };
}

function corrupt(addr: number, bytes: number, at: number, where: string): KernelBug {
  return new KernelBug('CORRUPT_OBJECT', `the block of ${bytes} bytes at ${addr} was written ${where}`, { addr, bytes, at });
}
