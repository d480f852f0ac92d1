import { afterEach, describe, expect, test, vi } from 'vitest';
import { createSharedWaitQueue, SharedWaitQueue } from '@kmem/waitq/host';
import { thread } from './threads.js';

afterEach(() => void vi.useRealTimers());

/** Waits, without a wake-up, until threads wait. */
async function nrWaiting(wq: SharedWaitQueue, nr: number): Promise<void> {
  while (wq.nrWaiting < nr) await new Promise((resolve) => void setTimeout(resolve, 1));
}

describe('between threads', () => {
  test('a thread sleeps until the condition holds', async () => {
    const wq = createSharedWaitQueue();
    const flag = new Int32Array(new SharedArrayBuffer(4));
    const sleeper = thread<boolean>('return new host.SharedWaitQueue(data.queue).waitEvent(() => Atomics.load(data.flag, 0) === 1);', { queue: wq.buffer, flag });
    await nrWaiting(wq, 1);
    wq.wakeUp();
    Atomics.store(flag, 0, 1);
    // The first wake-up was for nothing, or came so late that it was for this.
    wq.wakeUp();
    expect(await sleeper).toBe(true);
    expect(wq.nrWaiting).toBe(0);
  });

  test('of exclusive waiters one is woken for each wake-up, in their order', async () => {
    const wq = createSharedWaitQueue();
    const words = new Int32Array(new SharedArrayBuffer(8));
    const code = `const wq = new host.SharedWaitQueue(data.queue);
      wq.waitEvent(() => Atomics.load(data.words, 0) > 0 && Atomics.sub(data.words, 0, 1) > 0, { exclusive: true });
      return Atomics.add(data.words, 1, 1);`;
    const sleepers: Promise<number>[] = [];
    for (let i = 0; i < 3; i++) {
      sleepers.push(thread(code, { queue: wq.buffer, words }));
      await nrWaiting(wq, i + 1);
    }
    // They count as waiting before they are asleep.
    await new Promise((resolve) => void setTimeout(resolve, 50));
    for (let i = 0; i < 3; i++) {
      Atomics.add(words, 0, 1);
      expect(wq.wakeUp()).toBe(1);
      expect(await sleepers[i]).toBe(i);
      expect(wq.nrWaiting).toBe(2 - i);
    }
  });

  test('3000 items for four threads that wait by turns, exclusively and not: none is lost, none taken twice', async () => {
    const wq = createSharedWaitQueue();
    // Items, whether there will be more, and who took how many.
    const words = new Int32Array(new SharedArrayBuffer(4 * 6));
    const code = `const wq = new host.SharedWaitQueue(data.queue);
      const take = () => {
        for (;;) {
          const items = Atomics.load(data.words, 0);
          if (items === 0) return Atomics.load(data.words, 1) === 1;
          if (Atomics.compareExchange(data.words, 0, items, items - 1) === items) return (got = true);
        }
      };
      let got = true;
      let taken = 0;
      let exclusive = data.i % 2 === 0;
      while (got) {
        got = false;
        if (data.i === 3) await wq.waitEventAsync(take, { exclusive });
        else wq.waitEvent(take, { exclusive });
        if (got) taken++;
      }
      return taken;`;
    const takers = [0, 1, 2, 3].map((i) => thread<number>(code, { queue: wq.buffer, words, i }));
    await nrWaiting(wq, 4);
    for (let i = 0; i < 3000; i++) {
      Atomics.add(words, 0, 1);
      wq.wakeUp();
      if (i % 100 === 0) await new Promise((resolve) => void setTimeout(resolve, 1));
    }
    // Without a further wake-up they must get there.
    while (Atomics.load(words, 0) > 0) await new Promise((resolve) => void setTimeout(resolve, 1));
    Atomics.store(words, 1, 1);
    wq.wakeUpAll();
    const taken = await Promise.all(takers);
    expect(taken.reduce((a, b) => a + b)).toBe(3000);
    expect(wq.nrWaiting).toBe(0);
  }, 60_000);
});

describe('one thread', () => {
  test('the time of a wait is up', async () => {
    const wq = createSharedWaitQueue();
    const begin = performance.now();
    expect(wq.waitEvent(() => false, { timeoutMs: 20 })).toBe(false);
    expect(await wq.waitEventAsync(() => false, { timeoutMs: 20 })).toBe(false);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(40);
    expect([wq.waitEvent(() => false, { timeoutMs: 0 }), wq.waitEvent(() => true, { timeoutMs: 0 }), wq.nrWaiting]).toEqual([false, true, 0]);
  });

  test('a signal ends a wait that goes on beside the thread; a condition that holds goes before', async () => {
    const wq = createSharedWaitQueue();
    const control = new AbortController();
    const waiting = wq.waitEventAsync(() => false, { signal: control.signal });
    control.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    let looks = 0;
    expect(await wq.waitEventAsync(() => ++looks === 2, { signal: control.signal })).toBe(true);
    expect(wq.nrWaiting).toBe(0);
  });

  test('a condition that throws has left the queue', async () => {
    const wq = createSharedWaitQueue({ maxWaiters: 1 });
    let looks = 0;
    const broken = (): boolean => {
      if (++looks % 2 === 0) throw new Error('no');
      return false;
    };
    expect(() => wq.waitEvent(broken)).toThrow('no');
    await expect(wq.waitEventAsync(broken)).rejects.toThrow('no');
    expect(wq.waitEvent(() => false, { timeoutMs: 1 })).toBe(false);
  });

  test('one wait too many is refused, and the others go on', async () => {
    const wq = createSharedWaitQueue({ maxWaiters: 2 });
    let ready = false;
    const waits = [wq.waitEventAsync(() => ready), wq.waitEventAsync(() => ready, { exclusive: true })];
    expect(() => wq.waitEvent(() => ready)).toThrow(new RangeError('maxWaiters: 2 wait in this queue already'));
    ready = true;
    wq.wakeUpAll();
    expect(await Promise.all(waits)).toEqual([true, true]);
  });

  test('a wait beside the thread keeps a Node process alive until it is over', async () => {
    const nrHolding = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
    const wq = createSharedWaitQueue();
    let ready = false;
    const before = nrHolding();
    const waiting = wq.waitEventAsync(() => ready);
    expect(nrHolding()).toBe(before + 1);
    ready = true;
    wq.wakeUp();
    await waiting;
    expect(nrHolding()).toBe(before);
  });

  test.each([new SharedArrayBuffer(8), new SharedArrayBuffer(4096), new ArrayBuffer(4096)])('%o is no queue', (memory) => {
    // What callers in JavaScript can do all the same.
    expect(() => new SharedWaitQueue(memory as SharedArrayBuffer)).toThrow(new TypeError('buffer: expected memory in which createSharedWaitQueue made a queue'));
  });

  test.each([0, 65, 1.5, NaN])('%d waiters are refused', (maxWaiters) => {
    expect(() => createSharedWaitQueue({ maxWaiters })).toThrow(new RangeError(`maxWaiters: expected a whole number from 1 to 64, got ${maxWaiters}`));
  });
});
