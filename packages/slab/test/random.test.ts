/** Random calls on several CPUs: objects keep their bytes, checks find nothing, every invariant holds, all pages come back. */
import {
  __GFP_NOWARN, __GFP_ZERO, GFP_ATOMIC, NULL, SLAB_CONSISTENCY_CHECKS, SLAB_HWCACHE_ALIGN, SLAB_POISON, SLAB_RED_ZONE, SLAB_STORE_USER,
  SLAB_TYPESAFE_BY_RCU, type PhysAddr,
} from '@kmem/contracts';
import { expect, test } from 'vitest';
import type { SlubCache } from '../src/index.js';
import { madeCache, testMachine } from './slub-machine.js';

const OPERATIONS = 12_000;
const CHECK_EVERY = 400;
const GFP = GFP_ATOMIC | __GFP_NOWARN;
const FZPU = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER;
/** Bytes that an object keeps while it is free. */
const CONSTRUCTED = 0x77;

interface Held {
  readonly cache: SlubCache;
  readonly addr: PhysAddr;
  readonly mark: number;
}

function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test.each([1, 2, 3])('seed %i', (seed) => {
  const random = createRandom(seed);
  const reports: string[] = [];
  const waiting: (() => void)[] = [];
  const { cpus, memory, pages, slab } = testMachine({
    nrCpus: 3,
    nrFrames: 2048,
    withMemory: true,
    freePointers: true,
    callRcu: (callback) => void waiting.push(callback),
    reports: { report: ({ message }) => void reports.push(message) },
  });
  const bytes = (addr: PhysAddr, length: number): Uint8Array => memory?.view(addr, length) ?? new Uint8Array();
  const ctor = (addr: PhysAddr): void => void bytes(addr, 8).fill(CONSTRUCTED);
  const caches = [
    { sizeBytes: 8 },
    { sizeBytes: 64 },
    { sizeBytes: 200, flags: SLAB_HWCACHE_ALIGN },
    { sizeBytes: 1000, ctor },
    { sizeBytes: 4096 },
    { sizeBytes: 96, flags: SLAB_TYPESAFE_BY_RCU },
    { sizeBytes: 44, flags: FZPU },
    { sizeBytes: 256, flags: SLAB_POISON, ctor },
    { sizeBytes: 700, flags: SLAB_RED_ZONE | SLAB_TYPESAFE_BY_RCU },
  ].map((options, i) => madeCache(slab, { name: `random-${String(i)}`, ...options }));
  const held: Held[] = [];

  const hold = (cache: SlubCache, addr: PhysAddr): void => {
    if (cache.hasConstructor && !bytes(addr, 8).every((byte) => byte === CONSTRUCTED)) throw new Error(`${cache.name}: not constructed`);
    const mark = cache.hasConstructor ? CONSTRUCTED : random(256);
    bytes(addr, cache.objectSize).fill(mark);
    held.push({ cache, addr, mark });
  };
  const check = ({ addr, cache, mark }: Held): void => {
    if (!bytes(addr, cache.objectSize).every((byte) => byte === mark)) throw new Error(`${cache.name}: bytes of ${String(addr)} changed`);
  };
  const release = (): Held | undefined => {
    const at = random(held.length);
    const found = held[at];
    held[at] = held[held.length - 1];
    return held.pop() && found;
  };

  const calls: (() => void)[] = [
    () => {
      const cache = caches[random(caches.length)];
      const zeroed = !cache.hasConstructor && random(8) === 0;
      const addr = cache.alloc(zeroed ? GFP | __GFP_ZERO : GFP);
      if (addr === NULL) return;
      if (zeroed && !bytes(addr, cache.objectSize).every((byte) => byte === 0)) throw new Error(`${cache.name}: not zeroed`);
      hold(cache, addr);
    },
    () => {
      const cache = caches[random(caches.length)];
      const several = new Float64Array(1 + random(40));
      if (cache.allocBulk(GFP, several.length, several) > 0) for (const addr of several) hold(cache, addr);
    },
    () => {
      const found = release();
      if (found === undefined) return;
      check(found);
      found.cache.free(found.addr);
    },
    () => {
      const cache = caches[random(caches.length)];
      const most = random(60);
      const group = held.filter((item) => item.cache === cache).slice(0, most);
      group.forEach(check);
      for (const item of group) held.splice(held.indexOf(item), 1);
      cache.freeBulk(group.length, Float64Array.from(group, ({ addr }) => addr));
    },
    () => {
      const cache = caches[random(caches.length)];
      const what = random(30);
      if (what === 0) cache.shrink();
      else if (what === 1) cache.setCpuPartial(cache.geometry.cpuPartial === 0 ? 0 : random(60));
      else if (what === 2) cache.validate();
      else if (what === 3) for (const callback of waiting.splice(0)) callback();
    },
  ];
  for (let i = 0; i < OPERATIONS; i++) {
    cpus.cpu = random(3);
    // More is freed once there is much.
    calls[random(10) < 5 ? (held.length < 1500 ? 0 : 2) : random(calls.length)]();
    if (i % CHECK_EVERY === 0) slab.assertValid();
  }
  slab.assertValid();
  expect(new Set(held.map(({ addr }) => addr)).size).toBe(held.length);
  for (const item of held) {
    check(item);
    item.cache.free(item.addr);
  }
  for (const cache of caches) expect(cache.destroy()).toBe(true);
  for (const callback of waiting.splice(0)) callback();
  pages.drainAllPages();
  expect(pages.nrFreePages).toBe(pages.managedPages);
  expect(reports).toEqual([]);
});
