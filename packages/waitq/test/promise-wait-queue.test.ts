import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PromiseWaitQueue } from '@kmem/waitq/host';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Lets everything go on that can. */
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** A queue whose waiters write down how they ended. */
function logged() {
  const wq = new PromiseWaitQueue();
  const log: string[] = [];
  const wait = (name: string, condition: () => boolean, options?: Parameters<PromiseWaitQueue['waitEvent']>[1]): void => {
    wq.waitEvent(condition, options).then(
      (held) => log.push(`${name} ${held}`),
      (reason: unknown) => log.push(`${name} rejected: ${String(reason)}`),
    );
  };
  return { wq, log, wait };
}

describe('the order', () => {
  test('those who are not exclusive are woken last in, first out; behind them the exclusive ones in their order', async () => {
    const { wq, log, wait } = logged();
    let ready = false;
    for (const name of ['a', 'b']) wait(name, () => ready);
    for (const name of ['X', 'Y']) wait(name, () => ready, { exclusive: true });
    wait('c', () => ready);
    await settle();
    ready = true;
    expect(wq.wakeUp()).toBe(1);
    await settle();
    expect(log).toEqual(['c true', 'b true', 'a true', 'X true']);
    expect([wq.wakeUpNr(5), wq.nrWaiting]).toEqual([1, 1]);
    await settle();
    expect([log.at(-1), wq.nrWaiting]).toEqual(['Y true', 0]);
  });

  test('an exclusive waiter whose condition does not hold goes back to the end', async () => {
    const { wq, log, wait } = logged();
    const items: string[] = [];
    for (const name of ['X', 'Y']) wait(name, () => items[0] === name && items.shift() !== undefined, { exclusive: true });
    await settle();
    items.push('Y');
    wq.wakeUp();
    await settle();
    expect(log).toEqual([]);
    wq.wakeUp();
    await settle();
    expect([log, wq.nrWaiting]).toEqual([['Y true'], 1]);
  });

  test('more than 64 wait and all are woken', async () => {
    const { wq, log, wait } = logged();
    let ready = false;
    for (let i = 0; i < 200; i++) wait(String(i), () => ready);
    await settle();
    ready = true;
    wq.wakeUpAll();
    await settle();
    expect([log.length, wq.nrWaiting]).toEqual([200, 0]);
  });

  test('waking nobody wakes nobody', () => {
    const wq = new PromiseWaitQueue();
    expect([wq.wakeUp(), wq.wakeUpNr(3), wq.nrWaiting]).toEqual([0, 0, 0]);
  });
});

describe('the condition', () => {
  test('is evaluated at once, and nobody queues when it holds', async () => {
    const wq = new PromiseWaitQueue();
    const waiting = wq.waitEvent(() => true);
    expect(wq.nrWaiting).toBe(0);
    expect(await waiting).toBe(true);
  });

  test('that comes true while it is evaluated for a second time is not missed', async () => {
    const wq = new PromiseWaitQueue();
    let looks = 0;
    const waiting = wq.waitEvent(() => {
      // A wake-up between the look and the sleep: to a sleeper that is not asleep yet.
      if (++looks === 2) wq.wakeUp();
      return looks > 2;
    });
    expect(await waiting).toBe(true);
    expect(looks).toBe(3);
  });

  test('that throws rejects the promise, and the waiter has left', async () => {
    const { wq, log, wait } = logged();
    let broken = false;
    wait('a', () => {
      if (broken) throw new Error('no');
      return false;
    });
    wait('b', () => broken, { exclusive: true });
    await settle();
    broken = true;
    wq.wakeUp();
    await settle();
    expect([log, wq.nrWaiting]).toEqual([['a rejected: Error: no', 'b true'], 0]);
    await expect(wq.waitEvent(() => { throw new Error('at once'); })).rejects.toThrow('at once');
  });
});

describe('a timeout', () => {
  test.each([
    // What wait_event_timeout tells by 0 and more than 0. (waitq spec 4.3)
    ['condition false, timeout 2', 2, () => false, 2, false],
    ['condition true at entry, timeout 0', 0, () => true, 0, true],
    ['condition true at entry, timeout 7', 7, () => true, 0, true],
    ['false, timeout 0', 0, () => false, 0, false],
  ])('%s', async (_name, timeoutMs, condition, elapsed, held) => {
    const { log, wait, wq } = logged();
    wait('a', condition, { timeoutMs });
    await settle();
    if (elapsed > 0) expect([log, wq.nrWaiting]).toEqual([[], 1]);
    vi.advanceTimersByTime(elapsed);
    await settle();
    expect([log, wq.nrWaiting, vi.getTimerCount()]).toEqual([[`a ${held}`], 0, 0]);
  });

  test('a condition that holds when the time is up, though nobody woke the waiter, holds', async () => {
    const { log, wait } = logged();
    let ready = false;
    wait('a', () => ready, { timeoutMs: 5 });
    await settle();
    ready = true;
    vi.advanceTimersByTime(5);
    await settle();
    expect(log).toEqual(['a true']);
  });

  test('wake-ups for nothing do not prolong it', async () => {
    const { log, wait, wq } = logged();
    wait('a', () => false, { timeoutMs: 50 });
    for (let i = 0; i < 5; i++) {
      await settle();
      vi.advanceTimersByTime(10);
      wq.wakeUp();
    }
    await settle();
    expect(log).toEqual(['a false']);
  });

  test.each([-1, NaN, 2 ** 31, Infinity])('of %d is refused', async (timeoutMs) => {
    await expect(new PromiseWaitQueue().waitEvent(() => false, { timeoutMs })).rejects.toThrow(
      new RangeError(`timeoutMs: expected 0 to 2147483647, got ${timeoutMs}`),
    );
  });
});

describe('a signal', () => {
  test('ends the wait with its reason', async () => {
    const { log, wait, wq } = logged();
    const control = new AbortController();
    wait('a', () => false, { signal: control.signal, timeoutMs: 1000 });
    await settle();
    control.abort(new Error('changed my mind'));
    await settle();
    expect([log, wq.nrWaiting, vi.getTimerCount()]).toEqual([['a rejected: Error: changed my mind'], 0, 0]);
  });

  test('that is aborted already ends the wait, unless the condition holds', async () => {
    const { log, wait, wq } = logged();
    const signal = AbortSignal.abort('no');
    wait('a', () => false, { signal });
    wait('b', () => true, { signal });
    let looks = 0;
    wait('c', () => ++looks === 2, { signal });
    await settle();
    expect([log.sort(), wq.nrWaiting]).toEqual([['a rejected: no', 'b true', 'c true'], 0]);
  });

  test('takes an exclusive waiter out: a wake-up goes to the next one', async () => {
    const { log, wait, wq } = logged();
    const control = new AbortController();
    let items = 0;
    const take = (): boolean => items > 0 && items-- > 0;
    wait('X', take, { exclusive: true, signal: control.signal });
    wait('Y', take, { exclusive: true });
    await settle();
    control.abort('gone');
    await settle();
    items = 1;
    wq.wakeUp();
    await settle();
    expect(log).toEqual(['X rejected: gone', 'Y true']);
  });

  test('is not listened to any more when the wait is over', async () => {
    const control = new AbortController();
    const removed = vi.spyOn(control.signal, 'removeEventListener');
    const added = vi.spyOn(control.signal, 'addEventListener');
    const wq = new PromiseWaitQueue();
    let ready = false;
    const waiting = wq.waitEvent(() => ready, { signal: control.signal });
    ready = true;
    wq.wakeUp();
    await waiting;
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
  });
});

const step = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), exclusive: fc.boolean(), timeoutMs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }) }),
  fc.record({ kind: fc.constant('put' as const), nr: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('abort' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 10 }) }),
);

test('random waits, items, aborts and times: nobody sleeps beside an item, and each item is taken once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const wq = new PromiseWaitQueue();
      let items = 0;
      let put = 0;
      const ends = { taken: 0, timedOut: 0, aborted: 0 };
      const controls: AbortController[] = [];
      let nrWaits = 0;
      for (const s of steps) {
        if (s.kind === 'wait') {
          nrWaits++;
          const control = new AbortController();
          controls.push(control);
          const { exclusive, timeoutMs } = s;
          const options = { exclusive, signal: control.signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
          wq.waitEvent(() => items > 0 && items-- > 0, options).then(
            (held) => { ends[held ? 'taken' : 'timedOut']++; },
            () => { ends.aborted++; },
          );
        } else if (s.kind === 'put') {
          items += s.nr;
          put += s.nr;
          wq.wakeUpNr(s.nr);
        } else if (s.kind === 'abort') controls[s.which % controls.length]?.abort();
        else vi.advanceTimersByTime(s.ms);
        await settle();
        expect(ends.taken + items).toBe(put);
        expect(wq.nrWaiting).toBe(nrWaits - ends.taken - ends.timedOut - ends.aborted);
        if (wq.nrWaiting > 0) expect(items).toBe(0);
      }
    }),
    { numRuns: 300 },
  );
});
