import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HostTimers } from '@kmem/time/host';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

function logging(tickMs = 1) {
  const log: [number, number][] = [];
  const timers = new HostTimers({ tickMs, expire: (value) => log.push([value, performance.now()]) });
  return { timers, log };
}

describe('on a clock of the test', () => {
  test('timers fire at their times, behind one timer of the host', () => {
    const { timers, log } = logging();
    for (const [delay, value] of [[30, 3], [10, 1], [20, 2]]) timers.add(delay, value);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60);
    expect(log).toEqual([[1, 10], [2, 20], [3, 30]]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a host that is late is caught up with', () => {
    const { timers, log } = logging();
    for (const delay of [5, 6, 7]) timers.add(delay, delay);
    vi.advanceTimersToNextTimer();
    expect(log).toEqual([[5, 5]]);
    vi.setSystemTime(0);
    vi.advanceTimersByTime(100);
    expect(log.map(([value]) => value)).toEqual([5, 6, 7]);
    expect(timers.nrPending).toBe(0);
  });

  test('a host that is early is asked again: no timer fires before its time', () => {
    const { timers, log } = logging();
    timers.add(10, 1);
    const real = performance.now.bind(performance);
    const early = vi.spyOn(performance, 'now').mockImplementation(() => real() - 0.4);
    vi.advanceTimersByTime(10);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(log).toHaveLength(1);
    early.mockRestore();
  });

  test('cancelled and modified timers fire never and later', () => {
    const { timers, log } = logging(4);
    const never = timers.add(10, 1);
    const later = timers.add(10, 2);
    expect([timers.cancel(never), timers.cancel(never), timers.modify(never, 5), timers.modify(later, 41)]).toEqual([true, false, false, true]);
    vi.advanceTimersByTime(100);
    expect(log).toEqual([[2, 44]]);
  });

  test('an earlier timer arms the host anew, a later one does not', () => {
    const armed = vi.spyOn(globalThis, 'setTimeout');
    const { timers } = logging();
    timers.add(30, 1);
    timers.add(40, 1);
    timers.add(20, 1);
    expect(armed.mock.calls.map(([, delay]) => delay)).toEqual([30, 20]);
    armed.mockRestore();
  });

  test('what a function throws comes out of the host, and the others fire', () => {
    const fired: number[] = [];
    const timers = new HostTimers({
      expire: (value) => {
        fired.push(value);
        if (value === 1) throw new Error('no');
      },
    });
    for (const value of [0, 1, 2]) timers.add(5, value);
    expect(() => vi.advanceTimersByTime(5)).toThrow('no');
    vi.advanceTimersByTime(5);
    expect(fired).toEqual([2, 1, 0]);
  });

  test('a delay longer than timers of hosts keep is kept', () => {
    const { timers, log } = logging(1000);
    timers.add(40 * 86_400_000, 1);
    vi.advanceTimersByTime(40 * 86_400_000 - 1);
    expect(log).toEqual([]);
    vi.advanceTimersByTime(6 * 86_400_000);
    expect(log).toHaveLength(1);
  });

  test.each([NaN, Infinity])('a delay of %d is refused', (delay) => {
    expect(() => logging().timers.add(delay, 1)).toThrow(/^deadline: expected a time below/);
  });
});

describe('on the clock of the host', () => {
  const nrHolding = (): number => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
  beforeEach(() => void vi.useRealTimers());

  test('pending timers keep the process alive, and nothing does when the last one was cancelled', () => {
    const before = nrHolding();
    const timers = new HostTimers({ expire: () => undefined });
    const a = timers.add(60_000, 1);
    const b = timers.add(61_000, 1);
    timers.cancel(a);
    expect(nrHolding()).toBe(before + 1);
    timers.cancel(b);
    expect(nrHolding()).toBe(before);
    const c = timers.add(90_000, 1);
    expect(nrHolding()).toBe(before + 1);
    timers.cancel(c);
    expect(nrHolding()).toBe(before);
  });
});
