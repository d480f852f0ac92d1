/** mempool, dma_pool, kfree_rcu (slab spec 11, 13, 14). */
import { BuddyAllocator } from '@kmem/buddy';
import {
  __GFP_DIRECT_RECLAIM, __GFP_IO, __GFP_NORETRY, __GFP_NOWARN, __GFP_ZERO, GFP_ATOMIC, GFP_KERNEL, GFP_NOIO, isKernelBug, NULL, SCHEDULE, TASK_UNINTERRUPTIBLE,
  type Gfp, type PhysAddr, type SleepTimeout, type WaitQueues, ZERO_SIZE_PTR,
} from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { createDmaPool, createKfreeRcu, createKmalloc, createMempool, formatDmaPools, slub } from '../src/index.js';
import type { DmaPool, DmaPoolOptions, Mempool, MempoolOptions } from '../src/index.js';

/** An allocator below that gives what it is told to, and notes what it was asked. */
class Below {
  readonly asked: Gfp[] = [];
  readonly freed: PhysAddr[] = [];
  left = 2;
  #next = 4096;

  alloc = (gfp: Gfp): PhysAddr => {
    this.asked.push(gfp);
    if (this.left === 0) return NULL;
    this.left--;
    this.#next += 4096;
    return this.#next - 4096;
  };

  free = (addr: PhysAddr): void => {
    this.freed.push(addr);
  };
}

function pool(below: Below, options: Partial<MempoolOptions> = {}): Mempool {
  const made = createMempool({ minNr: 2, alloc: below.alloc, free: below.free, ...options });
  if (made === null) throw new Error('no pool');
  return made;
}

describe('mempool', () => {
  test('edge case 40: with the allocator failing two requests are served, the third is not; what comes back goes to the reserve', () => {
    const below = new Below();
    const mempool = pool(below);
    const got = [0, 1, 2].map(() => mempool.tryAlloc(GFP_ATOMIC));
    expect(got).toEqual([8192, 4096, NULL]);
    mempool.free(got[0]);
    expect([mempool.currNr, below.freed]).toEqual([1, []]);
    mempool.free(got[1]);
    mempool.free(12_288);
    expect([mempool.currNr, below.freed]).toEqual([2, [12_288]]);
  });

  test('the allocator is asked gently first, then with all that is allowed', () => {
    const below = new Below();
    const mempool = pool(below, { minNr: 0 });
    below.left = 0;
    below.asked.length = 0;
    expect(mempool.tryAlloc(GFP_KERNEL)).toBe(NULL);
    const [gentle, full] = below.asked;
    expect(below.asked).toHaveLength(2);
    expect(gentle & (__GFP_DIRECT_RECLAIM | __GFP_IO)).toBe(0);
    expect(full & GFP_KERNEL).toBe(GFP_KERNEL);
    for (const gfp of below.asked) expect(gfp & (__GFP_NORETRY | __GFP_NOWARN)).toBe(__GFP_NORETRY | __GFP_NOWARN);
    below.asked.length = 0;
    mempool.tryAlloc(GFP_ATOMIC);
    expect(below.asked).toHaveLength(1);
  });

  test('a reserve that cannot be filled is given back, and there is no pool', () => {
    const below = new Below();
    expect(createMempool({ minNr: 3, alloc: below.alloc, free: below.free })).toBeNull();
    expect(below.freed).toEqual([4096, 8192]);
  });

  test('elements are never zeroed', () => {
    const below = new Below();
    const codes: string[] = [];
    const mempool = pool(below, { reports: { report: ({ code }) => void codes.push(code) } });
    below.left = 1;
    mempool.tryAlloc(GFP_ATOMIC | __GFP_ZERO);
    expect(codes).toEqual(['BAD_GFP']);
    expect((below.asked.at(-1) ?? 0) & __GFP_ZERO).toBe(0);
  });

  test('a smaller reserve gives elements back, a larger one takes what it can, the end gives all back', () => {
    const below = new Below();
    const mempool = pool(below);
    mempool.resize(1);
    expect([mempool.currNr, below.freed]).toEqual([1, [8192]]);
    below.left = 1;
    mempool.resize(4);
    expect([mempool.currNr, mempool.minNr]).toEqual([2, 4]);
    mempool.destroy();
    expect([mempool.currNr, below.freed]).toEqual([0, [8192, 4096, 12_288]]);
  });

  test('edge case 41: a sleeper is woken by what comes back, and tries the allocator first', () => {
    const below = new Below();
    const calls: string[] = [];
    const sleep = { sched: { current: 7 }, hz: 250, ...fakeSleep(calls) };
    const mempool = pool(below, { sleep });
    const taken = [mempool.tryAlloc(GFP_NOIO), mempool.tryAlloc(GFP_NOIO)];
    const sleeper = mempool.alloc(GFP_NOIO);
    expect(sleeper.next()).toEqual({ done: false, value: SCHEDULE });
    expect(calls).toEqual([`wait of 7 in state ${String(TASK_UNINTERRUPTIBLE)}`, 'sleep 1250']);
    // Woken for nothing: it sleeps again.
    expect(sleeper.next().done).toBe(false);
    mempool.free(taken[0]);
    expect(calls).toContain('wake 1');
    expect(sleeper.next()).toEqual({ done: true, value: taken[0] });
    const atomic = mempool.alloc(GFP_ATOMIC);
    expect(atomic.next()).toEqual({ done: true, value: NULL });
  });

  test('without anything to sleep with a request that must sleep is an error', () => {
    const mempool = pool(new Below(), { minNr: 0, alloc: () => NULL });
    expect(() => mempool.alloc(GFP_KERNEL).next()).toThrow('without anything to sleep with');
  });
});

/** As much of wait queues and timers as a pool uses. */
function fakeSleep(calls: string[]): { waitQueues: WaitQueues; timers: SleepTimeout } {
  const used = {
    createHead: () => 1,
    createEntry: () => 2,
    initEntry: (_entry: number, task: number) => void calls.push(`wait of ${String(task)}`),
    autoremoveWake: () => 1,
    prepareToWaitExclusive: (_head: number, _entry: number, state: number) => {
      calls.push(`${calls.pop() ?? ''} in state ${String(state)}`);
      return true;
    },
    finishWait: () => undefined,
    destroy: () => undefined,
    wakeUp: (_head: number, _mode: number, nr: number) => calls.push(`wake ${String(nr)}`),
  };
  const timers: SleepTimeout = {
    * scheduleTimeout(timeout) {
      calls.push(`sleep ${String(timeout)}`);
      yield SCHEDULE;
      return 0;
    },
  };
  // The pool uses these and no others.
  return { waitQueues: used as unknown as WaitQueues, timers };
}

function dma(options: Partial<DmaPoolOptions> & { sizeBytes: number }): { made: DmaPool | null; pages: BuddyAllocator; codes: string[] } {
  const codes: string[] = [];
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
  const made = createDmaPool({ name: 'pool', pages, reports: { report: ({ code }) => void codes.push(code) }, ...options });
  return { made, pages, codes };
}

function needed(made: DmaPool | null): DmaPool {
  if (made === null) throw new Error('no pool');
  return made;
}

describe('dma_pool', () => {
  test.each([[64, 63], [2048, 1], [4096, 1], [100, 40]])('edge case 42: of %i bytes %i fit into a page', (sizeBytes, count) => {
    const made = needed(dma({ sizeBytes }).made);
    const blocks = Array.from({ length: count + 1 }, () => made.alloc(GFP_KERNEL));
    const page = (addr: PhysAddr): number => Math.floor(addr / 4096);
    expect(new Set(blocks.slice(0, count).map(page)).size).toBe(1);
    expect(page(blocks[count])).not.toBe(page(blocks[0]));
  });

  test('edge case 43: sizes are rounded up to the alignment; a boundary less than a block cannot be', () => {
    const made = needed(dma({ sizeBytes: 40, align: 64 }).made);
    const first = made.alloc(GFP_KERNEL);
    expect(made.alloc(GFP_KERNEL) - first).toBe(64);
    expect(dma({ sizeBytes: 40, boundary: 32 }).made).toBeNull();
    for (const bad of [{ sizeBytes: 0 }, { sizeBytes: 8, align: 3 }, { sizeBytes: 8, boundary: 48 }]) expect(dma(bad).made).toBeNull();
    expect(() => dma({ sizeBytes: 1.5 })).toThrow(RangeError);
  });

  test('no block crosses a boundary, or ends on one', () => {
    const made = needed(dma({ sizeBytes: 24, boundary: 256 }).made);
    const offsets = Array.from({ length: 160 }, () => made.alloc(GFP_KERNEL) % 4096);
    for (const offset of offsets) expect((offset % 256) + 24).toBeLessThan(256);
    expect(new Set(offsets).size).toBe(160);
  });

  test('blocks come back last in, first out, and have the handle of their address', () => {
    const made = needed(dma({ sizeBytes: 32, dmaOffset: 2 ** 32 }).made);
    const [a, b] = [made.alloc(GFP_KERNEL), made.alloc(GFP_KERNEL)];
    expect(made.dmaOf(a)).toBe(a + 2 ** 32);
    made.free(a, made.dmaOf(a));
    made.free(b, made.dmaOf(b));
    expect([made.alloc(GFP_KERNEL), made.alloc(GFP_KERNEL)]).toEqual([b, a]);
  });

  test('misuse is reported and changes nothing', () => {
    const { codes, made } = dma({ sizeBytes: 32 });
    const pools = needed(made);
    const [a, b] = [pools.alloc(GFP_KERNEL), pools.alloc(GFP_KERNEL)];
    pools.free(a, 2 ** 40);
    pools.free(a, b);
    pools.free(a + 1, a + 1);
    pools.free(b, b);
    pools.free(b, b);
    expect(codes).toEqual(['BAD_OBJECT', 'BAD_OBJECT', 'BAD_OBJECT', 'DOUBLE_FREE']);
    expect(pools.row()).toBe('pool                1  128   32  1');
  });

  test('the file has a row for each pool; pages stay until the end, busy ones for ever', () => {
    const { codes, made, pages } = dma({ sizeBytes: 64, name: 'a-name-of-more-than-31-characters' });
    const pools = needed(made);
    const free = (): number => pages.nrFreePages + pages.nrPcpPages;
    const before = free();
    const blocks = Array.from({ length: 64 }, () => pools.alloc(GFP_KERNEL));
    expect(formatDmaPools([pools])).toBe('poolinfo - 0.1\na-name-of-more-than-31-characte   64  128   64  2\n');
    for (const addr of blocks.slice(1)) pools.free(addr, addr);
    expect(free()).toBe(before - 2);
    pools.destroy();
    expect([free(), codes]).toEqual([before - 1, ['LIVE_OBJECTS']]);
  });

  test('a zeroed block is zero', () => {
    const memory = createMemory({ sizeBytes: 1024 * 4096, backing: 'dense' });
    const made = needed(dma({ sizeBytes: 32, memory }).made);
    const addr = made.alloc(GFP_KERNEL);
    memory.fill(addr, 32, 0xee);
    made.free(addr, addr);
    expect(made.alloc(GFP_KERNEL | __GFP_ZERO)).toBe(addr);
    expect(memory.view(addr, 32).every((byte) => byte === 0)).toBe(true);
  });
});

describe('kfree_rcu', () => {
  test('edge case 56: memory is nobody else\'s until the grace period ends, then reusable', () => {
    const waiting: (() => void)[] = [];
    const frames = createFrameTable({ nrFrames: 1024 });
    const pages = new BuddyAllocator({ frames });
    const { kfreeBulk, kmalloc } = createKmalloc({ slabs: slub({ pages, frames }), pages, frames });
    const rcu = createKfreeRcu({ kfreeBulk, callRcu: (callback) => void waiting.push(callback) });
    const addr = kmalloc(64, GFP_KERNEL);
    rcu.kfreeRcu(addr);
    rcu.kfreeRcu(NULL);
    rcu.kfreeRcu(ZERO_SIZE_PTR);
    expect(rcu.pending).toBe(1);
    rcu.drain();
    expect(rcu.pending).toBe(0);
    expect(kmalloc(64, GFP_KERNEL)).not.toBe(addr);
    for (const callback of waiting.splice(0)) callback();
    expect(kmalloc(64, GFP_KERNEL)).toBe(addr);
  });

  test('510 addresses go together, without being asked', () => {
    const freed: number[] = [];
    const { drain, kfreeRcu } = createKfreeRcu({ kfreeBulk: (count) => void freed.push(count), callRcu: (callback) => { callback(); } });
    for (let i = 1; i <= 1021; i++) kfreeRcu(i * 64);
    expect(freed).toEqual([510, 510]);
    drain();
    drain();
    expect(freed).toEqual([510, 510, 1]);
  });
});

test('bugs are thrown where nobody receives them', () => {
  const pages = new BuddyAllocator({ frames: createFrameTable({ nrFrames: 1024 }) });
  const made = needed(createDmaPool({ name: 'p', sizeBytes: 8, pages }));
  let code: string | null = null;
  try {
    made.free(0, 0);
  } catch (error) {
    code = isKernelBug(error) ? error.code : null;
  }
  expect(code).toBe('BAD_OBJECT');
});
