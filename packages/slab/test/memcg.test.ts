/** Groups whose kernel memory is counted and limited (slab spec 15). */
import { BuddyAllocator } from '@kmem/buddy';
import { Random, slabAllocatorSuite } from '@kmem/conformance';
import { __GFP_ACCOUNT, __GFP_NOFAIL, GFP_ATOMIC, GFP_KERNEL, NULL, SLAB_ACCOUNT, type SlabAllocator } from '@kmem/contracts';
import { createFrameTable, createMemory } from '@kmem/hw';
import { describe, expect, test } from 'vitest';
import { accountedSlabs, createKmalloc, createMemoryGroups, slub } from '../src/index.js';
import type { MemoryGroup, MemoryGroups } from '../src/index.js';

interface Machine {
  readonly slabs: SlabAllocator;
  readonly groups: MemoryGroups;
  readonly kmalloc: ReturnType<typeof createKmalloc>;
  /** Whom the running task belongs to. */
  readonly task: { group: MemoryGroup | null };
}

function machine(groups = createMemoryGroups()): Machine {
  const frames = createFrameTable({ nrFrames: 2048 });
  const pages = new BuddyAllocator({ frames });
  const task: Machine['task'] = { group: null };
  const slabs = accountedSlabs(slub({ pages, frames }), { groups, current: () => task.group });
  return { slabs, groups, task, kmalloc: createKmalloc({ slabs, pages, frames }) };
}

slabAllocatorSuite(test, {
  name: 'accounted slub',
  create: () => {
    const frames = createFrameTable({ nrFrames: 2048 });
    const memory = createMemory({ sizeBytes: 2048 * 4096, backing: 'dense' });
    const pages = new BuddyAllocator({ frames, memory });
    const groups = createMemoryGroups();
    const group = groups.create('all');
    const slab = accountedSlabs(slub({ pages, frames, memory }), { groups, current: () => group });
    return { slab, memory, usedPages: () => pages.managedPages - pages.nrFreePages - pages.nrPcpPages };
  },
});

describe('charging', () => {
  test('pages are charged 64 at a time where the limit allows, to the group and all above it', () => {
    const groups = createMemoryGroups();
    const above = groups.create('above', 100);
    const below = groups.create('below', Infinity, above);
    expect(groups.chargePages(below, 1, GFP_KERNEL)).toBe(true);
    expect([below.usagePages, above.usagePages, groups.root.usagePages]).toEqual([64, 64, 64]);
    expect(groups.chargePages(below, 63, GFP_KERNEL)).toBe(true);
    expect(below.usagePages).toBe(64);
    expect(groups.chargePages(below, 36, GFP_KERNEL)).toBe(true);
    expect(above.usagePages).toBe(100);
    expect(groups.chargePages(below, 1, GFP_KERNEL)).toBe(false);
    expect([below.failures, above.failures]).toEqual([0, 1]);
    groups.unchargePages(below, 100);
    groups.drain();
    expect([below.usagePages, above.usagePages, groups.root.usagePages]).toEqual([0, 0, 0]);
  });

  test('what stocks hold is given back before a request fails', () => {
    const groups = createMemoryGroups();
    const above = groups.create('above', 64);
    const [a, b] = [groups.create('a', Infinity, above), groups.create('b', Infinity, above)];
    groups.chargePages(a, 1, GFP_KERNEL);
    expect(above.usagePages).toBe(64);
    expect(groups.chargePages(b, 63, GFP_ATOMIC)).toBe(true);
    expect([a.usagePages, b.usagePages]).toEqual([1, 63]);
  });

  test('bytes come out of the stock of the CPU; what is left of a page stays there', () => {
    const groups = createMemoryGroups();
    const group = groups.create('g', 1);
    expect(groups.chargeBytes(group, 1000, GFP_KERNEL)).toBe(true);
    expect(groups.chargeBytes(group, 3000, GFP_KERNEL)).toBe(true);
    expect(groups.chargeBytes(group, 96, GFP_KERNEL)).toBe(true);
    expect(groups.chargeBytes(group, 1, GFP_KERNEL)).toBe(false);
    groups.unchargeBytes(group, 4096);
    groups.drain();
    expect(group.usagePages).toBe(0);
  });

  test('a group is reclaimed from, by those that may', () => {
    let left = 3;
    const groups = createMemoryGroups({
      reclaim: (group, pages) => {
        left--;
        groups.unchargePages(group, pages);
        groups.drain();
        return left >= 0;
      },
    });
    const group = groups.create('g', 10);
    groups.chargePages(group, 10, GFP_KERNEL);
    expect(groups.chargePages(group, 1, GFP_ATOMIC)).toBe(false);
    expect(groups.chargePages(group, 1, GFP_KERNEL)).toBe(true);
    expect([left, group.usagePages]).toEqual([2, 10]);
  });

  test('a request that must not fail goes over the limit', () => {
    const groups = createMemoryGroups();
    const group = groups.create('g', 1);
    expect(groups.chargePages(group, 5, GFP_KERNEL | __GFP_NOFAIL)).toBe(true);
    expect(group.usagePages).toBe(5);
  });

  test('a limit may be set below what is used', () => {
    const groups = createMemoryGroups();
    const group = groups.create('g', 100);
    groups.chargePages(group, 64, GFP_KERNEL);
    groups.setLimit(group, 10);
    expect(groups.chargePages(group, 1, GFP_KERNEL)).toBe(false);
    expect(() => { groups.setLimit(group, -1); }).toThrow('limitPages: expected an integer');
    expect(() => groups.chargePages({ ...group }, 1, GFP_KERNEL)).toThrow(TypeError);
  });

  test('random charges on three CPUs add up', () => {
    const nobody = { inInterrupt: false, inSoftirq: false, taskFlags: 0, realtime: false, oomVictim: false };
    const cpus = { nrCpus: 3, cpu: 0, ...nobody };
    const groups = createMemoryGroups({ cpus });
    const above = groups.create('above', 400);
    const all = [groups.create('a', 150, above), groups.create('b', 300, above), groups.create('c', 20)];
    const random = new Random(3);
    const held: { group: MemoryGroup; bytes: number }[] = [];
    let failed = 0;
    for (let i = 0; i < 20_000; i++) {
      cpus.cpu = random.below(3);
      const group = all[random.below(3)];
      const bytes = 1 + random.below(20_000);
      if (random.below(2) === 0) {
        if (groups.chargeBytes(group, bytes, GFP_ATOMIC)) held.push({ group, bytes });
        else failed++;
      } else if (held.length > 0) {
        const [{ bytes: back, group: of }] = held.splice(random.below(held.length), 1);
        groups.unchargeBytes(of, back);
      }
      if ([above, ...all].some(({ limitPages, usagePages }) => usagePages > limitPages)) throw new Error(`call ${String(i)}: over the limit`);
    }
    expect(failed).toBeGreaterThan(50);
    for (const each of all) {
      groups.drain();
      const bytes = held.filter(({ group }) => group === each).reduce((sum, item) => sum + item.bytes, 0);
      expect(each.usagePages).toBe(Math.ceil(bytes / 4096));
    }
    for (const { bytes, group } of held) groups.unchargeBytes(group, bytes);
    groups.drain();
    expect([above, ...all].map(({ usagePages }) => usagePages)).toEqual([0, 0, 0, 0]);
  });
});

describe('objects', () => {
  test('an accounted request costs its stride and 8 bytes, and fails at the limit', () => {
    const { groups, kmalloc, task } = machine();
    task.group = groups.create('g', 1);
    // 4096 / (64 + 8) is 56.
    const got = Array.from({ length: 57 }, () => kmalloc.kmalloc(50, GFP_KERNEL | __GFP_ACCOUNT));
    expect(got.filter((addr) => addr !== NULL)).toHaveLength(56);
    expect(kmalloc.kmalloc(50, GFP_KERNEL)).not.toBe(NULL);
    kmalloc.kfree(got[0]);
    expect(kmalloc.kmalloc(50, GFP_KERNEL | __GFP_ACCOUNT)).not.toBe(NULL);
  });

  test('a cache with SLAB_ACCOUNT is charged whatever the request says; nobody is without a group', () => {
    const { groups, slabs, task } = machine();
    const cache = slabs.createCache({ name: 'inodes', sizeBytes: 1000, flags: SLAB_ACCOUNT });
    const group = groups.create('g', 1);
    expect(cache?.alloc(GFP_KERNEL)).not.toBe(NULL);
    expect(group.usagePages).toBe(0);
    task.group = group;
    expect([0, 1, 2, 3, 4].map(() => cache?.alloc(GFP_KERNEL) !== NULL)).toEqual([true, true, true, true, false]);
    task.group = groups.root;
    expect(cache?.alloc(GFP_KERNEL)).not.toBe(NULL);
  });

  test('whoever frees, the group that was charged gets it back', () => {
    const { groups, kmalloc, task } = machine();
    const [a, b] = [groups.create('a'), groups.create('b')];
    task.group = a;
    const addr = kmalloc.kmalloc(4000, GFP_KERNEL | __GFP_ACCOUNT);
    task.group = b;
    kmalloc.kfree(addr);
    groups.drain();
    expect([a.usagePages, b.usagePages]).toEqual([0, 0]);
  });

  test('several objects are charged together, or none', () => {
    const { groups, slabs, task } = machine();
    const cache = slabs.createCache({ name: 'c', sizeBytes: 504, flags: SLAB_ACCOUNT });
    task.group = groups.create('g', 1);
    const objects = new Float64Array(9);
    expect(cache?.allocBulk(GFP_KERNEL, 9, objects)).toBe(0);
    expect(cache?.allocBulk(GFP_KERNEL, 8, objects)).toBe(8);
    expect(cache?.alloc(GFP_KERNEL)).toBe(NULL);
    cache?.freeBulk(8, objects);
    groups.drain();
    expect(task.group.usagePages).toBe(0);
  });

  test('an object that is refused stays charged', () => {
    const { groups, slabs, task } = machine();
    const cache = slabs.createCache({ name: 'c', sizeBytes: 64, flags: SLAB_ACCOUNT });
    const other = slabs.createCache({ name: 'd', sizeBytes: 200 });
    task.group = groups.create('g');
    const addr = cache?.alloc(GFP_KERNEL) ?? NULL;
    expect(() => other?.free(addr)).toThrow();
    groups.drain();
    expect(task.group.usagePages).toBe(1);
    slabs.free(addr);
    groups.drain();
    expect(task.group.usagePages).toBe(0);
  });
});
