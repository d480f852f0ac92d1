/** Calls that wait, in tasks of a booted machine: kmap for a slot, vmalloc for memory. */
import { __GFP_NOWARN, GFP_KERNEL, NULL, WOULD_BLOCK, type Sleepable } from '@kmem/contracts';
import { boot, type Kernel } from '@kmem/kernel';
import { describe, expect, test } from 'vitest';
import { Kmap } from '../src/index.js';
import { machine, rationed, type TestMachine } from './machine.js';

const PAGE = 4096;
const HIGH = 0x4_0000;

/** Makes a kernel thread that can run. */
function start({ sched }: Kernel, code: () => Sleepable<void>): void {
  const task = sched.kthreadCreate(function* () {
    yield* code();
    return 0;
  }, 'task', 0);
  sched.wakeUpProcess(task);
}

describe('kmap', () => {
  function made(): { readonly kernel: Kernel; readonly kmap: Kmap } {
    const kernel = boot();
    const { addresses, mmu, profile } = machine({ profile: 'i386-1200m' });
    const { pkmapStart = 0, fixmapEnd = 0 } = profile.regions;
    return { kernel, kmap: new Kmap({ pkmapStart, pkmapEnd: pkmapStart + 2 * PAGE, fixmapEnd, mmu, addresses, waitQueues: kernel.waitQueues }) };
  }

  test('sleeps while all slots are in use, until one of them has no user', () => {
    const { kernel, kmap } = made();
    const log: string[] = [];
    const held = [kmap.tryKmap(HIGH), kmap.tryKmap(HIGH + 1)];
    expect(kmap.tryKmap(HIGH + 2)).toBe(WOULD_BLOCK);
    start(kernel, function* () {
      const addr = yield* kmap.kmap(HIGH + 2);
      log.push(addr === held[1] ? 'has the slot that was given back' : `has ${String(addr)}`);
    });
    start(kernel, function* () {
      yield* kernel.delays.msleep(20);
      log.push('gives one back');
      kmap.kunmap(HIGH + 1);
    });
    kernel.run();
    expect(log).toEqual(['gives one back', 'has the slot that was given back']);
    expect([kmap.users(HIGH), kmap.users(HIGH + 1), kmap.users(HIGH + 2)]).toEqual([2, 0, 2]);
  });

  test('two that wait for one frame get one address', () => {
    const { kernel, kmap } = made();
    const got: number[] = [];
    kmap.tryKmap(HIGH);
    kmap.tryKmap(HIGH + 1);
    for (let i = 0; i < 2; i++) {
      start(kernel, function* () {
        got.push(yield* kmap.kmap(HIGH + 2));
      });
    }
    start(kernel, function* () {
      yield* kernel.delays.msleep(20);
      kmap.kunmap(HIGH);
    });
    kernel.run();
    expect([got.length, new Set(got).size, kmap.users(HIGH + 2)]).toEqual([2, 1, 3]);
  });

  test('where nobody can wait it says so', () => {
    const { addresses, mmu, profile } = machine({ profile: 'i386-1200m' });
    const { pkmapStart = 0, fixmapEnd = 0 } = profile.regions;
    const kmap = new Kmap({ pkmapStart, pkmapEnd: pkmapStart + PAGE, fixmapEnd, mmu, addresses });
    kmap.tryKmap(HIGH);
    expect(kmap.kmap(HIGH + 1).next()).toEqual({ done: true, value: WOULD_BLOCK });
  });
});

describe('vmalloc with __GFP_NOFAIL', () => {
  const ration = { singles: Infinity, blocks: Infinity, bulk: [] as number[] };

  function made(kernel: Kernel): TestMachine {
    const { sched, timers } = kernel;
    const sleep = {
      setCurrentState: (state: number) => sched.setCurrentState(state),
      scheduleTimeout: (timeout: number) => timers.scheduleTimeout(timeout),
    };
    return machine({ wrapPages: (pages) => rationed(pages, ration), vmalloc: { sleep } });
  }

  test('tries again every tick until there is memory', () => {
    const kernel = boot();
    const { vmalloc } = made(kernel);
    vmalloc.vfree(vmalloc.vmalloc(4 * PAGE));
    ration.singles = 0;
    let addr: number = NULL;
    let ticks = 0;
    start(kernel, function* () {
      const begin = kernel.timers.jiffies;
      addr = yield* vmalloc.vmallocNofail(4 * PAGE, GFP_KERNEL | __GFP_NOWARN);
      ticks = kernel.timers.jiffies - begin;
    });
    start(kernel, function* () {
      yield* kernel.delays.msleep(40);
      ration.singles = Infinity;
    });
    kernel.run();
    expect(vmalloc.findVmArea(addr)?.nrPages).toBe(4);
    expect(ticks).toBeGreaterThanOrEqual(10);
  });

  test('gives up only what can never succeed; without sleep it tries once', () => {
    const kernel = boot();
    const { pages, vmalloc } = made(kernel);
    expect(vmalloc.vmallocNofail((pages.managedPages + 1) * PAGE, GFP_KERNEL).next()).toEqual({ done: true, value: NULL });
    expect(vmalloc.vmallocNofail(0, GFP_KERNEL).next()).toEqual({ done: true, value: NULL });
    const end = -0x3700_0000_0000 + 2 * PAGE;
    const small = machine({ vmalloc: { vmallocEnd: end } });
    small.vmalloc.vmalloc(1);
    expect(small.vmalloc.vmallocNofail(PAGE, GFP_KERNEL).next()).toEqual({ done: true, value: NULL });
    expect(small.reports.at(-1)?.message).toContain('vm_struct allocation failed. Retrying.');
  });
});
