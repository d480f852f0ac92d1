import { expect, test } from 'vitest';
import { TimerRecords } from './timer-records.js';

test('a number that was given back is given out again after all others, also across growth', () => {
  const records = new TimerRecords({ capacity: 4 });
  const timers = Array.from({ length: 4 }, () => records.create());
  expect(timers).toEqual([1, 2, 3, 4]);
  records.destroy(4);
  records.destroy(2);
  expect([records.create(), records.create(), records.create()]).toEqual([4, 2, 5]);
  records.destroy(1);
  // Numbers that were never used come first.
  expect([records.create(), records.create()]).toEqual([6, 1]);
  expect(Array.from({ length: 40 }, () => records.create())).toEqual(Array.from({ length: 40 }, (_, i) => 7 + i));
});
