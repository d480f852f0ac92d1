import { expect, test } from 'vitest';
import { SCHEDULE, type Sleepable } from '@kmem/contracts';
import { ScheduleOnce } from './schedule-once.js';

function* delegate<T>(once: Sleepable<T>, times: number): Sleepable<T[]> {
  const results: T[] = [];
  for (let n = 0; n < times; n++) results.push(yield* once);
  return results;
}

test('each delegation gives the CPU away once and has the result', () => {
  const code = delegate(new ScheduleOnce(true, 7), 2);
  expect([code.next(), code.next(), code.next()]).toEqual([
    { value: SCHEDULE, done: false },
    { value: SCHEDULE, done: false },
    { value: [7, 7], done: true },
  ]);
});

test('tasks that share it are not confused, in whatever order they come back', () => {
  const once = new ScheduleOnce(true, 1);
  const [a, b, c] = [delegate(once, 2), delegate(once, 1), delegate(once, 1)];
  for (const code of [a, b, c]) expect(code.next().value).toBe(SCHEDULE);
  expect(c.next()).toEqual({ value: [1], done: true });
  expect(a.next().value).toBe(SCHEDULE);
  expect(b.next()).toEqual({ value: [1], done: true });
  expect(a.next()).toEqual({ value: [1, 1], done: true });
});

test('one that does not give the CPU away returns at once', () => {
  expect(delegate(new ScheduleOnce(false, 0), 1).next()).toEqual({ value: [0], done: true });
});

test('a task may be nothing else', () => {
  const once = new ScheduleOnce(true, 3).begin();
  expect([once.next(), once.next()]).toEqual([
    { value: SCHEDULE, done: false },
    { value: 3, done: true },
  ]);
});

test('code that delegates can be ended and thrown into', () => {
  const ended = delegate(new ScheduleOnce(true, 1), 1);
  ended.next();
  expect(ended.return([])).toEqual({ value: 1, done: true });
  const thrown = delegate(new ScheduleOnce(true, 1), 1);
  thrown.next();
  expect(() => thrown.throw(new Error('stop'))).toThrow('stop');
});
