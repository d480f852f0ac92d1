import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TimerId } from '@kmem/contracts';
import { TimerWheel } from '@kmem/time';

/** xorshift32: the same stream in every run. */
function random(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** How late a timer may be at most, in ticks, by the distance at which it was added. (time spec 4.1) */
function bound(distance: number): number {
  let granularity = 1;
  while (granularity < 8 ** 8 && distance >= 63 * granularity) granularity *= 8;
  return granularity;
}

const ignore = (): void => undefined;

describe('when timers fire', () => {
  // What timer-wheel 1.0.0 of npm loses: of 10,000 such timers 377, 383, 1649, 6553, 383 and 9404 fire there.
  test.each([1, 16, 250, 1000, 1024, 5000])('10,000 timers of 1 to 30,000 ms fire once each in steps of %i ms', (step) => {
    const next = random(99);
    const wheel = new TimerWheel();
    const nrFired = new Uint8Array(10_000);
    for (let i = 0; i < 10_000; i++) wheel.add(1 + (next() % 30_000), i);
    for (let now = step; now < 34_096 + step; now += step) wheel.advance(now, (value) => nrFired[value]++);
    expect(nrFired.every((n) => n === 1)).toBe(true);
    expect(wheel.nrPending).toBe(0);
  });

  test.each([1, 4, 1000])('of a million random timers none is early, and none later than its level allows, with ticks of %i ms', (tickMs) => {
    const next = random(7);
    const wheel = new TimerWheel({ tickMs });
    const deadline = new Float64Array(1_000_000);
    const latest = new Float64Array(1_000_000);
    let now = 0;
    let before = 0;
    let wrong = 0;
    const expire = (value: number): void => {
      // Due in this step, but not in an earlier one already.
      if (deadline[value] > now || latest[value] <= before) wrong++;
    };
    let nrFired = 0;
    for (let i = 0; i < 1_000_000; i++) {
      const distance = next() % 2 ** (1 + (next() % 25)) + (next() % 4) / 4;
      deadline[i] = now + distance;
      // Counted from the tick that the wheel knows.
      latest[i] = deadline[i] + tickMs * bound(distance / tickMs + 1) + tickMs;
      wheel.add(deadline[i], i);
      if (next() % 50 !== 0) continue;
      before = now;
      now += next() % 2000;
      nrFired += wheel.advance(now, expire);
    }
    before = now;
    now += 2 ** 27;
    nrFired += wheel.advance(now, expire);
    expect({ nrFired, wrong }).toEqual({ nrFired: 1_000_000, wrong: 0 });
  });

  test.each([[1, 0], [7, 0], [62, 0], [63, 0], [64, 0], [65, 7]])('up to 63 ticks ahead it fires in its tick: %i ticks ahead it is %i late', (distance, late) => {
    const wheel = new TimerWheel({ now: 1000 });
    wheel.add(1000 + distance, 1);
    const fired: number[] = [];
    for (let now = 1000; fired.length === 0; now++) wheel.advance(now, () => fired.push(now));
    expect(fired[0] - (1000 + distance)).toBe(late);
  });

  test('a deadline between two ticks is that of the later one', () => {
    const wheel = new TimerWheel({ tickMs: 10 });
    wheel.add(20.001, 1);
    expect(wheel.nextDue()).toBe(30);
    expect(wheel.advance(29.999, ignore)).toBe(0);
    expect(wheel.advance(30, ignore)).toBe(1);
  });

  test('a deadline that is past fires at the next tick', () => {
    const wheel = new TimerWheel({ now: 500 });
    wheel.add(3, 1);
    wheel.add(-3, 2);
    wheel.add(-Infinity, 3);
    expect(wheel.advance(500, ignore) + wheel.advance(501, ignore)).toBe(3);
  });

  test('a deadline further away than the buckets reach is kept', () => {
    const wheel = new TimerWheel();
    const deadline = 2 ** 36 + 12_345;
    wheel.add(deadline, 1);
    const step = 2 ** 28;
    let now = 0;
    while (wheel.nrPending > 0) wheel.advance((now += step), ignore);
    expect(now).toBeGreaterThanOrEqual(deadline);
    expect(now - step - deadline).toBeLessThan(8 ** 8);
  });

  test('time that goes back moves nothing', () => {
    const wheel = new TimerWheel({ now: 100 });
    wheel.add(110, 1);
    expect(wheel.advance(50, ignore) + wheel.advance(NaN, ignore)).toBe(0);
    expect(wheel.advance(110, ignore)).toBe(1);
  });

  test('one big step fires in the order of small ones', () => {
    const next = random(3);
    const delays = Array.from({ length: 500 }, () => 1 + (next() % 5000));
    const orders = [1, 7, 100, 6000].map((step) => {
      const wheel = new TimerWheel();
      delays.forEach((delay, i) => wheel.add(delay, i));
      const order: number[] = [];
      for (let now = step; now < 6000 + step; now += step) wheel.advance(now, (value) => order.push(value));
      return order;
    });
    expect(orders[0]).toHaveLength(500);
    for (const order of orders) expect(order).toEqual(orders[0]);
  });
});

describe('what a timer is', () => {
  test('one that fired or was cancelled is refused, also when its number is in use again', () => {
    const wheel = new TimerWheel({ capacity: 1 });
    const old = wheel.add(1, 1);
    wheel.advance(1, (_value, timer) => expect([timer === old, wheel.isPending(timer), wheel.cancel(timer)]).toEqual([true, false, false]));
    for (let i = 0; i < 255; i++) {
      const timer = wheel.add(10, 2);
      expect([wheel.isPending(old), wheel.cancel(old), wheel.modify(old, 5)]).toEqual([false, false, false]);
      expect(wheel.cancel(timer)).toBe(true);
      expect(wheel.cancel(timer)).toBe(false);
    }
  });

  test.each([0, -1, 1, 63, 64, 1000, 2 ** 22, 2 ** 30, NaN])('%d is no timer of an empty wheel', (timer) => {
    const wheel = new TimerWheel();
    expect([wheel.isPending(timer), wheel.cancel(timer), wheel.modify(timer, 1)]).toEqual([false, false, false]);
  });

  test('a timer is a small integer: an array of them stays an array of integers', () => {
    const wheel = new TimerWheel({ capacity: 3 });
    let largest = 0;
    for (let i = 0; i < 2000; i++) {
      const timer = wheel.add(1, 0);
      largest = Math.max(largest, timer);
      wheel.cancel(timer);
    }
    expect(largest).toBeLessThan(2 ** 30);
  });

  test('4194303 can be pending; the next one is 0', () => {
    const most = 2 ** 22 - 1;
    const wheel = new TimerWheel({ capacity: most });
    for (let i = 0; i < most - 1; i++) wheel.add(100, i);
    const last = wheel.add(100, -5);
    expect(last).not.toBe(0);
    expect(wheel.add(100, 0)).toBe(0);
    wheel.cancel(last);
    expect(wheel.add(100, 0)).not.toBe(0);
    expect(wheel.sizeBytes / most).toBeLessThan(26);
  });

  test('however many there are, room for them takes at most 40 bytes a timer, once there are 64', () => {
    const wheel = new TimerWheel();
    for (let n = 1; n < 100_000; n++) {
      wheel.add(n, n);
      if (n >= 64 && wheel.sizeBytes > 40 * n + 3000) expect.fail(`${wheel.sizeBytes} bytes for ${n} timers`);
    }
  });
});

describe('inside a callback', () => {
  test('a timer that is due as well can be cancelled and put off', () => {
    const wheel = new TimerWheel();
    const timers: TimerId[] = [];
    const fired: number[] = [];
    for (let i = 0; i < 3; i++) timers.push(wheel.add(5, i));
    wheel.advance(5, (value) => {
      fired.push(value);
      wheel.cancel(timers[1]);
      wheel.modify(timers[0], 8);
    });
    expect(fired).toEqual([2]);
    expect(wheel.nextDue()).toBe(8);
    expect(wheel.advance(8, (value) => fired.push(value))).toBe(1);
    expect(fired).toEqual([2, 0]);
  });

  test('a timer added again runs in its period; many added make room', () => {
    const wheel = new TimerWheel({ capacity: 1 });
    const at: number[] = [];
    let now = 0;
    const tick = (): void => {
      at.push(now);
      wheel.add(now + 10, 0);
      for (let i = 0; i < 100; i++) wheel.add(1_000_000, i);
    };
    wheel.add(10, 0);
    for (; now <= 50; now++) wheel.advance(now, tick);
    expect(at).toEqual([10, 20, 30, 40, 50]);
    expect(wheel.nrPending).toBe(501);
  });

  test('one that throws has fired; the others fire at the next call', () => {
    const wheel = new TimerWheel();
    const fired: number[] = [];
    for (let i = 0; i < 3; i++) wheel.add(5, i);
    const expire = (value: number): void => {
      fired.push(value);
      if (value === 1) throw new Error('no');
    };
    expect(() => wheel.advance(5, expire)).toThrow('no');
    expect(wheel.nextDue()).toBe(5);
    expect([wheel.advance(5, expire), fired, wheel.nrPending]).toEqual([1, [2, 1, 0], 0]);
  });
});

test.each([
  [{ tickMs: 0 }, 'tickMs: expected a whole number from 1 to 2147483647, got 0'],
  [{ tickMs: 1.5 }, 'tickMs: expected a whole number from 1 to 2147483647, got 1.5'],
  [{ capacity: 2 ** 22 }, 'capacity: expected a whole number from 1 to 4194303, got 4194304'],
  [{ now: -1 }, 'now: expected 0 to 9007199254740991, got -1'],
  [{ now: NaN }, 'now: expected 0 to 9007199254740991, got NaN'],
])('%j is refused', (options, message) => {
  expect(() => new TimerWheel(options)).toThrow(new RangeError(message));
});

test.each([NaN, Infinity, 2 ** 53])('a deadline of %d is refused, and nothing changes', (deadline) => {
  const wheel = new TimerWheel();
  const timer = wheel.add(5, 1);
  expect(() => wheel.add(deadline, 1)).toThrow(new RangeError(`deadline: expected a time below 9007199254740991, got ${deadline}`));
  expect(() => wheel.modify(timer, deadline)).toThrow(RangeError);
  expect([wheel.nrPending, wheel.nextDue()]).toEqual([1, 5]);
});

const command = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), delay: fc.integer({ min: -5, max: 40_000 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('modify' as const), which: fc.nat(), delay: fc.integer({ min: -5, max: 2000 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance' as const), step: fc.nat({ max: 6000 }) }) },
);

test('random calls: what fires was due, what is pending is not overdue, and nothing else is known of', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.array(command, { maxLength: 200 }), (tickMs, commands) => {
      const wheel = new TimerWheel({ tickMs, capacity: 2 });
      /** Timers that are pending, by value, and every timer there was. */
      const pending = new Map<number, { timer: TimerId; deadline: number; latest: number }>();
      const all: { timer: TimerId; value: number }[] = [];
      let now = 0;
      const due = (delay: number): { deadline: number; latest: number } => {
        const deadline = now + delay;
        return { deadline, latest: Math.max(now, deadline) + tickMs * (bound(Math.ceil(delay / tickMs) + 1) + 1) };
      };
      for (const c of commands) {
        if (c.kind === 'add') {
          const value = all.length;
          const { deadline, latest } = due(c.delay);
          const timer = wheel.add(deadline, value);
          pending.set(value, { timer, deadline, latest });
          all.push({ timer, value });
        } else if (c.kind === 'advance') {
          now += c.step;
          wheel.advance(now, (value, timer) => {
            const found = pending.get(value);
            expect(found?.timer).toBe(timer);
            expect(found?.deadline).toBeLessThanOrEqual(now);
            pending.delete(value);
          });
          for (const { latest } of pending.values()) expect(latest).toBeGreaterThan(now);
        } else if (all.length > 0) {
          const { timer, value } = all[c.which % all.length];
          const isPending = pending.has(value);
          if (c.kind === 'cancel') {
            expect(wheel.cancel(timer)).toBe(isPending);
            pending.delete(value);
          } else {
            expect(wheel.modify(timer, now + c.delay)).toBe(isPending);
            if (isPending) pending.set(value, { timer, ...due(c.delay) });
          }
        }
        expect(wheel.nrPending).toBe(pending.size);
        const first = Math.min(...[...pending.values()].map(({ latest }) => latest));
        expect(wheel.nextDue()).toBeLessThanOrEqual(first);
      }
    }),
    { numRuns: 300 },
  );
});
